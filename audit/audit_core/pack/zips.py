"""Reads the zips that dengbao writes, and no others. Nothing is ever unpacked to disk.

A zip holds everything twice (before each member and in the directory at the end) and readers differ
in which copy they use. Hostile zips use that, overlaps, hidden gaps and bombs. So
only the layout of our writer is accepted: members back to back from byte 0, the directory right
behind them, the end record last, both copies equal. APPNOTE.TXT 6.3.10, sections 4.3 and 4.4.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO

from msgspec import Struct

from audit_core.model import Message, msg
from audit_core.pack import zip_format as z
from audit_core.pack.archive import RATIO, SMALL
from audit_core.pack.documents import NAME

_CHUNK = 256 << 10
_DIRECTORY_MAX = 256 << 20  # 1.5 million members


class Problem(Struct, frozen=True, kw_only=True):
    """A problem. `where` is a name in the pack, empty for the whole.

    `where` may be any text that a hostile pack holds: escape it before it is shown.
    """

    where: str
    detail: Message


class NotZip(Exception):
    """The file is not a zip that can be read; `detail` says why."""

    def __init__(self, detail: Message) -> None:
        super().__init__(detail.id)
        self.detail = detail


class BadMember(Exception):
    """A member that contradicts its header; `detail` says how."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


class Member(Struct, frozen=True, kw_only=True):
    """One member as in the directory. `start` is where its local header begins."""

    name: str
    raw: bytes
    made: int
    version: int
    flags: int
    method: int
    when: tuple[int, int]
    crc: int
    packed: int
    size: int
    attributes: int
    start: int
    more: bool

    @property
    def usual(self) -> bool:
        """Whether its directory entry has only the fields that dengbao writes."""
        wide = z.is_wide(self.size) or self.start > z.WIDE
        known = self.version == z.version(wide=wide) and self.made == z.MADE_BY | self.version
        return known and not self.more

    @property
    def head(self) -> bytes:
        """The local file header of this member (APPNOTE 4.3.7)."""
        kind = (self.flags, self.method, *self.when)
        return z.local_head(self.raw, kind, self.crc, self.packed, self.size)

    @property
    def head_size(self) -> int:
        """The number of bytes of its local header."""
        return z.LOCAL.size + len(self.raw) + (20 if z.is_wide(self.size) else 0)


