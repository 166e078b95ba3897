"""The package lists that apt should hold by its sources, and those it holds.

apt says nothing of a list that is gone or cut: its packages are just not known. `update
--print-uris` names what a refresh would fetch, and fetches nothing. A list is kept under that name,
perhaps compressed; if it is not, its size is the one that the release file signs. A component that
the release file does not have brings nothing, and of an architecture there may be none: a component
counts as lost where no whole list of it is held.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from audit_core.api.sdk import Answers, Command, ParseError, msg
from audit_core.model import NamedAsk
from audit_patch.text import grep_rows, records

_LISTS = "/var/lib/apt/lists"

LOST: dict[str, NamedAsk] = {
    "wanted": Command(
        argv=(
            "apt-get", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "update",
            "--print-uris",
        ),
        timeout_s=60, limit=1 << 20,
    ),
    "held": Command(
        argv=(
            "find", "-L", _LISTS, "-mindepth", "1", "-maxdepth", "1", "-type", "f",
            "-name", "*_Packages*", "-size", "+0", "-printf", r"%s\0%f\0",
        ),
        ok=(0, 1),
    ),
    "signed": Command(
        argv=(
            "grep", "-rsZE", "--include=*Release", "--exclude-dir=partial", "-e", "^Components: ",
            "-e", "^ [0-9a-f]{64} +[0-9]+ [^ ]*binary-[a-z0-9-]+/Packages$", _LISTS,
        ),
        ok=(0, 1, 2),
        limit=4 << 20,
    ),
}  # fmt: skip

_WANTED = re.compile(r"'[^']*' (?P<name>\S+) \d+.*")
_LIST = re.compile(r"(?P<component>.+)_binary-[a-z0-9-]+_Packages(?:\.[a-z0-9]+)?")


class _Component(NamedTuple):
    release: str
    name: str


class _Lists(NamedTuple):
    """The components that are wanted, held as a whole, and signed as empty; what is offered."""

    wanted: tuple[_Component, ...]
    held: dict[_Component, None]
    empty: tuple[_Component, ...]
    offered: dict[str, tuple[str, ...]]


def _lists(answers: Answers) -> _Lists:
    names = _wanted(answers["wanted"].lines)
    releases = [n.removesuffix("_InRelease") for n in names if n.endswith("_InRelease")]
    signed = [(_release(path), text) for path, text in grep_rows(answers["signed"])]
    sizes = _sizes(signed)
    whole = [n for at, n in records(answers["held"].stdout, 2) if sizes.get(n, at) == at]
    return _Lists(
        wanted=tuple(c for c in _components(names, releases) if not c.name.endswith("_src")),
        held=_components(whole, releases),
        empty=_empty(names, sizes, releases),
        offered=_offered(signed),
    )


def _wanted(lines: list[str]) -> list[str]:
    """The names of the files that a refresh would fetch, without sources."""
    rows = [_WANTED.fullmatch(line) for line in lines if line]
    if not all(rows):
        raise ParseError(msg("not the output of apt-get update --print-uris"))
    return [row["name"] for row in rows if row]


def _empty(names: list[str], sizes: dict[str, str], releases: list[str]) -> tuple[_Component, ...]:
    """The components of which a list is signed as empty, and no other has a size."""
    by_size = {name: sizes[name] for name in names if name in sizes}
    filled = _components([n for n, size in by_size.items() if size != "0"], releases)
    empty = _components([n for n, size in by_size.items() if size == "0"], releases)
    return tuple(c for c in empty if c not in filled)


def parse_lost(answers: Answers) -> tuple[str, ...]:
    """The release and component of each list that is wanted and not held, but for empty ones."""
    lists = _lists(answers)
    here = {*lists.held, *lists.empty}
    lost = (c for c in lists.wanted if c not in here and _is_offered(c, lists.offered))
    return tuple(map(_shown, lost))


def parse_empty(answers: Answers) -> tuple[str, ...]:
    """The release and component of each list that the archive signs as empty; apt keeps none."""
    return tuple(map(_shown, _lists(answers).empty))


def _shown(component: _Component) -> str:
    return f"{component.release.rpartition('_dists_')[2]} {component.name}"


def _components(names: list[str], releases: list[str]) -> dict[_Component, None]:
    """The components of which `names` are lists, in their order."""
    found: dict[_Component, None] = {}
    for name in names:
        for release in releases:
            row = _LIST.fullmatch(name.removeprefix(f"{release}_"))
            if row and name.startswith(f"{release}_") and "_dists_" not in row["component"]:
                found.setdefault(_Component(release, row["component"]))
    return found


def _release(path: str) -> str:
    return re.sub("_(In)?Release$", "", path.rpartition("/")[2])


def _sizes(signed: list[tuple[str, str]]) -> dict[str, str]:
    """The size of each list by its name, where no compression changes it."""
    rows = ((release, text.split()) for release, text in signed if ":" not in text)
    return {f"{release}_{row[2].replace('/', '_')}": row[1] for release, row in rows}


def _offered(signed: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The components of each release file, without what stands before a slash."""
    return {
        release: tuple(word.rpartition("/")[2] for word in text.partition(": ")[2].split())
        for release, text in signed if text.startswith("Components: ")
    }  # fmt: skip


def _is_offered(component: _Component, offered: dict[str, tuple[str, ...]]) -> bool:
    words = offered.get(component.release)
    return words is None or component.name.rpartition("_")[2] in words
