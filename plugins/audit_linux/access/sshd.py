"""The SSH server: its effective configuration (`sshd -T`) and what Match blocks take back."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Struct, structs

from audit_core.sdk import (
    Absent,
    Answer,
    Command,
    Down,
    Judgement,
    Message,
    ParseError,
    Privilege,
    Reason,
    Severity,
    Subset,
    Verdict,
    check,
    expect,
    fact,
    failed,
    listed,
    msg,
    not_applicable,
    not_present,
    optional,
    passed,
    provider,
    undetermined,
)
from audit_linux.access._find import Blob, ask_files, parse_files, refused
from audit_linux.access._text import names, number, shown
from audit_linux.access.pam import PAM, Pam, Unresolved, paths, stack, wrong_password

_DISTRIBUTION = "/usr/sbin/sshd"


class Servers(Struct, frozen=True, kw_only=True):
    """The SSH server programs that are installed besides the distribution's."""

    distribution: bool
    others: tuple[str, ...]


def parse_servers(answer: Answer) -> Servers | Absent:
    """Which SSH servers are installed; NOT_PRESENT only when everything could be searched."""
    found = [p.decode("utf-8", "surrogateescape") for p in answer.stdout.split(b"\0") if p]
    if any(not path.startswith("/") for path in found):
        raise ParseError("not a list of paths")
    if _DISTRIBUTION in found:
        others = tuple(sorted(path for path in found if path.startswith("/usr/local/")))
        return Servers(distribution=True, others=others)
    denied = refused(answer.stderr)
    if found:
        return Servers(distribution=False, others=tuple(sorted(found)))
    return denied or not_present(msg("No SSH server program is installed"))


SERVERS = fact(
    "linux.sshd-programs",
    Servers,
    ask=Command(
        argv=(
            "/usr/bin/find", "/usr/sbin", "/usr/bin", "/usr/local", "/opt", "-xdev", "-maxdepth",
            "4", "(", "-name", "sshd", "-o", "-name", "dropbear", ")", "-not", "-type", "d",
            "-print0",
        ),
        privilege=Privilege.ROOT,  # a folder that is closed to others may hold a second server
        ok=(0, 1),
    ),
    parse=parse_servers,
)  # fmt: skip


class Sshd(Struct, frozen=True, kw_only=True):
    """What `sshd -T` prints: for each keyword its values, in order, as the server will use them."""

    values: dict[str, tuple[str, ...]]

    def one(self, key: str) -> str:
        """The first value of `key`, empty where it was not told."""
        return self.values.get(key, ("",))[0]

    def algorithms(self, key: str) -> tuple[str, ...]:
        """The comma-separated names under `key`."""
        return tuple(name for name in self.one(key).split(",") if name)


def parse_sshd_t(answer: Answer) -> Sshd:
    """The effective configuration; an answer without the keywords every version prints fails."""
    values: dict[str, tuple[str, ...]] = {}
    for raw in answer.lines:
        key, _, value = raw.strip().partition(" ")
        if not re.fullmatch("[a-z0-9]+", key):
            raise ParseError(f"not a line of sshd -T: {raw[:120]!r}")
        values[key] = (*values.get(key, ()), value.strip())
    missing = {"port", "permitrootlogin", "ciphers", "macs", "maxauthtries"} - set(values)
    if missing:
        raise ParseError(f"sshd -T did not tell {sorted(missing)}")
    return Sshd(values=values)


SSHD = fact(
    "linux.sshd",
    Sshd,
    ask=Command(
        argv=("/usr/sbin/sshd", "-T"), privilege=Privilege.ROOT, missing=Reason.NOT_PRESENT
    ),
    parse=parse_sshd_t,
)


class Override(Struct, frozen=True, kw_only=True):
    """One setting inside a Match block, which `sshd -T` leaves out."""

    criteria: str
    key: str
    value: str


class SshdFiles(Struct, frozen=True, kw_only=True):
    """What Match blocks set, and files that are included from elsewhere and were not read."""

    overrides: tuple[Override, ...] = ()
    foreign: tuple[str, ...] = ()


def _words(raw: str) -> tuple[str, str]:
    line = raw.strip(" \t\r\f")
    if not line or line.startswith("#"):
        return "", ""
    found = re.match(r'([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+|(?="))', line)
    if not found:
        return line.lower(), ""
    value = re.split(r"[ \t]#", line[found.end() :], maxsplit=1)[0]  # since OpenSSH 8.7
    return found[1].lower(), value.strip().strip('"')


