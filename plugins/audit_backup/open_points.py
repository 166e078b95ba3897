"""What leaves a backup set open, and the judgement of a set without content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from audit_backup.generations import Generation, always_empty, exact_key_of, without_full
from audit_backup.model import BackupFile, Content, Files
from audit_backup.names import is_archive, is_dump, snapshot
from audit_backup.repositories import written_by
from audit_core.api.sdk import (
    HOUR,
    Judgement,
    Message,
    capped,
    failed,
    msg,
    rounded_up,
    undetermined,
)

WRITING = 120  # seconds since the last change within which a file may still be written
SKEW = 120  # seconds that the clocks may differ before ages are widened by the difference
NO_FOLDER = failed(msg("There is no backup"))
NO_FILE = msg("No file in the declared directory matches the declared pattern")


def clock_skew(clock: int, collected_at: str) -> float:
    """By how many seconds an age may be wrong."""
    difference = abs(clock - datetime.fromisoformat(collected_at).timestamp())
    return difference if difference > SKEW else 0.0


def latest_time(clock: int, collected_at: str) -> float:
    """The later of the two clocks: what is dated after both is dated wrongly."""
    return max(clock, datetime.fromisoformat(collected_at).timestamp()) + WRITING


def finished_files(files: Files, clock: int, latest: float) -> list[BackupFile]:
    """The files that are no longer being written and not dated in the future, newest first.

    A backup program lists a backup when it is finished.
    """
    return [
        f for f in files.files
        if (files.listed and f.at <= latest)
        or clock - f.at >= WRITING or clock + WRITING < f.at <= latest
    ]  # fmt: skip


def with_content(files: Iterable[BackupFile]) -> list[BackupFile]:
    """The files that certainly have content."""
    return [f for f in files if f.content is Content.FULL]


def possibly_with_content(files: Iterable[BackupFile]) -> list[BackupFile]:
    """The files that have content or may have it."""
    return [f for f in files if f.content is not Content.EMPTY]


def dated_in_future(files: Files, clock: int, latest: float) -> Message | None:
    """A message where the newest file is dated in the future."""
    if not files.files or files.files[0].at <= latest:
        return None
    newest = files.files[0]
    return msg(
        "The newest file {name} is dated {hours} h in the future by the host's own clock",
        name=newest.name, hours=rounded_up(newest.at - clock, HOUR),
    )  # fmt: skip


def still_written(files: Files, clock: int) -> tuple[Message, ...]:
    """A message where the newest file may still be being written."""
    now = [f for f in files.files if -WRITING <= clock - f.at < WRITING]
    if not now or files.listed:
        return ()
    return (msg("{name} was changed within the last 2 minutes and was left out", name=now[0].name),)


def incomplete_list(files: Files) -> Message | None:
    """A message where the list of files is not complete."""
    return None if files.complete else msg("The directory holds too many files to list them all")


def unsearched_places(files: Files) -> Message | None:
    """A message where backups may be in places that were not checked."""
    if files.deeper:
        names = capped((f.name for f in files.deeper), sort=False)
        return msg(
            "{count} directories were not searched, among them {names}: declare `depth` (up to 5), "
            "or directories further down as backup sets",
            count=len(files.deeper), names=names,
        )  # fmt: skip
    if files.mounted:
        names = capped((f.name for f in files.mounted), sort=False)
        return msg(
            "Other file systems are mounted in the directory and were not searched: {names}: "
            "declare each as a backup set", names=names,
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


def unseen_files(files: Files) -> Message | None:
    """A message where files were not listed or not looked at."""
    return incomplete_list(files) or unsearched_places(files)


def unknown_content(files: Iterable[BackupFile]) -> Message | None:
    """A message where it is not known whether files have content."""
    open_ = [f for f in files if f.content in (Content.DOUBTFUL, Content.UNREAD)]
    if not open_:
        return None
    if unread := [f for f in open_ if f.content is Content.UNREAD]:
        return msg(
            "The account may not read these files, so that their content is not known: {names}: "
            "grant it read access, or declare `privilege: root` for this backup set",
            names=capped((f"{f.name} ({f.size})" for f in unread), sort=False),
        )  # fmt: skip
    shown = capped((f"{f.name} ({f.size})" for f in open_), sort=False)
    if any(f.name.lower().endswith(_LISTED) for f in open_):
        return msg(
            "Whether these files have content is not known: {names}. What is in zip, 7z and rar "
            "archives shows only where bsdtar (libarchive), unzip or 7z is installed on the host",
            names=shown,
        )
    return msg("Whether these files have content is not known: {names}", names=shown)


_LISTED = (".zip", ".7z", ".rar")


def lacks_full(files: Files) -> Message | None:
    """A message where increments or logs of changes lack the full backup that they need."""
    lone = () if files.listed else without_full(with_content(files.files))
    if not lone:
        return None
    return msg("Only increments or logs of changes, among them {names}: show where the full backup "
               "is that they need", names=capped(lone, sort=False))  # fmt: skip


def kept_by_program(files: Files) -> Message | None:
    """Why the files tell nothing, where a backup program keeps records of its own."""
    program = written_by(files)
    if not program:
        return None
    return msg(
        "This is the directory of {program}: only {program} can list the backups in it "
        "and their times. Declare `program` if it is restic, borg, pgbackrest or "
        "barman; otherwise provide its own list",
        program=program,
    )


def known_by_list_only(files: Files) -> Message | None:
    """Why content is not known, where only a backup program's list is."""
    if not files.listed:
        return None
    return msg(
        "The list of the backup program does not show this: provide the record of its "
        "own check (restic check, borg check, pgbackrest verify, barman check-backup)"
    )


