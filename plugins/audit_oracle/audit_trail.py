"""What unified auditing records, of whom, and for how long."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    Judgement,
    Severity,
    check,
    complete,
    fact,
    failed,
    listed,
    msg,
    passed,
    undetermined,
)
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_database.settings import ServerSettings
from audit_oracle.rights import view
from audit_oracle.server import KIND, PARAMETERS


class PolicyEvent(Struct, frozen=True, kw_only=True):
    """An event of an enabled policy. `scope` is BY USER, EXCEPT USER, or BY GRANTED ROLE.

    `entity` is ALL USERS, or a user or role; `conditional` 1 where a condition leaves events out.
    """

    policy: str
    scope: str
    entity: str | None
    success: str
    failure: str
    event: str
    conditional: int

    @property
    def of_all(self) -> bool:
        """Whether it holds for everybody, always."""
        return self.scope == "BY USER" and self.entity == "ALL USERS" and not self.conditional


class CleanupJob(Struct, frozen=True, kw_only=True):
    """A job that deletes audit records; `frequency` in words of DBMS_SCHEDULER."""

    name: str
    status: str
    frequency: str | None


POLICY_EVENTS = fact(
    "oracle.policy-events", tuple[PolicyEvent, ...], kind=KIND,
    ask=Query(
        sql="SELECT e.policy_name AS policy, e.enabled_option AS scope, e.entity_name AS entity, "
            "e.success, e.failure, p.audit_option AS event, CASE WHEN p.audit_condition IS NULL "
            "OR p.audit_condition = 'NONE' THEN 0 ELSE 1 END AS conditional "
            "FROM audit_unified_enabled_policies e JOIN audit_unified_policies p "
            "ON p.policy_name = e.policy_name ORDER BY 1, 6",
        label="AUDIT_UNIFIED_ENABLED_POLICIES", grants=("GRANT AUDIT_VIEWER TO {user}",),
    ),
    parse=rows_as(PolicyEvent),
)  # fmt: skip
CLEANUP_JOBS = fact(
    "oracle.audit-cleanup-jobs", tuple[CleanupJob, ...], kind=KIND,
    ask=Query(
        sql="SELECT job_name AS name, job_status AS status, job_frequency AS frequency "
            "FROM dba_audit_mgmt_cleanup_jobs ORDER BY 1",
        label="DBA_AUDIT_MGMT_CLEANUP_JOBS", grants=view("DBA_AUDIT_MGMT_CLEANUP_JOBS"),
    ),
    parse=rows_as(CleanupJob),
)  # fmt: skip
FACTS = (POLICY_EVENTS, CLEANUP_JOBS)

_OTHER = msg("An appliance for database audit leaves no sign here: attest it")
_NONE = msg("No unified audit policy is enabled")
_REMEDY = msg("AUDIT POLICY ORA_SECURECONFIG; AUDIT POLICY ORA_LOGON_FAILURES, and policies of "
              "your own")  # fmt: skip


@check(
    "oracle.audit-on", needs=(complete(POLICY_EVENTS), PARAMETERS), severity=Severity.HIGH,
    remedy=_REMEDY,
)  # fmt: skip
def audit_on(events: tuple[PolicyEvent, ...], parameters: ServerSettings) -> Judgement:
    """Audit policies are enabled."""
    policies = sorted({event.policy for event in events})
    if policies:
        return passed(msg("Enabled policies: {names}", names=listed(policies)))
    detail = parameters.as_message("audit_trail")
    if parameters.get("audit_trail").upper() in ("", "NONE", "FALSE"):
        return failed(_NONE, detail, _OTHER)
    return undetermined(_NONE, detail, msg("What traditional auditing records was not asked"))


EVENTS = ("ALTER SYSTEM", "ALTER USER", "CREATE USER", "DROP USER", "GRANT", "LOGON", "REVOKE")
"""Logins, changes of users, of rights and of the database."""


@check(
    "oracle.audit-events", needs=(complete(POLICY_EVENTS), PARAMETERS), severity=Severity.MEDIUM,
    remedy=_REMEDY,
)  # fmt: skip
def audit_events(events: tuple[PolicyEvent, ...], parameters: ServerSettings) -> Judgement:
    """Logins, changes of users and of rights are audited, whether they succeed or fail."""
    if not events:
        return audit_on.judge(events, parameters)
    missing = [
        name for name in EVENTS
        if not all(_recorded(events, name, result) for result in ("success", "failure"))
    ]  # fmt: skip
    if missing:
        detail = msg("Not audited of everybody: {names}", names=listed(missing))
        return undetermined(
            detail, msg("Policies for single users or with conditions, and privileges, may do")
        )
    return passed(msg("Audited of everybody: {names}", names=listed(EVENTS)))


def _recorded(events: tuple[PolicyEvent, ...], name: str, result: str) -> bool:
    return any(
        e.of_all and e.event in (name, "ALL") and getattr(e, result) == "YES" for e in events
    )


@check(
    "oracle.audit-exceptions", needs=complete(POLICY_EVENTS), severity=Severity.MEDIUM,
    remedy=msg("NOAUDIT POLICY …, and AUDIT POLICY … without EXCEPT"),
)  # fmt: skip
def audit_exceptions(events: tuple[PolicyEvent, ...]) -> Judgement:
    """No enabled policy leaves out users."""
    if not events:
        return undetermined(_NONE)
    bad = sorted({f"{e.policy}: {e.entity}" for e in events if e.scope.startswith("EXCEPT")})
    if bad:
        return failed(msg("Left out: {names}", names=listed(bad)))
    return passed(msg("No policy has exceptions"))


@check(
    "oracle.audit-kept", needs=CLEANUP_JOBS, severity=Severity.MEDIUM,
    remedy=msg("Archive the records before DBMS_AUDIT_MGMT deletes them"),
)  # fmt: skip
def audit_kept(jobs: tuple[CleanupJob, ...]) -> Judgement:
    """The records of the audit are kept for six months."""
    on = [job.name for job in jobs if job.status == "ENABLED"]
    return undetermined(
        msg("Jobs that delete records: {names}", names=listed(on) or "-"),
        msg("How old the oldest record is, and where records are archived, has to be shown"),
    )


CHECKS = (audit_on, audit_events, audit_exceptions, audit_kept)
