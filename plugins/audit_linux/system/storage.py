"""Encryption of data on disk and of swapped-out memory."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import (
    Answers,
    ParseError,
    Partial,
    ReadFiles,
    Severity,
    Values,
    capped,
    check,
    complete,
    fact,
    failed,
    json_document,
    msg,
    not_applicable,
    partial,
    passed,
    read_rows,
    undetermined,
    verbatim,
)
from audit_core.model import Answer, Command, Judgement, Message, Target
from audit_linux.declared import declared

DEEPEST = 16


class Mount(Struct, frozen=True, kw_only=True):
    """A mounted block device; `encrypted` when a dm-crypt layer stands beneath it."""

    device: str
    place: str
    encrypted: bool


def _places(node: dict[str, Any]) -> list[str]:
    many = node.get("mountpoints")
    places = many if isinstance(many, list) else [node.get("mountpoint")]
    if not all(place is None or isinstance(place, str) for place in places):
        raise ParseError(msg("a mount point is not text"))
    return [place for place in places if place]


def _mounts(nodes: Any, encrypted: bool, deep: int) -> tuple[list[Mount], list[Message]]:
    """The mounts of `nodes` and of all below, and what could not be read."""
    if not isinstance(nodes, list) or deep > DEEPEST:
        raise ParseError(msg("not a tree of block devices"))
    found: list[Mount] = []
    problems: list[Message] = []
    for node in nodes:
        try:
            inner, places = encrypted or _kind(node) == "crypt", _places(node)
        except ParseError as error:
            problems.append(error.detail)
            continue
        found += [Mount(device=node["name"], place=p, encrypted=inner) for p in places]
        below, more = _mounts(node.get("children", []), inner, deep + 1)
        found, problems = found + below, problems + more
    return found, problems


def _kind(node: Any) -> Any:
    """The type of a device; raises ParseError where this is none."""
    if not isinstance(node, dict) or not isinstance(node.get("name"), str):
        raise ParseError(msg("not a block device"))
    return node.get("type")


def parse_lsblk(answer: Answer) -> tuple[Mount, ...] | Partial:
    """Mounted devices from `lsblk -J`; on several legs (RAID) all of them must be encrypted."""
    document = json_document(answer.stdout)
    if not isinstance(document, dict) or "blockdevices" not in document:
        raise ParseError(msg("no list of block devices"))
    merged: dict[tuple[str, str], bool] = {}
    mounts, problems = _mounts(document["blockdevices"], False, 0)
    if problems and not mounts:
        raise ParseError(problems[0])
    for mount in mounts:
        key = (mount.device, mount.place)
        merged[key] = merged.get(key, True) and mount.encrypted
    found = (Mount(device=d, place=p, encrypted=e) for (d, p), e in sorted(merged.items()))
    return partial(tuple(found), problems)


MOUNTS = fact(
    "linux.block-devices",
    tuple[Mount, ...],
    kind="host",
    ask=Command(argv=("lsblk", "-J", "-o", "NAME,TYPE,FSTYPE,MOUNTPOINT")),
    parse=parse_lsblk,
)


class MountedPath(Struct, frozen=True, kw_only=True):
    """What a declared path lies on, links followed: a device or share, and its mount point."""

    path: str
    source: str
    mounted: str


def _ask_places(target: Target) -> Command | Message:
    paths = declared(target, "data_mounts") or ()
    if not paths:
        return msg("Declare settings.data_mounts, the paths that hold important data")
    if not all(path.startswith("/") and path.isprintable() for path in paths):
        return msg("data_mounts has to list absolute paths")
    return Command(argv=("df", "-P", "--", *paths))


_DF = re.compile(
    r"(\S{1,400}) +\d{1,20} +\d{1,20} +-?\d{1,20} +(?:\d{1,3}%|-) (/.{0,400})", re.ASCII
)


def parse_places(answer: Answer) -> tuple[MountedPath, ...] | Partial:
    """A line of `df -P` for each path of data_mounts, in their order."""
    paths = declared(answer.target, "data_mounts") or ()
    lines = answer.lines[1:]
    if len(lines) != len(paths):
        raise ParseError(msg("df did not report every path"))
    rows = [(path, _DF.fullmatch(line)) for path, line in zip(paths, lines, strict=True)]
    unread = [path for path, row in rows if row is None]
    problem = msg("the output of df for these paths cannot be read: {paths}", paths=capped(unread))
    found = tuple(MountedPath(path=p, source=row[1], mounted=row[2]) for p, row in rows if row)
    return partial(found, (problem,) if unread else ())


PLACES = fact(
    "linux.data-places", tuple[MountedPath, ...], kind="host", ask=_ask_places, parse=parse_places
)


def _holding(place: MountedPath, mounts: tuple[Mount, ...]) -> Mount | None:
    """The block device that `place` lies on; None for shares, and for what lsblk does not show."""
    if not place.source.startswith("/dev/"):
        return None
    name = place.source.rpartition("/")[2]
    by_name = next((m for m in mounts if m.device == name), None)
    return by_name or next((m for m in mounts if m.place == place.mounted), None)


def _listed(mounts: tuple[Mount, ...], encrypted: bool) -> Values:
    return capped(f"{m.place} ({m.device})" for m in mounts if m.encrypted is encrypted)


@check(
    "linux.data-encrypted",
    needs=(PLACES, MOUNTS),
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Put the data on LUKS volumes, or show that the application encrypts it"),
)
def data_encrypted(places: tuple[MountedPath, ...], mounts: tuple[Mount, ...]) -> Judgement:
    """The data mounts are on encrypted block devices."""
    expected = msg("dm-crypt (LUKS) beneath each path of data_mounts")
    summary = msg("Encrypted: {crypt}; not encrypted: {plain}", crypt=_listed(mounts, True),
               plain=_listed(mounts, False))  # fmt: skip
    holding = {place: _holding(place, mounts) for place in places}
    # lsblk does not show network shares, memory file systems and volumes of ZFS.
    unknown = [f"{p.path} ({p.source})" for p, m in holding.items() if m is None]
    bare = [f"{p.path} ({p.source})" for p, m in holding.items() if m and not m.encrypted]
    if bare:
        return failed(summary, msg("Not encrypted: {paths}", paths=capped(bare)), expected=expected)
    if unknown:
        detail = msg("Not on a block device of this host: {paths}", paths=capped(unknown))
        return undetermined(summary, detail, expected=expected)
    return passed(summary, expected=expected)


class Swap(Struct, frozen=True, kw_only=True):
    """One swap area: its path, its kind (partition or file) and its device's dm UUID."""

    path: str
    kind: str
    uuid: str


