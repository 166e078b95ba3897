"""Rights on objects: what everybody may do, in each database."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Judgement,
    Severity,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    listed,
    msg,
    passed,
    undetermined,
)
from audit_database.query import EVERY, Query
from audit_database.rows import rows_as
from audit_postgresql.server import KIND, SETTINGS, Settings, unseen


class PublicSchema(Struct, frozen=True, kw_only=True):
    """The schemas in which everybody may make objects, with commas between; None for no schema."""

    database: str
    schemas: str | None


class OpenObject(Struct, frozen=True, kw_only=True):
    """A table, view, sequence or column on which everybody has rights, or which somebody passes on.

    Also what ALTER DEFAULT PRIVILEGES says of tables that are made later, foreign servers and large
    objects; and schemas, functions, databases and roles that somebody passes on.
    """

    database: str
    name: str
    grantee: str
    rights: str
    kind: Literal["public", "passed-on"]


class Label(Struct, frozen=True, kw_only=True):
    """How many objects carry labels of a provider."""

    database: str
    provider: str
    count: int


class PublicConnect(Struct, frozen=True, kw_only=True):
    """A database to which every role may connect."""

    name: str


PUBLIC_SCHEMA = fact(
    "postgresql.public-schema", tuple[PublicSchema, ...], kind=KIND,
    ask=Query(
        sql="SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname) AS schemas "
            "FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_(temp|toast_temp)' "
            "AND has_schema_privilege('public', n.oid, 'CREATE')",
        database=EVERY, label="has_schema_privilege",
    ),
    parse=rows_as(PublicSchema),
)  # fmt: skip
_SYSTEM = "'pg_catalog', 'information_schema', 'pg_toast'"
# Tables, their columns, and what tables of the future get; without what an extension came with.
_WITH_RIGHTS = (
    "SELECT n.nspname || '.' || c.relname AS name, c.relowner AS owner, c.relacl AS acl, "
    "true AS closed "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE n.nspname NOT IN ({_SYSTEM}) AND n.nspname !~ '^pg_(temp|toast_temp)' "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_init_privs i WHERE i.objoid = c.oid "
    "AND i.classoid = 'pg_catalog.pg_class'::regclass AND i.objsubid = 0 "
    "AND i.initprivs = c.relacl) "
    "UNION ALL SELECT n.nspname || '.' || c.relname || '(' || t.attname || ')', c.relowner, "
    "t.attacl, true FROM pg_catalog.pg_attribute t "
    "JOIN pg_catalog.pg_class c ON c.oid = t.attrelid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE t.attacl IS NOT NULL "
    f"AND NOT t.attisdropped AND n.nspname NOT IN ({_SYSTEM}) "
    "AND n.nspname !~ '^pg_(temp|toast_temp)' "
    "UNION ALL SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE ' || "
    "pg_catalog.pg_get_userbyid(d.defaclrole), d.defaclrole, d.defaclacl, true "
    "FROM pg_catalog.pg_default_acl d WHERE d.defaclobjtype IN ('r', 'S') "
    "UNION ALL SELECT 'large object ' || l.oid, l.lomowner, l.lomacl, true "
    "FROM pg_catalog.pg_largeobject_metadata l WHERE l.lomacl IS NOT NULL "
    "UNION ALL SELECT 'server ' || f.srvname, f.srvowner, f.srvacl, true "
    "FROM pg_catalog.pg_foreign_server f "
    # of these PUBLIC has rights by default, which are judged elsewhere or are harmless
    "UNION ALL SELECT 'schema ' || n.nspname, n.nspowner, n.nspacl, false "
    f"FROM pg_catalog.pg_namespace n WHERE n.nspname NOT IN ({_SYSTEM}) "
    "UNION ALL SELECT 'function ' || n.nspname || '.' || p.proname, p.proowner, p.proacl, false "
    "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
    "WHERE p.proacl IS NOT NULL UNION ALL SELECT 'database', b.datdba, b.datacl, false "
    "FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database()"
)
_ADMIN_OPTIONS = (
    "UNION ALL SELECT 'role ' || g.rolname, m.rolname, 'ADMIN', 'passed-on' "
    "FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles g ON g.oid = a.roleid "
    "JOIN pg_catalog.pg_roles m ON m.oid = a.member WHERE a.admin_option "
    # who makes a role with CREATEROLE may grant it on; postgresql.powers has these
    "AND NOT m.rolsuper AND NOT m.rolcreaterole "
)
OPEN_OBJECTS = fact(
    "postgresql.open-objects", tuple[OpenObject, ...], kind=KIND,
    ask=Query(
        sql="SELECT o.name, CASE WHEN a.grantee = 0 THEN 'PUBLIC' "
            "ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS grantee, "
            "string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS rights, "
            "CASE WHEN a.grantee = 0 THEN 'public' ELSE 'passed-on' END AS kind "
            f"FROM ({_WITH_RIGHTS}) o, LATERAL pg_catalog.aclexplode(o.acl) a "
            "WHERE (a.grantee = 0 AND o.closed) "
            "OR (a.grantee <> 0 AND a.is_grantable AND a.grantee <> o.owner) "
            f"GROUP BY 1, 2, a.grantee {_ADMIN_OPTIONS} ORDER BY 1, 2",
        database=EVERY, label="pg_class.relacl", rows=2000,
    ),
    parse=rows_as(OpenObject),
)  # fmt: skip
LABELS = fact(
    "postgresql.labels", tuple[Label, ...], kind=KIND,
    ask=Query(
        sql="SELECT provider, count(*) AS count FROM pg_catalog.pg_seclabels GROUP BY 1",
        database=EVERY, label="pg_seclabels",
    ),
    parse=rows_as(Label),
)  # fmt: skip
PUBLIC_CONNECT = fact(
    "postgresql.public-connect", tuple[PublicConnect, ...], kind=KIND,
    ask=Query(
        sql="SELECT datname AS name FROM pg_catalog.pg_database WHERE datallowconn "
            "AND NOT datistemplate AND has_database_privilege('public', oid, 'CONNECT') ORDER BY 1",
        label="pg_database.datacl",
    ),
    parse=rows_as(PublicConnect),
)  # fmt: skip
FACTS = (PUBLIC_SCHEMA, OPEN_OBJECTS, LABELS, PUBLIC_CONNECT)


@check(
    "postgresql.public-schema", needs=PUBLIC_SCHEMA, severity=Severity.MEDIUM, version=2,
    remedy=msg("REVOKE CREATE ON SCHEMA … FROM PUBLIC in each of these databases"),
)  # fmt: skip
def public_schema(found: tuple[PublicSchema, ...]) -> Judgement:
    """PUBLIC may not create objects in any schema of any database."""
    bad = [f"{row.database} ({row.schemas})" for row in found if row.schemas]
    if bad:
        return failed(msg("PUBLIC may create objects in schemas of: {names}", names=listed(bad)))
    return passed(
        msg(
            "PUBLIC may create objects in no schema of: {names}",
            names=listed(row.database for row in found),
        )
    )


def _objects(found: list[OpenObject]) -> tuple[str, ...]:
    return listed(f"{o.database}: {o.name} ({o.grantee}: {o.rights})" for o in found)


@check(
    "postgresql.public-tables", needs=OPEN_OBJECTS, severity=Severity.HIGH, version=3,
    remedy=msg("REVOKE ALL ON … FROM PUBLIC, and grant to the roles that need it"),
)  # fmt: skip
def public_tables(found: tuple[OpenObject, ...]) -> Judgement:
    """No table, view, sequence, column, large object or foreign server is granted to PUBLIC."""
    bad = [row for row in found if row.kind == "public"]
    if bad:
        return failed(msg("Granted to PUBLIC: {names}", names=_objects(bad)))
    return passed(
        msg("No rights of PUBLIC on a table, view, sequence, column, large object or server")
    )


@check(
    "postgresql.grant-option", needs=OPEN_OBJECTS, severity=Severity.MEDIUM, version=2,
    remedy=msg("REVOKE GRANT OPTION FOR … ON … FROM …"),
)  # fmt: skip
def grant_option(found: tuple[OpenObject, ...]) -> Judgement:
    """Only owners may grant rights on their objects, and only superusers roles, to others."""
    bad = [row for row in found if row.kind == "passed-on"]
    if bad:
        return failed(msg("With grant option: {names}", names=_objects(bad)))
    return passed(msg("No grant or admin options other than those of owners and superusers"))


@check(
    "postgresql.public-connect", needs=PUBLIC_CONNECT, severity=Severity.LOW,
    remedy=msg("REVOKE CONNECT ON DATABASE … FROM PUBLIC, and grant it to the roles that need it"),
)  # fmt: skip
def public_connect(found: tuple[PublicConnect, ...]) -> Judgement:
    """No database other than postgres accepts every role."""
    bad = [row.name for row in found if row.name != "postgres"]
    if bad:
        return failed(msg("Every role may connect to: {names}", names=listed(bad)))
    return passed(msg("CONNECT is granted to named roles only"))


@check(
    "postgresql.labels", needs=(LABELS, known_or_absent(SETTINGS)), severity=Severity.LOW,
    version=2,
    remedy=msg("Load sepgsql and label important objects, or state "
               "which other mechanism controls access"),
)  # fmt: skip
def labels(found: tuple[Label, ...], settings: Settings | Absent) -> Judgement:
    """Important objects carry security labels, and a provider enforces them."""
    providers = sorted({row.provider for row in found})
    if not providers:
        return failed(msg("No object carries a security label"))
    shown = known(settings)
    detail = msg("Objects with labels of: {names}", names=", ".join(providers))
    if shown is None:
        return undetermined(detail)
    if hidden := unseen(shown, "shared_preload_libraries"):
        return hidden
    if "selinux" in providers and shown.loads("sepgsql"):
        permissive = shown.as_message("sepgsql.permissive")
        return failed(detail, permissive) if shown.on("sepgsql.permissive") else passed(detail)
    if not any(shown.loads(name) for name in providers):
        return failed(
            detail, msg("The library of the provider is not loaded, so nothing enforces the labels")
        )
    return undetermined(
        detail,
        msg("Whether this provider controls access by its labels is not known (anon only masks)"),
    )


CHECKS = (public_schema, public_tables, grant_option, public_connect, labels)
