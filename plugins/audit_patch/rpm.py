"""dnf and yum: the state of their caches. `-C` prevents downloads.

As root dnf adds lines to its own log and takes its own lock; it changes nothing else. Plugins are
off: that of subscription-manager talks to the network and prints into the answer, and versionlock
hides updates. Excludes are off for the same reason: an update that is held back is still pending.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    Message,
    ParseError,
    Partial,
    Verbatim,
    decimal,
    msg,
    partial,
    read_rows,
    verbatim,
)
from audit_core.model import NamedAsk
from audit_patch.model import (
    Automatic,
    Listing,
    Metadata,
    Pending,
    Security,
    Update,
)
from audit_patch.repo_files import YES, refused_by
from audit_patch.text import grep_rows, records

# dnf 4 knows `all`, dnf 5 `*`; each passes over the other's word. With -q dnf 4.14 does not say
# that it passes over a source whose cache is missing or damaged, and exits with 0; yum 3 lists
# nothing with it (yumcommands.py). Without usercache=0 yum 3 reads and makes a cache of each
# account's own in /var/tmp; dnf 5 copies the system's cache to ~/.cache once, and reads the copy
# from then on, however old it is.
_FROM_CACHE = {
    "dnf": (
        "/usr/bin/env", "XDG_CACHE_HOME=/var/cache", "/usr/bin/dnf",
        "-C", "--noplugins", "--setopt=disable_excludes=all,*",
    ),
    "yum": ("yum", "-C", "--noplugins", "--setopt=usercache=0", "--disableexcludes=all"),
}  # fmt: skip

# Every host with dnf, yum or zypper has at least one of these; the status counts those it has not.
OWN = Command(argv=("rpm", "-q", "rpm", "glibc", "filesystem"), ok=(0, 1, 2, 3))


def check_update(program: str) -> Command:
    """The question for all pending updates; 100 means that there are some."""
    return Command(
        argv=(*_FROM_CACHE[program], "check-update"),
        timeout_s=90,
        limit=4 << 20,
        ok=(0, 100),
    )


def _list(program: str, *words: str) -> Command:
    argv = (*_FROM_CACHE[program], "updateinfo", "list", *words)
    return Command(argv=argv, timeout_s=90, limit=8 << 20)


def extras(program: str) -> Command:
    """The question for installed packages of which no repository has any version.

    yum 3 and dnf 5 end with 1 where there are none.
    """
    argv = (*_FROM_CACHE[program], "list", "extras" if program == "yum" else "--extras")
    return Command(argv=argv, timeout_s=90, limit=4 << 20, ok=(0, 1))


# Nothing where no stream is enabled. dnf 5 may end with 1 then.
MODULES = Command(
    argv=(*_FROM_CACHE["dnf"], "module", "list", "--enabled"),
    timeout_s=90,
    limit=1 << 20,
    ok=(0, 1),
)


# Every security advisory that concerns an installed package. dnf 4 marks those that are installed;
# the table of dnf 5 does not, so it is asked for those that are not as well.
ADVISORIES: dict[str, NamedAsk] = {
    "all": _list("dnf", "--security", "--all"),
    "available": _list("dnf", "--security", "--available"),
}
YUM_ADVISORIES = _list("yum", "security", "all")


def caches(folders: tuple[str, ...], depth: int) -> dict[str, NamedAsk]:
    """The questions for the index of each repository in `folders`: its path, times and stamps."""
    argv = ("find", *folders, "-maxdepth", str(depth), "-type", "f", "-name", "repomd.xml")
    words = ("-e", '<data type="[^"]*"', "-e", "<timestamp>[0-9]*")
    stamps = ("-exec", "grep", "-oHZ", *words, "{}", "+")
    return {
        "times": Command(argv=(*argv, "-printf", r"%T@\0%p\0"), ok=(0, 1)),
        "stamps": Command(argv=(*argv, *stamps), ok=(0, 1)),
    }


CACHES = caches(("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"), 5)
AUTOMATIC = Command(
    argv=(
        "grep", "-ZEHo", "-e",
        r"^[[:space:]]*(apply_updates|upgrade_type|update_cmd)[[:space:]]*=.*",
        "/etc/dnf/automatic.conf", "/etc/yum/yum-cron.conf",
    ),
    ok=(0, 1, 2),
)  # fmt: skip

_UPDATE = re.compile(r"(?P<name>[^\s.][^\s]*)\.(?P<arch>[a-z0-9_]+) +(?P<new>\S+) +(?P<repo>\S+)")
_ADVISORY = re.compile(
    r"(?P<done>i )? *(?P<id>\S+) +(?P<kind>[^ ]*(?:Sec\.|security|unknown)\S*) +(?P<package>\S+)"
)
_TROUBLE = re.compile(r"(?im)^(error|ignoring|failed|cannot|could not|warning|no such command)\b")


def complaints(answer: Answer, *, listed: bool) -> list[Message]:
    """What dnf skipped. Its exit status is 0 all the same, so an empty list is not conclusive.

    Raises ParseError then.
    """
    text = answer.stderr.decode("utf-8", "replace")
    found = _TROUBLE.search(text)
    if not found:
        return []
    detail = verbatim(text[found.start() : found.start() + 200])
    complaint = msg("error output: {detail}", detail=detail)
    if not listed:
        raise ParseError(complaint)
    return [complaint]


def _matches(
    pattern: re.Pattern[str], rows: list[str], problem: Callable[[Verbatim], Message]
) -> tuple[list[re.Match[str]], list[Message]]:
    """Each row as `pattern` reads it, and what is `told` of the rows that it does not fit."""

    def read(row: str) -> re.Match[str]:
        match = pattern.fullmatch(row)
        if match is None:
            raise ParseError(problem(verbatim(row)))
        return match

    return read_rows(enumerate(rows, 1), read)


def _joined(lines: list[str]) -> list[str]:
    """Lines as one per package: yum and old dnf wrap rows that are too wide."""
    rows: list[str] = []
    for line in lines:
        if line.startswith(" ") and rows and not _UPDATE.fullmatch(rows[-1]):
            rows[-1] += line
        elif line.strip():
            rows.append(line.rstrip())
    return rows


# What dnf and yum say beside the rows, which changes nothing about them.
_NOTICE = re.compile(
    r"Security: .* is (an installed security update|the currently running version)"
    r"|Last metadata expiration check: .*|Updating and loading repositories:.*"
    r"|Repositories loaded\.|Loaded plugins: .*|Loading mirror speeds from cached hostfile"
    r"| \* .*: .*|(Updating|Unable to read|Not root,) .*|This system is not registered .*"
    r"|Repodata is over .*|You should report this problem .*|Upgrades"
    r"|[0-9]+ packages excluded .*|No security updates needed, but .*|updateinfo list done"
    r"|Unable to detect release version .*|Failed to set locale, .*|Available Upgrades"
)


def _rows(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip() and not _NOTICE.fullmatch(line.rstrip())]


def parse_check_update(answer: Answer) -> Pending | Partial:
    """Every package that the cached metadata have a newer version of."""
    rows = _joined(_rows(_before_obsoletes(answer.lines)))
    skipped = complaints(answer, listed=bool(rows))
    matches, problems = _matches(
        _UPDATE, rows, lambda line: msg("not a line of check-update: {line}", line=line)
    )
    only_obsoletes = len(_before_obsoletes(answer.lines)) < len(answer.lines)
    if bool(matches) != (answer.exit_code == 100) and not only_obsoletes:
        raise ParseError(
            msg(
                "{count} updates, yet exit status {code}",
                count=len(matches), code=answer.exit_code,
            )
        )  # fmt: skip
    updates = tuple(Update(name=m["name"], candidate=m["new"], source=m["repo"]) for m in matches)
    return partial(Pending(updates=updates), [*skipped, *problems])


def parse_extras(answer: Answer) -> tuple[list[str], list[Message]]:
    """Name and architecture of each package that no repository has, and what could not be read."""
    rows = [row for row in _joined(_rows(answer.lines)) if row.lower() != "extra packages"]
    skipped = [] if _NO_MATCH.search(answer.stderr) else complaints(answer, listed=bool(rows))
    matches, problems = _matches(
        _UPDATE, rows, lambda line: msg("not a line of list --extras: {line}", line=line)
    )
    return [f"{m['name']}.{m['arch']}" for m in matches], [*skipped, *problems]


_NO_MATCH = re.compile(rb"(?i)no matching packages to list")


def _before_obsoletes(lines: list[str]) -> list[str]:
    marks = [n for n, line in enumerate(lines) if line.lower() == "obsoleting packages"]
    return lines[: marks[0]] if marks else lines


def parse_updateinfo(answer: Answer) -> Security | Partial:
    """The packages with a security advisory that is not installed yet.

    No advisory at all, not even an installed one, means that the repositories carry none. Those
    of EPEL tell nothing of the distribution below it (CentOS labels no update).
    """
    rows = _rows([line.rstrip() for line in answer.lines])
    skipped = complaints(answer, listed=bool(rows))
    matches, problems = _matches(
        _ADVISORY, rows, lambda line: msg("not a line of updateinfo: {line}", line=line)
    )
    todo = [m for m in matches if not m["done"]]
    updates = dict.fromkeys(Update(name=m["id"], candidate=m["package"]) for m in todo)
    labelled = any(not m["id"].startswith("FEDORA-EPEL") for m in matches)
    security = Security(
        updates=tuple(updates), labelled=labelled, base=_of_base(m["package"] for m in matches)
    )
    return partial(security, [*skipped, *problems])


# Packages of every host, of which each release has had security fixes within its first months. All
# are in the repository of the base system: glibc-devel, vim-enhanced or kernel-headers are not.
_BASE = re.compile(
    r"(kernel(-core|-uek|-uek-core|-rt-core)?|glibc(-common)?|openssl(-libs)?|systemd(-libs)?"
    r"|krb5-libs|curl|libcurl|expat|gnutls|openssh(-server|-clients)?|sudo|libxml2|bash|rpm(-libs)?"
    r"|zlib|sqlite-libs|dbus(-libs)?|pam|libarchive|gnupg2|less|tar|shadow-utils|util-linux"
    r"|libuuid|libblkid|glib2|ncurses-libs|python3-libs)-\d.*"
)


def _of_base(packages: Iterable[str]) -> bool:
    return any(_BASE.fullmatch(package) for package in packages)


def parse_advisories(answers: Answers) -> Security | Partial:
    """The same of dnf 4, and of the table or the JSON of dnf 5."""
    every, waiting = answers["all"], answers["available"]
    if not any(map(_is_five, (every, waiting))):
        return parse_updateinfo(every)
    listed, problems = _of_five(every)
    todo, more = _of_five(waiting)
    labelled = any(not u.name.startswith("FEDORA-EPEL") for u in (*listed, *todo))
    base = _of_base(u.candidate for u in (*listed, *todo))
    security = Security(updates=tuple(dict.fromkeys(todo)), labelled=labelled, base=base)
    return partial(security, [*problems, *more])


# libdnf5-cli/output/advisorylist.cpp: the columns of the table.
_FIVE = re.compile(r"Name +Type +Severity +Package +Issued *")
_FIVE_ROW = re.compile(
    r"(?P<id>\S+) +(?P<kind>security|unknown|bugfix|enhancement|newpackage) +(?:\S+ +)?"
    r"(?P<package>\S+) +(?P<issued>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})"
)


def _is_five(answer: Answer) -> bool:
    return any(_FIVE.fullmatch(line) for line in answer.lines) or answer.text.startswith("[")


def _of_five(answer: Answer) -> tuple[list[Update], list[Message]]:
    """The security advisories of one answer of dnf 5 by package, and what could not be read.

    dnf 5 prints nothing but the head where it has none.
    """
    if answer.text.startswith("["):
        return _of_json(answer), []
    rows = [line for line in _rows(answer.lines) if not _FIVE.fullmatch(line)]
    skipped = complaints(answer, listed=bool(rows))
    matches, problems = _matches(
        _FIVE_ROW, rows, lambda line: msg("not a line of updateinfo: {line}", line=line)
    )
    security = [m for m in matches if m["kind"] in ("security", "unknown")]
    updates = [Update(name=m["id"], candidate=m["package"]) for m in security]
    return updates, [*skipped, *problems]


def _of_json(answer: Answer) -> list[Update]:
    try:
        rows = json.loads(answer.text)
        return [
            Update(name=str(row["name"]), candidate=str(row["nevra"]))
            for row in rows
            if row["type"] in ("security", "unknown")
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise ParseError(msg("not the advisories of dnf")) from error


def parse_caches(answers: Answers, folder: str = "") -> Metadata | Absent:
    """When each repository's metadata in `folder` were last refreshed (dnf touches them then).

    A time stamp within tells when the repository was made: a copy of it may stand still. That of
    the advisories counts where there are any: a local copy may be indexed anew each night.
    """
    if refused := refused_by(answers["times"]):
        return refused
    made = _made(grep_rows(answers["stamps"]))
    listings = []
    for at, path in records(answers["times"].stdout, 2):
        if not path.startswith(f"{folder}/"):
            continue
        parts = path.removesuffix("/repomd.xml").removesuffix("/repodata").split("/")
        source = re.sub(r"-[0-9a-f]{16}$", "", parts[-1])
        stamps = made.get(path, {})
        advisories = [at for kind, at in stamps.items() if kind.startswith("updateinfo")]
        listings.append(
            Listing(
                source=source,
                at=float(at),
                published=max(advisories or stamps.values(), default=None) or None,
                advisories=bool(advisories),
            )
        )
    return Metadata(listings=tuple(sorted(listings, key=lambda x: x.source)), by_source=True)


def _made(rows: list[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """The newest time stamp of each kind of data by the path of the index; 0 where it has none."""
    found: dict[str, dict[str, float]] = {}
    kind = ""
    for path, text in rows:
        stamps = found.setdefault(path, {})
        if text.startswith("<data"):
            kind = text.split('"')[1]
            stamps.setdefault(kind, 0)
        else:
            at = decimal(text.removeprefix("<timestamp>"))
            stamps[kind] = max(at or 0, stamps.get(kind, 0))
    return found


def parse_automatic(answer: Answer) -> Automatic | Absent:
    """Whether dnf-automatic or yum-cron is set to install updates."""
    if refused := refused_by(answer):
        return refused
    settings = [(path, re.sub(r"\s*=\s*", "=", text)) for path, text in grep_rows(answer)]
    on = any(t.lower().partition("=")[2] in YES for _, t in settings if "apply_updates" in t)
    return Automatic(installs=on, settings=tuple(f"{p}: {t}" for p, t in settings))
