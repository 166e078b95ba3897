"""Which listeners of a host are likely to speak TLS. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit_core.api.sdk import Message, Part, Target, msg

# At these ports TLS is usual from the first byte: the services of IANA's registry whose name ends
# in s or says tls (443 465 563 636 853 989 990 992-995 2083 2376 3269 5061 5671 6514 6697 8883),
# and usual choices of administrators and products (2379 4443 6443 8443 8834 9443 10250 10443).
_TLS = frozenset(
    {443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2083, 2376, 2379, 3269, 4443, 5061,
     5671, 6443, 6514, 6697, 8443, 8834, 8883, 9443, 10250, 10443}
)  # fmt: skip
# At these a plain protocol may turn to TLS.
_STARTTLS = {
    21: "ftp", 25: "smtp", 110: "pop3", 143: "imap", 389: "ldap", 587: "smtp", 3268: "ldap",
    5432: "postgres",
}  # fmt: skip


def endpoints(target: Target, listeners: Any, ports: Any) -> Iterable[Part]:
    """Endpoints at the TCP ports of `target` at which TLS is usual, by port.

    `listeners` are the sockets that the host tells of, of which those on its loopback are left out;
    `ports` what a scan saw from outside. Either may be None.
    """
    found: dict[int, Message] = {}
    for port in sorted(ports.open) if ports is not None else ():
        found[port] = msg("Port {port} was open from outside", port=port)
    for item in listeners or ():
        if item.protocol == "tcp" and not item.loopback:
            found[item.port] = msg("The host listens: {socket}", socket=item.text)
    for port in sorted(found):
        if port in _TLS:
            yield Part(settings={"port": port}, why=found[port])
        elif port in _STARTTLS:
            yield Part(settings={"port": port, "starttls": _STARTTLS[port]}, why=found[port])
