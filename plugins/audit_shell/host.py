"""The kind of target that is a host."""

from __future__ import annotations

from audit_core.api.sdk import Kind, msg
from audit_shell.platform_facts import PLATFORM

HOST = Kind(
    id="host",
    title=msg("Host"),
    object_types=(
        "server", "terminal", "database", "network_device", "security_device", "application",
        "management_platform",
    ),
    needs_access=True,
    access="ssh",
    here={"via": "local"},
    platform=PLATFORM,
)  # fmt: skip

KINDS = (HOST,)
