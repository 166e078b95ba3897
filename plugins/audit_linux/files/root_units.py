"""What root runs through systemd: the commands of units, and where they are written.

Of a name the first file of four directories counts (systemd.unit(5)); drop-ins follow in the order
of their names. Settings count in the section that they are for; a backslash at the end of a line
goes on in the next that is no comment; an empty value takes back those before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Answers,
    FileEntry,
    FileStatus,
    Message,
    Partial,
    ReadFiles,
    capped,
    fact,
    msg,
    partial,
)
from audit_linux.config_files import systemd_settings
from audit_linux.files.command_lines import HERE, Started, started_by_words
from audit_linux.files.root_jobs import WORD_OF_UNIT, Job, of_variables, owner_of

_EXEC = re.compile(r"Exec(?:Start|StartPre|StartPost|Reload|Stop|StopPost|Condition)")
_ABOVE = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
          "/usr/lib/systemd/system")  # fmt: skip
_STARTERS = (".timer", ".path", ".socket")


def parse_units_of_root(answers: Answers) -> tuple[Job, ...] | Partial:
    """The commands of units that run as root (systemd.service(5)): of a name, the first file.

    Drop-ins (`NAME.service.d/*.conf`, `service.d/*.conf`) follow in the order of their names; an
    empty value takes back those before it. A service is started by a timer, path or socket of its
    name, or that names it.
    """
    answered = (answers["units"], answers["more"])
    every = [file for answer in answered for file in answer.files]
    files = [file for file in every if file.status is FileStatus.READ]
    added = _first([f for f in _laid(every) if f.path.endswith(".conf")], deep=True)
    starters = _starters(files)
    jobs = [job for name, file in _services(every).items()
            for job in _unit_jobs(name, [file, *_drop_ins(name, added)], starters)]  # fmt: skip
    problems = _unread(every)
    if any(answer.truncated for answer in answered):
        problems.append(msg("There are more units than one answer can hold"))
    return partial(tuple(jobs), problems)


def _services(every: list[FileEntry]) -> dict[str, FileEntry]:
    """The file of each service that counts.

    A link to /dev/null, or an empty file, masks those of its name further down.
    """
    named = _first(_laid(every))
    services = ((name, file) for name, file in named.items() if name.endswith(".service"))
    return {n: file for n, file in services if file.text and not _WANTED.search(file.path)}


def _laid(every: list[FileEntry]) -> list[FileEntry]:
    """The files that were read, and links to /dev/null, which hide those of their name."""
    return [f for f in every if f.status in (FileStatus.READ, FileStatus.NOT_REGULAR)]


def _unread(files: list[FileEntry]) -> list[Message]:
    unread = [f.path for f in files if f.status in (FileStatus.NOT_PERMITTED, FileStatus.TOO_BIG)]
    return [msg("Cannot read {paths}", paths=capped(unread))] if unread else []


def _first(files: list[FileEntry], *, deep: bool = False) -> dict[str, FileEntry]:
    """Of each name, with its folder where `deep`, the file that hides the others."""
    chosen: dict[str, FileEntry] = {}
    for file in sorted(files, key=_rank):
        chosen.setdefault("/".join(file.path.rsplit("/", 2 if deep else 1)[1:]), file)
    return chosen


def _rank(file: FileEntry) -> tuple[int, str]:
    return next(
        (n for n, folder in enumerate(_ABOVE) if file.path.startswith(folder)), 9
    ), file.path


def template_of(unit: str) -> str:
    """The unit file of an instance: `app@.service` of `app@1.service`."""
    return re.sub(r"@[^@]*(?=\.\w+$)", "@", unit)


def _drop_ins(name: str, added: dict[str, FileEntry]) -> list[FileEntry]:
    parts = name.removesuffix(".service").split("-")
    above = ["-".join(parts[:count]) + "-.service" for count in range(len(parts) - 1, 0, -1)]
    folders = [f"{each}.d" for each in (name, *above, "service")]
    found: dict[str, FileEntry] = {}
    for folder in folders:  # the more special folder hides files of the others
        for place, file in added.items():
            if place.startswith(f"{folder}/") and not place.startswith(f"{folder}/."):
                found.setdefault(place.rsplit("/", 1)[1], file)
    return [found[key] for key in sorted(found)]


_WANTED = re.compile(r"\.(?:wants|requires)/")
_TRUE = ("yes", "true", "on", "1", "y", "t")


def _starters(files: list[FileEntry]) -> dict[str, tuple[str, ...]]:
    """The timers, paths and sockets of each service; `*` where a timer or path is enabled."""
    found: dict[str, list[str]] = {}
    for file in files:
        stem, _, ending = file.path.rsplit("/", 1)[1].rpartition(".")
        if _WANTED.search(file.path) and "@" in stem and ending == "service":
            found.setdefault(template_of(f"{stem}.service"), []).append("*")
        if file.path.endswith(_STARTERS):
            wanted = ".wants/" in file.path and ending != "socket"
            names = [f"{stem}.{ending}", *(["*"] if wanted else [])]
            found.setdefault(_started_by(file, stem, ending), []).extend(names)
    return {service: tuple(dict.fromkeys(names)) for service, names in found.items()}


def _started_by(file: FileEntry, stem: str, ending: str) -> str:
    """The service that a timer, path or socket starts."""
    last = dict(systemd_settings(file.text, ending.capitalize()))
    if ending == "socket" and last.get("Accept", "").lower() in _TRUE:
        return f"{stem}@.service"  # one instance for each connection
    named = last.get("Service" if ending == "socket" else "Unit")
    return template_of(named or f"{stem}.service")


def _settings_of(files: list[FileEntry]) -> Iterator[tuple[str, str, FileEntry]]:
    """The settings of a service that hold: an empty value takes back those before it."""
    kept: list[tuple[str, str, FileEntry]] = []
    for file in files:
        for name, value in systemd_settings(file.text, "Service"):
            if not value:
                kept = [one for one in kept if one[0] != name]
            else:
                kept.append((name, value, file))
    return iter(kept)


class _Unit(Struct, frozen=True, kw_only=True):
    """As whom and where the commands of a unit run: `other` than root, `started` only the start."""

    other: bool
    only_start: bool
    folder: str

    def is_of_other(self, key: str) -> bool:
        return self.other and not (self.only_start and key != "ExecStart")


def _unit(settings: list[tuple[str, str, FileEntry]]) -> _Unit:
    last = {key: value for key, value, _ in settings}
    users = [value for key, value, _ in settings if key in ("User", "DynamicUser")]
    return _Unit(
        other=bool(users) and users[-1] not in ("root", "0", "no", "false"),
        only_start=last.get("PermissionsStartOnly", "") in ("yes", "true", "on", "1"),
        folder=last.get("WorkingDirectory", "/").lstrip("-").replace("~", "/root"),
    )


def _unit_jobs(
    name: str, files: list[FileEntry], starters: dict[str, tuple[str, ...]]
) -> Iterator[Job]:
    settings = list(_settings_of(files))
    by = starters.get(name, ())
    owners = {f.path: owner for f in files if (owner := owner_of(f))}
    for path, owner in owners.items():
        yield Job(where=path, programs=(), unit=name, by=by, owner=owner)
    unit = _unit(settings)
    for key, value, file in settings:
        found = _started(key, value, unit)
        if found.programs:
            yield Job(where=file.path, programs=found.programs, unit=name, by=by,
                      unclear=found.unclear)  # fmt: skip


def _started(key: str, value: str, unit: _Unit) -> Started:
    """What a setting makes systemd start or read as root."""
    if _EXEC.fullmatch(key):
        return _of_command(value, other=unit.is_of_other(key), folder=unit.folder)
    return Started(programs=() if unit.other else tuple(_read_as_code(key, value)))


def _read_as_code(key: str, value: str) -> Iterator[str]:
    """The places of a setting whose files root runs or follows."""
    if key == "EnvironmentFile":  # it may hold LD_PRELOAD
        yield value.lstrip("-")
    elif key in ("RootDirectory", "RootImage", "ExecSearchPath"):
        yield from value.split(":")
    elif key == "Environment":
        yield from (place for place in of_variables(value) if place != HERE)
    elif key in ("BindPaths", "BindReadOnlyPaths"):
        for bound in value.split():
            source, _, target = bound.lstrip("-").partition(":")
            if _OF_PROGRAMS.match(target):
                yield source


_OF_PROGRAMS = re.compile(r"/(?:usr|s?bin|lib\w*|etc|opt)(?:/|$)|/:|/$")
_MARKS = "-@:+!|"


def _of_command(value: str, *, other: bool, folder: str) -> Started:
    """What a command line of a unit starts as root; nothing where another user runs it."""
    begun: dict[str, None] = {}
    for line in re.split(r"\s;\s", value):
        plain = line.lstrip().lstrip(_MARKS)
        marks = line.strip().removesuffix(plain.rstrip())
        words = [double or single or bare for double, single, bare in WORD_OF_UNIT.findall(plain)]
        if words and (not other or {"+", "!"} & set(marks)):
            first = [words[0], *words[2 if "@" in marks else 1 :]]
            begun.update(dict.fromkeys(started_by_words(first, folder).programs))
    return Started(programs=tuple(begun), unclear=any(re.search(r"[$%]", word) for word in begun))


UNIT_FILES = fact(
    "linux.root-units",
    tuple[Job, ...],
    kind="host",
    asks={
        "units": ReadFiles(paths=_ABOVE, names=("*.service",), depth=1, partial_ok=True),
        "more": ReadFiles(
            paths=_ABOVE,
            names=("*.conf", "*.timer", "*.path", "*.socket", "*@?*.service"),
            depth=2,
            partial_ok=True,
        ),
    },
    parse=parse_units_of_root,
)
