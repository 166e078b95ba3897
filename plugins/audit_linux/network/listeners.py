"""Listening sockets, as the host itself reports them."""

from __future__ import annotations

import re
import socket
import struct
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Command,
    ParseError,
    Partial,
    Reason,
    Severity,
    Superset,
    capped,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    partial,
    passed,
    provider,
    read_rows,
    undetermined,
    verbatim,
    whole_number,
)
from audit_core.model import Answer, Judgement, Target
from audit_linux.declared import declared
from audit_linux.processes import PROCESSES, Process


class Listener(Struct, frozen=True, kw_only=True):
    """A listening TCP or bound, unconnected UDP socket. `process` is empty where not known."""

    protocol: str
    address: str
    port: int
    process: str = ""

    @property
    def loopback(self) -> bool:
        """True when only this host itself can reach it."""
        host, _, scope = self.address.partition("%")
        mapped = host.lower().removeprefix("::ffff:")
        return scope == "lo" or host == "::1" or bool(_LOOPBACK.fullmatch(mapped))

    @property
    def number(self) -> str:
        """Port and protocol: `22/tcp`."""
        return f"{self.port}/{self.protocol}"

    @property
    def text(self) -> str:
        """`22/tcp 0.0.0.0 (sshd)`: no words, for it stands in sentences of either language."""
        name = f" ({self.process})" if self.process else ""
        return f"{self.number} {self.address}{name}"


_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}", re.ASCII)
# netid state recv-q send-q local:port peer:port [users:(("name",pid=1,fd=3))]
_SS = re.compile(
    r"(tcp|udp)\s{1,20}(LISTEN|UNCONN)\s{1,20}\d{1,12}\s{1,20}\d{1,12}\s{1,60}"
    r"(\S{1,120}):(\d{1,5})\s{1,60}\S{1,120}:\*(?:\s{1,60}(.*?))?\s*",
    re.ASCII,
)


def _ss_line(line: str) -> Listener:
    match = _SS.fullmatch(line[:_LONGEST])
    if match is None:
        raise ParseError(msg("not a socket: {line}", line=verbatim(line)))
    protocol, _, address, port, users = match.groups()
    # The name stands in quotes and may itself hold quotes: it ends at the first `",pid=`.
    name = (users or "").removeprefix('users:(("').split('",pid=')[0]
    return Listener(protocol=protocol, address=address.strip("[]").replace("]%", "%"),
                    port=whole_number(port, most=65535), process=name[:64])  # fmt: skip


_LONGEST = 2048
_PROC = re.compile(
    r"\s{0,8}\d{1,12}: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S{1,50} ([0-9A-F]{2}) "
)


def _address(raw: str) -> str:
    """The address in the form of /proc/net: words of 32 bits in the order of a PC's bytes."""
    words = [int(raw[i : i + 8], 16) for i in range(0, len(raw), 8)]
    packed = struct.pack(f"<{len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


_TABLE = re.compile(r"/proc/net/(tcp|udp)6?:(.*)")


def _table_line(text: str) -> Listener | None:
    """The socket of one line; None for a heading, and for a socket that waits for nobody."""
    row = _TABLE.fullmatch(text)
    if row is None:
        raise ParseError(msg("not a socket: {line}", line=verbatim(text)))
    protocol, line = row.groups()
    if line.lstrip().startswith("sl "):
        return None
    match = _PROC.match(line)
    if match is None:
        raise ParseError(msg("not a socket: {line}", line=verbatim(line)))
    # 0A is TCP_LISTEN, 07 is TCP_CLOSE, which is how an unconnected UDP socket stands.
    if match[3] != ("0A" if protocol == "tcp" else "07"):
        return None
    # a socket for IPv6 that names no address takes IPv4 as well, unless it was told not to
    address = _address(match[1])
    return Listener(
        protocol=protocol, address="*" if address == "::" else address, port=int(match[2], 16)
    )


def parse_tables(answer: Answer) -> tuple[Listener, ...] | Partial:
    """Sockets from /proc/net/{tcp,tcp6,udp,udp6}, each line after its path and a colon."""
    if not any(line.startswith(("/proc/net/tcp:", "/proc/net/tcp6:")) for line in answer.lines):
        raise ParseError(msg("no table of TCP sockets"))
    rows, problems = read_rows(enumerate(answer.lines, 1), _table_line)
    return partial(tuple(row for row in rows if row is not None), problems)


def parse_ss(answer: Answer) -> tuple[Listener, ...] | Partial | Absent:
    """Sockets from `ss -H -tulnp`; UNSUPPORTED where it says nothing, as an old one may."""
    lines = [(number, line) for number, line in enumerate(answer.lines, 1) if line.strip()]
    if answer.exit_code or not lines:
        return Absent(reason=Reason.UNSUPPORTED, detail=msg("ss lists no socket"))
    rows, problems = read_rows(lines, _ss_line)
    return partial(tuple(rows), problems)


_TABLES = tuple(f"/proc/net/{name}" for name in ("tcp", "tcp6", "udp", "udp6"))
LISTENERS = fact(
    "linux.listeners",
    tuple[Listener, ...], kind="host",
    providers=(
        provider(Command(argv=("ss", "-H", "-tulnp"), ok=(0, 1, 255), limit=4 << 20), parse_ss),
        provider(Command(argv=("grep", "-H", "", *_TABLES), ok=(0, 2), limit=4 << 20),
                 parse_tables),
    ),
)  # fmt: skip

# A bare number is a TCP port, as in the rest of the inventory.
_ENTRY = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp))?", re.ASCII)


def within(item: Listener, ranges: list[tuple[str, int, int]]) -> bool:
    """Whether one of `ranges` has the port of `item`."""
    return any(p == item.protocol and low <= item.port <= high for p, low, high in ranges)


