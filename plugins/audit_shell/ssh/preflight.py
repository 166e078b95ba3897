"""What is missing before hosts can be logged in to, found without a login.

Credentials are loaded and host keys looked up. Contacted are jump hosts, and hosts of whose keys
nothing is known: whether such a host is down or strange has different remedies.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from audit_core.model import ConnectError, ConnectionContext, Lack, cut_to, msg
from audit_core.model.errors import ConfigError
from audit_shell import hostkeys
from audit_shell.access import JumpLogin, SshLogin
from audit_shell.connect import jump_access, ssh_access, without_address
from audit_shell.ssh import _library
from audit_shell.ssh._access import SshAccess
from audit_shell.ssh._at_once import results
from audit_shell.ssh._credentials import credential
from audit_shell.ssh._link import Link, connect
from audit_shell.ssh.peers import key_of

_SHOWN = 3
_CONNECT_S = 5.0
_SHOW_S = 10.0


def lacks(contexts: Sequence[ConnectionContext]) -> Iterator[Lack]:
    """What the collector lacks for these logins: credentials, host keys, jump hosts."""
    yield from _credentials(contexts)
    yield from _host_keys(contexts)
    yield from _jumps(contexts)


def _logins(
    contexts: Iterable[ConnectionContext],
) -> Iterator[tuple[ConnectionContext, SshLogin | JumpLogin]]:
    """Every login that is made, with the context that it is made for."""
    for context in contexts:
        settings: SshLogin = context.access
        yield context, settings
        if settings.jump is not None:
            yield context, settings.jump


def _credentials(contexts: Iterable[ConnectionContext]) -> Iterator[Lack]:
    """Each credential that cannot be had, loaded once however many hosts it is for."""
    used: dict[tuple[object, ...], list[tuple[ConnectionContext, SshLogin | JumpLogin]]] = {}
    for context, login in _logins(contexts):
        what = (login.key, login.passphrase, login.password, login.agent, login.agent_fingerprint)
        used.setdefault(what, []).append((context, login))
    for logins in used.values():
        context, login = logins[0]
        try:
            credential(without_address(login), context.secret).close()
        except ConfigError as error:
            targets = tuple(dict.fromkeys(context.target.id for context, _ in logins))
            yield Lack(targets=targets, detail=error.detail, command=error.command)


def _host_keys(contexts: Iterable[ConnectionContext]) -> Iterator[Lack]:
    """All hosts that answer with a key of which nothing is known.

    The run reports one that does not answer. Nobody asks a host behind a jump host,
    where that takes a login.
    """
    unknown: dict[SshAccess, list[str]] = {}
    for context, login in _logins(contexts):
        try:
            access = _unknown(context, login)
        except ConfigError as error:
            yield Lack(targets=(context.target.id,), detail=error.detail, command=error.command)
        except ConnectError:
            continue  # its name does not resolve
        else:
            if access is not None:
                unknown.setdefault(access, []).append(context.target.id)
    found = {access: key for access, key in results(_shown, unknown) if key is not None}
    if found:
        # several targets may be one server, with other accounts
        labels = list(dict.fromkeys(f"{a.place} {key}".strip() for a, key in found.items()))
        detail = msg("unknown host keys: {count} ({keys})",
                     count=len(labels), keys=cut_to(labels, _SHOWN))  # fmt: skip
        targets = tuple(id for access in found for id in unknown[access])
        yield Lack(targets=targets, detail=detail, unknown_peer=True)


def _unknown(context: ConnectionContext, login: SshLogin | JumpLogin) -> SshAccess | None:
    """How the host is reached, where nothing is known of its keys."""
    named = without_address(login)
    known = hostkeys.known_keys(named.known_hosts, named.key_name, named.port)
    if not hostkeys.is_unknown(known):
        return None
    return (
        jump_access(login, context) if isinstance(login, JumpLogin) else ssh_access(login, context)
    )


def _shown(access: SshAccess) -> str | None:
    """The key that the host shows, empty where nobody asks it; None where it does not answer."""
    if access.jump is not None:
        return ""
    quick = structs.replace(access, connect_timeout_s=_CONNECT_S, login_timeout_s=_SHOW_S)
    try:
        key, _ = key_of(lambda: Link(quick, connect(quick), None), _library.host_key_types())
    except ConnectError:
        return None
    return f"{key.get_name()} {hostkeys.fingerprint(key.asbytes())}"


def _jumps(contexts: Iterable[ConnectionContext]) -> Iterator[Lack]:
    """Jump hosts that cannot be reached; nobody logs in to them."""
    behind: dict[SshAccess, list[str]] = {}
    for context in contexts:
        settings: SshLogin = context.access
        if settings.jump is None:
            continue
        try:
            access = jump_access(settings.jump, context)
        except (ConfigError, ConnectError) as error:
            yield Lack(targets=(context.target.id,), detail=error.detail)
        else:
            behind.setdefault(access, []).append(context.target.id)
    for access, why in results(_unreachable, behind):
        if why is not None:
            yield Lack(targets=tuple(behind[access]), detail=why.detail,
                       remedy=msg("Make the jump host reachable; this shows where it fails"),
                       command=f"ssh -v -p {access.port} {_place(access)}")  # fmt: skip


def _unreachable(access: SshAccess) -> ConnectError | None:
    try:
        connect(access).close()
    except ConnectError as error:
        return error
    return None


def _place(access: SshAccess) -> str:
    return shlex.quote(f"{access.user}@{access.host}")
