"""How MySQL and MariaDB are asked for tables and samples of them. A database is a schema there."""

from __future__ import annotations

from collections.abc import Sequence

from audit_database.data.dialect import Listed
from audit_database.sql_text import literals, quoted_name

OWN = (
    "CONCAT('''', LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - "
    "CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1), '''@''', "
    "SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')"
)
"""The account that asks, as information_schema writes grantees."""

# Dates, truth values and short numbers hold nothing that is looked for; any other type may.
_NOTHING = (
    "bit", "tinyint", "smallint", "mediumint", "int", "float", "date", "time", "datetime",
    "timestamp", "year", "enum", "set", "uuid", "inet4", "inet6", "geometry", "point",
    "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection",
)  # fmt: skip
_ELSEWHERE = ("FEDERATED", "CONNECT", "SPIDER")


class _Mysql:
    """See `audit_database.data.dialect.Dialect`."""

    def quoted(self, *names: str) -> str:
        """Names in backticks, joined by dots; not even ANSI_QUOTES changes what these are."""
        return quoted_name("`", names)

    def catalogue(self) -> str:
        """The columns of the database that the account has any right on: no others are shown."""
        types, engines = literals(_NOTHING), literals(_ELSEWHERE)
        return f"""
SELECT c.TABLE_SCHEMA AS `schema`, c.TABLE_NAME AS `table`,
  CASE WHEN t.TABLE_TYPE LIKE '%VIEW' THEN 'view' WHEN t.ENGINE IN ({engines}) THEN 'foreign'
    ELSE 'table' END AS holds,
  c.COLUMN_NAME AS `column`, c.DATA_TYPE AS type,
  CAST(COALESCE(c.CHARACTER_MAXIMUM_LENGTH, c.NUMERIC_PRECISION) AS SIGNED) AS length,
  c.DATA_TYPE NOT IN ({types}) AS looked_into, FIND_IN_SET('select', c.PRIVILEGES) > 0 AS readable,
  TRUE AS whole, CAST(COALESCE(t.DATA_LENGTH, 0) AS SIGNED) AS size,
  i.COLUMN_NAME IS NOT NULL AS indexed
FROM information_schema.COLUMNS c
JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
LEFT JOIN (SELECT DISTINCT TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS
           WHERE TABLE_SCHEMA = DATABASE() AND SEQ_IN_INDEX = 1) i
  ON i.TABLE_NAME = c.TABLE_NAME AND i.COLUMN_NAME = c.COLUMN_NAME
WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE <> 'SEQUENCE'
ORDER BY 1, 2, c.ORDINAL_POSITION"""

    def sees_all_tables(self) -> str:
        """Whether SELECT on the whole database, or on all, is the account's own."""
        right = f"GRANTEE = {OWN} AND PRIVILEGE_TYPE = 'SELECT'"
        return (
            f"SELECT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE {right}) OR "
            f"EXISTS (SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE {right} "
            "AND DATABASE() LIKE TABLE_SCHEMA) AS `all`"
        )

    def sample(self, columns: Sequence[Listed], rows: int) -> str:
        """The first rows, which are mostly the oldest; of long values the start."""
        chosen = ", ".join(f"LEFT({self.quoted(c.column)}, 4096)" for c in columns)
        table = columns[0]
        return f"SELECT {chosen} FROM {self.quoted(table.schema, table.table)} LIMIT {rows}"

    def is_sampled(self, size: int, rows: int) -> bool:
        """Never: fewer rows than are asked for are all that there are."""
        return False

    def utc_now(self) -> str:
        """The time in UTC."""
        return "SELECT UTC_TIMESTAMP() AS utc"

    def grants(self, database: str, schemas: Sequence[str], user: str) -> tuple[str, ...]:
        """SELECT on the database: its schema is itself."""
        return (f"GRANT SELECT ON {self.quoted(database)}.* TO {user}",)

    def table_grants(self, database: str, tables: Sequence[str], user: str) -> tuple[str, ...]:
        """SELECT on each; a table without a database is in `database`."""
        names = [table.split(".") for table in tables]
        full = (name if len(name) > 1 else [database, *name] for name in names)
        return tuple(f"GRANT SELECT ON {self.quoted(*name)} TO {user}" for name in full)


DIALECT = _Mysql()
