"""The checks of how a backup set is kept: from whom, encrypted, elsewhere, restorable."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from audit_backup import declared, open_points
from audit_backup.facts import CLOCK, ENDS, FILES, LISTS, WAY, WAY_LISTS
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import Ends, Files
from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Target,
    capped,
    check,
    expect,
    failed,
    known,
    known_or_absent,
    msg,
    passed,
    undetermined,
)


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
    if cut := open_points.incomplete_list(files):
        return undetermined(cut, expected=wanted)
    if not files.files or any(f.reachable and f.mode & 0o001 for f in files.deeper):
        return undetermined(
            open_points.unsearched_places(files) or open_points.NO_FILE, expected=wanted
        )
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
    version=4,
    remedy=msg("Encrypt backups before they are stored"),
)
def is_encrypted(files: Files, ends: dict[str, Ends], clock: int, target: Target) -> Judgement:
    """The newest backup is encrypted, judging by its first bytes."""
    stated = declared.encrypted(target)
    if isinstance(stated, Message):
        return undetermined(stated)
    wanted = msg("a file with the header of an encrypted format")
    if files.files and files.files[0].at > clock + open_points.WRITING:
        name = files.files[0].name
        detail = msg("{name} is dated in the future by the host's own clock", name=name)
        return undetermined(detail, expected=wanted)
    if why := open_points.kept_by_program(files) or open_points.incomplete_list(files):
        return undetermined(why, expected=wanted)
    settled = [f for f in files.files if clock - f.at >= open_points.WRITING and f.size > 0]
    if not settled:
        return undetermined(open_points.unseen_files(files) or open_points.NO_FILE, expected=wanted)
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
            "The declared day of the restore test {day} is in the future", day=stated.isoformat()
        )
        return undetermined(detail, expected=wanted)
    detail = msg(
        "A restore was tested on {day}, {days} days before: declared in the inventory,"
        " not verified",
        day=stated.isoformat(), days=days,
    )  # fmt: skip
    return expect(days <= max_days, detail=detail, expected=wanted)


CHECKS = (kept_from_others, is_encrypted, has_offsite_copy, restore_tested)
