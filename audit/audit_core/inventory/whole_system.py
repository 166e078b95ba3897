"""Targets that need no declaration: objects of the whole system, and this machine."""

from __future__ import annotations

from collections.abc import Container, Iterable

from msgspec import structs

from audit_core.api.plugins import Registry
from audit_core.inventory.model import THIS_MACHINE, Inventory
from audit_core.inventory.reading import read_inventory
from audit_core.model import Target, msg, objects_in
from audit_core.model.errors import ConfigError
from audit_core.model.names import SystemObject
from audit_core.policy.input_errors import YamlPath, as_quoted
from audit_core.policy.strict_yaml import load_bytes

NAME = "localhost"


def this_machine(registry: Registry) -> Inventory:
    """This machine, over no network."""
    kind = registry.kinds.default
    if kind is None or kind.here is None:
        detail = msg("no installed plugin can audit this machine; give an inventory with -i")
        raise ConfigError(detail)
    access = ", ".join(f"{key}: {value}" for key, value in kind.here.items())
    text = f"targets: [{{id: {NAME}, access: {{{access}}}}}]\nscope: [127.0.0.0/8, '::1/128']\n"
    read = read_inventory(load_bytes(text.encode(), NAME), registry)
    return structs.replace(read, sha256=THIS_MACHINE, document=None)


def with_system_objects(
    inventory: Inventory, objects: Iterable[SystemObject], only_parts: Container[str]
) -> Inventory:
    """`inventory` with each of `objects` that no object it declares stands for.

    `only_parts` are the kinds that are always parts. Raises InputError where a target of another
    type has the id of one.
    """
    there = objects_in(inventory.targets, only_parts)
    declared = {object.root.object_type for object in there}
    added = [o for o in objects if declared.isdisjoint((o.object_type, *o.unless))]
    for each in added:
        _refuse_id(inventory, each)
    made = (Target(id=o.id, kind=o.object_type, object_type=o.object_type) for o in added)
    return structs.replace(inventory, targets=(*inventory.targets, *made))


def _refuse_id(inventory: Inventory, object: SystemObject) -> None:
    tops = [target.id for target in inventory.targets if target.parent is None]
    if object.id in tops and inventory.document is not None:
        place: YamlPath = ("targets", tops.index(object.id), "id")
        expected = msg(
            "another id (this one is reserved for the {name} as a whole)", name=object.id
        )
        inventory.document.fail(place, expected, as_quoted(object.id))
