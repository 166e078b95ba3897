"""Joins the offers of several plugins for one kind of target, and rejects contradictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Struct

from audit_core.model import Kind, KindSettings, Message, PlatformQuestions, msg, named
from audit_core.model.kinds import COMMON_KEYS

KindOffer = Kind | KindSettings
Refuse = Callable[[KindOffer, Message], None]
"""Called with an offer that is not used, and the reason."""


class Kinds(Struct, frozen=True, kw_only=True):
    """Kinds by id; the schemas of their settings, the kind's own first; kinds by their part key."""

    by_id: dict[str, Kind] = {}
    schemas: dict[str, tuple[type[Struct], ...]] = {}
    by_part_key: dict[str, Kind] = {}

    @property
    def default(self) -> Kind | None:
        """The kind of a target where none is named: that of this machine, if a plugin offers it."""
        return next((kind for kind in self.by_id.values() if kind.here is not None), None)

    @property
    def platforms(self) -> dict[str, PlatformQuestions]:
        """What the first round asks of targets, by kind."""
        found = {id: kind.platform for id, kind in self.by_id.items()}
        return {id: asked for id, asked in found.items() if asked is not None}

    @property
    def only_parts(self) -> frozenset[str]:
        """The kinds whose targets are always parts of others."""
        return frozenset(id for id, kind in self.by_id.items() if kind.is_part)

    def parts_of(self, kind: Kind) -> dict[str, Kind]:
        """The kinds that targets of `kind` may have parts of, by the key they are written under."""
        return {key: part for key, part in self.by_part_key.items() if part.fits(kind)}


def joined(offers: Iterable[KindOffer], refuse: Refuse) -> Kinds:
    """Everything that `offers` say; settings of a kind that nobody offers are left out."""
    every = list(offers)
    kinds: dict[str, Kind] = {}
    parts: dict[str, Kind] = {}
    for kind in (o for o in every if isinstance(o, Kind)):
        problem = _problem(kind, parts)
        if problem is not None:
            refuse(kind, problem)
            continue
        kinds[kind.id] = kind
        if kind.parents:
            parts[kind.part_key] = kind
    schemas = {id: _own(kind) for id, kind in kinds.items()}
    for more in (o for o in every if isinstance(o, KindSettings)):
        known = schemas.get(more.kind)
        if known is None:
            continue
        problem = _clash(more.settings, known, parts)
        if problem is not None:
            refuse(more, problem)
        else:
            schemas[more.kind] = (*known, more.settings)
    return Kinds(by_id=kinds, schemas=schemas, by_part_key=parts)


def _own(kind: Kind) -> tuple[type[Struct], ...]:
    return () if kind.settings is None else (kind.settings,)


def _problem(kind: Kind, parts: Mapping[str, Kind]) -> Message | None:
    if not kind.object_types:
        return msg("{kind}: it needs an object type", kind=kind.id)
    if bool(kind.parents) != bool(kind.part_key):
        return msg(
            "{kind}: a kind with parents needs a part_key, and only such a kind", kind=kind.id
        )
    if kind.part_key in parts or kind.part_key in COMMON_KEYS:
        return msg("{kind}: the part_key {key} is already in use", kind=kind.id, key=kind.part_key)
    return None if kind.settings is None else _clash(kind.settings, (), parts)


def _clash(
    schema: type[Struct], known: Iterable[type[Struct]], parts: Mapping[str, Kind]
) -> Message | None:
    types = {f.name: f.type for one in known for f in msgspec.structs.fields(one)}
    try:
        fields = msgspec.structs.fields(schema)
    except Exception as error:  # noqa: BLE001 (a type that cannot be resolved, a foreign class)
        return msg("{schema}: {error}", schema=repr(schema), error=named(error))
    for field in fields:
        name = field.name
        if name in COMMON_KEYS or name in parts:
            return msg(
                "{schema}: the setting {name} has the name of a key of every target",
                schema=schema.__name__,
                name=name,
            )
        if types.get(name, field.type) != field.type:
            return msg(
                "{schema}: the setting {name} has another type elsewhere",
                schema=schema.__name__,
                name=name,
            )
    return None
