"""Rights that do not stand at a table: functions with the rights of their owner, row security."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    Judgement,
    Severity,
    check,
    fact,
    failed,
    listed,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_database.query import EVERY, Query
from audit_database.rows import rows_as
from audit_database.sql_text import literals
from audit_postgresql.server import KIND


class LentFunction(Struct, frozen=True, kw_only=True):
    """A function by which roles use rights that are not theirs.

    `of_server`: one of the server's own that reads files and the like, granted to somebody. Else it
    runs with the rights of its `owner` (SECURITY DEFINER), who reaches past rights on tables;
    `fixed` is whether its search_path is set.
    """

    database: str
    name: str
    owner: str
    callers: str
    of_server: bool
    fixed: bool


class Policies(Struct, frozen=True, kw_only=True):
    """A table with row policies; `on` is whether they hold, `forced` whether for its owner too."""

    database: str
    name: str
    on: bool
    forced: bool


# They reach past rights on tables. The server grants none of them to anybody but superusers.
_REACHING = (
    "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file", "lo_import", "lo_export",
    "pg_file_write", "pg_file_rename", "pg_file_unlink", "pg_promote", "pg_switch_wal",
    "pg_reload_conf", "pg_rotate_logfile",
    "dblink_connect_u",
)  # fmt: skip
_POWERFUL = (
    "(r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR EXISTS (SELECT FROM pg_catalog.pg_roles g "
    "WHERE g.rolname IN ('pg_execute_server_program', 'pg_read_server_files', "
    "'pg_write_server_files', 'pg_read_all_data', 'pg_write_all_data') "
    "AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')))"
)
LENT_FUNCTIONS = fact(
    "postgresql.lent-functions", tuple[LentFunction, ...], kind=KIND,
    ask=Query(
        sql="SELECT n.nspname || '.' || p.proname AS name, r.rolname AS owner, "
            "string_agg(DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' "
            "ELSE pg_catalog.pg_get_userbyid(a.grantee) END, ', ') AS callers, "
            "NOT p.prosecdef AS of_server, "
            "coalesce(p.proconfig::text LIKE '%search_path=%', false) AS fixed "
            "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
            "JOIN pg_catalog.pg_roles r ON r.oid = p.proowner, LATERAL pg_catalog.aclexplode("
            "coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a "
            "LEFT JOIN pg_catalog.pg_roles c ON c.oid = a.grantee "
            "WHERE a.grantee <> p.proowner AND NOT coalesce(c.rolsuper, false) "
            f"AND ((p.prosecdef AND {_POWERFUL} AND p.prorettype NOT IN "
            "('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype) "
            "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = p.oid "
            "AND d.classid = 'pg_catalog.pg_proc'::regclass AND d.deptype = 'e')) "
            f"OR (NOT p.prosecdef AND p.proname IN ({literals(_REACHING)}) AND p.prolang IN "
            "(SELECT oid FROM pg_catalog.pg_language WHERE lanname IN ('internal', 'c')) "
            "AND (c.rolname IS NULL OR c.rolname !~ '^pg_'))) "
            "GROUP BY 1, 2, 4, 5 ORDER BY 1",
        database=EVERY, label="pg_proc.proacl", rows=2000,
    ),
    parse=rows_as(LentFunction),
)  # fmt: skip
POLICIES = fact(
    "postgresql.row-policies", tuple[Policies, ...], kind=KIND,
    ask=Query(
        sql="SELECT n.nspname || '.' || c.relname AS name, c.relrowsecurity AS on, "
            "c.relforcerowsecurity AS forced FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relrowsecurity "
            "OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) ORDER BY 1",
        database=EVERY, label="pg_policy", rows=2000,
    ),
    parse=rows_as(Policies),
)  # fmt: skip
FACTS = (LENT_FUNCTIONS, POLICIES)


def _texts(found: list[LentFunction]) -> tuple[str, ...]:
    return listed(f"{f.database}: {f.name} ({f.owner}; {f.callers})" for f in found)


@check(
    "postgresql.lent-rights", needs=LENT_FUNCTIONS, severity=Severity.HIGH,
    remedy=msg("REVOKE EXECUTE ON FUNCTION … FROM PUBLIC, grant it to the roles that need it, and "
               "ALTER FUNCTION … SET search_path = pg_catalog, …"),
)  # fmt: skip
def lent_rights(found: tuple[LentFunction, ...]) -> Judgement:
    """No function lends rights that reach past tables to everybody, or to others unawares."""
    bad = [
        row for row in found
        if row.of_server or "PUBLIC" in row.callers.split(", ") or not row.fixed
    ]  # fmt: skip
    if bad:
        return failed(
            msg("Functions that lend the rights of their owner (owner; who may call): {names}",
                names=_texts(bad)),
            expected=msg("no EXECUTE for PUBLIC, and a search_path of its own"),
        )  # fmt: skip
    if found:
        return undetermined(
            msg("A person has to check what these do with the rights of their owner (owner; who "
                "may call): {names}", names=_texts(list(found)))
        )  # fmt: skip
    return passed(msg("No function lends rights of a superuser or the like"))


@check(
    "postgresql.row-policies", needs=POLICIES, severity=Severity.MEDIUM,
    remedy=msg("ALTER TABLE … ENABLE ROW LEVEL SECURITY; with FORCE it holds for the owner too"),
)  # fmt: skip
def row_policies(found: tuple[Policies, ...]) -> Judgement:
    """Row policies that were written are switched on."""
    if not found:
        return not_applicable(msg("No table has row policies"))
    off = listed(f"{row.database}: {row.name}" for row in found if not row.on)
    if off:
        return failed(msg("Policies that are switched off: {names}", names=off))
    loose = listed(f"{row.database}: {row.name}" for row in found if not row.forced)
    detail = msg("{count} tables have row policies that hold", count=len(found))
    if loose:
        return passed(detail, msg("They do not hold for the owner of: {names}", names=loose))
    return passed(detail)


CHECKS = (lent_rights, row_policies)
