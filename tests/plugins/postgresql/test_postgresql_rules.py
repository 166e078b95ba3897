"""Which rules of pg_hba.conf a connection can reach, and what libpq's errors mean."""

from __future__ import annotations

import pytest

from audit_core.model import Reason
from audit_postgresql.audit_trail import Override, _audited, _logs_connections, _takes_away
from audit_postgresql.client_auth import Rule, reachable
from audit_postgresql.connect_errors import not_connected


def rule(type_: str, database: str, user: str, address: str, mask: str, method: str) -> Rule:
    return Rule(type=type_, database=database.split(","), user_name=user.split(","),
                address=address or None, netmask=mask or None, auth_method=method)  # fmt: skip


def _rule(words: tuple[str, ...], method: str) -> Rule:
    type_, database, user, address, mask = words
    return rule(type_, database, user, address, mask, method)


ANY4, NONE4 = "0.0.0.0", "0.0.0.0"
HOST32 = "255.255.255.255"


@pytest.mark.parametrize(
    ("before", "then", "reached"),
    [
        # the first that fits decides; `host` takes what hostssl and hostnossl take
        (("host", "all", "all", ANY4, NONE4), ("host", "app", "x", "10.0.0.1", HOST32), False),
        (("hostssl", "all", "all", ANY4, NONE4), ("host", "all", "all", ANY4, NONE4), True),
        (("host", "all", "all", ANY4, NONE4), ("hostnossl", "all", "all", ANY4, NONE4), False),
        # all is no replication, 0.0.0.0/0 no IPv6, a host is no network
        (("host", "all", "all", ANY4, NONE4), ("host", "replication", "r", ANY4, NONE4), True),
        (("host", "all", "all", ANY4, NONE4), ("host", "all", "all", "::1", "::1"), True),
        (("host", "all", "all", "10.0.0.1", HOST32), ("host", "all", "all", ANY4, NONE4), True),
        (("host", "app", "all", ANY4, NONE4), ("host", "all", "all", ANY4, NONE4), True),
        (("host", "all", "a,b", ANY4, NONE4), ("host", "all", "a", ANY4, NONE4), False),
        (("host", "all", "a", ANY4, NONE4), ("host", "all", "a,b", ANY4, NONE4), True),
        (("host", "all", "+g", ANY4, NONE4), ("host", "all", "a", ANY4, NONE4), True),
        (("host", "all", "all", "all", ""), ("host", "all", "all", "::1", "::1"), False),
        (("host", "all", "all", "samenet", ""), ("host", "all", "all", ANY4, NONE4), True),
        (("local", "all", "all", "", ""), ("local", "app", "all", "", ""), False),
        (("local", "all", "all", "", ""), ("host", "all", "all", ANY4, NONE4), True),
    ],
)
def test_which_rules_are_reached(
    before: tuple[str, ...], then: tuple[str, ...], reached: bool
) -> None:
    rules = (_rule(before, "scram-sha-256"), _rule(then, "trust"))
    assert (rules[1] in reachable(rules)) is reached


@pytest.mark.parametrize(
    ("address", "mask", "remote"),
    [
        ("127.0.0.0", "255.0.0.0", False), ("127.0.0.1", HOST32, False), (ANY4, NONE4, True),
        ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", False), ("::", "::", True),
        ("samehost", "", False), ("samenet", "", True), ("all", "", True), ("db.bank", "", True),
    ],
)  # fmt: skip
def test_which_rules_are_for_other_machines(address: str, mask: str, remote: bool) -> None:
    assert rule("host", "all", "all", address, mask, "md5").remote is remote


@pytest.mark.parametrize(
    ("words", "reason", "refused"),
    [
        ('FATAL:  password authentication failed for user "a"', Reason.NOT_PERMITTED, True),
        ("致命错误:  用户 a Password 认证失败", Reason.NOT_PERMITTED, True),
        ('FATAL:  no pg_hba.conf entry for host "h"', Reason.NOT_PERMITTED, True),
        ("Connection refused\n\tIs the server running", Reason.UNREACHABLE, False),
        ("connection timeout expired", Reason.UNREACHABLE, False),
        ("FATAL:  sorry, too many clients already", Reason.UNREACHABLE, False),
        ("server does not support SSL, but SSL was required", Reason.UNREACHABLE, False),
        ("SSL error: certificate verify failed", Reason.UNREACHABLE, False),
        ('FATAL:  database "x" does not exist', Reason.NOT_PERMITTED, False),
    ],
)
def test_what_an_error_means(words: str, reason: Reason, refused: bool) -> None:
    error = not_connected(f"connection failed: {words}", "h:5432")
    assert (error.reason, error.refused) == (reason, refused)


def test_what_is_logged() -> None:
    # release 18 has a list where others have on and off
    told = [_logs_connections(v) for v in ("on", "off", "", "authentication", "receipt", "all")]
    assert told == [True, False, False, True, False, True]
    assert _audited("all, -write") == {"role", "ddl", "read", "function", "misc"}
    assert _audited("none") == frozenset()


@pytest.mark.parametrize(
    ("name", "value", "less"),
    [
        ("log_statement", "none", True), ("log_statement", "all", False),
        ("pgaudit.log", "none", True), ("pgaudit.log", "all, -write", True),
        ("pgaudit.log", "ddl, role, write", False), ("log_connections", "off", True),
        ("log_min_messages", "panic", True), ("log_duration", "off", False),
    ],
)  # fmt: skip
def test_which_settings_of_a_role_take_records_away(name: str, value: str, less: bool) -> None:
    assert _takes_away(Override(role="r", database="", name=name, value=value)) is less
