"""What is missing is told before anything is stored, and unknown host keys are reviewed."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from live.island import host, inventory
from live.product import ENTRY, Done, dengbao
from live.sshd import Sshd
from live.test_live_run import small

pytestmark = pytest.mark.live


class World:
    """Two servers and a jump host, none of them known; and hosts that are down."""

    def __init__(self, base: Path, near: Sshd, far: Sshd, jump: Sshd) -> None:
        self.base, self.near, self.far, self.jump = base, near, far, jump
        self.known, self.store = base / "new" / "known hosts", base / "store"
        self.env = small(base)
        through = (
            f"      jump: {{address: 127.0.0.1, user: {jump.user}, port: {jump.port}, "
            f"key: {jump.client_key}, known_hosts: '{self.known}'}}\n"
        )
        self.inventory = inventory(
            base / "inventory.yaml",
            host("near", near, known=f"'{self.known}'"),
            host("far", far, known=f"'{self.known}'", more=through),
            "  - {id: down, address: 127.0.0.1, access: {user: x, port: 1, password: 'env:PW'}}\n",
            head="scope: [127.0.0.0/8]\n",
        )

    def __call__(self, *words: object, **env: str) -> Done:
        return dengbao(*words, "-i", self.inventory, env=self.env | {"PW": "x1x2x3x4"} | env)

    def collect(self, *words: object, **env: str) -> Done:
        return self("collect", "toy", "--store", self.store, *words, **env)

    def logins(self) -> int:
        return sum(s.log.read_text().count("Accepted") for s in (self.near, self.far, self.jump))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sshd(host_key_types=("ed25519", "rsa")) as near, Sshd() as far, Sshd() as jump:
        yield World(tmp_path, near, far, jump)


def test_one_list_of_what_is_missing_with_the_command_that_fixes_each(world: World) -> None:
    text = world.inventory.read_text()
    world.inventory.write_text(
        text.replace(f"key: {world.near.client_key}\n", f"key: {world.base}/none\n")
    )
    done = world.collect(PW="").ended(78)
    reported = done.stderr
    assert "env:PW: the environment variable is not set or is empty [down]" in reported
    assert "read -rs PW && export PW" in reported
    assert f"ssh-keygen -t ed25519 -f {world.base}/none" in reported
    assert "unknown host keys: 3" in reported
    assert f"dengbao hostkeys -i {world.inventory}" in reported
    assert "not started, nothing was stored (problems: 3," in reported
    assert not world.store.exists()
    assert world.logins() == 0
    # a host that is down is no problem of ours, and --partial goes on to give it its status
    assert "127.0.0.1:1" not in reported
    world.collect("--partial", "-t", "down").ended(4)
    world.collect("-t", "down").ended(4)


def test_a_jump_host_out_of_reach(world: World) -> None:
    text = world.inventory.read_text()
    world.inventory.write_text(text.replace(f"port: {world.jump.port}, key", "port: 1, key"))
    done = world.collect("-t", "far").ended(78)
    assert "127.0.0.1:1: no TCP connection" in done.stderr
    assert re.search(r"^ +ssh -v -p 1 \S+@127\.0\.0\.1$", done.stderr, re.MULTILINE)
    assert world.logins() == 0


def test_unknown_keys_are_shown_and_written_once_they_are_confirmed(world: World) -> None:
    chosen = ("-t", "near", "-t", "far")
    shown = world("hostkeys", *chosen).ended(4)
    for server, bits, type in ((world.near, 256, "ed25519"), (world.near, 2048, "rsa"),
                               (world.jump, 256, "ed25519")):  # fmt: skip
        listed = (
            subprocess.run(
                ["ssh-keygen", "-l", "-f", f"{server.host_keys[type]}.pub"], capture_output=True
            )
            .stdout.decode()
            .split()
        )
        assert listed[0] == str(bits)
        assert f":{server.port}  ssh-{type} {bits} {listed[1]}  unknown" in shown.stdout
    assert "Nothing was written" in shown.stderr
    assert not world.known.exists()
    assert world.logins() == 0
    # the jump host first, then what is behind it, in one command
    done = world("hostkeys", *chosen, "--yes", "--format", "json").ended(0)
    schemas = Path(__file__).parents[2] / "docs" / "schemas"
    jsonschema.validate(done.json, json.loads((schemas / "hostkey-list.json").read_text()))
    assert {row["state"] for row in done.json} == {"known", "unknown"}
    assert sum(row["written"] for row in done.json) == 4
    assert len(world.known.read_text().splitlines()) == 4
    world.collect(*chosen).ended(0)
    again = world("hostkeys", *chosen, "--format", "json").ended(0)
    assert {row["state"] for row in again.json} == {"known"}


def test_a_changed_key_is_never_written(world: World) -> None:
    world.known.parent.mkdir()
    key = world.far.known_hosts_line().split(" ", 1)[1]
    world.known.write_text(f"{world.near.name} {key.strip()}")
    before = world.known.read_bytes()
    done = world("hostkeys", "-t", "near", "--yes").ended(4)
    assert "CHANGED, never accepted" in done.stdout
    assert "THE HOST KEY HAS CHANGED" in done.stdout
    # nor is another type beside the one that is known
    rsa = " ".join((world.near.folder / "host_rsa.pub").read_text().split()[:2])
    world.known.write_text(f"{world.near.name} {rsa.replace('ssh-rsa', 'ecdsa-sha2-nistp256')}")
    before = world.known.read_bytes()
    done = world("hostkeys", "-t", "near", "--yes").ended(4)
    assert "known by keys of other types" in done.stdout
    assert world.known.read_bytes() == before
    # a file that does not end with a line end keeps its last key
    done = world("hostkeys", "-t", "far", "--yes").ended(0)
    assert world.known.read_bytes().startswith(before + b"\n")


@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("y\n", 4), ("\x04", 4)])
def test_on_a_terminal_it_asks(world: World, typed: str, code: int) -> None:
    ours, theirs = pty.openpty()
    words = ["hostkeys", "-i", str(world.inventory), "-t", "near"]
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *words], stdin=theirs, stdout=subprocess.PIPE, env=world.env
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    out, _ = process.communicate(timeout=120)
    os.close(ours)
    assert b"Type yes:" in out
    assert process.returncode == code
    assert world.known.exists() == (code == 0)
