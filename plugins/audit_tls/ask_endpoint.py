"""The request that asks an endpoint, from its settings in the inventory."""

from __future__ import annotations

import ipaddress

from audit_core.api.sdk import Message, Target, integer, msg
from audit_tls.request import TlsHellos
from audit_tls.starttls import PROTOCOLS

_TIMEOUT_S = 400  # all that decides is asked where an answer takes up to 6 s
_GREETING_TIMEOUT_S = 540  # a mail server may greet after half a minute


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _port(settings: dict[str, object]) -> int | None:
    port = integer(str(settings.get("port", "443")))
    return port if port is not None and 0 < port < 65536 else None


def ask(target: Target) -> TlsHellos | Message:
    """The request for `target`, or what the inventory has to declare."""
    port = _port(target.settings)
    if target.address is None or not _is_address(target.address):
        return msg("Declare the IP address of {target}", target=target.id)
    if port is None:
        return msg("Declare the port of {target} as a number from 1 to 65535", target=target.id)
    starttls = target.settings.get("starttls") or ""
    if starttls not in ("", *PROTOCOLS):
        return msg("Declare starttls of {target} as one of {protocols}",
                   target=target.id, protocols=PROTOCOLS)  # fmt: skip
    name = str(target.settings.get("server_name") or target.host_name or "")
    if not name.isascii() or len(name) > 253 or any(c <= " " for c in name):
        return msg("Declare server_name of {target} in its ASCII form", target=target.id)
    return TlsHellos(
        address=target.address, port=port, server_name=name, starttls=starttls,
        timeout_s=_GREETING_TIMEOUT_S if starttls else _TIMEOUT_S,
    )  # fmt: skip
