"""Checks of the settings of the SSH server."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from msgspec import structs

from audit_core.api.sdk import (
    DAY,
    HOUR,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Subset,
    Values,
    capped,
    expect,
    failed,
    integer,
    known,
    known_or_absent,
    listed,
    msg,
    optional,
    passed,
    shortened,
    undetermined,
)
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_files import Override
from audit_linux.ssh.sshd_match import like
from audit_linux.ssh.sshd_offered import SHOWN, OfferedAlgorithms
from audit_linux.ssh.sshd_server import Server, sshd_check


def _matched(overrides: list[Override]) -> Values:
    return capped(f"Match {o.criteria}: {spelled(o.key)} {o.value}" for o in overrides)


_SPELLED = {
    name.lower(): name
    for name in (
        "AllowStreamLocalForwarding", "AllowTcpForwarding", "ClientAliveCountMax",
        "ClientAliveInterval", "GatewayPorts", "HostbasedAuthentication", "IgnoreRhosts",
        "LogLevel", "LoginGraceTime", "MaxAuthTries", "PermitEmptyPasswords", "PermitRootLogin",
        "PermitTunnel", "PermitUserEnvironment", "StrictModes", "UsePAM", "X11Forwarding",
        "X11UseLocalhost",
    )
}  # fmt: skip


def spelled(key: str) -> str:
    """The keyword `key`, which `sshd -T` prints in lower case, as sshd_config(5) spells it."""
    return _SPELLED.get(key, key)


def settings_as(
    server: Server, keys: tuple[str, ...], good: Callable[[str, str], bool], expected: Message
) -> Judgement:
    """PASS when `good` accepts each of `keys` and every Match block that sets one of them."""
    sshd = server.sshd
    detail = [
        msg("{key} is {value}", key=spelled(key), value=shortened(sshd.one(key) or "-"))
        for key in keys
    ]
    weak = [o for o in server.overrides(*keys) if not good(o.key, o.value)]
    if weak:
        detail.append(msg("Match blocks allow more: {names}", names=_matched(weak)))
    outside = {key: server.outside(key) for key in keys}
    used = [key for key in keys if outside[key] is not False]
    known = [key for key in used if sshd.one(key)]
    poor = [key for key in known if not good(key, sshd.one(key))]
    bad = any(outside[key] for key in poor) or bool(server.surely(weak))
    if not bad and len(known) < len(used):
        return undetermined(*detail, expected=expected)
    if (weak or poor) and not bad:
        return undetermined(*detail, _WHOM, expected=expected)
    return server.settled(expect(not bad, detail=tuple(detail), expected=expected))


_WHOM = msg("Whether these Match blocks concern any account is not known")


# OpenSSH prints prohibit-password by its old name.
_ALIASES = {"without-password": "prohibit-password"}


def _users(sshd: Sshd, key: str) -> list[str]:
    return [pattern for line in sshd.values.get(key, ()) for pattern in line.split()]


def _names_root(pattern: str) -> bool:
    return like("root", pattern.partition("@")[0])


def _lists(server: Server, key: str) -> list[list[str]]:
    """The patterns of `key` as root's logins may meet them: outside of Match blocks and in each.

    What Match blocks list takes the place of what stands outside (OpenSSH 9.2).
    """
    inside = server.overrides(key, of_root=True)
    return [_users(server.sshd, key), *(one.value.split() for one in inside)]


def _everywhere(pattern: str) -> bool:
    """Whether a pattern of DenyUsers holds for every address."""
    return pattern.partition("@")[2].strip("*") == ""


def _by_users(server: Server) -> bool:
    """Whether DenyUsers or AllowUsers exclude root from every address, Match blocks or not."""
    denied = all(
        any(_everywhere(p) and _names_root(p) for p in each) for each in _lists(server, "denyusers")
    )
    lists = _lists(server, "allowusers")
    return denied or (bool(lists[0]) and not any(_names_root(p) for each in lists for p in each))


def _by_groups(server: Server) -> bool | None:
    """Whether DenyGroups or AllowGroups exclude root; None where that is not known.

    Another source than /etc/group may put root in further groups.
    """
    names = server.names
    groups = names.groups_of.get("root", frozenset()) if names else frozenset()

    def of_root(patterns: list[str]) -> bool:
        return any(like(group, pattern) for group in groups for pattern in patterns)

    if groups and all(of_root(each) for each in _lists(server, "denygroups")):
        return True
    lists = _lists(server, "allowgroups")
    if not lists[0] or any(of_root(each) for each in lists):
        return False
    return True if groups and names and names.whole else None


@sshd_check(
    "linux.sshd-root-login",
    severity=Severity.HIGH,
    version=10,
    remedy=msg("Set PermitRootLogin no in sshd_config and log in with personal accounts"),
)
def sshd_root_login(
    server: Server, *, allowed: Annotated[frozenset[str], Subset] = frozenset({"no"})
) -> Judgement:
    """Root cannot log in directly over SSH."""

    def good(_: str, value: str) -> bool:
        return _ALIASES.get(value.lower(), value.lower()) in allowed

    expected = msg("PermitRootLogin {allowed}", allowed=listed(allowed))
    if allowed.isdisjoint(_BY_DEFAULT):
        server = _with_root_by_default(server)
    value = server.sshd.one("permitrootlogin")
    values = [value, *(o.value for o in server.overrides("permitrootlogin"))] if value else []
    weak = [each for each in values if not good("", each)]
    if weak and (judged := _kept_out(server, shortened(weak[0]), expected)) is not None:
        return judged
    if server.sshd.unread:  # DenyUsers or AllowUsers may stand in what was not read
        return undetermined(msg("Some settings of sshd -T were not read"), expected=expected)
    return settings_as(server, ("permitrootlogin",), good, expected)


def _kept_out(server: Server, value: str, expected: Message) -> Judgement | None:
    """The judgement where other settings keep root out, or may; None where none does."""
    if _by_users(server):
        detail = msg("PermitRootLogin is {value}, but DenyUsers or AllowUsers exclude root",
                     value=value)  # fmt: skip
    elif server.refuses_root():
        detail = msg("PermitRootLogin is {value}, but RefuseConnection turns root away",
                     value=value)  # fmt: skip
    elif (excluded := _by_groups(server)) is not False:
        detail = msg("PermitRootLogin is {value}, but DenyGroups or AllowGroups exclude root",
                     value=value)  # fmt: skip
        if excluded is None:
            return undetermined(_OTHER_GROUPS, expected=expected)
    else:
        return None
    return server.settled(passed(detail, expected=expected))


# The default before OpenSSH 7.0, which SUSE keeps, and the one since.
_BY_DEFAULT = ("yes", "prohibit-password")


def _with_root_by_default(server: Server) -> Server:
    """The same with what holds where the files, which were all read, set nothing for root."""
    values = server.sshd.values
    if not server.sshd.from_files or "permitrootlogin" in values or "port" not in values:
        return server
    whole = values | {"permitrootlogin": (" / ".join(_BY_DEFAULT),)}
    return structs.replace(server, sshd=structs.replace(server.sshd, values=whole))


_OTHER_GROUPS = msg(
    "AllowGroups names no group of root in /etc/group; whether root is in one by another source "
    "(nsswitch.conf) is not known: ask with `id root`"
)


@sshd_check(
    "linux.sshd-empty-passwords",
    severity=Severity.HIGH,
    version=6,
    remedy=msg("Set PermitEmptyPasswords no in sshd_config"),
)
def sshd_empty_passwords(server: Server) -> Judgement:
    """The SSH server refuses empty passwords."""
    return settings_as(
        server,
        ("permitemptypasswords",),
        lambda _, value: value.lower() == "no",
        msg("PermitEmptyPasswords no"),
    )


@sshd_check(
    "linux.sshd-pam",
    severity=Severity.MEDIUM,
    version=8,
    remedy=msg("Set UsePAM yes in sshd_config, and use a server that is built with PAM"),
)
def sshd_pam(server: Server) -> Judgement:
    """The SSH server uses PAM, so that account lock-out and account rules take effect."""
    expected = msg("UsePAM yes")
    # sshd -T leaves out what it was built without.
    complete = not server.sshd.unread and not server.sshd.from_files
    if "usepam" not in server.sshd.values and complete:
        return failed(msg("The SSH server is built without PAM"), expected=expected)
    return settings_as(server, ("usepam",), lambda _, value: value.lower() == "yes", expected)


_UNITS = {"": 1, "s": 1, "m": 60, "h": HOUR, "d": DAY, "w": 7 * DAY}


def seconds(text: str) -> int | None:
    """A time of sshd_config(5), such as 120, 2m or 1h30m, in seconds."""
    if not re.fullmatch(r"(?:[0-9]{1,9}[smhdwSMHDW]?){1,6}", text):
        return None
    parts = re.findall(r"([0-9]+)([a-z]?)", text.lower())
    return sum(int(count) * _UNITS[unit] for count, unit in parts)


def _within(value: int | None, most: int) -> bool:
    return value is not None and 0 < value <= most


@sshd_check(
    "linux.sshd-login-limits",
    severity=Severity.MEDIUM,
    version=7,
    remedy=msg("Set MaxAuthTries 5 and LoginGraceTime 60 in sshd_config"),
)
def sshd_login_limits(
    server: Server,
    *,
    max_tries: Annotated[int, Down] = 5,
    max_grace: Annotated[int, Down] = 120,
) -> Judgement:
    """The SSH server limits the number and the duration of login attempts."""

    def good(key: str, value: str) -> bool:
        if key == "maxauthtries":
            return _within(integer(value), max_tries)
        return _within(seconds(value), max_grace)

    expected = msg(
        "MaxAuthTries of 1 to {tries}, LoginGraceTime of 1 to {grace} s",
        tries=max_tries,
        grace=max_grace,
    )
    return settings_as(server, ("maxauthtries", "logingracetime"), good, expected)


def _drops(interval: str, count: str, most: int, never: bool) -> bool | None:
    """Whether a client that does not answer is dropped within `most` seconds; None if not known.

    A count of 0 drops nobody where it is `never`, as in OpenSSH 8.2 and later; before, and in
    distributions that took the change over, who knows.
    """
    every, times = seconds(interval), integer(count)
    if every == 0:
        return False
    if every is None or times is None:
        return None
    if not times:
        return False if never else None
    return _within(every * times, most)


def _of_block(
    one: Override, changed: list[Override], sshd: Sshd,
    drops: Callable[[str, str], bool | None],
) -> bool | None:  # fmt: skip
    """What `drops` says where only the block of `one` sets these values."""
    values = {key: sshd.one(key) for key in ("clientaliveinterval", "clientalivecountmax")}
    if any(other.terms != one.terms for other in changed):
        # another block may set the second value: the interval decides where it is 0
        return False if one.key == "clientaliveinterval" and seconds(one.value) == 0 else None
    values |= {other.key: other.value for other in changed[::-1]}
    return drops(*values.values())


def _of_no_count(interval: str, count: str, never: bool) -> tuple[Message, ...]:
    """What a count of 0 means, where it is one."""
    if integer(count) != 0 or not seconds(interval):
        return ()
    return (_NEVER if never else _DEPENDS,)


_NEVER = msg("A ClientAliveCountMax of 0 drops nobody (OpenSSH 8.2 and later)")
_DEPENDS = msg(
    "A ClientAliveCountMax of 0 drops nobody since OpenSSH 8.2; the release of this server is not "
    "known: set 1 or more"
)


def _values(outside: str, changed: list[Override], key: str) -> list[str]:
    return [outside, *(one.value for one in changed if one.key == key)]


@sshd_check(
    "linux.sshd-idle",
    severity=Severity.LOW,
    version=9,
    also=(known_or_absent(optional(SHOWN)),),
    remedy=msg("Set ClientAliveInterval 300 and ClientAliveCountMax 2 in sshd_config"),
)
def sshd_idle(
    server: Server,
    offered: OfferedAlgorithms | Absent | None,
    *,
    max_seconds: Annotated[int, Down] = 900,
) -> Judgement:
    """The SSH server drops connections whose client no longer answers."""
    sshd = server.sshd
    interval, count = sshd.one("clientaliveinterval"), sshd.one("clientalivecountmax")
    shown = msg("ClientAliveInterval {interval}, ClientAliveCountMax {count}",
                interval=seconds(interval), count=integer(count))  # fmt: skip
    expected = msg("interval × count of 1 to {seconds} s", seconds=max_seconds)
    # sshd -T prints this since OpenSSH 8.2
    named = known(offered)
    never = "pubkeyauthoptions" in sshd.values or (named is not None and named.is_since(8, 2))

    def drops(interval: str, count: str) -> bool | None:
        return _drops(interval, count, max_seconds, never)

    if drops(interval, count) is False:
        return failed(shown, *_of_no_count(interval, count, never), expected=expected)
    changed = server.overrides("clientaliveinterval", "clientalivecountmax")
    sets = msg("Match blocks set other values: {names}", names=_matched(changed))
    if server.surely([o for o in changed if _of_block(o, changed, sshd, drops) is False]):
        return failed(shown, sets, expected=expected)
    pairs = [(i, c) for i in _values(interval, changed, "clientaliveinterval")
             for c in _values(count, changed, "clientalivecountmax")]  # fmt: skip
    detail = (shown, sets) if changed else (shown,)
    if all(drops(*pair) for pair in pairs):
        return server.settled(passed(*detail, expected=expected))
    return undetermined(*detail, *_of_no_count(interval, count, never), expected=expected)


_PREFIX = re.compile(r"[0-9a-fA-F.:]+/([0-9]{1,3})")
_NARROWEST_ALL = 8  # a prefix shorter than a class A network names no place


def _narrow(pattern: str) -> bool:
    """Whether an AllowUsers pattern holds for some addresses only."""
    _, at, host = pattern.rpartition("@")
    prefix = _PREFIX.fullmatch(host)
    return (
        bool(at)
        and "!" not in host
        and host.strip("*.?:") != ""
        and (prefix is None or int(prefix[1]) >= _NARROWEST_ALL)
    )


@sshd_check(
    "linux.sshd-source-limited",
    severity=Severity.LOW,
    version=6,
    remedy=msg("Name users with their addresses in AllowUsers, or restrict SSH in the firewall"),
)
def sshd_source_limited(server: Server) -> Judgement:
    """The SSH server itself accepts users from named addresses only."""
    users, groups = _users(server.sshd, "allowusers"), _users(server.sshd, "allowgroups")
    detail = msg(
        "AllowUsers {users}, AllowGroups {groups}, ListenAddress {addresses}",
        users=capped(users),
        groups=capped(groups),
        addresses=capped(server.sshd.values.get("listenaddress", ())),
    )
    expected = msg("every AllowUsers entry names an address (user@address)")
    if users and all(_narrow(user) for user in users) and not server.overrides("allowusers"):
        return server.settled(passed(detail, expected=expected))
    elsewhere = msg("SSH itself does not limit addresses; a firewall or a bastion host may do so")
    return undetermined(detail, elsewhere, expected=expected)


CHECKS = (
    sshd_root_login, sshd_empty_passwords, sshd_pam, sshd_login_limits, sshd_idle,
    sshd_source_limited,
)  # fmt: skip
