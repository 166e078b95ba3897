"""What single records of accounts, settings and errors mean."""

from __future__ import annotations

import pytest
from pymysql.err import OperationalError

from audit_core.api.sdk import Absent, Judgement, Partial, Verdict, msg
from audit_core.api.testkit import target_of
from audit_core.model import Reason
from audit_mysql import access_checks, account_checks, audit_trail, release, right_checks
from audit_mysql.access_checks import Asker, Session
from audit_mysql.accounts import Account, Locking, Method
from audit_mysql.clusters import Cluster
from audit_mysql.connect_errors import not_connected
from audit_mysql.durability import Followers, Tablespaces, encryption, replication_tls, standby
from audit_mysql.object_rights import Given, Holder, _holders, roles_of
from audit_mysql.server import Plugin, Release, Settings

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
DENIED = Absent(reason=Reason.NOT_PERMITTED, detail=msg("denied"))


def account(host: str = "10.2.0.1", methods: str = "set ed25519", **more: object) -> Account:
    return Account(**{"user": "u", "host": host, "role": 0, "methods": methods, **more})  # type: ignore[arg-type]


def settings(**values: str) -> Settings:
    return Settings(values=values)


def test_from_where_an_account_may_come() -> None:
    everywhere = (
        "",
        "%",
        "%.%",
        "_%",
        "0.0.0.0/0.0.0.0",
        "0.0.0.0/0",
        "%.%.%.%",
        "1%",
        "2_.%",
        "0.0.0.0/128.0.0.0",
        "10.0.0.0/7",
    )
    somewhere = (
        "10.%",
        "db",
        "localhost",
        "10.2.0.0/255.255.0.0",
        "%.bank.cn",
        "::1",
        "10.0.0.0/255.0.0.0",
        "10.%.1.%",
        "bank%",
    )
    reported = {host: account(host).everywhere for host in (*everywhere, *somewhere)}
    assert reported == {**dict.fromkeys(everywhere, True), **dict.fromkeys(somewhere, False)}
    hosts = ("LOCALHOST", "127.0.0.1", "::1", "127.%", "12.%")
    assert [account(host).remote for host in hosts] == [
        False, False, False, False, True,
    ]  # fmt: skip


def test_how_an_account_proves_itself() -> None:
    """As MariaDB 10.11.19 keeps it: `invalid` fits no password, alternatives are joined by OR."""
    both = account(methods="none unix_socket;set ed25519")
    assert both.ways == (Method(plugin="unix_socket", kept="none"),
                         Method(plugin="ed25519", kept="set"))  # fmt: skip
    assert [both.usable, both.by_password, both.free] == [True, True, False]
    assert not account(methods="never mysql_native_password").usable
    assert account(methods="none ").free  # no plugin named: the native one
    assert not account(methods="none ", locked=1).free
    assert account(methods="none unix_socket;none mysql_native_password").free


def test_password_schemes() -> None:
    judge = account_checks.password_scheme.judge
    good = ("set caching_sha2_password", "set ed25519", "set parsec", "none unix_socket",
            "never mysql_native_password", "set pam")  # fmt: skip
    for methods in good:
        assert judge((account(methods=methods),)).verdict is PASS, methods
    for methods in ("set ", "set mysql_native_password", "old mysql_old_password"):
        assert judge((account(methods=methods),)).verdict is FAIL, methods


def test_roles_of_roles_and_rights_of_everybody() -> None:
    def given(user: str, role: str) -> Given:
        return Given(user=user, host="", role=role, role_host="", admin=0)

    chain = (given("u", "a"), given("a", "b"), given("b", "a"))
    assert {name for name, _ in roles_of("u", "", chain)} == {"a", "b"}
    public = account(user="PUBLIC", host="", role=1, methods="", access=str(1 << 15))
    (holder,) = _holders((account(), public), (), settings())
    assert "SUPER" in holder.rights
    # mandatory_roles as MySQL 8 documents it: each account has these, and the roles that they have
    role = account(user="a", host="%", methods="never x", rights="FILE")
    higher = account(user="b", host="%", methods="never x", rights="SUPER")
    edge = Given(user="a", host="%", role="b", role_host="%", admin=0)
    (holder,) = _holders((account(), role, higher), (edge,), settings(mandatory_roles="`a`@`%`"))
    assert {"FILE", "SUPER"} <= holder.rights


def test_rights_on_the_whole_server_reach_its_own_tables() -> None:
    target = target_of("mysql")
    writer = Holder(account=account(), rights=frozenset({"INSERT"}))
    for judge in (right_checks.system_tables.judge, right_checks.audit_holders.judge):
        assert judge(target, (writer,), ()).verdict is FAIL
        assert judge(target, (), ()).verdict is PASS
    public = account(user="PUBLIC", host="", role=1, methods="", access="1")
    assert right_checks.public_rights.judge((public,), ()).verdict is FAIL


