"""What root runs on its own, through cron and systemd: the commands, and where they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Answers,
    FileEntry,
    FileStatus,
    Message,
    Partial,
    Privilege,
    ReadFiles,
    capped,
    fact,
    msg,
    partial,
)


class Job(Struct, frozen=True, kw_only=True):
    """One command that root runs: where it is written, and the programs that it names.

    `path` are the directories in which programs without one are looked for. `unit` is the name of
    its systemd unit, `by` are other units that start it. `owner` may change the file `where`,
    besides root. `unclear`: a program whose place only the shell knows.
    """

    where: str
    programs: tuple[str, ...]
    path: tuple[str, ...] = ()
    unit: str = ""
    by: tuple[str, ...] = ()
    owner: str = ""
    unclear: bool = False


def owner_of(file: FileEntry) -> str:
    """Who besides root may change a file, by its own owner and mode; empty where nobody may."""
    if file.uid:
        return f"uid {file.uid}"
    if file.mode & 0o002:
        return "everybody"
    return f"gid {file.gid}" if file.mode & 0o020 and file.gid else ""


Reader = tuple[tuple[str, ...], Callable[[FileEntry], Iterator[str]]]
"""Files and directories, and what reads the programs that a file there names."""


def jobs_of_files(
    answer: Answer, readers: Sequence[Reader], unit_of: Callable[[FileEntry], str] = lambda _: ""
) -> tuple[Job, ...] | Partial:
    """A job for each file, by the first of `readers` for its place; partial if one is unread."""
    files = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    unread = [f.path for f in files if f.status is not FileStatus.READ]
    jobs = tuple(
        Job(where=f.path, programs=_named(f, readers), unit=unit_of(f), owner=owner_of(f))
        for f in files
        if f.status is FileStatus.READ
    )
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    if answer.truncated:
        problems.append(msg("There are more files than one answer can hold"))
    return partial(jobs, problems)


def _named(file: FileEntry, readers: Sequence[Reader]) -> tuple[str, ...]:
    found = next(
        (read(file) for places, read in readers
         if any(file.path == p or file.path.startswith(f"{p}/") for p in places)),
        iter(()),
    )  # fmt: skip
    return tuple(dict.fromkeys(found))


# --- commands -----------------------------------------------------------------------------------

_PARTS = re.compile(r"&&|\|\||[;&|(){}\n]")
_REDIRECT = re.compile(r"\d*(?:>>?|<)\s*(?:&\d|\S+)")
_RUNNERS = frozenset({
    "sh", "bash", "dash", "ksh", "zsh", "perl", "python", "python2", "python3", "ruby", "php",
    "nice", "ionice", "nohup", "timeout", "flock", "env", "setsid", "exec", "sudo", "run-parts",
    ".", "source", "chronic", "time", "stdbuf", "command",
})  # fmt: skip
_SHELL_WORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "time"})
_BUILT_IN = frozenset({"cd", "test", "[", "[[", "echo", "exit", "fi", "done", "true", "false",
                       "umask", "export", "set", "for", "case", "esac", "printf", "sleep",
                       "return", ":"})  # fmt: skip


def programs(command: str) -> tuple[tuple[str, ...], bool]:
    """The programs and scripts that a line of a shell starts, and whether one stays unclear."""
    found: list[str] = []
    unclear = False
    for part in _PARTS.split(_REDIRECT.sub(" ", command)):
        for word in started(part.split()):
            found.append(word)
            unclear = unclear or bool(re.search(r"[$`*?]", word))
    return tuple(dict.fromkeys(found)), unclear


def started(words: list[str]) -> Iterator[str]:
    """The first word of a command; behind a program that starts others, the next path, too."""
    runs = True
    for raw in words:
        word = raw.strip("\"'")
        if runs and (word in _SHELL_WORDS or re.match(r"\w+=", word)):
            continue
        if runs and word in _BUILT_IN:
            return
        if runs or word.startswith("/"):
            yield word
            if word.rsplit("/", 1)[-1] not in _RUNNERS:
                return
        runs = False


# Variables that make a program load or start what they name, and those that list directories.
_LOADING = frozenset({
    "LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "SHELL", "PYTHONSTARTUP", "OPENSSL_CONF",
    "OPENSSL_MODULES", "OPENSSL_ENGINES", "GCONV_PATH",
})  # fmt: skip
_SEARCHED = frozenset({"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PERL5LIB", "RUBYLIB"})


def of_variable(setting: str) -> Iterator[str]:
    """The paths that `NAME=VALUE` makes a program load, or look for programs in."""
    name, _, value = setting.partition("=")
    name = name.removesuffix("+")
    if name in _LOADING | _SEARCHED:
        places = re.split(r"[:\s]", value.strip("\"'"))
        yield from (place for place in places if place.startswith("/"))


_WORD_OF_UNIT = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")


def of_variables(value: str) -> Iterator[str]:
    """The same of several settings, as in `Environment=` (systemd.exec(5))."""
    for double, single, plain in _WORD_OF_UNIT.findall(value):
        yield from of_variable(double or single or plain)


# --- cron ---------------------------------------------------------------------------------------

_TABS = ("/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/var/spool/cron/tabs/root")
_ANACRON = "/etc/anacrontab"
_SETTING = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(.*)")
_USUAL_PATH = ("/usr/bin", "/bin")


def parse_cron(answer: Answer) -> tuple[Job, ...] | Partial:
    """The jobs of root in the tables of cron and anacron (crontab(5), anacrontab(5))."""
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
        command = _cron_command(file.path, line.strip())
        if command is not None:
            begun, unclear = programs(command)
            begun = (*begun, *(place for places in more.values() for place in places))
            yield Job(where=file.path, programs=begun, path=path, unclear=unclear,
                      owner=owner_of(file))  # fmt: skip


def _cron_command(path: str, line: str) -> str | None:
    """The command of a line; None where it is none, or not root's."""
    if not line or line.startswith("#"):
        return None
    fields = 1 if line.startswith("@") else 5
    if path == _ANACRON:
        words = line.split(None, 3)
        return words[3] if len(words) == 4 else None
    if path in _TABS:
        words = line.split(None, fields)
        return words[fields] if len(words) > fields else None
    words = line.split(None, fields + 1)
    return words[fields + 1] if len(words) > fields + 1 and words[fields] == "root" else None


