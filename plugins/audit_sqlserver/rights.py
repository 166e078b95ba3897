"""The statements that let a login see what is asked.

Catalogue views show a login without them less, without saying so; views of the server's state
refuse it. Documented in "Metadata visibility configuration" and "GRANT Server Permissions".
"""

from __future__ import annotations

DEFINITION = ("GRANT VIEW ANY DEFINITION TO {user}",)
STATE = ("GRANT VIEW SERVER STATE TO {user}",)
DATABASES = ("GRANT VIEW ANY DATABASE TO {user}",)
EVERY_DATABASE = ("GRANT CONNECT ANY DATABASE TO {user}", *DEFINITION)
BACKUPS = ("USE msdb; CREATE USER {user} FOR LOGIN {user}; "
           "GRANT SELECT ON dbo.backupset TO {user}; USE master",)  # fmt: skip
