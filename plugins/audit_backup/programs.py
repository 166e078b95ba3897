"""What backup programs tell of their own repositories, by their own lists.

A program is asked only where the inventory declares it. No password is passed: restic reads the
declared file itself, and the others are asked only for what they show without one. borg writes
its usual notes (cache and security information) into the home of the account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import UnionType
from typing import Any

from msgspec import structs

from audit_backup import declared
from audit_backup.model import BackupFile, Content, Newest, Segment
from audit_backup.searches import FIND, records
from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Message,
    ParseError,
    Privilege,
    Reason,
    Target,
    decimal_number,
    msg,
    not_present,
    verbatim,
    whole_number,
)

CLOCK = Command(argv=("date", "+%s"), aside=True)


def ask_archives(target: Target) -> Command | Message:
    """The declared program's list of backups; where none is declared, no more than the time."""
    program, folder = target.settings.get("program"), declared.folder(target)
    if program is None:
        return CLOCK
    if isinstance(folder, Message):
        return folder
    argv = _argv(str(program), folder.rstrip("/"), target)
    if isinstance(argv, Message):
        return argv
    root = declared.as_root(target)
    return Command(
        argv=argv, privilege=Privilege.ROOT if root is True else Privilege.USER,
        timeout_s=120, limit=8 << 20, ok=(0, 1, 2),
    )  # fmt: skip


def _restic_argv(folder: str, target: Target, *words: str) -> tuple[str, ...] | Message:
    secret = target.settings.get("password_file")
    if not secret:
        return msg("Declare `password_file`, the file on the host that holds the password of "
                   "the repository: restic itself reads it")  # fmt: skip
    return (
        "/usr/bin/restic", "-r", folder, "--password-file", str(secret), "--no-lock", "--no-cache",
        *words,
    )  # fmt: skip


def _argv(program: str, folder: str, target: Target) -> tuple[str, ...] | Message:
    if program == "restic":
        return _restic_argv(folder, target, "snapshots", "--json")
    if program == "borg":
        return (
            "/usr/bin/env", "TZ=UTC", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes",
            "/usr/bin/borg", "list", "--bypass-lock", "--json", "--format", "{end}", folder,
        )  # fmt: skip
    if program == "pgbackrest":
        return ("/usr/bin/pgbackrest", "info", "--output=json")
    return ("/usr/bin/barman", "-f", "json", "list-backup", "all")


# What the directory of a repository holds as long as its backups are there. borg would have to
# fill its cache to tell what an archive holds: the files that it wrote last are listed.
_ANY = ("-printf", "y", "-quit")
_KEPT = {
    "borg": ("data", ("-type", "f", "-printf", "%T@ %s ", "-print0")),
    "pgbackrest": ("backup", ("-maxdepth", "3", "-name", "backup.manifest", "-size", "+0", *_ANY)),
    "barman": ("", ("-maxdepth", "5", "-path", "*/base/*/data/*", "-size", "+0", *_ANY)),
}


def ask_newest(target: Target) -> Command | Message:
    """What shows whether the listed backups hold something: restic adds up the newest snapshot."""
    folder, root = declared.folder(target), declared.as_root(target)
    program = target.settings.get("program")
    if isinstance(folder, Message) or program is None:
        return folder if isinstance(folder, Message) else CLOCK
    if program == "restic":
        words = ("stats", "--json", "--mode", "restore-size", "latest")
        argv = _restic_argv(folder.rstrip("/"), target, *words)
    else:
        below, kept = _KEPT[str(program)]
        argv = (FIND, "-H", folder + below, *kept)
    if isinstance(argv, Message):
        return argv
    return Command(
        argv=argv, privilege=Privilege.ROOT if root is True else Privilege.USER,
        timeout_s=180, limit=4 << 20, ok=(0, 1, 2),
    )  # fmt: skip


def parse_newest(answer: Answer) -> Newest | Absent:
    """Whether the newest backup holds something; NOT_PRESENT where only the list can show it."""
    program = answer.target.settings.get("program")
    if program is None or (program in ("pgbackrest", "barman") and answer.exit_code):
        return not_present(msg("Only the list of the backup program shows it"))
    if program == "borg":
        return Newest(content=Content.UNREAD, segments=tuple(_segments(answer)))
    if program != "restic":
        return Newest(content=Content.FULL if answer.stdout else Content.DOUBTFUL)
    try:
        total = json.loads(answer.text)["total_size"]
    except (ValueError, TypeError, KeyError):
        return Newest(content=Content.DOUBTFUL)
    return Newest(content=Content.FULL if total else Content.EMPTY)


