"""The plain-text dialogue before the hello, where an endpoint begins without TLS (STARTTLS).

SMTP (RFC 3207), IMAP (RFC 9051 6.2.1), POP3 (RFC 2595 4), FTP (RFC 4217), LDAP (RFC 4511 4.14) and
PostgreSQL (its manual, 55.2.11). MySQL is left out: a server counts handshakes that are not
finished, and blocks the collector's address after a hundred (max_connect_errors).

Everything a server says here is bounded: bytes, lines, and the time of the whole connection.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from audit_core.api.sdk import Message, Verbatim, msg, verbatim
from audit_tls.wire import HandshakeError, HandshakeTimeout, NotTls, PeerClosed

_CAP = 16 << 10
_LINE = 2 << 10
_WORDS = 120


class Declined(HandshakeError):
    """The server speaks the protocol and does not begin TLS; `detail` is its answer, cut short."""


class NotServed(HandshakeError):
    """The server speaks the protocol and serves nobody, or not this client, or not now: that says
    nothing of TLS. `detail` is its answer, cut short."""


class Plain:
    """The plain part of one connection: what is read is capped, and all of it has one deadline."""

    def __init__(self, peer: socket.socket, until: float) -> None:
        self._peer, self._until = peer, until
        self._held = bytearray()
        self._total = 0

    def send(self, data: bytes) -> None:
        """Sends `data`; raises TimeoutError at the deadline."""
        self._peer.settimeout(max(0.01, self._until - time.monotonic()))
        self._peer.sendall(data)

    def line(self) -> str:
        """The next line, ASCII with a mark for all else, without its end."""
        while b"\n" not in self._held:
            if len(self._held) > _LINE:
                raise NotTls(msg("an unterminated line before STARTTLS"))
            self._more()
        raw, _, rest = bytes(self._held).partition(b"\n")
        self._held[:] = rest
        if len(raw) > _LINE:
            raise NotTls(msg("an unterminated line before STARTTLS"))
        return raw.rstrip(b"\r").decode("ascii", "replace")

    def take(self, size: int) -> bytes:
        """Returns the next `size` bytes; raises NotTls where that is more than is accepted."""
        if size > _CAP:
            raise NotTls(msg("{size} bytes announced before STARTTLS", size=size))
        while len(self._held) < size:
            self._more()
        raw = bytes(self._held[:size])
        del self._held[:size]
        return raw

    def end(self) -> None:
        """Raises NotTls if anything came behind the last answer, where the hello is due."""
        if self._held:
            raise NotTls(msg("more data followed after STARTTLS was accepted"))

    def _more(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise HandshakeTimeout(msg("the plain-text phase took too long"))
        self._peer.settimeout(left)
        data = self._peer.recv(4096)
        if not data:
            raise PeerClosed(msg("closed before STARTTLS"))
        self._total += len(data)
        if self._total > _CAP:
            raise NotTls(msg("more than {size} bytes before STARTTLS", size=_CAP))
        self._held += data


def _words(text: str) -> Verbatim:
    return verbatim(text[:_WORDS])


def _server_words(text: str) -> Message:
    return msg("{words}", words=_words(text))


def _reply(plain: Plain) -> tuple[str, list[str]]:
    """The code and the texts of a reply of SMTP or FTP, which may have several lines."""
    texts = []
    line = plain.line()
    code = line[:3]
    if not (code.isdigit() and line[3:4] in ("", " ", "-")):
        raise NotTls(msg("not a reply: {detail}", detail=_words(line)))
    while line[3:4] == "-" or line[:3] != code:
        texts.append(line[4:])
        line = plain.line()
    return code, [*texts, line[4:]]


def _expect(plain: Plain, code: str, other: type[HandshakeError] = NotServed) -> list[str]:
    """The texts of a reply with `code`; `other` is what another reply means, but for 4xx."""
    found, texts = _reply(plain)
    if found != code:
        raise (NotServed if found[0] == "4" else other)(_server_words(f"{found} {texts[-1]}"))
    return texts


def _smtp(plain: Plain) -> None:
    _expect(plain, "220")
    plain.send(b"EHLO [127.0.0.1]\r\n")  # an address literal: no name is looked up for it
    offered = _expect(plain, "250")[1:]
    if "STARTTLS" not in {text.strip().upper() for text in offered}:
        raise Declined(msg("EHLO does not list STARTTLS"))
    plain.send(b"STARTTLS\r\n")
    _expect(plain, "220", Declined)


def _imap(plain: Plain) -> None:
    greeting = plain.line()
    if not greeting.upper().startswith("* OK"):
        raise _imap_greeting(greeting)
    plain.send(b"a1 STARTTLS\r\n")
    line = plain.line()
    while line.startswith("* "):
        line = plain.line()
    if not line.upper().startswith("A1 OK"):
        raise (
            Declined(_server_words(line)) if line.startswith("a1 ") else NotTls(_server_words(line))
        )


def _imap_greeting(greeting: str) -> HandshakeError:
    """What a greeting means that is not OK; after PREAUTH no TLS can begin (RFC 9051 7.1.4)."""
    word = greeting.upper()
    kind = Declined if word.startswith("* PREAUTH") else NotServed
    return (kind if word.startswith("* ") else NotTls)(_server_words(greeting))


def _pop3(plain: Plain) -> None:
    for sent, refused in ((b"", NotServed), (b"STLS\r\n", Declined)):
        plain.send(sent)
        line = plain.line()
        if not line.startswith("+OK"):
            raise (refused if line.startswith("-ERR") else NotTls)(_server_words(line))


def _ftp(plain: Plain) -> None:
    _expect(plain, "220")
    plain.send(b"AUTH TLS\r\n")
    _expect(plain, "234", Declined)


_LDAP_NOT_NOW = (51, 52)  # busy, unavailable (RFC 4511 A.1)
_LDAP_STARTTLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"


def _ldap(plain: Plain) -> None:
    plain.send(_LDAP_STARTTLS)
    message = _element(plain, 0x30)
    # messageID 1, then [APPLICATION 24] with an ENUMERATED result code in front
    if message[:4] != b"\x02\x01\x01\x78":
        raise NotTls(msg("not an LDAP response to StartTLS"))
    body = message[4:]
    start = 1 if body[:1] < b"\x80" else 1 + (body[0] & 0x7F)
    if body[start : start + 2] != b"\x0a\x01" or len(body) < start + 3:
        raise NotTls(msg("not an LDAP result"))
    if body[start + 2] != 0:
        kind = NotServed if body[start + 2] in _LDAP_NOT_NOW else Declined
        raise kind(msg("LDAP result code {code}", code=body[start + 2]))


def _element(plain: Plain, tag: int) -> bytes:
    head = plain.take(2)
    if head[0] != tag:
        raise NotTls(msg("not an LDAP message: 0x{byte}", byte=f"{head[0]:02X}"))
    size = head[1]
    if size & 0x80:
        width = size & 0x7F
        if not 0 < width <= 4:
            raise NotTls(msg("an LDAP message of indefinite length"))
        size = int.from_bytes(plain.take(width), "big")
    return plain.take(size)


def _postgres(plain: Plain) -> None:
    plain.send(b"\0\0\0\x08\x04\xd2\x16\x2f")
    found = plain.take(1)
    if found == b"N":
        raise Declined(_server_words("N"))
    if found == b"E":
        raise NotServed(msg("PostgreSQL reports an error in place of an answer"))
    if found != b"S":
        raise NotTls(msg("not an answer of PostgreSQL to SSLRequest"))


_SPEAKERS: dict[str, Callable[[Plain], None]] = {
    "ftp": _ftp, "imap": _imap, "ldap": _ldap, "pop3": _pop3, "postgres": _postgres,
    "smtp": _smtp,
}  # fmt: skip
PROTOCOLS = tuple(_SPEAKERS)


def begin(peer: socket.socket, protocol: str, until: float) -> None:
    """Bring the connection to where the hello is due; nothing to do for an empty `protocol`.

    Raises Declined, NotServed, NotTls for what is not the protocol, or OSError.
    """
    if not protocol:
        return
    plain = Plain(peer, until)
    _SPEAKERS[protocol](plain)
    plain.end()
