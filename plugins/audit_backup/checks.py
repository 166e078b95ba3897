"""The checks of a backup set. Ages are judged by the host's clock; where the difference between it
and the collector's clock matters, the result is undetermined."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from statistics import median
from typing import Annotated

from audit_backup import declared
from audit_backup.facts import CLOCK, FILES, HEADS, LISTS, WAY, WAY_LISTS
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Files, Head
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
    complete,
    expect,
    failed,
    known,
    known_or_absent,
    msg,
    passed,
    rounded_up,
    undetermined,
)

_WRITING = 120  # seconds since the last change within which a file may still be written
_SKEW = 120  # seconds that the clocks may differ before ages are widened by the difference
_NO_FOLDER = failed(msg("The directory of the backup set does not exist, so there is no backup"))
_NO_FILE = msg("No file in the declared directory matches the declared pattern")


def _skew(clock: int, collected_at: str) -> float:
    """By how many seconds an age may be wrong."""
    difference = abs(clock - datetime.fromisoformat(collected_at).timestamp())
    return difference if difference > _SKEW else 0.0


def _settled(files: Files, clock: int) -> list[BackupFile]:
    """The files that are no longer being written, newest first."""
    return [f for f in files.files if clock - f.at >= _WRITING]


def _ahead(files: Files, clock: int) -> Message | None:
    """A message where the newest file is dated in the future."""
    if not files.files or files.files[0].at <= clock + _WRITING:
        return None
    newest = files.files[0]
    return msg(
        "The newest file {name} is dated {hours} h in the future by the host's own clock",
        name=newest.name, hours=rounded_up(newest.at - clock, HOUR),
    )  # fmt: skip


def _writing(files: Files, clock: int) -> tuple[Message, ...]:
    """A message where the newest file may still be being written."""
    if not files.files or clock - files.files[0].at >= _WRITING:
        return ()
    name = files.files[0].name
    return (msg("{name} was changed within the last 2 minutes and was left out", name=name),)


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
    return None


def _nothing(files: Files, wanted: Message) -> Judgement:
    """The judgement of an empty set."""
    if unseen := _cut(files) or _elsewhere(files):
        return undetermined(_NO_FILE, unseen, expected=wanted)
    if not files.aside:
        return failed(_NO_FILE, expected=wanted)
    names = capped((f.name for f in files.aside), sort=False)
    detail = msg("There are only logs, checksums or unfinished files: {names}", names=names)
    return failed(detail, expected=wanted)


@check(
    "backup.present",
    needs=complete(FILES),
    severity=Severity.HIGH,
    version=2,
    when_absent=_NO_FOLDER,
    remedy=msg("Set the backup up, or correct what the inventory declares"),
)
def present(files: Files) -> Judgement:
    """The declared backup set exists and holds at least one non-empty file."""
    wanted = msg("at least one non-empty file")
    full = [f for f in files.files if f.size > 0]
    if not full and (cut := _cut(files)):
        return undetermined(cut, expected=wanted)
    if not files.files:
        return _nothing(files, wanted)
    detail = msg("{count} of {all} files are not empty", count=len(full), all=len(files.files))
    return expect(bool(full), detail=detail, expected=wanted)


@check(
    "backup.fresh",
    needs=(complete(FILES), CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
    version=2,
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
    if ahead := _ahead(files, clock):
        return undetermined(ahead, expected=wanted)
    full = [f for f in _settled(files, clock) if f.size > 0]
    if not full:
        return _nothing_to_date(files, clock, wanted)
    return _dated(full[0], files, clock, _skew(clock, collected_at), allowed, wanted)


def _nothing_to_date(files: Files, clock: int, wanted: Message) -> Judgement:
    if cut := _cut(files):
        return undetermined(cut, expected=wanted)
    if writing := _writing(files, clock):
        return undetermined(*writing, expected=wanted)
    if not files.files:
        return _nothing(files, wanted)
    return failed(msg("There is no non-empty file in the declared directory"), expected=wanted)


# A day in a name, also with the time of day after it: db-20261123.gz, 2026_11_23, 20261123021500.
_DAY = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?=(?:\d\d){0,3}(?:\D|$))",
    re.ASCII,
)
_ANYWHERE = 14 * 3600  # seconds by which a day may end later in another time zone


def _named_days(name: str) -> list[date]:
    """The days in `name`."""
    found = []
    for parts in _DAY.findall(name):
        try:
            found.append(date(*map(int, parts)))
        except ValueError:
            continue
    return found


def _older_by_name(newest: BackupFile, clock: int, allowed: float) -> Message | None:
    """A message where the name has too old a date: a copied old backup has the time of the copy."""
    day = max(_named_days(newest.name), default=None)
    if day is None:
        return None
    over = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 86400 + _ANYWHERE
    if clock - over <= allowed * 3600:
        return None
    return msg("Its name says {day}: it may be the copy of an older backup", day=_iso(day))


def _dated(
    newest: BackupFile, files: Files, clock: int, skew: float, allowed: float, wanted: Message
) -> Judgement:
    age = clock - newest.at
    detail = msg(
        "The newest backup {name} is {hours} h old ({size} bytes)",
        name=newest.name, hours=rounded_up(age, HOUR), size=newest.size,
    )  # fmt: skip
    noted = _writing(files, clock)
    if age + skew <= allowed * 3600:
        if older := _older_by_name(newest, clock, allowed):
            return undetermined(detail, older, *noted, expected=wanted)
        return passed(detail, *noted, expected=wanted)
    if cut := _cut(files):
        return undetermined(detail, cut, expected=wanted)
    young = [f for f in files.deeper if clock - f.at - skew <= allowed * 3600]
    if young and (unseen := _elsewhere(files)):
        return undetermined(detail, unseen, expected=wanted)
    if skew and age - skew <= allowed * 3600:
        differ = msg(
            "The clocks of host and collector differ by {hours} h", hours=rounded_up(skew, HOUR)
        )
        return undetermined(detail, differ, expected=wanted)
    if noted:
        return undetermined(detail, *noted, expected=wanted)
    return failed(detail, expected=wanted)


@check(
    "backup.copies",
    needs=(complete(FILES), CLOCK, TARGET),
    severity=Severity.MEDIUM,
    version=2,
    when_absent=_NO_FOLDER,
    remedy=msg("Keep more generations, or correct the declared number"),
)
def enough_copies(
    files: Files, clock: int, target: Target, *, minimum: Annotated[int, Up] = 1
) -> Judgement:
    """As many generations are kept as the inventory declares."""
    stated = declared.copies(target)
    if isinstance(stated, Message):
        return undetermined(stated)
    needed = max(stated, minimum)
    wanted = msg("at least {count} generations", count=needed)
    if ahead := _ahead(files, clock):
        return undetermined(ahead, expected=wanted)
    full = [f for f in _settled(files, clock) if f.size > 0]
    apart = _generations(full, declared.rpo_hours(target))
    detail = msg(
        "{files} non-empty files, {count} generations by time", files=len(full), count=apart
    )
    noted = _writing(files, clock)
    if apart >= needed:
        return passed(detail, *noted, expected=wanted)
    if unseen := _cut(files) or _elsewhere(files):
        return undetermined(detail, unseen, expected=wanted)
    if len(full) >= needed:
        parts = msg("Files with the same time may belong to one generation")
        return undetermined(detail, parts, *noted, expected=wanted)
    if len(full) + len(noted) >= needed:
        return undetermined(detail, *noted, expected=wanted)
    return failed(detail, *noted, expected=wanted)


def _generations(full: list[BackupFile], rpo: float | Message) -> int:
    """How many of the files are certainly different backups, by their times or days in names.

    Dumps of one night are the parts of one generation: a quarter of the objective keeps them
    together and keeps nightly ones apart.
    """
    least = 1800.0 if isinstance(rpo, Message) else min(rpo * 900, 86400.0 / 2)
    count, last = 0, None
    for file in full:
        if last is None or last - file.at >= least:
            count, last = count + 1, file.at
    return max(count, len({tuple(days) for f in full if (days := _named_days(f.name))}))


@check(
    "backup.size",
    needs=(complete(FILES), CLOCK, TARGET),
    severity=Severity.HIGH,
    version=2,
    when_absent=_NO_FOLDER,
    remedy=msg("Check the log of the backup job: the newest backup may have been cut short"),
)
def plausible_size(
    files: Files, clock: int, target: Target, *, least_percent: Annotated[int, Up] = 50
) -> Judgement:
    """The newest backup is not empty and not much smaller than the earlier ones."""
    least = declared.min_bytes(target)
    if isinstance(least, Message):
        return undetermined(least)
    wanted = msg(
        "not empty, at least {least} bytes and {percent} % of the median of the earlier ones",
        least=least or 1, percent=least_percent,
    )  # fmt: skip
    if why := _cut(files) or _ahead(files, clock):
        return undetermined(why, expected=wanted)
    settled, noted = _settled(files, clock), _writing(files, clock)
    if not settled and noted:
        return undetermined(*noted, expected=wanted)
    if not settled:
        return _nothing(files, wanted)
    return _sized(settled, noted, least, least_percent, wanted)


def _sized(
    settled: list[BackupFile],
    noted: tuple[Message, ...],
    least: int | None,
    percent: int,
    wanted: Message,
) -> Judgement:
    newest, earlier = settled[0], [f.size for f in settled[1:] if f.size > 0]
    usual = median(earlier) if earlier else None
    detail = msg(
        "The newest backup {name} has {size} bytes; the median of {count} earlier ones is {median}",
        name=newest.name, size=newest.size, count=len(earlier), median=usual,
    )  # fmt: skip
    if newest.sparse:
        empty = msg(
            "The file occupies no disk block: it is sparse, or its content is stored elsewhere"
        )
        return undetermined(detail, empty, *noted, expected=wanted)
    too_small = newest.size < (least or 1)
    if too_small or (usual is not None and newest.size * 100 < usual * percent):
        return failed(detail, *noted, expected=wanted)
    if usual is None and least is None:
        more = msg("There is no earlier backup to compare with: declare `min_bytes`")
        return undetermined(detail, more, *noted, expected=wanted)
    return passed(detail, *noted, expected=wanted)


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
    exposed = [f for f in (*files.files, *files.aside) if f.mode & 0o006 and f.reachable]
    if not exposed:
        return None
    return msg(
        "{count} files are accessible to others, among them {files}",
        count=len(exposed),
        files=capped((f"{f.name} ({f.mode:04o})" for f in exposed), sort=False),
    )


@check(
    "backup.encrypted",
    needs=(HEADS, CLOCK, TARGET),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Encrypt backups before they are stored"),
)
def is_encrypted(heads: tuple[Head, ...], clock: int, target: Target) -> Judgement:
    """The newest backup is encrypted, judging by its first bytes."""
    stated = declared.encrypted(target)
    if isinstance(stated, Message):
        return undetermined(stated)
    wanted = msg("a file with the header of an encrypted format")
    if heads and heads[0].at > clock + _WRITING:
        detail = msg("{name} is dated in the future by the host's own clock", name=heads[0].name)
        return undetermined(detail, expected=wanted)
    settled = [h for h in heads if clock - h.at >= _WRITING and h.bytes != b""]
    if not settled:
        return undetermined(msg("No finished backup is recent enough to examine"), expected=wanted)
    newest = settled[0]
    if newest.bytes is None:
        detail = msg(
            "The account may not read {name}: grant it read access, or declare `privilege: "
            "root` for this backup set",
            name=newest.name,
        )
        return undetermined(detail, expected=wanted)
    return _by_magic(newest.name, newest.bytes, stated, wanted)


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
    present, fresh, enough_copies, plausible_size, kept_from_others, is_encrypted,
    has_offsite_copy, restore_tested,
)  # fmt: skip
