"""The host keys that servers show, for a person to compare; a login is made on jump hosts only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from audit_core.model import ConnectError, ConnectionContext, Message, Peer, PeerState, msg
from audit_core.model.errors import ConfigError
from audit_shell import hostkeys
from audit_shell.access import SshLogin
from audit_shell.connect import ssh_access
from audit_shell.hostkeys import KnownKey, Trust
from audit_shell.ssh import _library
from audit_shell.ssh._access import SshAccess
from audit_shell.ssh._at_once import results
from audit_shell.ssh._link import Link, Watchdog, channel, connect
from audit_shell.ssh._login import host_key, reach
from audit_shell.ssh._trust import doubtful, known_hosts_file, line_of

if TYPE_CHECKING:
    import paramiko

_REFUSALS = 3  # of one credential, after which it is not tried on more jump hosts


def peers(contexts: Sequence[ConnectionContext]) -> Iterator[Peer]:
    """What each host shows, those in between first. A host behind an unknown one waits."""
    hosts: dict[SshAccess, tuple[ConnectionContext, list[str]]] = {}
    for context in contexts:
        settings: SshLogin = context.access
        try:
            access = ssh_access(settings, context)
        except (ConnectError, ConfigError) as error:
            yield _unreached(str(settings.address), (context.target.id,), error.detail)
            continue
        if access.jump is not None:
            hosts.setdefault(access.jump, (context, []))[1].append(context.target.id)
        hosts.setdefault(access, (context, []))[1].append(context.target.id)
    direct = [access for access in hosts if access.jump is None]
    found = dict(results(lambda access: _direct(access, hosts[access][1]), direct))
    for access in direct:
        yield from found[access]
    jumps = dict.fromkeys(access.jump for access in hosts if access.jump is not None)
    refused: Counter[str] = Counter()
    for jump in jumps:
        behind = {a: ids for a, (_, ids) in hosts.items() if a.jump == jump}
        if any(peer.state is not PeerState.KNOWN for peer in found[jump]):
            state = found[jump][0].state
            yield from (_waits(access, ids, jump, state) for access, ids in behind.items())
        else:
            yield from _behind(jump, hosts[jump][0].secret, behind, refused)


def _waits(access: SshAccess, targets: Sequence[str], jump: SshAccess, state: PeerState) -> Peer:
    """What is reported about a host whose jump host is in `state`."""
    detail = msg("{where}: it is reached through {jump}, whose key is not known",
                 where=access.where, jump=jump.where)  # fmt: skip
    if state is PeerState.UNREACHABLE:
        detail = msg("{where}: it is reached through {jump}, which is unreachable",
                     where=access.where, jump=jump.where)  # fmt: skip
    unreached = _unreached(access.place, targets, detail)
    return (
        structs.replace(unreached, state=PeerState.WAITS)
        if state is PeerState.UNKNOWN
        else unreached
    )


def _direct(access: SshAccess, targets: Sequence[str]) -> list[Peer]:
    return _shown(access, targets, lambda: Link(access, connect(access), None))


def _behind(
    jump: SshAccess, secret: Callable[[str], str], behind: dict[SshAccess, list[str]],
    refused: Counter[str],
) -> Iterator[Peer]:  # fmt: skip
    """What the hosts behind `jump` show, over one login there."""
    name = f"{jump.user} {jump.key or jump.password or jump.agent_fingerprint}"
    try:
        if refused[name] >= _REFUSALS:
            raise ConfigError(msg("{where}: its credential was refused by {count} jump hosts",
                                  where=jump.where, count=_REFUSALS))  # fmt: skip
        parent = reach(jump, secret)
    except (ConnectError, ConfigError) as error:
        refused[name] += isinstance(error, ConnectError) and error.refused
        for access, targets in behind.items():
            yield _unreached(access.place, targets, error.detail)
        return
    try:
        for access, targets in behind.items():
            opened = _opener(access, parent)
            yield from _shown(access, targets, opened)
    finally:
        parent.close()


def _opener(access: SshAccess, parent: Link) -> Callable[[], Link]:
    return lambda: Link(access, channel(access, parent), None)


def _shown(access: SshAccess, targets: Sequence[str], opened: Callable[[], Link]) -> list[Peer]:
    """What one host shows: the key that is known, or else one of each type that it has."""
    try:
        known = hostkeys.known_keys(access.known_hosts, access.key_name, access.port)
        keys = _keys(access, known, opened)
    except (ConnectError, ConfigError) as error:
        return [_unreached(access.place, targets, error.detail)]
    return [_peer(access, known, key, targets) for key in keys]


def _keys(
    access: SshAccess, known: tuple[KnownKey, ...], opened: Callable[[], Link]
) -> list[paramiko.PKey]:
    first, offered = key_of(opened, hostkeys.prefer(known, _library.host_key_types()))
    keys = [first]
    if not hostkeys.is_unknown(known):
        return keys
    for type in _library.host_key_types():
        plain = hostkeys.type_of(type)
        if type in offered and plain not in {key.get_name() for key in keys}:
            keys.append(key_of(opened, (type,))[0])
    return keys


def key_of(
    opened: Callable[[], Link], types: tuple[str, ...]
) -> tuple[paramiko.PKey, tuple[str, ...]]:
    """The key that the server proves to hold, and the algorithms that it names; ConnectError."""
    link = opened()
    try:
        with Watchdog(link.cut, link.access.login_timeout_s):
            key = host_key(link, types)
            return key, _library.offered(link.transport, "server_key_algo_list")
    finally:
        link.close()


def _peer(
    access: SshAccess, known: tuple[KnownKey, ...], key: paramiko.PKey, targets: Sequence[str]
) -> Peer:
    blob, type = key.asbytes(), key.get_name()
    trust = hostkeys.judge(known, type, blob)
    made = Peer(
        targets=tuple(targets), place=access.place, state=PeerState.KNOWN,
        kind=type, bits=key.get_bits(), fingerprint=hostkeys.fingerprint(blob),
    )  # fmt: skip
    if trust in (Trust.KNOWN, Trust.AUTHORITY_ONLY):  # the login asks for a certificate
        return made
    if trust is Trust.UNKNOWN:
        return structs.replace(
            made, state=PeerState.UNKNOWN, file=known_hosts_file(access),
            line=line_of(access, type, blob),
        )  # fmt: skip
    error = doubtful(access, known, key)
    return structs.replace(made, state=PeerState.CHANGED, detail=error.detail, remedy=error.remedy)


def _unreached(place: str, targets: Sequence[str], detail: Message) -> Peer:
    return Peer(targets=tuple(targets), place=place, state=PeerState.UNREACHABLE, detail=detail)
