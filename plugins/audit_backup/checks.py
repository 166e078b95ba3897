"""The checks of a backup set. Ages are judged by the host's clock; where the difference between it
and the collector's clock matters, the result is undetermined."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from statistics import median
from typing import Annotated

from audit_backup import declared
from audit_backup.facts import CLOCK, DIGESTS, ENDS, FILES, LISTS, SET, TESTS, WAY, WAY_LISTS
from audit_backup.generations import Generation, distinct, generations, key_of, overdue, sizes
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Content, Ends, Files, Tested
from audit_backup.names import days, is_archive, is_dump, is_increment, is_packed, snapshot
from audit_backup.repositories import written_by
from audit_core.api.sdk import (
    COLLECTED_AT,
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
    expect,
    failed,
    known,
    known_or_absent,
    msg,
    passed,
    rounded_up,
    undetermined,
    verbatim,
)

_WRITING = 120  # seconds since the last change within which a file may still be written
_SKEW = 120  # seconds that the clocks may differ before ages are widened by the difference
_NO_FOLDER = failed(msg("The directory of the backup set does not exist, so there is no backup"))
_NO_FILE = msg("No file in the declared directory matches the declared pattern")


def _skew(clock: int, collected_at: str) -> float:
    """By how many seconds an age may be wrong."""
    difference = abs(clock - datetime.fromisoformat(collected_at).timestamp())
    return difference if difference > _SKEW else 0.0


def _latest(clock: int, collected_at: str) -> float:
    """The later of the two clocks: what is dated after both is dated wrongly."""
    return max(clock, datetime.fromisoformat(collected_at).timestamp()) + _WRITING


def _settled(files: Files, clock: int, latest: float) -> list[BackupFile]:
    """The files that are no longer being written and not dated in the future, newest first."""
    return [f for f in files.files if clock - f.at >= _WRITING or clock + _WRITING < f.at <= latest]


def _full(files: Iterable[BackupFile]) -> list[BackupFile]:
    return [f for f in files if f.content is Content.FULL]


def _perhaps(files: Iterable[BackupFile]) -> list[BackupFile]:
    """Those that may hold something."""
    return [f for f in files if f.content is not Content.EMPTY]


def _ahead(files: Files, clock: int, latest: float) -> Message | None:
    """A message where the newest file is dated in the future."""
    if not files.files or files.files[0].at <= latest:
        return None
    newest = files.files[0]
    return msg(
        "The newest file {name} is dated {hours} h in the future by the host's own clock",
        name=newest.name, hours=rounded_up(newest.at - clock, HOUR),
    )  # fmt: skip


def _writing(files: Files, clock: int) -> tuple[Message, ...]:
    """A message where the newest file may still be being written."""
    now = [f for f in files.files if -_WRITING <= clock - f.at < _WRITING]
    if not now:
        return ()
    return (msg("{name} was changed within the last 2 minutes and was left out", name=now[0].name),)


def _cut(files: Files) -> Message | None:
    return None if files.complete else msg("The directory holds too many files to list them all")


def _elsewhere(files: Files) -> Message | None:
    """A message where backups may be in places that were not checked."""
    if files.deeper:
        names = capped((f.name for f in files.deeper), sort=False)
        return msg(
            "{count} directories were not searched, among them {names}: declare `depth`",
            count=len(files.deeper), names=names,
        )  # fmt: skip
    if files.links:
        return msg("{count} symbolic links were not followed", count=files.links)
    if files.unclear:
        names = capped((f.name for f in files.unclear), sort=False)
        return msg(
            "Whether these files are backups or notes is not known: {names}: declare `pattern`",
            names=names,
        )
    return None


def _unseen(files: Files) -> Message | None:
    return _cut(files) or _elsewhere(files)


def _doubtful(files: Iterable[BackupFile]) -> Message | None:
    """A message where it is not known whether files hold anything."""
    doubtful = [f for f in files if f.content in (Content.DOUBTFUL, Content.UNREAD)]
    if not doubtful:
        return None
    return msg(
        "Whether these files hold anything is not known: {names}",
        names=capped((f"{f.name} ({f.size})" for f in doubtful), sort=False),
    )


def _repository(files: Files) -> Message | None:
    """Why the files tell nothing, where a backup program keeps records of its own."""
    program = written_by(files)
    if not program:
        return None
    return msg(
        "This is the directory of {program}: only {program} can tell which backups it holds and "
        "from when. Declare `program` if it is restic, borg, pgbackrest or barman; otherwise "
        "provide its own list",
        program=program,
    )


def _by_list(files: Files) -> Message | None:
    """Why sizes and content are not known, where only a backup program's list is."""
    if not files.listed:
        return None
    return msg(
        "The list of the backup program does not tell this: provide the record of its own "
        "check (restic check, borg check, pgbackrest verify, barman check-backup)"
    )


