"""Whether the SSH server lets in only whom and how it should."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Annotated

from audit_core.sdk import (
    Down,
    Judgement,
    Message,
    Severity,
    Subset,
    Verdict,
    check,
    expect,
    failed,
    listed,
    msg,
    not_applicable,
    optional,
    passed,
    undetermined,
)
from audit_linux.access._text import names, number, shown
from audit_linux.access.pam import PAM, Pam, Unresolved, paths, stack, wrong_password
from audit_linux.access.sshd import (
    RUNNING,
    SERVERS,
    SSHD,
    SSHD_FILES,
    Running,
    Servers,
    Sshd,
    SshdFiles,
    as_running,
)

_NEEDS = (SERVERS, optional(SSHD), optional(SSHD_FILES), optional(RUNNING))
_NO_SERVER = not_applicable(msg("No SSH server program is installed"))


def _elsewhere(servers: Servers) -> Judgement:
    """There is an SSH server, and it is not the distribution's: nobody looked at it."""
    return undetermined(
        msg("Another SSH server was not looked at: {names}", names=names(servers.others))
    )


def _unsure(servers: Servers, files: SshdFiles | None) -> list[Message]:
    """Why a good answer of `sshd -T` may not be the whole truth."""
    why = []
    if not servers.distribution or servers.others:
        why.append(
            msg("Another SSH server was not looked at: {names}", names=names(servers.others))
        )
    if files is not None and files.foreign:
        why.append(msg("Included files were not read: {names}", names=names(files.foreign)))
    return why


def _settled(judgement: Judgement, servers: Servers, files: SshdFiles | None) -> Judgement:
    why = _unsure(servers, files)
    if judgement.verdict is not Verdict.PASS or not why:
        return judgement
    return undetermined(*judgement.said, *why, expected=judgement.expected)


def _judge(
    servers: Servers,
    sshd: Sshd,
    files: SshdFiles | None,
    keys: tuple[str, ...],
    good: Callable[[str, str], bool],
    expected: Message,
) -> Judgement:
    """PASS when `good` accepts each of `keys` and every Match block that sets one of them."""
    said = [msg("{key} is {value}", key=key, value=shown(sshd.one(key) or "-")) for key in keys]
    weak = [o for o in (files.overrides if files else ()) if o.key in keys]
    weak = [o for o in weak if not good(o.key, o.value)]
    if weak:
        told = names(f"Match {o.criteria}: {o.key} {o.value}" for o in weak)
        said.append(msg("Match blocks allow more: {names}", names=told))
    if any(not sshd.one(key) for key in keys):
        return undetermined(*said, expected=expected)
    ok = not weak and all(good(key, sshd.one(key)) for key in keys)
    return _settled(expect(ok, said=tuple(said), expected=expected), servers, files)


# OpenSSH prints prohibit-password by its old name.
_ALIASES = {"without-password": "prohibit-password"}


@check(
    "linux.sshd-root-login",
    needs=_NEEDS,
    severity=Severity.HIGH,
    when_absent=_NO_SERVER,
    remedy=msg("Set PermitRootLogin no in sshd_config and log in with personal accounts"),
)
def sshd_root_login(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
    *,
    allowed: Annotated[frozenset[str], Subset] = frozenset({"no"}),
) -> Judgement:
    """Root cannot log in directly over SSH."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)

    def good(_: str, value: str) -> bool:
        return _ALIASES.get(value.lower(), value.lower()) in allowed

    expected = msg("one of {allowed}", allowed=listed(allowed))
    return _judge(servers, sshd, files, ("permitrootlogin",), good, expected)


@check(
    "linux.sshd-empty-passwords",
    needs=_NEEDS,
    severity=Severity.HIGH,
    when_absent=_NO_SERVER,
    remedy=msg("Set PermitEmptyPasswords no in sshd_config"),
)
def sshd_empty_passwords(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
) -> Judgement:
    """The SSH server refuses empty passwords."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    return _judge(
        servers,
        sshd,
        files,
        ("permitemptypasswords",),
        lambda _, value: value.lower() == "no",
        msg("PermitEmptyPasswords no"),
    )


