"""The question for earlier runs of a system."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Message, Request, msg


class RunHistory(Request, frozen=True, kw_only=True, tag="run-history"):
    """The runs of `system` in the store that the inventory names, at most `runs`, newest first.

    The answer is a line of JSON (`model.StoreHead`), then one for each run and profile.
    Of runs of other systems only the number is given.
    """

    evidence_kind: ClassVar[str] = "run-history"
    evidence_title: ClassVar[Message] = msg("earlier runs")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "runs")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    system: str = ""
    runs: int = 100
    limit: int = 32 << 20
    timeout_s: int = 120

    def describe(self) -> str:
        """What is read, with the name of the system."""
        return f"earlier runs of {self.system or '(no name)'}"

    def short(self) -> Message:
        """What is read."""
        return msg("earlier runs in the store")

    def as_message(self) -> Message:
        """What is read, for a record sheet."""
        return self.short()
