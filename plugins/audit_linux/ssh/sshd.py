"""The SSH servers that are installed, and the effective configuration of the usual one."""

from __future__ import annotations

import re
from typing import TypeVar

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    ParseError,
    Partial,
    Privilege,
    Reason,
    Request,
    fact,
    msg,
    not_present,
    partial,
    read_rows,
    verbatim,
)
from audit_linux.find_errors import refused

DISTRIBUTION = "/usr/sbin/sshd"
AnyRequest = TypeVar("AnyRequest", bound=Request)


def plainly(request: AnyRequest) -> AnyRequest:
    """The same request without the rights of root."""
    return structs.replace(request, privilege=Privilege.USER)


class Servers(Struct, frozen=True, kw_only=True):
    """The SSH server programs that are installed besides the distribution's.

    `searched` is False where a directory that may hold another one was closed.
    """

    distribution: bool
    others: tuple[str, ...]
    searched: bool = True


def parse_servers(answer: Answer) -> Servers | Absent:
    """Which SSH servers are installed; NOT_PRESENT only when everything could be searched."""
    found = [p.decode("utf-8", "surrogateescape") for p in answer.stdout.split(b"\0") if p]
    if any(not path.startswith("/") for path in found):
        raise ParseError(msg("not a list of paths"))
    if DISTRIBUTION in found:
        others = tuple(sorted(path for path in found if path.startswith("/usr/local/")))
        return Servers(distribution=True, others=others)
    denied = refused(answer.stderr)
    if found:
        return Servers(distribution=False, others=tuple(sorted(found)))
    return denied or not_present(msg("No SSH server program is installed"))


_FIND_SERVERS = Command(
    argv=(
        "/usr/bin/find", "/usr/sbin", "/usr/bin", "/usr/local", "/opt", "-xdev", "-maxdepth",
        "4", "(", "-name", "sshd", "-o", "-name", "dropbear", ")", "-not", "-type", "d",
        "-print0",
    ),
    privilege=Privilege.ROOT,  # a folder that is closed to others may hold a second server
    ok=(0, 1),
    aside=True,
)  # fmt: skip
SERVERS = fact("linux.sshd-programs", Servers, kind="host", ask=_FIND_SERVERS, parse=parse_servers)


def parse_servers_seen(answer: Answer) -> Servers | Absent:
    """The same as an ordinary account sees it: a folder closed to it may hold another server."""
    got = parse_servers(answer)
    if isinstance(got, Absent):
        return got
    return structs.replace(got, searched=refused(answer.stderr) is None)


# Without sudo an ordinary account asks the same.
SERVERS_SEEN = fact(
    "linux.sshd-programs-seen",
    Servers,
    kind="host",
    ask=plainly(_FIND_SERVERS),
    parse=parse_servers_seen,
)


class Sshd(Struct, frozen=True, kw_only=True):
    """What `sshd -T` prints: for each keyword its values, in order, as the server will use them.

    `unread`: some lines could not be read, so that a keyword that is missing may have been set.
    `from_files`: the program was not asked, so that what no file sets is not known.
    """

    values: dict[str, tuple[str, ...]]
    unread: bool = False
    from_files: bool = False

    def one(self, key: str) -> str:
        """The first value of `key`, empty where it was not printed."""
        return self.values.get(key, ("",))[0]

    def algorithms(self, key: str) -> tuple[str, ...]:
        """The names in the comma-separated list under `key`."""
        return tuple(name for name in self.one(key).split(",") if name)


def _lower(raw: str) -> tuple[str, str]:
    return _keyword(raw, "[a-z0-9]+")


def _mixed(raw: str) -> tuple[str, str]:
    return _keyword(raw, "[A-Za-z0-9]+")


def _keyword(raw: str, form: str) -> tuple[str, str]:
    key, _, value = raw.strip().partition(" ")
    if not re.fullmatch(form, key):
        raise ParseError(msg("not a line of sshd -T: {line}", line=verbatim(raw)))
    return key.lower(), value.strip()


def parse_sshd_t(answer: Answer) -> Sshd | Partial:
    """The effective configuration; an answer without the keywords every version prints fails.

    OpenSSH 10.4 and later print keywords as in the manual (PermitRootLogin), others in lower case.
    """
    mixed = any(line.startswith("Port ") for line in answer.lines)
    rows, problems = read_rows(enumerate(answer.lines, 1), _mixed if mixed else _lower)
    values: dict[str, list[str]] = {}
    for key, value in rows:
        values.setdefault(key, []).append(value)
    missing = {"port", "permitrootlogin", "ciphers", "macs", "maxauthtries"} - set(values)
    if missing:
        raise ParseError(msg("sshd -T did not list {names}", names=tuple(sorted(missing))))
    settings = {key: tuple(each) for key, each in values.items()}
    return partial(Sshd(values=settings, unread=bool(problems)), problems)


SSHD = fact(
    "linux.sshd",
    Sshd,
    kind="host",
    ask=Command(
        argv=("/usr/sbin/sshd", "-T"), privilege=Privilege.ROOT, not_found=Reason.NOT_PRESENT
    ),
    parse=parse_sshd_t,
)


# Since OpenSSH 9.3; it needs no host key, so that an ordinary account may ask where it may read the
# files.
SSHD_SEEN = fact(
    "linux.sshd-seen",
    Sshd,
    kind="host",
    ask=Command(argv=("/usr/sbin/sshd", "-G"), not_found=Reason.NOT_PRESENT),
    parse=parse_sshd_t,
)


FACTS = (SERVERS, SERVERS_SEEN, SSHD, SSHD_SEEN)
