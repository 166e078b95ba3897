"""Reads an inventory from strict YAML; errors name the line of the value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from audit_core.api.plugins import Registry
from audit_core.inventory.access import AccessReader, refuse
from audit_core.inventory.defaults import merge_defaults
from audit_core.inventory.keys import TWICE, VALUE, Keys, fields, once
from audit_core.inventory.model import Access, Inventory, System
from audit_core.inventory.values import Values, networks
from audit_core.model import AccessSchema, Kind, Target, as_is, msg
from audit_core.model.kinds import COMMON_KEYS
from audit_core.policy.input_errors import NOTHING, YamlPath, as_quoted, nearest, one_of, wrong_id
from audit_core.policy.strict_yaml import Document, Entry, Node, load_bytes, read_bytes, wanted

HERE = "127.0.0.1"
_MAPPING = dict[str, object]


def load_inventory(path: Path, registry: Registry) -> Inventory:
    """The inventory in the YAML file `path`; raises InputError with file, line and place."""
    raw = read_bytes(path)  # once: a pipe can be read only once, and a file may change
    read = read_inventory(load_bytes(raw, str(path)), registry)
    return structs.replace(read, sha256=hashlib.sha256(raw).hexdigest())


def read_inventory(document: Document, registry: Registry) -> Inventory:
    """The inventory in `document`, with the kinds and connectors of `registry`."""
    return _Reader(document, registry).inventory()


class _File(Struct, frozen=True, kw_only=True):
    targets: tuple[_MAPPING, ...]
    system: System = System()
    defaults: _MAPPING = {}
    scope: tuple[str, ...] | None = None


class _TargetFields(Struct, frozen=True, kw_only=True):
    id: str | None = None
    object_type: str | None = None
    zone: str | None = None
    business_system: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    address: str | None = None


class _Setting(Struct, frozen=True, kw_only=True):
    place: YamlPath
    node: Node


class _Reader:
    def __init__(self, document: Document, registry: Registry) -> None:
        self._document = document
        self._keys = Keys(document, registry)
        self._file = document.convert(_File)
        merge_defaults(document, self._keys)
        self._values = Values(document, networks(document, self._file.scope))
        self._access_reader = AccessReader(document, self._keys, self._values)
        self._targets: list[Target] = []
        self._access: dict[str, Access] = {}

    def inventory(self) -> Inventory:
        if not self._file.targets:
            self._document.fail(("targets",), msg("at least one target"), msg("none"))
        self._system()
        for index in range(len(self._file.targets)):
            place: YamlPath = ("targets", index)
            node = self._document.at(place)
            assert node is not None  # noqa: S101 (it was converted)
            self._add(place, node, self._kind(place, node), None)
        return Inventory(
            system=self._file.system, targets=tuple(self._targets), access=self._access,
            scope=self._file.scope, document=self._document,
        )  # fmt: skip

    def _system(self) -> None:
        level = self._file.system.level
        if level is not None and not 1 <= level <= 5:
            self._document.fail(("system", "level"), msg("1 to 5"), as_is(str(level)))
        for name in ("name", "business_system", "owner"):
            self._values.plain_text(("system", name), getattr(self._file.system, name))

    def _kind(self, place: YamlPath, node: Node) -> Kind:
        entry = node.value.get("kind")
        if entry is None:
            return self._keys.default(place)
        id = self._document.convert(str, entry.node, (*place, "kind"))
        kind = self._keys.kinds.get(id)
        if kind is None or kind.is_part:
            self._keys.unknown_kind(self._document.line((*place, "kind")), place, id)
        return kind

    def _add(self, place: YamlPath, node: Node, kind: Kind, parent: Target | None) -> None:
        """Takes the target at `place` and its parts, in the order in which they are written."""
        self._document.convert(_MAPPING, node, place)
        parts = self._keys.parts(kind)
        self._known(place, node, kind, parts)
        target = self._target(place, node, kind, parent)
        self._targets.append(target)
        for key, entry in node.value.items():
            if key in parts:
                self._document.convert(tuple[_MAPPING, ...], entry.node, (*place, key))
                for index, item in enumerate(entry.node.value):
                    self._add((*place, key, index), item, parts[key], target)

    def _known(self, place: YamlPath, node: Node, kind: Kind, parts: Mapping[str, Kind]) -> None:
        known = {*COMMON_KEYS, *self._keys.settings(kind), *parts}
        if len(place) > 2:
            known -= {"kind"}
        for key, entry in node.value.items():
            if key not in known:
                self._keys.unknown(entry.line, place, key, known)

    def _target(self, place: YamlPath, node: Node, kind: Kind, parent: Target | None) -> Target:
        common = self._common(place, node)
        settings = self._settings(place, node, kind)
        id = self._id(place, common.id, kind, parent, settings)
        object_type = self._object_type(place, common, kind, parent, settings)
        if common.address is not None:
            self._values.address((*place, "address"), common.address)
        over = parent or Target(id="", kind="", object_type="")
        address = common.address or over.address
        self._reach(place, node, kind, id, address, parent)
        system = self._file.system
        return Target(
            id=id, kind=kind.id, object_type=object_type,
            parent=parent.id if parent is not None else None,
            zone=common.zone or over.zone,
            business_system=common.business_system or over.business_system
            or system.business_system,
            owner=common.owner or over.owner or system.owner,
            tags=common.tags or over.tags,
            address=self._address(place, kind, address, over.id), settings=settings,
            left_out=str(settings.get(kind.left_out) or ""),
        )  # fmt: skip

    def _common(self, place: YamlPath, node: Node) -> _TargetFields:
        own = {k: e for k, e in node.value.items() if k in _TargetFields.__struct_fields__}
        common = self._document.convert(_TargetFields, Node(own, node.line), place)
        if len(place) == 2 and common.id is None:
            self._document.fail((*place, "id"), VALUE, NOTHING)
        for name in ("zone", "business_system", "owner"):
            self._values.plain_text((*place, name), getattr(common, name))
        for index, tag in enumerate(common.tags):
            wrong = wrong_id(tag)
            if wrong is not None:
                self._document.fail((*place, "tags", index), wrong, as_quoted(tag))
        return common

    def _id(
        self, place: YamlPath, id: str | None, kind: Kind, parent: Target | None,
        settings: Mapping[str, Any],
    ) -> str:  # fmt: skip
        place = (*place, "id")
        if parent is None:
            self._values.id(place, id or "")
            return id or ""
        name = kind.part_name(id, settings)
        if name is None:
            self._document.fail(place, VALUE, NOTHING)
        self._values.id(place, name.replace(":", "."), shown=name, under=parent.id)
        return f"{parent.id}/{name}"

    def _object_type(
        self, place: YamlPath, common: _TargetFields, kind: Kind, parent: Target | None,
        settings: Mapping[str, Any],
    ) -> str:  # fmt: skip
        given = common.object_type
        if given is not None:
            if given not in kind.object_types:
                # with another type its clauses would not apply
                hint = nearest(given, kind.object_types)
                expected = one_of(kind.object_types)
                self._document.fail((*place, "object_type"), expected, as_quoted(given), hint)
            return given
        if kind.type_of is not None:
            return kind.type_of(settings)
        if kind.object_type is not None:
            return kind.object_type
        inherited = parent is not None and parent.object_type in kind.object_types
        return parent.object_type if parent and inherited else kind.object_types[0]

    # --- settings -------------------------------------------------------------------------------

    def _settings(self, place: YamlPath, node: Node, kind: Kind) -> dict[str, Any]:
        written = self._written(place, node, kind)
        values: dict[str, Any] = {}
        for schema in self._keys.registry.kinds.schemas[kind.id]:
            found = {}
            for name, field in fields(schema).items():
                if name in written:
                    setting = written[name]
                    found[name] = self._document.convert(field.type, setting.node, setting.place)
                elif field.required:
                    self._document.fail((*place, name), wanted(field.type), NOTHING)
            made = schema(**found)
            refuse(self._document, self._place_of(place, written, found), made)
            values |= {name: msgspec.to_builtins(value) for name, value in found.items()}
        return {name: values[name] for name in written}

    def _place_of(
        self, place: YamlPath, written: Mapping[str, _Setting], found: Mapping[str, Any]
    ) -> YamlPath:
        """Where the settings stand: beside the id, or all of them under `settings`."""
        under = (*place, "settings")
        all_under = bool(found) and all(written[name].place[:-1] == under for name in found)
        return under if all_under else place

    def _written(self, place: YamlPath, node: Node, kind: Kind) -> dict[str, _Setting]:
        known = self._keys.settings(kind)
        found = {
            key: _Setting(place=(*place, key), node=entry.node)
            for key, entry in node.value.items()
            if key in known
        }
        under: Entry | None = node.value.get("settings")
        if under is None:
            return found
        inner: YamlPath = (*place, "settings")
        self._document.convert(_MAPPING, under.node, inner)
        for key, entry in under.node.value.items():
            if key not in known:
                self._keys.unknown(entry.line, inner, key, known)
            if key in found:
                self._document.fail((*place, key), once(key), TWICE)
            found[key] = _Setting(place=(*inner, key), node=entry.node)
        return found

    # --- access ---------------------------------------------------------------------------------

    def _reach(
        self, place: YamlPath, node: Node, kind: Kind, id: str, address: str | None,
        parent: Target | None,
    ) -> None:  # fmt: skip
        entry = node.value.get("access")
        if entry is not None or (kind.needs_access and parent is None):
            given = entry.node if entry is not None else None
            self._access[id] = self._access_reader.access(place, given, kind, address)
        elif kind.needs_access and parent is not None and self._access_over(parent.id) is None:
            expected = msg("a target that is reached (access)")
            self._document.fail(place, expected, msg("one that is not"))

    def _access_over(self, id: str) -> Access | None:
        """The access of the target `id` or of the nearest one that it is a part of."""
        while id not in self._access and "/" in id:
            id = id.rpartition("/")[0]
        return self._access.get(id)

    def _address(self, place: YamlPath, kind: Kind, address: str | None, parent: str) -> str | None:
        if address is not None or not kind.needs_address:
            return address
        over = self._access_over(parent)
        if over is None or not isinstance(over.settings, AccessSchema):
            here = False
        else:
            here = over.settings.reaches_here
        if not here:
            expected = msg("an address here or at the target")
            self._document.fail((*place, "address"), expected, NOTHING)
        self._values.address((*place, "address"), HERE)
        return HERE
