"""The readers of services that let people in without a login, their facts and their checks."""

from __future__ import annotations

from audit_core.api.sdk import (
    Answer,
    Check,
    Command,
    ParseError,
    Partial,
    Privilege,
    ReadFiles,
    derive,
    fact,
    msg,
    partial,
    provider,
    read_rows,
    verbatim,
    whole_number,
)
from audit_linux.network.listeners import LISTENERS
from audit_linux.open_services import (
    clusters,
    containers,
    databases,
    documents,
    ftp,
    nfs,
    postgresql,
    redis,
    rsync,
    samba,
    snmp,
    squid,
    tftp,
)
from audit_linux.open_services.other_services import other_services
from audit_linux.open_services.service import Running, ServiceReader, as_check
from audit_linux.open_services.service_files import ServiceFiles, parse_service_files
from audit_linux.processes import PROCESSES, Process

READERS: tuple[ServiceReader, ...] = (
    *snmp.READERS, *rsync.READERS, *ftp.READERS, *nfs.READERS, *redis.READERS, *databases.READERS,
    *documents.READERS, *postgresql.READERS, *containers.READERS, *samba.READERS, *tftp.READERS,
    *squid.READERS, *clusters.READERS,
)  # fmt: skip


def _every(parts: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The words of all `parts`, each once."""
    return tuple(dict.fromkeys(word for words in parts for word in words))


def _ask(privilege: Privilege) -> ReadFiles:
    return ReadFiles(
        paths=_every(tuple(reader.places for reader in READERS)),
        depth=3,
        names=_every(tuple(reader.files for reader in READERS)),
        privilege=privilege,
    )


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


_NAMES = ",".join(_every(tuple(reader.names for reader in READERS)))
ARGUMENTS = fact(
    "linux.service-arguments",
    tuple[Running, ...],
    kind="host",
    ask=Command(argv=("ps", "-ww", "-C", _NAMES, "-o", "pid=,comm=,args="), ok=(0, 1)),
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
FACTS = (SERVICE_FILES, ARGUMENTS, SERVERS)
CHECKS: tuple[Check, ...] = (
    *(as_check(reader, (SERVICE_FILES, SERVERS, LISTENERS)) for reader in READERS),
    other_services(READERS),
)
