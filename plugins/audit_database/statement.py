"""A statement that the operator declares, and what it reads. Pure."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import Valid, msg

_LONGEST = 4000


def _is_statement(text: str) -> bool:
    return text.split(None, 1)[:1] in (["SELECT"], ["select"]) and len(text) <= _LONGEST


def _is_table(text: str) -> bool:
    parts = text.split(".")
    return len(parts) <= 2 and all(p and p.isprintable() and len(p) <= 128 for p in parts)


Statement = Annotated[str, Valid(holds=_is_statement, expected=msg("one SELECT statement"))]
TableName = Annotated[
    str, Valid(holds=_is_table, expected=msg("the name of a table or view, like crm.complaints"))
]
