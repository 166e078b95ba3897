"""What a parser raises. Pure."""

from __future__ import annotations

from audit_core.model.messages import Message


class ParseError(Exception):
    """Raised by a parser for bytes that it cannot read with certainty; the fact is UNPARSABLE.

    `detail` tells why; text of the target in it is `verbatim`.
    """

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail
