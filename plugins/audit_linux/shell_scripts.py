"""Requests that run a fixed shell script."""

from __future__ import annotations

from typing import Any

from audit_core.api.sdk import Command


def script(text: str, **options: Any) -> Command:
    """A request that runs the fixed POSIX sh `text` with the rights of the login user."""
    return Command(argv=("sh", "-c", text), **options)
