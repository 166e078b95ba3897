"""Whether those who have far-reaching rights are declared as administrators. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from audit_core.api.sdk import Judgement, Message, failed, listed, msg, passed, undetermined

_EXPECTED = msg("declared administrators only")


def administrators_only(
    holders: Mapping[str, bool], *, declared: bool, detail: Message, none: Message
) -> Judgement:
    """Judges the names that have rights; the value says whether one is a declared administrator.

    `declared`: the inventory lists administrators at all. `none` is the detail where there is no
    holder, `detail` lists the holders.
    """
    if not holders:
        return passed(none)
    if not declared:
        more = msg("Which of them are administrators is not declared: administrators")
        return undetermined(detail, more, expected=_EXPECTED)
    others = [name for name, known in holders.items() if not known]
    if others:
        more = msg("Not declared as administrators: {names}", names=listed(others))
        return failed(detail, more, expected=_EXPECTED)
    return passed(detail, expected=_EXPECTED)


def declared_by_name(
    holders: Iterable[str], declared: Iterable[str] | None, *, detail: Message, none: Message
) -> Judgement:
    """As `administrators_only`, by the declared names, where a product ignores their case."""
    names = frozenset(name.lower() for name in declared or ())
    known = {name: name.lower() in names for name in holders}
    return administrators_only(known, declared=declared is not None, detail=detail, none=none)
