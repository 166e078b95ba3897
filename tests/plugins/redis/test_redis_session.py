"""One session: what it asks, what it never asks, and servers that lie. The servers are invented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import convert, structs

from audit_core.api.sdk import Answer
from audit_core.api.testkit import target_of
from audit_core.model import ConnectError, HostName, Reply, SecretRef, Status, Verdict
from audit_database.access import Tls
from audit_linux.network.listeners import parse_ss
from audit_mysql.kind import MYSQL
from audit_postgresql.kind import POSTGRESQL
from audit_redis import session
from audit_redis.access import RedisAccess
from audit_redis.kind import REDIS
from audit_redis.request import RedisConfig, RedisInfo, RedisUsers
from audit_redis.server import Info, Settings, User
from audit_redis.server_checks import (
    idle_timeout,
    listen_addresses,
    log,
    persistence,
    protected,
    release_supported,
    replica,
    replication_tls,
    tls_enforced,
)
from audit_redis.user_checks import dangerous_commands, default_user, user_rights
from hostile.redis_answers import RedisPeer, array, bulk

DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"


class Here:
    """A way to the server."""

    target: Any = None

    def __init__(self, port: int) -> None:
        self.access = RedisAccess(
            user="audit",
            port=port,
            password=SecretRef("env:X"),
            address=HostName("127.0.0.1"),
            tls=Tls.PLAIN,
        )

    def address(self, name: str) -> str:
        return name

    def secret(self, reference: str) -> str:
        return "secret"


def answering(reported: Callable[[list[str]], bytes | None], *requests: Any) -> list[Reply]:
    def answer(words: list[str]) -> bytes | None:
        return b"+OK\r\n" if words[0] in ("AUTH", "PING") else reported(words)

    peer = RedisPeer(answer)
    with peer.listening() as port, session.open(Here(port)) as opened:
        return list(opened.ask(requests))


def test_secrets_are_never_asked_for() -> None:
    for name in ("requirepass", "masterauth", "tls-key-file-pass", "*", "req*", "[r]equirepass"):
        with pytest.raises(ValueError, match="not a setting"):
            RedisConfig(names=(name,))


def test_digests_of_passwords_stay_with_the_session() -> None:
    def reported(words: list[str]) -> bytes:
        match words:
            case ["ACL", "USERS"]:
                return array("default")
            case ["ACL", "GETUSER", "default"]:
                return (b"*12\r\n" + bulk("flags") + array("on", "sanitize-payload")
                        + bulk("passwords") + array(DIGEST) + bulk("commands") + bulk("+@all")
                        + bulk("keys") + bulk("~*") + bulk("channels") + bulk("&*")
                        + bulk("selectors") + array())  # fmt: skip
            case ["ACL", "DRYRUN", "default", "FLUSHALL"]:
                return b"-ERR Command 'FLUSHALL' not found\r\n"
        return b"+OK\r\n"

    (reply,) = answering(reported, RedisUsers())
    assert DIGEST.encode() not in reply.stdout
    assert b'"passwords": 1' in reply.stdout
    assert b"not found" in reply.stdout


def test_servers_that_lie() -> None:
    lies = {
        b"-NOPERM this user has no permissions to run the 'info' command\r\n": Status.NOT_PERMITTED,
        # as Valkey 8.1.1 and Redis 8.0.2 say it
        b"-NOPERM User a has no permissions to run the 'info' command\r\n": Status.NOT_PERMITTED,
        b"-ERR unknown command 'INFO'\r\n": Status.UNSUPPORTED,
        b"*3\r\n:1\r\n:2\r\n:3\r\n": Status.MALFORMED, b":2000000000\r\n": Status.MALFORMED,
        b"$-1\r\n": Status.MALFORMED,
        b"-" + b"\x1b[2J" + b"x" * 300_000 + b"\r\n": Status.MALFORMED,
        b"*1\r\n" * 5000: Status.MALFORMED, b"*-7\r\n": Status.MALFORMED,
    }  # fmt: skip
    for lie, status in lies.items():
        (reply,) = answering(lambda words, lie=lie: lie, RedisInfo())  # type: ignore[misc]
        assert reply.status is status, (lie[:20], reply)
        assert len(str(reply.detail)) < 2000
    (reply,) = answering(lambda words: bulk("x" * 100_000), RedisInfo(limit=1000))
    assert (reply.truncated, len(reply.stdout) <= 1000) == (True, True)
    # the first is followed by one login more; no answer is taken for that of another question
    three = (RedisInfo(timeout_s=1), RedisInfo(timeout_s=1), RedisInfo(timeout_s=1))
    lies_told = {
        b"$99999999999\r\nx": [Status.TIMED_OUT, Status.TIMED_OUT, None],
        b"garbage\r\n": [Status.MALFORMED, Status.MALFORMED, None],
    }
    for lie, statuses in lies_told.items():
        assert answering_or_lost(lie, *three) == statuses


def test_a_login_without_the_right_to_ping_is_accepted() -> None:
    no = b"-NOPERM User a has no permissions to run the '%s' command\r\n"
    peer = RedisPeer(
        lambda words: b"+OK\r\n" if words[0] == "AUTH" else no % words[0].lower().encode()
    )
    with peer.listening() as port, session.open(Here(port)) as opened:
        (reply,) = opened.ask((RedisInfo(),))
    assert reply.status is Status.NOT_PERMITTED


def answering_or_lost(lie: bytes, *requests: Any) -> list[Status | None]:
    """The status of each reply, None where the session is lost: no answer is taken for another."""
    peer = RedisPeer(lambda words: b"+OK\r\n" if words[0] in ("AUTH", "PING") else lie)
    found: list[Status | None] = []
    with peer.listening() as port, session.open(Here(port)) as opened:
        for request in requests:
            try:
                (reply,) = opened.ask((request,))
                found.append(reply.status)
            except ConnectError:
                found.append(None)
    return found


def _user(name: str, may: str, commands: str = "-@all +get") -> User:
    return User(name=name, flags=("on",), passwords=1, commands=commands, keys="~a:*",
                may={"FLUSHALL": may})  # fmt: skip


def test_a_renamed_command_is_no_disabled_command() -> None:
    declared = target_of("redis", administrators=["root"])
    nobody = target_of("redis", administrators=None)
    verdicts = {
        "no": Verdict.PASS, "yes": Verdict.FAIL, "ERR Command 'FLUSHALL' not found":
        Verdict.UNDETERMINED,
    }  # fmt: skip
    for may, verdict in verdicts.items():
        users = (_user("root", "yes"), _user("app", may))
        assert dangerous_commands.judge(declared, users).verdict is verdict, may
    assert dangerous_commands.judge(nobody, (_user("root", "yes"),)).verdict is Verdict.UNDETERMINED


def test_settings() -> None:
    def verdict(judge: Any, *more: Any, **values: str) -> Verdict:
        named = {name.replace("_", "-"): value for name, value in values.items()}
        found: Verdict = judge(Settings(values=named), *more).verdict
        return found

    tls = {"bind": "10.0.0.1", "port": "0", "tls_port": "6379"}
    assert verdict(tls_enforced.judge, **tls, tls_protocols="TLSv1.2 TLSv1.3") is Verdict.PASS
    assert verdict(tls_enforced.judge, **tls, tls_protocols="TLSv1.1 TLSv1.2") is Verdict.FAIL
    assert verdict(tls_enforced.judge, **tls, tls_protocols="") is Verdict.UNDETERMINED
    assert verdict(tls_enforced.judge, **{**tls, "port": "6380"}) is Verdict.FAIL
    assert (
        verdict(tls_enforced.judge, bind="10.0.0.1", port="6379") is Verdict.FAIL
    )  # no TLS built in
    assert verdict(tls_enforced.judge, bind="127.0.0.1 -::1") is Verdict.NOT_APPLICABLE
    assert verdict(tls_enforced.judge, bind="", port="6379") is Verdict.FAIL  # all addresses
    # since 7.0 none: tried with 7.0.15
    seven = {"bind": "", "port": "6379", "enable_protected_configs": "no"}
    assert verdict(tls_enforced.judge, **seven) is Verdict.NOT_APPLICABLE
    assert verdict(listen_addresses.judge, bind="* -::*", port="6379") is Verdict.FAIL
    socket = {"bind": "* -::*", "port": "0", "tls_port": "0"}  # a Unix socket only
    assert verdict(tls_enforced.judge, **socket) is Verdict.NOT_APPLICABLE
    assert verdict(listen_addresses.judge, **socket) is Verdict.PASS
    nobody = User(name="default", flags=("on", "nopass"), passwords=0, commands="+@all", keys="~*",
                  may={})  # fmt: skip
    plain = {"bind": "* -::*", "protected_mode": "no"}
    assert verdict(protected.judge, (nobody,), **plain) is Verdict.FAIL
    assert verdict(protected.judge, (_user("app", "no"),), **plain) is Verdict.PASS
    mode = {**plain, "protected_mode": "yes", "enable_protected_configs": "no"}
    assert verdict(protected.judge, (nobody,), **mode) is Verdict.PASS
    # redis.conf of releases before 7.0: protected only where no address is bound
    old = {"bind": "10.0.0.1", "protected_mode": "yes"}
    assert verdict(protected.judge, (nobody,), **old) is Verdict.FAIL
    assert verdict(protected.judge, (nobody,), **{**old, "bind": ""}) is Verdict.PASS
    # that mode looks at default only
    other = structs.replace(nobody, name="app")
    assert verdict(protected.judge, (_user("default", "no"), other), **mode) is Verdict.FAIL


def test_one_verdict_of_each_kind() -> None:
    def verdict(judge: Any, *more: Any, **values: str) -> Verdict:
        named = {name.replace("_", "-"): value for name, value in values.items()}
        found: Verdict = judge(*more, Settings(values=named)).verdict
        return found

    assert verdict(idle_timeout.judge, timeout="0") is Verdict.FAIL
    assert verdict(idle_timeout.judge, timeout="600") is Verdict.PASS
    files = {"logfile": "/var/log/r.log", "syslog_enabled": "no", "loglevel": "notice"}
    assert verdict(log.judge, **files) is Verdict.PASS
    assert verdict(log.judge, **{**files, "logfile": ""}) is Verdict.UNDETERMINED
    assert verdict(log.judge, **{**files, "logfile": "/dev/null"}) is Verdict.FAIL
    assert verdict(log.judge, **{**files, "logfile": "/dev/null", "syslog_enabled": "yes"}) is (
        Verdict.PASS
    )
    alone = Info(fields={"role": "master"})
    followed = Info(fields={"role": "master", "slave0": "ip=10.0.0.2,state=online,lag=1"})
    behind = Info(fields={"role": "master", "slave0": "ip=10.0.0.2,state=online,lag=99"})
    ups = [Info(fields={"role": "slave", "master_link_status": s}) for s in ("up", "down")]
    found = [replica.judge(info).verdict for info in (alone, followed, behind, *ups)]
    assert found == [Verdict.FAIL, Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.FAIL]
    assert verdict(replication_tls.judge, alone, port="0") is Verdict.NOT_APPLICABLE
    cluster = structs.replace(alone, fields={**alone.fields, "cluster_enabled": "1"})
    assert verdict(replication_tls.judge, cluster, port="0") is Verdict.FAIL
    more = {"port": "0", "tls_cluster": "yes"}
    assert verdict(replication_tls.judge, cluster, **more) is Verdict.NOT_APPLICABLE
    assert verdict(replication_tls.judge, followed, port="0") is Verdict.PASS
    assert verdict(replication_tls.judge, followed, port="6379") is Verdict.UNDETERMINED
    assert verdict(replication_tls.judge, ups[0], tls_replication="no") is Verdict.FAIL
    assert verdict(replication_tls.judge, ups[0], tls_replication="yes") is Verdict.PASS
    for version, outcome in (
        ("8.0.2", Verdict.PASS), ("7.0.15", Verdict.UNDETERMINED), ("x", Verdict.UNDETERMINED),
    ):  # fmt: skip
        info = Info(fields={"redis_version": version})
        assert release_supported.judge(info, "2026-01-02T00:00:00Z").verdict is outcome, version


def test_rights_by_selectors_and_but_for_one_command() -> None:
    """As Redis 7.0.15 tells users of `(+@all ~*)` and of `+@all -ping`."""
    declared = target_of("redis", administrators=["root"])
    rules = {"flags": ("on",), "passwords": 1}
    selector = convert({"name": "app", "commands": "-@all", "keys": "", "may": {"SYNC": "yes"},
                        "selectors": [{"commands": "+@all", "keys": "~*", "channels": ""}],
                        **rules}, User)  # fmt: skip
    nearly = convert({"name": "app", "commands": "+@all -ping", "keys": "~*",
                      "may": {"SYNC": "yes", "FLUSHALL": "yes"}, **rules}, User)  # fmt: skip
    some = convert({"name": "app", "commands": "+@all -@dangerous", "keys": "~*",
                    "may": {"SYNC": "no", "EVAL": "yes"}, **rules}, User)  # fmt: skip
    assert [user_rights.judge(declared, (u,)).verdict for u in (selector, nearly, some)] == [
        Verdict.FAIL, Verdict.FAIL, Verdict.PASS
    ]  # fmt: skip
    for keys, verdict in (("~**", "fail"), ("%RW~*", "fail"), ("%R~* %W~*?", "fail"),
                          ("%R~*", "pass"), ("~a*", "pass"), ("~?", "pass")):  # fmt: skip
        judged = user_rights.judge(declared, (structs.replace(nearly, keys=keys),))
        assert judged.verdict == verdict, keys
    default = structs.replace(selector, name="default")
    assert default_user.judge((default,)).verdict is Verdict.FAIL


def test_persistence() -> None:
    now = "2026-01-02T00:00:00Z"
    saved = "1767225600"  # a day before

    def verdict(save: str, declared: Any = None, **fields: str) -> Verdict:
        settings = Settings(values={"save": save})
        found: Verdict = persistence.judge(
            declared or target_of("redis"), Info(fields=fields), settings, now
        ).verdict
        return found

    rdb = {"rdb_last_bgsave_status": "ok", "rdb_last_save_time": saved, "aof_enabled": "0"}
    assert verdict("3600 1", **rdb, rdb_changes_since_last_save="0") is Verdict.PASS
    assert verdict("3600 1", **rdb, rdb_changes_since_last_save="9") is Verdict.PASS
    old = {**rdb, "rdb_last_save_time": str(int(saved) - 1)}
    assert verdict("3600 1", **old, rdb_changes_since_last_save="9") is Verdict.FAIL
    assert verdict("3600 1", **old, rdb_changes_since_last_save="0") is Verdict.PASS
    assert verdict("") is Verdict.FAIL
    assert verdict("", target_of("redis", cache=True)) is Verdict.NOT_APPLICABLE
    assert verdict("", aof_enabled="1", aof_last_write_status="err") is Verdict.FAIL
    assert verdict("", aof_enabled="1", aof_last_write_status="ok") is Verdict.PASS
    assert verdict("", aof_enabled="1") is Verdict.UNDETERMINED


def test_servers_that_a_host_shows_at_any_port() -> None:
    """Lines of `ss -H -tulnp` of iproute2 6.1 beside PostgreSQL 15, MariaDB 10.11, Redis 7.0."""
    lines = "".join(
        f"tcp LISTEN 0      511    127.0.0.1:{port} 0.0.0.0:* users:((\"{name}\",pid=9,fd=7))\n"
        for port, name in (
            (55051, "redis-server"), (44963, "postgres"), (53893, "mariadbd"),
            (4000, "valkey-server"),
        )
    )  # fmt: skip
    answer = Answer(stdout=lines.encode(), stderr=b"", exit_code=0, truncated=False,
                    collected_at="2026-01-01T00:00:00Z", target=target_of("host"))  # fmt: skip
    found = parse_ss(answer)
    assert isinstance(found, tuple)
    for kind in (REDIS, MYSQL, POSTGRESQL):
        (part,) = kind.propose[0].make(target_of("host"), found)
        assert part.id == kind.id
    alone = tuple(each for each in found if each.process == "valkey-server")
    assert [part.id for part in REDIS.propose[0].make(target_of("host"), alone)] == ["redis"]


def test_more_than_an_answer_is_no_answer_to_the_next_question() -> None:
    for lie in (b"$3\r\nabc\r\n+OK\r\n", b"$3\r\nabcdef\r\n", b"-ERR no\r\n+OK\r\n"):
        two = (RedisInfo(timeout_s=1), RedisInfo(timeout_s=1), RedisInfo(timeout_s=1))
        assert answering_or_lost(lie, *two) == [Status.MALFORMED, Status.MALFORMED, None], lie
