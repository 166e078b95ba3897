"""Errors of connections as text that is safe to print."""

from __future__ import annotations

from audit_core.model import Item, Message, msg, verbatim
from audit_core.text.system_errors import os_error
from audit_shell.scripts import no_end, too_much

__all__ = ["GONE", "as_message", "no_end", "plain", "text_of", "too_much"]

GONE = msg("the server closed the connection")


def text_of(error: BaseException) -> Item:
    """The text of `error`: our own, the system's, or a library's as a short line of ASCII."""
    if isinstance(error, EOFError):
        return GONE
    if isinstance(error, OSError) and error.strerror:
        return os_error(error)
    return verbatim(plain(str(error) or type(error).__name__))


def as_message(item: Item) -> Message:
    """`item` as a message of its own."""
    return item if isinstance(item, Message) else Message(id="{text}", args={"text": item})


def plain(text: str) -> str:
    """`text` as a short line of printable ASCII."""
    shown = ascii(text)[1:-1]
    return shown if len(shown) <= 160 else shown[:157] + "..."
