"""What broke, in words that are safe to print, though they may be the server's."""

from __future__ import annotations

from audit_core.model import Message, Value

GONE = "the server closed the connection"


def told(error: BaseException) -> str:
    """`error` as a short line of printable ASCII."""
    if isinstance(error, EOFError):
        return GONE
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return plain(str(error) or type(error).__name__)


def plain(text: str) -> str:
    """`text` as a short line of printable ASCII."""
    shown = ascii(text)[1:-1]
    return shown if len(shown) <= 160 else shown[:157] + "..."


def filled(said: Message, **values: Value) -> Message:
    """`said` with `values` in its places, beside those that it has."""
    return Message(id=said.id, args={**values, **said.args}, domain=said.domain)
