"""The configuration files of network services, which of them run, and what follows from both."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Check,
    Command,
    FileEntry,
    FileStatus,
    Judgement,
    Message,
    ParseError,
    Partial,
    Privilege,
    ReadFiles,
    Severity,
    capped,
    check,
    derive,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    partial,
    passed,
    provider,
    read_rows,
    undetermined,
    verbatim,
    whole_number,
)
from audit_linux.network.listeners import LISTENERS, Listener
from audit_linux.processes import PROCESSES, Process


class ServiceFile(Struct, frozen=True, kw_only=True):
    """One file: its path and lines without line ends; `lines` is None where it was not read."""

    path: str
    lines: tuple[str, ...] | None


class ServiceFiles(Struct, frozen=True, kw_only=True):
    """The configuration files of a service that exist on the host."""

    files: tuple[ServiceFile, ...]

    def matching(self, pattern: str) -> tuple[ServiceFile, ...]:
        """Those whose whole path matches, and closed directories that may hold such files."""
        form, heads = re.compile(pattern), [_head(one) for one in pattern.split("|")]
        return tuple(
            file
            for file in self.files
            if form.fullmatch(file.path) or (file.lines is None and _may_hold(file.path, heads))
        )

    def at(self, path: str) -> ServiceFile | None:
        """The file at `path`; None where there is none among those that were asked for."""
        return next((file for file in self.files if file.path == path), None)


def _head(pattern: str) -> str:
    """The fixed text that `pattern`, without alternatives, begins with."""
    fixed = re.match(r"(?:\\.|[^\\.*+?()\[])*", pattern)
    return re.sub(r"\\(.)", r"\1", fixed[0]) if fixed else ""


def _may_hold(path: str, heads: list[str]) -> bool:
    """Whether files that begin with one of `heads` may lie below `path`."""
    below = f"{path}/"
    return any(below.startswith(head) or head.startswith(below) for head in heads)


_GONE = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK, FileStatus.NOT_REGULAR)


def parse_service_files(answer: Answer) -> ServiceFiles:
    """The files, read or not; a directory that is closed stands for what lies in it."""
    return ServiceFiles(files=tuple(_file(f) for f in answer.files if f.status not in _GONE))


def _file(entry: FileEntry) -> ServiceFile:
    read = entry.status is FileStatus.READ
    lines = tuple(line.removesuffix("\r") for line in entry.lines) if read else None
    return ServiceFile(path=entry.path, lines=lines)


def _ask(privilege: Privilege) -> ReadFiles:
    return ReadFiles(
        paths=(
            "/etc/snmp/snmpd.conf", "/etc/snmp/snmpd.local.conf", "/etc/snmp/snmpd.conf.d",
            "/etc/rsyncd.conf", "/etc/rsyncd.d", "/etc/rsync.d", "/etc/vsftpd.conf", "/etc/vsftpd",
            "/etc/proftpd.conf", "/etc/proftpd", "/etc/pure-ftpd", "/etc/pure-ftpd.conf",
            "/etc/exports", "/etc/exports.d", "/etc/redis", "/etc/redis.conf", "/etc/valkey",
            "/etc/mongod.conf", "/etc/mongodb.conf", "/etc/my.cnf", "/etc/my.cnf.d",
            "/etc/mysql/my.cnf", "/etc/mysql/conf.d", "/etc/mysql/mysql.conf.d",
            "/etc/mysql/mariadb.conf.d", "/etc/postgresql", "/var/lib/pgsql", "/etc/elasticsearch",
            "/etc/docker/daemon.json",
        ),
        depth=3,
        names=("*.conf", "*.cnf", "*.acl", "*.exports", "*.inc", "NoAnonymous",
               "elasticsearch.yml"),
        privilege=privilege,
    )  # fmt: skip


SERVICE_FILES = fact(
    "linux.service-files",
    ServiceFiles,
    kind="host",
    # Without sudo what everybody can read still counts; the rest is then a file that was not read.
    providers=(
        provider(_ask(Privilege.ROOT), parse_service_files, root="yes"),
        provider(_ask(Privilege.USER), parse_service_files, root="no"),
    ),
)

# --- what runs ----------------------------------------------------------------------------------


class Running(Struct, frozen=True, kw_only=True):
    """A process of a service: the name that the kernel gives it, and its arguments."""

    pid: int
    name: str
    arguments: str

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments after the program, cut at blanks, for ps shows no other borders."""
        return tuple(self.arguments.split()[1:])


_NAMES = (
    "snmpd", "rsync", "vsftpd", "proftpd", "pure-ftpd", "nfsd", "redis-server", "valkey-server",
    "memcached", "mongod", "mysqld", "mariadbd", "postgres", "postmaster", "dockerd",
)  # fmt: skip


def parse_running(answer: Answer) -> tuple[Running, ...] | Partial:
    """Processes from `ps -ww -C … -o pid=,comm=,args=`; none where it lists none."""
    if answer.stderr.strip() and not answer.stdout:
        raise ParseError(msg("ps does not list processes by name"))
    rows, problems = read_rows(enumerate(answer.lines, 1), _row)
    return partial(tuple(rows), problems)


