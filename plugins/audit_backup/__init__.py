"""Whether declared backup sets exist, are fresh, whole, kept from others and encrypted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import hookimpl
from audit_core.model import Check, Fact


@hookimpl
def dengbao_facts() -> Iterable[Fact]:
    """Facts about the files of a backup set."""
    from audit_backup import facts

    return facts.FACTS


@hookimpl
def dengbao_checks() -> Iterable[Check]:
    """Checks of a backup set."""
    from audit_backup import checks

    return checks.CHECKS


@hookimpl
def dengbao_locales() -> Iterable[Path]:
    """The Chinese of this plugin's messages."""
    return [Path(__file__).parent / "locale"]
