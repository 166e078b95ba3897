"""The side of a MySQL server, as far as a login."""

from __future__ import annotations

import struct

_PLUGIN_AUTH, _SECURE, _SSL, _41 = 1 << 19, 1 << 15, 1 << 11, 1 << 9


def packet(number: int, payload: bytes) -> bytes:
    """`payload` as the packet `number` of an exchange."""
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def greeting(flags: int, plugin: bytes = b"mysql_native_password") -> bytes:
    """What a server with the capabilities `flags` says first."""
    flags |= _PLUGIN_AUTH | _SECURE | _41
    return packet(0, b"\x0a10.11.0-MariaDB\0" + struct.pack("<I", 1) + b"12345678\0"
                  + struct.pack("<HBHHB", flags & 0xFFFF, 45, 2, flags >> 16, 21) + b"\0" * 10
                  + b"123456789012\0" + plugin + b"\0")  # fmt: skip


def column(number: int, name: bytes) -> bytes:
    """The packet that describes a column of text."""
    texts = (b"def", b"", b"", b"", name, name)
    body = b"".join(bytes([len(text)]) + text for text in texts)
    return packet(number, body + b"\x0c" + struct.pack("<HIBHB", 45, 1024, 253, 0, 0) + b"\0\0")


def failure(number: int, text: bytes, code: int = 1105) -> bytes:
    """The packet of an error."""
    return packet(number, b"\xff" + struct.pack("<H", code) + b"#HY000" + text)


END = b"\xfe\0\0\2\0"
OK = b"\x00\x00\x00\x02\x00\x00\x00"