def _segments(answer: Answer) -> Iterator[Segment]:
    """The numbered files below data/."""
    for record in records(answer):
        at, size, path = record.split(" ", 2)
        number = path.rpartition("/")[2]
        if re.fullmatch("[0-9]{1,18}", number):
            yield Segment(number=int(number), size=whole_number(size), at=decimal_number(at))


def parse_archives(answer: Answer) -> tuple[BackupFile, ...] | Absent:
    """Each backup that the program lists as finished, newest first; 1 stands for an unknown size.

    NOT_PRESENT where no program is declared.
    """
    program = answer.target.settings.get("program")
    if program is None:
        return not_present(msg("No backup program is declared"))
    if answer.exit_code:
        return _refused(answer)
    try:
        shape, read = _READERS[str(program)]
        output = json.loads(answer.text)
        found = _apart(read(output)) if isinstance(output, shape) else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ParseError(msg("not the list of {program}", program=program)) from error
    if found is None:
        raise ParseError(msg("not the list of {program}", program=program))
    return tuple(sorted(found, key=lambda f: (-f.at, f.name)))


_CAUSE = re.compile(r"(?i)fatal|error\b|.*\berror:")


def _refused(answer: Answer) -> Absent:
    text = answer.stderr.decode("utf-8", "replace").strip() or answer.text.strip()
    lines = text.splitlines() or [""]
    cause = next(filter(_CAUSE.match, lines), lines[-1])
    detail = msg("{program} did not list its backups: {error}",
                 program=answer.target.settings.get("program"), error=verbatim(cause))  # fmt: skip
    return Absent(reason=Reason.NOT_PERMITTED, detail=detail)


def _backup(series: str, at: float, size: int = 1) -> BackupFile:
    """The name carries the moment, so that no two are the same; the rest names the series."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S")
    return BackupFile(name=f"{series} {moment}", size=size, mode=0, at=at, content=Content.FULL)


def _apart(found: Iterable[BackupFile]) -> list[BackupFile]:
    """`found` with a mark at the names of those that are of one second."""
    kept: dict[str, BackupFile] = {}
    for backup in found:
        name = backup.name
        while name in kept:
            name += "'"
        kept[name] = structs.replace(backup, name=name)
    return list(kept.values())


def _moment(text: str) -> float:
    """Seconds since 1970; restic gives nanoseconds, borg no zone (it was asked for UTC)."""
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _restic(output: list[Mapping[str, Any]] | None) -> Iterator[BackupFile]:
    for row in output or []:
        found = _backup(f"{row['hostname']} {' '.join(row['paths'])}", _moment(row["time"]))
        # restic 0.17 and later keep the size with the snapshot
        size = row.get("summary", {}).get("total_bytes_processed", 1)
        held = Content.FULL if size else Content.EMPTY
        yield structs.replace(found, size=size, content=held)


def _borg(output: Mapping[str, Any]) -> Iterator[BackupFile]:
    for row in output["archives"]:
        series = re.sub(r"[-_.:T\d]*\d[-_.:T\d]*$", "", row["name"])
        yield structs.replace(_backup(series, _moment(row["time"])), ended=_moment(row["end"]))


def _pgbackrest(output: list[Mapping[str, Any]]) -> Iterator[BackupFile]:
    for stanza in output:
        for row in stanza["backup"]:
            if not row.get("error"):
                size = int(row["info"]["size"])
                yield _backup(f"{stanza['name']} {row['type']}", row["timestamp"]["stop"], size)


def _barman(output: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[BackupFile]:
    for server, rows in output.items():
        for row in rows:
            # Warnings of barman stand beside the servers, as texts.
            if isinstance(row, dict) and row["status"] in ("DONE", "WAITING_FOR_WALS"):
                at, size = float(row["end_time_timestamp"]), int(row["size_bytes"])
                done = Content.FULL if row["status"] == "DONE" else Content.DOUBTFUL
                yield structs.replace(_backup(server, at, size), content=done)


_Reader = tuple[type | UnionType, Callable[[Any], Iterator[BackupFile]]]
"""The form of what a program prints, and what reads the backups in it."""
_READERS: dict[str, _Reader] = {
    "restic": (list | None, _restic),
    "borg": (dict, _borg),
    "pgbackrest": (list, _pgbackrest),
    "barman": (dict, _barman),
}
