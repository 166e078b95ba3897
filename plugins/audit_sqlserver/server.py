"""What a server says of itself, and what the login may see of it.

Release, configuration and own rights are shown to every login. Rows of the catalogue are left out
for a login without VIEW ANY DEFINITION: what is made from them is then incomplete.
"""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import derive, fact
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_database.visibility import shown_whole
from audit_sqlserver.rights import DATABASES as SHOWN_DATABASES

KIND = "sqlserver"


class Release(Struct, frozen=True, kw_only=True):
    """`version` as 16.0.4165.4; `level` names the update (CU16), None where there is none."""

    version: str
    edition: str | None = None
    level: str | None = None
    mixed: int | None = None

    @property
    def major(self) -> int | None:
        """The first number of the version."""
        text = self.version.split(".", 1)[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


class Rights(Struct, frozen=True, kw_only=True):
    """Whether our login has a right of the server, 1 or 0; `login` is its name."""

    login: str
    definition: int | None
    state: int | None
    databases: int | None


class Option(Struct, frozen=True, kw_only=True):
    """A configuration option with the value in use."""

    name: str
    value: int


class Database(Struct, frozen=True, kw_only=True):
    """A database with its options; those of the server itself have a number up to 4.

    `grouped`: it is in an availability group.
    """

    name: str
    number: int
    state: str
    recovery: str | None
    trustworthy: int
    chaining: int
    verify: str | None
    encrypted: int
    grouped: int = 0

    @property
    def own(self) -> bool:
        """Whether it is one of the server itself."""
        return self.number <= 4


RELEASE = fact(
    "sqlserver.release", Release, kind=KIND,
    ask=Query(
        sql="SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version, "
            "CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition, "
            "CAST(SERVERPROPERTY('ProductUpdateLevel') AS nvarchar(128)) AS level, "
            "1 - CAST(SERVERPROPERTY('IsIntegratedSecurityOnly') AS int) AS mixed",
        label="SERVERPROPERTY",
    ),
    parse=only_row(Release),
)  # fmt: skip
RIGHTS = fact(
    "sqlserver.rights", Rights, kind=KIND,
    ask=Query(
        sql="SELECT ORIGINAL_LOGIN() AS login, "
            "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS definition, "
            "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS state, "
            "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DATABASE') AS databases",
        label="HAS_PERMS_BY_NAME",
    ),
    parse=only_row(Rights),
)  # fmt: skip
FEATURES = (
    "Ad Hoc Distributed Queries", "Ole Automation Procedures", "clr enabled",
    "cross db ownership chaining", "external scripts enabled", "remote access",
    "scan for startup procs", "xp_cmdshell",
)  # fmt: skip
OPTIONS = fact(
    "sqlserver.options", tuple[Option, ...], kind=KIND,
    ask=Query(
        sql="SELECT name, CAST(value_in_use AS bigint) AS value FROM sys.configurations WHERE "
            f"name IN ({', '.join(repr(name) for name in FEATURES)}) ORDER BY name",
        label="sys.configurations",
    ),
    parse=rows_as(Option),
)  # fmt: skip
_DATABASE_ROWS = fact(
    "sqlserver.database-rows", tuple[Database, ...], kind=KIND,
    ask=Query(
        sql="SELECT name, database_id AS number, state_desc AS state, "
            "recovery_model_desc AS recovery, CAST(is_trustworthy_on AS int) AS trustworthy, "
            "CAST(is_db_chaining_on AS int) AS chaining, page_verify_option_desc AS verify, "
            "CAST(is_encrypted AS int) AS encrypted, "
            "CASE WHEN replica_id IS NULL THEN 0 ELSE 1 END AS grouped FROM sys.databases "
            "WHERE source_database_id IS NULL ORDER BY database_id",
        label="sys.databases",
    ),
    parse=rows_as(Database),
)  # fmt: skip
DATABASES = derive(
    "sqlserver.databases", tuple[Database, ...], needs=(_DATABASE_ROWS, RIGHTS),
    make=lambda rows, rights: shown_whole(
        rows, whole=rights.databases == 1, what="sys.databases", grants=SHOWN_DATABASES
    ),
)  # fmt: skip
FACTS = (RELEASE, RIGHTS, OPTIONS, _DATABASE_ROWS, DATABASES)
