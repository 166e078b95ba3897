"""The kind of target that is an Oracle database."""

from __future__ import annotations

from audit_core.api.sdk import Kind, Schema, msg
from audit_database.listeners import proposed
from audit_database.unverified import UNVERIFIED
from audit_oracle.server import KIND


class OracleSettings(Schema, frozen=True, kw_only=True):
    """What the inventory declares of a database: the users who administer it."""

    administrators: tuple[str, ...] | None = None


ORACLE = Kind(
    id=KIND,
    title=msg("Oracle database"),
    object_types=("database", "server"),
    object_type="database",
    settings=OracleSettings,
    example={"administrators": ["SYS", "SYSTEM"]},
    parents=("host",),
    part_key="oracle",
    alone=True,
    needs_access=True,
    access="oracle",
    propose=(proposed("oracle", 1521, "tnslsnr"),),
    unverified=UNVERIFIED,
)

KINDS = (ORACLE,)
