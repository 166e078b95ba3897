"""Catalogs, mappings, profiles and their translations, as data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import hookimpl, offers

_HERE = Path(__file__).parent

dengbao_kinds = offers("audit_profiles.kinds:KINDS")


@hookimpl
def dengbao_policy() -> Iterable[Path]:
    """The folder with the catalogs, mappings and profiles that come with dengbao."""
    return [_HERE]


@hookimpl
def dengbao_locales() -> Iterable[Path]:
    """The Chinese of what profiles and mappings say."""
    return [_HERE / "locale"]