def _row(line: str) -> Running:
    words = line.split(None, 2)
    if len(words) != 3:
        raise ParseError(msg("not a process: {line}", line=verbatim(line)))
    return Running(pid=whole_number(words[0]), name=words[1], arguments=words[2])


ARGUMENTS = fact(
    "linux.service-arguments",
    tuple[Running, ...],
    kind="host",
    ask=Command(argv=("ps", "-ww", "-C", ",".join(_NAMES), "-o", "pid=,comm=,args="), ok=(0, 1)),
    parse=parse_running,
)


def _of_host(running: tuple[Running, ...], processes: tuple[Process, ...]) -> tuple[Running, ...]:
    """Those that do not run in a container."""
    inside = {process.pid for process in processes if process.contained}
    return tuple(row for row in running if row.pid not in inside)


SERVERS = derive(
    "linux.service-processes",
    tuple[Running, ...],
    needs=(ARGUMENTS, PROCESSES),
    make=_of_host,
)


class Service(Struct, frozen=True, kw_only=True):
    """What is known of one service: its processes and its sockets; None where that is not known."""

    processes: tuple[Running, ...] | None
    listeners: tuple[Listener, ...] | None

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


class ServiceState(Struct, frozen=True, kw_only=True):
    """What the configuration of one service allows.

    `open` is certain while the service runs; `doubts` are what could not be seen; `fine` is what
    was looked at.
    """

    open: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()
    fine: Message | None = None


ServiceReader = Callable[[ServiceFiles, Service], ServiceState]


def service_check(
    id: str,
    *,
    names: tuple[str, ...],
    ports: tuple[str, ...],
    expected: Message,
    remedy: Message,
    argument: str = "",
    severity: Severity = Severity.HIGH,
    version: int = 2,
) -> Callable[[ServiceReader], Check]:
    """Make a look at the configuration of a service a check.

    `names` are those of its processes, `ports` its sockets as `873/tcp`. With `argument`
    only processes count that were started with it.
    """

    def make(look: ServiceReader) -> Check:
        @functools.wraps(look)
        def judge(
            files: ServiceFiles | Absent,
            servers: tuple[Running, ...] | Absent,
            listeners: tuple[Listener, ...] | Absent,
        ) -> Judgement:
            service = _service(known(servers), known(listeners), names, ports)
            if argument and service.processes:
                daemons = tuple(p for p in service.processes if argument in p.words)
                service = structs.replace(service, processes=daemons)
            state = look(known(files) or ServiceFiles(files=()), service)
            return _judged(state, service, names or ports, expected)

        # A signature that follows `look` would hide the three needs.
        del judge.__wrapped__
        needs = tuple(map(known_or_absent, (SERVICE_FILES, SERVERS, LISTENERS)))
        return check(id, needs=needs, severity=severity, version=version, remedy=remedy)(judge)

    return make


def _service(
    servers: tuple[Running, ...] | None,
    listeners: tuple[Listener, ...] | None,
    names: tuple[str, ...],
    ports: tuple[str, ...],
) -> Service:
    own = None if servers is None else tuple(row for row in servers if row.name in names)
    here = None if listeners is None else tuple(
        item for item in listeners if item.number in ports or item.process in names
    )  # fmt: skip
    return Service(processes=own, listeners=here)


def _judged(
    state: ServiceState, service: Service, names: tuple[str, ...], expected: Message
) -> Judgement:
    if service.runs is False:
        # What root would read in a closed file could be open: an account must not know more.
        if found := (*state.open, *(doubt for doubt in state.doubts if doubt.id == _CLOSED)):
            still = msg("It does not run now")
            return undetermined(*found, still, expected=expected)
        return not_applicable(
            msg("No process of these names runs, and nothing listens on their ports: {names}",
                names=names)
        )  # fmt: skip
    if state.open and service.runs:
        return failed(*state.open, expected=expected)
    doubts = (*state.open, *state.doubts)
    if service.runs is None:
        doubts = (*doubts, msg("Whether it runs is not known"))
    if doubts or state.fine is None:
        nothing = () if doubts else (msg("It runs, but its configuration was not found"),)
        return undetermined(*doubts, *nothing, expected=expected)
    return passed(state.fine, expected=expected)


# --- how the looks read --------------------------------------------------------------------------


_CLOSED = msg("Cannot read {paths}").id


def unread(files: tuple[ServiceFile, ...]) -> tuple[Message, ...]:
    """That some of `files` could not be read; nothing where all were."""
    closed = capped(file.path for file in files if file.lines is None)
    return (msg("Cannot read {paths}", paths=closed),) if closed else ()


_LOCAL = re.compile(
    r"(?:udp6?:|tcp6?:)?(?:127(?:\.\d{1,3}){3}(?:/(?:[89]|[12]\d|3[0-2]|255\S*))?"
    r"|\[?::1\]?(?:/128)?|localhost\S{0,40})(?::\d{1,5})?",
    re.ASCII | re.IGNORECASE,
)


def is_loopback(address: str) -> bool:
    """Whether `address`, maybe with a prefix length or a port, is of this host alone."""
    return bool(_LOCAL.fullmatch(address))


FACTS = (SERVICE_FILES, ARGUMENTS, SERVERS)
