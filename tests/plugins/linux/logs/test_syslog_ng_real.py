"""What the log paths of syslog-ng do with records, compared with the real syslog-ng.

`syslog_ng_arrived.json` says where records arrived; `recorded/syslog_ng.py` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.model import Absent, Answer, ParseError
from audit_linux.logs import routes as samples
from audit_linux.logs.routes import SAMPLES, Route
from audit_linux.logs.syslog_ng import parse_syslog_ng
from recorded import syslog_ng as real
from recorded.arrivals import unsure_cases
from recorded.rsyslog import SENT, label

RECORDED = json.loads(real.ARRIVED.read_text())
# What hangs on a name, on a host, or on a part that is not read.
OPEN = {"message of a name", "host", "rewrite", "a channel in a source"}
# With these syslog-ng does not start; an unknown driver or option is not noticed.
REFUSED = {*real.WRONG, "byte order mark", "no version", "an error in an included file",
           "names with minus and underscore"} - {
    "a semicolon too many", "an unknown flag", "an empty path",
}  # fmt: skip
UNNOTICED = {"an unknown option", "an unknown driver", "an unknown option of a driver"}


def _routes(given: dict[str, str], make: Callable[..., Answer]) -> dict[str, Route]:
    try:
        found = parse_syslog_ng(make(given))
    except ParseError:
        return {label(one): Route(event=one.event, facility=one.facility, doubts=("?",))
                for one in SENT}  # fmt: skip
    assert not isinstance(found, Absent)
    pairs = zip(SAMPLES, found.routes, strict=True)
    return {label(sample): route for sample, route in pairs if sample in SENT}


def test_records_go_where_syslog_ng_puts_them(
    subtests: Any, files: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "OTHER_NAMES", {})  # the records were sent under one name
    assert {name: case["files"] for name, case in RECORDED["cases"].items()} == real.CASES
    cases = {n: case for n, case in RECORDED["cases"].items() if n not in UNNOTICED}
    unsure = unsure_cases(subtests, cases, lambda given: _routes(given, files))
    assert unsure == OPEN | REFUSED - UNNOTICED
