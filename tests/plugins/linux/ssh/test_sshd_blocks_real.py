"""Match blocks of generated settings: what sshd itself answers for each login, compared."""

from __future__ import annotations

import functools
import itertools
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.api.sdk import msg
from audit_core.model import Absent, Answer
from audit_linux.ssh.sshd import Servers, Sshd, parse_sshd_t
from audit_linux.ssh.sshd_checks import settings_as
from audit_linux.ssh.sshd_files import SshdFiles, parse_sshd_files
from audit_linux.ssh.sshd_logins import sure_logins
from audit_linux.ssh.sshd_match import Names
from audit_linux.ssh.sshd_nobody import SSHD_NOBODY, outside_of_blocks
from audit_linux.ssh.sshd_server import Server
from audit_linux.ssh.sshd_sockets import Sockets
from invented.answers import answer

Make = Callable[..., Answer]
ACCOUNTS = ("root", "daemon", "bin")
PEOPLE = Names(
    groups_of={name: frozenset({name}) for name in ACCOUNTS}, whole=True, shells=ACCOUNTS
)
HERE = Sockets(open={"22": "sshd", "2222": "sshd"}, own=("192.0.2.9",))
CRITERIA = (
    "User daemon", "User root,daemon", "User *,!daemon", "User !daemon", "User b*", "Group daemon",
    "Group *,!bin", "Address 10.0.0.0/8", "Address !10.0.0.0/8,*", "Address 172.16.0.0/12",
    "Address !10.0.0.0/8", "LocalPort 22", "LocalPort 2222", "LocalPort 4444", "Host h", "Host *",
    "User daemon Address 10.0.0.0/8", "Group bin LocalPort 2222", "User daemon,bin LocalPort 22",
    "LocalAddress 192.0.2.9", "LocalAddress 198.51.100.0/24",
)  # fmt: skip
SETTINGS = (
    "AuthenticationMethods publickey,password", "AuthenticationMethods publickey",
    "PasswordAuthentication no", "PasswordAuthentication yes", "PubkeyAuthentication no",
    "PubkeyAuthentication yes", "MaxAuthTries 3", "MaxAuthTries 9", "PermitRootLogin yes",
    "PermitRootLogin no",
)  # fmt: skip
OUTSIDE = ("MaxAuthTries 4", "PasswordAuthentication no", "PasswordAuthentication yes")
JUDGED = ("authenticationmethods", "passwordauthentication", "pubkeyauthentication",
          "maxauthtries", "permitrootlogin")  # fmt: skip
METHODS = {"publickey": "pubkeyauthentication", "password": "passwordauthentication"}


def _blocks(chance: random.Random) -> tuple[str, str]:
    """The lines before the first Match block, and the blocks."""
    first = [f"PermitRootLogin {chance.choice(['yes', 'no'])}", "UseDNS yes"]
    first += [
        "ListenAddress 192.0.2.9",
        "ListenAddress 127.0.0.1",
        "Port 22",
        "Port 2222",
        "KbdInteractiveAuthentication no",
        chance.choice(OUTSIDE),
    ]
    blocks: list[str] = []
    for _ in range(chance.randint(1, 4)):
        chosen = chance.sample(SETTINGS, chance.randint(1, 3))
        by_key = {line.split()[0]: line for line in chosen}
        blocks += [f"Match {chance.choice(CRITERIA)}", *by_key.values()]
    return "\n".join(first), "\n".join(blocks)


class Program:
    """`sshd -T` on one file."""

    def __init__(self, folder: Path) -> None:
        self.key, self.file = folder / "key", folder / "sshd_config"
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)]
        subprocess.run(keygen, check=True)
        Path("/run/sshd").mkdir(exist_ok=True)

    def asked(self, text: str, *options: str) -> Sshd | None:
        """What it answers; None where it ends with an error."""
        self.file.write_text(f"HostKey {self.key}\n{text}\n", encoding="utf-8")
        command = ["/usr/sbin/sshd", "-T", "-f", str(self.file), *options]
        done = subprocess.run(command, capture_output=True, check=False)
        return None if done.returncode else _values(done.stdout)

    def logins(self, text: str) -> dict[str, list[Sshd]] | None:
        """The settings of each account for each connection that a criterion may tell apart."""
        addresses = ["10.0.0.1", "203.0.113.77", *(["172.16.0.1"] if "172.16" in text else [])]
        ports = ["22", "2222"] if "LocalPort" in text else ["22"]
        hosts = ["h", "x.y"] if "Host " in text else ["h"]
        own = ["192.0.2.9", "127.0.0.1"] if "LocalAddress" in text else ["192.0.2.9"]
        found: dict[str, list[Sshd]] = {name: [] for name in ACCOUNTS}
        for name, *rest in itertools.product(ACCOUNTS, hosts, addresses, own, ports):
            spec = "user={},host={},addr={},laddr={},lport={}".format(name, *rest)
            got = self.asked(text, "-C", spec)
            if got is None:  # such as methods that are switched off for this account
                return None
            found[name].append(got)
        return found


