"""Whether process accounting (acct, psacct) writes a record of every program that ends.

The kernel appends a record whenever a process ends, those of this audit included: where accounting
is on, its file was written seconds ago. The kernel stops while the file system is nearly full.
"""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Answers,
    Command,
    Down,
    Judgement,
    Message,
    ParseError,
    Reason,
    Severity,
    Target,
    check,
    fact,
    failed,
    msg,
    not_applicable,
    passed,
    undetermined,
    verbatim,
)
from audit_linux.clock import CLOCK, seconds

PLACES = ("/var/log/account/pacct", "/var/account/pacct")
"""Where Debian's acct and the psacct of RHEL and SUSE keep it."""


class Accounting(Struct, frozen=True, kw_only=True):
    """The file that was written last, and the time of the host. None: no such file."""

    now: int
    path: str
    size: int = 0
    written: int | None = None


def _places(target: Target) -> tuple[str, ...]:
    own = target.settings.get("process_accounting")
    return (str(own),) if own else PLACES


def _ask(target: Target) -> Command:
    return Command(argv=("stat", "-L", "-c", "%Y_%s_%n", "--", *_places(target)), ok=(0, 1))


def parse_accounting(answers: Answers) -> Accounting | Absent:
    """The newest of the files; NOT_PERMITTED where none was found and a folder is closed."""
    listing, now = answers["files"], seconds(answers["clock"])
    rows = []
    for line in listing.lines:
        row = re.fullmatch(r"(\d{1,12})_(\d{1,18})_(/.*)", line, re.ASCII)
        if row is None:
            raise ParseError(msg("not a time stamp: {line}", line=verbatim(line)))
        rows.append((int(row[1]), int(row[2]), row[3]))
    if rows:
        written, size, path = max(rows)
        return Accounting(now=now, path=path, size=size, written=written)
    paths = _places(answers.target)
    if b"Permission denied" in listing.stderr:
        detail = msg("Cannot read {paths}", paths=paths)
        return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
    return Accounting(now=now, path=paths[0])


ACCOUNTING = fact(
    "linux.process-accounting",
    Accounting,
    kind="host",
    asks={"clock": CLOCK, "files": _ask},
    parse=parse_accounting,
)


@check(
    "linux.process-accounting",
    needs=(TARGET, ACCOUNTING),
    severity=Severity.LOW,
    remedy=msg("Install acct or psacct, and let it start at boot; declare process_accounting if "
               "its file has another path"),
)  # fmt: skip
def process_accounting(
    target: Target, accounting: Accounting, *, max_minutes: Annotated[int, Down] = 10
) -> Judgement:
    """Where the site wants process accounting, each program that ends is recorded."""
    expected = msg("a record in the last {minutes} minutes", minutes=max_minutes)
    wanted = bool(target.settings.get("process_accounting"))
    detail = _detail(accounting)
    if accounting.written is not None and accounting.size:
        age = accounting.now - accounting.written
        if 0 <= age <= max_minutes * 60:
            return passed(detail, expected=expected)
        if age < 0:  # the clock was set back, or the time of the file was set
            return undetermined(detail, expected=expected)
    if wanted:
        return failed(detail, expected=expected)
    return not_applicable(detail, msg("process_accounting is not declared"))


def _detail(accounting: Accounting) -> Message:
    if accounting.written is None:
        return msg("There is no {path}", path=accounting.path)
    if not accounting.size:
        return msg("{path} is empty", path=accounting.path)
    age = accounting.now - accounting.written
    return msg("{path} was written {seconds} seconds before it was looked at",
               path=accounting.path, seconds=age)  # fmt: skip


FACTS = (ACCOUNTING,)
CHECKS = (process_accounting,)