def judge_no_files(files: Files, wanted: Message) -> Judgement:
    """The judgement of a set in which no backup was found: failed, or undetermined where files
    may not have been seen.
    """
    if why := unseen_files(files):
        return undetermined(NO_FILE, why, expected=wanted)
    if files.listed:
        return failed(msg("The backup program lists no backup"), expected=wanted)
    if not files.aside:
        return failed(NO_FILE, expected=wanted)
    names = capped((f.name for f in files.aside), sort=False)
    detail = msg("There are only logs, checksums or unfinished files: {names}", names=names)
    return failed(detail, expected=wanted)


def judge_no_content(files: Files, wanted: Message) -> Judgement:
    """The judgement of a set in which no file is known to have content."""
    if not files.files:
        return judge_no_files(files, wanted)
    names = capped((f"{f.name} ({f.size})" for f in files.files), sort=False)
    detail = msg("{count} files, none of which is known to have content: {names}",
                 count=len(files.files), names=names)  # fmt: skip
    if files.listed and possibly_with_content(files.files):
        return undetermined(_NOT_LISTED, expected=wanted)
    if why := unseen_files(files) or unknown_content(files.files):
        return undetermined(detail, why, expected=wanted)
    return failed(detail, expected=wanted)


_NOT_LISTED = msg(
    "Whether the newest backup holds anything is not known: its source was empty, nothing in it "
    "had changed, or the data is lost. Provide what the program tells of it (borg info --last 1, "
    "restic stats latest, pgbackrest info, barman show-backup)"
)


def without_content(runs: Sequence[Generation]) -> tuple[Message | None, Message | None]:
    """What of the newest generation holds nothing, and what never did: an empty database, perhaps.

    An empty file among others that is no archive or dump by name may be empty in the original.
    """
    files = runs[0].files
    copied = any(f.content is Content.FULL for f in files)
    before = always_empty(runs[1:]) if copied else frozenset()
    empty = [f for f in files if _lacks_content(f, copied)]
    never = [f.name for f in empty if exact_key_of(f) in before]
    now = [f.name for f in empty if exact_key_of(f) not in before]
    return (
        msg("Without content: {names}", names=capped(now)) if now else None,
        msg("Without content, as before: {names}", names=capped(never)) if never else None,
    )


def _lacks_content(file: BackupFile, copied: bool) -> bool:
    """Whether a file without content is no copy of an empty original; `copied`: others have it."""
    if file.content is not Content.EMPTY or snapshot(file.name):
        return False
    return file.size > 0 or not copied or is_archive(file.name) or is_dump(file.name)
