"""Hosts over SSH: one connection, one login, scripts in plain exec channels (no pty).

What the library leaves open is closed here: deadlines hold in total and not per read, both streams
are read while the script is written, packets and banners are bounded, and no thread is left behind.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import select
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from audit_core.errors import ConfigError, ToolMissing
from audit_core.model import Reason, msg
from audit_core.transports import Closing, Ended, ScriptReply, TransportError, hostkeys
from audit_core.transports.hostkeys import Trust
from audit_core.transports.scope import as_address, checked_host, checked_user
from audit_core.transports.secrets import Secrets, is_reference, read_private_file
from audit_core.transports.streams import Capped

if TYPE_CHECKING:
    import paramiko

_SHELL = "exec /bin/sh -s"
_PACKET_MAX = 256 << 10  # as OpenSSH: PACKET_MAX_SIZE; the library itself would read 4 GiB
_BANNER_MAX = 16 << 10
_JOIN_S = 5.0
_GRACE_S = 1.0  # between our own deadline and the cutting of the connection
_KILL_S = 2.0
_AGENT_S = 20.0
_CONNECT_TRIES = 2
_IMPORTING = threading.Lock()

# Kills what other channels of this connection are running. sshd is the parent of the shells of
# all channels, each the leader of a session; `timeout` makes a group of its own but stays in that.
# A name in /proc/PID/stat may hold newlines and brackets: only what follows the last `)` is read.
_KILLER = b"""\
up=$PPID
all() {
  for d in /proc/[0-9]*; do
    s=
    while IFS= read -r l; do s="$s $l"; done 2>/dev/null <"$d/stat" || continue
    set -- ${s##*) }
    [ $# -gt 4 ] && echo "${d#/proc/} $2 $4"
  done
}
seen=$(all)
echo "$seen" | while read -r pid parent session; do
  [ "$parent" = "$up" ] && [ "$session" = "$pid" ] && [ "$pid" != $$ ] || continue
  echo "$seen" | while read -r p _ s; do [ "$s" = "$pid" ] && kill -9 "$p"; done
done 2>/dev/null
echo killed
"""


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
        """`user@host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.port}"

    @property
    def key_name(self) -> str:
        """The host's name in known_hosts, without the port."""
        return self.host_name_for_keys or self.host


class SshTransport:
    """Knows how to log in to one host. A refused credential is not tried a second time."""

    def __init__(self, access: SshAccess, secrets: Secrets | None = None) -> None:
        """ConfigError if a name in `access` is not one, or nothing can be logged in with."""
        _check(access)
        self._access = access
        self._secrets = secrets or Secrets()
        self._refused: TransportError | None = None

    def open(self) -> SshSession:
        """An open session.

        TransportError is about the host; ConfigError about our own side (a key file that cannot be
        read, a reference without a secret), before anything was sent; ToolMissing without paramiko.
        """
        if self._refused is not None:
            raise self._refused
        try:
            return SshSession(_reach(self._access, self._secrets))
        except TransportError as error:
            if error.credential_refused:
                self._refused = error
            raise


class SshSession(Closing):
    """A login on one host. One thread uses it at a time."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self.how = link.how

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        """The reply of `/bin/sh -s` fed with `script`.

        At the deadline or the limit what the script started is killed, which takes up to three
        seconds more. What escapes: everything but the shell's process group where the server opens
        no second channel, programs of another user (sudo), and what was put in the background by a
        shell that ended. Such a program ends by its own `timeout` or by its closed pipes.
        """
        exchange = _Exchange(self._link, script, limit)
        with _Watchdog(self._link.cut, deadline_s + _GRACE_S):
            deadline = time.monotonic() + deadline_s
            try:
                ended, detail = exchange.carry_out(deadline)
            except Exception as error:  # noqa: BLE001 (the library passes on whatever broke in it)
                late = time.monotonic() >= deadline
                ended, detail = Ended.DEADLINE if late else Ended.CLOSED, _told(error)
        with _Watchdog(self._link.cut, _KILL_S + _GRACE_S):
            if ended in (Ended.DEADLINE, Ended.LIMIT) and not self._kill_all():
                exchange.kill()
            exchange.close()
        if ended is Ended.DEADLINE:
            detail = f"no end within {deadline_s:g} s"
        return exchange.reply(ended, detail)

    def _kill_all(self) -> bool:
        """Kill what runs in this login, from a second channel; whether that could be done."""
        killer = _Exchange(self._link, _KILLER, 4096)
        try:
            ended, detail = killer.carry_out(time.monotonic() + _KILL_S)
        except Exception:  # noqa: BLE001 (no channel, or no connection any more)
            return False
        finally:
            killer.close()
        # Not only the end: a forced command ends too, and kills nothing.
        return killer.reply(ended, detail).stdout.endswith(b"killed\n")

    def close(self) -> None:
        """The connection is gone and no thread is left. May be called twice."""
        self._link.close()


# --- before anything is sent --------------------------------------------------------------------


def _check(access: SshAccess) -> None:
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
        _check(access.jump)


@functools.cache
def _library() -> ModuleType:
    """paramiko, with its log silenced: a target must not write to our terminal through it."""
    try:
        with _without("invoke"):
            import paramiko
    except ImportError as error:
        raise ToolMissing(msg("SSH needs paramiko: pip install 'dengbao[ssh]'")) from error
    log = logging.getLogger("paramiko")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    log.setLevel(logging.CRITICAL + 1)
    return paramiko


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    """In the block `import NAME` fails, unless it was imported before.

    The library takes `invoke` when it is there, for a part that is not used here, and with it
    unittest and asyncio: half of the 0.2 s and 6 of the 39 MB that its import costs.
    """
    with _IMPORTING:
        unwanted = name not in sys.modules
        if unwanted:
            sys.modules[name] = None  # type: ignore[assignment]  # as the import system has it
        try:
            yield
        finally:
            if unwanted:
                del sys.modules[name]


class _Credential(Struct, frozen=True, kw_only=True):
    """The one thing that is offered to a host; `close` frees what it holds."""

    kind: str
    login: Callable[[paramiko.Transport, str], Any]
    close: Callable[[], None] = lambda: None


def _credential(access: SshAccess, secrets: Secrets) -> _Credential:
    if access.key is not None:
        key = _load_key(access, secrets)
        return _Credential(kind="key", login=lambda t, user: t.auth_publickey(user, key))
    if access.password is not None:
        password = secrets.resolve(access.password).reveal()
        return _Credential(kind="password", login=lambda t, u: _password_login(t, u, password))
    return _agent_credential(access)


def _load_key(access: SshAccess, secrets: Secrets) -> paramiko.PKey:
    source = access.key or ""
    by_reference = is_reference(source)
    text = secrets.resolve(source).reveal() if by_reference else read_private_file(source)
    phrase = secrets.resolve(access.passphrase).reveal() if access.passphrase else None
    key = _key_from_text(text, phrase, source)
    certificate = os.path.expanduser(source) + "-cert.pub"
    if not by_reference and os.path.exists(certificate):
        key.load_certificate(certificate)
    return key


def _key_from_text(text: str, phrase: str | None, source: str) -> paramiko.PKey:
    """The private key in `text`, in any format that the crypto library reads."""
    from cryptography.hazmat.primitives import serialization as form

    raw = text.encode()
    load = form.load_ssh_private_key if b"BEGIN OPENSSH" in raw else form.load_pem_private_key
    try:
        key = load(raw if raw.endswith(b"\n") else raw + b"\n", phrase.encode() if phrase else None)
        # The library reads one format for each type: hand it that, in memory.
        plain = key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()
        )
    except TypeError as error:
        need = (
            "is encrypted: give passphrase: a reference" if phrase is None else "has no passphrase"
        )
        raise ConfigError(
            msg("{source}: the private key {need}", source=str(source), need=str(need))
        ) from error
    except Exception as error:
        raise ConfigError(
            msg("{source}: not a private key, or the wrong passphrase", source=str(source))
        ) from error
    return _as_library_key(type(key).__name__, plain.decode(), source)


def _as_library_key(kind: str, text: str, source: str) -> paramiko.PKey:
    library = _library()
    for prefix, make in (
        ("Ed25519", library.Ed25519Key), ("RSA", library.RSAKey), ("EC", library.ECDSAKey),
    ):  # fmt: skip
        if kind.removeprefix("_").startswith(prefix):
            key: paramiko.PKey = make.from_private_key(io.StringIO(text))
            return key
    raise ConfigError(
        msg(
            "{source}: keys of this type are not supported (ed25519, RSA, ECDSA are)",
            source=str(source),
        )
    )


def _agent_credential(access: SshAccess) -> _Credential:
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        raise ConfigError(
            msg("{where}: no SSH agent (SSH_AUTH_SOCK is not set)", where=str(access.where))
        )
    agent = _library().agent.AgentSSH()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(_AGENT_S)  # the library's own Agent would wait for ever
        sock.connect(path)
        agent._connect(sock)
        key = _pick(agent.get_keys(), access)
    except ConfigError:
        sock.close()
        raise
    except Exception as error:
        sock.close()
        raise ConfigError(
            msg("{where}: the SSH agent does not answer", where=str(access.where))
        ) from error
    return _Credential(
        kind="agent key", login=lambda t, user: t.auth_publickey(user, key), close=sock.close
    )


def _pick(keys: tuple[paramiko.AgentKey, ...], access: SshAccess) -> paramiko.AgentKey:
    """One key: each key that is offered counts as an attempt on the host."""
    wanted = access.agent_fingerprint
    for key in keys:
        if wanted is None or hostkeys.fingerprint(key.asbytes()) == wanted:
            return key
    raise ConfigError(
        msg(
            "{where}: the SSH agent holds no key{wanted}",
            where=str(access.where),
            wanted=str(f" {wanted}" if wanted else ""),
        )
    )


# --- from the first packet to the login ---------------------------------------------------------


class _Watchdog:
    """Cuts what it is given after so many seconds, unless it is left before. `fired` says so."""

    def __init__(self, cut: Callable[[], None], seconds: float) -> None:
        self.fired = False
        self._cut = cut
        self._timer = threading.Timer(max(0.0, seconds), self._fire)
        self._timer.daemon = True

    def _fire(self) -> None:
        self.fired = True
        self._cut()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._timer.join()


class _Link:
    """One SSH connection, and the connection to the jump host that it runs through."""

    def __init__(self, access: SshAccess, sock: Any, parent: _Link | None) -> None:
        self.access = access
        self._sock = sock
        self._parent = parent
        self.transport: paramiko.Transport = _library().Transport(
            sock, packetizer_class=_packetizer()
        )
        self.transport.banner_timeout = access.login_timeout_s
        self.transport.handshake_timeout = access.login_timeout_s
        self.transport.auth_timeout = access.login_timeout_s + _GRACE_S  # ours comes first
        self.host_key = ""

    @property
    def how(self) -> str:
        """Over what the host is reached, for the record."""
        own = f"ssh {self.access.where}, host key {self.host_key}"
        return own if self._parent is None else f"{own}, through {self._parent.how}"

    def cut(self) -> None:
        """Break the connection at its root: whoever waits on it wakes up. From any thread."""
        if self._parent is not None:
            self._parent.cut()
        else:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        self.transport.close()

    def close(self) -> None:
        """The connection and its threads are gone."""
        self.cut()
        if self.transport.ident is not None:
            self.transport.join(_JOIN_S)
        self.transport.packetizer.complete_handshake()  # stops the library's timer thread
        self._sock.close()
        if self._parent is not None:
            self._parent.close()


@functools.cache
def _packetizer() -> type[paramiko.packet.Packetizer]:
    """The library's packet reader, bounded: it would take any length that the server names."""
    library = _library()

    class Bounded(library.packet.Packetizer):  # type: ignore[misc,name-defined]
        banner = 0

        def read_all(self, n: int, check_rekey: bool = False) -> bytes:
            if n > _PACKET_MAX:
                raise library.SSHException("a packet larger than SSH allows")
            data: bytes = super().read_all(n, check_rekey)
            return data

        def _read_timeout(self, timeout: float) -> bytes:
            data: bytes = super()._read_timeout(timeout)
            self.banner += len(data)
            if self.banner > _BANNER_MAX:
                raise library.SSHException(f": more than {_BANNER_MAX} bytes without one")
            return data

    return Bounded


def _reach(access: SshAccess, secrets: Secrets) -> _Link:
    """A logged-in link to the host, through its jump hosts."""
    known = hostkeys.known_keys(access.known_hosts, access.key_name, access.port)
    credential = _credential(access, secrets)
    try:
        parent = _reach(access.jump, secrets) if access.jump is not None else None
        return _log_in(_dial(access, parent), known, credential)
    finally:
        credential.close()


def _dial(access: SshAccess, parent: _Link | None) -> _Link:
    if parent is None:
        return _Link(access, _connect(access), None)
    try:
        with _Watchdog(parent.cut, access.connect_timeout_s):
            sock = parent.transport.open_channel(
                "direct-tcpip", (access.host, access.port), ("127.0.0.1", 0),
                timeout=access.connect_timeout_s,
            )  # fmt: skip
    except Exception as error:
        parent.close()
        said = f"{access.where}: the jump host {parent.access.where} did not connect: "
        raise TransportError(Reason.UNREACHABLE, said + _told(error)) from error
    return _Link(access, sock, parent)


def _connect(access: SshAccess) -> socket.socket:
    """A TCP connection; one that fails (not one that hangs) is tried a second time."""
    tries = _CONNECT_TRIES
    while True:
        try:
            address = (access.host, access.port)
            sock = socket.create_connection(address, timeout=access.connect_timeout_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as error:
            said = f"{access.where}: no TCP connection within {access.connect_timeout_s:g} s"
            raise TransportError(Reason.UNREACHABLE, said) from error
        except OSError as error:
            tries -= 1
            if tries == 0:
                said = f"{access.where}: no TCP connection: {error.strerror or 'failed'}"
                raise TransportError(Reason.UNREACHABLE, said) from error
            time.sleep(0.1)
        else:
            return sock


def _log_in(link: _Link, known: tuple[hostkeys.KnownKey, ...], credential: _Credential) -> _Link:
    """`link`, logged in; closed again if that fails."""
    access = link.access
    try:
        with _Watchdog(link.cut, access.login_timeout_s) as watchdog:
            try:
                _shake_hands(link, known)
                _authenticate(link, credential)
            except TransportError:
                if watchdog.fired:
                    said = f"{access.where}: no login within {access.login_timeout_s:g} s"
                    raise TransportError(Reason.TIMED_OUT, said) from None
                raise
    except BaseException:
        link.close()
        raise
    if access.keepalive_s:
        link.transport.set_keepalive(access.keepalive_s)
    return link


def _shake_hands(link: _Link, known: tuple[hostkeys.KnownKey, ...]) -> None:
    """Agree on keys with the server, and make sure that it is the one that is known."""
    transport = link.transport
    options = transport.get_security_options()
    options.key_types = hostkeys.prefer(known, tuple(options.key_types))
    try:
        transport.start_client()
        key = transport.get_remote_server_key()
    except Exception as error:
        said = f"{link.access.where}: no SSH server that we can talk to: {_told(error)}"
        raise TransportError(Reason.UNREACHABLE, said) from error
    blob = key.asbytes()
    link.host_key = hostkeys.fingerprint(blob)
    trust = hostkeys.judge(known, key.get_name(), blob)
    if trust is not Trust.KNOWN:
        raise _untrusted(link, trust, key.get_name(), key.get_base64(), known)


def _untrusted(
    link: _Link, trust: Trust, type: str, key: str, known: tuple[hostkeys.KnownKey, ...]
) -> TransportError:
    access, seen = link.access, f"{type} {link.host_key}"
    places = ", ".join(k.place for k in known if not k.marker)
    match trust:
        case Trust.CHANGED:
            said = f"THE HOST KEY HAS CHANGED: the server now shows {seen}, not the key in {places}"
            hint = "Someone may be in between. Ask the host's owner; if the new key is right, "
            hint += f"remove the old one: {_removal(access)}"
        case Trust.REVOKED:
            said, hint = f"THE HOST KEY IS REVOKED: the server shows {seen}, marked @revoked", ""
        case Trust.AUTHORITY_ONLY:
            said = f"unknown host key {seen}; known_hosts has only a @cert-authority for this host"
            hint = f"Host certificates are not supported. {_acceptance(link, type, key)}"
        case Trust.OTHER_TYPE:
            said = f"unknown host key {seen}; the host is known by keys of other types ({places})"
            hint = _acceptance(link, type, key)
        case _:
            said, hint = f"unknown host key {seen}", _acceptance(link, type, key)
    return TransportError(Reason.UNREACHABLE, f"{access.where}: {said}", hint=hint)


def _known_hosts_file(access: SshAccess) -> str:
    path = access.known_hosts[0] if access.known_hosts else hostkeys.DEFAULT_FILES[0]
    head, tail = ("~/", path[2:]) if path.startswith("~/") else ("", path)
    return head + shlex.quote(tail)


def _removal(access: SshAccess) -> str:
    name = shlex.quote(hostkeys.name_for(access.key_name, access.port))
    return f"ssh-keygen -f {_known_hosts_file(access)} -R {name}"


def _acceptance(link: _Link, type: str, key: str) -> str:
    """The command that makes this key known."""
    access, file = link.access, _known_hosts_file(link.access)
    if access.jump is not None:  # ssh-keyscan cannot go through a jump host
        line = f"{hostkeys.name_for(access.key_name, access.port)} {type} {key}"
        command = f"echo {shlex.quote(line)} >> {file}"
    else:
        short = type.removeprefix("ssh-").partition("-")[0]
        scan = f"ssh-keyscan -p {access.port} -t {short} -- {access.key_name}"
        command = f"{scan} >> {file}"
    return f"Compare {link.host_key} with the host's own, then accept it: {command}"


def _authenticate(link: _Link, credential: _Credential) -> None:
    """Log in, with one attempt."""
    library, where = _library(), link.access.where
    try:
        more = credential.login(link.transport, link.access.user)
    except library.BadAuthenticationType as error:
        said = f"{where}: the server takes no {credential.kind}, only {_told_list(error)}"
        raise TransportError(Reason.NOT_PERMITTED, said) from error
    except Exception as error:
        # A server that hangs up while it looks at a credential (MaxAuthTries 1) has refused it:
        # counted so, for the harm is a locked account.
        refused = isinstance(error, library.AuthenticationException | EOFError | OSError)
        said = f"{where}: the login with the {credential.kind} failed: {_told(error)}"
        raise TransportError(Reason.NOT_PERMITTED, said, credential_refused=refused) from error
    if more:
        said = f"{where}: the {credential.kind} was taken, but the server wants a second one"
        raise TransportError(Reason.NOT_PERMITTED, said)


def _password_login(transport: paramiko.Transport, user: str, password: str) -> Any:
    """Send the password once, by the one method that the server has for it.

    Asking for the methods first ("none") keeps a password from being counted twice.
    """
    library = _library()
    try:
        return transport.auth_none(user)
    except library.BadAuthenticationType as error:
        allowed = error.allowed_types
        if "password" not in allowed and "keyboard-interactive" in allowed:
            return transport.auth_interactive(user, _OneAnswer(password))
        if "password" not in allowed:
            raise
    return transport.auth_password(user, password, fallback=False)


class _OneAnswer:
    """Answers one hidden prompt, once; anything else a server asks ends the login."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._rounds = 0
        self._answered = False

    def __call__(self, title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str]:
        self._rounds += 1
        if not prompts and self._rounds <= 3:  # PAM shows a text without asking anything
            return []
        if self._answered or len(prompts) != 1 or prompts[0][1]:
            raise _library().AuthenticationException("it asked more than for one password")
        self._answered = True
        return [self._password]


# --- one script ---------------------------------------------------------------------------------


class _Exchange:
    """One script on its way in and two streams on their way out of one exec channel."""

    def __init__(self, link: _Link, script: bytes, limit: int) -> None:
        self._link = link
        self._left = memoryview(script)
        self._fed = False
        self._limit = limit
        self._out, self._err = Capped(limit), Capped(limit)
        self._channel: paramiko.Channel | None = None
        self._code: int | None = None

    def carry_out(self, deadline: float) -> tuple[Ended, str]:
        """How it ended and why; raises whatever the library does when the connection breaks."""
        channel = self._channel = self._opened(deadline)
        channel.exec_command(_SHELL)
        channel.settimeout(0.0)
        ready = select.poll()
        ready.register(channel.fileno(), select.POLLIN)
        while not self._turn(channel):
            if self._out.over or self._err.over:
                return Ended.LIMIT, f"more than {self._limit} bytes on a stream"
            wait = deadline - time.monotonic()
            if wait <= 0:
                return Ended.DEADLINE, ""
            # Nothing wakes us when the window for the rest of the script opens: look again soon.
            ready.poll(1000 * min(wait, wait if self._fed else 0.02))
        return self._status(channel, deadline)

    def _opened(self, deadline: float) -> paramiko.Channel:
        """A channel; asked for again while the server still clears away the last (MaxSessions)."""
        library = _library()
        pause = 0.005
        while True:
            wait = max(0.0, deadline - time.monotonic())
            try:
                return self._link.transport.open_session(timeout=wait)
            except library.ChannelException:
                if pause > 1.0 or pause > wait:
                    raise
                time.sleep(pause)
                pause *= 2

    def _turn(self, channel: paramiko.Channel) -> bool:
        """Move what can be moved without waiting; whether both streams are at their end."""
        self._feed(channel)
        out_ended = self._drain(channel.recv, self._out)
        err_ended = self._drain(channel.recv_stderr, self._err)
        return out_ended and err_ended

    def _feed(self, channel: paramiko.Channel) -> None:
        if self._fed:
            return
        with contextlib.suppress(OSError):  # no window yet (TimeoutError); or the shell is gone
            while self._left:
                self._left = self._left[channel.send(self._left[: 32 << 10].tobytes()) :]
            channel.shutdown_write()
            self._fed = True

    def _drain(self, read: Callable[[int], bytes], kept: Capped) -> bool:
        """Read all there is; whether the stream is at its end."""
        while not kept.over:
            try:
                data = read(kept.room())
            except TimeoutError:
                return False
            if not data:
                return True
            kept.add(data)
        return False

    def _status(self, channel: paramiko.Channel, deadline: float) -> tuple[Ended, str]:
        """The streams have ended: wait for the exit status, which may never come."""
        if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            return Ended.DEADLINE, ""
        code = channel.recv_exit_status()
        if code >= 0:
            self._code = code
            return Ended.EXITED, ""
        if not self._link.transport.is_active():
            return Ended.CLOSED, "the server closed the connection"
        return Ended.CLOSED, "the server closed the channel without an exit status"

    def kill(self) -> None:
        """Ask the server to kill the shell's process group; OpenSSH does so from 7.9, not for root.

        RFC 4254, 6.9; the library has no call for it.
        """
        if self._channel is None:
            return
        message = _library().Message()
        message.add_byte(_library().common.cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("signal")
        message.add_boolean(False)
        message.add_string("KILL")
        with contextlib.suppress(Exception):  # the connection may be gone: then nothing can be done
            self._link.transport._send_user_message(message)  # type: ignore[attr-defined]

    def close(self) -> None:
        """The channel is closed, on our side at least. Never raises."""
        if self._channel is not None:
            with contextlib.suppress(Exception):
                self._channel.close()

    def reply(self, ended: Ended, detail: str) -> ScriptReply:
        """What came in, with how it ended."""
        return ScriptReply(
            stdout=self._out.value(), stderr=self._err.value(), ended=ended,
            exit_code=self._code, detail=detail,
        )  # fmt: skip


# --- words --------------------------------------------------------------------------------------


def _told(error: BaseException) -> str:
    """An exception as a short line of printable text: its words may be the server's."""
    if isinstance(error, EOFError):
        return "the server closed the connection"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = ascii(str(error) or type(error).__name__)[1:-1]
    return text if len(text) <= 160 else text[:157] + "..."


def _told_list(error: Any) -> str:
    return ascii(", ".join(error.allowed_types)[:160])[1:-1] or "nothing"