def test_patterns_of_schemas() -> None:
    fits = [right_checks._fits("mysql", p) for p in ("mysql", "%", "my%", "m_sql", "MYSQL", "my\\%",
                                                     "m*", "app")]  # fmt: skip
    assert fits == [True, True, True, True, True, False, False, False]


def _audit(events: str, **more: str) -> tuple[Settings, tuple[Plugin, ...]]:
    given = {"server_audit_logging": "ON", "server_audit_events": events, **more}
    return settings(**given), (Plugin(name="SERVER_AUDIT", status="ACTIVE", type="AUDIT"),)


def test_audit() -> None:
    events = {"": PASS, "CONNECT,QUERY": PASS, "query_ddl,QUERY_DML,query_dcl,connect": PASS,
              "CONNECT": FAIL, "QUERY": FAIL, "CONNECT,QUERY_DDL": FAIL}  # fmt: skip
    reported = {e: audit_trail.audit_events.judge(*_audit(e)).verdict for e in events}
    assert reported == events
    off = _audit("", server_audit_logging="OFF")
    none = (settings(general_log="ON"), ())
    other = (settings(), (Plugin(name="audit_log", status="ACTIVE", type="AUDIT"),))
    for judge in (audit_trail.audit_on.judge, audit_trail.audit_exceptions.judge):
        assert [judge(*case).verdict for case in (off, none, other)] == [FAIL, FAIL, OPEN]
    assert audit_trail.audit_exceptions.judge(
        *_audit("", server_audit_excl_users="dba")
    ).verdict is FAIL  # fmt: skip
    nowhere = _audit("", server_audit_file_path="/dev/null", server_audit_output_type="file")
    assert audit_trail.audit_on.judge(*nowhere).verdict is FAIL
    assert audit_trail.audit_events.judge(*nowhere).verdict is FAIL
    cut = _audit("", server_audit_query_log_limit="0")
    assert audit_trail.audit_events.judge(*cut).verdict is FAIL
    assert audit_trail.audit_on.judge(
        settings(audit_log_policy="NONE"), other[1]
    ).verdict is FAIL  # fmt: skip


def test_files_of_the_host() -> None:
    """A server without secure_file_priv: MariaDB opens every file then, MySQL none."""
    holder = Holder(account=account(), rights=frozenset({"FILE"}))
    mariadb, mysql = Release(version="10.11.19-MariaDB"), Release(version="8.0.45")
    cases = ((mariadb, "", FAIL), (mariadb, "NULL", FAIL), (mysql, "", FAIL), (mysql, "NULL", PASS),
             (mysql, "/var/lib/mysql-files/", PASS))  # fmt: skip
    for server, place, verdict in cases:
        found = right_checks.file_access.judge(server, settings(secure_file_priv=place), (holder,))
        assert found.verdict is verdict, (server.name, place)
    assert right_checks.file_access.judge(mariadb, settings(), ()).verdict is PASS


def test_without_grant_tables() -> None:
    """CURRENT_USER() of MariaDB 10.11.19 with skip-grant-tables, and as MySQL 8 documents it."""
    for name in ("@", "skip-grants user@skip-grants host"):
        judged = access_checks.grant_tables.judge(settings(), Asker(account=name))
        assert judged.verdict is FAIL


def test_tls() -> None:
    judge = access_checks.tls_enforced.judge
    base = {"have_ssl": "YES", "tls_version": "TLSv1.2,TLSv1.3", "bind_address": "*"}
    on = settings(**base, require_secure_transport="ON")
    off, weak = settings(**base), settings(**{**base, "tls_version": "TLSv1,TLSv1.2"})
    absent = Absent(reason=Reason.NOT_PERMITTED, detail=msg("denied"))
    plain, tls = account(), account(tls=1)
    cases: tuple[tuple[Judgement, Verdict], ...] = (
        (judge(on, absent), PASS), (judge(off, (plain,)), FAIL), (judge(off, (tls,)), PASS),
        (judge(off, absent), OPEN), (judge(weak, (tls,)), FAIL), (judge(settings(), ()), OPEN),
        (judge(settings(have_ssl="DISABLED"), ()), FAIL),
        (judge(settings(bind_address="127.0.0.1,::1"), absent), PASS),
        (judge(settings(skip_networking="ON"), absent), PASS),
        # MySQL 8: X Plugin listens everywhere unless told not to, administrators may elsewhere
        (judge(settings(bind_address="127.0.0.1", mysqlx_bind_address="*", have_ssl="NO"), absent),
         FAIL),
        (judge(settings(bind_address="127.0.0.1", admin_address="10.0.0.9", have_ssl="NO"), absent),
         FAIL),
        (judge(settings(bind_address="127.0.0.1", admin_address=""), absent), PASS),
        (judge(settings(bind_address="127.0.0.1,10.1.1.1", have_ssl="DISABLED"), absent), FAIL),
    )  # fmt: skip
    for number, (found, verdict) in enumerate(cases):
        assert found.verdict is verdict, number


