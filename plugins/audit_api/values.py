"""Values of documents that may hold anything. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 300


def text(value: Any) -> str:
    """A text, cut; empty for anything else."""
    return value[:LONGEST] if isinstance(value, str) else ""


def listed(value: Any) -> list[Any]:
    """A list; empty for anything else."""
    return list(value) if isinstance(value, (list, tuple)) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping; empty for anything else."""
    return value if isinstance(value, Mapping) else {}
