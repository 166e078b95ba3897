"""Debian, Ubuntu and derivatives: the state of apt, read without writing anything.

apt builds a package cache on disk when root asks; `Dir::Cache::pkgcache=` keeps it in memory.
`apt list` is used rather than a simulated upgrade because it also lists packages that are held or
phased, each with the archives that offer the new version.
"""

from __future__ import annotations

import email.utils
import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    Message,
    ParseError,
    Partial,
    msg,
    not_present,
    partial,
    verbatim,
)
from audit_core.model import NamedAsk
from audit_patch.model import (
    Automatic,
    Esm,
    Listing,
    Metadata,
    Newer,
    Pending,
    Security,
    Source,
    Sources,
    Unattended,
    Update,
)
from audit_patch.text import grep_rows, records

_IN_MEMORY = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")

# Each version of every installed package, those that pinning hides too. It holds every row of
# `apt list --upgradable --all-versions`, which would cost another 2 s of the host's CPU.
VERSIONS = Command(
    argv=("apt", *_IN_MEMORY, "list", "--installed", "--all-versions"),
    timeout_s=60, limit=16 << 20,
)  # fmt: skip
POLICY = Command(argv=("apt-cache", *_IN_MEMORY, "policy"), timeout_s=60)
# The date that the archive signed: the time of a file is that of the copy on a mirror that does
# not keep times, and such a mirror may stand still. Without a date the file's time has to do.
_LISTS = "/var/lib/apt/lists"
_PERIODIC = "/var/lib/apt/periodic"


def _heads(folder: str) -> Command:
    """The question for the dates in each release file below `folder`, and whose it is."""
    return Command(
        argv=(
            "grep", "-rsZE", "-m5", "--include=*Release", "--exclude-dir=partial", "-e",
            "^(Label|Suite|Codename|Date|Valid-Until): ", folder,
        ),
        ok=(0, 1, 2),
    )  # fmt: skip


LISTS: dict[str, NamedAsk] = {
    "times": Command(
        argv=(
            "find", "-L", _LISTS, _PERIODIC, "-mindepth", "1", "-maxdepth", "1", "-type", "f", "(",
            "-name", "*Release", "-o", "-name", "update-success-stamp",
            "-o", "-name", "update-stamp", ")", "-printf", r"%T@\0%p\0",
        ),
        ok=(0, 1),
    ),
    "dates": _heads(_LISTS),
    "where": Command(argv=("apt-config", "shell", "LISTS", "Dir::State::lists/d")),
}  # fmt: skip
# Ubuntu keeps the lists of what Ubuntu Pro would bring apart from its own, attached or not; the
# Pro client refreshes them after each `apt update`. apt compares them with what is installed.
_ESM = "/var/lib/ubuntu-advantage/apt-esm"
ESM: dict[str, NamedAsk] = {
    "dates": _heads(f"{_ESM}/var/lib/apt/lists"),
    "updates": Command(
        argv=(
            "apt", "-o", f"Dir={_ESM}", "-o", "Dir::State::status=/var/lib/dpkg/status",
            *_IN_MEMORY, "list", "--upgradable",
        ),
        ok=(0, 100),
        timeout_s=60, limit=8 << 20,
    ),
}  # fmt: skip
AUTOMATIC = Command(
    argv=(
        "apt-config", "shell",
        "enable", "APT::Periodic::Enable",
        "lists", "APT::Periodic::Update-Package-Lists",
        "upgrade", "APT::Periodic::Unattended-Upgrade",
    ),
)  # fmt: skip

UNATTENDED = Command(argv=("apt-config", "dump", "Unattended-Upgrade"))

_UPGRADABLE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*)/(?P<archives>[^ ]*) (?P<new>[^ ]+) (?P<arch>[^ ]+)"
    r"(?: \[(?:upgradable from: (?P<old>[^ \]]+)|(?P<state>[^\]]*))\])?"
)
_RELEASE = re.compile(r" +release (?P<fields>.+)")
_PRIORITY = re.compile(r" *(-?\d{1,6}) \S")
_INSTALLED = 100
# `buster-lts` is the archive of Freexian's extended LTS: nothing else than security updates.
_SECURITY = re.compile(r"(^|[-/ ])security($|[-/ ])|^[a-z]+-lts( |$)", re.IGNORECASE)