def _nothing(files: Files, wanted: Message) -> Judgement:
    """The judgement of an empty set."""
    if unseen := _unseen(files):
        return undetermined(_NO_FILE, unseen, expected=wanted)
    if files.listed:
        return failed(msg("The backup program lists no backup"), expected=wanted)
    if not files.aside:
        return failed(_NO_FILE, expected=wanted)
    names = capped((f.name for f in files.aside), sort=False)
    detail = msg("There are only logs, checksums or unfinished files: {names}", names=names)
    return failed(detail, expected=wanted)


def _no_content(files: Files, wanted: Message) -> Judgement:
    """The judgement of a set in which no file is known to hold anything."""
    if not files.files:
        return _nothing(files, wanted)
    names = capped((f"{f.name} ({f.size})" for f in files.files), sort=False)
    detail = msg("{count} files, and none that is known to hold anything: {names}",
                 count=len(files.files), names=names)  # fmt: skip
    if why := _unseen(files) or _doubtful(files.files):
        return undetermined(detail, why, expected=wanted)
    return failed(detail, expected=wanted)


@check(
    "backup.present",
    needs=SET,
    severity=Severity.HIGH,
    version=3,
    when_absent=_NO_FOLDER,
    remedy=msg("Set the backup up, or correct what the inventory declares"),
)
def present(files: Files) -> Judgement:
    """The declared backup set exists and holds at least one file with content."""
    wanted = msg("at least one file with content")
    if why := _repository(files):
        return undetermined(why, expected=wanted)
    full = _full(files.files)
    if not full:
        return _no_content(files, wanted)
    detail = msg("{count} of {all} files hold something", count=len(full), all=len(files.files))
    if files.listed:
        detail = msg("The backup program lists {count} backups", count=len(full))
    return passed(detail, expected=wanted)


