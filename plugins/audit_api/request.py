"""The question for the routes in a file."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Message, Request, msg


class Routes(Request, frozen=True, kw_only=True, tag="routes"):
    """The routes in the file that the inventory names, at most `rows` of them.

    The answer is a line of JSON (`model.Head`), then one for each route (`model.Route`) of the
    `methods`, in capitals; without any, of all. Examples, schemas and settings are not kept.
    """

    evidence_kind: ClassVar[str] = "routes"
    evidence_title: ClassVar[Message] = msg("routes of interfaces")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "rows")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    methods: tuple[str, ...] = ()
    rows: int = 20_000
    limit: int = 8 << 20
    timeout_s: int = 60

    def describe(self) -> str:
        """What is read."""
        return f"routes: {', '.join(self.methods) or 'all'}"

    def short(self) -> Message:
        """What is read."""
        return msg("routes of interfaces")

    def as_message(self) -> Message:
        """What is read, for a record sheet."""
        return msg("routes of interfaces in the file")
