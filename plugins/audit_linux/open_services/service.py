"""One kind of service, and how a look at its configuration and processes becomes a check.

A reader says where the files of a service lie, how its processes and ports show it, and what the
configuration lets in. `audit_linux.open_services.checks` lists the readers and makes their facts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sized

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Check,
    Fact,
    Judgement,
    Message,
    Severity,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_linux.network.listeners import Listener
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles


class Running(Struct, frozen=True, kw_only=True):
    """A process of a service: the name that the kernel gives it, and its arguments."""

    pid: int
    name: str
    arguments: str

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments after the program, cut at blanks, for ps shows no other borders."""
        return tuple(self.arguments.split()[1:])


class Service(Struct, frozen=True, kw_only=True):
    """What is known of one service: its processes and its sockets; None where that is not known.

    `sockets` are all of the host, for a port that only the configuration names.
    """

    processes: tuple[Running, ...] | None
    listeners: tuple[Listener, ...] | None
    sockets: tuple[Listener, ...] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command lines of its processes, as far as they are known."""
        return tuple(word for process in self.processes or () for word in process.words)

    @property
    def runs(self) -> bool | None:
        """Whether it runs or its port is open; None where that is not known."""
        if self.processes or self.listeners:
            return True
        return None if self.processes is None or self.listeners is None else False

    @property
    def only_loopback(self) -> bool:
        """Whether all its sockets are known, and only this host itself can reach them."""
        return bool(self.listeners) and all(item.loopback for item in self.listeners or ())

    def silent(self, port: str) -> bool:
        """Whether surely nothing listens on `port`, as `6379/tcp`."""
        return self.sockets is not None and all(item.number != port for item in self.sockets)


class ServiceState(Struct, frozen=True, kw_only=True):
    """What the configuration of one service allows.

    `open` is certain while the service runs, unless there are `overrides`: what may hold in place
    of the configuration that was read. `doubts` are what could not be seen, `files` what was looked
    at, read or not, and `fine` says that it keeps people out.
    """

    open: tuple[Message, ...] = ()
    overrides: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()
    files: tuple[ServiceFile, ...] = ()
    fine: Message | None = None

    @property
    def closed(self) -> tuple[Message, ...]:
        """That some of the files could not be read; nothing where all were."""
        paths = capped(file.path for file in self.files if file.lines is None)
        return (msg("Cannot read {paths}", paths=paths),) if paths else ()


Look = Callable[[ServiceFiles, Service], ServiceState]


class ServiceReader(Struct, frozen=True, kw_only=True):
    """One kind of service: what is asked about it, and the look at the answers.

    `names` are those of its processes, `ports` its sockets as `873/tcp`; `places` are files, and
    directories in which files called as one of `files` are read. With `argument` only processes
    count that were started with it.
    """

    id: str
    names: tuple[str, ...]
    ports: tuple[str, ...]
    places: tuple[str, ...]
    look: Look
    expected: Message
    remedy: Message
    files: tuple[str, ...] = ("*.conf",)
    argument: str = ""
    severity: Severity = Severity.HIGH
    version: int = 3


def service_check(
    id: str,
    *,
    names: tuple[str, ...],
    ports: tuple[str, ...],
    places: tuple[str, ...],
    expected: Message,
    remedy: Message,
    files: tuple[str, ...] = ("*.conf",),
    argument: str = "",
    version: int = 3,
) -> Callable[[Look], ServiceReader]:
    """Make a look at the configuration of a service a reader; `as_check` makes its check."""

    def make(look: Look) -> ServiceReader:
        return ServiceReader(
            id=id, names=names, ports=ports, places=places, look=look, expected=expected,
            remedy=remedy, files=files, argument=argument, version=version,
        )  # fmt: skip

    return make


def as_check(reader: ServiceReader, needs: tuple[Fact, Fact, Fact]) -> Check:
    """The check of one reader, which needs the files, the processes and the sockets."""

    @functools.wraps(reader.look)
    def judge(
        files: ServiceFiles | Absent,
        servers: tuple[Running, ...] | Absent,
        listeners: tuple[Listener, ...] | Absent,
    ) -> Judgement:
        service = _service(reader, known(servers), known(listeners))
        state = reader.look(known(files) or ServiceFiles(files=()), service)
        return _judged(state, service, reader)

    # A signature that follows the look would hide the three needs.
    del judge.__wrapped__
    return check(
        reader.id, needs=tuple(map(known_or_absent, needs)), severity=reader.severity,
        version=reader.version, remedy=reader.remedy,
    )(judge)  # fmt: skip


def _service(
    reader: ServiceReader,
    servers: tuple[Running, ...] | None,
    sockets: tuple[Listener, ...] | None,
) -> Service:
    own = None if servers is None else tuple(row for row in servers if row.name in reader.names)
    if own and reader.argument:
        own = tuple(row for row in own if reader.argument in row.words)
    here = None if sockets is None else tuple(
        item for item in sockets if item.number in reader.ports or item.process in reader.names
    )  # fmt: skip
    return Service(processes=own, listeners=here, sockets=sockets)


def _judged(state: ServiceState, service: Service, reader: ServiceReader) -> Judgement:
    expected = reader.expected
    if service.runs is False:
        # What root would read in a closed file could be open: an account must not know more.
        if found := (*state.open, *state.closed):
            still = msg("It does not run now")
            return undetermined(*found, still, expected=expected)
        return not_applicable(
            msg("No process of these names runs, and nothing listens on their ports: {names}",
                names=reader.names or reader.ports)
        )  # fmt: skip
    if state.open and service.runs and not state.overrides:
        return failed(*state.open, expected=expected)
    doubts = (*state.open, *state.overrides, *state.closed, *state.doubts)
    if service.runs is None:
        doubts = (*doubts, msg("Whether it runs is not known"))
    if doubts or state.fine is None:
        nothing = () if doubts else (msg("It runs, but its configuration was not found"),)
        return undetermined(*doubts, *nothing, expected=expected)
    return passed(state.fine, expected=expected)


# --- what readers share --------------------------------------------------------------------------


ONLY_LOOPBACK = msg("It listens on the loopback interface only")


def about(*rows: tuple[Sized, Message]) -> tuple[Message, ...]:
    """The messages about lists, of those that hold something."""
    return tuple(text for names, text in rows if names)


def not_identified(port: str) -> Message:
    """That nothing tells what answers on `port`."""
    return msg("Port {port} is open; the service behind it was not identified", port=port)


def without_settings(files: ServiceFiles, path: str, port: str) -> ServiceState:
    """The state where `path`, the one file of settings, was not read or is not there."""
    # a closed directory stands for what lies in it
    closed = files.matching(re.escape(path))
    return ServiceState(doubts=() if closed else (not_identified(port),), files=closed)


def not_read(names: list[str] | tuple[str, ...]) -> tuple[Message, ...]:
    """That files which the configuration or the command line names were not read."""
    return about((names, msg("Files that were not read: {names}", names=capped(names))))


def options(words: tuple[str, ...], *names: str) -> list[str]:
    """The values of an option: `-l x`, `-lx`, `--listen=x`, `--listen x`."""
    found: list[str] = []
    for at, word in enumerate(words):
        for name in names:
            if word == name:
                found += words[at + 1 : at + 2]
            elif word.startswith(f"{name}="):
                found.append(word.partition("=")[2])
            elif re.fullmatch("-[A-Za-z]", name) and word.startswith(name):
                found.append(word[2:])
    return found


_LOCAL = re.compile(
    r"(?:udp6?:|tcp6?:)?(?:127(?:\.\d{1,3}){3}(?:/(?:[89]|[12]\d|3[0-2]|255\S*))?"
    r"|\[?::1\]?(?:/128)?|localhost\S{0,40})(?::\d{1,5})?",
    re.ASCII | re.IGNORECASE,
)


def is_loopback(address: str) -> bool:
    """Whether `address`, maybe with a prefix length or a port, is of this host alone."""
    return bool(_LOCAL.fullmatch(address))
