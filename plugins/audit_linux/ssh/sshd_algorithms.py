"""Whether the SSH server offers strong algorithms only: one table, four checks."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated

from audit_core.api.sdk import (
    Check,
    Judgement,
    Message,
    Severity,
    Subset,
    capped,
    failed,
    listed,
    msg,
    passed,
    shortened,
    undetermined,
)
from audit_linux.ssh.sshd_server import Server, shown_check, sshd_check

# GCM, CTR and ChaCha20-Poly1305; every CBC mode, RC4, Blowfish and CAST is left out.
_CIPHERS = frozenset({
    "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com",
    "aes256-ctr", "aes192-ctr", "aes128-ctr", "sm4-ctr", "sm4-gcm",
})  # fmt: skip

# HMAC-SHA-1 and UMAC-64 have no known attack as MACs (NIST SP 800-131A) and are OpenSSH's default;
# a stricter profile takes them out. MD5, RIPEMD and every cut MAC (-96) are left out.
_MACS = frozenset({
    "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512",
    "hmac-sha2-256", "umac-128-etm@openssh.com", "umac-128@openssh.com", "hmac-sm3",
    "hmac-sha1", "hmac-sha1-etm@openssh.com", "umac-64@openssh.com", "umac-64-etm@openssh.com",
})  # fmt: skip

# Every exchange with SHA-1 or with the 1024-bit group is left out (RFC 9142).
_KEX = frozenset({
    "mlkem768x25519-sha256", "mlkem768nistp256-sha256", "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256", "sm2-sm3",
    "gss-group14-sha256-", "gss-group15-sha512-", "gss-group16-sha512-", "gss-group17-sha512-",
    "gss-group18-sha512-", "gss-nistp256-sha256-", "gss-nistp384-sha384-", "gss-nistp521-sha512-",
    "gss-curve25519-sha256-", "gss-curve448-sha512-",
})  # fmt: skip

_KINDS = (
    "ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519@openssh.com",
    "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def _certified(kind: str) -> str:
    return f"{kind.removesuffix('@openssh.com')}-cert-v01@openssh.com"


_HOST_KEYS = frozenset(
    (
        "sm2",
        "sm2-cert",
        "ssh-mldsa44-ed25519-cert",
        *_KINDS,
        *(_certified(kind) for kind in _KINDS),
    )
)


# What is known to be weak in this table: CBC, RC4, DES and no encryption; MD5, RIPEMD and cut MACs;
# SHA-1, group 1 and 1024-bit RSA; DSA, and RSA signatures with SHA-1. An algorithm that is neither
# here nor above is not known: OpenSSH brings new ones.
_WEAK = {
    "ciphers": ("*-cbc*", "arcfour*", "rc4*", "*des*", "none", "blowfish*", "cast128*", "idea*"),
    "macs": ("*md5*", "*ripemd*", "*-96", "*-96-*", "*-96@*", "none", "*sha1-8*"),
    "kexalgorithms": ("*-sha1", "*-sha1-*", "*group1-*", "rsa1024-*"),
    "hostkeyalgorithms": ("ssh-rsa", "ssh-rsa-cert-*", "ssh-dss*", "ssh-dsa*", "null", "none",
                          "x509v3-ssh-dss", "x509v3-sign-*", "x509v3-ssh-rsa"),
}  # fmt: skip
_ALL = {
    "ciphers": _CIPHERS, "macs": _MACS, "kexalgorithms": _KEX, "hostkeyalgorithms": _HOST_KEYS,
}  # fmt: skip


def _known(key: str, name: str) -> bool:
    return name in _ALL[key] or any(fnmatchcase(name, weak) for weak in _WEAK[key])


_SHOWN = msg("As the server shows it to every client in its key exchange")
_REMEDY = msg("Remove the named algorithms from sshd_config (or from the crypto policy)")
# RFC 4462 and 8732, in the builds of Debian, Ubuntu and RHEL: offered besides the others when on.
_GSSAPI = "gssapikexalgorithms"


def _offered(server: Server, key: str) -> tuple[str, ...]:
    """The algorithms under `key` as the server shows them to its clients, else as they are set."""
    if server.shown is not None:
        return server.shown.algorithms.get(key, ())
    sshd, keys = server.sshd, [key]
    if key == "kexalgorithms" and sshd.one("gssapikeyexchange").lower() == "yes":
        keys.append(_GSSAPI)
    return tuple(name.lstrip("+^") for where in keys for name in sshd.algorithms(where))


def _is_accepted(name: str, allowed: frozenset[str]) -> bool:
    """Whether `name` is among `allowed`; one of GSSAPI ends with the mark of a mechanism."""
    return name in allowed or (name.startswith("gss-") and f"{name.rpartition('-')[0]}-" in allowed)


def _strong(
    id: str, severity: Severity, key: str, accepted: frozenset[str], title: Message
) -> Check:
    """The check that `key` names accepted algorithms only; `title` says what is true then."""

    def judge(
        server: Server, *, allowed: Annotated[frozenset[str], Subset] = accepted
    ) -> Judgement:
        expected = msg("only {allowed}", allowed=listed(allowed))
        offered = _offered(server, key)
        if not offered:
            return undetermined(msg("The value of {key} is not known", key=key), expected=expected)
        others = [name for name in offered if not _is_accepted(name, allowed)]
        weak = [name for name in others if _known(key, name)]
        source = (_SHOWN,) if server.shown is not None else ()
        if weak:
            detail = msg("{key} offers {weak}, which are not accepted", key=key, weak=capped(weak))
            return failed(detail, *source, expected=expected)
        if others:
            detail = msg("{key} offers algorithms that are not known here; look them up: {names}",
                       key=key, names=capped(others))  # fmt: skip
            return undetermined(detail, *source, expected=expected)
        if not source and server.sshd.one(key).startswith(("+", "^")):
            # only what a file adds to the default
            unknown = msg("{key} adds to the default of the release, which is not known", key=key)
            return undetermined(unknown, expected=expected)
        names = tuple(shortened(name) for name in offered)
        offered_names = msg("{key}: {names}", key=key, names=names)
        return server.settled(passed(offered_names, *source, expected=expected))

    judge.__doc__ = title.id
    version = 7 if key == "kexalgorithms" else 6
    return shown_check(id, severity=severity, remedy=_REMEDY, version=version)(judge)


sshd_ciphers = _strong(
    "linux.sshd-ciphers", Severity.HIGH, "ciphers", _CIPHERS,
    msg("The SSH server offers strong ciphers only."),
)  # fmt: skip
sshd_macs = _strong(
    "linux.sshd-macs", Severity.MEDIUM, "macs", _MACS,
    msg("The SSH server offers strong message authentication only."),
)  # fmt: skip
sshd_kex = _strong(
    "linux.sshd-kex", Severity.MEDIUM, "kexalgorithms", _KEX,
    msg("The SSH server offers strong key exchanges only."),
)  # fmt: skip
sshd_host_keys = _strong(
    "linux.sshd-host-keys", Severity.MEDIUM, "hostkeyalgorithms", _HOST_KEYS,
    msg("The SSH server offers strong host key signatures only."),
)  # fmt: skip

# Of users' keys, and of the keys of hosts that are trusted; the names before OpenSSH 8.5 first.
# In Match blocks these stand alone of all lists of algorithms: sshd refuses the others there.
_OF_USERS = ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms")
_OF_AUTHORITIES = ("casignaturealgorithms",) * 2  # one name in every release
_OF_HOSTS = ("hostbasedacceptedkeytypes", "hostbasedacceptedalgorithms")


@sshd_check(
    "linux.sshd-user-signatures",
    severity=Severity.MEDIUM,
    version=4,
    remedy=msg(
        "Remove the named algorithms from PubkeyAcceptedAlgorithms, HostbasedAcceptedAlgorithms "
        "(PubkeyAcceptedKeyTypes before OpenSSH 8.5) and CASignatureAlgorithms, also in Match "
        "blocks"
    ),
)
def sshd_user_signatures(
    server: Server, *, allowed: Annotated[frozenset[str], Subset] = _HOST_KEYS
) -> Judgement:
    """The SSH server accepts strong signatures of users' keys only."""
    expected = msg("only {allowed}", allowed=listed(allowed))
    keys = [key for kinds, method in ((_OF_USERS, "pubkeyauthentication"),
                                      (_OF_HOSTS, "hostbasedauthentication"))
            if _is_on(server, method) for key in kinds]  # fmt: skip
    if keys and _has_authority(server):
        keys += _OF_AUTHORITIES
    if not keys:
        none = msg("The SSH server accepts no keys (PubkeyAuthentication no)")
        return server.settled(passed(none, expected=expected))
    changed = server.overrides(*keys)
    weak = _weak_of(allowed, ((key, server.sshd.one(key)) for key in keys))
    inside = [o for o in changed if _weak_of(allowed, ((o.key, o.value),))]
    weak += _weak_of(allowed, ((o.key, o.value) for o in server.surely(inside)))
    if weak:
        detail = msg("Signatures are accepted that are weak: {names}", names=capped(weak))
        return failed(detail, expected=expected)
    doubts = _unclear(server, keys, allowed)
    doubts += [f"Match {o.criteria}" for o in changed if not _is_plain(o.value, allowed)]
    if doubts:
        detail = msg("Which signatures are accepted is not known of: {names}", names=capped(doubts))
        return undetermined(detail, expected=expected)
    accepted = dict.fromkeys(name for key in keys for name in server.sshd.algorithms(key))
    names = tuple(shortened(name) for name in accepted)
    return server.settled(passed(msg("Accepted: {names}", names=names), expected=expected))