def is_security(archive: str) -> bool:
    """Whether an archive's name tells of security updates (`jammy-security`, `buster-lts`)."""
    return bool(_SECURITY.search(archive))


# Warnings that say nothing of what was read: apt read each source all the same.
_HARMLESS = re.compile(
    r"W: (.* is configured multiple times in .*|Duplicate sources\.list entry .*"
    r"|.*[Kk]ey is stored in legacy trusted\.gpg keyring .*|Download is performed unsandboxed .*"
    r"|.*uses (weak|deprecated|unsupported) .*|.*Missing Signed-By in .*"
    r"|The sources\.list\(5\) entry for .* should be upgraded .*)"
)


def _complaints(answer: Answer) -> list[Message]:
    """What apt could not read; it exits with 0 all the same, so an empty list is not conclusive."""
    lines = answer.stderr.decode("utf-8", "replace").splitlines()
    found = [line for line in lines if line.startswith(("E:", "W:")) and not _harmless(line)]
    return [msg("apt reported an error: {detail}", detail=verbatim(line)) for line in found]


def _harmless(line: str) -> bool:
    return bool(_HARMLESS.fullmatch(line))


class _Listing(NamedTuple):
    """The rows of `apt list`, None for one that cannot be read, and what is missing."""

    rows: list[re.Match[str] | None]
    problems: list[Message]


def _listing(answer: Answer, *, installed_too: bool = True) -> _Listing:
    """`installed_too`: it lists what is installed, so that a list without a row is none."""
    complaints = _complaints(answer)
    lines = _after_heading(answer, complaints)
    if not lines and not complaints and installed_too:
        raise ParseError(msg("no package is installed, by apt's own list"))
    found = [(number, line, _UPGRADABLE.fullmatch(line)) for number, line in lines]
    unread = [
        msg("line {number}: {error}", number=number, error=_no_row(line))
        for number, line, row in found
        if row is None
    ]
    if len(unread) == len(found) and (unread or complaints):  # nothing that would be sure
        raise ParseError(complaints[0] if complaints else unread[0])
    return _Listing(rows=[row for _, _, row in found], problems=[*complaints, *unread])


def _after_heading(answer: Answer, complaints: list[Message]) -> list[tuple[int, str]]:
    lines = [(number, line) for number, line in enumerate(answer.lines, 1) if line]
    if not lines or not lines[0][1].startswith("Listing..."):
        raise ParseError(complaints[0] if complaints else msg("no `Listing...` line"))
    return lines[1:]


def _no_row(line: str) -> Message:
    return msg("not a line of apt list: {line}", line=verbatim(line))


def _update(row: re.Match[str]) -> Update:
    return Update(name=row["name"], candidate=row["new"], installed=row["old"])


def _updates(listing: _Listing) -> tuple[Update, ...]:
    return tuple(_update(row) for row in listing.rows if row and row["old"])


def parse_pending(answer: Answer) -> Pending | Partial:
    """Every package whose candidate is newer than what is installed."""
    listing = _listing(answer)
    return partial(Pending(updates=_updates(listing)), listing.problems)


def parse_security(answer: Answer) -> Security | Partial:
    """Those with a version in a security archive that is newer than the one installed."""
    found: dict[re.Match[str], None] = {}
    update, listing = None, _listing(answer)
    for row in listing.rows:
        if row is None:
            update = None
        elif row["old"]:
            update = row
        # Versions stand newest first: what follows the installed one is older than it.
        elif not update or row["state"] or _package(row) != _package(update):
            update = None
        if row and update and any(is_security(a) for a in row["archives"].split(",")):
            found[update] = None
    updates = tuple(_update(row) for row in found)
    return partial(Security(updates=updates, labelled=None), listing.problems)


