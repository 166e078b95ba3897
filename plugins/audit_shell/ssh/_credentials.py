"""The credential that is offered to a host: a key, a password, or one key of an agent."""

from __future__ import annotations

import enum
import io
import os
import shlex
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from audit_core.connectors.secrets import is_reference, read_private_file
from audit_core.model import Message, filled, msg
from audit_core.model.errors import ConfigError
from audit_shell import hostkeys
from audit_shell.ssh._access import SshAccess
from audit_shell.ssh._certificates import validity_problem
from audit_shell.ssh._library import library

if TYPE_CHECKING:
    import paramiko

_AGENT_S = 20.0


class Kind(enum.Enum):
    """How a credential proves the identity of the user."""

    KEY = "key"
    PASSWORD = "password"  # noqa: S105 (no password)
    AGENT_KEY = "agent key"


class Credential(Struct, frozen=True, kw_only=True):
    """The credential that is offered to a host; `close` releases its resources."""

    kind: Kind
    login: Callable[[paramiko.Transport, str], Any]
    close: Callable[[], None] = lambda: None


def credential(access: SshAccess, secret: Callable[[str], str]) -> Credential:
    """What `access` logs in with; ConfigError where it cannot be had."""
    if access.key is not None:
        key = _load_key(access, secret)
        return Credential(kind=Kind.KEY, login=lambda t, user: t.auth_publickey(user, key))
    if access.password is not None:
        password = secret(access.password)
        return Credential(
            kind=Kind.PASSWORD, login=lambda t, user: _password_login(t, user, password)
        )
    return _agent_credential(access)


# --- keys ---------------------------------------------------------------------------------------


def _load_key(access: SshAccess, secret: Callable[[str], str]) -> paramiko.PKey:
    source = access.key or ""
    by_reference = is_reference(source)
    create = "ssh-keygen -t ed25519 -f"
    text = secret(source) if by_reference else read_private_file(source, create=create)
    phrase = secret(access.passphrase) if access.passphrase else None
    key = _key_from_text(text, phrase, source)
    certificate = os.path.expanduser(source) + "-cert.pub"
    if not by_reference and os.path.exists(certificate):
        _load_certificate(key, certificate)
    return key


def _load_certificate(key: paramiko.PKey, path: str) -> None:
    try:
        key.load_certificate(path)
    except Exception as error:
        raise ConfigError(
            msg("{path}: not a certificate for the key with the same name", path=path)
        ) from error
    blob = key.public_blob.key_blob if key.public_blob else b""
    if (ended := validity_problem(blob, time.time())) is not None:
        raise ConfigError(filled(ended, path=path), command=f"ssh-keygen -L -f {shlex.quote(path)}")


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
        return _as_library_key(type(key).__name__, plain.decode(), source)
    except ConfigError:
        raise
    except TypeError as error:
        raise ConfigError(_wrong_passphrase(phrase, source), command=_try(source)) from error
    except Exception as error:
        raise ConfigError(
            msg("{source}: not a private key, or the wrong passphrase", source=source),
            command=_try(source),
        ) from error


def _try(source: str) -> str:
    """A command that asks for the passphrase and tells whether it opens the key."""
    return "" if is_reference(source) else f"ssh-keygen -y -f {shlex.quote(source)}"


def _wrong_passphrase(phrase: str | None, source: str) -> Message:
    if phrase is None:
        return msg(
            "{source}: the private key is encrypted: give passphrase: a reference", source=source
        )
    return msg("{source}: the private key has no passphrase", source=source)


def _as_library_key(kind: str, text: str, source: str) -> paramiko.PKey:
    for prefix, make in (
        ("Ed25519", library().Ed25519Key), ("RSA", library().RSAKey), ("EC", library().ECDSAKey),
    ):  # fmt: skip
        if kind.removeprefix("_").startswith(prefix):
            key: paramiko.PKey = make.from_private_key(io.StringIO(text))
            return key
    raise ConfigError(
        msg("{source}: keys of this type are not supported (ed25519, RSA, ECDSA are)",
            source=source)
    )  # fmt: skip


# --- an agent -----------------------------------------------------------------------------------


def _agent_credential(access: SshAccess) -> Credential:
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        raise ConfigError(
            msg("{where}: no SSH agent (SSH_AUTH_SOCK is not set)", where=access.where),
            command='eval "$(ssh-agent -s)" && ssh-add',
        )
    agent = library().agent.AgentSSH()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(_AGENT_S)  # the Agent of the library has no timeout
        sock.connect(path)
        agent._connect(sock)
        key = _pick(agent.get_keys(), access)
    except ConfigError:
        sock.close()
        raise
    except Exception as error:
        sock.close()
        raise ConfigError(
            msg("{where}: the SSH agent does not answer", where=access.where),
            command='eval "$(ssh-agent -s)" && ssh-add',
        ) from error
    return Credential(
        kind=Kind.AGENT_KEY, login=lambda t, user: t.auth_publickey(user, key), close=sock.close
    )


def _pick(keys: tuple[paramiko.AgentKey, ...], access: SshAccess) -> paramiko.AgentKey:
    """One key: each key that is offered counts as an attempt on the host."""
    wanted = access.agent_fingerprint
    for key in keys:
        if wanted is None or hostkeys.fingerprint(key.asbytes()) == wanted:
            return key
    if wanted is None:
        raise ConfigError(
            msg("{where}: the SSH agent holds no key", where=access.where), command="ssh-add"
        )
    raise ConfigError(
        msg("{where}: the SSH agent holds no key {wanted}", where=access.where, wanted=wanted),
        command="ssh-add",
    )


# --- passwords ----------------------------------------------------------------------------------


def _password_login(transport: paramiko.Transport, user: str, password: str) -> Any:
    """Send the password once, by the one method that the server has for it.

    Asking for the methods first ("none") keeps a password from being counted twice.
    """
    try:
        return transport.auth_none(user)
    except library().BadAuthenticationType as error:
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
            raise library().AuthenticationException("it asked more than for one password")
        self._answered = True
        return [self._password]
