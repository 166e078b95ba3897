"""Verdicts on rows as the manuals of 达梦 describe them; no server was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audit_core.model import Verdict
from live.documented_rows import Answers, assert_marked, verdicts, words


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "life": 90, "attempts": 3, "lock_time": 30, "idle": 20, "profile": None,
            **more}  # fmt: skip


def parameters(**values: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


SAFE = {"PWD_POLICY": "31", "PWD_MIN_LEN": "9", "COMPATIBLE_MODE": "0", "ENABLE_AUDIT": "1",
        "ENABLE_LOCAL_OSAUTH": "0", "ENABLE_REMOTE_OSAUTH": "0", "ENABLE_ENCRYPT": "1",
        "AUDIT_FILE_FULL_MODE": "2"}  # fmt: skip
ROLES = [{"grantee": "SYSDBA", "role": "DBA"}, {"grantee": "SYSAUDITOR", "role": "DB_AUDIT_ADMIN"},
         {"grantee": "SYSSSO", "role": "DB_POLICY_ADMIN"}]  # fmt: skip
GOOD: Answers = {
    "V$VERSION": [{"banner": "DM Database Server 64 V8"}, {"banner": "DB Version: 0x7000c"}],
    "V$PARAMETER": parameters(**SAFE),
    "V$DATABASE": [{"mode": "Y"}],
    "SYSUSERS": [user("SYSDBA"), user("APP")],
    "DBA_ROLE_PRIVS": ROLES,
    "SYSAUDITOR.SYSAUDIT": [{"rules": 12}],
}
BAD: Answers = {
    **GOOD,
    "V$PARAMETER": parameters(**{**SAFE, "PWD_POLICY": "2", "ENABLE_AUDIT": "0",
                                 "ENABLE_REMOTE_OSAUTH": "1"}),
    "V$DATABASE": [{"mode": "N"}],
    "SYSUSERS": [user("SYSDBA", life=365, attempts=100, idle=1440)],
    "DBA_ROLE_PRIVS": [*ROLES, {"grantee": "APP", "role": "OPS"}, {"grantee": "OPS", "role": "DBA"},
                       {"grantee": "APP", "role": "DB_AUDIT_ADMIN"}],
    "SYSAUDITOR.SYSAUDIT": [{"rules": 0}],
}  # fmt: skip
OPEN_IN_GOOD = {"audit-kept", "audit-rules", "communication", "release"}


def test_verdicts_and_their_mark(tmp_path: Path) -> None:
    cases: dict[str, Answers] = {"good": GOOD, "bad": BAD, "poor": {}}
    found = verdicts("dameng", cases, tmp_path, {"administrators": ["sysdba"]})
    assert_marked(found)
    good, bad, poor = (words(found[id]) for id in cases)
    assert len(good) == 13
    assert {n for n, v in good.items() if v != "pass"} == OPEN_IN_GOOD, found["good"]
    assert {n for n, v in bad.items() if v != "fail"} == OPEN_IN_GOOD - {"audit-rules"}, bad
    assert set(poor.values()) == {"undetermined"}
    assert "GRANT VTI TO" in str(found["poor"]["audit-on"].detail)
    assert "GRANT SOI TO" in str(found["poor"]["lockout"].detail)


def test_what_the_rows_leave_open(tmp_path: Path) -> None:
    """A profile that holds in place of the limits, 0, a hidden parameter, nobody with DBA."""
    unknown: Answers = {
        **GOOD, "SYSUSERS": [user("APP", profile="STRICT", attempts=100)], "DBA_ROLE_PRIVS": [],
        "V$PARAMETER": parameters(**{k: v for k, v in SAFE.items() if k != "PWD_POLICY"}),
    }  # fmt: skip
    zero: Answers = {
        **GOOD, "SYSUSERS": [user("APP", life=0, attempts=0, idle=None)],
        "V$PARAMETER": parameters(**{**SAFE, "COMPATIBLE_MODE": "1"}),
    }  # fmt: skip
    found = verdicts("dameng", {"unknown": unknown, "zero": zero}, tmp_path,
                     {"administrators": ["SYSDBA"]})  # fmt: skip
    limits = ("lockout", "password-lifetime", "idle-timeout")
    open_ = (*limits, "password-policy", "separate-roles", "powers")
    assert {found["unknown"][name].verdict for name in open_} == {Verdict.UNDETERMINED}
    assert {found["zero"][name].verdict for name in limits} == {Verdict.UNDETERMINED}
    assert found["zero"]["password-policy"].verdict is Verdict.FAIL
