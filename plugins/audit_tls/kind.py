"""The kind of target that is a port which speaks TLS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from audit_core.api.sdk import ANY_KIND, Kind, Name, Port, Propose, Schema, msg
from audit_tls.propose import endpoints


class EndpointSettings(Schema, frozen=True, kw_only=True):
    """Where it listens and as what it is asked for.

    `starttls` is the protocol of a listener that begins in plain text. `trust` says whether its
    certificate is to be one that everybody's trust stores know, or of the site's own authority.
    """

    port: Port
    server_name: Name | None = None
    trust: Literal["public", "private"] | None = None
    starttls: Literal["ftp", "imap", "ldap", "pop3", "postgres", "smtp"] | None = None


def _named(id: str | None, settings: Mapping[str, Any]) -> str:
    return id if id is not None else f"tls:{settings['port']}"


ENDPOINT = Kind(
    id="endpoint",
    title=msg("Endpoint"),
    object_types=(
        "server", "terminal", "database", "network_device", "security_device", "application",
        "management_platform",
    ),
    settings=EndpointSettings,
    example={"port": 443, "server_name": "localhost"},
    parents=(ANY_KIND,),
    part_key="endpoints",
    part_name=_named,
    identity=("port",),
    needs_address=True,
    propose=(
        Propose(parent="host", needs=("linux.listeners", "nmap.ports"), make=endpoints),
    ),
)  # fmt: skip

KINDS = (ENDPOINT,)
