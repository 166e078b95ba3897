"""The layout of a zip, as dengbao writes and reads it. APPNOTE.TXT 6.3.10, sections 4.3 and 4.4."""

from __future__ import annotations

import stat
import struct

END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
END64 = struct.Struct("<4sQ2H2L4Q")
ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_BEGIN = b"PK\x03\x04"
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
WIDE = (1 << 31) - 1
"""Above this, sizes and places are written with 64 bits."""

STORED, DEFLATED = 0, 8
MADE_BY = 3 << 8  # Unix, where attributes are a file mode
FILE = (stat.S_IFREG | 0o644) << 16


def is_wide(size: int) -> bool:
    """Whether the header of a member of `size` bytes has room for 64 bits, however it is packed."""
    return size * 1.05 > WIDE


def version(*, wide: bool) -> int:
    """The version of the format that a reader must know, 4.5 for fields of 64 bits."""
    return 45 if wide else 20


def local_head(
    name: bytes, kind: tuple[int, int, int, int], crc: int, packed: int, size: int
) -> bytes:
    """The header before a member; `kind` is its flags, method, time and date."""
    wide, extra, sizes = is_wide(size), b"", (packed, size)
    if wide:
        extra = struct.pack("<2H2Q", 1, 16, size, packed)
        sizes = (MAX32, MAX32)
    fixed = (LOCAL_BEGIN, version(wide=wide), *kind, crc)
    return LOCAL.pack(*fixed, *sizes, len(name), len(extra)) + name + extra
