"""The kind of target that is a 达梦 server."""

from __future__ import annotations

from audit_core.api.sdk import Kind, Schema, msg
from audit_dameng.server import KIND
from audit_database.listeners import proposed
from audit_database.unverified import UNVERIFIED


class DamengSettings(Schema, frozen=True, kw_only=True):
    """What the inventory declares of a server: the users who administer it."""

    administrators: tuple[str, ...] | None = None


DAMENG = Kind(
    id=KIND,
    title=msg("DM8 server (Dameng)"),
    object_types=("database", "server"),
    object_type="database",
    settings=DamengSettings,
    example={"administrators": ["SYSDBA"]},
    parents=("host",),
    part_key="dameng",
    alone=True,
    needs_access=True,
    access="dameng",
    propose=(proposed("dameng", 5236, "dmserver"),),
    unverified=UNVERIFIED,
)

KINDS = (DAMENG,)
