"""What root runs because a folder or a setting names it, besides cron's tables and units.

| file | what runs as root |
|---|---|
| `/etc/ld.so.preload`, `ld.so.conf` (ld.so(8), ldconfig(8)) | libraries, and all in these folders |
| `/etc/cron.{hourly,daily,weekly,monthly}/*` | run-parts(8): files that may be run |
| `/etc/rc.local`, `/etc/init.d/*`, `/etc/update-motd.d/*`, `if-up.d` | the scripts |
| `/etc/logrotate.d/*` | scripts up to `endscript`, compresscmd, included files |
| `/etc/udev/rules.d/*` (udev(7)) | `RUN+=`, `PROGRAM==`, `IMPORT{program}=` |
| `/etc/apt/apt.conf.d/*` (apt.conf(5)) | `DPkg::Post-Invoke` and its kin |
| `/etc/rsyslog.d/*` | `omprog`, modules with a path, `^program`, included files |
| `/etc/environment` | programs in the folders of PATH, libraries |
| `/etc/profile`, `/etc/bash.bashrc` and the like | what they source and start, folders of PATH |
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_core.api.sdk import (
    Answer,
    FileEntry,
    Partial,
    Privilege,
    ReadFiles,
    fact,
    provider,
)
from audit_linux.files.command_lines import of_variable, started_by
from audit_linux.files.root_jobs import INCLUDED, Job, Reader, jobs_of_files
from audit_linux.files.root_settings import of_shell_file
from audit_linux.files.root_starters import script
from audit_linux.pam import Pam

_PARTS_OF_CRON = tuple(f"/etc/cron.{each}" for each in ("hourly", "daily", "weekly", "monthly"))
_SCRIPTS = (*_PARTS_OF_CRON, "/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d",
            "/etc/update-motd.d", "/etc/network/if-up.d")  # fmt: skip
_INIT = "/etc/init.d/"


def _preload(file: FileEntry) -> Iterator[str]:
    text = re.sub(r"#.*", " ", file.text)
    yield from (word for word in re.split(r"[\s:]+", text) if word.startswith("/"))


def _library_folders(file: FileEntry) -> Iterator[str]:
    for line in file.lines:
        words = re.split(r"[\s:,=]+", line.partition("#")[0].strip())
        if words[0] == "include":
            yield from (INCLUDED + _folder(word) for word in words[1:] if _is_elsewhere(word))
        elif words[0] != "hwcap":
            yield from (word for word in words if word.startswith("/"))


_READ = ("/etc/ld.so.conf.d/", "/etc/logrotate.d", "/etc/rsyslog.d/")


def _is_elsewhere(included: str) -> bool:
    """Whether files that are included were not asked for; a relative path lies beside."""
    return included.startswith("/") and not included.startswith(_READ)


def _folder(included: str) -> str:
    """The path in front of a pattern."""
    return re.sub(r"/[^/]*[*?\[].*", "", included)


_ROTATED = re.compile(
    r"^[ \t]*(?:prerotate|postrotate|firstaction|lastaction|preremove)[ \t]*\n(.*?)"
    r"^[ \t]*endscript",
    re.MULTILINE | re.DOTALL,
)
_COMPRESSES = re.compile(r"(?m)^[ \t]*(?:un)?compresscmd[ \t]+\"?(/[^\s\"]+)")
_INCLUDES = re.compile(r"(?m)^[ \t]*include[ \t]+\"?([^\s\"]+)")
_UDEV = re.compile(
    r"(?:RUN(?:\{program\})?\s*(?:\+=|:?=)|PROGRAM\s*==?|IMPORT\{program\}\s*==?)"
    r'\s*e?"([^"\n]*)"'
)
_APT = re.compile(
    r"(?:Pre|Post)-(?:Invoke|Install)[\w-]*(?:::\w*)*\s*(?:\{([^}]*)\}|\"([^\"\n]*)\")",
    re.IGNORECASE,
)
_APT_PROGRAMS = re.compile(
    r"(?:Proxy-?Auto-?Detect|Hooks(?:::\w*)*|Bin::[\w-]+(?:::)?)\s*\"([^\"\n]*)\"", re.IGNORECASE
)
_OMPROG = re.compile(r"(?im)^[^#\n]*\bbinary\s*=\s*\"([^\"\n]*)\"")
_MODULE = re.compile(
    r"(?im)^[^#\n]*\bmodule\s*\([^)\n]*\bload\s*=\s*\"(/[^\"\n]*)\"|^[ \t]*\$ModLoad[ \t]+(/\S+)"
)
_MORE_RULES = re.compile(
    r"(?im)^[^#\n]*\binclude\s*\([^)\n]*\bfile\s*=\s*\"(/[^\"\n]*)\""
    r"|^[ \t]*\$IncludeConfig[ \t]+(/\S+)"
)
_STARTED = re.compile(r"(?m)^[^#\n]*?[ \t]\^(/[^\s;]+)")


def _rotation(file: FileEntry) -> Iterator[str]:
    for commands in _ROTATED.findall(file.text):
        yield from started_by(commands).paths
    yield from _COMPRESSES.findall(file.text)
    yield from (INCLUDED + _folder(p) for p in _INCLUDES.findall(file.text) if _is_elsewhere(p))


def _udev(file: FileEntry) -> Iterator[str]:
    for line in file.lines:
        if not line.lstrip().startswith("#"):
            for command in _UDEV.findall(line):
                yield from started_by(command).paths


def _apt(file: FileEntry) -> Iterator[str]:
    text = re.sub(r"(?m)^\s*(?://|#).*$", "", file.text)
    for several, one in _APT.findall(text):
        for command in re.findall(r'"([^"\n]*)"', several) or ([one] if one else []):
            yield from started_by(command).paths
    for command in _APT_PROGRAMS.findall(text):
        yield from started_by(command).paths


def _rsyslog(file: FileEntry) -> Iterator[str]:
    for command in _OMPROG.findall(file.text):
        yield from started_by(command).paths
    for pattern in (_MODULE, _MORE_RULES):
        yield from (new or old for new, old in pattern.findall(file.text))
    yield from _STARTED.findall(file.text)


def _variables(file: FileEntry) -> Iterator[str]:
    """What /etc/environment (pam_env(8)) sets for everybody; of a name the last line holds."""
    lines = (line.strip().removeprefix("export ").strip() for line in file.lines)
    settings = {line.partition("=")[0].strip(): line.partition("=")[2] for line in lines}
    for name, value in settings.items():
        yield from of_variable(f"{name}={value.strip()}")


_READERS: tuple[Reader, ...] = (
    (("/etc/ld.so.preload",), _preload),
    (("/etc/ld.so.conf", "/etc/ld.so.conf.d"), _library_folders),
    (_SCRIPTS, script),
    (("/etc/logrotate.conf", "/etc/logrotate.d"), _rotation),
    (
        (
            "/etc/udev/rules.d",
            "/run/udev/rules.d",
            "/usr/local/lib/udev/rules.d",
            "/usr/lib/udev/rules.d",
        ),
        _udev,
    ),
    (("/etc/apt/apt.conf", "/etc/apt/apt.conf.d"), _apt),
    (("/etc/rsyslog.conf", "/etc/rsyslog.d"), _rsyslog),
    (("/etc/environment",), _variables),
    # shells of all users read these, root's among them
    (("/etc/profile", "/etc/profile.d", "/etc/bash.bashrc", "/etc/bashrc"), of_shell_file),
)


def parse_hooks(answer: Answer) -> tuple[Job, ...] | Partial:
    """What each of these files makes root run, and who else may change the file itself."""
    return jobs_of_files(answer, _READERS, _unit)


def _unit(file: FileEntry) -> str:
    return "init:" + file.path.removeprefix(_INIT) if file.path.startswith(_INIT) else ""


def of_pam(pam: Pam | None) -> Iterator[Job]:
    """Modules with a path of their own, and what pam_exec(8) runs: PAM loads them as root."""
    for service, lines in (pam.services if pam else {}).items():
        for line in lines:
            own = [line.path] if line.path else []
            if line.module == "pam_exec.so":
                own += [word for word in line.args if word.startswith("/")][:1]
            if own:
                yield Job(where=f"PAM {service}", programs=tuple(own))


def _ask(privilege: Privilege) -> ReadFiles:
    places = tuple(place for places, _ in _READERS for place in places)
    return ReadFiles(paths=places, depth=1, privilege=privilege, partial_ok=True)


HOOKS = fact(
    "linux.root-hooks",
    tuple[Job, ...],
    kind="host",
    providers=(
        provider(_ask(Privilege.ROOT), parse_hooks, root="yes"),
        provider(_ask(Privilege.USER), parse_hooks, root="no"),
    ),
)
