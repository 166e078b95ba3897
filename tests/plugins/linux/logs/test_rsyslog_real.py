"""What the rules of rsyslog do with records, compared with the real rsyslogd.

`rsyslog_arrived.json` says where records arrived; `recorded/rsyslog.py` writes it. A few cases are
run again where rsyslogd is installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.model import Absent, Answer
from audit_linux.logs import routes as samples
from audit_linux.logs.routes import LOGINS, SAMPLES, Fate, Route
from audit_linux.logs.rsyslog import parse_rsyslog
from recorded import rsyslog as real
from recorded.rsyslog_cases import CASES

RECORDED = json.loads(real.ARRIVED.read_text())
# What only the real program can know: an expression, a name, a template, what a variable holds.
OPEN = {
    "text over words", "text of a name", "regular expression", "functions",
    "by name of host", "variables", "an empty block", "an error before all", "stop after a block",
    "an error in a drop-in",
}  # fmt: skip


def _routes(files: dict[str, str], make: Callable[..., Answer]) -> dict[str, Route]:
    # only what the request names is read
    read = {p: t for p, t in files.items() if p.endswith(".conf")}
    found = parse_rsyslog(make(read))
    assert not isinstance(found, Absent)
    pairs = zip(SAMPLES, found.routes, strict=True)
    return {real.label(s): route for s, route in pairs if s in real.SENT}


def _agree(route: Route, places: list[str]) -> None:
    if any(place.startswith("?") for place in route.kept):  # a template names the file
        assert places
        return
    certain = {*route.kept, *route.sent}
    assert certain <= set(places)
    if not route.doubts:
        assert set(places) <= certain | set(route.perhaps)
    if route.fate is Fate.DISCARDED:
        assert not places


def test_records_go_where_rsyslogd_puts_them(
    subtests: Any, files: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "OTHER_NAMES", {})  # the records were sent under one name
    assert {name: case["files"] for name, case in RECORDED["cases"].items()} == CASES
    unsure = set()
    for name, case in RECORDED["cases"].items():
        routes = _routes(case["files"], files)
        with subtests.test(name):
            assert routes.keys() == case["arrived"].keys()
            for label, route in routes.items():
                _agree(route, case["arrived"][label])
                if route.fate is Fate.UNKNOWN and route.facility in LOGINS:
                    unsure.add(name)
    assert unsure == OPEN


SAMPLE = ("as Debian ships it", "and, or from left to right", "drop-ins, by order",
          "forward in a ruleset", "an error of syntax")  # fmt: skip


@pytest.mark.skipif(real.PROGRAM is None, reason="no rsyslogd")
def test_the_recorded_outcome_is_that_of_the_program_here() -> None:
    for name in SAMPLE:
        assert real.arrived(CASES[name]) == RECORDED["cases"][name]["arrived"], name
