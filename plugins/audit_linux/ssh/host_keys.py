"""The host keys of the SSH server, and whether they are long enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    FileStatus,
    Judgement,
    ParseError,
    ReadFiles,
    Severity,
    Up,
    Values,
    capped,
    fact,
    failed,
    integer,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.find_errors import refused
from audit_linux.ssh.public_keys import PublicKey, public_key, weak
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_offered import OfferedAlgorithms
from audit_linux.ssh.sshd_server import Server, shown_check


class HostKeys(Struct, frozen=True, kw_only=True):
    """The private host keys in /etc/ssh, each with its public key, None where that was not read."""

    keys: dict[str, PublicKey | None]


def parse_host_keys(answers: Answers) -> HostKeys | Absent:
    """The key pairs of the server: a public key stands beside its private one, in `.pub`."""
    denied = refused(answers["private"].stderr)
    if denied is not None:
        return denied
    found = [p.decode("utf-8", "surrogateescape") for p in answers["private"].stdout.split(b"\0")]
    private = [path for path in found if path]
    if any(not path.startswith("/") for path in private):
        raise ParseError(msg("not a list of paths"))
    public = {
        file.path.removesuffix(".pub"): _first(file.text)
        for file in answers["public"].files
        if file.status is FileStatus.READ
    }
    return HostKeys(keys={path: public.get(path) for path in sorted(private)})


def _first(text: str) -> PublicKey | None:
    words = text.split()
    return public_key(words[0], words[1]) if len(words) > 1 else None


HOST_KEYS = fact(
    "linux.sshd-host-key-pairs",
    HostKeys,
    kind="host",
    asks={
        "public": ReadFiles(globs=("/etc/ssh/*_key.pub",)),
        "private": Command(
            argv=("/usr/bin/find", "/etc/ssh", "-maxdepth", "1", "-name", "*_key", "-print0"),
            ok=(0, 1),
        ),
    },
    parse=parse_host_keys,
)


def _of_shown(shown: OfferedAlgorithms, min_rsa: int) -> Judgement | None:
    """What the keys that the server shows say; None where it did not show the length of one.

    The name of every other type than RSA tells what it is (DSA, or the curve).
    """
    offered = shown.algorithms.get("hostkeyalgorithms", ())
    kinds = tuple(dict.fromkeys(_KIND.get(name, name) for name in offered))
    keys = {kind: shown.keys.get(kind, PublicKey(kind=kind)) for kind in kinds}
    if short := [key.text for key in keys.values() if _surely_weak(key, min_rsa)]:
        detail = msg("Host keys that are too short or of a weak type: {names}", names=capped(short))
        return failed(detail, _SHOWN)
    labels = [key.text for key in keys.values() if "-cert-" not in key.kind]
    if any(key.kind == "ssh-rsa" and key.bits is None for key in keys.values()):
        return None
    if strange := [kind for kind in kinds if not kind.startswith(_FIXED)]:
        return undetermined(
            msg("Host keys whose length was not read: {names}", names=capped(strange))
        )
    return passed(msg("Host keys: {names}", names=capped(labels)), _SHOWN)


def _surely_weak(key: PublicKey, min_rsa: int) -> bool:
    return key.kind.startswith("ssh-dss") or (key.bits is not None and weak(key, min_rsa))


_SHOWN = msg("As the server shows it to every client in its key exchange")
_KIND = {"rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa",
         "rsa-sha2-256-cert-v01@openssh.com": "ssh-rsa",
         "rsa-sha2-512-cert-v01@openssh.com": "ssh-rsa",
         "ssh-rsa-cert-v01@openssh.com": "ssh-rsa"}  # fmt: skip
_FIXED = ("ssh-rsa", "ssh-ed25519", "ecdsa-sha2-", "sm2", "ssh-mldsa44-ed25519")


def _offered(kind: str, sshd: Sshd) -> bool:
    """Whether the server uses a host key of this type: not where no algorithm is for it."""
    names = sshd.algorithms("hostkeyalgorithms")
    family = {"ssh-rsa": "rsa", "ssh-dss": "dss"}.get(kind)
    return not names or family is None or any(family in name for name in names)


def _used(key: PublicKey, sshd: Sshd) -> bool:
    """Whether the server shows this key: not where it has no algorithm for it, or is too short."""
    floor = integer(sshd.one("requiredrsasize")) or 0
    return _offered(key.kind, sshd) and (key.kind == "ssh-dss" or (key.bits or 0) >= floor)


@shown_check(
    "linux.sshd-host-key-size",
    severity=Severity.MEDIUM,
    version=4,
    also=(known_or_absent(optional(HOST_KEYS)),),
    remedy=msg(
        "Make new host keys (ssh-keygen -t ed25519, or -t rsa -b 3072), name them with HostKey in "
        "sshd_config, and tell the users the new fingerprints"
    ),
)
def sshd_host_key_size(
    server: Server, pairs: HostKeys | Absent | None, *, min_rsa: Annotated[int, Up] = 2048
) -> Judgement:
    """The host keys of the SSH server are long enough."""
    judged = _of_shown(server.shown, min_rsa) if server.shown else None
    judged = judged or _of_pairs(server, known(pairs), min_rsa)
    expected = msg("RSA keys of at least {bits} bits, no DSA keys", bits=min_rsa)
    return server.settled(structs.replace(judged, expected=expected))


def _of_pairs(server: Server, keys: HostKeys | None, min_rsa: int) -> Judgement:
    """What the key pairs of the server say, by the paths that its settings name."""
    paths = server.sshd.values.get("hostkey", ())
    if keys is None or (server.shown is not None and not paths):
        return undetermined(msg("The host keys of the server were not read"))
    named = paths or tuple(keys.keys)
    # Of the keys that are named by default, those that do not exist are passed over.
    used = {path: keys.keys[path] for path in named if path in keys.keys}
    readable = {path: key for path, key in used.items() if key is not None}
    if short := _short(readable, server.sshd, min_rsa):
        detail = msg("Host keys that are too short or of a weak type: {names}", names=_texts(short))
        return failed(detail)
    unread = _unread(named, used)
    if unread or not used:
        detail = msg("Host keys whose length was not read: {names}", names=capped(unread or named))
        return undetermined(detail)
    return passed(msg("Host keys: {names}", names=_texts(readable)))


def _unread(named: tuple[str, ...], used: Mapping[str, PublicKey | None]) -> list[str]:
    """The keys that could not be read, and those that no request reads."""
    elsewhere = [path for path in named if not path.startswith("/etc/ssh/")]
    return [path for path, key in used.items() if key is None] + elsewhere


def _short(keys: Mapping[str, PublicKey], sshd: Sshd, min_rsa: int) -> dict[str, PublicKey]:
    """The keys that are weak and in use."""
    return {path: key for path, key in keys.items() if weak(key, min_rsa) and _used(key, sshd)}


def _texts(keys: Mapping[str, PublicKey]) -> Values:
    return capped(f"{path}: {key.text}" for path, key in keys.items())


FACTS = (HOST_KEYS,)
CHECKS = (sshd_host_key_size,)
