"""Catalogs, mappings and profiles as data, in Chinese and English, and the kinds they assess.

May import `audit_core`, and no plugin.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import hookimpl, locale_beside, offers

_HERE = Path(__file__).parent

dengbao_kinds = offers("audit_profiles.kinds:KINDS")
dengbao_locales = locale_beside(__file__)


@hookimpl
def dengbao_policy() -> Iterable[Path]:
    """The folder with the catalogs, mappings and profiles that come with dengbao."""
    return [_HERE]