def parse_versions(answer: Answer) -> Newer | Partial:
    """The installed packages of which some source has a newer version, wanted or hidden.

    Versions stand newest first, up to the one that is installed.
    """
    listing = _listing(answer)
    packages: set[str] = set()
    security: dict[Update, None] = {}
    blocks = _blocks(listing.rows)
    for block in blocks:
        installed = next((n for n, row in enumerate(block) if _is_installed(row)), 0)
        for row in block[:installed]:
            packages.add(row["name"])
            archives = tuple(a for a in row["archives"].split(",") if is_security(a))
            if archives:
                new = Update(
                    name=row["name"], candidate=row["new"], installed=block[installed]["new"],
                    archives=archives,
                )  # fmt: skip
                security.setdefault(new)
    local = {b[0]["name"] for b in blocks if "local" in (b[-1]["state"] or "").split(",")}
    newer = Newer(
        packages=tuple(sorted(packages)), security=tuple(security),
        local=tuple(sorted(local - packages)),
    )  # fmt: skip
    return partial(newer, listing.problems)


def _is_installed(row: re.Match[str]) -> bool:
    return (row["state"] or "").startswith("installed")


def _blocks(rows: list[re.Match[str] | None]) -> list[list[re.Match[str]]]:
    """The rows by package and architecture; those after one that could not be read are left out."""
    blocks: list[list[re.Match[str]]] = []
    broken = False
    for row in rows:
        if row is None:
            broken = True
        elif blocks and not broken and _package(blocks[-1][0]) == _package(row):
            blocks[-1].append(row)
        else:
            blocks.append([row])
            broken = False
    return blocks


_ESM_LIST = re.compile(r"\S*_dists_[a-z]+-(apps|infra)-security_(?:In)?Release")


def parse_esm(answers: Answers) -> Esm | Partial | Absent:
    """What the lists of Ubuntu Pro would bring; NOT_PRESENT where the host holds none of them."""
    heads = _signed(answers["dates"])
    if not heads:
        return not_present(msg("The host holds no lists of Ubuntu Pro (ESM)"))
    published: dict[str, float] = {}
    for path, head in heads.items():
        row = _ESM_LIST.fullmatch(path.rpartition("/")[2])
        date = _seconds(head.get("Date", ""))
        if row is None or date is None:
            raise ParseError(msg("not a list of Ubuntu Pro: {line}", line=verbatim(path)))
        published[row[1]] = max(date, published.get(row[1], 0))
    if answers["updates"].exit_code:
        raise ParseError(msg("apt could not compare the lists of Ubuntu Pro"))
    listing = _listing(answers["updates"], installed_too=False)
    return partial(Esm(published=published, updates=_updates(listing)), listing.problems)


def no_esm(answer: Answer) -> Absent:
    """Absent: only Ubuntu has package lists of Ubuntu Pro."""
    return not_present(msg("The host holds no lists of Ubuntu Pro (ESM)"))


def _signed(answer: Answer) -> dict[str, dict[str, str]]:
    """The fields of each release file by its path; the first of a name counts."""
    found: dict[str, dict[str, str]] = {}
    for path, text in grep_rows(answer):
        key, _, value = text.partition(": ")
        found.setdefault(path, {}).setdefault(key, value)
    return found


