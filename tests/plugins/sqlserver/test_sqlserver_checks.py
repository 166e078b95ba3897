"""Verdicts on rows as Microsoft documents them; no server was asked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl

from audit_core.api.testkit import target_of
from audit_core.model import Status, Verdict
from audit_sqlserver.audit_trail import GROUPS
from hostile.tds_server import Answer, TdsServer, accepted, error
from live.database_ways import PASSWORD
from live.documented_rows import Answers, assert_marked, questions, verdicts, words
from live.product import dengbao, environment

RIGHTS = {"login": "audit", "definition": 1, "state": 1, "databases": 1}


def login(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "disabled": 0, "sa": 0, "policy": 1, "expiration": 1, "hashed": 2,
            "age_days": 10, **more}  # fmt: skip


def database(name: str, number: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "number": number, "state": "ONLINE", "recovery": "FULL",
            "trustworthy": 0, "chaining": 0, "verify": "CHECKSUM", "encrypted": 1, "grouped": 0,
            **more}  # fmt: skip


def member(role: str, name: str, type: str = "S") -> dict[str, Any]:
    fixed = int(role == "sysadmin")
    return {"role": role, "fixed": fixed, "name": name, "type": type, "disabled": 0}


def permission(right: str, name: str, state: str = "G", type: str = "S") -> dict[str, Any]:
    return {"right": right, "state": state, "name": name, "type": type, "disabled": 0}


def action(name: str | None, **more: Any) -> dict[str, Any]:
    return {"audit": "bank", "on": 1, "filtered": 0, "action": name,
            "result": "SUCCESS AND FAILURE", **more}  # fmt: skip


def backup(name: str, type: str, hours: int) -> dict[str, Any]:
    return {"name": name, "type": type, "hours": hours}


def connection(encrypted: str, own: int = 0, way: str = "TCP") -> dict[str, Any]:
    return {"way": way, "encrypted": encrypted, "sessions": 3, "own": own}


SYSTEM = [database("master", 1, encrypted=0, trustworthy=0), database("msdb", 4, trustworthy=1)]
GOOD: Answers = {
    "SERVERPROPERTY": [{"version": "16.0.4165.4", "edition": "Enterprise Edition (64-bit)",
                        "level": "CU16", "mixed": 1}],
    "HAS_PERMS_BY_NAME": [RIGHTS],
    "sys.configurations": [{"name": "clr enabled", "value": 0},
                           {"name": "xp_cmdshell", "value": 0}],
    "sys.databases": [*SYSTEM, database("app", 5)],
    "sys.sql_logins": [login("gone", sa=1, disabled=1, policy=0), login("app"), login("audit")],
    "sys.server_role_members": [member("sysadmin", "CORP\\dba", "U"), member("ops", "helpdesk")],
    "sys.server_permissions": [permission("VIEW ANY DEFINITION", "audit"),
                               permission("CONNECT SQL", "app"),
                               permission("VIEW SERVER STATE", "ops", type="R")],
    "sys.dm_exec_connections": [connection("TRUE", own=1),
                                connection("FALSE", way="Shared memory")],
    "sys.database_permissions": [],
    "sys.server_audits": [action(name) for name in GROUPS],
    "sys.server_file_audits": [{"audit": "bank", "type": "FILE", "size": 100, "files": 50}],
    "msdb.dbo.backupset": [backup("master", "D", 20), backup("msdb", "D", 20),
                           backup("app", "D", 20), backup("app", "L", 1)],
    "sys.dm_hadr_database_replica_states": [
        {"name": "app", "here": here, "state": "SYNCHRONIZED", "health": "HEALTHY",
         "suspended": 0, "lag_s": 0} for here in (1, 0)
    ],
}  # fmt: skip
BAD: Answers = {
    **GOOD,
    "SERVERPROPERTY": [{"version": "12.0.6024.0", "edition": "Standard Edition (64-bit)",
                        "level": None, "mixed": 1}],
    "sys.configurations": [{"name": "xp_cmdshell", "value": 1}],
    "sys.databases": [*SYSTEM, database("app", 5, trustworthy=1, verify="NONE", encrypted=0)],
    "sys.sql_logins": [login("sa", sa=1), login("app", policy=0, expiration=0, hashed=1)],
    "sys.server_role_members": [member("sysadmin", "ops", "R"), member("ops", "helpdesk")],
    "sys.server_permissions": [permission("ALTER ANY SERVER AUDIT", "app", state="W")],
    "sys.dm_exec_connections": [connection("TRUE", own=1), connection("FALSE")],
    "sys.database_permissions": [{"grantee": "public", "right": "SELECT", "object": "dbo.client"}],
    "sys.server_audits": [action("FAILED_LOGIN_GROUP", on=0)],
    "msdb.dbo.backupset": [backup("app", "D", 2000)],
    "sys.dm_hadr_database_replica_states": [
        {"name": "app", "here": 0, "state": "NOT SYNCHRONIZING", "health": "NOT_HEALTHY",
         "suspended": 1, "lag_s": None}
    ],
}  # fmt: skip
NONE = {**RIGHTS, "definition": 0, "state": 0, "databases": 1}
# A login without rights: its own row and that of sa, its own permissions, nothing of the state.
POOR: Answers = {
    "SERVERPROPERTY": GOOD["SERVERPROPERTY"], "HAS_PERMS_BY_NAME": [NONE],
    "sys.configurations": GOOD["sys.configurations"], "sys.databases": GOOD["sys.databases"],
    "sys.sql_logins": [login("gone", sa=1, disabled=1), login("audit")],
    "sys.server_role_members": [], "sys.server_permissions": [permission("CONNECT SQL", "audit")],
    "sys.database_permissions": [], "sys.server_audits": [], "sys.server_file_audits": [],
    "sys.dm_exec_connections": Status.NOT_PERMITTED, "msdb.dbo.backupset": Status.NOT_PERMITTED,
}  # fmt: skip
OPEN_IN_GOOD = {"lockout", "audit-kept"}
"""What only the host, or a person, can tell."""
SHOWN_TO_ALL = {"features", "trustworthy", "page-verify", "encryption", "release-supported"}


def test_verdicts_and_their_mark(tmp_path: Path) -> None:
    cases = {"good": GOOD, "bad": BAD, "poor": POOR}
    found = verdicts("sqlserver", cases, tmp_path, {"administrators": ["corp\\DBA"]})
    assert_marked(found)
    good, bad, poor = (words(found[id]) for id in cases)
    assert len(good) == 22
    assert {n for n, v in good.items() if v != "pass"} == OPEN_IN_GOOD, found["good"]
    assert {n for n, v in bad.items() if v != "fail"} == {"audit-kept", "encryption"}, bad
    assert {n for n, v in poor.items() if v != "undetermined"} == SHOWN_TO_ALL
    needed = str(found["poor"]["password-policy"].detail)
    assert "GRANT VIEW ANY DEFINITION" in needed
    assert "GRANT VIEW SERVER STATE" in str(found["poor"]["tls-in-use"].detail)
    assert "dbo.backupset" in str(found["poor"]["backup-age"].detail)


def test_what_is_certain_stays_certain_with_fewer_rights(tmp_path: Path) -> None:
    """A fail of a row that is shown holds; a fail because nothing is shown does not."""
    some: Answers = {
        **POOR, "sys.server_permissions": [permission("CONTROL SERVER", "app")],
        "sys.dm_exec_connections": [connection("FALSE", own=1)],
    }  # fmt: skip
    other: Answers = {
        **GOOD, "sys.databases": [*SYSTEM, database("app", 5, grouped=1)],
        "msdb.dbo.backupset": [backup("master", "D", 1), backup("msdb", "D", 1)],
        "sys.dm_hadr_database_replica_states": [],
        "HAS_PERMS_BY_NAME": [{**RIGHTS, "databases": 0}],
    }  # fmt: skip
    found = verdicts("sqlserver", {"some": some, "other": other}, tmp_path,
                     {"administrators": ["dba"]})  # fmt: skip
    assert found["some"]["powers"].verdict is Verdict.FAIL
    assert found["some"]["tls-in-use"].verdict is Verdict.FAIL
    assert found["some"]["audit-on"].verdict is Verdict.UNDETERMINED
    for name in ("backup-age", "log-backups", "replicas", "trustworthy", "public-rights"):
        assert found["other"][name].verdict is Verdict.UNDETERMINED, name
    assert found["other"]["password-policy"].verdict is Verdict.PASS


def test_the_mark_is_in_data_output_and_workbook(tmp_path: Path) -> None:
    """The whole product with a made-up server: what it shows of a product that was never tried."""
    by_sql = {q.sql: GOOD.get(q.label) for q in questions("sqlserver", target_of("sqlserver"))}

    def answer(sql: str) -> Answer:
        rows = by_sql.get(sql, [])
        if rows is None or isinstance(rows, Status):
            return error(229, "The SELECT permission was denied")
        return [*rows[0]] if rows else ["none"], [[*row.values()] for row in rows]

    server = TdsServer(lambda user, password: accepted(), answer)
    home, pack = tmp_path / "home", tmp_path / "pack.zip"
    with server.listening() as port:
        inventory = tmp_path / "inventory.yaml"
        inventory.write_text(
            "targets:\n  - {id: ms, kind: sqlserver, address: 127.0.0.1, "
            "administrators: [CORP\\dba], "
            f"access: {{user: audit, port: {port}, tls: plain, password: 'env:GOOD'}}}}\n"
        )
        env = environment(home, GOOD=PASSWORD)
        done = dengbao("run", "gbt22239-l3", "-i", inventory, "--store", tmp_path / "store",
                       "-o", pack, "--format", "json", "--lang", "en", env=env)  # fmt: skip
    found = {f["check"]: f for f in done.ended(0).json["findings"] if f["target"] == "ms"}
    assert found["sqlserver.powers"]["verdict"] == "pass", found["sqlserver.powers"]
    mine = [f for check, f in found.items() if check.startswith("sqlserver.")]
    assert len(mine) == 22
    assert all(f["unverified"].startswith("Unverified") for f in mine)
    shown = dengbao("results", "latest", "--store", tmp_path / "store", "--verdict", "pass",
                    "--lang", "en", env=env)  # fmt: skip
    assert shown.stdout.count("Unverified") >= 18
    with zipfile.ZipFile(pack) as packed:
        (book,) = (name for name in packed.namelist() if name.endswith(".xlsx"))
        sheets = openpyxl.load_workbook(io.BytesIO(packed.read(book)), read_only=True)
    texts = [str(v) for s in sheets for row in s.iter_rows(values_only=True) for v in row if v]
    records = [text for text in texts if "Unverified" in text and "Note: " in text]
    assert len(records) > 10
