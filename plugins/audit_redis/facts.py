"""All facts of this package."""

from __future__ import annotations

from audit_redis import logins, server

FACTS = (*server.FACTS, *logins.FACTS)
