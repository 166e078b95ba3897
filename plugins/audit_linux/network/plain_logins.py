"""Logins in plain text: telnet, rlogin, rsh, rexec."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Judgement,
    ParseError,
    Partial,
    Severity,
    capped,
    check,
    fact,
    failed,
    integer,
    known,
    known_or_absent,
    msg,
    not_present,
    optional,
    partial,
    passed,
    read_rows,
    undetermined,
    verbatim,
)
from audit_linux.find_errors import refused


class Ports(Struct, frozen=True, kw_only=True):
    """The TCP ports that something listens on."""

    tcp: frozenset[int]


def _port(line: str) -> int:
    fields = line.split()
    port = integer(fields[3].rpartition(":")[2]) if len(fields) >= 5 else None
    if port is None or not 0 < port < 65536:
        raise ParseError(msg("not a line of ss: {line}", line=verbatim(line)))
    return port


def parse_listening(answer: Answer) -> Ports | Partial:
    """The ports of `ss -H -l -t -n`."""
    ports, problems = read_rows(enumerate(answer.lines, 1), _port)
    return partial(Ports(tcp=frozenset(ports)), problems)


LISTENING = fact(
    "linux.login-ports",
    Ports,
    kind="host",
    ask=Command(argv=("ss", "-H", "-l", "-t", "-n")),
    parse=parse_listening,
)
_PROGRAMS = tuple(
    f"{folder}/{prefix}{name}"
    for folder in ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")
    for prefix in ("", "in.")
    for name in ("telnetd", "rlogind", "rshd", "rexecd", "utelnetd")
)


def parse_programs(answer: Answer) -> tuple[str, ...] | Absent:
    """The servers for plain-text logins that are installed; NOT_PRESENT when there is none."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    found = [p.decode("utf-8", "surrogateescape") for p in answer.stdout.split(b"\0") if p]
    if set(found) - set(_PROGRAMS):
        raise ParseError(msg("a path that was not requested"))
    return tuple(sorted(found)) or not_present(msg("No such server is installed"))


PROGRAMS = fact(
    "linux.plain-login-programs",
    tuple[str, ...],
    kind="host",
    ask=Command(argv=("find", "-L", *_PROGRAMS, "-maxdepth", "0", "-print0"), ok=(0, 1)),
    parse=parse_programs,
)
_PLAIN = {23: "telnet", 512: "rexec", 513: "rlogin", 514: "rsh"}
_SHARED = 514  # syslog over TCP has no other port in most log servers


@check(
    "linux.no-plain-logins",
    needs=(LISTENING, known_or_absent(optional(PROGRAMS))),
    severity=Severity.HIGH,
    version=3,
    remedy=msg("Stop and remove telnet, rlogin, rsh and rexec; use SSH instead"),
)
def no_plain_logins(ports: Ports, programs: tuple[str, ...] | Absent | None) -> Judgement:
    """No service for remote login in plain text is installed or listening."""
    open_ports = [f"{port} ({_PLAIN[port]})" for port in sorted(ports.tcp & set(_PLAIN))]
    expected, programs = msg("no telnet, rlogin, rsh or rexec server"), known(programs)
    if ports.tcp & (set(_PLAIN) - {_SHARED}):
        detail = msg("Listening for plain-text logins: {ports}", ports=tuple(open_ports))
        return failed(detail, expected=expected)
    if open_ports:
        either = msg("TCP port 514 is open: check whether syslog or rsh listens there")
        there = msg("Installed servers for plain-text logins: {names}", names=programs)
        return undetermined(either, there, expected=expected)
    silent = msg("Nothing listens on the TCP ports 23, 512, 513 and 514")
    if programs:
        there = msg("Installed nevertheless: {names}", names=capped(programs))
        return undetermined(silent, there, expected=expected)
    return passed(silent, msg("No such server is installed"), expected=expected)


FACTS = (LISTENING, PROGRAMS)
CHECKS = (no_plain_logins,)
