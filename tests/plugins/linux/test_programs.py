"""Programs of administrators are asked wherever a distribution puts them."""

from __future__ import annotations

from typing import Any

import audit_linux
from audit_core.api.sdk import Answer, Command, Fact, Platform, Reason, Request
from audit_core.plan.rounds import holds
from audit_linux.logs import audit_rules, auditing, login_records
from audit_linux.network.iptables import IPTABLES
from audit_shell import platform_facts
from invented.answers import answer

# Every distribution has these there.
_ONLY_THERE = {"/usr/sbin/sshd"}


def _asked(fact: Fact, usr: str) -> list[tuple[str, Reason]]:
    platform = Platform(values={"usr": usr})
    asks = [a for p in fact.providers if holds(p, platform) for a in p.every_ask]
    return [(ask.argv[0], ask.not_found) for ask in asks if isinstance(ask, Command)]


def test_a_program_is_missing_where_it_lies_in_neither_place() -> None:
    for fact, name in (
        (IPTABLES, "sbin/iptables"), (auditing.STATUS, "sbin/auditctl"),
        (audit_rules.RULES, "sbin/auditctl"), (login_records.JOURNALED, "bin/journalctl"),
    ):  # fmt: skip
        merged = [(f"/usr/{name}", Reason.NOT_PRESENT)]
        apart = [(f"/usr/{name}", Reason.UNSUPPORTED), (f"/{name}", Reason.NOT_PRESENT)]
        assert _asked(fact, "merged") == merged
        assert _asked(fact, "apart") == _asked(fact, "unknown") == apart


def test_no_program_is_asked_in_one_place_only(subtests: Any) -> None:
    for fact in audit_linux.dengbao_facts():
        with subtests.test(fact.id):
            asked = {path for path, _ in _asked(fact, "apart")} - _ONLY_THERE
            far = {path for path in asked if path.startswith("/usr/sbin/")}
            assert {path.removeprefix("/usr") for path in far} <= asked


def test_whether_usr_is_merged() -> None:
    for link, code, usr in (("usr/sbin\n", 0, "merged"), ("", 1, "apart")):
        answers: dict[Request, Answer] = {platform_facts.SBIN: answer(link, exit_code=code)}
        assert platform_facts.platform(answers)["usr"] == usr
    assert platform_facts.platform({})["usr"] == "unknown"
