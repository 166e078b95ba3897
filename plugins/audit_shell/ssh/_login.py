"""From the first packet to the login, with one attempt."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from audit_core.model import ConnectError, Message, Reason, Reply, filled, msg
from audit_shell import hostkeys
from audit_shell.key_exchange import SshKeyExchange, as_reply
from audit_shell.ssh import _library
from audit_shell.ssh._access import SshAccess
from audit_shell.ssh._credentials import Credential, Kind, credential
from audit_shell.ssh._error_text import plain, text_of
from audit_shell.ssh._link import Link, Watchdog, dial
from audit_shell.ssh._server_keys import key_exchange
from audit_shell.ssh._trust import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import paramiko


def reach(access: SshAccess, secret: Callable[[str], str]) -> Link:
    """A logged-in link to the host, through its jump hosts."""
    known = hostkeys.known_keys(access.known_hosts, access.key_name, access.port)
    offer = credential(access, secret)
    try:
        parent = _reach_jump(access.jump, secret) if access.jump is not None else None
        try:
            link = _greeted(access, parent, known)
        except BaseException:
            if parent is not None:
                parent.close()
            raise
        return _log_in(link, offer)
    finally:
        offer.close()


def _reach_jump(access: SshAccess, secret: Callable[[str], str]) -> Link:
    try:
        return reach(access, secret)
    except ConnectError as error:
        error.in_between, error.replies = True, ()
        error.detail = msg("Jump host: {why}", why=error.detail)
        raise


def _greeted(access: SshAccess, parent: Link | None, known: tuple[hostkeys.KnownKey, ...]) -> Link:
    """A link to the server, which is the one that is known; nothing was offered to it yet.

    A server that turns us away because it is busy is tried again: that costs no login.
    """
    pauses = iter(PAUSES_S)
    while True:
        link = dial(access, parent)
        try:
            with _in_time(link):
                _shake_hands(link, known)
        except _Busy:
            link.hang_up()
            pause = next(pauses, None)
            if pause is None:
                raise
            time.sleep(pause)
        except BaseException:
            link.hang_up()
            raise
        else:
            return link


def _log_in(link: Link, offer: Credential) -> Link:
    """`link`, logged in; closed again if that fails."""
    try:
        with _in_time(link):
            _authenticate(link, offer)
    except ConnectError as error:
        error.replies = _shown(link)
        link.close()
        raise
    except BaseException:
        link.close()
        raise
    if link.access.keepalive_s:
        link.transport.set_keepalive(link.access.keepalive_s)
    return link


def _shown(link: Link) -> tuple[Reply, ...]:
    """What the server told before the login.

    No further connection is made for its RSA key: to the server each would be one more failure.
    """
    return (as_reply(SshKeyExchange(), key_exchange(link, time.monotonic())),)


@contextlib.contextmanager
def _in_time(link: Link) -> Iterator[None]:
    """In the block the server has the time of a login; ConnectError where it takes longer."""
    access = link.access
    with Watchdog(link.cut, access.login_timeout_s) as watchdog:
        try:
            yield
        except ConnectError:
            if watchdog.fired:
                detail = msg(
                    "{where}: no login within {seconds} s",
                    where=access.where, seconds=access.login_timeout_s,
                )  # fmt: skip
                raise ConnectError(Reason.TIMED_OUT, detail) from None
            raise


def _shake_hands(link: Link, known: tuple[hostkeys.KnownKey, ...]) -> None:
    """Agree on keys with the server, and make sure that it is the one that is known."""
    key = host_key(link, hostkeys.prefer(known, _library.host_key_types()))
    link.host_key = verified(link.access, known, key)


def host_key(link: Link, types: tuple[str, ...]) -> paramiko.PKey:
    """The host key that the server proves to hold, of one of these types, the first ones rather."""
    transport = link.transport
    _library.ask_for(transport, types)
    try:
        transport.start_client()
        return transport.get_remote_server_key()
    except _library.library().IncompatiblePeer as error:
        raise _incompatible(link, error) from error
    except Exception as error:
        raise _no_ssh(link, error) from error


PAUSES_S = (1.0, 3.0, 8.0, 16.0)
"""How long to wait before a busy server is tried again: 28 s, as penalties begin with 15 s."""


class _Busy(ConnectError):
    """The server turned us away before anything was sent, and may take us later."""


# What sshd writes before it hangs up, instead of its version; sshd_config(5) of OpenSSH 10.0.
_TURNED_AWAY = {
    b"Not allowed at this time": (
        msg(
            "{where}: the SSH server refuses connections from our address for some time "
            "(PerSourcePenalties of OpenSSH 9.8 and later), as it does after a port scan or "
            "failed logins"
        ),
        msg(
            "Wait some minutes and try again, or exempt our address on the server: "
            "PerSourcePenaltyExemptList"
        ),
    ),
    b"Exceeded MaxStartups": (
        msg("{where}: the SSH server has too many logins under way (MaxStartups)"),
        msg("Try again later, or with fewer targets at once (--at-once)"),
    ),
}


def _no_ssh(link: Link, error: Exception) -> ConnectError:
    """Why no keys were exchanged; nothing was offered yet."""
    where = link.access.where
    first = _library.first_bytes(link.transport)
    for words, (detail, remedy) in _TURNED_AWAY.items():
        if first.startswith(words):
            return _Busy(Reason.UNREACHABLE, filled(detail, where=where), remedy=remedy)
    detail = msg("{where}: no usable SSH server: {error}",
                 where=where, error=text_of(error))  # fmt: skip
    return ConnectError(Reason.UNREACHABLE, detail)


# --- nothing in common --------------------------------------------------------------------------

# By the library's words: what is missing, and the list of the server's that it would stand in.
_INCOMPATIBLE = {
    "host key": (
        "server_key_algo_list",
        msg("{where}: no host key algorithm in common; the server offers only {offered}"),
    ),
    "kex": (
        "kex_algo_list",
        msg("{where}: no key exchange algorithm in common; the server offers only {offered}"),
    ),
    "ciphers": (
        "server_encrypt_algo_list",
        msg("{where}: no cipher in common; the server offers only {offered}"),
    ),
    "macs": (
        "server_mac_algo_list",
        msg("{where}: no MAC algorithm in common; the server offers only {offered}"),
    ),
}
_OLD_KEYS = {"ssh-rsa", "ssh-dss"}


def _incompatible(link: Link, error: Exception) -> ConnectError:
    where = link.access.where
    for word, (name, detail) in _INCOMPATIBLE.items():
        if word in str(error):
            offered = _library.offered(link.transport, name)
            shown = plain(", ".join(offered)) or "-"
            why = filled(detail, where=where, offered=shown)
            return ConnectError(
                Reason.UNREACHABLE, why, remedy=_remedy_for(offered), replies=_shown(link)
            )
    return _no_ssh(link, error)


def _remedy_for(offered: tuple[str, ...]) -> Message:
    if offered and set(offered) <= _OLD_KEYS:
        return msg(
            "The server can sign only with SHA-1, which is broken and not supported here. "
            "Update its SSH server (OpenSSH 7.2 or later), or give it an Ed25519 or ECDSA host "
            "key"
        )
    return msg("Enable a current algorithm on the server as well, or update its SSH server")


# --- the login ----------------------------------------------------------------------------------

_NOT_TAKEN = {
    Kind.KEY: msg("{where}: the server accepts no key, only {methods}"),
    Kind.PASSWORD: msg("{where}: the server accepts no password, only {methods}"),
    Kind.AGENT_KEY: msg("{where}: the server accepts no agent key, only {methods}"),
}
_FAILED = {
    Kind.KEY: msg("{where}: the login with the key failed: {error}"),
    Kind.PASSWORD: msg("{where}: the login with the password failed: {error}"),
    Kind.AGENT_KEY: msg("{where}: the login with the agent key failed: {error}"),
}
_KEY_REFUSED = msg(
    "The cause is only in the server's log (journalctl -u ssh): AllowUsers, "
    "DenyUsers, AllowGroups or DenyGroups without {user}, a locked or expired "
    "account, a shell that does not exist, maintenance (/run/nologin, /etc/nologin), a key that "
    "authorized_keys does not hold, or files that others can write to (as {user}: "
    "chmod go-w ~ ~/.ssh ~/.ssh/authorized_keys)"
)
_REFUSED = {
    Kind.KEY: _KEY_REFUSED,
    Kind.AGENT_KEY: _KEY_REFUSED,
    Kind.PASSWORD: msg(
        "The cause is only in the server's log (journalctl -u ssh): a wrong password, "
        "AllowUsers, DenyUsers, AllowGroups or DenyGroups without {user}, or a locked "
        "or expired account"
    ),
}
_ONE_FACTOR = msg(
    "Let this account in with a key alone, from this machine only (Match User {user} Address IP, "
    "AuthenticationMethods publickey), or reach the host through a jump host that asks for two"
)
_OTHER_CREDENTIAL = msg("Declare a credential that the server accepts: key or password in access")
_NOT_ENOUGH = {
    Kind.KEY: msg("{where}: the key was accepted, but the server requires a second factor"),
    Kind.PASSWORD: msg(
        "{where}: the password was accepted, but the server requires a second factor"
    ),
    Kind.AGENT_KEY: msg(
        "{where}: the agent key was accepted, but the server requires a second factor"
    ),
}


def _authenticate(link: Link, offer: Credential) -> None:
    """Log in, with one attempt."""
    library, where = _library.library(), link.access.where
    try:
        more = offer.login(link.transport, link.access.user)
    except library.BadAuthenticationType as error:
        methods = plain(", ".join(error.allowed_types)) or "-"
        detail = filled(_NOT_TAKEN[offer.kind], where=where, methods=methods)
        raise ConnectError(Reason.NOT_PERMITTED, detail, remedy=_OTHER_CREDENTIAL) from error
    except Exception as error:
        # A server that hangs up while it looks at a credential (MaxAuthTries 1) has refused it:
        # counted so, for the harm is a locked account.
        refused = isinstance(error, library.AuthenticationException | EOFError | OSError)
        detail = filled(_FAILED[offer.kind], where=where, error=text_of(error))
        remedy = _REFUSED[offer.kind] if refused else None
        if remedy is not None:
            remedy = filled(remedy, user=link.access.user)
        raise ConnectError(Reason.NOT_PERMITTED, detail, refused=refused, remedy=remedy) from error
    if more:
        detail = filled(_NOT_ENOUGH[offer.kind], where=where)
        remedy = filled(_ONE_FACTOR, user=link.access.user)
        raise ConnectError(Reason.NOT_PERMITTED, detail, remedy=remedy)