# Made by update-crypto-policies; RHEL 9 includes it from a drop-in.
_POLICY = "/etc/crypto-policies/back-ends/opensshserver.config"


def _scan(blob: Blob, read: frozenset[str]) -> tuple[list[Override], list[str], bool]:
    """The Match settings of a file, its includes, and whether it includes the usual folder."""
    criteria, overrides, foreign, usual = "", [], [], False
    for raw in blob.lines:
        key, value = _words(raw)
        if key == "match":
            criteria = value
        elif key == "include":
            here = value in ("/etc/ssh/sshd_config.d/*.conf", "sshd_config.d/*.conf")
            usual |= here and not criteria
            if (not here and value not in read) or criteria:
                foreign.append(value)
        elif key and criteria:
            overrides.append(Override(criteria=criteria, key=key, value=value))
    return overrides, foreign, usual


def parse_sshd_files(answer: Answer) -> SshdFiles | Absent:
    """The Match blocks of sshd_config and, where it includes them, of its drop-ins."""
    blobs = parse_files(answer)
    if isinstance(blobs, Absent):
        return blobs
    main = [b for b in blobs if b.path == "/etc/ssh/sshd_config"]
    if not main:
        return not_present(msg("There is no /etc/ssh/sshd_config"))
    read = frozenset(b.path for b in blobs if b.path == _POLICY)
    overrides, foreign, usual = _scan(main[0], read)
    for blob in blobs:
        drop_in = blob.path.startswith("/etc/ssh/sshd_config.d/") and _is_drop_in(blob.path)
        if blob.path in read or (usual and drop_in):
            more, others, _ = _scan(blob, read)
            overrides, foreign = overrides + more, foreign + others
    return SshdFiles(overrides=tuple(overrides), foreign=tuple(foreign))


def _is_drop_in(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.endswith(".conf") and not name.startswith(".")


SSHD_FILES = fact(
    "linux.sshd-files",
    SshdFiles,
    ask=ask_files("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", _POLICY, root=True),
    parse=parse_sshd_files,
)


class Running(Struct, frozen=True, kw_only=True):
    """What the running SSH servers were told on their command lines, which beats every file.

    `set` maps a keyword to the values that were given for it with -o; `other` are command lines
    with options whose effect is not worked out, such as another file.
    """

    set: dict[str, tuple[str, ...]]
    other: tuple[str, ...] = ()


# Options without an effect on the settings that are judged: -D, -e, -q, -t … and ports.
_PLAIN_OPTION = re.compile(r"-[46DdeiqRrtT]+|-E\S+|-p\d+")


def parse_running(answer: Answer) -> Running:
    """The options of `ps -o args` for sshd; empty where none runs, or none has options."""
    if answer.stderr.strip():
        raise ParseError(f"ps complained: {answer.stderr[:120]!r}")
    given: dict[str, tuple[str, ...]] = {}
    other: list[str] = []
    for line in answer.lines:
        words = _listener(line)
        while words:
            word = words.pop(0)
            if word == "-o" and words:
                word += words.pop(0)
            if word in ("-p", "-E") and words:
                words.pop(0)
            elif option := re.fullmatch(r"-o[ \t]*([A-Za-z0-9]+)[ \t]*=(\S*)", word):
                key = option[1].lower()
                given[key] = (*given.get(key, ()), option[2])
            elif not _PLAIN_OPTION.fullmatch(word):
                other.append(line)
                break
    return Running(set=given, other=tuple(dict.fromkeys(other)))


def _listener(line: str) -> list[str]:
    """The words after the program of a server that listens; none for a session's process."""
    text = re.sub(r"\[listener\].*$", "", line.strip().removeprefix("sshd: "))
    program, *words = text.split() or [""]
    return words if program.rsplit("/", 1)[-1] == "sshd" and program.startswith("/") else []


# RHEL 8 and what is made from its time (openEuler, Kylin V10) hand the crypto policy over as -o
# options of the running server: `sshd -T` knows nothing of them.
RUNNING = fact(
    "linux.sshd-running",
    Running,
    # As root, because /proc may hide the processes of others. Older systems have /bin/ps only.
    providers=tuple(
        provider(
            Command(
                argv=(ps, "-ww", "-C", "sshd", "-o", "args="), privilege=Privilege.ROOT, ok=(0, 1)
            ),
            parse_running,
        )
        for ps in ("/usr/bin/ps", "/bin/ps")
    ),
)


def _as_running(servers: Servers, sshd: Sshd, running: Running | None) -> tuple[Servers, Sshd]:
    """Both as the running server has them: a value of its command line is the one that holds."""
    if running is None:
        return servers, sshd
    told = {key: (_plain(values),) for key, values in running.set.items()}
    others = (*servers.others, *running.other)
    return structs.replace(servers, others=others), Sshd(values=sshd.values | told)


def _plain(values: tuple[str, ...]) -> str:
    """The one value in force; empty where it adds to a default or servers differ."""
    one = values[0] if len(set(values)) == 1 else ""
    return "" if one.startswith(("+", "-", "^")) else one


# Only SERVERS can show that there is no SSH server: sshd may stand in another place than usual.
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
    servers, sshd = _as_running(servers, sshd, running)

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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)

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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)
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
    servers, sshd = _as_running(servers, sshd, running)
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


