"""SUSE: the state of zypper's cache. `--no-refresh` prevents downloads."""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    Message,
    ParseError,
    Partial,
    msg,
    partial,
    read_rows,
    verbatim,
)
from audit_core.model import NamedAsk
from audit_patch import rpm
from audit_patch.model import (
    Metadata,
    Pending,
    Security,
    Signatures,
    Source,
    Sources,
    Update,
)
from audit_patch.repo_files import (
    ZYPP,
    File,
    Section,
    Settings,
    elsewhere,
    files_of,
    main_of,
    read_sections,
    refused_by,
    skeleton,
    unique,
)

_QUIET = ("zypper", "--no-refresh", "--non-interactive")

_SKIPPED = 106  # zypper(8): some repositories were not read, and the others are listed
_ENDS = (0, _SKIPPED)
UPDATES = Command(argv=(*_QUIET, "list-updates", "--all"), timeout_s=90, limit=4 << 20, ok=_ENDS)
PATCHES = Command(argv=(*_QUIET, "list-patches", "--all"), timeout_s=90, limit=8 << 20, ok=_ENDS)
# Installed packages of which no repository has any version.
ORPHANS = Command(argv=(*_QUIET, "packages", "--orphaned"), timeout_s=90, limit=4 << 20, ok=_ENDS)
# libzypp touches the index when a refresh finds it unchanged.
_CONF = ("/usr/share/zypp/zypp.conf", "/usr/etc/zypp/zypp.conf", "/etc/zypp/zypp.conf")
REPOS = skeleton(
    *_CONF, *(f"{path}.d" for path in _CONF), "/etc/zypp/repos.d", "-maxdepth", "1",
    "(", "-name", "*.repo", "-o", "-name", "*.conf", ")",
)  # fmt: skip

CACHES: dict[str, NamedAsk] = {**rpm.caches(("/var/cache/zypp/raw",), 4), "files": REPOS}
_OF_CACHES = {"cachedir": "/var/cache/zypp", "metadatadir": "/var/cache/zypp/raw"}
_OF_REPOS = {"configdir": "/etc/zypp", "reposdir": "/etc/zypp/repos.d"}

_RULE = re.compile(r"-+(\+-+)+")
_NONE = ("No updates found.", "No packages found.")
_TROUBLE = re.compile(
    r"(?im)^(error|warning: (skipping|repository|the repo)|some of the repositories)"
)


# What the system said stands far below the first line.
_CAUSE = re.compile(
    "(?m)^.*(No space left on device|Disk quota exceeded|Read-only file system|Input/output error)"
)

# What is not needed is for packages or products that are not installed.
_DONE = frozenset({"applied", "not needed"})

Row = dict[str, str]


def _table(answer: Answer, wanted: str) -> tuple[list[Row], list[Message]]:
    """The rows of zypper's tables by their heads, none where it says that there are no updates.

    And what is missing: rows of another form, and repositories with errors. There are two tables
    where updates of the package management itself are installed first.
    """
    detail = _trouble(answer)
    lines = answer.lines
    rules = [i for i, line in enumerate(lines) if _RULE.fullmatch(line)]
    if detail and not rules:
        raise ParseError(msg("error output: {detail}", detail=verbatim(detail)))
    if not rules and not set(_NONE).isdisjoint(lines):
        return [], []
    if not rules or rules[0] == 0:
        raise ParseError(msg("neither one table nor {line}", line=verbatim(_NONE[0])))
    rows: list[Row] = []
    problems = [msg("zypper reported an error: {text}", text=verbatim(detail))] if detail else []
    for rule in rules:
        more, unread = _rows(lines, rule, wanted)
        rows += more
        problems += unread
    return rows, problems


def _trouble(answer: Answer) -> str:
    """The line that says what zypper passed over, and best why; empty for nothing."""
    both = answer.text + "\n" + answer.stderr.decode("utf-8", "replace")
    if trouble := _CAUSE.search(both) or _TROUBLE.search(both):
        return both[trouble.start() :].partition("\n")[0][:200]
    return f"exit {_SKIPPED}" if answer.exit_code == _SKIPPED else ""


def _rows(lines: list[str], rule: int, wanted: str) -> tuple[list[Row], list[Message]]:
    """The rows below the line `rule`."""
    head = [cell.strip() for cell in lines[rule - 1].split("|")]
    if wanted not in head:
        raise ParseError(msg("the table has no column {names}", names=wanted))
    body = itertools.takewhile(str.strip, lines[rule + 1 :])
    return read_rows(enumerate(body, rule + 2), lambda line: _row(line, head))


def _row(line: str, head: list[str]) -> Row:
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) != len(head):
        raise ParseError(
            msg(
                "{count} cells where {width} were expected: {line}",
                count=len(cells),
                width=len(head),
                line=verbatim(line),
            )
        )
    return dict(zip(head, cells, strict=True))


