"""The statements that let an account see what is asked.

VTI shows the dynamic views (V$…), SOI the tables of the system (SYS…), as the manual of roles says.
"""

from __future__ import annotations

VIEWS = ("GRANT VTI TO {user}",)
TABLES = ("GRANT SOI TO {user}",)
DICTIONARY = ("GRANT SELECT ANY DICTIONARY TO {user}",)
RULES = ("GRANT SELECT ON SYSAUDITOR.SYSAUDIT TO {user}",)