# --- logins in plain text ---------------------------------------------------------------------


class Ports(Struct, frozen=True, kw_only=True):
    """The TCP ports that something listens on."""

    tcp: frozenset[int]


def parse_listening(answer: Answer) -> Ports:
    """The ports of `ss -H -l -t -n`."""
    ports = set()
    for line in answer.lines:
        fields = line.split()
        port = number(fields[3].rpartition(":")[2]) if len(fields) >= 5 else None
        if port is None or not 0 < port < 65536:
            raise ParseError(f"not a line of ss: {line[:120]!r}")
        ports.add(port)
    return Ports(tcp=frozenset(ports))


LISTENING = fact(
    "linux.login-ports",
    Ports,
    ask=Command(argv=("ss", "-H", "-l", "-t", "-n")),
    parse=parse_listening,
)
_PROGRAMS = tuple(
    f"{folder}/{prefix}{name}"
    for folder in ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")
    for prefix in ("", "in.")
    for name in ("telnetd", "rlogind", "rshd", "rexecd", "utelnetd")
)


def parse_programs(answer: Answer) -> tuple[str, ...] | Absent:
    """The servers for plain-text logins that are installed; NOT_PRESENT when there is none."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    found = [p.decode("utf-8", "surrogateescape") for p in answer.stdout.split(b"\0") if p]
    if set(found) - set(_PROGRAMS):
        raise ParseError("a path that was not asked for")
    return tuple(sorted(found)) or not_present(msg("No such server is installed"))


PROGRAMS = fact(
    "linux.plain-login-programs",
    tuple[str, ...],
    ask=Command(argv=("find", "-L", *_PROGRAMS, "-maxdepth", "0", "-print0"), ok=(0, 1)),
    parse=parse_programs,
)
_PLAIN = {23: "telnet", 512: "rexec", 513: "rlogin", 514: "rsh"}


@check(
    "linux.no-plain-logins",
    needs=(LISTENING, optional(PROGRAMS)),
    severity=Severity.HIGH,
    remedy=msg("Stop and remove telnet, rlogin, rsh and rexec; use SSH instead"),
)
def no_plain_logins(ports: Ports, programs: tuple[str, ...] | None) -> Judgement:
    """No service for remote login in plain text is installed or listening."""
    open_ports = [f"{port} ({_PLAIN[port]})" for port in sorted(ports.tcp & set(_PLAIN))]
    expected = msg("no telnet, rlogin, rsh or rexec server")
    if open_ports:
        said = msg("Listening for plain-text logins: {ports}", ports=tuple(open_ports))
        return failed(said, expected=expected)
    silent = msg("Nothing listens on the TCP ports 23, 512, 513 and 514")
    if programs:
        there = msg("Installed all the same: {names}", names=names(programs))
        return undetermined(silent, there, expected=expected)
    return passed(silent, msg("No such server is installed"), expected=expected)


FACTS = (SERVERS, SSHD, SSHD_FILES, RUNNING, LISTENING, PROGRAMS)
CHECKS = (
    sshd_root_login, sshd_empty_passwords, sshd_pam, sshd_login_limits, sshd_idle, sshd_ciphers,
    sshd_macs, sshd_kex, sshd_host_keys, sshd_source_limited, second_factor, no_plain_logins,
)  # fmt: skip
