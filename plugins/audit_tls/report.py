"""The observation: what was sent to an endpoint and what came back, as JSON. No conclusions.

The prober writes it, the parser reads it; both decode the replies with the same code, so that the
bytes alone carry every statement. Bytes stand in lower-case hex: in base64 about one report in a
hundred holds what looks like a cloud access key, and would be cut before it is stored.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.api.sdk import Message
from audit_tls.wire import HelloSubset

SCHEMA = "dengbao/tls-report/2"


class TlsAddress(Struct, frozen=True, kw_only=True):
    """Where TLS is asked for: an address, perhaps a name, perhaps a protocol that comes before."""

    address: str
    port: int
    name: str = ""
    starttls: str = ""

    @property
    def socket(self) -> tuple[str, int]:
        """Address and port for `socket.create_connection`."""
        return self.address, self.port


class Ended(enum.StrEnum):
    """How a connection to the endpoint ended."""

    ANSWERED = "answered"  # a hello or an alert came, whole
    CLOSED = "closed"  # the peer closed before either
    RESET = "reset"
    TIMED_OUT = "timed_out"
    CAPPED = "capped"  # more bytes than are read
    NOT_TLS = "not_tls"
    DECLINED = "declined"  # the server spoke its protocol and does not begin TLS for anybody
    NOT_SERVED = "not_served"  # the server spoke its protocol and does not serve this client, now
    REFUSED = "refused"  # no TCP connection: refused
    UNREACHABLE = "unreachable"  # no TCP connection: no route, or no answer in time


class Attempt(Struct, frozen=True, kw_only=True):
    """One hello. `offered` is the suites, four digits each; `reply` the bytes received, in hex.

    `narrow` says what else was offered only in part: then nothing but that was turned down.
    """

    version: int
    offered: str
    ended: Ended
    reply: str = ""
    detail: Message | None = None
    narrow: HelloSubset = HelloSubset.NO

    @property
    def suites(self) -> frozenset[int]:
        """The cipher suites that the client hello offered."""
        return frozenset(self.order)

    @property
    def order(self) -> tuple[int, ...]:
        """The suites as they stood in the offer."""
        return tuple(int(self.offered[i : i + 4], 16) for i in range(0, len(self.offered), 4))


class Outcome(enum.StrEnum):
    """The result of the verification of a certificate chain."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    UNSETTLED = "unsettled"


class Stopped(enum.StrEnum):
    """Why probing ended before everything was asked."""

    NO = ""
    NO_CONNECTION = "no_connection"
    DEADLINE = "deadline"
    CONNECTIONS = "connections"
    SILENCE = "silence"


class Within(Struct, frozen=True, kw_only=True):
    """Whether a chain holds in itself: an X509_V_ERR number, 0 for none, and its words."""

    code: int
    detail: Message | None = None


# X509_V_ERR: unable to get issuer (2, 20), self-signed leaf (18) or in chain (19), unable to
# verify the leaf (21). An expired or revoked certificate is no matter of whose authority it is.
UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})


class Trust(Struct, frozen=True, kw_only=True):
    """Verification by the collector's OpenSSL against the collector's trust store.

    `code` is OpenSSL's X509_V_ERR number, `detail` why the chain was not verified. `anchors` counts
    the certificates of the store; the name is not part of it. `chain` is DER in
    hex, as the server sent it to this client. `kind`: the only kind of certificate that was asked
    for, or empty for the server's own choice. `path`: the SHA-256 of each certificate of the chain
    that was verified, the server's own first. `within`: what OpenSSL says of the chain where the
    authority is not known, and the last issuer that was sent is taken for one; None where that
    was not tried.
    """

    outcome: Outcome
    code: int = 0
    detail: Message | None = None
    anchors: int = 0
    store: str = ""
    library: str = ""
    chain: tuple[str, ...] = ()
    kind: str = ""
    path: tuple[str, ...] = ()
    within: Within | None = None


class Second(enum.StrEnum):
    """What became of a second handshake that the client began inside a connection."""

    BEGUN = "begun"  # the server answered with a hello
    REFUSED = "refused"  # by an alert
    UNSETTLED = "unsettled"


class Renegotiation(Struct, frozen=True, kw_only=True):
    """The answer to a client hello after a finished handshake of TLS 1.2; `alert` is its number."""

    second: Second
    alert: int | None = None
    detail: Message | None = None


class Report(Struct, frozen=True, kw_only=True):
    """Everything that was asked of one endpoint, in order. `trusts` has one of each kind asked;
    `starttls` is the protocol before TLS, or empty; `renegotiation` and `ssl2`, a hello of
    SSL 2.0, are None where they were not tried."""

    schema: str
    address: str
    port: int
    server_name: str
    attempts: tuple[Attempt, ...]
    trusts: tuple[Trust, ...] = ()
    stopped: Stopped = Stopped.NO
    starttls: str = ""
    renegotiation: Renegotiation | None = None
    ssl2: Attempt | None = None
