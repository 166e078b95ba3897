"""known_hosts(5): the known keys of a host, and the trust in an offered key.

Hashed names, `[host]:port`, patterns with `*`, `?` and `!`, and `@revoked` are honoured.
`@cert-authority` lines make no key known: they say whose signature on a certificate would.

As in OpenSSH (sshconnect.c, check_host_key) a host at another port is also known by a line without
a port that holds the very key, unless some key is known at the port.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import enum
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_core.connectors.secrets import in_shell
from audit_core.model import msg
from audit_core.model.errors import ConfigError
from audit_core.text.system_errors import os_error

_CERTIFIED = "-cert-v01@"
DEFAULT_FILES = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


class Trust(enum.StrEnum):
    """The trust in an offered key. Only KNOWN is accepted."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    OTHER_TYPE = "other_type"
    CHANGED = "changed"
    REVOKED = "revoked"
    AUTHORITY_ONLY = "authority_only"


class KnownKey(Struct, frozen=True, kw_only=True):
    """One line of known_hosts that concerns a host; `marker` is `@revoked` or the like, or ''.

    `without_port`: the line names the host, but not at the port that is asked for.
    """

    marker: str
    type: str
    blob: bytes
    place: str
    without_port: bool = False


def fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key as `ssh-keygen -l` prints it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def name_for(host: str, port: int) -> str:
    """The name under which known_hosts holds a host: bare at port 22, else `[host]:port`."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def known_keys(paths: Iterable[str], host: str, port: int) -> tuple[KnownKey, ...]:
    """The keys that the files hold for a host. No file, no keys.

    ConfigError for a file that cannot be read.
    """
    names, found = (name_for(host, port), host.lower()), []
    for path in paths:
        for number, line in enumerate(_lines(path), 1):
            key = _parse(line, names, f"{path}:{number}")
            if key is not None:
                found.append(key)
    return tuple(found)


def plain_keys(path: str) -> Iterator[tuple[str, str]]:
    """The lines without a marker of one file: names as they stand there, and the fingerprint."""
    for line in _lines(path):
        fields = line.split()
        if len(fields) > 2 and fields[0][0] not in "@#":
            with contextlib.suppress(binascii.Error, ValueError):
                yield fields[0], fingerprint(base64.b64decode(fields[2], validate=True))


def judge(known: tuple[KnownKey, ...], type: str, blob: bytes) -> Trust:
    """The trust in a key that the server has proven to hold."""
    if is_revoked(known, blob):
        return Trust.REVOKED
    plain = named(known)
    if any(k.blob == blob for k in plain):
        return Trust.KNOWN
    if any(k.type == type for k in plain):
        return Trust.CHANGED
    if not plain and any(k.blob == blob for k in known if not k.marker):
        return Trust.KNOWN
    if plain:
        return Trust.OTHER_TYPE
    return Trust.AUTHORITY_ONLY if has_authority(known) else Trust.UNKNOWN


def named(known: tuple[KnownKey, ...]) -> tuple[KnownKey, ...]:
    """The keys of the host at its port."""
    return tuple(k for k in known if not k.marker and not k.without_port)


def is_unknown(known: tuple[KnownKey, ...]) -> bool:
    """Whether nothing is known that a server could be held to."""
    return not has_authority(known) and all(k.marker for k in known)


def prefer(known: tuple[KnownKey, ...], supported: tuple[str, ...]) -> tuple[str, ...]:
    """`supported` host key algorithms, those first under which the host is known.

    Without this the two sides may agree on a type that known_hosts does not hold (RFC 4253, 7.1).
    A host that is known by its authority only is asked for its certificate.
    """
    types = {k.type for k in named(known) or known if not k.marker}
    first = tuple(a for a in supported if type_of(a) in types)
    if not first and has_authority(known):
        first = tuple(a for a in supported if _CERTIFIED in a)
    return first + tuple(a for a in supported if a not in first)


def has_authority(known: tuple[KnownKey, ...]) -> bool:
    """Whether some authority may vouch for the host."""
    return any(k.marker == "@cert-authority" for k in known)


def is_authority(known: tuple[KnownKey, ...], blob: bytes) -> bool:
    """Whether the key `blob` may vouch for the host."""
    return any(k.marker == "@cert-authority" and k.blob == blob for k in known)


def is_revoked(known: tuple[KnownKey, ...], blob: bytes) -> bool:
    """Whether known_hosts marks the key `blob` as revoked."""
    return any(k.marker == "@revoked" and k.blob == blob for k in known)


def type_of(algorithm: str) -> str:
    """The type of the keys that sign by `algorithm`."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


def _lines(path: str) -> list[str]:
    try:
        with open(os.path.expanduser(path), encoding="utf-8", errors="surrogateescape") as file:
            return file.read().split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(
            msg(
                "{path}: cannot read known host keys: {error}",
                path=str(path),
                error=os_error(error),
            ),
            command=f'sudo chown "$(id -un)" {in_shell(path)}',
        ) from error


def _parse(line: str, names: tuple[str, str], place: str) -> KnownKey | None:
    """The key on this line if it is for `names`; an invalid line is ignored.

    `names` are with the port and without. As in OpenSSH an authority vouches for all ports of the
    hosts it is named for; and what is revoked without a port is taken at none.
    """
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    matched = [_matches(fields[0], name) for name in names]
    if not any(matched):
        return None
    try:
        blob = base64.b64decode(fields[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    return KnownKey(
        marker=marker, type=fields[1], blob=blob, place=place, without_port=not matched[0]
    )


def _matches(names: str, name: str) -> bool:
    if names.startswith("|"):
        return matches_hashed(names, name)
    hit = False
    for pattern in names.lower().split(","):
        if pattern.startswith("!"):
            if matches_pattern(pattern[1:], name):
                return False
        elif matches_pattern(pattern, name):
            hit = True
    return hit


def matches_pattern(pattern: str, name: str) -> bool:
    """Whether `name` is as `pattern` says, in which `*` and `?` stand for others."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), name) is not None


def matches_hashed(entry: str, name: str) -> bool:
    """Whether a hashed name of known_hosts is `name`."""
    try:
        _, magic, salt, digest = entry.split("|")
        raw_salt = base64.b64decode(salt, validate=True)
        raw_digest = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return False
    # OpenSSH hashes names with HMAC-SHA1, only to hide them.
    wanted = hmac.new(raw_salt, name.encode("utf-8", "surrogateescape"), hashlib.sha1).digest()
    return magic == "1" and hmac.compare_digest(wanted, raw_digest)
