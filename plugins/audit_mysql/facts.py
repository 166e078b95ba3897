"""All facts of this package."""

from __future__ import annotations

from audit_mysql import server

FACTS = (*server.FACTS,)
