"""What the inventory may declare of the ports of a host."""

from __future__ import annotations

from audit_core.api.sdk import KindSettings, PortRange, Schema


class PortSettings(Schema, frozen=True, kw_only=True):
    """The ports that are needed, and those that are probed from outside. None: not declared."""

    allowed_ports: tuple[PortRange, ...] | None = None
    scan_ports: tuple[PortRange, ...] | None = None


KINDS = (KindSettings(kind="host", settings=PortSettings),)
