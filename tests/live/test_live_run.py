"""The whole product over real SSH servers, each with an /etc of its own, several at once."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.toy import toy
from live.backup_sets import HEADER, TABLE, TRAILER, nights, packed, rows
from live.island import USER, Island, host, inventory, need_namespaces
from live.product import Done, dengbao, environment, every_byte
from live.sshd import Sshd

pytestmark = pytest.mark.live

STRONG = """\
PermitRootLogin no
PermitEmptyPasswords no
MaxAuthTries 3
LoginGraceTime 30
ClientAliveInterval 300
ClientAliveCountMax 2
UsePAM yes
Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com
MACs hmac-sha2-512-etm@openssh.com
KexAlgorithms curve25519-sha256,ecdh-sha2-nistp384
"""
WEAK = """\
PermitRootLogin yes
PermitEmptyPasswords yes
MaxAuthTries 20
LoginGraceTime 0
Ciphers aes256-ctr,aes128-cbc,3des-cbc
MACs hmac-sha2-256,hmac-md5
KexAlgorithms ecdh-sha2-nistp256,diffie-hellman-group1-sha1
UsePAM no
"""
WEAK_FILES: dict[str, bytes | None] = {
    "/etc/login.defs": b"PASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nUMASK 000\nENCRYPT_METHOD MD5\n"
}
WEAK_SETUP = "echo 'toor::0:0::/root:/bin/bash' >> /etc/passwd; chmod 666 /etc/passwd"
STRONG_FILES: dict[str, bytes | None] = {
    "/etc/login.defs": b"PASS_MAX_DAYS 90\nPASS_MIN_DAYS 1\nUMASK 027\nENCRYPT_METHOD YESCRYPT\n"
}
STRONG_SETUP = "echo 'umask 027' >> /etc/profile; echo 'readonly TMOUT=600' >> /etc/profile"
DECIDED_BY_CONFIGURATION = (
    "linux.sshd-root-login", "linux.sshd-ciphers", "linux.sshd-macs", "linux.sshd-kex",
    "linux.sshd-empty-passwords", "linux.root-only-uid-0", "linux.file-modes",
    "linux.password-age-default",
)  # fmt: skip


SMALL = """
@check("toy.name", needs=fact("toy.hostname", str, kind="host", ask=ReadFile(path="/etc/hostname"),
       parse=lambda a: a.text), severity=Severity.LOW)
def named(seen):
    \"\"\"It has a name.\"\"\"
    return expect(bool(seen), detail=msg("{seen}", seen=seen))
"""


def small(base: Path, **more: str) -> dict[str, str]:
    """The environment with a profile `toy` of one check, for what is not about checks."""
    toy(base / "site", SMALL, ["toy.name"])
    return environment(base, (base / "site",), **more)


class Fleet:
    """One run over everything that can go wrong at once."""

    def __init__(self, base: Path, done: Done, servers: dict[str, Sshd]) -> None:
        self.base = base
        self.logs = {name: server.log.read_text() for name, server in servers.items()}
        self.done = done
        self.json: Any = done.json
        self.servers = servers
        self.by_id = {f["id"]: f for f in self.json["findings"]}

    def of(self, target: str) -> list[dict[str, Any]]:
        return [f for f in self.json["findings"] if f["target"] == target]

    def asked(self, target: str) -> list[dict[str, Any]]:
        """Those of the Linux checks that ask the host; no data mounts are declared to ask about."""
        named = (f for f in self.of(target) if f["check"].startswith("linux."))
        return [f for f in named if f["check"] != "linux.data-encrypted"]

    def verdicts(self, target: str) -> set[str]:
        return {f["verdict"] for f in self.of(target)}

    def how(self, target: str) -> set[str]:
        return {o["how"] for o in self.json["observations"] if o["target"] == target}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    need_namespaces()
    base = tmp_path_factory.mktemp("fleet")
    printed = dengbao("plan", "gbt22239-l3", "--grants", USER, env=environment(base)).ended(0)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        strong = enter(
            Island(
                user=USER, files=STRONG_FILES, setup=STRONG_SETUP, sshd_config=STRONG,
                sudoers=printed.stdout,
            )
        )  # fmt: skip
        weak = enter(Island(files=WEAK_FILES, setup=WEAK_SETUP, sshd_config=WEAK))
        plain = enter(Island(["PasswordAuthentication yes"], user=USER))
        stranger = enter(Sshd())
        jumped = enter(Island(sshd_config=WEAK))
        silent = enter(socket.socket())
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        closed = enter(socket.socket())
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
        (base / "empty").write_text("")
        jump = f"""\
      jump:
        address: 127.0.0.1
        user: {strong.user}
        port: {strong.port}
        key: {strong.client_key}
        known_hosts: {strong.known_hosts}
