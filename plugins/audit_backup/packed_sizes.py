"""Whether a packed file is one of zeros, or of one byte again and again, by its ends. Pure.

Sources: RFC 1952 (gzip: the last 4 bytes are the size of what was packed), the xz file format 1.2
(the index at the end lists the size of each block), RFC 8878 (zstd: the size may stand in the
header; a block of one byte again and again has four bytes), the LZ4 block format.
"""

from __future__ import annotations

import re

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
