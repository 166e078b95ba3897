"""Debian, Ubuntu and what is made from them: what apt knows, asked without writing anything.

apt builds a package cache on disk when root asks; `Dir::Cache::pkgcache=` keeps it in memory.
`apt list --upgradable` is used rather than a simulated upgrade because it also lists packages
that are held or phased, each with the archives that offer the new version.
"""

from __future__ import annotations

import itertools
import re

from audit_core.api.sdk import Absent, Answer, Command, ParseError, msg, not_present
from audit_patch.model import (
    Automatic,
    Esm,
    Listing,
    Metadata,
    Pending,
    Security,
    Signatures,
    Source,
    Sources,
    Update,
)
from audit_patch.text import grep_rows, records

_IN_MEMORY = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")

# All versions: the newest may come from another archive than a security update that it contains.
UPGRADABLE = Command(
    argv=("apt", *_IN_MEMORY, "list", "--upgradable", "--all-versions"),
    timeout_s=60, limit=8 << 20,
)  # fmt: skip
POLICY = Command(argv=("apt-cache", *_IN_MEMORY, "policy"), timeout_s=60)
# The date that the archive signed: the time of a file is that of the copy on a mirror that does
# not keep times, and such a mirror may stand still. Without a date the file's time has to do.
LISTS = Command(
    argv=(
        "sh", "-c",
        "cd /var/lib/apt || exit 1; for f in lists/*Release periodic/update-success-stamp "
        'periodic/update-stamp; do [ -f "$f" ] || continue; '
        """d=; case $f in lists/*) d=$(sed -n '/^Date: /{s///p;q;}' "$f");; esac; """
        '{ [ -n "$d" ] && t=$(date -d "$d" +%s 2>/dev/null); } || '
        't=$(stat -L -c %Y "$f") || exit 1; '
        """printf '%s\\0%s\\0' "$t" "$f"; done""",
    ),
)  # fmt: skip
# Ubuntu keeps the lists of what Ubuntu Pro would bring apart from its own, attached or not; the
# Pro client refreshes them after each `apt update`. apt compares them with what is installed.
_ESM = "/var/lib/ubuntu-advantage/apt-esm"
ESM = Command(
    argv=(
        "sh", "-c",
        f"d={_ESM}; echo '== lists'; [ -d $d ] || exit 0; "
        'for f in "$d"/var/lib/apt/lists/*Release; do [ -f "$f" ] || continue; '
        """t=$(date -d "$(sed -n '/^Date: /{s///p;q;}' "$f")" +%s) || exit 3; """
        """printf '%s %s\\n' "$t" "${f##*/}"; done; echo '== apt'; """
        "exec apt -o Dir=$d -o Dir::State::status=/var/lib/dpkg/status "
        "-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= list --upgradable",
    ),
    timeout_s=60, limit=8 << 20,
)  # fmt: skip
# Only options are printed: an address in a source line may carry a password.
OPTIONS = Command(
    argv=(
        "grep", "-RZEio", "--exclude-dir=auth.conf.d", "--exclude=auth.conf",
        "-e", r"^[[:space:]]*deb[[:space:]]+(\[[^]]*\])?",
        "-e", r"^[[:space:]]*(types|enabled|trusted|allow-insecure|allow-weak"
              r"|allow-downgrade-to-insecure)[[:space:]]*:.*",
        "-e", r"^[^/#]*Allow(Unauthenticated|InsecureRepositories|WeakRepositories"
              r"|DowngradeToInsecureRepositories)[[:space:]]+[^;]*",
        "/etc/apt",
    ),
    ok=(0, 1),
)  # fmt: skip
AUTOMATIC = Command(
    argv=(
        "apt-config", "shell",
        "enable", "APT::Periodic::Enable",
        "lists", "APT::Periodic::Update-Package-Lists",
        "upgrade", "APT::Periodic::Unattended-Upgrade",
    ),
)  # fmt: skip

_UPGRADABLE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*)/(?P<archives>[^ ]*) (?P<new>[^ ]+) (?P<arch>[^ ]+)"
    r"(?: \[(?:upgradable from: (?P<old>[^ \]]+)|(?P<state>[^\]]*))\])?"
)
_RELEASE = re.compile(r" +release (?P<fields>.+)")
_PRIORITY = re.compile(r" *(-?\d{1,6}) \S")
_INSTALLED = 100
_SECURITY = re.compile(r"(^|[-/ ])security($|[-/ ])", re.IGNORECASE)
_YES = frozenset({"yes", "true", "1", "on", "with", "enable"})


