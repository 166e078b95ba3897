"""Verdicts on rows as Oracle documents them; no database was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audit_core.model import Status, Verdict
from audit_oracle.audit_trail import EVENTS
from live.documented_rows import Answers, assert_marked, verdicts, words

OWN = {"protocol": "tcps", "account": "AUDIT", "container": "1"}


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "status": "OPEN", "method": "PASSWORD", "versions": "11G 12C ",
            "maintained": "N", "profile": "APP", "idle_days": 3, "age_days": 400,
            **more}  # fmt: skip


def limits(profile: str, **values: str) -> list[dict[str, Any]]:
    return [{"profile": profile, "name": name, "value": value} for name, value in values.items()]


def parameters(**values: str | None) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def role(grantee: str, name: str, admin: str = "NO") -> dict[str, Any]:
    return {"grantee": grantee, "role": name, "admin": admin}


def right(grantee: str, name: str, admin: str = "NO") -> dict[str, Any]:
    return {"grantee": grantee, "right": name, "admin": admin}


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"policy": "BANK", "scope": "BY USER", "entity": "ALL USERS", "success": "YES",
            "failure": "YES", "event": name, "conditional": 0, **more}  # fmt: skip


STRICT = limits(
    "DEFAULT", PASSWORD_VERIFY_FUNCTION="ORA12C_STRONG_VERIFY_FUNCTION", PASSWORD_LIFE_TIME="90",
    FAILED_LOGIN_ATTEMPTS="5", PASSWORD_LOCK_TIME="1", PASSWORD_REUSE_MAX="5",
    PASSWORD_REUSE_TIME="UNLIMITED", IDLE_TIME="15",
)  # fmt: skip
AS_DEFAULT = limits("APP", **{row["name"]: "DEFAULT" for row in STRICT})
GOOD: Answers = {
    "PRODUCT_COMPONENT_VERSION": [
        {"product": "Oracle Database 19c Enterprise Edition ", "version": "19.0.0.0.0"}
    ],
    "SYS_CONTEXT": [OWN],
    "V$DATABASE": [{"log_mode": "ARCHIVELOG", "role": "PRIMARY",
                    "protection": "MAXIMUM AVAILABILITY"}],
    "V$PARAMETER": parameters(
        audit_trail="NONE", db_block_checksum="TYPICAL", max_idle_time="0", resource_limit="TRUE",
        remote_os_roles="FALSE", sec_case_sensitive_logon="TRUE",
    ),
    "DBA_USERS": [user("APP"), user("AUDIT"), user("SYS", maintained="Y", status="LOCKED"),
                  user("DBA1", profile="DEFAULT")],
    "DBA_PROFILES": [*STRICT, *AS_DEFAULT],
    "DBA_USERS_WITH_DEFPWD": [{"name": "OUTLN", "status": "EXPIRED & LOCKED"}],
    "DBA_ROLE_PRIVS": [role("DBA1", "DBA", "YES"), role("APP", "BANK"), role("BANK", "CONNECT")],
    "DBA_SYS_PRIVS": [right("DBA", "ALTER SYSTEM"), right("SYS", "SELECT ANY TABLE")],
    "DBA_TAB_PRIVS": [],
    "AUDIT_UNIFIED_ENABLED_POLICIES": [event(name) for name in EVENTS],
    "DBA_AUDIT_MGMT_CLEANUP_JOBS": [],
    "V$RMAN_BACKUP_JOB_DETAILS": [{"type": "DB INCR", "hours": 20},
                                  {"type": "ARCHIVELOG", "hours": 1}],
    "V$ARCHIVE_DEST_STATUS": [{"name": "LOG_ARCHIVE_DEST_2", "status": "VALID",
                               "type": "PHYSICAL", "gap": "NO GAP"}],
    "DBA_TABLESPACES": [{"name": "USERS", "encrypted": "YES"}],
    "V$ENCRYPTION_WALLET": [{"status": "OPEN", "type": "AUTOLOGIN"}],
}  # fmt: skip
BAD: Answers = {
    **GOOD,
    "PRODUCT_COMPONENT_VERSION": [
        {"product": "Oracle Database 12c Enterprise Edition ", "version": "12.2.0.1.0"}
    ],
    "SYS_CONTEXT": [{**OWN, "protocol": "tcp"}],
    "V$DATABASE": [{"log_mode": "NOARCHIVELOG", "role": "PRIMARY",
                    "protection": "MAXIMUM PERFORMANCE"}],
    "V$PARAMETER": parameters(
        audit_trail="NONE", db_block_checksum="OFF", max_idle_time="0", resource_limit="FALSE",
        remote_os_roles="TRUE", sec_case_sensitive_logon="TRUE",
    ),
    "DBA_USERS": [user("APP", versions="10G 11G 12C "), user("OUTLN", idle_days=None)],
    "DBA_PROFILES": [*limits(
        "DEFAULT", PASSWORD_VERIFY_FUNCTION="NULL", PASSWORD_LIFE_TIME="UNLIMITED",
        FAILED_LOGIN_ATTEMPTS="10", PASSWORD_LOCK_TIME="1", PASSWORD_REUSE_MAX="UNLIMITED",
        PASSWORD_REUSE_TIME="UNLIMITED", IDLE_TIME="UNLIMITED",
    ), *AS_DEFAULT],
    "DBA_USERS_WITH_DEFPWD": [{"name": "OUTLN", "status": "OPEN"}],
    "DBA_ROLE_PRIVS": [role("APP", "OPS"), role("OPS", "DBA"), role("APP", "OPS2", "YES")],
    "DBA_TAB_PRIVS": [{"owner": "APP", "object": "CLIENT", "right": "SELECT", "maintained": "N"}],
    "AUDIT_UNIFIED_ENABLED_POLICIES": [],
    "V$RMAN_BACKUP_JOB_DETAILS": [{"type": "ARCHIVELOG", "hours": 1}],
    "V$ARCHIVE_DEST_STATUS": [{"name": "LOG_ARCHIVE_DEST_2", "status": "ERROR",
                               "type": "PHYSICAL", "gap": None}],
    "DBA_TABLESPACES": [{"name": "USERS", "encrypted": "NO"}],
}  # fmt: skip
# A user with nothing but CREATE SESSION: what PUBLIC may see, and no more.
POOR: Answers = {label: GOOD[label] for label in ("PRODUCT_COMPONENT_VERSION", "SYS_CONTEXT")}
OPEN_IN_GOOD = {"network-encryption", "audit-kept"}


def test_verdicts_and_their_mark(tmp_path: Path) -> None:
    cases = {"good": GOOD, "bad": BAD, "poor": POOR}
    found = verdicts("oracle", cases, tmp_path, {"administrators": ["dba1"]})
    assert_marked(found)
    good, bad, poor = (words(found[id]) for id in cases)
    assert len(good) == 24
    assert {n for n, v in good.items() if v != "pass"} == OPEN_IN_GOOD, found["good"]
    left = {"audit-kept", "encryption", "unused-users", "audit-exceptions"}
    assert {n for n, v in bad.items() if v != "fail"} == left, bad
    assert {n for n, v in poor.items() if v != "undetermined"} == {"release-supported"}
    assert "GRANT SELECT ON SYS.DBA_USERS" in str(found["poor"]["password-policy"].detail)
    assert "SYS.V_$PARAMETER" in str(found["poor"]["block-checksum"].detail)
    assert "AUDIT_VIEWER" in str(found["poor"]["audit-on"].detail)


def test_what_the_rows_leave_open(tmp_path: Path) -> None:
    """A pluggable database without backups of its own; functions and limits from elsewhere."""
    rows = [row for row in STRICT if row["name"] != "PASSWORD_VERIFY_FUNCTION"]
    plugged: Answers = {
        **GOOD, "SYS_CONTEXT": [{**OWN, "container": "3"}], "V$RMAN_BACKUP_JOB_DETAILS": [],
        "DBA_PROFILES": [*rows, *AS_DEFAULT,
                         *limits("DEFAULT", PASSWORD_VERIFY_FUNCTION="FROM ROOT")],
        "V$DATABASE": [{"log_mode": "ARCHIVELOG", "role": "PHYSICAL STANDBY", "protection": None}],
        "AUDIT_UNIFIED_ENABLED_POLICIES": [event(name, failure="NO") for name in EVENTS],
    }  # fmt: skip
    traditional: Answers = {
        **GOOD, "AUDIT_UNIFIED_ENABLED_POLICIES": [], "DBA_ROLE_PRIVS": Status.NOT_PERMITTED,
        "V$PARAMETER": parameters(audit_trail="DB, EXTENDED", resource_limit="TRUE"),
        "DBA_PROFILES": [*STRICT, *limits("APP", PASSWORD_LIFE_TIME="UNLIMITED",
                                          FAILED_LOGIN_ATTEMPTS="3", PASSWORD_LOCK_TIME="0")],
    }  # fmt: skip
    found = verdicts("oracle", {"plugged": plugged, "traditional": traditional}, tmp_path,
                     {"administrators": ["DBA1"]})  # fmt: skip
    open_ = ("backup-age", "password-policy", "audit-events")
    assert {found["plugged"][name].verdict for name in open_} == {Verdict.UNDETERMINED}
    assert found["plugged"]["standby"].verdict is Verdict.NOT_APPLICABLE
    left = ("audit-on", "powers", "grant-option", "audit-holders", "block-checksum")
    assert {found["traditional"][name].verdict for name in left} == {Verdict.UNDETERMINED}
    for name in ("password-lifetime", "lockout"):
        assert found["traditional"][name].verdict is Verdict.FAIL, name
