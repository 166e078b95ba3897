"""Questions to a Redis server: commands that only read, each with its exact words."""

from __future__ import annotations

import re
from typing import ClassVar

from audit_core.model import Message, Request, msg

_SECRETS = frozenset({
    "requirepass", "masterauth", "masteruser", "primaryauth", "primaryuser", "tls-key-file-pass",
    "tls-client-key-file-pass", "sentinel", "user",
})  # fmt: skip
_NAME = re.compile(r"[a-z0-9-]{1,64}")
DANGEROUS = (
    ("ACL", "SETUSER", "dengbao"), ("CONFIG", "SET", "maxclients", "1"), ("FLUSHALL",),
    ("SHUTDOWN",), ("DEBUG", "SLEEP", "0"), ("MODULE", "LOAD", "none"), ("REPLICAOF", "NO", "ONE"),
    ("EVAL", "return 1", "0"), ("KEYS", "*"), ("MONITOR",), ("SLAVEOF", "NO", "ONE"),
    ("FLUSHDB",), ("SYNC",), ("SWAPDB", "0", "1"), ("CONFIG", "REWRITE"), ("ACL", "LOAD"),
    ("FUNCTION", "LOAD", "none"), ("CLUSTER", "RESET"), ("FAILOVER",),
    ("MIGRATE", "none", "1", "none", "0", "1"),
)  # fmt: skip
WITH_SUBCOMMANDS = frozenset({"ACL", "CLUSTER", "CONFIG", "FUNCTION", "MODULE"})
"""Commands that ACL DRYRUN is asked about for each user. None of them is run."""


class RedisRequest(Request, frozen=True, kw_only=True):
    """A question that runs commands which only read. `grants` are the ACL rules that it needs."""

    evidence_kind: ClassVar[str] = "redis"
    evidence_title: ClassVar[Message] = msg("Redis command")
    grants: ClassVar[tuple[str, ...]] = ()


class RedisInfo(RedisRequest, frozen=True, kw_only=True, tag="redis-info"):
    """The answer to INFO, as text."""

    grants: ClassVar[tuple[str, ...]] = ("+info",)

    def describe(self) -> str:
        """The command that is run."""
        return "INFO"


class RedisConfig(RedisRequest, frozen=True, kw_only=True, tag="redis-config"):
    """The settings `names`, each by a CONFIG GET of its own, which every release knows.

    The answer is a JSON object without the names that the server does not know. ValueError for a
    name that is secret or a pattern.
    """

    grants: ClassVar[tuple[str, ...]] = ("+config|get",)

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.names:
            if not _NAME.fullmatch(name) or name in _SECRETS:
                raise ValueError(f"not a setting to ask for: {name!r}")

    def describe(self) -> str:
        """The commands that are run, one for each setting."""
        return "; ".join(f"CONFIG GET {name}" for name in self.names)

    def short(self) -> str:
        """The command, without the names."""
        return "CONFIG GET"


class RedisUsers(RedisRequest, frozen=True, kw_only=True, tag="redis-users"):
    """The users: ACL USERS, then of each ACL GETUSER and ACL DRYRUN with `DANGEROUS`.

    The server tells SHA-256 digests of passwords with GETUSER. They are counted beside the driver
    and forgotten. The answer has a JSON object for each user, 500 at most.
    """

    grants: ClassVar[tuple[str, ...]] = ("+acl|users", "+acl|getuser", "+acl|dryrun")

    def describe(self) -> str:
        """The commands that are run for each user."""
        return "ACL USERS; of each ACL GETUSER (without digests) and ACL DRYRUN"

    def short(self) -> str:
        """The command that is run for each user."""
        return "ACL GETUSER"
