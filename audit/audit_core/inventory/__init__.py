"""The targets of an audit and how to reach them: strict YAML in, targets and access apart.

May import `attest`, `policy`, `api`, `text` and `model`.

Kinds, their settings and their parts, and the schemas of access are offers of plugins. Credentials
are references (`env:NAME`, `file:PATH`, …), never values; an error about one does not repeat it.
Access is kept apart from targets, so that nothing of it reaches a bundle.
"""

from audit_core.inventory.model import THIS_MACHINE, Access, Inventory, System
from audit_core.inventory.reading import load_inventory, read_inventory
from audit_core.inventory.whole_system import this_machine, with_system_objects

__all__ = [
    "THIS_MACHINE", "Access", "Inventory", "System", "load_inventory", "read_inventory",
    "this_machine", "with_system_objects",
]  # fmt: skip
