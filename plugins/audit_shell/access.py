"""The access of a host in an inventory: over SSH, or this machine."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Protocol

from audit_core.api.sdk import (
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

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class Sudo(enum.StrEnum):
    """How requests that need root run: not at all, or each by `sudo -n` with its exact argv."""

    NONE = "none"
    PER_COMMAND = "per-command"


def _is_user(name: str) -> bool:
    plain = name.isprintable() and not re.search(r"[\s*:@]", name)
    return plain and not name.startswith("-") and 0 < len(name) <= 255


def _login(name: str) -> Message | None:
    # it may hold a password, and is not repeated
    return msg("a login") if ":" in name or "@" in name else None


def _is_path(path: str) -> bool:
    return bool(path.strip()) and path.isprintable()


User = Annotated[str, Valid(holds=_is_user, expected=msg("a user name"), got=_login)]
Path = Annotated[str, Valid(holds=_is_path, expected=msg("the path of a file"))]
Fingerprint = Annotated[
    str,
    Valid(
        holds=lambda text: _FINGERPRINT.fullmatch(text) is not None,
        expected=msg("a fingerprint as ssh-keygen -l prints it (SHA256:...)"),
    ),
]


class Login(AccessSchema, frozen=True, kw_only=True):
    """As whom to log in over SSH. Of the credentials one is used: key, else password, else agent.

    `key` is a path or a reference; `passphrase` and `password` are references.
    """

    user: User
    port: Port = 22
    key: KeyFile | None = None
    passphrase: SecretRef | None = None
    password: SecretRef | None = None
    agent: bool = False
    agent_fingerprint: Fingerprint | None = None
    known_hosts: tuple[Path, ...] | Path = ()
    host_key_name: Name | None = None

    def refusals(self) -> Iterable[Refusal]:
        """A login without a credential, and a passphrase without a key."""
        if not (self.key or self.password or self.agent):
            yield Refusal(place=(), expected=msg("key, password or agent"), got=msg("none of them"))
        if self.passphrase is not None and self.key is None:
            expected = msg("the key that it protects")
            yield Refusal(place=("passphrase",), expected=expected, got=msg("no key"))

    @property
    def known_hosts_files(self) -> tuple[str, ...]:
        """`known_hosts` as a list, however it was written."""
        files = self.known_hosts
        return (files,) if isinstance(files, str) else files

    @property
    def named(self) -> str:
        """The name of what is logged in with, never its value."""
        return f"{self.user} {self.key or self.password or self.agent_fingerprint or 'agent'}"


class JumpLogin(Login, frozen=True, kw_only=True):
    """The login on the jump host."""

    address: HostName


class SshLogin(Login, frozen=True, kw_only=True):
    """How a host is reached over SSH."""

    alternatives: ClassVar[tuple[str, ...]] = (
        "key", "passphrase", "password", "agent", "agent_fingerprint",
    )  # fmt: skip

    address: HostName | None = None
    jump: JumpLogin | None = None
    sudo: Sudo = Sudo.PER_COMMAND


class LocalAccess(AccessSchema, frozen=True, kw_only=True):
    """Access to this machine itself, over no network."""

    reaches_here: ClassVar[bool] = True

    sudo: Sudo = Sudo.PER_COMMAND


class ThroughJump(Protocol):
    """An access that may lead through a jump host."""

    @property
    def named(self) -> str:
        """The name of what is logged in with, never its value."""

    @property
    def jump(self) -> JumpLogin | None:
        """The login on the jump host."""


def credentials(login: ThroughJump) -> tuple[str, ...]:
    """The names of what is logged in with, never its value: the host's, then the jump host's."""
    return (login.named,) if login.jump is None else (login.named, login.jump.named)
