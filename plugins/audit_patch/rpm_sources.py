"""The repositories of dnf and yum by their files: which are in effect, and how they are checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import normpath
from typing import NamedTuple

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    Message,
    ParseError,
    Partial,
    msg,
    partial,
)
from audit_core.model import NamedAsk
from audit_patch import rpm
from audit_patch.model import Metadata, Signatures, Source, Sources
from audit_patch.repo_files import (
    DNF_4,
    DNF_5,
    YUM_3,
    File,
    Reading,
    Section,
    Settings,
    elsewhere,
    files_of,
    is_on,
    main_of,
    overridden,
    read_sections,
    refused_by,
    skeleton,
    unique,
)
from audit_patch.text import grep_rows

# In the order in which dnf reads them; /usr/share is that of dnf 5 only, and so are the others.
_FOLDERS = ("/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d")
_FOLDERS_OF_5 = ("/etc/yum.repos.d", "/etc/distro.repos.d", "/usr/share/dnf5/repos.d")
_OVERRIDES = ("/usr/share/dnf5/repos.override.d", "/etc/dnf/repos.override.d")
_DROP_INS = ("/usr/share/dnf5/libdnf.conf.d", "/etc/dnf/libdnf5.conf.d")
_DNF, _YUM = "/etc/dnf/dnf.conf", "/etc/yum.conf"
REPOS: dict[str, NamedAsk] = {
    "files": skeleton(
        _DNF, _YUM, *_FOLDERS, "/usr/share/dnf5/repos.d", *_OVERRIDES, *_DROP_INS,
        "-maxdepth", "1", "(", "-name", "*.repo", "-o", "-name", "*.conf", ")",
    ),
    # dnf 5 and dnf 4 read differently; where there is no dnf, yum is yum 3.
    "program": Command(
        argv=("find", "/usr/bin/dnf", "-maxdepth", "0", "-printf", r"%l\0"), ok=(0, 1)
    ),
}  # fmt: skip
CACHES: dict[str, NamedAsk] = {**rpm.CACHES, **REPOS}
# Where the release is fixed: variables of dnf, and addresses.
FIXED: dict[str, NamedAsk] = {
    **REPOS,
    "variables": Command(
        argv=(
            "grep", "-soHZE", "-e", "^[0-9]+[.][0-9]+$",
            "/etc/dnf/vars/releasever", "/etc/yum/vars/releasever",
        ),
        ok=(0, 1, 2),
    ),
}  # fmt: skip


class _Configured(NamedTuple):
    """The settings of [main], the enabled repositories, and files that are not known."""

    main: Settings
    repositories: tuple[Section, ...]
    problems: tuple[Message, ...]


def _program(answers: Answers) -> Reading:
    target = answers["program"].text.removesuffix("\0")
    if not answers["program"].stdout:
        return YUM_3
    return DNF_5 if target.rpartition("/")[2] == "dnf5" else DNF_4


def _configured(answers: Answers) -> _Configured:
    how = _program(answers)
    files = files_of(answers["files"])
    conf, refused = read_sections(_main_files(files, how), how)
    if refused:  # dnf ends then
        raise ParseError(refused[0])
    main = main_of(conf)
    folders, elsewhere = _folders(main, how)
    repos, problems = read_sections(_in(files, folders, ".repo"), how)
    overrides, others = read_sections(_in(files, _OVERRIDES if how.alias else (), ".repo"), how)
    every = unique(s for s in (*conf, *repos) if _ID.fullmatch(s.name) and s.name != "main")
    enabled = [s for s in (overridden(s, overrides) for s in every) if _enabled(s)]
    return _Configured(main, tuple(enabled), (*problems, *others, *elsewhere))


# dnf passes over a repository with another id; variables are put in first.
_ID = re.compile(r"[-\w.:${}]+", re.ASCII)


def _enabled(section: Section) -> bool:
    return is_on(section.settings.get("enabled"), default=True)


def _main_files(files: list[File], how: Reading) -> list[File]:
    """What [main] is read of; of drop-ins of one name that of /etc counts (dnf 5)."""
    drop_ins = {f.path.rpartition("/")[2]: f for f in _in(files, _DROP_INS, ".conf")}
    path = _YUM if how.folded else _DNF
    whole = [file for file in files if file.path == path]
    return [*(drop_ins[name] for name in sorted(drop_ins) if how.alias), *whole]


def _folders(main: Settings, how: Reading) -> tuple[tuple[str, ...], list[Message]]:
    """The directories of repository files, and a message where others than the usual are set."""
    usual = _FOLDERS_OF_5 if how.alias else _FOLDERS
    if "reposdir" not in main:
        return usual, []
    words = tuple(w.rstrip("/") for w in re.split(r"[\s,]+", main["reposdir"]) if w)
    if words and all(word in usual for word in words):
        return words, []
    return words, [msg("The repositories are in directories that were not read (reposdir)")]


def _in(files: Iterable[File], folders: Iterable[str], suffix: str) -> list[File]:
    """The files in `folders`, in their order; dnf 4 and yum pass over hidden ones."""
    return [
        file
        for folder in folders
        for file in files
        if file.path.rpartition("/")[0] == folder and file.path.endswith(suffix)
    ]


def parse_fixed(answers: Answers) -> tuple[str, ...] | Partial | Absent:
    """Each file that fixes the minor release, as `file: release`."""
    if refused := refused_by(answers["files"]):
        return refused
    found = [f"{path}: {text}" for path, text in grep_rows(answers["variables"])]
    configured = _configured(answers)
    found += [f"{r.path}: {r.settings['@']}" for r in configured.repositories if "@" in r.settings]
    return partial(tuple(sorted(set(found))), configured.problems)


def parse_sources(answers: Answers) -> Sources | Partial | Absent:
    """The enabled repositories by their section names; Absent where dnf refused."""
    if refused := refused_by(answers["files"]):
        return refused
    configured = _configured(answers)
    names = sorted(section.name for section in configured.repositories)
    return partial(Sources(items=tuple(Source(name=n) for n in names)), configured.problems)


_CACHES = {DNF_4: "/var/cache/dnf", DNF_5: "/var/cache/libdnf5", YUM_3: "/var/cache/yum"}


def parse_caches(answers: Answers) -> Metadata | Absent:
    """How old the metadata are that the program reads; Absent where it has them elsewhere.

    What another program holds, or what was left behind in the usual place, tells nothing.
    """
    if refused := refused_by(answers["files"]):
        return refused
    how, configured = _program(answers), _configured(answers)
    # dnf 4 and yum give each repository the directory of [main].
    own = configured.repositories if how.alias else ()
    usual = _CACHES[how]
    for name, settings in (("main", configured.main), *((r.name, r.settings) for r in own)):
        if how.folded and normpath(settings.get("cachedir", "")).startswith(f"{usual}/"):
            continue  # yum 3 has directories of releases
        if found := elsewhere(name, settings, {"cachedir": usual, "system_cachedir": usual}):
            return found
    return rpm.parse_caches(answers, usual)


def parse_signatures(answers: Answers) -> Signatures | Partial | Absent:
    """The enabled repositories whose packages are taken without a signature check.

    Without a setting of its own a repository follows [main], whose own default is unchecked.
    """
    if refused := refused_by(answers["files"]):
        return refused
    configured = _configured(answers)
    default = is_on(configured.main.get("gpgcheck"), default=False)
    open_ones = [
        f"{path}: [{name}] gpgcheck={settings.get('gpgcheck', default)}"
        for path, name, settings in configured.repositories
        if not is_on(settings.get("gpgcheck"), default)
    ]
    found = Signatures(sources=len(configured.repositories), unverified=tuple(open_ones))
    return partial(found, configured.problems)