@check(
    "backup.fresh",
    needs=(SET, CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
    version=3,
    when_absent=_NO_FOLDER,
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
    if why := _repository(files):
        return undetermined(why, expected=wanted)
    latest = _latest(clock, collected_at)
    full = _full(_settled(files, clock, latest))
    if not full:
        return _nothing_to_date(files, clock, latest, wanted)
    return _dated(full, files, clock, latest, _skew(clock, collected_at), allowed, wanted)


def _nothing_to_date(files: Files, clock: int, latest: float, wanted: Message) -> Judgement:
    if cut := _cut(files):
        return undetermined(cut, expected=wanted)
    if ahead := _ahead(files, clock, latest):
        return undetermined(ahead, expected=wanted)
    if writing := _writing(files, clock):
        return undetermined(*writing, expected=wanted)
    return _no_content(files, wanted)


_ANYWHERE = 14 * 3600  # seconds by which a day may end later in another time zone


def _older_by_name(newest: BackupFile, clock: int, allowed: float) -> Message | None:
    """A message where the name has too old a date: a copied old backup has the time of the copy."""
    day = max(days(newest.name), default=None)
    if day is None:
        return None
    over = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 86400 + _ANYWHERE
    if clock - over <= allowed * 3600:
        return None
    return msg("Its name says {day}: it may be the copy of an older backup", day=_iso(day))


def _younger_by_name(files: Iterable[BackupFile], clock: int, allowed: float) -> Message | None:
    """A message where a name has a day within the objective: a copy may keep older times."""
    for file in files:
        for day in days(file.name):
            over = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 86400
            if -2 * 86400 < clock - over <= allowed * 3600:
                return msg("{name} says {day} by its name, and its time is older: its time may be "
                           "that of the original", name=file.name, day=_iso(day))  # fmt: skip
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
    newest = full[0]
    age = clock - newest.at
    # A file dated after the host's clock was dated by another: the collector's has to do.
    hours = rounded_up(age if age >= 0 else age + skew, HOUR)
    detail = msg("The newest backup {name} is {hours} h old ({size} bytes)",
                 name=newest.name, hours=hours, size=newest.size)  # fmt: skip
    if files.listed:
        detail = msg("The newest backup that the backup program lists is {hours} h old: {name}",
                     name=newest.name.rstrip("'"), hours=hours)  # fmt: skip
    noted = _writing(files, clock)
    if age + skew <= allowed * 3600:
        if why := _older_by_name(newest, clock, allowed) or _stopped(full, clock, allowed):
            return undetermined(detail, why, *noted, expected=wanted)
        return passed(detail, *noted, expected=wanted)
    if why := _why_not_old(full, files, clock, latest, skew, allowed):
        return undetermined(detail, why, *noted, expected=wanted)
    return failed(detail, expected=wanted)


def _stopped(full: list[BackupFile], clock: int, allowed: float) -> Message | None:
    """A message where one of several regular backups is no longer made."""
    stopped = overdue(full, clock, allowed * 3600)
    if not stopped:
        return None
    return msg("Backups of this kind were made regularly and no longer are: {names}",
               names=capped(stopped))  # fmt: skip


def _why_not_old(
    full: list[BackupFile], files: Files, clock: int, latest: float, skew: float, allowed: float
) -> Message | None:
    """Why there may be a newer backup than the newest that is known."""
    if why := _unseen(files) or _ahead(files, clock, latest):
        return why
    if why := _younger_by_name(full, clock, allowed) or _mirrored(full):
        return why
    if skew and clock - full[0].at - skew <= allowed * 3600:
        hours = rounded_up(skew, HOUR)
        return msg("The clocks of host and collector differ by {hours} h", hours=hours)
    newer = [f for f in files.files if f.at > full[0].at]
    if why := _doubtful(f for f in newer if clock - f.at - skew <= allowed * 3600):
        return why
    return next(iter(_writing(files, clock)), None)


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
    version=3,
    when_absent=_NO_FOLDER,
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
    if why := _repository(files):
        return undetermined(why, expected=wanted)
    latest = _latest(clock, collected_at)
    settled = _settled(files, clock, latest)
    rpo = known_hours(target)
    full = generations(_full(settled), rpo)
    inodes = {f.name: f.inode or f.name for f in settled}
    apart = distinct(full, inodes)
    detail = msg(
        "{files} files with content, {count} generations by time and name",
        files=len(_full(settled)), count=apart,
    )  # fmt: skip
    noted = _writing(files, clock)
    if apart >= needed:
        prints = _prints(settled, known(digests) or {}, known(ends) or {})
        if distinct(full, {**inodes, **prints}) >= needed:
            return passed(detail, *noted, expected=wanted)
        return undetermined(detail, _SAME, *noted, expected=wanted)
    if why := _unseen(files) or _ahead(files, clock, latest):
        return undetermined(detail, why, expected=wanted)
    return _too_few(settled, inodes, noted, needed, detail, wanted)


def _prints(
    files: list[BackupFile], digests: dict[str, str], ends: dict[str, Ends]
) -> dict[str, object]:
    """What two files of one content have in common: the digest, or size and ends of an archive.

    The end of an archive holds the checksum of its content.
    """
    found: dict[str, object] = {
        f.name: (f.size, ends[f.name].tail) for f in files if f.name in ends and ends[f.name].tail
    }
    return {**found, **digests}


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
    perhaps = _perhaps(settled)
    if any(snapshot(f.name) for f in perhaps):
        tops = len({snapshot(f.name) for f in perhaps})
        if tops >= needed:
            return undetermined(detail, _SAME, *noted, expected=wanted)
    full = len({inodes[f.name] for f in _full(perhaps)})
    if full >= needed:
        parts = msg("Files with the same time may belong to one generation")
        return undetermined(detail, parts, *noted, expected=wanted)
    every = len({inodes[f.name] for f in perhaps})
    if every + len(noted) >= needed:
        why = (_doubtful(perhaps),) if every > full else ()
        return undetermined(detail, *(w for w in why if w), *noted, expected=wanted)
    return failed(detail, *noted, expected=wanted)


def known_hours(target: Target) -> float | None:
    """The declared objective, None where none is declared rightly."""
    rpo = declared.rpo_hours(target)
    return None if isinstance(rpo, Message) else rpo


@check(
    "backup.size",
    needs=(SET, CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
    version=3,
    when_absent=_NO_FOLDER,
    remedy=msg("Check the log of the backup job: the newest backup may have been cut short"),
)
def plausible_size(
    files: Files,
    clock: int,
    target: Target,
    collected_at: str,
    *,
    least_percent: Annotated[int, Up] = 50,
) -> Judgement:
    """The newest backup is not empty and not much smaller than the earlier ones of its series."""
    least = declared.min_bytes(target)
    if isinstance(least, Message):
        return undetermined(least)
    wanted = msg(
        "with content, at least {least} bytes and {percent} % of the median of the earlier ones",
        least=least or 1, percent=least_percent,
    )  # fmt: skip
    latest = _latest(clock, collected_at)
    why = _repository(files) or _by_list(files) or _cut(files) or _ahead(files, clock, latest)
    if why:
        return undetermined(why, expected=wanted)
    settled, noted = _settled(files, clock, latest), _writing(files, clock)
    if not settled and noted:
        return undetermined(*noted, expected=wanted)
    if not settled:
        return _nothing(files, wanted)
    if files.deeper and (unseen := _elsewhere(files)):
        return undetermined(unseen, expected=wanted)
    runs = generations(settled, known_hours(target))
    return _sized(runs, noted, least, least_percent, wanted)


def _sized(
    runs: tuple[Generation, ...],
    noted: tuple[Message, ...],
    least: int | None,
    percent: int,
    wanted: Message,
) -> Judgement:
    newest = runs[0]
    names = capped((f.name for f in newest.files), sort=False)
    detail = msg(
        "The newest backup has {size} bytes in {count} files: {names}",
        size=newest.size, count=len(newest.files), names=names,
    )  # fmt: skip
    if empty := _without_content(newest.files):
        return failed(detail, empty, *noted, expected=wanted)
    if least is not None and newest.size < least:
        return failed(detail, *noted, expected=wanted)
    small, like, compared = _compared(runs, percent)
    if small and not like:
        return failed(detail, *small, *noted, expected=wanted)
    if why := _doubts(runs, least, small, compared):
        return undetermined(detail, why, *noted, expected=wanted)
    return passed(detail, *noted, expected=wanted)


def _without_content(files: tuple[BackupFile, ...]) -> Message | None:
    """A message where a backup of one generation holds nothing.

    An empty file among others that is no archive or dump by name may be empty in the original.
    """
    copied = any(f.content is Content.FULL for f in files)
    empty = [
        f.name
        for f in files
        if f.content is Content.EMPTY
        and not snapshot(f.name)
        and (f.size > 0 or not copied or is_archive(f.name) or is_dump(f.name))
    ]
    return msg("Without content: {names}", names=capped(empty)) if empty else None


def _doubts(
    runs: tuple[Generation, ...], least: int | None, small: list[Message], compared: bool
) -> Message | None:
    """Why the size of the newest generation is not known to be enough."""
    if small:
        return msg("Sizes vary: full backups and increments may bear the same names")
    doubtful = [f for f in runs[0].files if least is None or f.sparse]
    if why := _doubtful(f for f in doubtful if not snapshot(f.name)):
        return why
    if not compared and least is None:
        return msg("There is no earlier backup to compare with: declare `min_bytes`")
    return _missing(runs)


def _missing(runs: tuple[Generation, ...]) -> Message | None:
    """A message where most of what earlier generations hold is not in the newest."""
    earlier = [run.size for run in runs[1:]]
    if not earlier or runs[0].size * 2 >= median(earlier):
        return None
    here = {key_of(f) for f in runs[0].files}
    missing = [f.name for f in runs[1].files if key_of(f) not in here]
    if not missing or all(is_increment(f.name) for f in runs[0].files):
        return None
    return msg("The newest backup lacks parts of the one before: {names}", names=capped(missing))


def _compared(runs: tuple[Generation, ...], percent: int) -> tuple[list[Message], bool, bool]:
    """What is too small, whether earlier ones were as small at times, and whether any was compared.

    Each series is compared twice: by names without days, and by names without numbers as well.
    """
    small: dict[str, Message] = {}
    like, compared = True, False
    for exact in (True, False):
        new, *old = [sizes(run, exact=exact) for run in runs]
        for key, size in new.items():
            earlier = [run[key] for run in old if run[key]]
            compared |= bool(earlier)
            if earlier and size * 100 < median(earlier) * percent:
                small[key] = msg("{series}: {size} bytes; the median of {count} earlier ones is "
                                 "{median}", series=key, size=size, count=len(earlier),
                                 median=median(earlier))  # fmt: skip
                like &= sum(other <= 2 * size for other in earlier) > 1
    return list(small.values()), like, compared


@check(
    "backup.whole",
    needs=(SET, TESTS, ENDS, CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
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
    settled = _settled(files, clock, _latest(clock, collected_at))
    runs = generations(settled, known_hours(target))
    why = _repository(files) or _by_list(files) or _cut(files)
    if why or not runs:
        return undetermined(why or _NO_FILE, expected=wanted)
    newest = runs[0].files
    if empty := _without_content(newest):
        return failed(empty, expected=wanted)
    by_name = {t.name: t for t in tests if plain_as(_head(ends, t.name)) or not is_packed(t.name)}
    found = [by_name[f.name] for f in newest if f.name in by_name]
    if bad := [_bad(test) for test in found if test.error or (test.dump and not test.ended)]:
        return failed(*bad[:10], expected=wanted)
    left = [f.name for f in newest if f.name not in by_name or not by_name[f.name].passed]
    if left:
        detail = msg(
            "These were not tested: too old, over 256 MB, encrypted or of a format without "
            "a test of its own, or its program is missing: {names}",
            names=capped(left),
        )
        return undetermined(detail, expected=wanted)
    if why := _elsewhere(files) or _doubtful(newest):
        return undetermined(why, expected=wanted)
    return passed(msg("{count} files were read to their end", count=len(found)), expected=wanted)


def _head(ends: dict[str, Ends], name: str) -> bytes:
    return ends[name].head if name in ends else b""


def _bad(test: Tested) -> Message:
    if test.error:
        return msg("{name} is damaged or cut: {error}", name=test.name, error=verbatim(test.error))
    return msg("{name} is a dump without its last line: it was cut", name=test.name)


def _by_lists(paths: tuple[str, ...]) -> Message | None:
    """A message where access lists grant permissions that modes do not show."""
    if not paths:
        return None
    return msg("Access lists (ACL) grant permissions that were not checked: {paths}",
               paths=capped(paths))  # fmt: skip


@check(
    "backup.permissions",
    needs=(FILES, WAY, known_or_absent(LISTS), known_or_absent(WAY_LISTS)),
    severity=Severity.MEDIUM,
    version=4,
    remedy=msg(
        "Remove the permissions of others on the backup files or their directory (chmod o-rwx)"
    ),
)
def kept_from_others(
    files: Files,
    way: tuple[int, ...],
    lists: tuple[str, ...] | Absent,
    way_lists: tuple[str, ...] | Absent,
) -> Judgement:
    """Accounts without a role in the backup can neither read nor change its files."""
    wanted = msg("no permissions for others on the files or on a directory above them")
    granted = _by_lists((*(known(way_lists) or ()), *(known(lists) or ())))
    if any(not mode & 0o001 for mode in way):
        detail = msg("A directory above the backups is closed to others")
        return undetermined(detail, granted, expected=wanted) if granted else passed(detail)
    if (open_ := _open_to_others(files, way)) is not None:
        return failed(open_, expected=wanted)
    if cut := _cut(files):
        return undetermined(cut, expected=wanted)
    if not files.files or any(f.reachable and f.mode & 0o001 for f in files.deeper):
        return undetermined(_elsewhere(files) or _NO_FILE, expected=wanted)
    detail = msg("None of {count} files is accessible to others", count=len(files.files))
    if granted:
        return undetermined(detail, granted, expected=wanted)
    return passed(detail, expected=wanted)


def _open_to_others(files: Files, way: tuple[int, ...]) -> Message | None:
    """What others may change or read, if there is anything."""
    loose = [mode for mode in way if mode & 0o002 and not mode & 0o1000]
    if loose:
        return msg("Others may delete and replace backups: the directory has mode {mode}",
                   mode=f"{loose[-1]:04o}")  # fmt: skip
    if files.open_folders:
        return msg("Others may delete and replace backups in {folders}",
                   folders=capped(files.open_folders))  # fmt: skip
    exposed = [
        f for f in (*files.files, *files.aside, *files.unclear) if f.mode & 0o006 and f.reachable
    ]
    if not exposed:
        return None
    return msg(
        "{count} files are accessible to others, among them {files}",
        count=len(exposed),
        files=capped((f"{f.name} ({f.mode:04o})" for f in exposed), sort=False),
    )


@check(
    "backup.encrypted",
    needs=(FILES, ENDS, CLOCK, TARGET),
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Encrypt backups before they are stored"),
)
def is_encrypted(files: Files, ends: dict[str, Ends], clock: int, target: Target) -> Judgement:
    """The newest backup is encrypted, judging by its first bytes."""
    stated = declared.encrypted(target)
    if isinstance(stated, Message):
        return undetermined(stated)
    wanted = msg("a file with the header of an encrypted format")
    if files.files and files.files[0].at > clock + _WRITING:
        name = files.files[0].name
        detail = msg("{name} is dated in the future by the host's own clock", name=name)
        return undetermined(detail, expected=wanted)
    if why := _repository(files) or _cut(files):
        return undetermined(why, expected=wanted)
    settled = [f for f in files.files if clock - f.at >= _WRITING and f.size > 0]
    if not settled:
        return undetermined(_unseen(files) or _NO_FILE, expected=wanted)
    newest = settled[0].name
    if newest not in ends:
        detail = msg(
            "The account may not read {name}: grant it read access, or declare `privilege: "
            "root` for this backup set",
            name=newest,
        )
        return undetermined(detail, expected=wanted)
    return _by_magic(newest, ends[newest].head, stated, wanted)


def _by_magic(name: str, head: bytes, stated: bool | None, wanted: Message) -> Judgement:
    if found := encrypted_as(head):
        detail = msg("{name} has the header of {format}", name=name, format=found)
        return passed(detail, expected=wanted)
    if not (found := plain_as(head)):
        detail = msg(
            "{name} begins with {bytes}, which is not conclusive", name=name, bytes=head.hex()
        )
        return undetermined(detail, expected=wanted)
    detail = msg(
        "{name} has the header of {format}, which is not encrypted", name=name, format=found
    )
    if stated is None:
        more = msg(
            "Encryption of the disk or storage below the file cannot be checked: "
            "declare `encrypted` and provide proof"
        )
        return undetermined(detail, more, expected=wanted)
    more = (
        msg("The inventory declares that the files are encrypted")
        if stated
        else msg("The inventory declares that the files are not encrypted")
    )
    return failed(detail, more, expected=wanted)


@check(
    "backup.offsite",
    needs=TARGET,
    kind="backup_set",
    severity=Severity.MEDIUM,
    remedy=msg("Keep a copy at another site and declare where it is"),
)
def has_offsite_copy(target: Target) -> Judgement:
    """A copy of the backup is declared to be at another site."""
    stated = declared.offsite(target)
    wanted = msg("an off-site copy")
    if isinstance(stated, Message):
        return undetermined(stated)
    if stated is None:
        return undetermined(msg("Declare `offsite`, where the off-site copy is"), expected=wanted)
    if stated is False:
        return failed(msg("The inventory declares that there is no off-site copy"), expected=wanted)
    if stated is True:
        detail = msg("An off-site copy is declared in the inventory, not verified")
    else:
        detail = msg(
            "The off-site copy is at {place}: declared in the inventory, not verified", place=stated
        )
    return passed(detail, expected=wanted)


@check(
    "backup.restore-tested",
    needs=(TARGET, COLLECTED_AT),
    kind="backup_set",
    severity=Severity.MEDIUM,
    remedy=msg("Test a restore, keep the record and declare the day"),
)
def restore_tested(
    target: Target, collected_at: str, *, max_days: Annotated[int, Down] = 365
) -> Judgement:
    """A restore from the backup is declared to have been tested recently enough."""
    stated = declared.restore_tested(target)
    if isinstance(stated, Message):
        return undetermined(stated)
    wanted = msg("a restore test within {days} days", days=max_days)
    days = (datetime.fromisoformat(collected_at).date() - stated).days
    if days < -1:
        detail = msg(
            "The declared day of the restore test {day} is in the future", day=_iso(stated)
        )
        return undetermined(detail, expected=wanted)
    detail = msg(
        "A restore was tested on {day}, {days} days before: declared in the inventory,"
        " not verified",
        day=_iso(stated), days=days,
    )  # fmt: skip
    return expect(days <= max_days, detail=detail, expected=wanted)


def _iso(day: date) -> str:
    return day.isoformat()


CHECKS = (
    present, fresh, enough_copies, plausible_size, whole, kept_from_others, is_encrypted,
    has_offsite_copy, restore_tested,
)  # fmt: skip