def _values(stdout: bytes) -> Sshd:
    got = parse_sshd_t(answer(stdout))
    assert isinstance(got, Sshd)
    return got


def _single(sshd: Sshd) -> bool:
    """Whether one method is enough."""
    on = {method for method, key in METHODS.items() if sshd.one(key) == "yes"}
    lists = [one for one in sshd.one("authenticationmethods").split() if one != "any"]
    return bool(on & set(lists)) if lists else bool(on)


def _accepts(good: Callable[[str], bool], _: str, value: str) -> bool:
    return good(value)


def _compared(server: Server, seen: dict[str, list[Sshd]], text: str) -> None:
    every = [one for each in seen.values() for one in each]
    rows: tuple[tuple[str, Callable[[str], bool], list[Sshd]], ...] = (
        ("maxauthtries", lambda value: int(value) <= 5, every),
        ("permitrootlogin", lambda value: value == "no", seen["root"]),
    )
    for key, good, logins in rows:
        judged = settings_as(server, (key,), functools.partial(_accepts, good), msg("x"))
        bad = [one for one in logins if not good(one.one(key))]
        assert judged.verdict.value == ("fail" if bad else "pass"), (key, text)
    weak = {login.name for login in sure_logins(server) if login.single}
    assert weak == {
        name for name, each in seen.items() for one in each
        if _single(one) and (name != "root" or one.one("permitrootlogin") == "yes")
    }, text  # fmt: skip


@pytest.mark.skipif(
    shutil.which("sshd") is None or os.geteuid() != 0, reason="sshd is not installed, or no root"
)
def test_generated_match_blocks_as_sshd_reads_them(tmp_path: Path, files: Make) -> None:
    program = Program(tmp_path)
    nobody = SSHD_NOBODY.providers[0].ask.argv[2:]  # type: ignore[union-attr]
    compared = 0
    for seed in range(12):
        first, blocks = _blocks(random.Random(seed))
        text = f"{first}\n{blocks}"
        before, asked = program.asked(first), program.asked(text, *nobody)
        seen = program.logins(text)
        if before is None or asked is None or seen is None:
            continue
        read = parse_sshd_files(files({"/etc/ssh/sshd_config": text}))
        assert not isinstance(read, Absent)
        outside = outside_of_blocks(asked, read)
        for key in JUDGED:
            assert outside.values.get(key, before.values[key]) == before.values[key], (key, text)
        server = Server(
            programs=Servers(distribution=True, others=()), sshd=outside, files=read,
            names=PEOPLE, sockets=HERE,
        )  # fmt: skip
        _compared(server, seen, text)
        compared += 1
    assert compared >= 6


def test_what_is_not_known_outside_of_a_block_that_fits_nobody_s_name(files: Make) -> None:
    sshd = Sshd(values={"port": ("22",), "maxauthtries": ("3",), "x11forwarding": ("no",),
                        "permitrootlogin": ("no",)})  # fmt: skip
    text = (
        "Match User *,!alice\nMaxAuthTries 3\nX11Forwarding no\n"
        "Match all\nPermitRootLogin no\nMatch Group *\nPermitRootLogin yes\n"
    )
    read = parse_sshd_files(files({"/etc/ssh/sshd_config": text}))
    assert isinstance(read, SshdFiles)
    got = outside_of_blocks(sshd, read).values
    # the default of the one never changed, that of the other did
    assert (got["maxauthtries"], got.get("x11forwarding")) == (("6",), None)
    assert got["permitrootlogin"] == ("no",)
