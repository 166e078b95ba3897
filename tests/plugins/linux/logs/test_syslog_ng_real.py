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
from audit_linux.logs.routes import SAMPLES, Route
from audit_linux.logs.syslog_ng import parse_syslog_ng
from recorded import syslog_ng as real
from recorded.arrivals import unsure_cases
from recorded.rsyslog import SENT, label

RECORDED = json.loads(real.ARRIVED.read_text())
# What hangs on a name, on a host, or on a part that is not read; one of them cannot start.
OPEN = {"message of a name", "host", "rewrite", "names with minus and underscore"}


def _routes(given: dict[str, str], make: Callable[..., Answer]) -> dict[str, Route]:
    found = parse_syslog_ng(make(given))
    assert not isinstance(found, Absent)
    pairs = zip(SAMPLES, found.routes, strict=True)
    return {label(sample): route for sample, route in pairs if sample in SENT}


def test_records_go_where_syslog_ng_puts_them(
    subtests: Any, files: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "OTHER_NAMES", {})  # the records were sent under one name
    assert {name: case["files"] for name, case in RECORDED["cases"].items()} == real.CASES
    unsure = unsure_cases(subtests, RECORDED["cases"], lambda given: _routes(given, files))
    assert unsure == OPEN
