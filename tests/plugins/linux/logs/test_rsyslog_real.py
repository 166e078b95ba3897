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
from audit_linux.logs.routes import SAMPLES, Route
from audit_linux.logs.rsyslog import parse_rsyslog
from recorded import rsyslog as real
from recorded.arrivals import unsure_cases
from recorded.rsyslog_cases import CASES

RECORDED = json.loads(real.ARRIVED.read_text())
# What only the real program can know: an expression, a name, a template, what a variable holds.
OPEN = {
    "text over words", "text of a name", "regular expression", "functions",
    "by name of host", "variables", "an empty block", "an error before all", "stop after a block",
    "an error in a drop-in", "backquotes", "byte order mark before a rule",
    "byte order mark before a statement", "byte order mark before a comment",
    "one record an hour, old form", "every tenth record, every record",
    "a ruleset of one letter", "a queue that discards",
}  # fmt: skip


def _routes(files: dict[str, str], make: Callable[..., Answer]) -> dict[str, Route]:
    # only what the request names is read
    read = {p: t for p, t in files.items() if p.endswith(".conf")}
    found = parse_rsyslog(make(read))
    assert not isinstance(found, Absent)
    pairs = zip(SAMPLES, found.routes, strict=True)
    return {real.label(s): route for s, route in pairs if s in real.SENT}


def test_records_go_where_rsyslogd_puts_them(
    subtests: Any, files: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "OTHER_NAMES", {})  # the records were sent under one name
    assert {name: case["files"] for name, case in RECORDED["cases"].items()} == CASES
    unsure = unsure_cases(subtests, RECORDED["cases"], lambda given: _routes(given, files))
    assert unsure == OPEN


SAMPLE = ("as Debian ships it", "and, or from left to right", "drop-ins, by order",
          "forward in a ruleset", "an error of syntax")  # fmt: skip


@pytest.mark.skipif(real.PROGRAM is None, reason="no rsyslogd")
def test_the_recorded_outcome_is_that_of_the_program_here() -> None:
    for name in SAMPLE:
        assert real.arrived(CASES[name]) == RECORDED["cases"][name]["arrived"], name
