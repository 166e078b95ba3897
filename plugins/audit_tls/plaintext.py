"""Protocols without TLS, by the first bytes that their servers say, asked or unasked. PURE.

Sources: RFC 9112 (HTTP), 7826 (RTSP), 3261 (SIP), 854 (Telnet), 5321, 959, 9051, 1939, 4253, 6143,
6120; AMQP 0-9-1 2.2.4; the manuals of MySQL (Protocol::HandshakeV10), Redis and memcached.
"""

from __future__ import annotations

import enum
import re

from msgspec import Struct

from audit_core.api.sdk import Verbatim, verbatim

_WORDS = 100
_CLIENT_SSL = 0x0800


class Use(enum.StrEnum):
    """What a plaintext greeting says about TLS on this port."""

    NEVER = "never"  # the protocol goes on in plain text
    STARTTLS = "starttls"  # it may turn to TLS where it is asked to
    OWN = "own"  # it may encrypt in a way of its own


class Plain(Struct, frozen=True, kw_only=True):
    """A protocol that is not TLS, and the first words it was known by."""

    protocol: str
    use: Use
    words: Verbatim


_KNOWN: tuple[tuple[str, Use, bytes], ...] = (
    ("HTTP", Use.NEVER, rb"HTTP/\d|\s*<(?:!doctype html|html|head|body)"),
    ("RTSP", Use.NEVER, rb"RTSP/\d"),
    ("SIP", Use.NEVER, rb"SIP/\d"),
    ("Redis", Use.NEVER, rb"-(?:ERR (?:unknown command|Protocol error)|NOAUTH |DENIED |MISCONF )"),
    ("memcached", Use.NEVER, rb"(?:CLIENT_|SERVER_)?ERROR(?: [^\r\n]*)?\r\n"),
    ("Telnet", Use.NEVER, rb"\xff[\xfb-\xfe]"),
    ("AMQP", Use.NEVER, rb"AMQP"),
    ("SMTP/FTP", Use.STARTTLS, rb"220[ -]"),
    ("IMAP", Use.STARTTLS, rb"\* (?:OK|PREAUTH|BYE)"),
    ("POP3", Use.STARTTLS, rb"\+OK"),
    ("XMPP", Use.STARTTLS, rb"(?:<\?xml[^>]*>\s*)?<stream:"),
    ("SSH", Use.OWN, rb"SSH-\d"),
    ("VNC", Use.OWN, rb"RFB \d{3}\.\d{3}\n"),
)
_COMPILED = tuple((name, use, re.compile(rule, re.IGNORECASE)) for name, use, rule in _KNOWN)
_MYSQL = re.compile(rb"...\0\x0a([0-9][^\0]{0,60})\0.{4}.{8}\0(..)", re.DOTALL)


def plain_protocol(reply: bytes) -> Plain | None:
    """What `reply` is in place of TLS, or None where its bytes do not prove it."""
    for name, use, rule in _COMPILED:
        if rule.match(reply):
            return Plain(protocol=name, use=use, words=_words(reply))
    if (found := _MYSQL.match(reply)) is not None:
        can = int.from_bytes(found[2], "little") & _CLIENT_SSL
        use = Use.STARTTLS if can else Use.NEVER
        return Plain(protocol="MySQL", use=use, words=_words(found[1]))
    return None


def _words(reply: bytes) -> Verbatim:
    line = reply.lstrip().split(b"\n", 1)[0][:_WORDS].decode("ascii", "replace")
    return verbatim(line.rstrip("\r"))
