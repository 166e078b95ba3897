"""Kinds of targets that are declared for their clauses; no check asks them anything."""

from __future__ import annotations

from audit_core.api.sdk import Kind, Message, msg

_DEVICES = (
    "server", "terminal", "database", "network_device", "security_device", "application",
    "management_platform",
)  # fmt: skip
_DATA = (
    "business_data", "authentication_data", "audit_data", "configuration_data", "video_data",
    "personal_information",
)  # fmt: skip


def _declared(id: str, title: Message, object_types: tuple[str, ...], object_type: str) -> Kind:
    return Kind(id=id, title=title, object_types=object_types, object_type=object_type)


KINDS = (
    _declared("database", msg("Database"), _DEVICES, "database"),
    _declared("network_device", msg("Network device"), _DEVICES, "network_device"),
    _declared("application", msg("Application"), _DEVICES, "application"),
    _declared("data_set", msg("Data set"), _DATA, "business_data"),
    _declared("site", msg("Site"), ("site",), "site"),
    _declared("network", msg("Network"), ("network",), "network"),
    _declared("organisation", msg("Organisation"), ("organisation",), "organisation"),
)
