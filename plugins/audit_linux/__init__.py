"""What a Linux host can tell about itself: who may do what, and how the system is kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import hookimpl
from audit_core.model import Check, Fact


@hookimpl
def dengbao_facts() -> Iterable[Fact]:
    """Facts about a Linux host."""
    from audit_linux import access, system

    return (*access.FACTS, *system.FACTS)


@hookimpl
def dengbao_checks() -> Iterable[Check]:
    """Checks of a Linux host."""
    from audit_linux import access, system

    return (*access.CHECKS, *system.CHECKS)


@hookimpl
def dengbao_locales() -> Iterable[Path]:
    """The Chinese of this plugin's messages."""
    return [Path(__file__).parent / "locale"]
