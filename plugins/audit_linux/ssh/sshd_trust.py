"""Whether the SSH server trusts other hosts or loose files of users, and what it forwards."""

from __future__ import annotations

from audit_core.api.sdk import (
    Judgement,
    Message,
    Severity,
    capped,
    failed,
    msg,
    passed,
    undetermined,
)
from audit_linux.ssh.sshd_checks import settings_as, spelled
from audit_linux.ssh.sshd_files import Override
from audit_linux.ssh.sshd_server import Server, sshd_check

_TRUST = {
    "hostbasedauthentication": frozenset({"no"}),
    "ignorerhosts": frozenset({"yes", "shosts-only"}),
    "strictmodes": frozenset({"yes"}),
    "permituserenvironment": frozenset({"no"}),
}


@sshd_check(
    "linux.sshd-trust",
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg(
        "Set HostbasedAuthentication no, IgnoreRhosts yes, StrictModes yes and "
        "PermitUserEnvironment no in sshd_config"
    ),
)
def sshd_trust(server: Server) -> Judgement:
    """The SSH server trusts no other host, and no file of users that others may change."""
    expected = msg(
        "HostbasedAuthentication no, IgnoreRhosts yes, StrictModes yes, PermitUserEnvironment no"
    )
    return settings_as(
        server, tuple(_TRUST), lambda key, value: value.lower() in _TRUST[key], expected
    )


# What carries connections of others, or networks, past the firewall of the host.
_PAST = {"permittunnel": frozenset({"no"}), "gatewayports": frozenset({"no"})}
# What an account may do with its own connection; OpenSSH allows it by default.
_OWN = {
    "allowtcpforwarding": frozenset({"no"}),
    "allowstreamlocalforwarding": frozenset({"no"}),
    "x11forwarding": frozenset({"no"}),
}
_ALL = _PAST | _OWN
# DisableForwarding leaves tunnels as they are (tried with OpenSSH 9.2p1 and ssh -w).
_DESPITE = ("permittunnel",)
_DISABLE, _X11_LOCAL = "disableforwarding", "x11uselocalhost"


@sshd_check(
    "linux.sshd-forwarding",
    severity=Severity.LOW,
    version=3,
    remedy=msg("Set DisableForwarding yes in sshd_config; allow it in Match blocks where needed"),
)
def sshd_forwarding(server: Server) -> Judgement:
    """The SSH server does not forward connections past the firewall."""
    expected = msg("PermitTunnel no, GatewayPorts no; forwarding only where it is needed")
    values = {key: server.sshd.one(key).lower() for key in _ALL}
    shown = values | ({_X11_LOCAL: "no"} if server.sshd.one(_X11_LOCAL).lower() == "no" else {})
    detail = msg(
        "Settings: {names}", names=capped(f"{spelled(k)} {v or '-'}" for k, v in shown.items())
    )
    opened = _looser(server, _DISABLE)
    off = server.sshd.one(_DISABLE).lower() == "yes"
    judged = _DESPITE if off and not server.surely(opened) else (*_PAST, _X11_LOCAL)
    if any(_is_past(server, key) for key in judged):
        return failed(detail, expected=expected)
    if loosened := _loosened(server, [key for key in judged if key in _PAST]):
        return failed(detail, loosened, expected=expected)
    asked = _DESPITE if off and not opened else tuple(_ALL)
    if _looser(server, *asked) or not all(values[key] in _ALL[key] for key in asked):
        ask = msg("Ask whether connections need to be forwarded through this host")
        return undetermined(detail, ask, expected=expected)
    return server.settled(passed(detail, expected=expected))


def _is_past(server: Server, key: str) -> bool:
    """Whether a setting lets connections of others through; X11 where it listens for all hosts."""
    value = server.sshd.one(key).lower()
    if key == _X11_LOCAL:
        return value == "no" and server.sshd.one("x11forwarding").lower() == "yes"
    return bool(value) and value not in _PAST[key]


def _looser(server: Server, *keys: str) -> list[Override]:
    """The Match blocks that allow what is not allowed by default."""
    usual = _ALL | {_DISABLE: frozenset({"yes"})}
    return [one for one in server.overrides(*keys) if one.value.lower() not in usual[one.key]]


def _loosened(server: Server, keys: list[str]) -> Message | None:
    """The Match blocks that surely let connections of others past the firewall."""
    more = server.surely(_looser(server, *keys))
    names = capped(f"Match {o.criteria}: {spelled(o.key)} {o.value}" for o in more)
    return msg("Match blocks allow more: {names}", names=names) if names else None


CHECKS = (sshd_trust, sshd_forwarding)