def parse_updates(answer: Answer) -> Pending | Partial:
    """Every package that the cached metadata have a newer version of."""
    rows, problems = _table(answer, "Available Version")
    updates = [
        Update(
            name=row["Name"], candidate=row["Available Version"], installed=row["Current Version"]
        )
        for row in rows
    ]
    return partial(Pending(updates=tuple(updates)), problems)


def parse_patches(answer: Answer) -> Security | Partial:
    """The security patches that are needed. No patch at all means the repositories carry none.

    A patch that is locked (`zypper addlock`) stands as `unwanted`: it is missing all the same.
    Locked packages hide nothing from this list. Where not one patch is for what is installed, the
    repositories are those of other products.
    """
    rows, problems = _table(answer, "Category")
    todo = [r for r in rows if r["Category"] == "security" and r["Status"] not in _DONE]
    updates = tuple(Update(name=r["Name"], candidate=r["Severity"]) for r in todo)
    labelled = any(r["Category"] == "security" for r in rows)
    base = any(r["Status"] != "not needed" for r in rows)
    return partial(Security(updates=updates, labelled=labelled, base=base), problems)


def parse_orphans(answer: Answer) -> tuple[list[str], list[Message]]:
    """Name and architecture of each package that no repository has, and what could not be read."""
    rows, problems = _table(answer, "Version")
    return [f"{row['Name']}.{row['Arch']}" for row in rows], problems


def parse_sources(answer: Answer) -> Sources | Absent:
    """The enabled repositories by their aliases; Absent where zypper refused."""
    if refused := refused_by(answer):
        return refused
    names = sorted(repository.name for repository in _configured(answer)[1])
    return Sources(items=tuple(Source(name=name) for name in names))


def parse_signatures(answer: Answer) -> Signatures | Absent:
    """The enabled repositories that go unchecked, by their own setting or that of zypp.conf.

    The default of zypp is to check.
    """
    if refused := refused_by(answer):
        return refused
    main, found = _configured(answer)
    default = _checks(main, _Checks())
    open_ones = [
        f"{path}: [{section}] gpgcheck={values.get('gpgcheck') or default.every}"
        for path, section, values in found
        if not _checks(values, default).needed
    ]
    return Signatures(sources=len(found), unverified=tuple(open_ones))


def parse_caches(answers: Answers) -> Metadata | Absent:
    """How old the metadata are that zypper reads; Absent where it has them elsewhere."""
    if refused := refused_by(answers["files"]):
        return refused
    main, _ = _configured(answers["files"])
    return elsewhere("main", main, _OF_CACHES) or rpm.parse_caches(answers)


def _configured(answer: Answer) -> tuple[Settings, list[Section]]:
    """The settings of [main], and the enabled repositories."""
    files = files_of(answer)
    sections = _read([file for file in files if file.path.endswith(".repo")])
    enabled = [s for s in unique(sections) if s.settings.get("enabled", "1") in _ON]
    main = _main([file for file in files if file.path.endswith(".conf")])
    if elsewhere("main", main, _OF_REPOS):
        raise ParseError(msg("The repositories are in directories that were not read (reposdir)"))
    return main, enabled


def _read(files: list[File]) -> list[Section]:
    """The sections of `files`; ParseError for a line at which zypper ends."""
    sections, problems = read_sections(files, ZYPP)
    if problems:
        raise ParseError(problems[0])
    return sections


def _main(files: list[File]) -> Settings:
    """The settings of zypp.conf: the one in /etc hides the vendor's, and drop-ins count after it.

    So do drop-ins of one name (zypp.conf(5)).
    """
    by_path = {file.path: file for file in files}
    whole = [by_path[path] for path in _CONF if path in by_path][-1:]
    drop_ins = {
        file.path.rpartition("/")[2]: file
        for path in _CONF for file in files if file.path.startswith(f"{path}.d/")
    }  # fmt: skip
    return main_of(_read([*whole, *(drop_ins[name] for name in sorted(drop_ins))]))


class _Checks(NamedTuple):
    """What is checked: everything, the metadata, the packages; empty where that is not set."""

    every: str = "1"
    metadata: str = ""
    packages: str = ""

    @property
    def needed(self) -> bool:
        """Whether an unsigned package is refused (RepoInfo.cc, …GpgCheckIsMandatory).

        Signed metadata vouch for their packages. `gpgcheck` holds for what is not set by itself.
        """
        return any((own or self.every) not in _OFF for own in (self.metadata, self.packages))


# zypp-core/base/String.cc: of other words `enabled` is off, and a check is on.
_OFF = frozenset({"0", "no", "false", "off", "never"})
_ON = frozenset({"1", "yes", "true", "on", "always"})


def _checks(values: Settings, default: _Checks) -> _Checks:
    return _Checks(
        every=values.get("gpgcheck") or default.every,
        metadata=values.get("repo_gpgcheck") or default.metadata,
        packages=values.get("pkg_gpgcheck") or default.packages,
    )
