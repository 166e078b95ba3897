"""How to reach one host, checked before anything is sent."""

from __future__ import annotations

from msgspec import Struct

from audit_core.connectors.scope import as_address, checked_host, checked_user
from audit_core.model import msg
from audit_core.model.errors import ConfigError
from audit_shell import hostkeys


class SshAccess(Struct, frozen=True, kw_only=True):
    """How to reach one host. Of the credentials one is used: key, else password, else agent.

    `host` is the checked address to connect to (through a jump host also a name, which the jump
    host resolves), `host_name_for_keys` what known_hosts calls it (default: `host`). `key` is a
    path or a secret reference to the key's text; `passphrase` and `password` are references.
    Of the agent's keys one is offered: that with `agent_fingerprint` (`SHA256:…`), else the first.
    """

    host: str
    user: str
    port: int = 22
    host_name_for_keys: str = ""
    known_hosts: tuple[str, ...] = hostkeys.DEFAULT_FILES
    key: str | None = None
    passphrase: str | None = None
    password: str | None = None
    use_agent: bool = False
    agent_fingerprint: str | None = None
    jump: SshAccess | None = None
    connect_timeout_s: float = 10.0
    login_timeout_s: float = 20.0
    keepalive_s: int = 30

    @property
    def where(self) -> str:
        """User and place for a reader: `user@host:port`."""
        return f"{self.user}@{self.place}"

    @property
    def place(self) -> str:
        """Host and port for a reader: `host:port`, `[::1]:22`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def key_name(self) -> str:
        """The host's name in known_hosts, without the port."""
        return self.host_name_for_keys or self.host


def check(access: SshAccess) -> None:
    """ConfigError if a name in `access` is not one, or nothing can be logged in with."""
    checked_host(access.host)
    checked_host(access.key_name)
    checked_user(access.user)
    if not 0 < access.port < 65536:
        raise ConfigError(
            msg("{host}: {port} is not a port", host=str(access.host), port=str(access.port))
        )
    if access.jump is None and as_address(access.host) is None:
        raise ConfigError(
            msg("{host}: connect to a checked address, not to a name", host=str(access.host))
        )
    if access.key is None and access.password is None and not access.use_agent:
        raise ConfigError(
            msg("{where}: no key, password or agent to log in with", where=str(access.where))
        )
    if access.jump is not None:
        check(access.jump)
