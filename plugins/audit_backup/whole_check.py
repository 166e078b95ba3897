"""The check of whether the newest backup can be read to its end."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from audit_backup import declared, open_points
from audit_backup.facts import CLOCK, ENDS, SET, TESTS
from audit_backup.generations import generations
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Ends, Files, Tested
from audit_backup.names import is_archive, is_dump, is_packed, is_sql
from audit_backup.parts import lost_parts, perhaps_cut, without_list
from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Judgement,
    Message,
    Severity,
    Target,
    capped,
    check,
    failed,
    few,
    msg,
    passed,
    undetermined,
    verbatim,
)


@check(
    "backup.whole",
    needs=(SET, TESTS, ENDS, CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
    version=5,
    remedy=msg("Check the log of the backup job, and make the backup again"),
)
def whole(
    files: Files,
    tests: tuple[Tested, ...],
    ends: dict[str, Ends],
    clock: int,
    target: Target,
    collected_at: str,
) -> Judgement:
    """The newest backup can be read to its end: archives pass their test, dumps are finished."""
    wanted = msg("archives that pass their own test, and SQL dumps with their last line")
    latest = open_points.latest_time(clock, collected_at)
    settled = open_points.finished_files(files, clock, latest)
    runs = generations(settled, declared.known_hours(target))
    why = (
        open_points.kept_by_program(files)
        or open_points.known_by_list_only(files)
        or open_points.incomplete_list(files)
    )
    if why or not runs:
        ahead = open_points.dated_in_future(files, clock, latest)
        return undetermined(why or ahead or open_points.NO_FILE, expected=wanted)
    newest = runs[0].files
    empty, never = open_points.without_content(runs)
    if empty := empty or lost_parts(newest):
        return failed(empty, expected=wanted)
    found = _of(newest, tests, ends)
    if bad := [_bad(test) for test in found.values() if _is_bad(test)]:
        return failed(*few(bad, 10), expected=wanted)
    if (
        why := never
        or (declared.pattern(target) == "*" and without_list(newest, files.aside))
        or perhaps_cut(newest)
        or _untested(newest, found)
        or open_points.unsearched_places(_without_notes(files, newest))
        or open_points.unknown_content(newest)
    ):
        return undetermined(why, expected=wanted)
    return passed(msg("{count} files were read to their end", count=len(newest)), expected=wanted)


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
    true = {t.name: t for t in plain if plain_as(_head(ends, t.name)) or not is_packed(t.name)}
    return {f.name: true[f.name] for f in newest if f.name in true}


def _untested(newest: Sequence[BackupFile], found: dict[str, Tested]) -> Message | None:
    left = [f.name for f in newest if f.name not in found or not found[f.name].passed]
    if not left:
        return None
    return msg(
        "These were not tested: too old, over 256 MB, encrypted or of a format without "
        "a test of its own, or its program is missing: {names}",
        names=capped(left),
    )


def _is_bad(test: Tested) -> bool:
    return bool(test.error) or (test.dump and not test.ended)


def _head(ends: dict[str, Ends], name: str) -> bytes:
    return ends[name].head if name in ends else b""


def _bad(test: Tested) -> Message:
    if test.error:
        return msg(
            "{name} is damaged or truncated: {error}", name=test.name, error=verbatim(test.error)
        )
    return msg("{name} is a dump without its last line: it is truncated", name=test.name)


CHECKS = (whole,)
