"""Names of catalog entries in both languages. Pure data."""

from __future__ import annotations

from msgspec import Struct


class Named(Struct, frozen=True, kw_only=True):
    """An id with its names in Chinese and in English."""

    id: str
    zh: str
    en: str


class RollUpRule(Struct, frozen=True, kw_only=True):
    """What is found elsewhere counts for each object of a type: on targets with a value in common.

    `own` names what is looked at of the object, `theirs` what of the targets: `id`, `zone`,
    `business_system`, `owner`, `tags` or a setting. Targets of the object types in `of` count for
    each. Without any of these every target counts.
    """

    object_type: str
    own: str = ""
    theirs: str = ""
    of: tuple[str, ...] = ()


class SystemObject(Struct, frozen=True, kw_only=True):
    """An object of the whole system: there is always one, and nobody has to declare it.

    Findings on any target count for its clauses, because no login reaches a network as a whole.
    It is not there where a target of its type, or of one in `unless`, is declared.
    """

    id: str
    object_type: str
    zh: str
    en: str
    unless: tuple[str, ...] = ()
