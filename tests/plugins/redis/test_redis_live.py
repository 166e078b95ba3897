"""Verdicts on real servers: a good one, a bad one, and an account without rights."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from audit_core.api.sdk import Answer, Fact, Verdict
from audit_core.api.testkit import target_of
from audit_core.model import ConnectError, HostName, Request, SecretRef
from audit_database.access import Tls
from audit_redis import session
from audit_redis.access import RedisAccess
from audit_redis.server import INFO, SETTINGS, Info, Settings
from audit_redis.server_checks import (
    listen_addresses,
    release_supported,
    replica,
    replication_tls,
)
from live.database_verdicts import REDIS
from live.database_ways import PASSWORD, Here, jump_login
from live.patience import eventually
from live.product import dengbao, environment
from live.redis_server import RedisServer
from live.sshd import Sshd

pytestmark = pytest.mark.live

GOOD = (
    "user default off", "timeout 600", 'tls-protocols "TLSv1.2 TLSv1.3"', "appendonly yes",
    f"user shop on >{PASSWORD} ~shop:* -@all +get +set",
    f"user report on >{PASSWORD} -@all (+@read -@dangerous %R~report:*)",
)  # fmt: skip
BAD = (
    "protected-mode no", "enable-debug-command yes", "loglevel warning", 'save ""',
    "rdbchecksum no",
    f"user app on >{PASSWORD} ~* &* +@all", f"user chosen on >{PASSWORD} -@all (+@all ~*)",
    f"user promoted on >{PASSWORD} ~* +@read +slaveof",
)  # fmt: skip


class Shop:
    """A server, and runs of the profile as one of its users."""

    follower: RedisServer

    def __init__(self, server: RedisServer, home: Path) -> None:
        self.server, self.home = server, home
        self.env = environment(home, GOOD=PASSWORD)

    def inventory(self, user: str) -> Path:
        path = self.home / f"{user}.yaml"
        entry = self.server.entry(user, "GOOD", administrators="[root]")
        path.write_text("targets:\n" + entry)
        return path

    def grant(self) -> str:
        """Makes the account as a user of dengbao would, and tells the line."""
        done = dengbao("plan", "gbt22239-l3", "-i", self.inventory("audit"), "--grants", "audit",
                       env=self.env).ended(0)  # fmt: skip
        (line,) = [li for li in done.stdout.splitlines() if li.startswith("ACL SETUSER")]
        assert self.server.command(line.replace("PASSWORD", PASSWORD)).count("+OK") == 3
        return line

    def run(self, user: str) -> dict[str, dict[str, str]]:
        """Verdict and detail of each check, by name."""
        done = dengbao("run", "gbt22239-l3", "-i", self.inventory(user), "--store",
                       self.home / user, "-o", self.home / f"{user}.zip", "--format", "json",
                       env=self.env).ended(0)  # fmt: skip
        self.observations = done.json["observations"]
        return {
            f["check"].removeprefix("redis."): f
            for f in done.json["findings"] if f["check"].startswith("redis.")
        }  # fmt: skip


def _verdicts(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: each["verdict"] for name, each in found.items()}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with RedisServer(*GOOD) as server, RedisServer(*_follow(server)) as follower:
        shop = Shop(server, tmp_path_factory.mktemp("good"))
        shop.grant()
        server.command(f"ACL SETUSER plain on >{PASSWORD} -@all +ping")
        assert eventually(lambda: replica.judge(_info(server)).verdict is Verdict.PASS)
        shop.follower = follower
        yield shop


def _follow(server: RedisServer) -> tuple[str, ...]:
    """Lines of redis.conf to follow `server`, over TLS with its certificate."""
    own = server.folder / "server.pem"
    return (
        f"replicaof 127.0.0.1 {server.port}", "masteruser root", f"masterauth {PASSWORD}",
        "tls-replication yes", f"tls-cert-file {own}", f"tls-key-file {own}",
        f"tls-ca-cert-file {server.ca}",
    )  # fmt: skip


def test_a_good_server(good: Shop) -> None:
    found = good.run("audit")
    assert _verdicts(found) == REDIS.good_run
    assert replication_tls.judge(*_shown(good.follower)).verdict is Verdict.PASS
    stored = b"".join(path.read_bytes() for path in (good.home / "audit").rglob("*.bundle"))
    assert PASSWORD.encode() not in stored
    reported = good.server.command("ACL GETUSER shop")
    (digest,) = [line for line in reported.splitlines() if len(line) == 64]
    assert digest.encode() not in stored


def test_the_account_of_the_audit_writes_nothing(good: Shop) -> None:
    user = f"AUTH audit {PASSWORD}"
    writing = ("SET a b", "CONFIG SET timeout 0", "ACL SETUSER x on", "FLUSHALL", "SHUTDOWN",
               "GET a", "ACL LIST", "SAVE", "CLIENT KILL ID 1")  # fmt: skip
    answers = good.server.command(user, *writing)
    assert answers.count("-NOPERM") == len(writing), answers
    assert good.server.command("DBSIZE").count(":0") == 1


def _known(server: RedisServer, fact: Fact, **changed: Any) -> Any:
    """The value of a fact as the user `root` gets it, over the Unix socket unless changed."""
    access = {"user": "root", "password": SecretRef("env:GOOD"), "address": HostName("localhost"),
              "socket": str(server.socket), **changed}  # fmt: skip
    (provider,) = fact.providers
    with session.open(Here(RedisAccess(**access))) as opened:
        (reply,) = opened.ask((cast(Request, provider.ask),))
        assert (opened.info.through is None) == ("jump" not in changed)
    answer = Answer(stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False,
                    collected_at="2026-01-01T00:00:00Z", target=target_of("redis"))  # fmt: skip
    return provider.parse(answer)


def _info(server: RedisServer, **changed: Any) -> Info:
    """What INFO tells."""
    return cast(Info, _known(server, INFO, **changed))


def _shown(server: RedisServer) -> tuple[Info, Settings]:
    """What INFO tells, and the settings."""
    return _info(server), cast(Settings, _known(server, SETTINGS))


def test_a_socket_a_jump_host_and_a_replica(tmp_path: Path) -> None:
    with RedisServer(tls=False) as server, Sshd() as jump:
        login = jump_login(jump)
        assert _info(server).get("role") == "master"
        far = {"socket": None, "tls": Tls.PLAIN, "port": server.port}
        assert _info(server, **far, jump=login).get("role") == "master"
        assert jump.log.read_text().count("Accepted publickey") == 1
        with pytest.raises(ConnectError) as outcome:
            _info(server, password=SecretRef("env:BAD"))
        assert outcome.value.refused

        server.command("CONFIG SET maxclients 1")
        with (
            socket.create_connection(("127.0.0.1", server.port)),
            pytest.raises(ConnectError) as outcome,
        ):
            _info(server, **far)
        assert not outcome.value.refused  # a full server says nothing of the password
    with RedisServer("bind * -::*", tls=False) as server:  # protected mode lets in loopback only
        info, settings = _shown(server)
        assert listen_addresses.judge(settings).verdict is Verdict.FAIL
        assert release_supported.judge(info, "2024-01-01T00:00:00Z").verdict is Verdict.PASS
        follow = (f"replicaof 127.0.0.1 {server.port}", "masteruser root", f"masterauth {PASSWORD}")
        with RedisServer(*follow, tls=False) as follower:
            assert eventually(lambda: replica.judge(_info(follower)).verdict is Verdict.PASS)
            assert eventually(lambda: replica.judge(_info(server)).verdict is Verdict.PASS)
            assert replication_tls.judge(*_shown(follower)).verdict is Verdict.FAIL
        assert eventually(lambda: replica.judge(_info(server)).verdict is Verdict.FAIL)


def test_an_account_without_rights_passes_nothing(good: Shop) -> None:
    found = good.run("plain")
    assert _verdicts(found) == REDIS.plain_run
    assert "+acl|getuser" in str(found["no-password"]["detail"])
    assert "+config|get" in str(found["tls-enforced"]["detail"])


def test_a_bad_server(tmp_path: Path) -> None:
    with RedisServer(*BAD, tls=False) as server:
        shop = Shop(server, tmp_path)
        shop.grant()
        server.command("SET a b")
        found = shop.run("audit")
    assert _verdicts(found) == REDIS.bad_run
    detail = str(found["dangerous-commands"]["detail"])
    assert all(words in detail for words in ("app", "chosen", "promoted (KEYS, SLAVEOF)")), detail
    assert "chosen" in str(found["user-rights"]["detail"])