def is_security(archive: str) -> bool:
    """Whether an archive's name says that it carries security updates (`jammy-security`)."""
    return bool(_SECURITY.search(archive))


def _complaints(answer: Answer) -> None:
    """apt ends with 0 although a source could not be read: then an empty list means nothing."""
    text = answer.stderr.decode("utf-8", "replace")
    for line in text.splitlines():
        if line.startswith(("E:", "W:")):
            raise ParseError(f"apt complained: {line[:200]}")


def _rows(answer: Answer) -> list[re.Match[str]]:
    _complaints(answer)
    return _matches([line for line in answer.lines if line])


def _matches(lines: list[str]) -> list[re.Match[str]]:
    if not lines or not lines[0].startswith("Listing..."):
        raise ParseError("no `Listing...` line")
    rows = [_UPGRADABLE.fullmatch(line) for line in lines[1:]]
    if None in rows:
        raise ParseError(f"not a line of apt list: {lines[1 + rows.index(None)][:200]!r}")
    return [row for row in rows if row]


def _update(row: re.Match[str]) -> Update:
    return Update(name=row["name"], candidate=row["new"], installed=row["old"])


def parse_pending(answer: Answer) -> Pending:
    """Every package whose candidate is newer than what is installed."""
    return Pending(updates=tuple(_update(row) for row in _rows(answer) if row["old"]))


def parse_security(answer: Answer) -> Security:
    """Those with a version in a security archive that is newer than the one installed."""
    found: dict[re.Match[str], None] = {}
    update = None
    for row in _rows(answer):
        if row["old"]:
            update = row
        # Versions stand newest first: what follows the installed one is older than it.
        elif not update or row["state"] or _package(row) != _package(update):
            update = None
        if update and any(is_security(a) for a in row["archives"].split(",")):
            found[update] = None
    return Security(updates=tuple(_update(row) for row in found), labelled=None)


_ESM_LIST = re.compile(r"([0-9]{1,12}) (\S*_dists_[a-z]+-(apps|infra)-security_(?:In)?Release)")


def parse_esm(answer: Answer) -> Esm | Absent:
    """What the lists of Ubuntu Pro would bring; NOT_PRESENT where the host holds none of them."""
    _complaints(answer)
    lines = [line for line in answer.lines if line]
    if lines[:1] != ["== lists"]:
        raise ParseError("no `== lists` line")
    if "== apt" not in lines[2:]:
        return not_present(msg("The host holds no lists of Ubuntu Pro (ESM)"))
    at = lines.index("== apt")
    lists = [_ESM_LIST.fullmatch(line) for line in lines[1:at]]
    if None in lists:
        raise ParseError(f"not a list of Ubuntu Pro: {lines[1 + lists.index(None)][:120]!r}")
    dates: dict[str, float] = {}
    for row in (row for row in lists if row):
        dates[row[3]] = max(float(row[1]), dates.get(row[3], 0))
    updates = (_update(row) for row in _matches(lines[at + 1 :]) if row["old"])
    return Esm(published=dates, updates=tuple(updates))


def _package(row: re.Match[str]) -> tuple[str, str]:
    return row["name"], row["arch"]


def _source(fields: str, priority: int) -> Source | None:
    """The source of one `release` line of apt-cache policy; None for the installed packages.

    Only the archive (`a=`) tells security, for that is what `apt list` prints: Debian 10 and
    older call their security archive `oldstable` as well. A source pinned below what is
    installed (100) offers no update.
    """
    pairs = dict(f.split("=", 1) for f in fields.split(",") if "=" in f)
    if pairs.get("a") == "now":
        return None
    shown = " ".join(n for n in (pairs.get("l", ""), pairs.get("n", ""), pairs.get("c", "")) if n)
    security = is_security(pairs.get("a", "")) and priority >= _INSTALLED
    suite = pairs.get("n", "").partition("-")[0]
    return Source(name=shown or fields, security=security, suite=suite)


