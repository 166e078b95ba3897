"""The statements that make an account for the audit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit_core.api.hooks import Grant
from audit_database.data.dialect import Dialect
from audit_database.data.requests import Sample
from audit_database.query import Query


def granted(what: Sequence[Grant], user: str) -> Iterator[str]:
    """Each statement that the queries in `what` need, once, with `user` (quoted already) put in."""
    queries = (request for _, requests in what for request in requests)
    found = (text for query in queries if isinstance(query, Query) for text in query.grants)
    for text in dict.fromkeys(found):
        yield text.replace("{user}", user)


def granted_tables(
    what: Sequence[Grant], dialect: Dialect, user: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each database whose tables are looked at, and the statements that it needs, each once."""
    found: dict[str, dict[str, None]] = {}
    for _, requests in what:
        for request in requests:
            if isinstance(request, Sample):
                needed = dialect.grants(request.database, request.schemas, user)
            elif isinstance(request, Query) and request.reads:
                needed = dialect.table_grants(request.database, request.reads, user)
            else:
                continue
            found.setdefault(request.database, {}).update(dict.fromkeys(needed))
    for database, statements in found.items():
        yield database, tuple(statements)
