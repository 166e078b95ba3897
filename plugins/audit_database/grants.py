"""The statements that make an account for the audit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit_core.api.hooks import Grant
from audit_database.query import Query


def granted(what: Sequence[Grant], user: str) -> Iterator[str]:
    """Each statement that the queries in `what` need, once, with `user` (quoted already) put in."""
    queries = (request for _, requests in what for request in requests)
    found = (text for query in queries if isinstance(query, Query) for text in query.grants)
    for text in dict.fromkeys(found):
        yield text.replace("{user}", user)
