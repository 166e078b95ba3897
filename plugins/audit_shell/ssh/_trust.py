"""Verification of host keys, and the errors where it fails."""

from __future__ import annotations

import base64
import shlex
import time
from typing import TYPE_CHECKING

from audit_core.connectors.secrets import in_shell
from audit_core.model import ConnectError, Message, Reason, filled, msg
from audit_shell import hostkeys
from audit_shell.hostkeys import KnownKey, Trust
from audit_shell.ssh import _certificates
from audit_shell.ssh._access import SshAccess

if TYPE_CHECKING:
    import paramiko


def verified(access: SshAccess, known: tuple[KnownKey, ...], key: paramiko.PKey) -> str:
    """The fingerprint of `key`, which the server proved to hold.

    ConnectError if the key is not known and no known authority vouches for it.
    """
    blob, type = key.asbytes(), key.get_name()
    trust = hostkeys.judge(known, type, blob)
    certificate = key.public_blob.key_blob if key.public_blob is not None else b""
    doubt = _doubt(access, known, trust, blob, certificate)
    if doubt is None:
        return hostkeys.fingerprint(blob)
    raise _refused(access, known, trust, doubt, type, blob)


def _refused(
    access: SshAccess, known: tuple[KnownKey, ...], trust: Trust, doubt: Message, type: str,
    blob: bytes,
) -> ConnectError:  # fmt: skip
    why = filled(
        doubt,
        where=access.where,
        key=f"{type} {hostkeys.fingerprint(blob)}",
        places=", ".join(k.place for k in hostkeys.named(known)),
    )
    return ConnectError(Reason.UNREACHABLE, why, remedy=_remedy(access, trust, type, blob))


def doubtful(access: SshAccess, known: tuple[KnownKey, ...], key: paramiko.PKey) -> ConnectError:
    """What is wrong with `key`, which is neither known nor unknown."""
    blob, type = key.asbytes(), key.get_name()
    trust = hostkeys.judge(known, type, blob)
    return _refused(access, known, trust, _DETAILS[trust], type, blob)


def _doubt(
    access: SshAccess, known: tuple[KnownKey, ...], trust: Trust, blob: bytes, certificate: bytes
) -> Message | None:
    if trust is Trust.KNOWN:
        return None
    if trust in (Trust.CHANGED, Trust.REVOKED) or not hostkeys.has_authority(known):
        return _DETAILS[trust]
    if not certificate:
        return _NO_CERTIFICATE
    return _certificates.refusal(certificate, blob, access.key_name, known, time.time())


_DETAILS = {
    Trust.CHANGED: msg(
        "{where}: THE HOST KEY HAS CHANGED: the server now presents {key}, not the key in {places}"
    ),
    Trust.REVOKED: msg(
        "{where}: THE HOST KEY IS REVOKED: the server presents {key}, marked @revoked"
    ),
    Trust.OTHER_TYPE: msg(
        "{where}: unknown host key {key}; the host is known by keys of other types ({places})"
    ),
    Trust.UNKNOWN: msg("{where}: unknown host key {key}"),
}
_NO_CERTIFICATE = msg(
    "{where}: unknown host key {key}; known_hosts has a @cert-authority for this host, but the "
    "server presented no certificate"
)


def _remedy(access: SshAccess, trust: Trust, type: str, blob: bytes) -> Message | None:
    if trust is Trust.REVOKED:
        return None
    if trust is Trust.CHANGED:
        return msg(
            "This may be a man-in-the-middle attack. Ask the host's owner; if the new key is "
            "right, remove the old one: {command}",
            command=_removal(access),
        )
    return msg(
        "Compare {key} with the host's own, then accept it: {command}",
        key=hostkeys.fingerprint(blob),
        command=_acceptance(access, type, blob),
    )


def known_hosts_file(access: SshAccess) -> str:
    """The file that new keys of the host are written to."""
    return access.known_hosts[0] if access.known_hosts else hostkeys.DEFAULT_FILES[0]


def line_of(access: SshAccess, type: str, blob: bytes) -> str:
    """The line of known_hosts that makes this key known."""
    key = base64.b64encode(blob).decode()
    return f"{hostkeys.name_for(access.key_name, access.port)} {type} {key}"


def _removal(access: SshAccess) -> str:
    name = shlex.quote(hostkeys.name_for(access.key_name, access.port))
    return f"ssh-keygen -f {in_shell(known_hosts_file(access))} -R {name}"


def _acceptance(access: SshAccess, type: str, blob: bytes) -> str:
    """The command that makes this key known."""
    file = in_shell(known_hosts_file(access))
    if access.jump is not None:  # ssh-keyscan cannot go through a jump host
        return f"echo {shlex.quote(line_of(access, type, blob))} >> {file}"
    short = type.removeprefix("ssh-").partition("-")[0]
    return f"ssh-keyscan -p {access.port} -t {short} -- {access.key_name} >> {file}"
