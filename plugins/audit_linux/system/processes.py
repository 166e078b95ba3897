"""Which processes run: the ground that other checks stand on where systemd is not there."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.model import Answer, Command, Reason
from audit_core.sdk import Absent, ParseError, fact, msg
from audit_linux.system._common import whole_number

# Accounts of people start here on Debian and RHEL 7+ (UID_MIN in login.defs).
FIRST_PERSON = 1000


class Process(Struct, frozen=True, kw_only=True):
    """One process. `name` is what the kernel calls it: 15 bytes, and the process may change it."""

    pid: int
    uid: int
    name: str

    @property
    def by_system(self) -> bool:
        """True when it runs as root or as a service account, which a user cannot pretend."""
        return self.uid < FIRST_PERSON


def parse_processes(answer: Answer) -> tuple[Process, ...] | Absent:
    """Processes from `ps -eo pid=,uid=,comm=`; a zombie's name ends in `<defunct>`.

    NOT_PERMITTED when process 1 is hidden (/proc mounted with hidepid): who is not seen may run.
    """
    found = []
    for line in answer.lines:
        parts = line.split(None, 2)
        if len(parts) < 2:
            raise ParseError(f"not a process: {line[:80]!r}")
        name = parts[2].rstrip(" ") if len(parts) == 3 else ""
        pid, uid = whole_number(parts[0]), whole_number(parts[1])
        found.append(Process(pid=pid, uid=uid, name=name))
    if not found:
        raise ParseError("no process listed")
    if all(process.pid != 1 for process in found):
        said = msg("Process 1 is hidden from this account: the list of processes is not whole")
        return Absent(reason=Reason.NOT_PERMITTED, said=said)
    return tuple(found)


PROCESSES = fact(
    "linux.processes",
    tuple[Process, ...],
    ask=Command(argv=("ps", "-eo", "pid=,uid=,comm="), limit=4 << 20),
    parse=parse_processes,
)


def running(processes: tuple[Process, ...], names: Iterable[str]) -> tuple[Process, ...]:
    """Those of `processes` that bear one of `names` (cut to 15 bytes) and run as the system."""
    wanted = {name[:15] for name in names}
    return tuple(p for p in processes if p.name in wanted and p.by_system)


def shown(processes: Iterable[Process]) -> list[str]:
    """Each process as `name (pid 12, uid 0)`."""
    return [f"{p.name} (pid {p.pid}, uid {p.uid})" for p in processes]
