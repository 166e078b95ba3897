"""Opens sessions to shells: names are looked up and held to the scope just before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit_core.connectors.scope import as_address
from audit_core.model import ConnectError, ConnectionContext, Reply, Request
from audit_shell.access import JumpLogin, LocalAccess, SshLogin, Sudo
from audit_shell.hostkeys import DEFAULT_FILES
from audit_shell.key_exchange import SshKeyExchange, as_reply
from audit_shell.local import LocalTransport
from audit_shell.session import ShellSession
from audit_shell.ssh import SshAccess, SshSession, SshTransport


def open_local(context: ConnectionContext) -> ShellSession:
    """A session on this machine, through its local shell."""
    settings: LocalAccess = context.access
    return ShellSession(LocalTransport().open(), sudo=settings.sudo is Sudo.PER_COMMAND)


def open_ssh(context: ConnectionContext) -> ShellSession:
    """A session over SSH; raises ConnectError, or ConfigError for what is outside the scope."""
    settings: SshLogin = context.access
    transport = SshTransport(ssh_access(settings, context), context.secret)
    return SshShell(transport.open(), sudo=settings.sudo is Sudo.PER_COMMAND)


class SshShell(ShellSession):
    """A shell over SSH, whose server is asked for its key exchange, too."""

    def __init__(self, session: SshSession, *, sudo: bool) -> None:
        super().__init__(session, sudo=sudo)
        self._session = session

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """As of every shell; where the login runs none, the error has the key exchange."""
        try:
            yield from super().ask(requests)
        except ConnectError as error:
            error.replies = (as_reply(SshKeyExchange(), self._session.key_exchange(0)),)
            raise

    def key_exchange(self, request: SshKeyExchange) -> Reply:
        """The algorithms and host keys that the server sends to every client."""
        return as_reply(request, self._session.key_exchange(request.timeout_s))


def ssh_access(settings: SshLogin, context: ConnectionContext) -> SshAccess:
    """How to reach the host that `settings` name."""
    jump = None
    if settings.jump is not None:
        jump = jump_access(settings.jump, context)
    # Behind a jump host the jump host looks names up; a literal address is held to the scope.
    address = str(settings.address)
    if jump is None or as_address(address) is not None:
        address = context.address(address)
    return _access(settings, address, jump)


def jump_access(login: JumpLogin, context: ConnectionContext) -> SshAccess:
    """How the jump host `login` is reached."""
    return _access(login, context.address(login.address), None)


def without_address(settings: SshLogin | JumpLogin) -> SshAccess:
    """As `ssh_access`, with no name looked up: for what is known without a connection."""
    return _access(settings, str(settings.address), None)


def _access(login: SshLogin | JumpLogin, address: str, jump: SshAccess | None) -> SshAccess:
    return SshAccess(
        host=address,
        user=login.user,
        port=login.port,
        host_name_for_keys=login.host_key_name or str(login.address),
        known_hosts=login.known_hosts_files or DEFAULT_FILES,
        key=login.key,
        passphrase=login.passphrase,
        password=login.password,
        use_agent=login.agent,
        agent_fingerprint=login.agent_fingerprint,
        jump=jump,
    )