CRON = fact(
    "linux.root-cron",
    tuple[Job, ...],
    kind="host",
    ask=ReadFiles(
        paths=("/etc/crontab", "/etc/cron.d", _ANACRON, *_TABS), depth=1, privilege=Privilege.ROOT
    ),
    parse=parse_cron,
)

# --- systemd ------------------------------------------------------------------------------------

_SETTING_OF_UNIT = re.compile(r"\s*([A-Za-z]+)\s*=\s*(.*?)\s*")
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
    chosen = {name: file for name, file in _first(files).items() if name.endswith(".service")}
    added = _first([f for f in files if f.path.endswith(".conf")], deep=True)
    starters = _starters(files)
    jobs = [job for name, file in chosen.items()
            for job in _unit_jobs(name, [file, *_drop_ins(name, added)], starters)]  # fmt: skip
    problems = _unread(every)
    if any(answer.truncated for answer in answered):
        problems.append(msg("There are more units than one answer can hold"))
    return partial(tuple(jobs), problems)


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


def _drop_ins(name: str, added: dict[str, FileEntry]) -> list[FileEntry]:
    folders = (f"{name}.d", "service.d")
    found: dict[str, FileEntry] = {}
    for folder in folders:  # the more special folder hides the other one's files
        for place, file in added.items():
            if place.startswith(f"{folder}/"):
                found.setdefault(place.rsplit("/", 1)[1], file)
    return [found[key] for key in sorted(found)]


