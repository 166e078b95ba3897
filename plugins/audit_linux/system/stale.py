"""Programs that still run code which an update has replaced: deleted files mapped as code.

proc_pid_maps(5): a mapping of a file that was deleted ends in ` (deleted)`. Only files of packages
are looked for: anonymous memory (`/memfd:`, `/SYSV…`), /dev/shm and /tmp are none, and prelink
leaves `#prelink#` files behind that are the same library.
"""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Command,
    Judgement,
    ParseError,
    Partial,
    Privilege,
    Severity,
    capped,
    check,
    fact,
    failed,
    msg,
    partial,
    passed,
    read_rows,
    undetermined,
    verbatim,
)
from audit_linux.processes import PROCESSES, Process


class Mapped(Struct, frozen=True, kw_only=True):
    """A file that a process runs code of, although it was deleted."""

    pid: int
    path: str


_LINE = re.compile(r"/proc/(\d{1,10})/maps:\S+ ..([x-]). \S+ \S+ \d+ +(\S.*) \(deleted\)", re.ASCII)
# The second form is that of a daemon in a directory of its own (chroot), such as named.
_OF_PACKAGES = re.compile(
    r"/(?:usr|lib|lib32|lib64|bin|sbin|opt)/.*"
    r"|/(?:srv|var|chroot|jail)/.*/(?:usr/(?:s?bin|libexec|lib\w*)|lib64|s?bin)/.*"
)


def parse_mapped(answer: Answer) -> tuple[Mapped, ...] | Partial:
    """Each process and file once; a process that ended meanwhile is passed over."""
    rows, problems = read_rows(enumerate(answer.lines, 1), _mapped)
    kept = dict.fromkeys(row for row in rows if row and "#prelink#" not in row.path)
    return partial(tuple(kept), problems)


def _mapped(line: str) -> Mapped | None:
    """The code of one line; None for data, and for memory that is no file of a package."""
    row = _LINE.fullmatch(line)
    if row is None:
        raise ParseError(msg("not a mapping: {line}", line=verbatim(line)))
    if row[2] != "x" or not _OF_PACKAGES.fullmatch(row[3]):
        return None
    return Mapped(pid=int(row[1]), path=row[3])


MAPPED = fact(
    "linux.deleted-code",
    tuple[Mapped, ...],
    kind="host",
    ask=Command(
        argv=(
            "/usr/bin/find", "/proc", "-mindepth", "2", "-maxdepth", "2", "-name", "maps", "-exec",
            "/bin/grep", "-HF", " (deleted)", "{}", "+",
        ),
        privilege=Privilege.ROOT,
        ok=(0, 1),
        limit=4 << 20,
        timeout_s=60,
    ),
    parse=parse_mapped,
)  # fmt: skip


@check(
    "linux.replaced-code",
    needs=(MAPPED, PROCESSES),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Restart the named services (needrestart, or needs-restarting -s), or the host"),
)
def replaced_code(mapped: tuple[Mapped, ...], processes: tuple[Process, ...]) -> Judgement:
    """No program runs libraries or programs that an update has replaced."""
    expected = msg("no deleted program or library in use")
    inside = {p.pid for p in processes if p.contained}
    names = {p.pid: p.name for p in processes}
    stale = [row for row in mapped if row.pid not in inside]
    # Who started between the two answers is not known to be outside of a container.
    known = [f"{names[r.pid]} (pid {r.pid}): {r.path}" for r in stale if r.pid in names]
    if known:
        detail = msg("Replaced or removed, and still in use: {names}", names=capped(known))
        return failed(detail, expected=expected)
    if stale:
        gone = msg("Processes that started or ended during the check: {names}",
                   names=capped(f"{r.pid}: {r.path}" for r in stale))  # fmt: skip
        return undetermined(gone, expected=expected)
    none = msg("None of {count} processes runs code of a deleted file", count=len(processes))
    return passed(none, expected=expected)


FACTS = (MAPPED,)
CHECKS = (replaced_code,)
