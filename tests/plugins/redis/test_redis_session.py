"""One session: what it asks, what it never asks, and servers that lie. The servers are invented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.testkit import target_of
from audit_core.model import ConnectError, HostName, Reply, SecretRef, Status, Verdict
from audit_database.access import Tls
from audit_redis import session
from audit_redis.access import RedisAccess
from audit_redis.request import RedisConfig, RedisInfo, RedisUsers
from audit_redis.server import Info, Settings, User
from audit_redis.server_checks import persistence, protected, tls_enforced
from audit_redis.user_checks import dangerous_commands
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


def answering(told: Callable[[list[str]], bytes | None], *requests: Any) -> list[Reply]:
    def answer(words: list[str]) -> bytes | None:
        return b"+OK\r\n" if words[0] in ("AUTH", "PING") else told(words)

    peer = RedisPeer(answer)
    with peer.listening() as port, session.open(Here(port)) as opened:
        return list(opened.ask(requests))


def test_secrets_are_never_asked_for() -> None:
    for name in ("requirepass", "masterauth", "tls-key-file-pass", "*", "req*", "[r]equirepass"):
        with pytest.raises(ValueError, match="not a setting"):
            RedisConfig(names=(name,))


def test_digests_of_passwords_stay_with_the_session() -> None:
    def told(words: list[str]) -> bytes:
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

    (reply,) = answering(told, RedisUsers())
    assert DIGEST.encode() not in reply.stdout
    assert b'"passwords": 1' in reply.stdout
    assert b"not found" in reply.stdout


def test_servers_that_lie() -> None:
    lies = {
        b"-NOPERM this user has no permissions to run the 'info' command\r\n": Status.NOT_PERMITTED,
        b"-ERR unknown command 'INFO'\r\n": Status.UNSUPPORTED,
        b"*3\r\n:1\r\n:2\r\n:3\r\n": Status.MALFORMED, b":2000000000\r\n": Status.MALFORMED,
        b"$-1\r\n": Status.MALFORMED,
        b"*1\r\n" * 5000: Status.MALFORMED, b"*-7\r\n": Status.MALFORMED,
    }  # fmt: skip
    for lie, status in lies.items():
        (reply,) = answering(lambda words, lie=lie: lie, RedisInfo())  # type: ignore[misc]
        assert reply.status is status, (lie[:20], reply)
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
    nobody = User(name="default", flags=("on", "nopass"), passwords=0, commands="+@all", keys="~*",
                  may={})  # fmt: skip
    plain = {"bind": "* -::*", "protected_mode": "no"}
    assert verdict(protected.judge, (nobody,), **plain) is Verdict.FAIL
    assert verdict(protected.judge, (_user("app", "no"),), **plain) is Verdict.PASS
    mode = {**plain, "protected_mode": "yes"}
    assert verdict(protected.judge, (nobody,), **mode) is Verdict.PASS
    # that mode looks at default only
    other = structs.replace(nobody, name="app")
    assert verdict(protected.judge, (_user("default", "no"), other), **mode) is Verdict.FAIL


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
