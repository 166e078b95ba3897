"""A question in SQL. The core knows no such type."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Request


class Query(Request, frozen=True, kw_only=True, tag="postgres_plugin.query"):
    """The rows of one read-only statement, as JSON lines; `database` is the one to connect to."""

    evidence_kind: ClassVar[str] = "query"

    sql: str
    database: str = "postgres"

    def describe(self) -> str:
        """The statement."""
        return f"{self.database}: {self.sql}"
