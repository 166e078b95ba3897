"""What root runs on its own through cron: the commands, and where they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    FileEntry,
    FileStatus,
    Partial,
    Privilege,
    capped,
    fact,
    msg,
    partial,
    provider,
)
from audit_linux.cron_tables import ANACRON, OF_ROOT, cron_tables
from audit_linux.files.command_lines import of_variable, started_by


class Job(Struct, frozen=True, kw_only=True):
    """One command that root runs: where it is written, and the programs that it names.

    `path` are the directories in which programs without one are looked for. `unit` is the name of
    its systemd unit, `by` are other units that start it. `owner` may change the file `where`,
    besides root. `unclear`: a program whose place only the shell knows. `user` runs it: root, or
    another name in a table of cron.
    """

    where: str
    programs: tuple[str, ...]
    path: tuple[str, ...] = ()
    unit: str = ""
    by: tuple[str, ...] = ()
    owner: str = ""
    unclear: bool = False
    user: str = "root"


def owner_of(file: FileEntry) -> str:
    """Who besides root may change a file, by its own owner and mode; empty where nobody may."""
    if file.uid:
        return f"uid {file.uid}"
    if file.mode & 0o002:
        return "everybody"
    return f"gid {file.gid}" if file.mode & 0o020 and file.gid else ""


Reader = tuple[tuple[str, ...], Callable[[FileEntry], Iterator[str]]]
"""Files and directories, and what reads the programs that a file there names."""


INCLUDED = "include "
"""Stands in front of a path whose files are read in turn, and were not asked for."""


def jobs_of_files(
    answer: Answer,
    readers: Sequence[Reader],
    unit_of: Callable[[FileEntry], str] = lambda _: "",
    of_owners: tuple[str, ...] = (),
) -> tuple[Job, ...] | Partial:
    """A job for each file, by the first of `readers` for its place; partial if one is unread.

    Files in `of_owners` are run as their owners, so that an owner is none who changes root's.
    """
    files = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    unread = [f.path for f in files if f.status is not FileStatus.READ]
    jobs = tuple(
        _job(f, _named(f, readers), unit_of(f), owned=not f.path.startswith(of_owners or "-"))
        for f in files
        if f.status is FileStatus.READ
    )
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    if answer.truncated:
        problems.append(msg("There are more files than one answer can hold"))
    return partial(jobs, problems)


def _job(file: FileEntry, named: tuple[str, ...], unit: str, *, owned: bool) -> Job:
    return Job(
        where=file.path,
        programs=tuple(one.removeprefix(INCLUDED) for one in named),
        unit=unit,
        owner=owner_of(file) if owned else "",
        unclear=any(one.startswith(INCLUDED) for one in named),
    )


def _named(file: FileEntry, readers: Sequence[Reader]) -> tuple[str, ...]:
    found = next(
        (read(file) for places, read in readers
         if any(file.path == p or file.path.startswith(f"{p}/") for p in places)),
        iter(()),
    )  # fmt: skip
    return tuple(dict.fromkeys(found))


# --- variables ---------------------------------------------------------------------------------

WORD_OF_UNIT = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")


def of_variables(value: str) -> Iterator[str]:
    """The same of several settings, as in `Environment=` (systemd.exec(5))."""
    for double, single, plain in WORD_OF_UNIT.findall(value):
        yield from of_variable(double or single or plain)


# --- cron ---------------------------------------------------------------------------------------

_SETTING = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(.*)")
_USUAL_PATH = ("/usr/bin", "/bin")
_INPUT, _PERCENT = re.compile(r"(?<!\\)%"), re.compile(r"\\%")


def parse_cron(answer: Answer) -> tuple[Job, ...] | Partial:
    """The jobs in the tables of the system and of root (crontab(5), anacrontab(5))."""
    files = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    unread = [f.path for f in files if f.status is not FileStatus.READ]
    jobs = [job for f in files if f.status is FileStatus.READ for job in _cron_jobs(f)]
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    return partial(tuple(jobs), problems)


def _cron_jobs(file: FileEntry) -> Iterator[Job]:
    path = _USUAL_PATH
    more: dict[str, tuple[str, ...]] = {}
    for line in file.lines:
        setting = _SETTING.fullmatch(line)
        if setting is not None:
            if setting[1] == "PATH":
                path = tuple(setting[2].strip().strip("\"'").split(":"))
            else:
                more[setting[1]] = tuple(of_variable(f"{setting[1]}={setting[2].strip()}"))
            continue
        user, command = _cron_command(file.path, line.strip())
        if command:
            found = started_by(_PERCENT.sub("%", _INPUT.split(command)[0]), "/root")
            begun = (*found.programs, *(place for places in more.values() for place in places))
            yield Job(where=file.path, programs=begun, path=path, unclear=found.unclear,
                      owner=owner_of(file), user=user)  # fmt: skip


def _cron_command(path: str, line: str) -> tuple[str, str]:
    """Whose the command of a line is, and the command; empty where it is none."""
    if not line or line.startswith("#"):
        return "", ""
    fields = 1 if line.startswith("@") else 5
    if path == ANACRON:
        words = line.split(None, 3)
        return "root", words[3] if len(words) == 4 else ""
    if path in OF_ROOT:
        words = line.split(None, fields)
        return "root", words[fields] if len(words) > fields else ""
    words = line.split(None, fields + 1)
    return (words[fields], words[fields + 1]) if len(words) > fields + 1 else ("", "")


CRON = fact(
    "linux.root-cron",
    tuple[Job, ...],
    kind="host",
    # The table of root is closed to others; those of the system mostly are not.
    providers=(
        provider(cron_tables(Privilege.ROOT), parse_cron, root="yes"),
        provider(cron_tables(Privilege.USER), parse_cron, root="no"),
    ),
)
