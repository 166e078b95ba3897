"""Names of catalog entries in both languages. Pure data."""

from __future__ import annotations

from msgspec import Struct


class Named(Struct, frozen=True, kw_only=True):
    """An id with its names in Chinese and in English."""

    id: str
    zh: str
    en: str


class SystemObject(Struct, frozen=True, kw_only=True):
    """An object of the whole system: there is always one, and nobody has to declare it.

    Findings on any target count for its clauses, because no login reaches a network as a whole.
    """

    id: str
    object_type: str
    zh: str
    en: str
