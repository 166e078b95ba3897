"""Pieces of SQL text. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def literals(names: Iterable[str]) -> str:
    """Names of our own as text literals with commas between; none of them holds a quote."""
    return ", ".join(f"'{name}'" for name in names)


def quoted_name(mark: str, names: Iterable[str]) -> str:
    """Names between `mark`, which is doubled in them, joined by dots."""
    return ".".join(mark + name.replace(mark, mark * 2) + mark for name in names)
