"""Asking hosts over SSH: dengbao against one `ssh HOST sh -s`, and against pytest-testinfra.

ssh is fed with the very same scripts and writes what comes to a file. It does less: it does not
tell the answers apart, cut secrets out, take digests or wait for the disk. The default of OpenSSH
9.2 for agreeing on keys costs it some 90 ms of CPU, which dengbao does not spend; the rows named
`curve25519` compare without that. All hosts are this machine and give nearly equal answers, and a
run looks for secrets in equal content only once: hosts that differ cost more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import questions
from benchmarks.clients import Clients
from benchmarks.processes import Cost, Memory
from benchmarks.servers import Host, farm, slowly
from benchmarks.table import Row, compared, limited

_AIM = 1.3
_CPU_AIM = 1.0  # of collecting from many hosts
_EXECS = 3
_RTT_MS = 20
_OLD_KEX = ("-o", "KexAlgorithms=curve25519-sha256")
_TOLD = {"collector": "collect", "command": "the whole command"}
Client = Callable[[], Cost]
Say = Callable[[str], None]


class Repeats:
    """How often each thing is measured, in pairs."""

    def __init__(self, *, quick: bool) -> None:
        self.pairs = 3 if quick else 7
        self.many = 1 if quick else 7
        self.far_many = 1 if quick else 3
        self.testinfra = 1 if quick else 3
        self.testinfra_many = 1
        self.hosts = 4 if quick else 20


def alternating(clients: dict[str, Client], times: int, say: Say) -> dict[str, list[Cost]]:
    """The costs of each client; they take turns, each time beginning with another one."""
    names, costs = list(clients), {name: list[Cost]() for name in clients}
    for time in range(times):
        for name in names[time % len(names) :] + names[: time % len(names)]:
            costs[name].append(clients[name]())
        say(f"{time + 1}/{times}")
    return costs


def _walls(costs: Sequence[Cost]) -> list[float]:
    return [cost.wall for cost in costs]


def _cpu_ms(costs: Sequence[Cost], hosts: int) -> list[float]:
    return [1000 * cost.cpu / hosts for cost in costs]


def rows(repeats: Repeats, say: Say) -> Iterator[Row]:
    """Every row about collecting."""
    with farm(repeats.hosts) as hosts, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        quick = questions.quick(folder)
        say("1 host, the whole profile")
        one = Clients(hosts[:1], questions.asked(questions.WHOLE), folder / "whole")
        yield from _against_ssh(f"1 host, gbt22239-l3 ({one.questions} questions)", one,
                                repeats.pairs, say)  # fmt: skip
        say("1 host, quick questions")
        one = Clients(hosts[:1], quick, folder / "one")
        what = f"1 host, {one.questions} quick questions"
        yield from _against_ssh(what, one, repeats.pairs, say)
        yield from _against_old_kex(what, one, repeats.pairs, say)
        yield from _against_testinfra(what, one, repeats.testinfra, say)
        say(f"{len(hosts)} hosts")
        many = Clients(hosts, quick, folder / "many")
        what = f"{len(hosts)} hosts at once, {many.questions} quick questions"
        yield from _against_ssh(what, many, repeats.many, say)
        yield from _against_testinfra(what, many, repeats.testinfra_many, say)
        yield from _memory(what, many)
        yield from _far(hosts, quick, folder, repeats, say)
        yield from _execs(what, many)


def _against_ssh(what: str, clients: Clients, times: int, say: Say) -> Iterator[Row]:
    known = {"collector": clients.collector, "command": clients.command, "ssh": clients.ssh}
    costs = alternating(known, times, say)
    ssh, count = costs["ssh"], len(clients.hosts)
    for name, reported in _TOLD.items():
        walls = _walls(costs[name])
        yield compared(f"{what}: {reported}", walls, _walls(ssh), named="ssh", aim=_AIM)
    for name, reported in _TOLD.items():
        aim = _CPU_AIM if name == "collector" and count > 1 else None
        yield compared(
            f"{what}: CPU of the client per host, {reported}", _cpu_ms(costs[name], count),
            _cpu_ms(ssh, count), named="ssh", unit="ms", digits=0, aim=aim,
        )  # fmt: skip


def _against_old_kex(what: str, clients: Clients, times: int, say: Say) -> Iterator[Row]:
    """ssh agreeing on keys by the same method as dengbao, not by its costly newer one."""
    known: dict[str, Client] = {
        "collector": clients.collector,
        "ssh": lambda: clients.ssh(*_OLD_KEX),
    }
    costs = alternating(known, times, say)
    ours, ssh, named = costs["collector"], costs["ssh"], "ssh, curve25519,"
    yield compared(f"{what}: collect", _walls(ours), _walls(ssh), named=named, aim=_AIM)
    yield compared(
        f"{what}: CPU of the client per host, collect", _cpu_ms(ours, 1), _cpu_ms(ssh, 1),
        named=named, unit="ms", digits=0,
    )  # fmt: skip


def _against_testinfra(what: str, clients: Clients, times: int, say: Say) -> Iterator[Row]:
    costs = alternating(
        {
            "collector": clients.collector,
            "ssh": lambda: clients.testinfra("ssh"),
            "paramiko": lambda: clients.testinfra("paramiko"),
        },
        times,
        say,
    )
    ours, count = costs["collector"], len(clients.hosts)
    for backend in ("ssh", "paramiko"):
        named = f"testinfra {backend}"
        yield compared(f"{what}: collect", _walls(ours), _walls(costs[backend]), named=named)
        yield compared(
            f"{what}: CPU of the client per host, collect", _cpu_ms(ours, count),
            _cpu_ms(costs[backend], count), named=named, unit="ms", digits=0,
        )  # fmt: skip


def _peak(clients: Clients, client: Client) -> list[float]:
    with Memory(spared={host.pid for host in clients.hosts}) as memory:
        client()
    # Pages shared with this process would count for less than they are: take the larger figure.
    return [max(memory.peak_mb, memory.largest_mb)]


def _memory(what: str, clients: Clients) -> Iterator[Row]:
    ours = _peak(clients, clients.command)
    for named, client in (
        ("ssh", clients.ssh),
        ("testinfra ssh", lambda: clients.testinfra("ssh")),
        ("testinfra paramiko", lambda: clients.testinfra("paramiko")),
    ):
        yield compared(
            f"{what}: peak memory, whole command", ours, _peak(clients, client),
            named=named, unit="MB", digits=0,
        )  # fmt: skip


def _far(
    hosts: tuple[Host, ...],
    quick: questions.Questions,
    folder: Path,
    repeats: Repeats,
    say: Say,
) -> Iterator[Row]:
    say(f"{_RTT_MS} ms away")
    with slowly(hosts, _RTT_MS) as network:
        one = Clients(network.hosts[:1], quick, folder / "far-one")
        what = f"1 host {_RTT_MS} ms away, {one.questions} quick questions"
        yield from _far_rows(what, one, repeats.pairs, repeats.testinfra, say)
        many = Clients(network.hosts, quick, folder / "far-many")
        what = f"{len(hosts)} hosts {_RTT_MS} ms away, {many.questions} quick questions"
        yield from _far_rows(what, many, repeats.far_many, 0, say)


def _far_rows(what: str, clients: Clients, times: int, testinfra: int, say: Say) -> Iterator[Row]:
    known = {"collector": clients.collector, "command": clients.command, "ssh": clients.ssh}
    costs = alternating(known, times, say)
    ssh = _walls(costs["ssh"])
    for name, reported in _TOLD.items():
        yield compared(f"{what}: {reported}", _walls(costs[name]), ssh, named="ssh", aim=_AIM)
    if testinfra:
        yield from _far_testinfra(what, clients, testinfra, say)


def _far_testinfra(what: str, clients: Clients, times: int, say: Say) -> Iterator[Row]:
    costs = alternating(
        {
            "collector": clients.collector,
            "ssh": lambda: clients.testinfra("ssh"),
            "paramiko": lambda: clients.testinfra("paramiko"),
        },
        times,
        say,
    )
    ours = _walls(costs["collector"])
    for backend in ("ssh", "paramiko"):
        peer = _walls(costs[backend])
        yield compared(f"{what}: collect", ours, peer, named=f"testinfra {backend}")


def _execs(what: str, clients: Clients) -> Iterator[Row]:
    """Commands that a host's sshd was asked to run, and flights on the wire."""
    counts = {}
    host = clients.hosts[0]
    for name, client in (
        ("dengbao", clients.command),
        ("testinfra ssh", lambda: clients.testinfra("ssh")),
        ("testinfra paramiko", lambda: clients.testinfra("paramiko")),
    ):
        before = host.execs()
        client()
        counts[name] = host.execs() - before
    peers = ", ".join(f"{name} {n}" for name, n in counts.items() if name != "dengbao")
    yield limited(
        f"{what}: commands per host, as sshd counts them", [counts["dengbao"]], _EXECS, "",
        digits=0, peer=f"ssh 1, {peers}",
    )  # fmt: skip
    yield from _flights(clients)


def _flights(clients: Clients) -> Iterator[Row]:
    host = clients.hosts[0]
    with slowly((host,), _RTT_MS) as network, tempfile.TemporaryDirectory() as name:
        far = Clients(network.hosts, clients.asked, Path(name))
        network.connection()
        reported = []
        for client in (far.collector, far.ssh):
            client()
            reported.append(network.connection())
    ours, ssh = reported
    yield Row(
        what="1 host: flights from the client (at least its round trips), login included",
        ours=str(ours["flights"]),
        peer=f"ssh {ssh['flights']}",
        ratio=f"{ours['flights'] / ssh['flights']:.2f}",
    )