@check(
    "linux.sshd-pam",
    needs=_NEEDS,
    severity=Severity.MEDIUM,
    when_absent=_NO_SERVER,
    remedy=msg("Set UsePAM yes in sshd_config"),
)
def sshd_pam(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
) -> Judgement:
    """The SSH server logs in through PAM, so that lock-outs and account rules act."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    return _judge(
        servers,
        sshd,
        files,
        ("usepam",),
        lambda _, value: value.lower() == "yes",
        msg("UsePAM yes"),
    )


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text: str) -> int | None:
    """A time of sshd_config(5), such as 120, 2m or 1h30m, in seconds."""
    if not re.fullmatch(r"(?:[0-9]{1,9}[smhdwSMHDW]?){1,6}", text):
        return None
    parts = re.findall(r"([0-9]+)([a-z]?)", text.lower())
    return sum(int(count) * _UNITS[unit] for count, unit in parts)


def _within(value: int | None, most: int) -> bool:
    return value is not None and 0 < value <= most


@check(
    "linux.sshd-login-limits",
    needs=_NEEDS,
    severity=Severity.MEDIUM,
    when_absent=_NO_SERVER,
    remedy=msg("Set MaxAuthTries 5 and LoginGraceTime 60 in sshd_config"),
)
def sshd_login_limits(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
    *,
    max_tries: Annotated[int, Down] = 5,
    max_grace: Annotated[int, Down] = 120,
) -> Judgement:
    """The SSH server limits how often and how long somebody may try to log in."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)

    def good(key: str, value: str) -> bool:
        if key == "maxauthtries":
            return _within(number(value), max_tries)
        return _within(seconds(value), max_grace)

    expected = msg(
        "MaxAuthTries of 1 to {tries}, LoginGraceTime of 1 to {grace} s",
        tries=max_tries,
        grace=max_grace,
    )
    return _judge(servers, sshd, files, ("maxauthtries", "logingracetime"), good, expected)


@check(
    "linux.sshd-idle",
    needs=_NEEDS,
    severity=Severity.LOW,
    when_absent=_NO_SERVER,
    remedy=msg("Set ClientAliveInterval 300 and ClientAliveCountMax 2 in sshd_config"),
)
def sshd_idle(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
    *,
    max_seconds: Annotated[int, Down] = 900,
) -> Judgement:
    """The SSH server drops connections whose client no longer answers."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    interval = seconds(sshd.one("clientaliveinterval"))
    count = number(sshd.one("clientalivecountmax"))
    said = [
        msg(
            "ClientAliveInterval {interval}, ClientAliveCountMax {count}",
            interval=interval,
            count=count,
        )
    ]
    keys = ("clientaliveinterval", "clientalivecountmax")
    changed = [o for o in (files.overrides if files else ()) if o.key in keys]
    expected = msg("interval × count of 1 to {seconds} s", seconds=max_seconds)
    if interval is None or count is None or (interval and not count):
        # A count of 0 means at once before OpenSSH 8.2, and never since.
        return undetermined(*said, expected=expected)
    if not _within(interval * count, max_seconds):
        return failed(*said, expected=expected)
    if changed:
        told = names(f"Match {o.criteria}: {o.key} {o.value}" for o in changed)
        said.append(msg("Match blocks set other values: {names}", names=told))
        return undetermined(*said, expected=expected)
    return _settled(passed(*said, expected=expected), servers, files)


def _only(
    servers: Servers, files: SshdFiles | None, sshd: Sshd, key: str, allowed: frozenset[str]
) -> Judgement:
    offered = sshd.algorithms(key)
    refused_names = [name for name in offered if name not in allowed]
    expected = msg("only {allowed}", allowed=listed(allowed))
    if not offered:
        return undetermined(msg("{key} was not told", key=key), expected=expected)
    if refused_names:
        said = msg(
            "{key} offers {weak}, which are not accepted", key=key, weak=names(refused_names)
        )
        return failed(said, expected=expected)
    said = msg("{key}: {names}", key=key, names=tuple(shown(name) for name in offered))
    return _settled(passed(said, expected=expected), servers, files)


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
    "mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256", "sm2-sm3",
})  # fmt: skip

_KINDS = (
    "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def _certified(kind: str) -> str:
    return f"{kind.removesuffix('@openssh.com')}-cert-v01@openssh.com"


_HOST_KEYS = frozenset(("sm2", "sm2-cert", *_KINDS, *(_certified(kind) for kind in _KINDS)))

_STRONG = msg("Remove the named algorithms from sshd_config (or from the crypto policy)")


@check(
    "linux.sshd-ciphers",
    needs=_NEEDS,
    severity=Severity.HIGH,
    when_absent=_NO_SERVER,
    remedy=_STRONG,
)
def sshd_ciphers(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
    *,
    allowed: Annotated[frozenset[str], Subset] = _CIPHERS,
) -> Judgement:
    """The SSH server offers strong ciphers only."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    return _only(servers, files, sshd, "ciphers", allowed)


@check(
    "linux.sshd-macs",
    needs=_NEEDS,
    severity=Severity.MEDIUM,
    when_absent=_NO_SERVER,
    remedy=_STRONG,
)
def sshd_macs(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
    *,
    allowed: Annotated[frozenset[str], Subset] = _MACS,
) -> Judgement:
    """The SSH server offers strong message authentication only."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    return _only(servers, files, sshd, "macs", allowed)


@check(
    "linux.sshd-kex", needs=_NEEDS, severity=Severity.MEDIUM, when_absent=_NO_SERVER, remedy=_STRONG
)
def sshd_kex(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
    *,
    allowed: Annotated[frozenset[str], Subset] = _KEX,
) -> Judgement:
    """The SSH server offers strong key exchanges only."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    return _only(servers, files, sshd, "kexalgorithms", allowed)


