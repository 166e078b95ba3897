"""An inventory read from strict YAML: each value checked where it stands."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from msgspec import structs

from audit_core.inventory.access import AccessReader
from audit_core.inventory.inventory_schema import WrittenFile, WrittenTarget, merge_defaults
from audit_core.inventory.model import ALWAYS, OBJECT_TYPE, Access, Inventory, always
from audit_core.inventory.parts import PartsReader
from audit_core.inventory.settings import Settings
from audit_core.inventory.values import Values, networks
from audit_core.model import Target, msg
from audit_core.policy.strict_yaml import Document, load_bytes, read_bytes
from audit_core.policy.words import NOTHING, Place, as_is, seen

_PORTS = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?(?:/(?:tcp|udp))?")


def load_inventory(path: Path) -> Inventory:
    """The inventory in the YAML file `path`; raises InputError with file, line and place."""
    raw = read_bytes(path)  # once: a pipe has no second time, and a file may change
    read = read_inventory(load_bytes(raw, str(path)))
    return structs.replace(read, sha256=hashlib.sha256(raw).hexdigest())


def read_inventory(document: Document) -> Inventory:
    """The inventory that `document` spells."""
    merge_defaults(document)
    return _Reader(document).inventory()


class _Reader:
    """Checks each value where it stands, and makes targets and access of them."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._file = document.convert(WrittenFile)
        self._values = Values(document, networks(document, self._file.scope))
        self._settings = Settings(document)
        self._access = AccessReader(document, self._values)
        self._parts = PartsReader(document, self._values, self._settings)

    def inventory(self) -> Inventory:
        if not self._file.targets:
            self._document.fail(("targets",), msg("at least one target"), msg("none"))
        self._system()
        targets: list[Target] = []
        access: dict[str, Access] = {}
        for index, written in enumerate(self._file.targets):
            place: Place = ("targets", index)
            target = self._target(place, written)
            reach = self._access.access(place, written)
            if reach is not None:
                access[target.id] = reach
            targets += [target, *self._parts.parts(place, written, target, reach)]
        return Inventory(
            system=self._file.system, targets=(*targets, *always(tuple(targets))),
            access=access, scope=self._file.scope,
        )  # fmt: skip

    def _system(self) -> None:
        level = self._file.system.level
        if level is not None and not 1 <= level <= 5:
            self._document.fail(("system", "level"), msg("1 to 5"), as_is(str(level)))
        for name in ("name", "business_system", "owner"):
            self._values.plain_text(("system", name), getattr(self._file.system, name))

    def _target(self, place: Place, written: WrittenTarget) -> Target:
        self._values.id((*place, "id"), written.id)
        self._reserved(place, written)
        self._settings.object_type(place, written.kind, written.object_type)
        for name in ("zone", "business_system", "owner"):
            self._values.plain_text((*place, name), getattr(written, name))
        if written.address is not None:
            self._values.address((*place, "address"), written.address)
        system = self._file.system
        return Target(
            id=written.id, kind=written.kind,
            object_type=written.object_type or OBJECT_TYPE[written.kind],
            zone=written.zone, business_system=written.business_system or system.business_system,
            owner=written.owner or system.owner, address=written.address,
            settings=self._own_settings(place, written),
        )  # fmt: skip

    def _reserved(self, place: Place, written: WrittenTarget) -> None:
        if written.id in tuple(ALWAYS) and written.kind != written.id:
            expected = msg("another id (this one stands for the whole {name})", name=written.id)
            self._document.fail((*place, "id"), expected, seen(written.id))

    def _own_settings(self, place: Place, written: WrittenTarget) -> dict[str, Any]:
        settings = dict(written.settings)
        self._settings.no_fields(
            (*place, "settings"), settings, WrittenTarget, ("allowed_ports", "scan_ports")
        )
        for name in ("allowed_ports", "scan_ports"):
            given = getattr(written, name)
            if given is not None:
                if name in settings:
                    expected = msg("{name} once", name=name)
                    self._document.fail((*place, name), expected, msg("it in settings too"))
                settings[name] = given
            where: Place = (*place, name) if given is not None else (*place, "settings", name)
            if name in settings:
                self._ports(where, settings[name])
        self._settings.plain((*place, "settings"), settings)
        return settings

    def _ports(self, place: Place, value: Any) -> None:
        if not isinstance(value, tuple):
            expected = msg("a list of ports, e.g. [22/tcp, 8000-8010/tcp]")
            self._document.fail(place, expected, msg("one value"))
        for index, item in enumerate(value):
            found = _PORTS.fullmatch(str(item))
            low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
            if not low <= high <= 65535:
                expected = msg("a port like 22, 22/tcp or 8000-8010/tcp")
                node = self._document.at((*place, index))
                self._document.fail((*place, index), expected, node.shown() if node else NOTHING)