def parse_policy(answer: Answer) -> Sources:
    """The archives that apt draws from by their release data, and the pinned packages."""
    _complaints(answer)
    lines = answer.lines
    if not lines or lines[0] != "Package files:" or "Pinned packages:" not in lines:
        raise ParseError("not the output of apt-cache policy")
    cut = lines.index("Pinned packages:")
    found: dict[Source, None] = {}
    for above, line in itertools.pairwise(lines[1:cut]):
        priority, release = _PRIORITY.match(above), _RELEASE.fullmatch(line)
        if priority and release and (source := _source(release["fields"], int(priority[1]))):
            found[source] = None
    pinned = tuple(line.strip() for line in lines[cut + 1 :] if line.strip())
    return Sources(items=tuple(found), pinned=pinned)


def parse_lists(answer: Answer) -> Metadata:
    """When the archives published what apt holds, and when apt last noted a whole refresh."""
    listings, stamp = [], None
    for at, path in records(answer.stdout, 2):
        if path.startswith("periodic/"):
            stamp = max(float(at), stamp or float(at))
        else:
            name = path.removeprefix("lists/")
            suite = name.rpartition("_dists_")[2].replace("_", " ").removesuffix("Release")
            listings.append(
                Listing(source=name, at=float(at), security=_security_list(name, suite))
            )
    return Metadata(listings=tuple(sorted(listings, key=lambda x: x.source)), stamp=stamp)


def _security_list(name: str, suite: str) -> bool:
    # Debian 10 and older: security.debian.org_debian-security_dists_buster_updates_InRelease
    return is_security(suite) or name.startswith("security.debian.org_")


def _loose(text: str) -> bool:
    """Whether an option's text says yes to using a source without a good signature."""
    key, _, value = text.replace("=", ":", 1).partition(":")
    return key.strip().lower() != "allow-weak" and value.strip().strip('"').lower() in _YES


def _one_line(text: str) -> list[str]:
    """The options in `deb [a=b c=d]` that switch the signature check off."""
    options = text.partition("[")[2].rstrip("]").split()
    names = ("trusted=", "allow-insecure=", "allow-downgrade-to-insecure=")
    return [o for o in options if o.lower().startswith(names) and _loose(o)]


def parse_options(answer: Answer) -> Signatures:
    """The sources and settings of apt that take packages without a signature check."""
    count = 0
    unverified: list[str] = []
    doubtful: list[str] = []
    rows = grep_rows(answer)
    switched_off = {p for p, t in rows if re.fullmatch(r"(?i)enabled\s*:\s*(no|false|0)", t)}
    for path, text in rows:
        if path.endswith(".list") and text.lower().startswith("deb"):
            count += 1
            unverified += [f"{path}: {o}" for o in _one_line(text)]
        elif path.endswith(".sources") and ":" in text:
            count += text.lower().startswith("types")
            if not text.lower().startswith(("types", "enabled")) and _loose(text):
                (doubtful if path in switched_off else unverified).append(f"{path}: {text}")
        elif _global(path, text):
            unverified.append(f"{path}: {text}")
    return Signatures(sources=count, unverified=tuple(unverified), doubtful=tuple(doubtful))


def _global(path: str, text: str) -> bool:
    """Whether `text` is a setting of apt.conf that switches signature checks off."""
    if not path.startswith(("/etc/apt/apt.conf.d/", "/etc/apt/apt.conf")):
        return False
    name = path.rpartition("/")[2]
    if "." in name and not name.endswith(".conf"):
        return False  # apt passes over left-overs such as 50x.bak and 50x.dpkg-old
    value = text.split()[-1]
    return "weak" not in text.lower() and value.strip('"').lower() in _YES


def parse_automatic(answer: Answer) -> Automatic:
    """Whether apt's daily job is told to install upgrades."""
    rows = [line.partition("=") for line in answer.lines]
    if any(not value.startswith("'") for _, _, value in rows):
        raise ParseError("not the output of apt-config shell")
    values = {key: value.strip("'") for key, _, value in rows}
    on = values.get("enable", "1") != "0" and values.get("upgrade", "0") not in {"", "0"}
    return Automatic(installs=on, settings=tuple(f"{k}={v}" for k, v in sorted(values.items())))