def _starters(files: list[FileEntry]) -> dict[str, tuple[str, ...]]:
    """The timers, paths and sockets of each service; `*` where a timer or path is enabled."""
    found: dict[str, list[str]] = {}
    for file in files:
        if not file.path.endswith(_STARTERS):
            continue
        stem, _, ending = file.path.rsplit("/", 1)[1].rpartition(".")
        named = re.search(r"(?m)^\s*(?:Unit|Service)\s*=\s*(\S+)", file.text)
        service = named[1] if named else f"{stem}.service"
        wanted = ".wants/" in file.path and ending != "socket"
        found.setdefault(service, []).extend([f"{stem}.{ending}", *(["*"] if wanted else [])])
    return {service: tuple(dict.fromkeys(names)) for service, names in found.items()}


def _settings_of(files: list[FileEntry]) -> Iterator[tuple[str, str, FileEntry]]:
    """The settings of a unit that hold: an empty value takes back those before it."""
    kept: list[tuple[str, str, FileEntry]] = []
    for file in files:
        for line in file.text.replace("\\\n", " ").split("\n"):
            row = _SETTING_OF_UNIT.fullmatch(line)
            if row is None:
                continue
            if not row[2]:
                kept = [one for one in kept if one[0] != row[1]]
            else:
                kept.append((row[1], row[2], file))
    return iter(kept)


def _unit_jobs(
    name: str, files: list[FileEntry], starters: dict[str, tuple[str, ...]]
) -> Iterator[Job]:
    settings = list(_settings_of(files))
    users = [value for key, value, _ in settings if key in ("User", "DynamicUser")]
    other = bool(users) and users[-1] not in ("root", "0", "no", "false")
    by = starters.get(name, ())
    owners = {f.path: owner for f in files if (owner := owner_of(f))}
    for path, owner in owners.items():
        yield Job(where=path, programs=(), unit=name, by=by, owner=owner)
    for key, value, file in settings:
        begun, unclear = _unit_setting(key, value, other=other)
        if begun:
            yield Job(where=file.path, programs=begun, unit=name, by=by, unclear=unclear)


def _unit_setting(key: str, value: str, *, other: bool) -> tuple[tuple[str, ...], bool]:
    """What a setting makes systemd start or read as root, and whether one stays unclear."""
    if _EXEC.fullmatch(key):
        return _unit_command(value, other=other)
    if key == "EnvironmentFile" and not other:  # it may hold LD_PRELOAD
        return (value.lstrip("-"),), False
    if key in ("RootDirectory", "RootImage", "ExecSearchPath") and not other:
        return tuple(value.split(":")), False
    return (tuple(of_variables(value)) if key == "Environment" and not other else ()), False


def _unit_command(value: str, *, other: bool) -> tuple[tuple[str, ...], bool]:
    """What a command line of a unit starts as root; nothing where another user runs it."""
    words = value.split()
    marks = re.match(r"[-@:+!|]*", words[0])
    first = words[0][marks.end() if marks else 0 :]
    if other and "+" not in words[0][: len(words[0]) - len(first)]:
        return (), False
    if first.rsplit("/", 1)[-1] in _SHELLS and "-c" in words[1:3]:
        script = value.split(" -c ", 1)[1].strip().strip("\"'")
        inner, unclear = programs(script)
        return (first, *(p for p in inner if p.startswith("/"))), unclear
    begun = tuple(started([first, *words[1:]]))
    return begun, any(re.search(r"[$%]", word) for word in begun)


_SHELLS = frozenset({"sh", "bash", "dash"})

UNIT_FILES = fact(
    "linux.root-units",
    tuple[Job, ...],
    kind="host",
    asks={
        "units": ReadFiles(paths=_ABOVE, names=("*.service",), depth=1, partial_ok=True),
        "more": ReadFiles(
            paths=_ABOVE,
            names=("*.conf", "*.timer", "*.path", "*.socket"),
            depth=2,
            partial_ok=True,
        ),
    },
    parse=parse_units_of_root,
)
