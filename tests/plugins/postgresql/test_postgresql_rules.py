"""Which rules of pg_hba.conf a connection can reach, and what libpq's errors mean."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert, structs

from audit_core.api.sdk import Partial, Verdict
from audit_core.api.testkit import target_of
from audit_core.model import Reason
from audit_postgresql.access_checks import Protected, hba_methods, second_factor, tls_in_use
from audit_postgresql.account_checks import (
    default_superuser,
    lockout,
    password_policy,
    powers,
)
from audit_postgresql.accounts import Member, Role
from audit_postgresql.audit_trail import (
    LogFiles,
    Override,
    _audited,
    _logs_connections,
    _takes_away,
    connection_log,
    idle_timeout,
    log_kept,
    statement_log,
)
from audit_postgresql.client_auth import ClientAuth, Rule, _made, open_to, reachable
from audit_postgresql.connect_errors import not_connected
from audit_postgresql.durability import Archiver, archiving
from audit_postgresql.privileges import Label, labels
from audit_postgresql.release import minor_release, release_supported
from audit_postgresql.server import Release, Settings


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
        # the same address with another mask; a name and a network
        (
            ("host", "all", "all", "10.0.0.0", "255.0.0.0"),
            ("host", "all", "all", "10.0.0.0", "255.255.0.0"),
            False,
        ),
        (("host", "all", "all", "db.bank", ""), ("host", "all", "all", "db.bank", ""), False),
        (("host", "all", "all", "db.bank", ""), ("host", "all", "all", ANY4, NONE4), True),
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
        ("localhost", "", False), ("LOCALHOST", "", False),
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
    reported = [_logs_connections(v) for v in ("on", "off", "", "authentication", "receipt", "all")]
    assert reported == [True, False, False, True, False, True]
    assert _audited("all, -write") == {"role", "ddl", "read", "function", "misc"}
    assert _audited("none") == frozenset()


def test_rules_that_are_as_wide_together() -> None:
    both = _rule(("host", "all", "all", ANY4, NONE4), "trust")
    parts = [_rule((t, "all", "all", ANY4, NONE4), "reject") for t in ("hostssl", "hostnossl")]
    assert both not in reachable((*parts, both))
    assert both in reachable((parts[0], both))


def test_from_where_a_superuser_may_come() -> None:
    def found(*rules: Rule, groups: tuple[str, ...] = ()) -> tuple[bool, bool]:
        wide, maybe = open_to(rules, "boss", frozenset(groups))
        return wide is not None, maybe is not None

    every = ("host", "all", "all", ANY4, NONE4)
    reject = rule("host", "all", "boss", ANY4, NONE4, "reject")
    assert found(_rule(every, "md5")) == (True, False)
    assert found(reject, _rule(every, "md5")) == (False, False)
    # a rejection for IPv4 says nothing of IPv6, one with TLS nothing of a connection without
    assert found(reject, rule("host", "all", "all", "::", "::", "md5")) == (True, False)
    with_tls = rule("hostssl", "all", "boss", ANY4, NONE4, "reject")
    assert found(with_tls, _rule(every, "md5")) == (True, False)
    group = rule("host", "all", "+dba", "0.0.0.0", "128.0.0.0", "md5")  # half of all addresses
    assert found(group) == (False, False)
    assert found(group, groups=("dba",)) == (True, False)
    assert found(rule("host", "all", "+boss", ANY4, NONE4, "md5")) == (True, False)
    assert found(rule("host", "all", "/^b", ANY4, NONE4, "md5")) == (False, True)


def test_what_is_sent_in_clear_text() -> None:
    def verdict(type_: str, method: str, address: str = ANY4) -> Verdict:
        mask = NONE4 if address == ANY4 else ""
        auth = ClientAuth(rules=(rule(type_, "all", "all", address, mask, method),))
        return hba_methods.judge(auth).verdict

    for method in ("password", "ldap", "radius", "pam", "bsd"):
        assert verdict("host", method) is Verdict.FAIL
        assert verdict("hostssl", method) is Verdict.PASS
        assert verdict("host", method, "localhost") is Verdict.PASS
    assert verdict("hostssl", "ident") is Verdict.FAIL
    assert verdict("host", "scram-sha-256") is Verdict.PASS


def test_lines_that_no_connection_fits_are_no_gap() -> None:
    # as PostgreSQL 15.14 tells them while ssl is off, and of a line that it cannot read
    off = Rule(type="hostssl", database=["all"], user_name=["all"], address="0.0.0.0",
               netmask="0.0.0.0", auth_method="trust", line_number=3,
               error="hostssl record cannot match because SSL is disabled")  # fmt: skip
    broken = Rule(line_number=4, error='invalid authentication method "x"')
    assert _made((off,)) == ClientAuth(rules=())
    assert isinstance(_made((off, broken)), Partial)


def _settings(**values: str) -> Settings:
    return Settings(values={k.replace("__", "."): v for k, v in values.items()}, whole=True)


_LOGS = {"log_connections": "on", "log_disconnections": "on", "log_destination": "stderr",
         "logging_collector": "on", "log_min_messages": "warning"}  # fmt: skip


def test_records_that_are_written_nowhere() -> None:
    """The settings of pgaudit 1.7.0 are as PostgreSQL 15 showed them."""
    audit = _LOGS | {"log_statement": "none", "shared_preload_libraries": "pgaudit",
                     "pgaudit__log": "role, ddl, write", "pgaudit__log_level": "log"}  # fmt: skip
    assert connection_log.judge(_settings(**_LOGS)).verdict is Verdict.PASS
    assert statement_log.judge(_settings(**audit)).verdict is Verdict.PASS
    for more in ({"log_min_messages": "fatal"}, {"log_destination": ""}):
        assert connection_log.judge(_settings(**_LOGS | more)).verdict is Verdict.FAIL
        assert statement_log.judge(_settings(**audit | more)).verdict is Verdict.FAIL
    for more in ({"pgaudit__log_level": "notice"}, {"pgaudit__log": "none"},
                 {"shared_preload_libraries": "pg_stat_statements"}):  # fmt: skip
        assert statement_log.judge(_settings(**audit | more)).verdict is Verdict.FAIL
    seen = Settings(values={"log_statement": "mod"}, whole=False)
    assert statement_log.judge(seen).verdict is Verdict.UNDETERMINED


def test_how_long_the_log_is_kept() -> None:
    day = 86400.0

    def verdict(oldest: float, newest: float, gap: float, **more: str) -> Verdict:
        files = LogFiles(count=9, oldest_s=oldest * day, newest_s=newest * day, gap_s=gap * day)
        return log_kept.judge(_settings(**_LOGS | more), files).verdict

    assert verdict(200, 0, 1) is Verdict.PASS
    assert verdict(200, 0, 190) is Verdict.UNDETERMINED  # one file is left over from before
    assert verdict(400, 200, 1) is Verdict.UNDETERMINED  # nothing since
    assert verdict(200, 0, 1, log_destination="syslog") is Verdict.UNDETERMINED


def test_what_archives_nothing() -> None:
    def verdict(settings: Settings | None = None, **changed: object) -> Verdict:
        given = {"archived": 3, "failed": 0, "archived_s": 60.0, "failed_s": None,
                 "standby": False, "reset_s": 1e6, "command": "some"} | changed  # fmt: skip
        return archiving.judge(
            settings or _settings(archive_mode="on"), convert(given, Archiver)
        ).verdict

    assert verdict() is Verdict.PASS
    assert verdict(command="nothing") is Verdict.FAIL
    assert verdict(command="none", archived_s=None) is Verdict.FAIL
    assert verdict(command=None) is Verdict.UNDETERMINED
    assert verdict(archived_s=None) is Verdict.FAIL
    assert verdict(archived_s=None, reset_s=60.0) is Verdict.UNDETERMINED  # counted since now
    assert verdict(archived_s=None, reset_s=60.0, failed=1) is Verdict.FAIL
    assert verdict(archived_s=90000.0) is Verdict.FAIL
    assert verdict(failed_s=30.0, failed=1) is Verdict.FAIL
    assert verdict(_settings(archive_mode="off")) is Verdict.NOT_APPLICABLE


def test_rules_for_passwords_with_exceptions() -> None:
    """The settings of credcheck as version 3.0 shows them."""
    rules = {f"credcheck__password_{name}": "1" for name in ("min_upper", "min_digit")}
    good = {"shared_preload_libraries": "credcheck", "credcheck__password_min_length": "10",
            "credcheck__max_auth_failure": "5", "credcheck__encrypted_password_allowed": "off",
            **rules}  # fmt: skip
    auth = ClientAuth(rules=(rule("hostssl", "all", "all", ANY4, NONE4, "scram-sha-256"),))
    cases: tuple[tuple[Any, dict[str, str], Verdict], ...] = (
        (password_policy, {}, Verdict.PASS),
        (password_policy, {"credcheck__whitelist": "app"}, Verdict.FAIL),
        (password_policy, {"credcheck__encrypted_password_allowed": "on"}, Verdict.UNDETERMINED),
        (password_policy, {"credcheck__password_min_length": "6"}, Verdict.FAIL),
        (lockout, {}, Verdict.PASS), (lockout, {"credcheck__max_auth_failure": "0"}, Verdict.FAIL),
        (lockout, {"credcheck__whitelist_auth_failure": "app"}, Verdict.FAIL),
    )  # fmt: skip
    for check, more, verdict in cases:
        assert check.judge(_settings(**good | more), auth).verdict is verdict, (check.id, more)


def test_labels() -> None:
    def verdict(provider: str, **more: str) -> Verdict:
        found = (Label(database="core", provider=provider, count=3),)
        return labels.judge(found, _settings(**more)).verdict

    assert verdict("selinux", shared_preload_libraries="sepgsql") is Verdict.PASS
    permissive = {"shared_preload_libraries": "sepgsql", "sepgsql__permissive": "on"}
    assert verdict("selinux", **permissive) is Verdict.FAIL
    assert verdict("anon", shared_preload_libraries="anon,sepgsql") is Verdict.UNDETERMINED
    assert verdict("anon", shared_preload_libraries="") is Verdict.FAIL


def test_sessions_and_factors() -> None:
    plain, tls = (Protected(encrypted=e, version=v, sessions=2)
                  for e, v in ((False, None), (True, "TLSv1.3")))  # fmt: skip
    assert tls_in_use.judge((tls,)).verdict is Verdict.PASS
    assert tls_in_use.judge((tls, plain)).verdict is Verdict.FAIL
    assert tls_in_use.judge(()).verdict is Verdict.NOT_APPLICABLE
    for method, options, verdict in (
        ("scram-sha-256", ["clientcert=verify-full"], Verdict.PASS),
        ("ldap", ["clientcert=verify-ca"], Verdict.PASS), ("ldap", [], Verdict.UNDETERMINED),
        ("cert", ["clientcert=verify-full"], Verdict.FAIL), ("scram-sha-256", [], Verdict.FAIL),
    ):  # fmt: skip
        one = rule("hostssl", "all", "all", ANY4, NONE4, method)
        auth = ClientAuth(rules=(structs.replace(one, options=options),))
        assert second_factor.judge(auth).verdict is verdict, method


@pytest.mark.parametrize(
    ("name", "value", "server", "less"),
    [
        ("log_statement", "none", "mod", True), ("log_statement", "all", "mod", False),
        ("log_statement", "ddl", "mod", True), ("log_statement", "none", "none", False),
        ("pgaudit.log", "none", "role, ddl, write", True), ("pgaudit.log", "all, -write", "all",
                                                            True),
        ("pgaudit.log", "ddl, role, write", "all", False), ("pgaudit.log", "none", "none", False),
        ("pgaudit.log", "role", "role, ddl, write", True), ("log_connections", "off", "on", True),
        ("log_connections", "f", "on", True), ("log_connections", "no", "on", True),
        ("log_connections", "on", "on", False), ("log_min_messages", "panic", "warning", True),
        ("log_min_messages", "error", "warning", False), ("log_duration", "off", "on", False),
        ("log_error_verbosity", "terse", "default", True),
    ],
)  # fmt: skip
def test_which_settings_of_a_role_take_records_away(
    name: str, value: str, server: str, less: bool
) -> None:
    settings = Settings(values={name: server}, whole=True)
    assert _takes_away(Override(role="r", database="", name=name, value=value), settings) is less


def test_times_of_roles() -> None:
    release = Release(number=150014, text="PostgreSQL 15.14")
    settings = _settings(idle_session_timeout="600000")
    for value, verdict in (
        ("5min", Verdict.PASS), ("600000", Verdict.PASS), ("0", Verdict.UNDETERMINED),
        ("'8h'", Verdict.UNDETERMINED), ("1d", Verdict.UNDETERMINED), ("x", Verdict.UNDETERMINED),
    ):  # fmt: skip
        own = (Override(role="app", database="", name="idle_session_timeout", value=value),)
        assert idle_timeout.judge(release, settings, own).verdict is verdict, value


def _role(name: str, **more: object) -> Role:
    base = {"superuser": False, "login": True, "create_role": False, "create_database": False,
            "replication": False, "bypass_rls": False, "until": None, "expired": None,
            "bootstrap": False}  # fmt: skip
    return convert({"name": name, **base, **more}, Role)


def test_who_has_rights_on_the_whole_server() -> None:
    first = _role("postgres", superuser=True, bootstrap=True)
    dba = _role("dba", superuser=True)
    member = Member(name="app", of="pg_read_all_data")
    declared = target_of("postgresql", administrators=["dba"])
    nobody = target_of("postgresql", administrators=None)
    for target, roles, members, verdict in (
        (nobody, (first,), (), Verdict.PASS), (nobody, (first, dba), (), Verdict.UNDETERMINED),
        (declared, (first, dba), (), Verdict.PASS), (declared, (first,), (member,), Verdict.FAIL),
    ):  # fmt: skip
        assert powers.judge(target, roles, members).verdict is verdict
    for role, verdict in (
        (first, Verdict.FAIL), (structs.replace(first, login=False), Verdict.PASS),
        (structs.replace(first, name="root_of_bank"), Verdict.PASS),
    ):  # fmt: skip
        assert default_superuser.judge((role,)).verdict is verdict


def test_releases() -> None:
    now = "2026-01-02T00:00:00Z"
    for number, text, supported, minor in (
        (150015, "PostgreSQL 15.15", Verdict.PASS, Verdict.PASS),
        (150003, "PostgreSQL 15.3", Verdict.PASS, Verdict.FAIL),
        (120022, "PostgreSQL 12.22", Verdict.FAIL, Verdict.UNDETERMINED),
        (120022, "PostgreSQL 12.22 (Debian 12.22-1)", Verdict.UNDETERMINED, Verdict.UNDETERMINED),
        (90204, "openGauss 5.0", Verdict.UNDETERMINED, Verdict.UNDETERMINED),
    ):
        release = Release(number=number, text=text)
        assert release_supported.judge(release, now).verdict is supported, text
        assert minor_release.judge(release).verdict is minor, text