def _seconds(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _package(row: re.Match[str]) -> tuple[str, str]:
    return row["name"], row["arch"]


def _source(fields: str, priority: int) -> Source | None:
    """The source of one `release` line of apt-cache policy; None for the installed packages.

    Only the archive (`a=`) tells security, for that is what `apt list` prints: Debian 10 and
    older call their security archive `oldstable` as well.
    """
    pairs = dict(f.split("=", 1) for f in fields.split(",") if "=" in f)
    if pairs.get("a") == "now":
        return None
    shown = " ".join(n for n in (pairs.get("l", ""), pairs.get("n", ""), pairs.get("c", "")) if n)
    archive = pairs.get("a", "")
    suite = pairs.get("n", "").partition("-")[0].partition("/")[0]
    return Source(
        name=shown or fields, security=is_security(archive), suite=suite, archive=archive,
        component=pairs.get("c", "").rpartition("/")[2], priority=priority,
    )  # fmt: skip


def _in_effect(found: Iterable[Source]) -> tuple[Source, ...]:
    """`found`, where a security archive that is pinned below others counts as none.

    apt takes the version of the highest priority, not the newest: a security archive at 500 offers
    nothing to a release at 990, as with APT::Default-Release.
    """
    sources = tuple(found)
    by_suite: dict[str, int] = {}
    for source in sources:
        if not source.security:
            highest = max(source.priority, by_suite.get(source.suite, _INSTALLED))
            by_suite[source.suite] = highest
    return tuple(
        structs.replace(s, security=s.security and s.priority >= by_suite.get(s.suite, _INSTALLED))
        for s in sources
    )


def parse_policy(answer: Answer) -> Sources | Partial:
    """The archives that apt draws from by their release data, and the pinned packages."""
    complaints = _complaints(answer)
    lines = answer.lines
    if not lines or lines[0] != "Package files:" or "Pinned packages:" not in lines:
        raise ParseError(complaints[0] if complaints else msg("not the output of apt-cache policy"))
    cut = lines.index("Pinned packages:")
    found: dict[Source, None] = {}
    for above, line in itertools.pairwise(lines[1:cut]):
        priority, release = _PRIORITY.match(above), _RELEASE.fullmatch(line)
        if priority and release and (source := _source(release["fields"], int(priority[1]))):
            found[source] = None
    pinned = tuple(line.strip() for line in lines[cut + 1 :] if line.strip())
    return partial(Sources(items=_in_effect(found), pinned=pinned), complaints)


def parse_lists(answers: Answers) -> Metadata:
    """When the archives published what apt holds, and when apt last noted a whole refresh."""
    if answers["where"].text.strip() != f"LISTS='{_LISTS}/'":
        raise ParseError(msg("apt keeps its lists in a directory that was not read"))
    listings, stamp = [], None
    heads = _signed(answers["dates"])
    for at, path in records(answers["times"].stdout, 2):
        folder, _, name = path.rpartition("/")
        if folder == _PERIODIC:
            stamp = max(float(at), stamp or float(at))
            continue
        listings.append(_list(name, float(at), heads.get(path, {})))
    return Metadata(listings=tuple(sorted(listings, key=lambda x: x.source)), stamp=stamp)


def _list(name: str, at: float, head: dict[str, str]) -> Listing:
    """The list of one release file: whose it is stands in it, and else in its name."""
    directory = name.rpartition("_dists_")[2].removesuffix("Release").removesuffix("In").strip("_")
    codename, suite = head.get("Codename", ""), head.get("Suite", "")
    archive = next((n for n in (codename, suite, directory) if is_security(n)), suite or directory)
    # Debian 10 and older: security.debian.org_debian-security_dists_buster_updates_InRelease
    security = head.get("Label") == "Debian-Security" or name.startswith("security.debian.org_")
    return Listing(
        source=name,
        at=_seconds(head.get("Date", "")) or at,
        security=security or is_security(archive),
        suite=re.split("[-_/]", codename or directory)[0],
        archive=archive,
        valid_until=_seconds(head.get("Valid-Until", "")),
    )


def parse_automatic(answer: Answer) -> Automatic:
    """Whether apt's daily job is set to install upgrades."""
    rows = [line.partition("=") for line in answer.lines]
    if any(not value.startswith("'") for _, _, value in rows):
        raise ParseError(msg("not the output of apt-config shell"))
    values = {key: value.strip("'") for key, _, value in rows}
    on = values.get("enable", "1") != "0" and values.get("upgrade", "0") not in {"", "0"}
    shown = tuple(f"{k}={v}" for k, v in sorted(values.items()))
    lists = values.get("lists", "0") not in {"", "0"}
    return Automatic(installs=on, settings=shown, refreshes=lists)


_SETTING = re.compile(r'(?P<key>\S+) "(?P<value>.*)";')


def parse_unattended(answer: Answer) -> Unattended:
    """The lists of unattended-upgrades, as apt reads them from all its files."""
    lists: dict[str, list[str]] = {}
    for line in answer.lines:
        row = _SETTING.fullmatch(line)
        if row is None:
            raise ParseError(msg("not the output of apt-config dump"))
        parts = row["key"].lower().split("::")
        if len(parts) > 2:  # an item of a list, with a name of its own or without
            lists.setdefault(parts[1], []).append(row["value"])
    return Unattended(
        left_out=tuple(lists.get("package-blacklist", ())),
        only=tuple(lists.get("package-whitelist", ())),
        origins=(*lists.get("origins-pattern", ()), *lists.get("allowed-origins", ())),
    )
