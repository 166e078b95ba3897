"""What the log paths of syslog-ng do with records, compared with the real syslog-ng.

`syslog_ng_arrived.json` says where records arrived; `recorded/syslog_ng.py` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.model import Absent, Answer
from audit_linux.logs import routes as samples
from audit_linux.logs.routes import LOGINS, SAMPLES, Fate, Route
from audit_linux.logs.syslog_ng import parse_syslog_ng
from recorded import syslog_ng as real
from recorded.rsyslog import SENT, label

RECORDED = json.loads(real.ARRIVED.read_text())
# What hangs on a name, on a host, or on a part that is not read; one of them cannot start.
OPEN = {"message of a name", "host", "rewrite", "names with minus and underscore"}


def _routes(given: dict[str, str], make: Callable[..., Answer]) -> dict[str, Route]:
    found = parse_syslog_ng(make(given))
    assert not isinstance(found, Absent)
    pairs = zip(SAMPLES, found.routes, strict=True)
    return {label(sample): route for sample, route in pairs if sample in SENT}


def _agree(route: Route, places: list[str]) -> None:
    if any(place.startswith("?") for place in route.kept):  # a macro names the file
        assert places
        return
    certain = {*route.kept, *route.sent}
    assert certain <= set(places)
    if not route.doubts:
        assert set(places) <= certain | set(route.perhaps)
    if route.fate is Fate.DISCARDED:
        assert not places


def test_records_go_where_syslog_ng_puts_them(
    subtests: Any, files: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "OTHER_NAMES", {})  # the records were sent under one name
    assert {name: case["files"] for name, case in RECORDED["cases"].items()} == real.CASES
    unsure = set()
    for name, case in RECORDED["cases"].items():
        with subtests.test(name):
            for sample, route in _routes(case["files"], files).items():
                _agree(route, case["arrived"][sample])
                if route.fate is Fate.UNKNOWN and sample.startswith(LOGINS):
                    unsure.add(name)
    assert unsure == OPEN