@check(
    "linux.sshd-host-keys",
    needs=_NEEDS,
    severity=Severity.MEDIUM,
    when_absent=_NO_SERVER,
    remedy=_STRONG,
)
def sshd_host_keys(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
    *,
    allowed: Annotated[frozenset[str], Subset] = _HOST_KEYS,
) -> Judgement:
    """The SSH server proves itself with strong host key signatures only."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    return _only(servers, files, sshd, "hostkeyalgorithms", allowed)


def _narrow(pattern: str) -> bool:
    """Whether an AllowUsers pattern holds for some addresses only."""
    _, at, host = pattern.rpartition("@")
    return (
        bool(at)
        and "!" not in host
        and host.strip("*.?:") != ""
        and host not in ("0.0.0.0/0", "::/0")
    )


@check(
    "linux.sshd-source-limited",
    needs=_NEEDS,
    severity=Severity.LOW,
    when_absent=_NO_SERVER,
    remedy=msg("Name users with their addresses in AllowUsers, or restrict SSH in the firewall"),
)
def sshd_source_limited(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    running: Running | None = None,
) -> Judgement:
    """The SSH server itself admits users from named addresses only."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    users = tuple(v for line in sshd.values.get("allowusers", ()) for v in line.split())
    groups = tuple(v for line in sshd.values.get("allowgroups", ()) for v in line.split())
    said = msg(
        "AllowUsers {users}, AllowGroups {groups}, ListenAddress {addresses}",
        users=names(users) or ("-",),
        groups=names(groups) or ("-",),
        addresses=names(sshd.values.get("listenaddress", ())) or ("-",),
    )
    expected = msg("every AllowUsers entry names an address (user@address)")
    widened = any(o.key == "allowusers" for o in (files.overrides if files else ()))
    if users and all(_narrow(user) for user in users) and not widened:
        return _settled(passed(said, expected=expected), servers, files)
    elsewhere = msg("SSH itself does not limit addresses; a firewall or a bastion host may do so")
    return undetermined(said, elsewhere, expected=expected)


_OTP = (
    "pam_google_authenticator*", "pam_oath*", "pam_yubico*", "pam_u2f*", "pam_duo*", "pam_radius*",
    "pam_pkcs11*", "pam_otp*", "pam_privacyidea*", "pam_linotp*", "pam_rsa*", "pam_securid*",
)  # fmt: skip


def two_methods(sshd: Sshd) -> bool:
    """Whether each list of AuthenticationMethods asks for two different proofs."""
    lists = sshd.one("authenticationmethods").split()
    kinds = [{method.partition(":")[0] for method in one.split(",")} for one in lists]
    return bool(kinds) and all(len(_distinct(kind)) > 1 for kind in kinds)


def _distinct(kinds: set[str]) -> set[str]:
    """password and keyboard-interactive both end in one PAM password prompt: one proof."""
    return {"password" if kind == "keyboard-interactive" else kind for kind in kinds}


def _otp(pam: Pam) -> tuple[str, ...]:
    ways = paths(stack(pam, "sshd", "auth"), wrong_password)
    return names(
        rule.module
        for way in ways
        for rule in way
        if any(fnmatchcase(rule.module, pattern) for pattern in _OTP)
    )


@check(
    "linux.second-factor",
    needs=(*_NEEDS[:3], optional(PAM), _NEEDS[3]),
    severity=Severity.MEDIUM,
    when_absent=_NO_SERVER,
    remedy=msg("Set AuthenticationMethods publickey,password, or add a one-time password to PAM"),
)
def second_factor(
    servers: Servers,
    sshd: Sshd | None,
    files: SshdFiles | None,
    pam: Pam | None,
    running: Running | None = None,
) -> Judgement:
    """Login over SSH takes two different factors on this host."""
    if sshd is None:
        return _elsewhere(servers)
    servers, sshd = as_running(servers, sshd, running)
    methods = sshd.one("authenticationmethods") or "any"
    said = msg("AuthenticationMethods is {methods}", methods=shown(methods))
    expected = msg("two factors, one of them based on cryptography")
    try:
        modules = _otp(pam) if pam else ()
    except Unresolved:
        modules = ()
    otp = msg("One-time password modules in PAM: {names}", names=modules or ("-",))
    changed = any(o.key == "authenticationmethods" for o in (files.overrides if files else ()))
    if two_methods(sshd) and not changed:
        return _settled(passed(said, otp, expected=expected), servers, files)
    elsewhere = msg("Not settled on this host; a bastion host may ask for the second factor")
    return undetermined(said, otp, elsewhere, expected=expected)


CHECKS = (
    sshd_root_login, sshd_empty_passwords, sshd_pam, sshd_login_limits, sshd_idle, sshd_ciphers,
    sshd_macs, sshd_kex, sshd_host_keys, sshd_source_limited, second_factor,
)  # fmt: skip
