"""The request type `TlsHellos`: which endpoint is asked, and with which limits."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Message, Request, msg


class TlsHellos(Request, frozen=True, kw_only=True, tag="tls"):
    """Hellos to `port` of `address`, at most `max_connections`, each in a connection of its own.

    `server_name` is what is asked for, empty for none; `starttls` the protocol that is spoken
    first, empty for none.
    """

    evidence_kind: ClassVar[str] = "tls"
    evidence_title: ClassVar[Message] = msg("TLS handshakes")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "max_connections")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    address: str
    port: int
    server_name: str = ""
    starttls: str = ""
    max_connections: int = 240
    timeout_s: int = 400
    limit: int = 16 << 20

    def as_message(self) -> Message:
        """Where the hellos go, and how many at most, in words."""
        if self.starttls:
            return msg(
                "TLS client hellos to {host} port {port} after STARTTLS ({protocol}), at most "
                "{most} connections",
                host=self.address, port=self.port, protocol=self.starttls,
                most=self.max_connections,
            )  # fmt: skip
        return msg(
            "TLS client hellos to {host} port {port}, at most {most} connections",
            host=self.address, port=self.port, most=self.max_connections,
        )  # fmt: skip

    def short(self) -> str:
        """Where the hellos go."""
        return f"TLS {self.address}:{self.port}"

    def describe(self) -> str:
        """Where the hellos go, and how many at most."""
        after = f" STARTTLS={self.starttls}" if self.starttls else ""
        name = f" SNI={self.server_name}" if self.server_name else ""
        most = f"at most {self.max_connections} connections"
        return f"TLS {self.address}:{self.port}{name}{after}, {most}"
