"""The statements that let an account see what is asked, one view each.

SELECT_CATALOG_ROLE would show far more. A view that was not granted does not exist for an account
(ORA-00942); one that was granted shows every row.
"""

from __future__ import annotations


def view(*names: str) -> tuple[str, ...]:
    """The grants of views of the dictionary; those of V$ lie below under the name V_$."""
    below = (f"V_${name[2:]}" if name.startswith("V$") else name for name in names)
    return tuple(f"GRANT SELECT ON SYS.{name} TO {{user}}" for name in below)