def test_sessions_that_are_not_counted() -> None:
    """With performance_schema off there is no row, not even of the session that asks."""
    assert isinstance(access_checks._counted(()), Partial)
    mine = Session(way="SSL/TLS", sessions=1, own=1)
    assert access_checks._counted((mine,)) == (mine,)
    plain = Session(way="TCP/IP", sessions=2, own=0)
    assert access_checks.tls_in_use.judge((mine, plain)).verdict is FAIL
    ours = Session(way="TCP/IP", sessions=1, own=1)
    assert access_checks.tls_in_use.judge((ours,)).verdict is Verdict.NOT_APPLICABLE
    tls = Session(way="SSL/TLS", sessions=2, own=1)
    assert access_checks.tls_in_use.judge((tls,)).verdict is PASS


def test_ciphers() -> None:
    judge = access_checks.tls_ciphers.judge
    library = {"version_ssl_library": "OpenSSL 3.0.22 25 Aug 2026"}
    for ciphers, verdict in (
        ("", PASS), ("ECDHE-RSA-AES256-GCM-SHA384", PASS), ("DES-CBC3-SHA", FAIL),
        ("HIGH:!aNULL:!MD5", PASS), ("AES128-SHA:RC4-SHA", FAIL), ("NULL", FAIL),
    ):  # fmt: skip
        assert judge(settings(ssl_cipher=ciphers, **library)).verdict is verdict, ciphers
    assert judge(settings(version_ssl_library="WolfSSL 5")).verdict is OPEN


def test_two_factors() -> None:
    judge = access_checks.second_factor.judge
    for found, verdict in (
        (account(tls=2), PASS), (account(tls=1), FAIL), (account(methods="none pam"), OPEN),
        (account(methods="set ed25519;none unix_socket"), OPEN), (account("localhost"), None),
    ):  # fmt: skip
        assert judge(settings(), (found,)).verdict is (verdict or Verdict.NOT_APPLICABLE), found
    # MySQL 8.0.27 and later may ask for three, which are kept elsewhere
    more = settings(authentication_policy="*,,")
    assert judge(more, (account(),)).verdict is OPEN
    assert judge(settings(authentication_policy="*"), (account(),)).verdict is FAIL


def test_how_long_the_binary_log_is_kept() -> None:
    for given, verdict in (
        ({"binlog_expire_logs_seconds": "604800"}, PASS), ({"expire_logs_days": "7.000000"}, PASS),
        ({"binlog_expire_logs_seconds": "0", "expire_logs_days": "0"}, PASS),  # for ever
        ({"binlog_expire_logs_seconds": "86400"}, FAIL), ({"expire_logs_days": "0.5"}, FAIL),
    ):  # fmt: skip
        judged = audit_trail.binlog_kept.judge(settings(log_bin="ON", **given))
        assert judged.verdict is verdict, given


def test_where_errors_are_written() -> None:
    for place, verdict in (("/var/log/mysql/error.log", PASS), ("", OPEN), ("stderr", OPEN),
                           ("/dev/null", FAIL)):  # fmt: skip
        judged = audit_trail.error_log.judge(settings(log_error=place, log_warnings="2"))
        assert judged.verdict is verdict, place
    assert audit_trail.error_log.judge(settings(log_error="x", log_warnings="1")).verdict is FAIL


def test_replicas_and_encryption() -> None:
    def reported(count: int, process: int) -> Verdict:
        alone, none = settings(), Cluster(size=None, status="")
        return standby.judge(alone, none, (), Followers(count=count, process=process)).verdict

    assert [reported(1, 1), reported(0, 1), reported(0, 0)] == [PASS, FAIL, OPEN]
    on = settings(innodb_encrypt_tables="FORCE", innodb_encrypt_log="ON", log_bin="OFF")
    key = (Plugin(name="file_key_management", status="ACTIVE", type="ENCRYPTION"),)
    for keys, found, verdict in (
        (key, Tablespaces(encrypted=4, plain=0), PASS),
        (key, Tablespaces(encrypted=4, plain=1), OPEN),
        (key, Tablespaces(encrypted=None, plain=None), OPEN),
        ((), Tablespaces(encrypted=4, plain=0), OPEN),
    ):  # fmt: skip
        assert encryption.judge(on, keys, found).verdict is verdict


