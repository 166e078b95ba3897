"""How PostgreSQL is asked for tables and samples of them."""

from __future__ import annotations

from collections.abc import Sequence

from audit_database.data.dialect import Listed
from audit_database.sql_text import literals, quoted_name

_PAGE = 8192
_ROWS_A_PAGE = 10  # fewer than most tables have: the sample is rather too large
_WHOLE = 200 * _PAGE  # up to here the first rows come from all over the table

# Dates, truth values, addresses and short numbers hold nothing that is looked for; any other type
# may, one of an extension, an array or a row too.
_NOTHING = (
    "bool", "int2", "int4", "oid", "float4", "money", "date", "time", "timetz", "timestamp",
    "timestamptz", "interval", "inet", "cidr", "macaddr", "macaddr8", "uuid", "bit", "varbit",
    "point", "line", "lseg", "box", "path", "polygon", "circle", "tsvector", "tsquery", "pg_lsn",
)  # fmt: skip


class _Postgresql:
    """See `audit_database.data.dialect.Dialect`."""

    def quoted(self, *names: str) -> str:
        """Names in double quotes, joined by dots. NUL is in no name of the catalogue."""
        return quoted_name('"', names)

    def catalogue(self) -> str:
        """The columns of everything in pg_class that has rows; partitions are in their table."""
        return f"""
SELECT n.nspname AS schema, c.relname AS table,
  -- whoever reads a table reads its partitions and children, which may lie elsewhere
  CASE WHEN c.relkind = 'v' THEN 'view' WHEN c.relkind = 'f' THEN 'foreign' WHEN EXISTS (
    WITH RECURSIVE below AS (SELECT c.oid UNION SELECT i.inhrelid
      FROM pg_catalog.pg_inherits i JOIN below ON i.inhparent = below.oid)
    SELECT FROM below JOIN pg_catalog.pg_class r ON r.oid = below.oid WHERE r.relkind = 'f')
    THEN 'mixed' ELSE 'table' END AS holds,
  a.attname AS column, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
  CASE WHEN a.atttypmod < 4 THEN NULL WHEN t.typname IN ('varchar', 'bpchar')
    THEN a.atttypmod - 4 WHEN t.typname = 'numeric' THEN (a.atttypmod - 4) >> 16 END AS length,
  ltrim(COALESCE(b.typname, t.typname), '_') NOT IN ({literals(_NOTHING)})
    AND t.typtype NOT IN ('e', 'r', 'm') AS looked_into,
  pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
  NOT pg_catalog.row_security_active(c.oid) AS whole,
  -- functions that tell the size wait for locks
  c.relpages::int8 * 8192 AS size,
  EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid
          AND i.indkey[0] = a.attnum) AS indexed
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 1, 2, a.attnum"""

    def sees_all_tables(self) -> str:
        """Every role sees all of pg_class."""
        return "SELECT true"

    def sample(self, columns: Sequence[Listed], rows: int) -> str:
        """Random pages of a large table, the first rows of a small one; of long texts the start."""
        table = columns[0]
        chosen = ", ".join(self._start(column) for column in columns)
        pages = ""
        if self.is_sampled(table.size, rows):
            share = 100 * (rows / _ROWS_A_PAGE) * _PAGE / table.size
            pages = f" TABLESAMPLE SYSTEM ({max(share, 0.0001):.4f})"
        return f"SELECT {chosen} FROM {self.quoted(table.schema, table.table)}{pages} LIMIT {rows}"

    def _start(self, column: Listed) -> str:
        name = self.quoted(column.column)
        text = name if column.type == "bytea" else f"{name}::text"
        return f"pg_catalog.substring({text}, 1, 4096)"

    def is_sampled(self, size: int, rows: int) -> bool:
        """Whether the table is larger than what is read anyway."""
        return size > max(_WHOLE, rows // _ROWS_A_PAGE * _PAGE)

    def utc_now(self) -> str:
        """The time in UTC."""
        return "SELECT CURRENT_TIMESTAMP AT TIME ZONE 'UTC' AS utc"

    def grants(self, database: str, schemas: Sequence[str], user: str) -> tuple[str, ...]:
        """SELECT on what is there now; later tables need it again, or ALTER DEFAULT PRIVILEGES."""
        if not schemas:
            return (f"GRANT pg_read_all_data TO {user}",)
        return tuple(
            statement for name in map(self.quoted, schemas) for statement in (
                f"GRANT USAGE ON SCHEMA {name} TO {user}",
                f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {user}",
            )
        )  # fmt: skip

    def table_grants(self, database: str, tables: Sequence[str], user: str) -> tuple[str, ...]:
        """CONNECT, USAGE of the schema, SELECT: whichever of them PUBLIC does not have."""
        names = [table.split(".") for table in tables]
        schemas = dict.fromkeys(name[-2] for name in names if len(name) > 1)
        return (
            f"GRANT CONNECT ON DATABASE {self.quoted(database)} TO {user}",
            *(f"GRANT USAGE ON SCHEMA {self.quoted(schema)} TO {user}" for schema in schemas),
            *(f"GRANT SELECT ON {self.quoted(*name)} TO {user}" for name in names),
        )


DIALECT = _Postgresql()