class Zip:
    """The directory of a zip and, in `problems`, what is wrong with its layout."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self.problems: list[Problem] = []
        self._length = handle.seek(0, os.SEEK_END)
        count, size, start = self._end()
        if size > _DIRECTORY_MAX:
            raise NotZip(msg("The directory of the zip is too large ({size} bytes)", size=size))
        self.members = tuple(_entries(self._at(start, size)))
        if len(self.members) != count:
            self._wrong(
                msg(
                    "The zip declares {count} members and lists {listed}",
                    count=count,
                    listed=len(self.members),
                )
            )
        self._misplaced = self._check_layout(start)

    def _wrong(self, detail: Message, where: str = "") -> None:
        self.problems.append(Problem(where=where, detail=detail))

    def _at(self, start: int, size: int) -> bytes:
        if start < 0:
            return b""
        self._handle.seek(start)
        return self._handle.read(size)

    def _end(self) -> tuple[int, int, int]:
        """The number of members, the size of the directory, and where it starts."""
        at = self._length - z.END.size
        raw = self._at(at, z.END.size)
        if len(raw) != z.END.size or not raw.startswith(b"PK\x05\x06"):
            raise NotZip(msg("Not a zip as dengbao writes it: its end record is not at the end"))
        _, disk, disk2, here, count, size, start, comment = z.END.unpack(raw)
        fields = (here, count, size, start)
        if self._at(at - z.LOCATOR.size, 4) == b"PK\x06\x07":
            at -= z.END64.size + z.LOCATOR.size
            count, size, start = self._end64(at)
        clipped = (min(count, z.MAX16),) * 2 + (min(size, z.MAX32), min(start, z.MAX32))
        if disk or disk2 or comment or fields != clipped or start + size != at:
            raise NotZip(msg("The end of the zip is cut off or wrong"))
        return count, size, start

    def _end64(self, at: int) -> tuple[int, int, int]:
        raw = self._at(at, z.END64.size)
        if len(raw) != z.END64.size:
            raise NotZip(msg("The end of the zip is cut off or wrong"))
        count, size, start = map(int, z.END64.unpack(raw)[7:])
        locator = self._at(at + z.END64.size, z.LOCATOR.size)
        again = z.END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
        if raw != again or locator != z.LOCATOR.pack(b"PK\x06\x07", 0, at, 1):
            raise NotZip(msg("The end of the zip is cut off or wrong"))
        return count, size, start

    def _check_layout(self, directory: int) -> frozenset[int]:
        at, misplaced = 0, set()
        for number, member in enumerate(self.members):
            if member.start != at:
                misplaced.add(number)
            at = max(at, member.start + member.head_size + member.packed)
        if at != directory:
            self._wrong(msg("There are bytes in the zip that belong to no member"))
        return frozenset(misplaced)

    def fault(self, number: int) -> Message | None:
        """Why the member of that number must not be read, or None."""
        member = self.members[number]
        if not NAME.fullmatch(member.name) or member.raw != member.name.encode():
            return msg("Its name is not one that dengbao uses")
        if member.flags & 0x2041:
            return msg("It is encrypted")
        if member.attributes != z.FILE:
            return msg("It is not a plain file with the usual mode")
        if member.flags or member.method not in (z.STORED, z.DEFLATED):
            return msg("It is compressed with a method that dengbao does not use")
        if not member.usual:
            return msg("The directory of the zip holds more about it than dengbao writes")
        if number in self._misplaced:
            return msg("It overlaps another member, leaves a gap or is out of order")
        if member.size > SMALL and member.size > RATIO * member.packed:
            return msg("It would expand more than {ratio} times when unpacked", ratio=RATIO)
        if self._at(member.start, member.head_size) != member.head:
            return msg("Its header and the directory of the zip contradict each other")
        return None

    def read(self, member: Member) -> Iterator[bytes]:
        """The bytes of `member` piece by piece; BadMember at the first contradiction.

        Never more than its declared size, whatever the data would expand to.
        """
        crc, left = 0, member.size
        for piece in self._unpacked(member):
            crc, left = zlib.crc32(piece, crc), left - len(piece)
            if left < 0:
                raise BadMember(msg("longer than declared"))
            yield piece
        if left or crc != member.crc:
            raise BadMember(msg("shorter than declared, or a wrong checksum"))

    def _packed(self, member: Member) -> Iterator[bytes]:
        at = member.start + member.head_size
        end = at + member.packed
        while at < end:
            piece = self._at(at, min(_CHUNK, end - at))
            if not piece:
                raise BadMember(msg("truncated"))
            at += len(piece)
            yield piece

    def _unpacked(self, member: Member) -> Iterator[bytes]:
        if member.method == z.STORED:
            yield from self._packed(member)
            return
        inflate = zlib.decompressobj(-15)
        try:
            for piece in self._packed(member):
                if inflate.eof:
                    raise BadMember(msg("continues after its end"))
                yield from _inflated(inflate, piece)
            yield inflate.flush()
        except zlib.error as error:
            raise BadMember(msg("cannot be unpacked")) from error
        if not inflate.eof or inflate.unused_data:
            raise BadMember(msg("does not end where declared"))


def _inflated(inflate: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    while piece:
        yield inflate.decompress(piece, _CHUNK)
        piece = inflate.unconsumed_tail


def _entries(directory: bytes) -> Iterator[Member]:
    at = 0
    while at < len(directory):
        fixed = directory[at : at + z.ENTRY.size]
        if len(fixed) != z.ENTRY.size or not fixed.startswith(b"PK\x01\x02"):
            raise NotZip(msg("The directory of the zip is broken at byte {at}", at=at))
        fields = z.ENTRY.unpack(fixed)
        end = at + z.ENTRY.size + sum(fields[10:13])
        if end > len(directory):
            raise NotZip(msg("The directory of the zip is broken at byte {at}", at=at))
        yield _entry(fields, directory[at + z.ENTRY.size : end])
        at = end


def _entry(fields: tuple[int, ...], rest: bytes) -> Member:
    _, made, version, flags, method, time, day, crc, packed, size = fields[:10]
    name_size, extra_size, comment_size, disk, internal, attributes, start = fields[10:]
    raw, extra = rest[:name_size], rest[name_size : name_size + extra_size]
    wide = [n for n in (size, packed, start) if n == z.MAX32]
    head = struct.pack("<2H", 1, 8 * len(wide))
    if wide and extra.startswith(head) and len(extra) == len(head) + 8 * len(wide):
        big = iter(struct.unpack(f"<{len(wide)}Q", extra[len(head) :]))
        size, packed, start = (next(big) if n == z.MAX32 else n for n in (size, packed, start))
        extra = b""
    return Member(
        name=raw.decode("ascii", "backslashreplace"),
        raw=raw,
        made=made,
        version=version,
        flags=flags,
        method=method,
        when=(time, day),
        crc=crc,
        packed=packed,
        size=size,
        attributes=attributes,
        start=start,
        more=bool(extra or comment_size or disk or internal),
    )
