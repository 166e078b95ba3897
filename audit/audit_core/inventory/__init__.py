"""The targets of an audit and how to reach them: strict YAML in, targets and access apart.

Credentials are references (`env:NAME`, `file:PATH`, …), never values; an error about one does not
repeat it. Access is kept apart from targets, so that nothing of it reaches a bundle.
"""

from audit_core.inventory.model import (
    THIS_MACHINE,
    Access,
    Inventory,
    Login,
    Sudo,
    System,
    Via,
    default_inventory,
)
from audit_core.inventory.reading import load_inventory, read_inventory

__all__ = [
    "THIS_MACHINE", "Access", "Inventory", "Login", "Sudo", "System", "Via", "default_inventory",
    "load_inventory", "read_inventory",
]  # fmt: skip
