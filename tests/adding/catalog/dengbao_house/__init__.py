"""The house rules as a catalog, with a profile."""

from __future__ import annotations

from pathlib import Path

from audit_core.api.hooks import hookimpl


@hookimpl
def dengbao_policy() -> list[Path]:
    return [Path(__file__).parent]
