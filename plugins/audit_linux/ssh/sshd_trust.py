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


@sshd_check(
    "linux.sshd-forwarding",
    severity=Severity.LOW,
    version=3,
    remedy=msg("Set DisableForwarding yes in sshd_config; allow it in Match blocks where needed"),
)
def sshd_forwarding(server: Server) -> Judgement:
    """The SSH server does not forward connections past the firewall."""
    expected = msg("PermitTunnel no, GatewayPorts no; forwarding only where it is needed")
    values = {key: server.sshd.one(key).lower() for key in (*_PAST, *_OWN)}
    detail = msg(
        "Settings: {names}", names=capped(f"{spelled(k)} {v or '-'}" for k, v in values.items())
    )
    if server.sshd.one("disableforwarding").lower() == "yes" and not server.overrides(*values):
        return server.settled(passed(detail, expected=expected))
    if any(values[key] and values[key] not in off for key, off in _PAST.items()):
        return failed(detail, expected=expected)
    if loosened := _loosened(server):
        return failed(detail, loosened, expected=expected)
    free = any(values[key] not in off for key, off in _OWN.items())
    if free or server.overrides(*values) or not all(values.values()):
        ask = msg("Ask whether connections need to be forwarded through this host")
        return undetermined(detail, ask, expected=expected)
    return server.settled(passed(detail, expected=expected))


def _loosened(server: Server) -> Message | None:
    """The Match blocks that surely let connections of others past the firewall."""
    more = [one for one in server.overrides(*_PAST) if one.value.lower() not in _PAST[one.key]]
    names = capped(f"Match {o.criteria}: {spelled(o.key)} {o.value}" for o in server.surely(more))
    return msg("Match blocks allow more: {names}", names=names) if names else None


CHECKS = (sshd_trust, sshd_forwarding)
