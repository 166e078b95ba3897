"""The check of whether the newest backup can be read to its end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import structs

from audit_backup import declared, open_points
from audit_backup.facts import CLOCK, ENDS, PACKED_HEADS, SET, TESTS
from audit_backup.generations import Generation, generations
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Ends, Files, Tested
from audit_backup.names import is_archive, is_dump, is_packed, is_sql
from audit_backup.parts import group, lost_parts, perhaps_cut, without_list
from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Target,
    capped,
    check,
    failed,
    few,
    known,
    known_or_absent,
    msg,
    passed,
    undetermined,
    verbatim,
)


@check(
    "backup.whole",
    needs=(SET, TESTS, ENDS, known_or_absent(PACKED_HEADS), CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
    version=9,
    remedy=msg("Check the log of the backup job, and make the backup again"),
)
def whole(
    files: Files,
    tests: tuple[Tested, ...],
    ends: dict[str, Ends],
    packed: dict[str, bytes] | Absent,
    clock: int,
    target: Target,
    collected_at: str,
) -> Judgement:
    """The newest backup can be read to its end: archives pass their test, dumps are finished."""
    wanted = msg("archives that pass their own test, and SQL dumps with their first and last line")
    latest = open_points.latest_time(clock, collected_at)
    settled = open_points.finished_files(files, clock, latest)
    runs = generations(settled, declared.known_hours(target))
    if why := _why_not_judged(files, runs, clock, latest):
        return undetermined(why, expected=wanted)
    newest = runs[0].files
    found = _of(newest, tests, ends)
    texts = known(packed) or {}
    heads = {n: texts.get(n, b"") if is_packed(n) else _head(ends, n) for n in found}
    if bad := _damages(runs, found, heads):
        return failed(*few(bad, 10), expected=wanted)
    found = {n: test for n, test in found.items() if not heads[n].startswith(_OWN)}
    if why := _doubts(files, runs, found, declared.pattern(target)):
        return undetermined(why, expected=wanted)
    return passed(msg("{count} files were read to their end", count=len(newest)), expected=wanted)


_OWN = b"PGDMP"  # of pg_dump: cut before it was packed, it still passes the test of what packed it


def _why_not_judged(
    files: Files, runs: Sequence[Generation], clock: int, latest: float
) -> Message | None:
    """Why there is no newest backup whose files tell something."""
    why = (
        open_points.kept_by_program(files)
        or open_points.known_by_list_only(files)
        or open_points.incomplete_list(files)
    )
    if why or runs:
        return why
    return open_points.dated_in_future(files, clock, latest) or open_points.NO_FILE


def _damages(
    runs: Sequence[Generation], found: dict[str, Tested], heads: dict[str, bytes]
) -> list[Message]:
    """What of the newest backup is missing or cannot be read."""
    empty, _ = open_points.without_content(runs)
    if why := empty or lost_parts(runs[0].files):
        return [why]
    return [bad for test in found.values() if (bad := _bad(test, heads[test.name]))]


def _doubts(
    files: Files, runs: Sequence[Generation], found: dict[str, Tested], pattern: str | Message
) -> Message | None:
    """Why the newest backup may not be whole, although nothing was found wrong with it."""
    newest = runs[0].files
    return (
        open_points.without_content(runs)[1]
        or (without_list(newest, files.aside) if pattern == "*" else None)
        or perhaps_cut(newest)
        or _without_first_line(found)
        or _untested(newest, found)
        or open_points.unsearched_places(_without_notes(files, newest))
        or open_points.unknown_content(newest)
    )


def _without_notes(files: Files, newest: Sequence[BackupFile]) -> Files:
    """`files` without what may be notes, where the newest backup is of archives and dumps."""
    named = all(is_archive(f.name) or is_dump(f.name) or is_sql(f.name) for f in newest)
    return structs.replace(files, unclear=()) if named else files


def _of(
    newest: Sequence[BackupFile], tests: tuple[Tested, ...], ends: dict[str, Ends]
) -> dict[str, Tested]:
    """The tests of `newest` by name, without those of files that are not what they are called.

    Without the password the members of an encrypted archive cannot be tested.
    """
    plain = [t for t in tests if not encrypted_as(_head(ends, t.name))]
    true = {
        t.name: t for t in plain
        if t.passed or plain_as(_head(ends, t.name)) or not is_packed(t.name)
    }  # fmt: skip
    return {f.name: true[f.name] for f in newest if f.name in true}


def _untested(newest: Sequence[BackupFile], found: dict[str, Tested]) -> Message | None:
    """A message where files were not tested; volumes are tested with the first or the last."""
    tested = {group(name) for name, test in found.items() if test.passed}
    left = [f.name for f in newest if group(f.name) not in tested]
    if not left:
        return None
    return msg(
        "These were not tested: too old, over 256 MB, encrypted or of a format without "
        "a test of its own, or its program is missing: {names}",
        names=capped(left),
    )


def _without_first_line(found: dict[str, Tested]) -> Message | None:
    names = [test.name for test in found.values() if not test.begun]
    if not names:
        return None
    return msg(
        "These dumps have their last line but not their first: what stood before may be missing: "
        "{names}",
        names=capped(names),
    )  # fmt: skip


def _head(ends: dict[str, Ends], name: str) -> bytes:
    return ends[name].head if name in ends else b""


# How a line of a dump may begin: a comment, a command of the client, or the word of a statement.
_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:--|/\*|#|\\|(?i:alter|begin|call|comment|commit|copy|create|delete|delim"
    rb"iter|do|drop|flush|grant|insert|lock|merge|purge|replace|revoke|select|set|start|truncate"
    rb"|unlock|update|upsert|use|with)\b)"
)


def _bad(test: Tested, head: bytes) -> Message | None:
    if test.error:
        return msg(
            "{name} is damaged or truncated: {error}", name=test.name, error=verbatim(test.error)
        )
    if test.dump and not test.ended:
        return msg("{name} is a dump without its last line: it is truncated", name=test.name)
    if not test.begun and head.strip() and not _BEGINNING.match(head):
        return msg(
            "{name} begins in the middle of a statement: its first part is missing", name=test.name
        )
    return None


CHECKS = (whole,)
