"""Whether a host is patched, as its own package manager tells it, without refreshing anything."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import hookimpl
from audit_core.model import Check, Fact


@hookimpl
def dengbao_facts() -> Iterable[Fact]:
    """Facts about pending updates, their metadata and sources, and kernels."""
    from audit_patch import facts

    return facts.FACTS


@hookimpl
def dengbao_checks() -> Iterable[Check]:
    """Checks of the patch level of a host."""
    from audit_patch import checks

    return checks.CHECKS


@hookimpl
def dengbao_locales() -> Iterable[Path]:
    """The Chinese of this plugin's messages."""
    return [Path(__file__).parent / "locale"]
