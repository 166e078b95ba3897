"""The question for what a report says."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Message, Request, msg


class ScanReport(Request, frozen=True, kw_only=True, tag="scan-report"):
    """The report in the file that the inventory names: hosts, and findings of `ratings`.

    A report of more than `rows` rows is refused. The answer is a line of JSON (`model.Head`), then
    one for each host and finding. Descriptions and outputs of the scanner are not kept.
    """

    evidence_kind: ClassVar[str] = "scan-report"
    evidence_title: ClassVar[Message] = msg("scan report")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "rows")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    ratings: tuple[str, ...] = ("critical", "high", "medium", "unrated")
    rows: int = 100_000
    limit: int = 32 << 20
    timeout_s: int = 300

    def describe(self) -> str:
        """What is read, with the ratings of the findings that are kept."""
        return f"scan report: {', '.join(self.ratings) or 'hosts'}"

    def short(self) -> Message:
        """What is read."""
        return msg("scan report")

    def as_message(self) -> Message:
        """What is read, for a record sheet."""
        return msg("hosts and findings of the scan report")
