"""What the ends of packed files tell: zeros, how much was packed, and checksums. Pure.

Sources: RFC 1952 (gzip: the last 4 bytes are the size of what was packed), the xz file format 1.2
(the index at the end lists the size of each block), RFC 8878 (zstd: the size may stand in the
header; a block of one byte again and again has four bytes), the LZ4 block format, APPNOTE.TXT
(zip: the list of members and the record behind it), 7zFormat.txt (where the list begins).
"""

from __future__ import annotations

import re
import struct

from msgspec import Struct

RATIO = 900  # gzip packs 1032 bytes into one at most, and only where all are the same
_SMALL = 64 << 10  # zstd makes this of 2 GB of zeros, lz4 of 16 MB
_GZIP, _XZ, _ZSTD, _LZ4 = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
_XZ_FOOTER = 12
_XZ_BLOCK = 8192  # bytes of a packed block; one has 1 MiB or more of data
_XZ_RECORD = 8  # bytes of the index for each block, about
# Four blocks of 128 KiB of one byte each.
_SAME_BLOCKS = re.compile(rb"(\x02\x00\x10.)\1{3}", re.DOTALL)
# The first sequence: one byte, and then a copy of it that goes on and on.
_SAME_AT_ONCE = re.compile(rb"\x1f.\x01\x00\xff", re.DOTALL)


def is_one_byte(size: int, head: bytes, tail: bytes) -> bool:
    """Whether so much was packed into `size` bytes that it can only be the same again and again."""
    if head.startswith(_GZIP) and len(tail) >= 4:
        return int.from_bytes(tail[-4:], "little") >= RATIO * size
    if head.startswith(_XZ):
        return _xz(size, tail)
    if head.startswith(_ZSTD):
        return _zstd_size(head) >= RATIO * size or (
            size <= _SMALL and _SAME_BLOCKS.search(tail) is not None
        )
    return (
        head.startswith(_LZ4)
        and size <= _SMALL
        and b"\xff" * 12 in tail
        and _SAME_AT_ONCE.search(head) is not None
    )


def _xz(size: int, tail: bytes) -> bool:
    """By the index; where only a part of it was read, by the mean size of the blocks."""
    if len(tail) < _XZ_FOOTER or not tail.endswith(b"YZ"):
        return False
    length = (int.from_bytes(tail[-8:-4], "little") + 1) * 4
    if length + _XZ_FOOTER <= len(tail):
        return sum(_sizes(tail[-length - _XZ_FOOTER : -_XZ_FOOTER])) >= RATIO * size
    return size < length // _XZ_RECORD * _XZ_BLOCK


def _sizes(index: bytes) -> tuple[int, ...]:
    """The size of each block before it was packed: every second number behind the count."""
    numbers: list[int] = []
    number = shift = 0
    for byte in index[1:-4]:  # a zero byte before, a checksum behind
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
    count = numbers[0] if numbers else 0
    return tuple(numbers[2 : 2 + 2 * count : 2])


def _zstd_size(head: bytes) -> int:
    """The size of what was packed, 0 where the header does not say it or was not read whole."""
    flags = head[4] if len(head) > 4 else 0
    single, dictionary = flags >> 5 & 1, (0, 1, 2, 4)[flags & 3]
    width = (single, 2, 4, 8)[flags >> 6]
    at = 5 + (not single) + dictionary
    if not width or len(head) < at + width:
        return 0
    return int.from_bytes(head[at : at + width], "little") + (256 if width == 2 else 0)


class ZipEnd(Struct, frozen=True, kw_only=True):
    """The last record of a zip archive: its volume from 0, how many members, bytes before the list.

    `sums` are checksum, packed and unpacked size of the members whose entries end the list.
    """

    volume: int
    members: int
    packed: int
    sums: tuple[tuple[int, ...], ...]


_ZIP_ENTRY, _ZIP_END = b"PK\x01\x02", b"PK\x05\x06"


def zip_end(tail: bytes) -> ZipEnd | None:
    """What the last bytes of a zip archive say; None where they hold no such record."""
    at = tail.rfind(_ZIP_END)
    if at < 0 or len(tail) < at + 22:
        return None
    volume, _, _, members, listed, begins = struct.unpack_from("<4H2I", tail, at + 4)
    entries = (found.start() for found in re.finditer(_ZIP_ENTRY, tail[:at]))
    sums = tuple(struct.unpack_from("<3I", tail, n + 16) for n in entries if n + 28 <= at)
    return ZipEnd(volume=volume, members=members, packed=begins - listed, sums=sums)


def checksum(size: int, head: bytes, tail: bytes) -> tuple[object, ...]:
    """What packed files of one content have in common, whenever they were packed.

    gzip notes name and time before the content, zip in its list; the others note neither.
    """
    if head.startswith(_GZIP) and any(tail[-8:]):
        return ("gzip", tail[-8:])
    if (end := zip_end(tail)) and end.sums:
        return ("zip", end.members, end.packed, *end.sums)
    return (size, tail)


def notes_time(head: bytes) -> bool:
    """Whether the format has the time of packing in it, so that equal content has other bytes."""
    return head.startswith((_GZIP, b"PK"))


_7Z, _RAR = b"7z\xbc\xaf\x27\x1c", b"Rar!"
_MUCH = 16 << 20  # bytes that no list of empty directories has
_MEMBER = 2 << 20  # bytes into which no schema and no header is packed


def holds_much(size: int, head: bytes, tail: bytes) -> bool:
    """Whether so much is packed into a zip, 7z or rar archive that it is not only names."""
    if end := zip_end(tail):
        return end.packed >= min(_MUCH, _MEMBER * max(end.members, 1))
    if head.startswith(_7Z) and len(head) == 16:
        return _MUCH <= int.from_bytes(head[12:], "little") < size
    return head.startswith(_RAR) and size >= _MUCH


def is_cut_7z(size: int, head: bytes) -> bool:
    """Whether the list that stands at the end of a 7z archive of `size` bytes is not there."""
    if not head.startswith(_7Z) or len(head) < 16:
        return False
    return size % (1 << 32) <= int.from_bytes(head[12:], "little") + 32