_BLOCK = "/sys/class/block"


def parse_swaps(answers: Answers) -> tuple[Swap, ...] | Partial:
    """Swap areas of /proc/swaps, each with the device-mapper UUID of its device.

    The kernel writes a blank in a path as \\040, so the first two words are path and kind.
    """
    lines = answers["swaps"].lines
    if not lines or not lines[0].startswith("Filename"):
        raise ParseError(msg("not the list of swap areas"))
    links = _links(answers["links"].text)
    texts = {file.path: file.text.strip() for file in answers["devices"].files}

    def read(line: str) -> Swap:
        path, kind = [*line.split(), "", ""][:2]
        if not path.startswith("/") or kind not in ("partition", "file"):
            raise ParseError(msg("not a swap area: {line}", line=verbatim(line)))
        return Swap(path=path, kind=kind, uuid=_uuid(_resolved(path, links), texts))

    rows, problems = read_rows(enumerate(lines[1:], 2), read)
    return partial(tuple(rows), problems)


def _links(text: str) -> dict[str, str]:
    """The symbolic links below /dev with what they point to."""
    parts = text.split("\0")
    if parts.pop() or len(parts) % 2:
        raise ParseError(msg("not a list of links"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _resolved(path: str, links: dict[str, str]) -> str:
    """What `path` is a link to; only links that are themselves in /dev are followed."""
    for _ in range(_MOST_LINKS):
        if path not in links:
            break
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), links[path]))
    return path


_MOST_LINKS = 40  # as the kernel


def _uuid(path: str, texts: dict[str, str]) -> str:
    device = f"{_BLOCK}/{path.rpartition('/')[2]}"
    # compressed memory may be told to write what does not fit to a disk
    if texts.get(f"{device}/backing_dev", "none") not in ("", "none"):
        return "backed"
    return texts.get(f"{device}/dm/uuid") or "-"


SWAPS = fact(
    "linux.swaps",
    tuple[Swap, ...],
    kind="host",
    asks={
        "swaps": Command(argv=("cat", "/proc/swaps")),
        "links": Command(argv=("find", "/dev", "-type", "l", "-printf", "%p\\0%l\\0"), ok=(0, 1)),
        "devices": ReadFiles(globs=(f"{_BLOCK}/*/dm/uuid", f"{_BLOCK}/*/backing_dev")),
    },
    parse=parse_swaps,
)


def _guarded(swap: Swap) -> bool:
    """True for a dm-crypt device and for compressed memory, which never reaches a disk."""
    in_memory = swap.path.startswith("/dev/zram") and swap.uuid != "backed"
    return swap.uuid.startswith("CRYPT-") or in_memory


@check(
    "linux.swap-encrypted",
    needs=(SWAPS, complete(MOUNTS)),
    severity=Severity.LOW,
    version=3,
    remedy=msg("Turn swap off or put it on dm-crypt with a new key at each start"),
)
def swap_encrypted(swaps: tuple[Swap, ...], mounts: tuple[Mount, ...]) -> Judgement:
    """Swapped-out memory is encrypted or not written to disk."""
    if not swaps:
        return not_applicable(msg("No swap is in use"))
    expected = msg("swap on dm-crypt or zram only")
    detail = msg(
        "Swap: {swaps}", swaps=capped(f"{s.path} ({s.kind}, {s.uuid[:12]})" for s in swaps)
    )
    if all(_guarded(s) for s in swaps):
        return passed(detail, expected=expected)
    bare = [s for s in swaps if not _guarded(s) and s.kind == "partition"]
    if not bare:
        unclear = msg("Whether the disk under a swap file is encrypted is not known")
        return undetermined(detail, unclear, expected=expected)
    beneath = _beneath(mounts)
    if len(beneath) >= len(bare) == len(swaps) and all(beneath):
        return passed(detail, msg("it is on dm-crypt"), expected=expected)
    if not any(beneath):
        return failed(detail, expected=expected)
    unclear = msg("Which swap areas are on an encrypted disk is not known")
    return undetermined(detail, unclear, expected=expected)


def _beneath(mounts: tuple[Mount, ...]) -> list[bool]:
    """Whether each swap volume lies on dm-crypt: that of an encrypted LVM is itself a plain one."""
    return [m.encrypted for m in mounts if m.place == "[SWAP]" and "zram" not in m.device]


FACTS = (MOUNTS, PLACES, SWAPS)
CHECKS = (data_encrypted, swap_encrypted)
