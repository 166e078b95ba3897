"""Layers, scopes, object types and system objects of a catalog: what `catalog.yaml` declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from audit_core.model import msg
from audit_core.model.errors import InputError
from audit_core.model.names import Named, SystemObject
from audit_core.policy.input_errors import (
    YamlPath,
    as_quoted,
    nearest,
    one_of,
    wrong_id,
    wrong_text,
)
from audit_core.policy.model import Layer, Structure
from audit_core.policy.strict_yaml import Document

_NAME_MAX = 100


def check_layers(document: Document, about: Structure) -> None:
    """Refuses ids that are none or there twice, empty names, and object types nobody declared."""
    if not about.scopes:
        document.fail(("scopes",), msg("at least one"), msg("none"))
    for key in ("scopes", "object_types", "system_objects", "layers"):
        _named(document, key, getattr(about, key))
    types = tuple(t.id for t in about.object_types)
    for index, layer in enumerate(about.layers):
        for at, type in enumerate(layer.objects):
            _type(document, ("layers", index, "objects", at), type, types)
    for index, object in enumerate(about.system_objects):
        _type(document, ("system_objects", index, "object_type"), object.object_type, types)
        for at, type in enumerate(object.unless):
            _type(document, ("system_objects", index, "unless", at), type, types)
    for index, rule in enumerate(about.roll_ups):
        _type(document, ("roll_ups", index, "object_type"), rule.object_type, types)
        for at, type in enumerate(rule.of):
            _type(document, ("roll_ups", index, "of", at), type, types)
        if bool(rule.own) != bool(rule.theirs):
            expected = msg("own and theirs, or neither")
            document.fail(("roll_ups", index), expected, msg("one of them"))


def _named(document: Document, key: str, named: Sequence[Named | Layer | SystemObject]) -> None:
    for index, one in enumerate(named):
        wrong = wrong_id(one.id)
        if wrong is not None:
            document.fail((key, index, "id"), wrong, as_quoted(one.id))
        if any(one.id == other.id for other in named[:index]):
            document.fail((key, index, "id"), msg("each id once"), as_quoted(one.id))
        for lang in ("zh", "en"):
            wrong = wrong_text(getattr(one, lang), _NAME_MAX)
            if wrong is not None:
                document.fail((key, index, lang), wrong, as_quoted(getattr(one, lang)))


def _type(document: Document, place: YamlPath, type: str, known: tuple[str, ...]) -> None:
    if type not in known:
        document.fail(place, one_of(known), as_quoted(type), nearest(type, known))


def concerned(layer: Layer, own: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The object types that a clause applies to and those that it has conclusions on.

    `own` is what the clause's row says; empty for all of its layer.
    """
    applies_to = own or layer.objects
    return applies_to, layer.objects if layer.concerns_all else applies_to


def no_object(where: str) -> NoReturn:
    """Refuses a clause that would have no conclusion anywhere."""
    expected = msg("an object type, or a layer that names its objects")
    raise InputError(
        msg("{where}: applies_to: expected {expected}, got nothing", where=where, expected=expected)
    )
