"""The kind of target that is a Redis or Valkey server."""

from __future__ import annotations

from audit_core.api.sdk import Kind, PositiveFloat, Schema, msg
from audit_database.listeners import proposed


class RedisSettings(Schema, frozen=True, kw_only=True):
    """What the inventory declares of a server.

    `administrators` are the users that administer it. `cache`: what it holds may be lost.
    `rpo_hours` is how old the stored copy may be.
    """

    administrators: tuple[str, ...] | None = None
    cache: bool = False
    rpo_hours: PositiveFloat | None = None


REDIS = Kind(
    id="redis",
    title=msg("Redis or Valkey server"),
    object_types=("database", "server"),
    object_type="database",
    settings=RedisSettings,
    example={"administrators": ["dba"]},
    parents=("host",),
    part_key="redis",
    alone=True,
    needs_access=True,
    access="redis",
    propose=(proposed("redis", 6379, "redis-server", "valkey-server"),),
)

KINDS = (REDIS,)
