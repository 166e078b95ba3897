"""The access to a database server in an inventory."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar

from audit_core.api.sdk import (
    AbsolutePath,
    AccessSchema,
    HostName,
    KeyFile,
    Message,
    Name,
    Port,
    Refusal,
    SecretRef,
    Valid,
    msg,
)
from audit_shell.access import JumpLogin


class Tls(enum.StrEnum):
    """How the connection is protected: the certificate verified, only encrypted, or not at all."""

    VERIFY = "verify"
    ENCRYPT = "encrypt"
    PLAIN = "plain"


def _is_user(name: str) -> bool:
    return name.isprintable() and 0 < len(name) <= 128


def _credentials_in(name: str) -> Message | None:
    # it may hold a password, and is not repeated
    return msg("a login") if ":" in name or "//" in name else None


def _is_database(name: str) -> bool:
    return name.isprintable() and 0 < len(name) <= 128 and name != "*"


User = Annotated[str, Valid(holds=_is_user, expected=msg("a user name"), got=_credentials_in)]
DatabaseName = Annotated[str, Valid(holds=_is_database, expected=msg("the name of a database"))]


class DatabaseAccess(AccessSchema, frozen=True, kw_only=True):
    """How to log in to a server: over TCP, through an SSH jump host, or over a Unix socket here.

    `password` is a reference. With `tls: verify`, the default, the certificate of the server has
    to be for `tls_name` (its address where left out), issued by an authority of `tls_ca` (a file;
    those of this machine where left out). `certificate` and `key` are our own.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("password", "certificate", "key", "socket")

    user: User
    port: Port
    password: SecretRef | None = None
    address: HostName | None = None
    socket: AbsolutePath | None = None
    tls: Tls = Tls.VERIFY
    tls_ca: AbsolutePath | None = None
    tls_name: Name | None = None
    certificate: AbsolutePath | None = None
    key: KeyFile | None = None
    jump: JumpLogin | None = None

    def refusals(self) -> Iterable[Refusal]:
        """What contradicts itself: a socket of this machine behind a jump host, half a key pair."""
        if self.socket is not None and self.jump is not None:
            expected = msg("a socket of this machine, or a jump host, not both")
            yield Refusal(place=("socket",), expected=expected)
        if (self.certificate is None) != (self.key is None):
            given = "certificate" if self.key is None else "key"
            expected = msg("certificate and key together")
            yield Refusal(place=(given,), expected=expected, got=msg("one of them"))

    def leads_to(self) -> tuple[str | None, int | None]:
        """As seen from here: a socket is on this machine, loopback behind a jump host on that."""
        if self.socket is not None:
            return "127.0.0.1", self.port
        if self.jump is not None and self.address in ("127.0.0.1", "::1", "localhost"):
            return self.jump.address, self.port
        return self.address, self.port

    @property
    def named(self) -> str:
        """The name of what is logged in with, never its value."""
        return f"{self.user} {self.key or self.password or 'no password'}"


def tcp_only(access: DatabaseAccess, expected: Message) -> Iterator[Refusal]:
    """Refuses a socket and a certificate, where a product is reached over TCP with a password."""
    for name in ("socket", "certificate"):
        if getattr(access, name) is not None:
            yield Refusal(place=(name,), expected=expected)
