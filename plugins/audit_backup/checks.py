"""The checks of what a backup set holds.

Ages are judged by the host's clock; where the difference between it and the collector's clock
matters, the result is undetermined.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated

from audit_backup import declared, open_points
from audit_backup.dates import days, is_of_day, last_days
from audit_backup.facts import CLOCK, DIGESTS, ENDS, SET
from audit_backup.generations import (
    Generation,
    complete,
    distinct,
    generations,
    most_of_a_kind,
    overdue,
    same_as_before,
)
from audit_backup.model import BackupFile, Ends, Files
from audit_backup.names import is_archive, snapshot
from audit_backup.packed_sizes import checksum, notes_time
from audit_core.api.sdk import (
    COLLECTED_AT,
    DAY,
    HOUR,
    TARGET,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Target,
    Up,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    passed,
    rounded_up,
    undetermined,
)


@check(
    "backup.present",
    needs=SET,
    severity=Severity.HIGH,
    version=15,
    when_absent=open_points.NO_FOLDER,
    remedy=msg("Set the backup up, or correct what the inventory declares"),
)
def present(files: Files) -> Judgement:
    """The declared backup set exists and holds at least one file with content."""
    wanted = msg("at least one file with content")
    if why := open_points.kept_by_program(files):
        return undetermined(why, expected=wanted)
    full = open_points.with_content(files.files)
    if not full:
        return open_points.judge_no_content(files, wanted)
    detail = msg("{count} of {all} files have content", count=len(full), all=len(files.files))
    if files.listed:
        detail = msg("The backup program lists {count} backups", count=len(full))
    if why := open_points.lacks_full(files):
        return undetermined(detail, why, expected=wanted)
    return passed(detail, expected=wanted)


@check(
    "backup.fresh",
    needs=(SET, CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
    version=15,
    when_absent=open_points.NO_FOLDER,
    remedy=msg("Find out why the backup job did not run or did not finish"),
)
def fresh(
    files: Files,
    clock: int,
    target: Target,
    collected_at: str,
    *,
    max_rpo_hours: Annotated[int, Down] = 8760,
) -> Judgement:
    """The newest backup is no older than the declared recovery point objective."""
    rpo = declared.rpo_hours(target)
    if isinstance(rpo, Message):
        return undetermined(rpo)
    allowed = min(rpo, float(max_rpo_hours))
    wanted = msg("newest backup at most {hours} h old", hours=allowed)
    if why := open_points.kept_by_program(files):
        return undetermined(why, expected=wanted)
    latest = open_points.latest_time(clock, collected_at)
    full = open_points.with_content(open_points.finished_files(files, clock, latest))
    skew = open_points.clock_skew(clock, collected_at)
    if not full:
        if too_old := _all_old(files, clock, latest, skew, allowed, wanted):
            return too_old
        return _nothing_to_date(files, clock, latest, wanted)
    return _dated(full, files, clock, latest, skew, allowed, wanted)


def _all_old(
    files: Files, clock: int, latest: float, skew: float, allowed: float, wanted: Message
) -> Judgement | None:
    """The judgement where even what may be no backup is too old."""
    perhaps = open_points.possibly_with_content(open_points.finished_files(files, clock, latest))
    if not perhaps or clock - perhaps[0].at + skew <= allowed * HOUR:
        return None
    return _dated(perhaps, files, clock, latest, skew, allowed, wanted)


def _nothing_to_date(files: Files, clock: int, latest: float, wanted: Message) -> Judgement:
    if cut := open_points.incomplete_list(files):
        return undetermined(cut, expected=wanted)
    if ahead := open_points.dated_in_future(files, clock, latest):
        return undetermined(ahead, expected=wanted)
    if writing := open_points.still_written(files, clock):
        return undetermined(*writing, expected=wanted)
    return open_points.judge_no_content(files, wanted)


_ANYWHERE = 14 * HOUR  # seconds by which a day may end later in another time zone


def _over(day: date | None, clock: int, allowed: float) -> bool:
    """Whether `day` ended too long ago, wherever."""
    if day is None:
        return False
    return clock - (_begin(day) + DAY + _ANYWHERE) > allowed * HOUR


def _begin(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _older_by_name(
    newest: BackupFile, clock: int, allowed: float, others: list[BackupFile]
) -> Message | None:
    """A message where the name has too old a date: a copied old backup has the time of the copy.

    Or where it has one that is still to come. A date in all names is not that of a backup.
    """
    found = set(last_days(newest.name)) - _constant(others)
    past = [day for day in found if _begin(day) - _ANYWHERE <= clock]
    if past and _over(max(past), clock, allowed):
        return msg(
            "Its name has the date {day}: it may be the copy of an older backup",
            day=max(past).isoformat(),
        )
    if found and not past and days(newest.name):
        return msg("Its name has the date {day}, which is still to come: a clock was wrong",
                   day=min(found).isoformat())  # fmt: skip
    return None


def _constant(files: list[BackupFile]) -> set[date]:
    """The dates that all names have, of files made on more than one day."""
    if files[0].at - files[-1].at < DAY:
        return set()
    return set.intersection(*(set(last_days(f.name)) for f in files))


def _older_by_content(newest: BackupFile, clock: int, allowed: float) -> Message | None:
    """A message where the last line of a dump has too old a date."""
    if newest.dumped is None or not _over(newest.dumped, clock, allowed):
        return None
    return msg(
        "Its last line says that it was made on {day}: it is the copy of an older backup",
        day=newest.dumped.isoformat(),
    )


def _older(
    file: BackupFile, clock: int, allowed: float, others: list[BackupFile]
) -> Message | None:
    by_name = _older_by_name(file, clock, allowed, others)
    return _older_by_content(file, clock, allowed) or by_name


def _younger_by_name(files: Iterable[BackupFile], clock: int, allowed: float) -> Message | None:
    """A message where a name has a day within the objective: a copy may keep older times.

    A time on that day is no older one.
    """
    for file in files:
        for day in days(file.name):
            if (
                not is_of_day(file.at, day)
                and -2 * DAY < clock - _begin(day) - DAY <= allowed * HOUR
            ):
                return msg(
                    "The name of {name} has the date {day}, but its time is older: it may be the "
                    "time of the original",
                    name=file.name,
                    day=day.isoformat(),
                )
    return None


def _mirrored(full: list[BackupFile]) -> Message | None:
    """A message where the files look like a copied tree, whose times are those of the originals."""
    folders = {f.name.rpartition("/")[0] for f in full}
    dated = any(days(f.name) or is_archive(f.name) or snapshot(f.name) for f in full)
    if len(folders) < 2 or dated:
        return None
    return msg("This looks like a copied tree, whose files keep the times of their originals: "
               "provide the log of the copy job")  # fmt: skip


def _dated(
    full: list[BackupFile],
    files: Files,
    clock: int,
    latest: float,
    skew: float,
    allowed: float,
    wanted: Message,
) -> Judgement:
    near = [f for f in full if clock - f.at + skew <= allowed * HOUR]
    # Of several files of one time, as hard links are, one with a fitting name will do.
    newest = next((f for f in near if not _older(f, clock, allowed, full)), full[0])
    age = clock - newest.at
    # A file dated after the host's clock was dated by another: the collector's has to do.
    hours = rounded_up(age if age >= 0 else age + skew, HOUR)
    detail = msg("The newest backup {name} is {hours} h old ({size} bytes)",
                 name=newest.name, hours=hours, size=newest.size)  # fmt: skip
    if files.listed:
        detail = msg("The newest backup that the backup program lists is {hours} h old: {name}",
                     name=newest.name.rstrip("'"), hours=hours)  # fmt: skip
    noted = open_points.still_written(files, clock)
    if age + skew <= allowed * HOUR:
        if old := _older_by_content(newest, clock, allowed):
            return failed(detail, old, *noted, expected=wanted)
        if why := _why_not_fresh(newest, full, files, clock, allowed):
            return undetermined(detail, why, *noted, expected=wanted)
        return passed(detail, *noted, expected=wanted)
    if why := _why_not_old(full, files, clock, latest, skew, allowed):
        return undetermined(detail, why, *(n for n in noted if n != why), expected=wanted)
    return failed(detail, expected=wanted)


def _why_not_fresh(
    newest: BackupFile, full: list[BackupFile], files: Files, clock: int, allowed: float
) -> Message | None:
    """Why the newest backup may be older than its time, or not all that is needed."""
    return (
        open_points.lacks_full(files)
        or _older_by_name(newest, clock, allowed, full)
        or _stopped(full, clock, allowed)
        or _copied_nothing(full)
    )


def _stopped(full: list[BackupFile], clock: int, allowed: float) -> Message | None:
    """A message where one of several regular backups is no longer made."""
    stopped = overdue(full, clock, allowed * HOUR)
    if not stopped:
        return None
    return msg("Backups of this kind were made regularly and no longer are: {names}",
               names=capped(stopped))  # fmt: skip


def _copied_nothing(full: list[BackupFile]) -> Message | None:
    """A message where the newest snapshot may be what rsnapshot leaves after a copy that failed."""
    same = same_as_before(full)
    if not same:
        return None
    return msg(
        "All files here are those of the snapshot before: {folders}: either nothing had changed, "
        "or the copy failed: provide the log of the copy job", folders=capped(same),
    )  # fmt: skip


def _why_not_old(
    full: list[BackupFile], files: Files, clock: int, latest: float, skew: float, allowed: float
) -> Message | None:
    """Why there may be a newer backup than the newest that is known."""
    if why := open_points.unseen_files(files) or open_points.dated_in_future(files, clock, latest):
        return why
    # a program that lists backups knows their times
    if not files.listed and (why := _younger_by_name(full, clock, allowed) or _mirrored(full)):
        return why
    if skew and clock - full[0].at - skew <= allowed * HOUR:
        hours = rounded_up(skew, HOUR)
        return msg("The clocks of host and collector differ by {hours} h", hours=hours)
    newer = [f for f in files.files if f.at > full[0].at]
    if why := open_points.unknown_content(
        f for f in newer if clock - f.at - skew <= allowed * HOUR
    ):
        return why
    return next(iter(open_points.still_written(files, clock)), None)


@check(
    "backup.copies",
    needs=(
        SET,
        known_or_absent(DIGESTS),
        known_or_absent(ENDS),
        CLOCK,
        TARGET,
        COLLECTED_AT,
    ),
    severity=Severity.MEDIUM,
    version=15,
    when_absent=open_points.NO_FOLDER,
    remedy=msg("Keep more generations, or correct the declared number"),
)
def enough_copies(
    files: Files,
    digests: dict[str, str] | Absent,
    ends: dict[str, Ends] | Absent,
    clock: int,
    target: Target,
    collected_at: str,
    *,
    minimum: Annotated[int, Up] = 1,
) -> Judgement:
    """As many generations are kept as the inventory declares."""
    stated = declared.copies(target)
    if isinstance(stated, Message):
        return undetermined(stated)
    needed = max(stated, minimum)
    wanted = msg("at least {count} generations", count=needed)
    if why := open_points.kept_by_program(files):
        return undetermined(why, expected=wanted)
    latest = open_points.latest_time(clock, collected_at)
    settled = open_points.finished_files(files, clock, latest)
    rpo = declared.known_hours(target)
    full = generations(open_points.with_content(settled), rpo)
    inodes = {f.name: f.inode or f.name for f in settled}
    apart = distinct(full, inodes)
    detail = msg(
        "{files} files with content, {count} generations by time and name",
        files=len(open_points.with_content(settled)), count=apart,
    )  # fmt: skip
    noted = open_points.still_written(files, clock)
    if apart >= needed:
        prints = _prints(settled, known(digests) or {}, known(ends) or {})
        if why := _why_not_apart(files, full, inodes, prints, needed):
            return undetermined(detail, why, *noted, expected=wanted)
        return passed(detail, *noted, expected=wanted)
    if why := open_points.unseen_files(files) or open_points.dated_in_future(files, clock, latest):
        return undetermined(detail, why, expected=wanted)
    return _too_few(settled, inodes, noted, needed, detail, wanted)


def _why_not_apart(
    files: Files,
    full: tuple[Generation, ...],
    inodes: dict[str, str],
    prints: dict[str, object],
    needed: int,
) -> Message | None:
    """Why generations that differ by time and name may be fewer than `needed`."""
    if why := open_points.lacks_full(files):
        return why
    if not files.listed and most_of_a_kind(full) < needed:
        return _OTHER_NAMES
    whole = distinct(complete(full, steps=False), inodes)
    if distinct(complete(full, steps=True), inodes) < needed or whole < 2 <= needed:
        return msg("Only {count} of them are full backups, on which the others depend",
                   count=whole)  # fmt: skip
    return None if distinct(full, {**inodes, **prints}) >= needed else _SAME


def _prints(
    files: list[BackupFile], digests: dict[str, str], ends: dict[str, Ends]
) -> dict[str, object]:
    """What two files of one content have in common: a digest, or the checksums of an archive."""
    packed = {f.name: (f.size, ends[f.name].head, ends[f.name].tail or b"")
              for f in files if f.name in ends and ends[f.name].tail}  # fmt: skip
    sums: dict[str, object] = {name: checksum(*parts) for name, parts in packed.items()}
    timed = {name: sums[name] for name, (_, head, _) in packed.items() if notes_time(head)}
    return {**sums, **digests, **timed}


_OTHER_NAMES = msg(
    "Their names differ by more than days and numbers: they may be parts of one backup, such as a "
    "copied tree. Declare `pattern`, and several backups each as a backup set"
)
_SAME = msg("Some of them have the same content: copies of one backup, or nothing had changed")


def _too_few(
    settled: list[BackupFile],
    inodes: dict[str, str],
    noted: tuple[Message, ...],
    needed: int,
    detail: Message,
    wanted: Message,
) -> Judgement:
    """The judgement where fewer generations than needed are certain."""
    perhaps = open_points.possibly_with_content(settled)
    if any(snapshot(f.name) for f in perhaps):
        tops = len({snapshot(f.name) for f in perhaps})
        if tops >= needed:
            return undetermined(detail, _SAME, *noted, expected=wanted)
    full = len({inodes[f.name] for f in open_points.with_content(perhaps)})
    if full >= needed:
        parts = msg("Files with the same time may belong to one generation")
        return undetermined(detail, parts, *noted, expected=wanted)
    every = len({inodes[f.name] for f in perhaps})
    if every + len(noted) >= needed:
        why = (open_points.unknown_content(perhaps),) if every > full else ()
        return undetermined(detail, *(w for w in why if w), *noted, expected=wanted)
    return failed(detail, *noted, expected=wanted)


CHECKS = (present, fresh, enough_copies)
