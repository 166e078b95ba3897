"""Whether there is room for records, and no log leads to /dev/null."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Command,
    Judgement,
    ParseError,
    Severity,
    capped,
    check,
    fact,
    failed,
    msg,
    passed,
    undetermined,
    verbatim,
)
from audit_linux.logs.log_files import DEPTH, SECURITY_LOGS


class Space(Struct, frozen=True, kw_only=True):
    """Bytes and files that the file system of /var/log has, and that are free.

    `free` counts what is kept for root, `for_others` does not. `files` is 0 where the file system
    has no limit on files, such as btrfs.
    """

    size: int
    free: int
    for_others: int
    files: int
    free_files: int


def parse_space(answer: Answer) -> Space:
    """The numbers of `stat -f`: blocks, free ones, those for others, their size, inodes."""
    found = re.fullmatch(r"(\d{1,18})_(\d{1,18})_(\d{1,18})_(\d{1,9})_(\d{1,18})_(\d{1,18})\s*",
                         answer.text, re.ASCII)  # fmt: skip
    if found is None:
        raise ParseError(msg("not the numbers of a file system: {text}",
                             text=verbatim(answer.text)))  # fmt: skip
    blocks, free, others, size, files, free_files = map(int, found.groups())
    return Space(size=blocks * size, free=free * size, for_others=others * size, files=files,
                 free_files=free_files)  # fmt: skip


SPACE = fact(
    "linux.log-space",
    Space,
    kind="host",
    ask=Command(argv=("stat", "-f", "-L", "-c", "%b_%f_%a_%S_%c_%d", "/var/log")),
    parse=parse_space,
)
_LEAST = 1 << 20  # bytes


@check(
    "linux.log-space",
    needs=SPACE,
    severity=Severity.HIGH,
    remedy=msg("Free space in the file system of /var/log"),
)
def log_space(space: Space) -> Judgement:
    """The file system of /var/log has room for further records."""
    expected = msg("at least 1 MiB and one file free")
    detail = msg("{free} MiB of {size} MiB are free, {files} of {all} files", free=space.free >> 20,
                 size=space.size >> 20, files=space.free_files, all=space.files)  # fmt: skip
    if space.free < _LEAST or (space.files > 0 and space.free_files == 0):
        return failed(detail, expected=expected)
    if space.for_others < _LEAST:
        kept = msg("Only root can still write; a log daemon of another account cannot")
        return undetermined(detail, kept, expected=expected)
    return passed(detail, expected=expected)


def parse_nowhere(answer: Answer) -> frozenset[str]:
    """The paths below /var/log that are links to /dev/null."""
    *paths, rest = answer.text.split("//")
    if rest or "[redacted:" in answer.text:
        raise ParseError(msg("the last record is incomplete"))
    return frozenset(paths)


NOWHERE = fact(
    "linux.log-links",
    frozenset[str],
    kind="host",
    ask=Command(
        argv=("find", "-H", "/var/log", "-maxdepth", str(DEPTH), "-type", "l", "-lname",
              "/dev/null", "-printf", "%P//"),
        ok=(0, 1),
    ),
    parse=parse_nowhere,
)  # fmt: skip


# Records of logins, of the system and of the kernel's audit.
_RECORDS = frozenset({
    *SECURITY_LOGS, "wtmp", "btmp", "lastlog", "faillog", "tallylog", "audit/audit.log", "cron",
    "cron.log", "kern.log", "sudo.log",
})  # fmt: skip


@check(
    "linux.log-links",
    needs=NOWHERE,
    severity=Severity.HIGH,
    remedy=msg("Replace the links by files that only root and the log group may read"),
)
def log_links(links: frozenset[str]) -> Judgement:
    """No log of logins or of the system is a link to /dev/null."""
    expected = msg("no link to /dev/null")
    names = capped(f"/var/log/{path}" for path in sorted(links))
    lost = capped(f"/var/log/{path}" for path in sorted(links & _RECORDS))
    if lost:
        return failed(msg("Links to /dev/null: {paths}", paths=lost), expected=expected)
    if links:
        return passed(msg("Other logs are links to /dev/null: {paths}", paths=names))
    return passed(msg("No log is a link to /dev/null"), expected=expected)


FACTS = (SPACE, NOWHERE)
CHECKS = (log_space, log_links)
