"""Packages of the distribution itself that no source holds any more, and their components.

Their source was disabled, or an upgrade to the next release left them behind: nobody offers an
update of them. Packages of others, such as agents, are named by another fact only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from audit_core.api.sdk import (
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
from audit_patch import apt, rpm, zypper

OWNERS = Command(
    argv=(
        "dpkg-query",
        "-W",
        "-f=${db:Status-Status}\\t${Package}\\t${Section}\\t${Maintainer}\\n",
    ),
    limit=4 << 20,
)
OF_APT: dict[str, NamedAsk] = {"versions": apt.VERSIONS, "owners": OWNERS}
_VENDORS = Command(argv=("rpm", "-qa", "--qf", "%{NAME}.%{ARCH}\\t%{VENDOR}\\n"), limit=4 << 20)
OF_DNF: dict[str, NamedAsk] = {"extras": rpm.extras("dnf"), "vendors": _VENDORS}
OF_YUM: dict[str, NamedAsk] = {"extras": rpm.extras("yum"), "vendors": _VENDORS}
OF_ZYPPER: dict[str, NamedAsk] = {"extras": zypper.ORPHANS, "vendors": _VENDORS}

_OF_DEBIAN = re.compile(r"@([a-z.-]+\.)?(debian\.(org|net)|ubuntu\.com)>", re.IGNORECASE)
# A kernel has its version in its name: the archive holds the newest only.
_KERNEL = re.compile(r"(linux|proxmox|pve)-.*\d+\.\d+.*")


class _Owner(NamedTuple):
    package: str
    component: str
    maintainer: str


def _owner(line: str) -> _Owner | None:
    """The owner of an installed package."""
    fields = line.split("\t")
    if len(fields) != 4 or not fields[1]:
        raise ParseError(msg("not a package: {line}", line=verbatim(line)))
    state, package, section, maintainer = fields
    component = section.partition("/")[0] if "/" in section else "main"
    return _Owner(package, component, maintainer) if state == "installed" else None


def parse_components(answer: Answer) -> frozenset[str] | Partial:
    """The components of the archive of which packages are installed."""
    rows, problems = read_rows(enumerate(answer.lines, 1), _owner)
    return partial(frozenset(row.component for row in rows if row), problems)


def unsourced_of_apt(answers: Answers) -> tuple[str, ...] | Partial:
    """The packages of Debian or Ubuntu that no source holds in any version, but for kernels."""
    newer = apt.parse_versions(answers["versions"])
    local, problems = (newer.value, newer.problems) if isinstance(newer, Partial) else (newer, ())
    rows, more = read_rows(enumerate(answers["owners"].lines, 1), _owner)
    own = {row.package for row in rows if row and _OF_DEBIAN.search(row.maintainer)}
    found = tuple(n for n in local.local if n in own and not _KERNEL.fullmatch(n))
    return partial(found, [*problems, *more])


def unsourced_of_rpm(answers: Answers) -> tuple[str, ...] | Partial:
    """The packages by the vendor of the base system that no repository holds in any version."""
    return _by_vendor(answers, *rpm.parse_extras(answers["extras"]))


def unsourced_of_suse(answers: Answers) -> tuple[str, ...] | Partial:
    """The same as zypper tells."""
    return _by_vendor(answers, *zypper.parse_orphans(answers["extras"]))


def _by_vendor(
    answers: Answers, extras: list[str], problems: list[Message]
) -> tuple[str, ...] | Partial:
    rows, more = read_rows(enumerate(answers["vendors"].lines, 1), _vendor)
    vendors = dict(rows)
    base = {v for name, v in rows if re.fullmatch(r"(glibc|filesystem)\..+", name)}
    own = tuple(name for name in extras if vendors.get(name) in base - {"(none)"})
    return partial(own, [*problems, *more])


def _vendor(line: str) -> tuple[str, str]:
    name, tab, vendor = line.partition("\t")
    if not tab:
        raise ParseError(msg("not a package: {line}", line=verbatim(line)))
    return name, vendor
