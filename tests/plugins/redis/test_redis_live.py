"""Verdicts on real servers: a good one, a bad one, and an account without rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live.product import dengbao, environment
from live.redis_server import PASSWORD, RedisServer

pytestmark = pytest.mark.live

GOOD = (
    "user default off", "timeout 600", 'tls-protocols "TLSv1.2 TLSv1.3"', "appendonly yes",
    f"user shop on >{PASSWORD} ~shop:* -@all +get +set",
)  # fmt: skip
BAD = (
    "protected-mode no", "enable-debug-command yes", "loglevel warning", 'save ""',
    f"user app on >{PASSWORD} ~* &* +@all",
)  # fmt: skip


class Shop:
    """A server, and runs of the profile as one of its users."""

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
        return {f["check"].removeprefix("redis."): f for f in done.json["findings"]}


def _verdicts(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: each["verdict"] for name, each in found.items()}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with RedisServer(*GOOD) as server:
        shop = Shop(server, tmp_path_factory.mktemp("good"))
        shop.grant()
        server.command(f"ACL SETUSER plain on >{PASSWORD} -@all +ping")
        yield shop


def test_a_good_server(good: Shop) -> None:
    found = good.run("audit")
    others = {name: v for name, v in _verdicts(found).items() if v != "pass"}
    assert others == {
        "release-supported": "undetermined",  # 7.0 of Debian, which maintains it
        "replica": "fail",
        "replication-tls": "not_applicable",
    }
    stored = b"".join(path.read_bytes() for path in (good.home / "audit").rglob("*.bundle"))
    assert PASSWORD.encode() not in stored
    told = good.server.command("ACL GETUSER shop")
    (digest,) = [line for line in told.splitlines() if len(line) == 64]
    assert digest.encode() not in stored


def test_the_account_of_the_audit_writes_nothing(good: Shop) -> None:
    user = f"AUTH audit {PASSWORD}"
    writing = ("SET a b", "CONFIG SET timeout 0", "ACL SETUSER x on", "FLUSHALL", "SHUTDOWN",
               "GET a", "ACL LIST", "SAVE", "CLIENT KILL ID 1")  # fmt: skip
    answers = good.server.command(user, *writing)
    assert answers.count("-NOPERM") == len(writing), answers
    assert good.server.command("DBSIZE").count(":0") == 1


def test_an_account_without_rights_passes_nothing(good: Shop) -> None:
    found = good.run("plain")
    assert set(_verdicts(found).values()) == {"undetermined"}
    assert "+acl|getuser" in str(found["no-password"]["detail"])
    assert "+config|get" in str(found["tls-enforced"]["detail"])


def test_a_bad_server(tmp_path: Path) -> None:
    with RedisServer(*BAD, tls=False) as server:
        shop = Shop(server, tmp_path)
        shop.grant()
        server.command("SET a b")
        found = shop.run("audit")
    assert {name: v for name, v in _verdicts(found).items() if v != "fail"} == {
        "release-supported": "undetermined",
        "listen-addresses": "pass",
        "replication-tls": "not_applicable",
    }
    assert "app" in str(found["dangerous-commands"]["detail"])
