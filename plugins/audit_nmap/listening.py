"""The TCP ports on which the host itself says that it listens, to tell silence from a filter.

The same questions as those of the plugin for Linux hosts, so that they are put once.
"""

from __future__ import annotations

import re

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    ParseError,
    Reason,
    fact,
    msg,
    provider,
    verbatim,
)

# netid state recv-q send-q local:port peer:port …
_SS = re.compile(r"tcp\s+LISTEN\s+\d+\s+\d+\s+(\S{1,120}):(\d{1,5})\s", re.ASCII)
_LOOPBACK = re.compile(r"127\..*|\[?::1\]?|\[?::ffff:127\..*|.*%lo\]?", re.ASCII)
_TABLES = tuple(f"/proc/net/{name}" for name in ("tcp", "tcp6", "udp", "udp6"))
_PROC = re.compile(r"/proc/net/tcp6?:\s*\d+: ([0-9A-F]{8,32}):([0-9A-F]{4}) \S+ 0A ", re.ASCII)
# 127.0.0.0/8, ::1 and their like, in the byte order of a PC.
_LOOPBACK_HEX = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")


def parse_ss(answer: Answer) -> frozenset[int] | Absent:
    """The ports of `ss -H -tulnp`, loopback aside; UNSUPPORTED where it says nothing."""
    lines = [line for line in answer.lines if line.strip()]
    if answer.exit_code or not lines:
        return Absent(reason=Reason.UNSUPPORTED, detail=msg("ss lists no socket"))
    found = set()
    for line in lines:
        row = _SS.match(line[:2048])
        if row is None and not line.startswith("udp "):
            raise ParseError(msg("not a socket: {line}", line=verbatim(line)))
        if row and not _LOOPBACK.fullmatch(row[1]):
            found.add(int(row[2]))
    return frozenset(found)


def parse_tables(answer: Answer) -> frozenset[int]:
    """The ports of /proc/net/tcp and tcp6, each line after its path and a colon."""
    if not any(line.startswith("/proc/net/tcp:") for line in answer.lines):
        raise ParseError(msg("no table of TCP sockets"))
    rows = (_PROC.match(line) for line in answer.lines)
    return frozenset(int(r[2], 16) for r in rows if r and not _LOOPBACK_HEX.fullmatch(r[1]))


LISTENING = fact(
    "nmap.listening",
    frozenset[int],
    kind="host",
    providers=(
        provider(Command(argv=("ss", "-H", "-tulnp"), ok=(0, 1, 255), limit=4 << 20), parse_ss),
        provider(Command(argv=("grep", "-H", "", *_TABLES), ok=(0, 2), limit=4 << 20),
                 parse_tables),
    ),
)  # fmt: skip
