"""What root runs on its own, through cron, systemd and sudo, and whether others can change it.

Nothing is asked about the paths that are found here: the search of the file systems has told of
everything near the root that somebody else may change, and the two are joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import join, normpath

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Judgement,
    Partial,
    Privilege,
    ReadFiles,
    Severity,
    capped,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    partial,
    passed,
    undetermined,
)
from audit_linux.files.sweep import LEVELS, SWEEP, Sweep
from audit_linux.sudo.sudoers import SUDOERS, Sudoers
from audit_linux.units import UNITS, Units


class Job(Struct, frozen=True, kw_only=True):
    """One command that root runs: where it is written, and the programs that it names.

    `path` are the directories in which programs without one are looked for. `unit` is the name of
    its systemd unit. `unclear`: a program whose place only the shell knows.
    """

    where: str
    programs: tuple[str, ...]
    path: tuple[str, ...] = ()
    unit: str = ""
    unclear: bool = False


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
        for word in _started(part.split()):
            found.append(word)
            unclear = unclear or bool(re.search(r"[$`*?]", word))
    return tuple(dict.fromkeys(found)), unclear


def _started(words: list[str]) -> Iterator[str]:
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
    for line in file.lines:
        setting = _SETTING.fullmatch(line)
        if setting is not None:
            if setting[1] == "PATH":
                path = tuple(setting[2].strip().strip("\"'").split(":"))
            continue
        command = _cron_command(file.path, line.strip())
        if command is not None:
            started, unclear = programs(command)
            yield Job(where=file.path, programs=started, path=path, unclear=unclear)


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

_EXEC = re.compile(r"\s*Exec(?:Start|StartPre|StartPost|Reload|Stop|StopPost|Condition)\s*=(.*)")
_USER = re.compile(r"\s*(?:User|DynamicUser)\s*=\s*(\S*)")
_ABOVE = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
          "/usr/lib/systemd/system")  # fmt: skip


def parse_units_of_root(answer: Answer) -> tuple[Job, ...] | Partial:
    """The commands of units that run as root (systemd.service(5)): of a name, the first file."""
    files = [f for f in answer.files if f.status is FileStatus.READ]
    unread = [f.path for f in answer.files if f.status in (FileStatus.NOT_PERMITTED,
                                                           FileStatus.TOO_BIG)]  # fmt: skip
    chosen: dict[str, FileEntry] = {}
    for file in sorted(files, key=_rank):
        chosen.setdefault(file.path.rsplit("/", 1)[-1], file)
    jobs = [job for name, file in chosen.items() for job in _unit_jobs(name, file)]
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    if answer.truncated:
        problems.append(msg("There are more units than one answer can hold"))
    return partial(tuple(jobs), problems)


def _rank(file: FileEntry) -> tuple[int, str]:
    return next(
        (n for n, folder in enumerate(_ABOVE) if file.path.startswith(folder)), 9
    ), file.path


def _unit_jobs(name: str, file: FileEntry) -> Iterator[Job]:
    lines = file.text.replace("\\\n", " ").split("\n")
    users = [hit[1] for line in lines if (hit := _USER.match(line))]
    other = bool(users) and users[-1] not in ("root", "0", "", "no", "false")
    for line in lines:
        hit = _EXEC.match(line)
        words = hit[1].split() if hit else []
        if not words:
            continue
        marks = re.match(r"[-@:+!]*", words[0])
        first = words[0][marks.end() if marks else 0 :]
        if other and "+" not in words[0][: len(words[0]) - len(first)]:
            continue
        started = tuple(_started([first, *words[1:]]))
        unclear = any(re.search(r"[$%]", word) for word in started)
        yield Job(where=file.path, programs=started, unit=name, unclear=unclear)


UNIT_FILES = fact(
    "linux.root-units",
    tuple[Job, ...],
    kind="host",
    ask=ReadFiles(paths=_ABOVE, names=("*.service",), depth=1, partial_ok=True),
    parse=parse_units_of_root,
)

# --- who may change a path ----------------------------------------------------------------------

_SHARED = re.compile(r"/(?:tmp|var/tmp|dev/shm)/")
# Read or run by root, or by everybody at login: their owners are root.
_PLACES = (
    "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
    "/etc/cron.monthly", "/etc/anacrontab", "/etc/init.d", "/etc/rc.local", "/etc/rc.d",
    "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/profile", "/etc/profile.d",
    "/etc/systemd/system", "/usr/lib/systemd/system", "/var/spool/cron/root",
    "/var/spool/cron/crontabs/root",
)  # fmt: skip


class Others:
    """Which paths somebody besides root may change, by what the search has told."""

    def __init__(self, sweep: Sweep) -> None:
        self._links = sweep.links
        self._who: dict[str, str] = {}
        for acl in sweep.acls:
            names = [e for e in acl.entries if e.split(":")[1] != "0"]
            if names:
                self._who[acl.path] = names[0]
        for entry in sweep.owned:
            if entry.bits & 0o020 and entry.gid and not entry.bits & 0o1000:
                self._who[entry.path] = f"gid {entry.gid}"
            if entry.uid:
                self._who[entry.path] = f"uid {entry.uid}"
        for entry in sweep.entries:
            if entry.bits & 0o002:
                self._who[entry.path] = "everybody"

    def of(self, path: str) -> str | None:
        """Who may change `path` and through what; None where nobody else was seen."""
        if not path.startswith("/"):
            return None
        plain = self._resolved(path)
        parts = plain.strip("/").split("/")
        for count in range(len(parts) + 1):
            place = "/" + "/".join(parts[:count])
            if place in self._who:
                return f"{path} ({place}: {self._who[place]})"
        return f"{path} (everybody)" if _SHARED.match(plain) else None

    def below(self, folder: str) -> Iterator[str]:
        """What lies in `folder` and somebody else may change."""
        for place, who in self._who.items():
            if place.startswith(folder + "/"):
                yield f"{place} ({who})"

    def _resolved(self, path: str) -> str:
        plain = normpath(path)
        for _ in range(8):
            parts = plain.strip("/").split("/")
            for count in range(1, len(parts) + 1):
                place = "/" + "/".join(parts[:count])
                if place in self._links:
                    rest = parts[count:]
                    plain = normpath(join(place, "..", self._links[place], *rest))
                    break
            else:
                break
        return plain


# --- the check ----------------------------------------------------------------------------------


def _sudo_jobs(sudoers: Sudoers | None) -> Iterator[Job]:
    """The commands that ordinary accounts may run as root."""
    for grant in sudoers.grants if sudoers else ():
        as_root = {"root", "ALL"} & set(grant.runas)
        if as_root and grant.command.startswith("/") and set(grant.who) - {"root", "#0"}:
            words = [re.sub(r"\\(.)", r"\1", w) for w in grant.command.split()]
            yield Job(where=f"sudo {','.join(grant.who)}", programs=tuple(_started(words)))


def _sudo_places(sudoers: Sudoers | None, others: Others) -> Iterator[str]:
    """The files of variables and directories of programs of sudo that others may change.

    A directory of secure_path that does not begin with `/` is where the user stands.
    """
    for file in sudoers.env_files if sudoers else ():
        if (who := others.of(file)) is not None:
            yield f"sudo env_file: {who}"
    for folder in sudoers.secure_path if sudoers else ():
        if not folder.startswith("/"):
            yield f"sudo secure_path: '{folder}'"
        elif (who := others.of(folder) or others.of(f"{folder}/*")) is not None:
            yield f"sudo secure_path: {who}"


def _changed_by_others(jobs: list[Job], others: Others) -> list[str]:
    found: list[str] = []
    for job in jobs:
        searched = job.path if any("/" not in program for program in job.programs) else ()
        for path in (*job.programs, *searched):
            who = others.of(path)
            if who is not None:
                found.append(f"{job.where}: {who}")
    return list(dict.fromkeys(found))


@check(
    "linux.root-runs",
    needs=(
        SWEEP,
        known_or_absent(optional(CRON)),
        known_or_absent(optional(UNIT_FILES)),
        known_or_absent(optional(UNITS)),
        known_or_absent(optional(SUDOERS)),
    ),
    severity=Severity.HIGH,
    version=2,
    remedy=msg(
        "Make root the owner of the named programs and of all directories above them, "
        "and remove write permission for others (chown root, chmod go-w)"
    ),
)
def root_runs(
    sweep: Sweep,
    cron: tuple[Job, ...] | Absent | None,
    unit_files: tuple[Job, ...] | Absent | None,
    units: Units | Absent | None,
    sudoers: Sudoers | Absent | None,
) -> Judgement:
    """What root runs through cron, systemd and sudo cannot be changed by other accounts."""
    others = Others(sweep)
    started, idle = _by_start(known(unit_files) or (), known(units))
    jobs = [*(known(cron) or ()), *started, *_sudo_jobs(known(sudoers))]
    bad = _changed_by_others(jobs, others)
    bad += [rows for place in _PLACES for rows in _place(place, others)]
    bad += _sudo_places(known(sudoers), others)
    expected = msg("programs and directories above them that only root may change")
    if bad:
        detail = msg("Root runs programs, or reads settings, that others may change: {names}",
                     names=capped(bad))  # fmt: skip
        return failed(detail, expected=expected)
    later = _changed_by_others(idle, others)
    deep = [p for job in jobs for p in job.programs if p.count("/") > LEVELS]
    unclear = [f"{job.where}: {' '.join(job.programs)}" for job in jobs if job.unclear]
    rows = (
        (later, msg("Units that are not started now run programs that others may change: {names}",
                    names=capped(later))),
        (deep, msg("These directories are nested too deeply to be searched; check them: {names}",
                   names=capped(deep))),
        (unclear, msg("Check what these commands start: {names}", names=capped(unclear))),
    )  # fmt: skip
    doubts = [message for wanted, message in rows if wanted]
    count = msg("{count} commands that root runs were followed", count=len(jobs))
    if doubts:
        return undetermined(count, *doubts, expected=expected)
    return passed(count, expected=expected)


def _place(place: str, others: Others) -> list[str]:
    own = others.of(place)
    return [own] if own else list(others.below(place))


def _by_start(jobs: tuple[Job, ...], units: Units | None) -> tuple[list[Job], list[Job]]:
    """The commands of units that are started, and of those that are not, as far as is known."""
    if units is None:
        return [], list(jobs)
    runs = units.active | units.enabled
    return [j for j in jobs if j.unit in runs], [j for j in jobs if j.unit not in runs]


FACTS = (CRON, UNIT_FILES)
CHECKS = (root_runs,)
