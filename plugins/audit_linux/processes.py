"""Running processes, which other checks use where systemd is absent."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    ParseError,
    Partial,
    fact,
    msg,
    partial,
    read_rows,
    verbatim,
    whole_number,
)
from audit_core.model import Reason

# Accounts of people start here on Debian and RHEL 7+ (UID_MIN in login.defs); RHEL 6 began at 500.
FIRST_PERSON = 1000


class Process(Struct, frozen=True, kw_only=True):
    """One process. `name` is what the kernel calls it: 15 bytes, and the process may change it.

    `contained`: it runs in a container on this host, hence for the container and not for the host.
    """

    pid: int
    uid: int
    name: str
    contained: bool = False

    @property
    def by_system(self) -> bool:
        """True when it runs as root or as a service account, which a user cannot pretend."""
        return self.uid < FIRST_PERSON and not self.contained


def parse_processes(answers: Answers) -> tuple[Process, ...] | Partial | Absent:
    """Processes from `ps -eo pid=,uid=,comm=`; a zombie's name ends in `<defunct>`.

    NOT_PERMITTED when process 1 is hidden (/proc mounted with hidepid): who is not seen may run.
    """
    inside = _contained(answers["contained"].lines)
    lines = enumerate(answers["ps"].lines, 1)
    found, problems = read_rows(lines, lambda line: _process(line, inside))
    if not found:
        raise ParseError(msg("no process listed"))
    if all(process.pid != 1 for process in found):
        detail = msg("Process 1 is hidden from this account: the list of processes is incomplete")
        return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
    return partial(tuple(found), problems)


def _process(line: str, inside: frozenset[int]) -> Process:
    parts = line.split(None, 2)
    if len(parts) < 2:
        raise ParseError(msg("not a process: {line}", line=verbatim(line)))
    name = parts[2].rstrip(" ") if len(parts) == 3 else ""
    pid, uid = whole_number(parts[0]), whole_number(parts[1])
    return Process(pid=pid, uid=uid, name=name, contained=pid in inside)


_GROUP = re.compile(r"/proc/([0-9]{1,12})/cgroup")


def _contained(paths: Iterable[str]) -> frozenset[int]:
    """The ids of processes in containers; none where the host is one itself."""
    rows = [_GROUP.fullmatch(path) for path in paths]
    ids = frozenset(int(row[1]) for row in rows if row)
    return frozenset() if 1 in ids else ids


# The control groups that docker, podman, containerd, cri-o, LXC and nspawn give to containers.
_CONTAINED = (
    "/docker/[0-9a-f]|docker-[0-9a-f]{12}|libpod-|/kubepods|cri-containerd-|crio-"
    "|/lxc(\\.payload)?[./]|machine-.*[.]scope"
)
PROCESSES = fact(
    "linux.processes",
    tuple[Process, ...],
    kind="host",
    asks={
        "ps": Command(argv=("ps", "-eo", "pid=,uid=,comm="), limit=4 << 20),
        # A process that ends meanwhile makes find and grep end with 1.
        "contained": Command(
            argv=(
                "find",
                "/proc",
                "-maxdepth",
                "2",
                "-path",
                "/proc/[0-9]*/cgroup",
                "-exec",
                "grep",
                "-lE",
                _CONTAINED,
                "{}",
                "+",
            ),
            ok=(0, 1),
            limit=4 << 20,
            aside=True,
        ),
    },
    parse=parse_processes,
)


def running(processes: tuple[Process, ...], names: Iterable[str]) -> tuple[Process, ...]:
    """`processes` with one of `names` (cut to 15 bytes) that run under a system account."""
    wanted = {name[:15] for name in names}
    return tuple(p for p in processes if p.name in wanted and p.by_system)


def process_labels(processes: Iterable[Process]) -> list[str]:
    """Each process as `name (pid 12, uid 0)`."""
    return [f"{p.name} (pid {p.pid}, uid {p.uid})" for p in processes]