def test_releases() -> None:
    def reported(
        version: str, comment: str, now: str = "2026-11-29T00:00:00Z"
    ) -> tuple[Verdict, Verdict]:
        found = Release(version=version, comment=comment)
        return (release.release_supported.judge(found, now).verdict,
                release.minor_release.judge(found).verdict)  # fmt: skip

    upstream, oracle = "mariadb.org binary distribution", "MySQL Community Server - GPL"
    assert reported("10.11.19-MariaDB-0+deb12u1", "Debian 12") == (PASS, PASS)
    assert reported("10.11.6-MariaDB", upstream) == (PASS, FAIL)
    assert reported("5.5.5-10.3.28-MariaDB", "MariaDB Server") == (OPEN, OPEN)
    assert reported("10.3.39-MariaDB", upstream) == (FAIL, PASS)
    assert reported("8.0.45", oracle) == (FAIL, PASS)
    assert reported("8.4.3", oracle) == (PASS, FAIL)
    assert reported("5.7.25-TiDB-v7.5.0", "TiDB Server") == (OPEN, OPEN)


def test_lockout() -> None:
    judge = account_checks.lockout.judge
    mariadb, new, old = (Release(version=v) for v in ("10.11.19-MariaDB", "8.0.45", "5.7.44"))
    control = (Plugin(name="CONNECTION_CONTROL", status="ACTIVE", type="AUDIT"),)
    name = "connection_control_failed_connections_threshold"
    for server, values, plugins, verdict in (
        (mariadb, {"max_password_errors": "5"}, (), PASS),
        (mariadb, {"max_password_errors": "4294967295"}, (), FAIL),
        (new, {"component_connection_control.failed_connections_threshold": "3"}, (), PASS),
        (new, {name: "3"}, control, PASS), (new, {name: "0"}, control, FAIL), (new, {}, (), OPEN),
        (old, {}, (), FAIL),
    ):  # fmt: skip
        assert judge(server, settings(**values), plugins, DENIED).verdict is verdict
    for attempts, days, verdict in ((3, 1, PASS), (3, -1, PASS), (3, 0, FAIL), (9, 1, FAIL),
                                    (None, None, FAIL)):  # fmt: skip
        locking = (Locking(user="app", host="h", attempts=attempts, days=days),)
        assert judge(new, settings(), (), locking).verdict is verdict


def test_clusters() -> None:
    def judged(values: dict[str, str], size: int = 3, status: str = "Primary") -> list[Verdict]:
        found, none = settings(**values), Followers(count=0, process=1)
        cluster = Cluster(size=size, status=status)
        return [standby.judge(found, cluster, (), none).verdict,
                replication_tls.judge(found, ()).verdict]  # fmt: skip

    galera = {"wsrep_on": "ON", "wsrep_sst_method": "mariabackup",
              "wsrep_provider_options": "base_dir = /d/; socket.ssl = YES; "}  # fmt: skip
    plain = {**galera, "wsrep_provider_options": "base_dir = /d/; socket.checksum = 2; "}
    group = {"group_replication_group_name": "u", "group_replication_ssl_mode": "REQUIRED"}
    assert judged(galera) == [PASS, PASS]
    assert judged(plain, status="non-Primary") == [FAIL, FAIL]
    assert judged({**galera, "wsrep_sst_method": "rsync"}, size=1) == [FAIL, FAIL]
    assert judged(group) == [OPEN, PASS]
    assert judged({**group, "group_replication_ssl_mode": "DISABLED"}) == [OPEN, FAIL]


@pytest.mark.parametrize(
    ("number", "words", "reason", "refused"),
    [
        (1045, "Access denied for user", Reason.NOT_PERMITTED, True),
        (4150, "User is blocked because of too many credential errors", Reason.NOT_PERMITTED, True),
        (1040, "Too many connections", Reason.UNREACHABLE, False),
        (1130, "Host is not allowed to connect", Reason.NOT_PERMITTED, True),
        (2003, "Can't connect", Reason.UNREACHABLE, False),
        (2059, "Authentication plugin not configured", Reason.UNSUPPORTED, False),
        (3159, "Connections using insecure transport are prohibited", Reason.NOT_PERMITTED, False),
    ],
)
def test_what_an_error_means(number: int, words: str, reason: Reason, refused: bool) -> None:
    error = not_connected(OperationalError(number, words), "h:3306")
    assert (error.reason, error.refused) == (reason, refused)
