"""SSL 2.0 as bytes: a client hello, and whether a server's answer takes it up. PURE.

draft-hickman-netscape-ssl-00, 5.2 and 5.5. Its records have no type: one begins with its size,
whose top bit says that the header is of two bytes. RFC 6176 forbids SSL 2.0. A server
that answers with its hello can be attacked even where it lists no cipher (DROWN, CVE-2015-3197).
"""

from __future__ import annotations

import struct

SSL2 = 0x0002
_CLIENT_HELLO, _SERVER_HELLO = 1, 4
# RC4 and RC2 with 128 and 40 bits, IDEA, DES, 3DES: every cipher there is.
_CIPHERS = bytes.fromhex("010080 020080 030080 040080 050080 060040 0700c0")


def client_hello(challenge: bytes) -> bytes:
    """One record with a hello that offers every cipher; `challenge` is 16 bytes."""
    body = struct.pack(">BHHHH", _CLIENT_HELLO, SSL2, len(_CIPHERS), 0, len(challenge))
    body += _CIPHERS + challenge
    return struct.pack(">H", 0x8000 | len(body)) + body


def is_server_hello(reply: bytes) -> bool:
    """Whether `reply` begins with the hello of a server that speaks SSL 2.0.

    Behind the header: type, whether a session was found, type of the certificate, version.
    """
    header = 2 if reply[:1] >= b"\x80" else 3
    body = reply[header : header + 5]
    return len(body) == 5 and body[0] == _SERVER_HELLO and body[3:] == SSL2.to_bytes(2, "big")