"""

        def nobody(id: str, port: int) -> str:
            return (
                f"  - id: {id}\n    address: 127.0.0.1\n    access:\n      user: root\n"
                f"      port: {port}\n      key: {strong.client_key}\n"
            )

        dump = HEADER + TABLE + TRAILER
        nights(base / "set", "db-@.sql.gz", lambda n: packed("gzip -c", dump + rows(n)), 3)
        inv = inventory(
            base / "inventory.yaml",
            host("strong", strong),
            host("weak", weak),
            host("plain", plain, password="env:PLAIN_PASSWORD"),
            host("stranger", stranger, known=str(base / "empty")),
            host("jumped", jumped) + jump,
            nobody("silent", silent.getsockname()[1]),
            nobody("closed", closed.getsockname()[1]),
            "  - {id: here, access: {via: local}, backups: [{id: db, rpo_hours: 26, copies: 3, "
            f"path: {base}/set}}]}}\n",
            head="scope: [127.0.0.0/8]\n",
        )
        env = environment(base, PLAIN_PASSWORD=plain.password)
        done = dengbao("run", "gbt22239-l3", "-i", inv, "--store", base / "store", "-o",
                       base / "pack.zip", "--partial", "--format", "json", env=env)  # fmt: skip
        done.ended(4)
        (base / "stdout").write_bytes(done.out)
        (base / "stderr").write_bytes(done.err)
        servers: dict[str, Sshd] = {
            "strong": strong, "weak": weak, "plain": plain, "stranger": stranger, "jumped": jumped,
        }  # fmt: skip
        yield Fleet(base, done, servers)


def test_a_sound_backup_set_passes_in_a_run(fleet: Fleet) -> None:
    for check in ("present", "fresh", "copies", "size"):
        found = fleet.by_id[f"backup.{check}@here/backup:db"]
        assert found["verdict"] == "pass", found


def test_every_check_has_a_finding_on_every_host_whatever_happened_to_it(fleet: Fleet) -> None:
    hosts = ["strong", "weak", "plain", "stranger", "jumped", "silent", "closed", "here"]
    checks = {f["check"] for f in fleet.of("here")}
    assert len(checks) > 40
    for name in hosts:
        assert sorted(f["check"] for f in fleet.of(name)) == sorted(checks), name


@pytest.mark.parametrize("check", DECIDED_BY_CONFIGURATION)
def test_verdicts_follow_what_the_server_is_configured_to(fleet: Fleet, check: str) -> None:
    strong, weak = fleet.by_id[f"{check}@strong"], fleet.by_id[f"{check}@weak"]
    assert strong["verdict"] == "pass", strong
    assert weak["verdict"] == "fail", weak
    assert strong["detail"] != weak["detail"]
    assert weak["evidence"]


def test_a_host_behind_a_jump_host_is_audited_through_it(fleet: Fleet) -> None:
    assert fleet.by_id["linux.sshd-root-login@jumped"]["verdict"] == "fail"
    port = fleet.servers["strong"].port
    through = f"through: over ssh, as {USER}, at 127.0.0.1:{port}"
    assert any(through in how for how in fleet.how("jumped"))


def test_an_ordinary_user_sees_what_it_may_and_the_rest_is_undetermined(fleet: Fleet) -> None:
    assert "pass" in fleet.verdicts("plain")
    refused = [f for f in fleet.of("plain") if f["why"] == "not_permitted"]
    assert len(refused) >= 5
    assert {f["verdict"] for f in refused} == {"undetermined"}
    assert fleet.by_id["linux.sshd-root-login@plain"]["verdict"] == "undetermined"
    sessions = [how for how in fleet.how("plain") if how.startswith("over ssh")]
    assert sessions
    assert all("uid 4242" in how for how in sessions)


def test_an_unknown_host_key_is_an_error_that_says_how_to_accept_it(fleet: Fleet) -> None:
    server = fleet.servers["stranger"]
    assert {(f["verdict"], f["why"]) for f in fleet.asked("stranger")} == {
        ("undetermined", "unreachable")
    }
    assert "unknown host key ssh-ed25519 SHA256:" in fleet.done.stderr
    scan = rf"ssh-keyscan -p {server.port} -t ed25519 -- 127\.0\.0\.1 >> \S+empty"
    assert re.search(scan, fleet.done.stderr)
    assert "Accepted" not in fleet.logs["stranger"]


@pytest.mark.parametrize(
    ("name", "why", "detail"),
    [("closed", {"unreachable"}, "Connection refused"),
     ("silent", {"unreachable", "timed_out"}, "127.0.0.1")],
)  # fmt: skip
def test_a_host_that_does_not_answer_costs_only_itself(
    fleet: Fleet, name: str, why: set[str], detail: str
) -> None:
    shell = fleet.asked(name)
    assert {f["verdict"] for f in shell} == {"undetermined"}
    assert {f["why"] for f in shell} <= why
    assert all(detail in f["detail"] for f in shell)
    assert f"{name}: " in fleet.done.stderr


def test_no_clause_conforms_on_a_host_that_nobody_saw(fleet: Fleet) -> None:
    for name in ("stranger", "silent", "closed"):
        computing = [c for c in fleet.json["conclusions"] if c["target"] == name and c["findings"]]
        assert computing
        assert "conforming" not in {c["conclusion"] for c in computing}


def test_one_login_for_each_host(fleet: Fleet) -> None:
    for name in ("strong", "weak", "plain"):
        log = fleet.logs[name]
        logins = len(re.findall(r"^Accepted (?:publickey|password) for", log, re.MULTILINE))
        assert logins == (2 if name == "strong" else 1), name  # the jump goes through it
        assert "Failed" not in log


def test_the_json_has_the_fields_that_were_promised(fleet: Fleet) -> None:
    reported = fleet.json
    assert {"schema", "run", "findings", "conclusions"} <= reported.keys()
    assert {"id", "started", "ended", "profile", "complete"} <= reported["run"].keys()
    for finding in reported["findings"]:
        assert {"check", "target", "verdict", "why", "detail", "expected", "evidence"} <= (
            finding.keys()
        )
        assert finding["verdict"] in ("pass", "fail", "not_applicable", "undetermined")
        assert finding["detail"]
        assert isinstance(finding["evidence"], list)
    for conclusion in reported["conclusions"]:
        assert {
            "catalog", "clause", "unit", "target", "conclusion", "coverage", "findings",
            "range", "steps", "pending",
        } <= conclusion.keys()  # fmt: skip
        assert conclusion["conclusion"] in (
            "conforming", "partly_conforming", "nonconforming", "not_applicable", "not_assessed",
        )  # fmt: skip
        settled = len(conclusion["range"]) == 1
        assert settled or conclusion["pending"] or conclusion["conclusion"] == "not_assessed"
        for step in conclusion["steps"]:
            assert step["state"] in ("affirmed", "denied", "not_applicable", "open")
            assert bool(step["question"]) == (step["state"] == "open")
        assert conclusion["coverage"] in ("full", "partial", "supports", "none")
        assert set(conclusion["findings"]) <= fleet.by_id.keys()
    clauses = {c["clause"] for c in reported["conclusions"]}
    assert len(clauses) == 211


def test_the_password_is_in_no_byte(fleet: Fleet) -> None:
    plain = fleet.servers["plain"]
    assert isinstance(plain, Island)
    secret = plain.password.encode()
    hashed = [
        line.split(":")[1].encode()
        for line in (plain.folder / "etc" / "shadow").read_text().splitlines()
        if line.startswith(USER)
    ]
    assert len(hashed) == 1
    written = every_byte(fleet.base)
    with zipfile.ZipFile(fleet.base / "pack.zip") as pack:
        written |= {Path("pack", n): pack.read(n) for n in pack.namelist()}
    assert len(written) > 100
    for path, data in written.items():
        assert secret not in data, path
        assert hashed[0] not in data, path


def test_the_pack_verifies(fleet: Fleet) -> None:
    done = dengbao("verify", fleet.base / "pack.zip", env=environment(fleet.base))
    assert done.code == 0, done.stdout


def test_only_the_chosen_host_is_contacted(fleet: Fleet, tmp_path: Path) -> None:
    weak, strong = fleet.servers["weak"], fleet.servers["strong"]
    before = [s.logged(b"Connection from") for s in (weak, strong)]
    done = dengbao("run", "toy", "-i", fleet.base / "inventory.yaml", "-t", "weak",
                   "--store", tmp_path / "store", "--format", "json",
                   env=small(tmp_path, PLAIN_PASSWORD="not needed here"))  # fmt: skip
    done.ended(0)
    assert {f["target"] for f in done.json["findings"]} == {"weak"}
    assert [s.logged(b"Connection from") for s in (weak, strong)] == [before[0] + 1, before[1]]


def test_doctor_says_what_each_host_lets_us_do(fleet: Fleet, tmp_path: Path) -> None:
    plain = fleet.servers["plain"]
    assert isinstance(plain, Island)
    done = dengbao("doctor", "-i", fleet.base / "inventory.yaml", "--format", "json",
                   env=environment(tmp_path, PLAIN_PASSWORD=plain.password))  # fmt: skip
    done.ended(4, 69)
    rows = {row["what"]: row for row in done.json}
    assert rows["strong"]["state"] == "ok"
    assert rows["plain"]["state"] == "limited"  # sudo allows nothing
    grants = f"dengbao plan PROFILE -i {fleet.base / 'inventory.yaml'} --grants {USER}"
    assert grants in rows["plain"]["detail"]
    assert rows["stranger"]["state"] == rows["closed"]["state"] == "out of reach"
    assert "ssh-keyscan" in rows["stranger"]["detail"]


def test_accepting_the_key_with_the_printed_command_lets_us_in(
    fleet: Fleet, tmp_path: Path
) -> None:
    import subprocess

    server = fleet.servers["stranger"]
    known = tmp_path / "known"
    inv = inventory(tmp_path / "inv.yaml", host("one", server, known=str(known)))
    words = ("collect", "toy", "-i", inv, "--store", tmp_path / "store")
    env = small(tmp_path)
    first = dengbao(*words, "--partial", env=env).ended(4)
    (command,) = re.findall(r"(ssh-keyscan .* >> \S+)", first.stderr)
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    dengbao(*words, env=env).ended(0)
    assert "Accepted" in server.log.read_text()


def test_a_refused_credential_is_not_tried_on_a_fourth_host(tmp_path: Path) -> None:
    need_namespaces()
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(Island(["PasswordAuthentication yes"], user=USER)) for _ in range(5)
        ]
        hosts = [host(f"h{n}", s, password="env:WRONG") for n, s in enumerate(servers)]
        inv = inventory(tmp_path / "inv.yaml", *hosts)
        done = dengbao("run", "toy", "-i", inv, "--store", tmp_path / "store",
                       "--at-once", "1", "--format", "json",
                       env=small(tmp_path, WRONG="not-the-password"))  # fmt: skip
        done.ended(0, 4)
        attempts = [s.logged(b"Failed password for audit") for s in servers[:3]]
        attempts += [s.log.read_text().count("Failed password") for s in servers[3:]]
        connections = [s.log.read_text().count("Connection from") for s in servers]
    assert attempts == [1, 1, 1, 0, 0]
    assert connections == [1, 1, 1, 0, 0]
    assert {(f["verdict"], f["why"]) for f in done.json["findings"]} == {
        ("undetermined", "not_permitted")
    }
    assert "failed on 3 targets" in done.stderr


def test_at_once_a_refused_credential_is_tried_on_three_hosts_at_most(tmp_path: Path) -> None:
    need_namespaces()
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(Island(["PasswordAuthentication yes"], user=USER)) for _ in range(6)
        ]
        hosts = [host(f"h{n}", s, password="env:WRONG") for n, s in enumerate(servers)]
        inv = inventory(tmp_path / "inv.yaml", *hosts)
        dengbao("collect", "toy", "-i", inv, "--store", tmp_path / "store",
                env=small(tmp_path, WRONG="not-the-password")).ended(0, 4)  # fmt: skip
        attempts = sum(s.log.read_text().count("Failed password") for s in servers)
    assert attempts <= 3


def test_an_inventory_of_one_host_as_json_is_one_document(fleet: Fleet) -> None:
    assert json.loads(fleet.done.out) == fleet.json
    assert b"\x1b" not in fleet.done.out + fleet.done.err
