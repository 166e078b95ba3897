"""Hosts over SSH: one connection, one login, scripts in plain exec channels (no pty).

May import `audit_core`, paramiko and the shared modules of `audit_shell`.

Limits that the library lacks are set here: deadlines hold in total, not per read; both streams
are read while the script is written, packets and banners are bounded, and no thread is left behind.

Beside it `preflight` tells what is missing before a login, `peers` which keys servers show, and
`jump` lets other connectors connect through a host.
The modules, each importing only those below: this one, `_login`, `_server_keys`, `_trust`,
`_exchange` and `_host_key`, `_link` and `_credentials`, `_certificates`, `_library`,
`_access`, `_error_text`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from audit_core.model import Closing, ConnectError, Message, msg
from audit_core.model.errors import ConfigError
from audit_shell.key_exchange import StoredKeyExchange
from audit_shell.scripts import Ended, ScriptReply
from audit_shell.ssh._access import SshAccess, check
from audit_shell.ssh._error_text import as_message, no_end, text_of
from audit_shell.ssh._exchange import Exchange
from audit_shell.ssh._link import GRACE_S, Link, Watchdog
from audit_shell.ssh._login import reach
from audit_shell.ssh._server_keys import key_exchange

__all__ = ["SshAccess", "SshSession", "SshTransport"]

_KILL_S = 5.0

# Kills what other channels of this connection are running. sshd is the parent of the shells of
# all channels, each the leader of a session; `timeout` makes a group of its own but stays in that.
# Where the connection broke meanwhile, the parent is init, and its children are every service of
# the machine: nothing is killed unless the parent is an SSH server. What was forked between looking
# and killing is found in the next turn.
# A name in /proc/PID/stat may hold newlines and brackets: only what follows the last `)` is read.
_KILLER = b"""\
up=$PPID mine=' '
read -r name <"/proc/$up/comm" || exit
case $up/$name in 1/*) exit ;; */sshd* | */dropbear*) ;; *) exit ;; esac
all() {
  for d in /proc/[0-9]*; do
    s=
    while IFS= read -r l; do s="$s $l"; done 2>/dev/null <"$d/stat" || continue
    set -- ${s##*) }
    [ $# -gt 4 ] && [ "$1" != Z ] && [ "$1" != X ] && echo "${d#/proc/} $2 $4"
  done
}
for turn in 1 2 3 4 5; do
  seen=$(all) left=
  while read -r pid parent _; do
    [ "$parent" = "$up" ] && [ "$pid" != $$ ] && mine="$mine$pid "
  done <<E
$seen
E
  while read -r pid _ session; do
    case $mine in *" $pid "* | *" $session "*) kill -9 "$pid" && left=y ;; esac
  done 2>/dev/null <<E
$seen
E
  [ "$left" ] || break
done
echo killed
"""


def unresolved(reference: str) -> str:
    """Raises for any reference: used for an access without secrets."""
    raise ConfigError(msg("references to secrets cannot be resolved here"))


class SshTransport:
    """Knows how to log in to one host. A refused credential is not tried a second time."""

    def __init__(self, access: SshAccess, secret: Callable[[str], str] = unresolved) -> None:
        """ConfigError if a name in `access` is not one, or nothing can be logged in with."""
        check(access)
        self._access = access
        self._secret = secret
        self._refused: ConnectError | None = None

    def open(self) -> SshSession:
        """A logged-in session.

        ConnectError is about the host; ConfigError about our own side (a key file that cannot be
        read, a reference without a secret), before anything was sent; ToolMissing without paramiko.
        """
        if self._refused is not None:
            raise self._refused
        try:
            return SshSession(reach(self._access, self._secret))
        except ConnectError as error:
            if error.refused:
                self._refused = error
            raise


class SshSession(Closing):
    """A login on one host. One thread uses it at a time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.info = link.info

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        """The reply of `/bin/sh -s` fed with `script`.

        At the deadline or the limit what the script started is killed, which takes up to six
        seconds more. What escapes: everything but the shell's process group where the server opens
        no second channel, programs of another user (sudo), and what was put in the background by a
        shell that ended. Such a program ends by its own `timeout` or by its closed pipes.
        """
        exchange = Exchange(self._link, script, limit)
        with Watchdog(self._link.cut, deadline_s + GRACE_S) as watchdog:
            deadline = time.monotonic() + deadline_s
            detail: Message | None
            try:
                ended, detail = exchange.carry_out(deadline)
            except Exception as error:  # noqa: BLE001 (the library passes on whatever broke in it)
                late = time.monotonic() >= deadline
                ended, detail = Ended.DEADLINE if late else Ended.CLOSED, as_message(text_of(error))
        if watchdog.fired and ended is Ended.CLOSED:  # closed by us, not by the server
            ended = Ended.DEADLINE
        with Watchdog(self._link.cut, _KILL_S + GRACE_S):
            if ended in (Ended.DEADLINE, Ended.LIMIT) and not self._kill_all():
                exchange.kill()
            exchange.close()
        if ended is Ended.DEADLINE:
            detail = no_end(deadline_s)
        return exchange.reply(ended, detail)

    def key_exchange(self, seconds: float) -> StoredKeyExchange:
        """The algorithms and host keys that the server sends to every client.

        One more connection where it has an RSA key and did not tell it after the login.
        """
        return key_exchange(self._link, time.monotonic() + seconds)

    def _kill_all(self) -> bool:
        """Kill what runs in this login, from a second channel; whether that could be done."""
        killer = Exchange(self._link, _KILLER, 4096)
        try:
            ended, detail = killer.carry_out(time.monotonic() + _KILL_S)
        except Exception:  # noqa: BLE001 (no channel, or no connection any more)
            return False
        finally:
            killer.close()
        # Not only the end: a forced command ends too, and kills nothing.
        return killer.reply(ended, detail).stdout.endswith(b"killed\n")

    def close(self) -> None:
        """Closes the connection and ends its threads. May be called twice."""
        self._link.close()