def _has_authority(server: Server) -> bool:
    """Whether certificates open accounts, for all or for some."""
    values = (server.sshd.one("trustedusercakeys"), *(
        one.value for one in server.overrides("trustedusercakeys")
    ))  # fmt: skip
    return any(value.lower() not in ("", "none") for value in values)


def _is_on(server: Server, method: str) -> bool:
    """Whether a kind of key may open a login: PubkeyAuthentication is on where nothing is set."""
    usual = "yes" if method == "pubkeyauthentication" else "no"
    values = (server.sshd.one(method) or usual, *(o.value for o in server.overrides(method)))
    return any(value.lower() != "no" for value in values)


def _weak_of(allowed: frozenset[str], lists: Iterable[tuple[str, str]]) -> list[str]:
    """The known names in `lists` that are not accepted; what a list takes away is none."""
    return [
        f"{key} {name}"
        for key, text in lists if not text.startswith("-")
        for name in text.lstrip("+^").split(",")
        if name and name not in allowed and _is_known_signature(name)
    ]  # fmt: skip


def _is_known_signature(name: str) -> bool:
    # `ssh-*` and `*` bring the weak ones in, wherever the server knows them
    wild = [weak for weak in ("ssh-rsa", "ssh-dss") if "*" in name and fnmatchcase(weak, name)]
    return bool(wild) or _known("hostkeyalgorithms", name)


def _is_plain(text: str, allowed: frozenset[str]) -> bool:
    """Whether a list stands for itself and names accepted algorithms only."""
    return bool(text) and text[0] not in "+^-" and set(text.split(",")) <= allowed


def _unclear(server: Server, keys: list[str], allowed: frozenset[str]) -> list[str]:
    """Which lists are not known, of each two names the one that the release prints."""
    pairs = [keys[at : at + 2] for at in range(0, len(keys), 2)]
    judged = [next((k for k in pair if server.sshd.one(k)), pair[-1]) for pair in pairs]
    return [key for key in judged if not _is_plain(server.sshd.one(key), allowed)]


CHECKS = (sshd_ciphers, sshd_macs, sshd_kex, sshd_host_keys, sshd_user_signatures)
