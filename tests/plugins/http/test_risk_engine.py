"""A risk engine over HTTP: what is kept of its answer, and when it counts as alive."""

from __future__ import annotations

import json
from typing import Any

from audit_core.api.sdk import Answer, Target
from audit_core.model import HostName, Status, Verdict
from audit_http import session
from audit_http.kind import WebAccess
from audit_http.risk_engine import Figures, alive, ask, figures, parse
from hostile.http_answers import HttpPeer, page

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
NOW = "2026-11-30T02:00:00Z"  # 10:00 in China


def target(port: int = 80) -> Target:
    return Target(
        id="risk", kind="risk_engine", object_type="application",
        settings={
            "url": f"http://risk.example:{port}/summary", "last_event": "/stats/last~1event",
            "counts": {"blocked": "/decisions/0/n", "flagged": "/decisions/1/n"}, "rules": "/rules",
        },
    )  # fmt: skip


def document(last: Any, blocked: Any = 85, flagged: Any = 0, rules: Any = 12) -> Any:
    return {"stats": {"last/event": last}, "decisions": [{"n": blocked}, {"n": flagged}],
            "rules": rules, "customers": ["13812345678"]}  # fmt: skip


def found(document: Any, status: int = 200) -> Figures:
    return figures(ask(target()), status, document)


def test_when_it_is_alive() -> None:
    for last, more, verdict in (
        ("2026-11-30T01:00:00Z", {}, P), ("2026-11-30 09:00:00", {}, P), (1796000000, {}, P),
        (1796000000000, {}, P),
        ("2026-11-30 01:00:00", {}, P),  # UTC, or China: recent either way
        ("2026-11-28T01:00:00Z", {}, F), ("2026-11-29 05:00:00", {}, U),  # 29 h, or 21 h in UTC
        ("2027-01-01T00:00:00Z", {}, U), (None, {}, U), ("yesterday", {}, U), (True, {}, U),
        ({"x": 1}, {}, U), (1e300, {}, U),
        ("2026-11-30T01:00:00Z", {"blocked": 0}, F), ("2026-11-30T01:00:00Z", {"rules": 0}, F),
        ("2026-11-30T01:00:00Z", {"blocked": "many"}, U),
        ("2026-11-30T01:00:00Z", {"rules": None}, U),
    ):  # fmt: skip
        made = alive.judge(target(), found(document(last, **more)), NOW)
        assert made.verdict is verdict, (last, more, made)
    assert alive.judge(target(), found(None), NOW).verdict is U
    assert alive.judge(target(), found(document("2026-11-30T01:00:00Z"), 503), NOW).verdict is U
    assert alive.judge(target(), found([]), NOW).verdict is U


class Here:
    """A way to the server on loopback."""

    def __init__(self, port: int) -> None:
        self.target = target(port)
        self.access = WebAccess(address=HostName("risk.example"))

    def address(self, name: str) -> str:
        return "127.0.0.1"


def test_only_the_declared_values_are_kept() -> None:
    text = json.dumps(document("2026-11-30T01:00:00Z"))
    peer = HttpPeer(lambda method, path, headers: page(text))
    with peer.listening() as port, session.open(Here(port)) as opened:  # type: ignore[arg-type]
        (reply,) = opened.ask([ask(target(port))])
    assert reply.status is Status.ANSWERED
    assert b"13812345678" not in reply.stdout
    answer = Answer(stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False,
                    collected_at=NOW, target=target())  # fmt: skip
    assert alive.judge(target(), parse(answer), NOW).verdict is P
