"""Checks of connections, of rights over the server, and of what everybody may do."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Judgement,
    Severity,
    Target,
    check,
    derive,
    expect,
    fact,
    failed,
    listed,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_database.administrators import declared_by_name
from audit_database.query import EVERY, Query
from audit_database.rows import rows_as
from audit_database.sessions_tls import sessions_encrypted
from audit_database.visibility import shown_whole
from audit_sqlserver.kind import SqlserverSettings
from audit_sqlserver.logins import HOLDERS, Holder
from audit_sqlserver.rights import DATABASES as SHOWN_DATABASES
from audit_sqlserver.rights import EVERY_DATABASE, STATE
from audit_sqlserver.server import (
    DATABASES,
    FEATURES,
    KIND,
    OPTIONS,
    RIGHTS,
    Database,
    Option,
    Rights,
)


class Connections(Struct, frozen=True, kw_only=True):
    """How many connections there are of a transport, encrypted (TRUE) or not; `own`: ours."""

    way: str
    encrypted: str
    sessions: int
    own: int


class PublicRight(Struct, frozen=True, kw_only=True):
    """A right of everybody (public) or of guest in a database; `object` is empty for all of it."""

    database: str
    grantee: str
    right: str
    object: str | None


CONNECTIONS = fact(
    "sqlserver.connections", tuple[Connections, ...], kind=KIND,
    ask=Query(
        sql="SELECT net_transport AS way, encrypt_option AS encrypted, COUNT(*) AS sessions, "
            "SUM(CASE WHEN session_id = @@SPID THEN 1 ELSE 0 END) AS own "
            "FROM sys.dm_exec_connections GROUP BY net_transport, encrypt_option",
        label="sys.dm_exec_connections", grants=STATE,
    ),
    parse=rows_as(Connections),
)  # fmt: skip
_PUBLIC_ROWS = fact(
    "sqlserver.public-rows", tuple[PublicRight, ...], kind=KIND,
    ask=Query(
        sql="SELECT g.name AS grantee, p.permission_name AS [right], "
            "CASE WHEN p.class = 1 THEN SCHEMA_NAME(o.schema_id) + '.' + o.name END AS object "
            "FROM sys.database_permissions p "
            "JOIN sys.database_principals g ON g.principal_id = p.grantee_principal_id "
            "LEFT JOIN sys.objects o ON p.class = 1 AND o.object_id = p.major_id "
            "WHERE g.name IN ('public', 'guest') AND p.state IN ('G', 'W') "
            "AND (p.class <> 1 OR (p.major_id > 0 AND COALESCE(o.is_ms_shipped, 0) = 0)) "
            "AND p.permission_name NOT LIKE 'VIEW ANY COLUMN % KEY DEFINITION' "
            "AND NOT (g.name = 'public' AND p.permission_name = 'CONNECT') ORDER BY 1, 2, 3",
        database=EVERY, label="sys.database_permissions", grants=EVERY_DATABASE,
    ),
    parse=rows_as(PublicRight),
)  # fmt: skip
PUBLIC_RIGHTS = derive(
    "sqlserver.public-rights", tuple[PublicRight, ...], needs=(_PUBLIC_ROWS, RIGHTS),
    make=lambda rows, rights: shown_whole(
        rows, whole=rights.definition == 1 and rights.databases == 1,
        what="sys.database_permissions", grants=(*EVERY_DATABASE, *SHOWN_DATABASES),
    ),
)  # fmt: skip
FACTS = (CONNECTIONS, _PUBLIC_ROWS, PUBLIC_RIGHTS)

# one with several result sets at a time is called Session
_NETWORK = ("TCP", "Named pipe", "Session")


@check(
    "sqlserver.tls-in-use", needs=CONNECTIONS, severity=Severity.HIGH,
    remedy=msg("Set Force Encryption = Yes with a certificate, and let clients verify it"),
)  # fmt: skip
def tls_in_use(found: tuple[Connections, ...]) -> Judgement:
    """Every current connection over the network is encrypted."""
    network = [row for row in found if row.way in _NETWORK]
    readable = [row for row in network if row.encrypted.upper() != "TRUE"]
    if any(row.own for row in readable):
        return failed(msg("The server took our own login without encryption"))
    every = sum(row.sessions - row.own for row in network)
    return sessions_encrypted(
        sum(row.sessions for row in readable), every,
        over_tls=msg("{every} connections, all encrypted", every=every),
        none=msg("There is no other connection over the network at present"),
    )  # fmt: skip


@check(
    "sqlserver.powers", needs=(TARGET, HOLDERS, RIGHTS), severity=Severity.HIGH,
    remedy=msg("ALTER SERVER ROLE … DROP MEMBER …; REVOKE … FROM …"),
)  # fmt: skip
def powers(target: Target, holders: tuple[Holder, ...], rights: Rights) -> Judgement:
    """Only declared administrators have rights over the whole server."""
    found = {h.name: h.text for h in holders if h.rights and h.name != rights.login}
    return declared_by_name(
        found, settings_of(target, SqlserverSettings).administrators,
        detail=msg("Rights over the whole server: {names}", names=listed(found.values())),
        none=msg("No login has rights over the whole server"),
    )  # fmt: skip


@check(
    "sqlserver.grant-option", needs=(TARGET, HOLDERS), severity=Severity.MEDIUM,
    remedy=msg("REVOKE GRANT OPTION FOR … FROM … CASCADE"),
)  # fmt: skip
def grant_option(target: Target, holders: tuple[Holder, ...]) -> Judgement:
    """Only declared administrators may pass on rights over the server."""
    found = {h.name: f"{h.name} ({', '.join(h.passes_on)})" for h in holders if h.passes_on}
    return declared_by_name(
        found, settings_of(target, SqlserverSettings).administrators,
        detail=msg("With grant option: {names}", names=listed(found.values())),
        none=msg("No login has the grant option on a right over the server"),
    )  # fmt: skip


@check(
    "sqlserver.public-rights", needs=PUBLIC_RIGHTS, severity=Severity.HIGH,
    remedy=msg("REVOKE … ON … FROM public; in each database REVOKE CONNECT FROM guest"),
)  # fmt: skip
def public_rights(found: tuple[PublicRight, ...]) -> Judgement:
    """Neither everybody nor guest has rights in a database."""
    bad = [f"{r.database}: {r.grantee} {r.right} {r.object or ''}".rstrip() for r in found]
    if bad:
        return failed(msg("Granted to everybody: {names}", names=listed(bad)))
    return passed(msg("public and guest have no rights on objects, and guest may not connect"))


@check(
    "sqlserver.trustworthy", needs=DATABASES, severity=Severity.MEDIUM,
    remedy=msg("ALTER DATABASE … SET TRUSTWORTHY OFF; ALTER DATABASE … SET DB_CHAINING OFF"),
)  # fmt: skip
def trustworthy(databases: tuple[Database, ...]) -> Judgement:
    """No database passes its rights on to the server or to other databases."""
    ours = [d for d in databases if not d.own]
    bad = [d.name for d in ours if d.trustworthy or d.chaining]
    if bad:
        return failed(msg("TRUSTWORTHY or DB_CHAINING is on: {names}", names=listed(bad)))
    return passed(msg("{count} databases, TRUSTWORTHY and DB_CHAINING are off", count=len(ours)))


@check(
    "sqlserver.features", needs=OPTIONS, severity=Severity.MEDIUM,
    remedy=msg("EXEC sp_configure '…', 0; RECONFIGURE"),
)  # fmt: skip
def features(options: tuple[Option, ...]) -> Judgement:
    """Features that run programs or reach other servers are off."""
    shown = {option.name: option.value for option in options}
    detail = msg("{values}", values=listed(f"{n} = {v}" for n, v in shown.items()))
    if "xp_cmdshell" not in shown:
        return undetermined(detail, msg("The server does not show xp_cmdshell"))
    on = [name for name in FEATURES if shown.get(name)]
    return expect(not on, detail=detail, expected=msg("all 0"))


CHECKS = (tls_in_use, powers, grant_option, public_rights, trustworthy, features)
