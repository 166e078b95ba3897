"""Accounts compared with the register of staff."""

from __future__ import annotations

from collections.abc import Mapping

from audit_core.api.sdk import Judgement, Known, Target, Verdict
from audit_core.api.testkit import target_of
from audit_dameng.login_accounts import UserState
from audit_dameng.login_accounts import logins as of_dameng
from audit_dameng.users import RoleGrant
from audit_database.logins import LoginAccount
from audit_mysql.accounts import Account
from audit_mysql.logins import logins as of_mysql
from audit_mysql.object_rights import Holder
from audit_oracle.login_accounts import logins as of_oracle
from audit_oracle.right_checks import Holder as OracleHolder
from audit_oracle.users import User
from audit_postgresql.accounts import Member, Role
from audit_postgresql.logins import logins as of_postgresql
from audit_register.checks.accounts import CHECKS
from audit_register.facts import Row, Table
from audit_sqlserver.login_accounts import Principal
from audit_sqlserver.login_accounts import logins as of_sqlserver
from audit_sqlserver.logins import Holder as SqlServerHolder
from audit_sqlserver.server import Rights

BY_ID = {check.id: check for check in CHECKS}
DB = Target(id="db1", kind="postgresql", object_type="database", business_system="core")


def staff(*rows: Mapping[str, object]) -> tuple[tuple[Target, Known], ...]:
    table = Table(
        register="staff", file="staff.csv", sha256="",
        rows=tuple(Row(number=n, cells={"staff_no": str(n), "left": None, "accounts": None, **row})
                   for n, row in enumerate(rows, 2)),
    )  # fmt: skip
    return ((target_of("staff_register"), Known(value=table)),)


def rights(account: LoginAccount, *rows: Mapping[str, object]) -> Judgement:
    return BY_ID["register.postgresql-rights"].judge(DB, (account,), staff(*rows))


def test_where_an_account_of_the_register_counts() -> None:
    accounts = (LoginAccount(name="dba"), LoginAccount(name="postgres"))
    owners = BY_ID["register.postgresql-owners"]
    for entry, verdict in (("dba", "pass"), ("db1:dba", "pass"), ("core:dba", "pass"),
                           ("db2:dba", "fail"), ("DBA", "fail")):  # fmt: skip
        assert owners.judge(DB, accounts, staff({"accounts": [entry]})).verdict == verdict
    # one person, by both ways to name it; and two people
    twice = {"accounts": ["db1:dba", "dba", "core:dba"]}
    assert owners.judge(DB, accounts, staff(twice)).verdict is Verdict.PASS
    assert owners.judge(DB, accounts, staff(twice, twice)).verdict is Verdict.FAIL
    part = Target(id="db1/postgresql:5432", kind="postgresql", object_type="database")
    assert owners.judge(part, accounts, staff({"accounts": ["db1:dba"]})).verdict is Verdict.PASS


def test_rights_of_administrators_need_a_post() -> None:
    mighty = LoginAccount(name="dba", powers=("SUPERUSER",))
    for administers, verdict in ((["db1"], "pass"), (["core"], "pass"), (["全部"], "pass"),
                                 (["db2"], "fail"), (None, "fail")):  # fmt: skip
        row = {"accounts": ["dba"], "administers": administers}
        assert rights(mighty, row).verdict == verdict
    # a register without the column says nothing, and an account without an owner has no post
    assert rights(mighty, {"accounts": ["dba"]}).verdict is Verdict.UNDETERMINED
    assert rights(mighty, {"administers": ["db1"]}).verdict is Verdict.UNDETERMINED
    assert rights(LoginAccount(name="dba"), {"accounts": ["dba"]}).verdict is Verdict.PASS
    # two people share it: the one without a post is enough
    shared = {"accounts": ["dba"], "administers": None}
    assert rights(mighty, {**shared, "administers": ["db1"]}, shared).verdict is Verdict.FAIL


def test_accounts_of_the_servers() -> None:
    role = Role(
        name="a", superuser=False, login=True, create_role=True, create_database=False,
        replication=False, bypass_rls=False, until=None, expired=None, bootstrap=False,
    )  # fmt: skip
    found = of_postgresql((role,), (Member(name="a", of="pg_read_all_data"),))
    assert found == (LoginAccount(name="a", powers=("CREATEROLE", "pg_read_all_data")),)
    holders = tuple(
        Holder(account=Account(user="u", host=host, role=0, methods="set x"), rights=frozenset(r))
        for host, r in (("10.%", {"INSERT", "USAGE"}), ("localhost", {"FILE"}))
    )
    assert of_mysql(holders) == (LoginAccount(name="u", powers=("FILE", "INSERT")),)


def test_accounts_of_servers_that_were_never_tried() -> None:
    user = {"method": "PASSWORD", "versions": "12C", "maintained": "N", "profile": "DEFAULT",
            "idle_days": 1, "age_days": 1}  # fmt: skip
    users = tuple(
        User(name=name, status=status, **user)  # type: ignore[arg-type]
        for name, status in (("A", "OPEN"), ("B", "EXPIRED"), ("C", "LOCKED(TIMED)"))
    )
    oracle = of_oracle(users, (OracleHolder(name="B", rights=("DBA",)),))
    assert oracle == (LoginAccount(name="A"), LoginAccount(name="B", powers=("DBA",)))
    grants = (RoleGrant(grantee="A", role="R"), RoleGrant(grantee="R", role="DBA"))
    states = (UserState(name="A", status="OPEN"), UserState(name="B", status="LOCKED"))
    assert of_dameng(states, grants) == (LoginAccount(name="A", powers=("DBA",)),)
    principals = tuple(
        Principal(name=name, type=type, disabled=disabled)
        for name, type, disabled in (("CORP\\a", "U", 0), ("b", "S", 1))
    )
    holders = (SqlServerHolder(name="CORP\\a", rights=("sysadmin",)),)
    seeing, blind = (Rights(login="a", definition=n, state=n, databases=n) for n in (1, 0))
    found = of_sqlserver(principals, holders, seeing)
    assert found == (LoginAccount(name="CORP\\a", powers=("sysadmin",)),)
    assert "GRANT VIEW ANY DEFINITION" in str(of_sqlserver(principals, holders, blind))
    # these take a name in capitals and in small letters for the same
    for kind, name in (("oracle", "A"), ("dameng", "A"), ("sqlserver", "CORP\\A")):
        judged = BY_ID[f"register.{kind}-leavers"].judge(
            DB, (LoginAccount(name=name),),
            staff({"accounts": [name.lower()], "left": "2025-01-01"}), "2026-01-01T00:00:00Z",
        )  # fmt: skip
        assert judged.verdict is Verdict.FAIL, kind
