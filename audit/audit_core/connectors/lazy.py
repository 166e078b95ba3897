"""An SSH route from an inventory's login: looked up, checked and built when it is first opened."""

from __future__ import annotations

from typing import Protocol

from audit_core.connectors import Session
from audit_core.connectors.hostkeys import DEFAULT_FILES
from audit_core.connectors.scope import as_address, resolve
from audit_core.connectors.secrets import Secrets
from audit_core.connectors.ssh import SshAccess, SshTransport


class LoginLike(Protocol):
    """What an inventory says about a login."""

    @property
    def address(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def key(self) -> str | None: ...
    @property
    def passphrase(self) -> str | None: ...
    @property
    def password(self) -> str | None: ...
    @property
    def agent(self) -> bool: ...
    @property
    def agent_fingerprint(self) -> str | None: ...
    @property
    def known_hosts_files(self) -> tuple[str, ...]: ...
    @property
    def host_key_name(self) -> str | None: ...


class LazySsh:
    """Opens SSH sessions; the name is looked up and held to the scope just before."""

    def __init__(
        self,
        login: LoginLike,
        jump: LoginLike | None,
        scope: tuple[str, ...] | None,
        secrets: Secrets,
    ) -> None:
        self._login = login
        self._jump = jump
        self._scope = scope
        self._secrets = secrets
        self._built: SshTransport | None = None

    def open(self) -> Session:
        """An open session; raises TransportError, or ConfigError for what is outside the scope."""
        # Built once: the transport remembers that its credential was refused.
        if self._built is None:
            self._built = self._build()
        return self._built.open()

    def _build(self) -> SshTransport:
        jump = None
        if self._jump is not None:
            jump = _access(self._jump, resolve(self._jump.address, self._scope), None)
        # Behind a jump host the jump host looks names up; a literal address is held to the scope.
        address = self._login.address
        if jump is None or as_address(address) is not None:
            address = resolve(address, self._scope)
        return SshTransport(_access(self._login, address, jump), self._secrets)


def _access(login: LoginLike, address: str, jump: SshAccess | None) -> SshAccess:
    return SshAccess(
        host=address,
        user=login.user,
        port=login.port,
        host_name_for_keys=login.host_key_name or login.address,
        known_hosts=login.known_hosts_files or DEFAULT_FILES,
        key=login.key,
        passphrase=login.passphrase,
        password=login.password,
        use_agent=login.agent,
        agent_fingerprint=login.agent_fingerprint,
        jump=jump,
    )
