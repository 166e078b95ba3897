"""Known keys of mappings in an inventory, and the error for unknown ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import msgspec
from msgspec import Struct

from audit_core.api.plugins import Registry
from audit_core.model import Kind, Message, msg
from audit_core.policy.input_errors import SILENT, YamlPath, as_quoted, nearest
from audit_core.policy.strict_yaml import Document


def fields(schema: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The fields of `schema` by name."""
    return {field.name: field for field in msgspec.structs.fields(schema)}


class Keys:
    """The keys that the installed plugins allow in an inventory."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self._document = document
        self.registry = registry
        self.kinds = registry.kinds.by_id

    @property
    def standing_alone(self) -> tuple[str, ...]:
        """The kinds that are no parts of others."""
        alone = (id for id, kind in self.kinds.items() if not kind.is_part)
        first = self.registry.kinds.default
        return tuple(sorted(alone, key=lambda id: first is None or id != first.id))

    def default(self, place: YamlPath) -> Kind:
        """The kind of the target at `place`, which names none."""
        kind = self.registry.kinds.default
        if kind is None:
            line = self._document.line(place)
            expected = msg("the key {key}, one of {known}", key="kind", known=self.standing_alone)
            self._document.fail_at(line, place, expected, msg("none"), self._left_out())
        return kind

    def settings(self, kind: Kind) -> dict[str, msgspec.structs.FieldInfo]:
        """The settings of `kind`, those that other plugins add included."""
        schemas = self.registry.kinds.schemas[kind.id]
        return {name: field for schema in schemas for name, field in fields(schema).items()}

    def parts(self, kind: Kind) -> dict[str, Kind]:
        """The kinds that targets of `kind` may have parts of, by key."""
        return self.registry.kinds.parts_of(kind)

    def unknown(
        self,
        line: int,
        place: YamlPath,
        key: str,
        known: Iterable[str],
        *,
        reached: Kind | None = None,
    ) -> NoReturn:
        """Refuses `key` at `place`, where only `known` are; in the access to the kind `reached`."""
        every = sorted(known)
        expected = msg("one of the keys {keys}", keys=tuple(every))
        hint = self._hint(key, every, reached)
        self._document.fail_at(line, (*place, key), expected, as_quoted(key), hint)

    def unknown_kind(self, line: int, place: YamlPath, id: str) -> NoReturn:
        """Refuses `id` as the kind of a target."""
        known = self.standing_alone
        hint = nearest(id, known)
        kind = self.kinds.get(id)
        if kind is not None:
            hint = msg("; it is written at its parent, under {key}", key=kind.part_key)
        elif hint == SILENT:
            hint = self._left_out()
        expected = msg("one of {known}", known=known)
        self._document.fail_at(line, (*place, "kind"), expected, as_quoted(id), hint)

    def _hint(self, key: str, known: list[str], reached: Kind | None) -> Message:
        connectors = {n: c for n, c in self.registry.connectors.items() if _has(c.access, key)}
        near = [n for n, c in connectors.items() if reached is not None and reached.id in c.kinds]
        owners = [id for id, kind in self.kinds.items() if key in self.settings(kind)]
        owners += near or connectors
        if owners:
            return msg("; it belongs to {owners}", owners=tuple(owners))
        word = nearest(key, known)
        return self._left_out() if word == SILENT else word

    def _left_out(self) -> Message:
        """The plugins that could not be loaded: what they offer is unknown."""
        names = tuple(dict.fromkeys(fault.plugin for fault in self.registry.faults))
        if not names:
            return SILENT
        return msg("; it may belong to a plugin that could not be loaded: {names}", names=names)


def _has(schema: type[Struct] | None, key: str) -> bool:
    return schema is not None and key in fields(schema)


def once(name: str) -> Message:
    """What is expected of a setting that is written twice."""
    return msg("{name} once", name=name)


TWICE = msg("it in settings too")
VALUE = msg("a value")
