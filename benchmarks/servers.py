"""Real SSH servers on loopback, reached directly or over a slow network."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks import ROOT
from live.sshd import Sshd, public


class Host(Struct, frozen=True, kw_only=True):
    """One server as its clients see it."""

    id: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    log: Path
    pid: int

    def execs(self) -> int:
        """How many commands sshd was asked to run so far, as its own log tells."""
        return self.log.read_text(errors="replace").count("Starting session: command")


@contextlib.contextmanager
def farm(count: int) -> Iterator[tuple[Host, ...]]:
    """`count` sshd processes with a port, a host key and a client key each."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Sshd()) for _ in range(count)]
        yield tuple(
            Host(
                id=f"host{n:02d}", port=s.port, user=s.user, key=s.client_key,
                known_hosts=s.known_hosts, log=s.log, pid=s.pid,
            )
            for n, s in enumerate(servers)
        )  # fmt: skip


class Network:
    """A slow way to some hosts. `hosts` are the same, with the ports that lead there slowly."""

    def __init__(self, process: subprocess.Popen[str], hosts: tuple[Host, ...]) -> None:
        self._process = process
        self.hosts = hosts

    @property
    def pid(self) -> int:
        """The process that delays."""
        return self._process.pid

    def connection(self) -> dict[str, Any]:
        """What the next connection that ended was made of: flights, messages, bytes."""
        assert self._process.stdout is not None
        reported: dict[str, Any] = json.loads(self._process.stdout.readline())
        return reported


@contextlib.contextmanager
def slowly(hosts: tuple[Host, ...], rtt_ms: float) -> Iterator[Network]:
    """The way to `hosts` with so long a round trip."""
    argv = [sys.executable, "-m", "benchmarks.proxy", str(rtt_ms), *(str(h.port) for h in hosts)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield Network(process, tuple(_through(host, _port(process)) for host in hosts))
    finally:
        process.terminate()
        process.communicate()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline().removeprefix("LISTENING "))


def _through(host: Host, port: int) -> Host:
    """`host`, reached by another port under the same key."""
    host_key = host.known_hosts.with_name("host_ed25519")
    with host.known_hosts.open("a") as handle:
        handle.write(f"[127.0.0.1]:{port} {public(host_key)}\n")
    return Host(
        id=host.id, port=port, user=host.user, key=host.key, known_hosts=host.known_hosts,
        log=host.log, pid=host.pid,
    )  # fmt: skip