def ranges_of(entries: tuple[str, ...]) -> tuple[list[tuple[str, int, int]], list[str]]:
    """The ranges that `entries` name, and the entries that name none."""
    ranges, bad = [], []
    for entry in entries:
        match = _ENTRY.fullmatch(entry.strip().lower())
        low = int(match[1]) if match else 0
        high = int(match[2] or match[1]) if match else 0
        if match and 0 < low <= high <= 65535:
            ranges.append((match[3] or "tcp", low, high))
        else:
            bad.append(entry)
    return ranges, bad


def within_declared(
    target: Target, protocol: str, ports: str, *, setting: str = "allowed_ports"
) -> bool:
    """True when `setting` of `target` lists each of `ports`, such as `80,8000-8010`."""
    declared_ranges, bad = ranges_of(declared(target, setting) or ())
    asked, odd = ranges_of(tuple(f"{part}/{protocol}" for part in ports.split(",")))
    return not (bad or odd) and all(
        any(p == q and low <= first and last <= high for q, low, high in declared_ranges)
        for p, first, last in asked
    )


def _exposed(listeners: tuple[Listener, ...]) -> list[Listener]:
    return [item for item in listeners if not item.loopback]


FORWARDS_UNSEEN = msg(
    "Containers run here: ports that the packet filter forwards to them do not show as sockets"
)


def forwards_unseen(processes: tuple[Process, ...]) -> bool:
    """True when containers run and no proxy of theirs listens on the host in their place."""
    proxies = {"docker-proxy", "rootlessport", "rootlesskit"}
    return any(p.contained for p in processes) and not any(p.name in proxies for p in processes)


@check(
    "linux.listening-allowed",
    needs=(TARGET, LISTENERS, known_or_absent(PROCESSES)),
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Stop the service, bind it to 127.0.0.1, or add the port to allowed_ports"),
)
def listening_allowed(
    target: Target,
    listeners: tuple[Listener, ...],
    processes: tuple[Process, ...] | Absent,
) -> Judgement:
    """Every listening port that is reachable from outside is on the declared list."""
    exposed = _exposed(listeners)
    sockets = msg("{count} sockets reachable from outside: {sockets}", count=len(exposed),
               sockets=capped(i.text for i in exposed))  # fmt: skip
    entries = declared(target, "allowed_ports")
    if entries is None:
        return undetermined(sockets, msg("Declare allowed_ports of this target, e.g. 22/tcp"))
    ranges, bad = ranges_of(entries)
    if bad:
        return undetermined(sockets, msg("allowed_ports: not a port like 22/tcp or 8000-8010/tcp: "
                                      "{entries}", entries=capped(bad)))  # fmt: skip
    expected = msg("only {entries}", entries=capped(entries))
    extra = [i for i in exposed if not within(i, ranges)]
    if extra:
        detail = msg("{count} not on the list: {sockets}", count=len(extra),
                   sockets=capped(i.text for i in extra))  # fmt: skip
        return failed(detail, expected=expected)
    if forwards_unseen(known(processes) or ()):
        return undetermined(sockets, FORWARDS_UNSEEN, expected=expected)
    return passed(sockets, expected=expected)


# Plain-text logins and transfers, r-services, RPC, NetBIOS and SMB, NFS, desktops, data stores
# that ship without a password.
HIGH_RISK = frozenset({
    "21/tcp", "23/tcp", "69/udp", "111/tcp", "111/udp", "135/tcp", "137/udp", "138/udp", "139/tcp",
    "177/udp", "445/tcp", "512/tcp", "513/tcp", "514/tcp", "2049/tcp", "2049/udp", "2375/tcp",
    "3389/tcp", "5900/tcp", "6000/tcp", "6379/tcp", "9200/tcp", "11211/tcp", "11211/udp",
    "27017/tcp",
})  # fmt: skip
# Harmless or not depending on what is set up behind: rsync with or without a password.
DEPENDS = frozenset({"873/tcp"})


@check(
    "linux.listening-high-risk",
    needs=(LISTENERS, known_or_absent(PROCESSES)),
    severity=Severity.HIGH,
    version=3,
    remedy=msg("Stop the service or bind it to 127.0.0.1"),
)
def listening_high_risk(
    listeners: tuple[Listener, ...],
    processes: tuple[Process, ...] | Absent,
    *,
    ports: Annotated[frozenset[str], Superset] = HIGH_RISK,
) -> Judgement:
    """No high-risk port accepts connections from outside."""
    ranges, bad = ranges_of(tuple(ports))
    if bad:
        return undetermined(msg("ports: not a port like 23/tcp: {entries}", entries=capped(bad)))
    exposed = _exposed(listeners)
    risky = [i for i in exposed if within(i, ranges)]
    open_ = [i for i in exposed if i.number in DEPENDS and i not in risky]
    expected = msg("none of the ports {ports}", ports=tuple(sorted(ports)))
    if risky:
        detail = msg(
            "High-risk ports reachable from outside (by number; the service was not probed): "
            "{sockets}",
            sockets=capped(i.text for i in risky),
        )
        return failed(detail, expected=expected)
    if open_:
        detail = msg("rsync's port is open; whether it asks for a password cannot be seen here: "
                   "{sockets}", sockets=capped(i.text for i in open_))  # fmt: skip
        return undetermined(detail, expected=expected)
    detail = msg("{count} sockets reachable from outside, none on a high-risk port",
               count=len(exposed))  # fmt: skip
    if forwards_unseen(known(processes) or ()):
        return undetermined(detail, FORWARDS_UNSEEN, expected=expected)
    return passed(detail, expected=expected)


FACTS = (LISTENERS,)
CHECKS = (listening_allowed, listening_high_risk)
