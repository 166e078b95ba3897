"""What SQL Server Audit records, for how long, and who can change it."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Judgement,
    Severity,
    Target,
    check,
    complete,
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
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_database.visibility import shown_whole
from audit_sqlserver.kind import SqlserverSettings
from audit_sqlserver.logins import HOLDERS, Holder
from audit_sqlserver.rights import DEFINITION
from audit_sqlserver.server import KIND, RIGHTS, Rights


class AuditAction(Struct, frozen=True, kw_only=True):
    """A group of events that an audit records. `on`: audit and specification are both enabled.

    `filtered`: a predicate leaves events out. `result` is SUCCESS AND FAILURE, SUCCESS or FAILURE.
    An audit without a specification has no `action`.
    """

    audit: str
    on: int
    filtered: int
    action: str | None
    result: str | None


class AuditFile(Struct, frozen=True, kw_only=True):
    """Where an audit goes: `size` in MB of a file, 0 for no limit; `files` are kept, 0 for all."""

    audit: str
    type: str
    size: int | None
    files: int | None


_ACTION_ROWS = fact(
    "sqlserver.audit-action-rows", tuple[AuditAction, ...], kind=KIND,
    ask=Query(
        sql="SELECT a.name AS audit, CASE WHEN a.is_state_enabled = 1 AND s.is_state_enabled = 1 "
            "THEN 1 ELSE 0 END AS [on], CASE WHEN a.predicate IS NULL THEN 0 ELSE 1 END "
            "AS filtered, d.audit_action_name AS action, d.audited_result AS result "
            "FROM sys.server_audits a LEFT JOIN sys.server_audit_specifications s "
            "ON s.audit_guid = a.audit_guid LEFT JOIN sys.server_audit_specification_details d "
            "ON d.server_specification_id = s.server_specification_id ORDER BY 1, 4",
        label="sys.server_audits", grants=DEFINITION,
    ),
    parse=rows_as(AuditAction),
)  # fmt: skip
_FILE_ROWS = fact(
    "sqlserver.audit-file-rows", tuple[AuditFile, ...], kind=KIND,
    ask=Query(
        sql="SELECT a.name AS audit, a.type_desc AS type, f.max_file_size AS size, "
            "COALESCE(f.max_rollover_files, 0) AS files FROM sys.server_audits a "
            "LEFT JOIN sys.server_file_audits f ON f.audit_guid = a.audit_guid "
            "WHERE a.is_state_enabled = 1 ORDER BY 1",
        label="sys.server_file_audits", grants=DEFINITION,
    ),
    parse=rows_as(AuditFile),
)  # fmt: skip
ACTIONS = derive(
    "sqlserver.audit-actions", tuple[AuditAction, ...], needs=(_ACTION_ROWS, RIGHTS),
    make=lambda rows, rights: shown_whole(
        rows, whole=rights.definition == 1, what="sys.server_audits", grants=DEFINITION
    ),
)  # fmt: skip
FILES = derive(
    "sqlserver.audit-files", tuple[AuditFile, ...], needs=(_FILE_ROWS, RIGHTS),
    make=lambda rows, rights: shown_whole(
        rows, whole=rights.definition == 1, what="sys.server_file_audits", grants=DEFINITION
    ),
)  # fmt: skip
FACTS = (_ACTION_ROWS, _FILE_ROWS, ACTIONS, FILES)

_OTHER = msg("An appliance for database audit, or a trace, leaves no sign here: attest it")
_REMEDY = msg("CREATE SERVER AUDIT …; CREATE SERVER AUDIT SPECIFICATION …, both WITH (STATE = ON)")


@check("sqlserver.audit-on", needs=complete(ACTIONS), severity=Severity.HIGH, remedy=_REMEDY)
def audit_on(actions: tuple[AuditAction, ...]) -> Judgement:
    """A server audit with a specification is enabled."""
    on = sorted({a.audit for a in actions if a.on and a.action})
    if on:
        return passed(msg("Enabled: {names}", names=listed(on)))
    some = sorted({a.audit for a in actions})
    return failed(msg("No server audit records anything; defined: {names}",
                      names=listed(some) or "-"), _OTHER)  # fmt: skip


GROUPS = (
    "AUDIT_CHANGE_GROUP", "DATABASE_PERMISSION_CHANGE_GROUP", "DATABASE_PRINCIPAL_CHANGE_GROUP",
    "DATABASE_ROLE_MEMBER_CHANGE_GROUP", "FAILED_LOGIN_GROUP", "SCHEMA_OBJECT_CHANGE_GROUP",
    "SERVER_PERMISSION_CHANGE_GROUP", "SERVER_PRINCIPAL_CHANGE_GROUP",
    "SERVER_ROLE_MEMBER_CHANGE_GROUP", "SUCCESSFUL_LOGIN_GROUP",
)  # fmt: skip
"""Logins, changes of logins, of roles, of rights, of objects and of the audit itself."""


@check(
    "sqlserver.audit-events", needs=complete(ACTIONS), severity=Severity.MEDIUM,
    remedy=msg("ALTER SERVER AUDIT SPECIFICATION … ADD (…)"),
)  # fmt: skip
def audit_events(actions: tuple[AuditAction, ...]) -> Judgement:
    """Logins, changes of rights, of accounts and of objects are audited."""
    recorded = {a.action for a in actions if a.on and not a.filtered}
    missing = [name for name in GROUPS if name not in recorded]
    if not missing:
        return passed(msg("{count} groups of events are audited", count=len(recorded)))
    filtered = {a.action for a in actions if a.on and a.filtered}
    detail = msg("Not audited: {names}", names=listed(missing))
    if filtered.issuperset(missing):
        return undetermined(detail, msg("Audits with a predicate name them"))
    return failed(detail, _OTHER)


@check(
    "sqlserver.audit-exceptions", needs=complete(ACTIONS), severity=Severity.MEDIUM,
    remedy=msg("ALTER SERVER AUDIT … REMOVE WHERE"),
)  # fmt: skip
def audit_exceptions(actions: tuple[AuditAction, ...]) -> Judgement:
    """The audit leaves out nobody."""
    on = [a for a in actions if a.on and a.action]
    if not on:
        return failed(msg("No server audit records anything"), _OTHER)
    filtered = sorted({a.audit for a in on if a.filtered})
    return expect(not filtered, detail=msg("With a predicate: {names}",
                                           names=listed(filtered) or "-"))  # fmt: skip


@check(
    "sqlserver.audit-kept", needs=FILES, severity=Severity.MEDIUM,
    remedy=msg("Send the records away, or raise MAX_ROLLOVER_FILES and MAXSIZE"),
)  # fmt: skip
def audit_kept(files: tuple[AuditFile, ...]) -> Judgement:
    """The records of the audit are kept for six months."""
    shown = listed(f"{f.audit}: {f.type}, {f.size or 0} MB x {f.files or 0}" for f in files)
    return undetermined(
        msg("Enabled audits: {names}", names=shown or "-"),
        msg("How old the oldest record is has to be checked on the host"),
    )


_CHANGING = frozenset({"CONTROL SERVER", "ALTER ANY SERVER AUDIT", "sysadmin"})


@check(
    "sqlserver.audit-holders", needs=(TARGET, HOLDERS, RIGHTS), severity=Severity.HIGH,
    remedy=msg("REVOKE ALTER ANY SERVER AUDIT FROM …"),
)  # fmt: skip
def audit_holders(target: Target, holders: tuple[Holder, ...], rights: Rights) -> Judgement:
    """Only declared administrators can end or change the audit."""
    found = {h.name: h.text for h in holders
             if _CHANGING & set(h.rights) and h.name != rights.login}  # fmt: skip
    return declared_by_name(
        found, settings_of(target, SqlserverSettings).administrators,
        detail=msg("Can change the audit: {names}", names=listed(found.values())),
        none=msg("No login can change the audit"),
    )  # fmt: skip


CHECKS = (audit_on, audit_events, audit_exceptions, audit_kept, audit_holders)
