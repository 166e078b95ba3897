"""Checks of rights: over the whole server, over its own tables, over the data of others."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from audit_core.api.sdk import (
    TARGET,
    Judgement,
    Message,
    Severity,
    Target,
    check,
    expect,
    failed,
    listed,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_database.administrators import administrators_only
from audit_mysql.access_checks import ASKER, Asker
from audit_mysql.accounts import ACCOUNTS, DATA, POWERFUL, Account
from audit_mysql.kind import MysqlSettings
from audit_mysql.object_rights import (
    DYNAMIC,
    GIVEN,
    HOLDERS,
    OBJECT_RIGHTS,
    PUBLIC,
    RIGHTS_IN_USE,
    WRITING,
    Given,
    Holder,
    ObjectRight,
)
from audit_mysql.server import MYSQL, RELEASE, SETTINGS, Release, Settings


def _administrators(target: Target) -> frozenset[str] | None:
    declared = settings_of(target, MysqlSettings).administrators
    return None if declared is None else frozenset(declared)


def _is_one(account: Account, administrators: frozenset[str]) -> bool:
    return bool({account.user, account.name} & administrators)


def _by_declaration(
    target: Target, found: dict[str, bool], text: Message, none: Message
) -> Judgement:
    declared = _administrators(target) is not None
    return administrators_only(found, declared=declared, detail=text, none=none)


def _holding(holders: Iterable[Holder], rights: frozenset[str]) -> list[Holder]:
    return [holder for holder in holders if holder.rights & rights]


def _with_rights(holders: list[Holder], rights: frozenset[str]) -> tuple[str, ...]:
    return listed(f"{h.account.name} ({_named(h.rights, rights)})" for h in holders)


def _named(held: frozenset[str], rights: frozenset[str]) -> str:
    # who has all of them was given ALL
    return "ALL PRIVILEGES" if held >= POWERFUL else ", ".join(sorted(held & rights))


def _declared(target: Target, holders: list[Holder]) -> dict[str, bool]:
    administrators = _administrators(target) or frozenset()
    return {h.account.name: _is_one(h.account, administrators) for h in holders}


_POWERS = POWERFUL | DYNAMIC
_NOBODY = msg("No account that may log in has server-wide rights")
_ASKED_FOR = frozenset({"PROCESS"})  # what our own account needs


@check(
    "mysql.powers", needs=(TARGET, HOLDERS, ASKER), severity=Severity.HIGH,
    version=3,
    remedy=msg("REVOKE … ON *.* FROM …, or take the role away"),
)  # fmt: skip
def powers(target: Target, holders: tuple[Holder, ...], asker: Asker) -> Judgement:
    """Only declared administrators have server-wide rights."""
    found = [
        holder for holder in _holding(holders, _POWERS)
        if holder.account.name != asker.account or holder.rights & _POWERS != _ASKED_FOR
    ]  # fmt: skip
    detail = msg("Server-wide rights: {names}", names=_with_rights(found, _POWERS))
    return _by_declaration(target, _declared(target, found), detail, _NOBODY)


@check(
    "mysql.admin-hosts", needs=HOLDERS, severity=Severity.HIGH,
    version=3,
    remedy=msg("RENAME USER … TO …@ADDRESS, with the address of a bastion"),
)  # fmt: skip
def admin_hosts(holders: tuple[Holder, ...]) -> Judgement:
    """No account with server-wide rights may log in from every address."""
    rights = _POWERS - _ASKED_FOR
    found = _holding(holders, rights)
    bad = [holder for holder in found if holder.account.everywhere]
    if bad:
        return failed(
            msg("May log in from every address: {names}", names=_with_rights(bad, rights))
        )
    if not found:
        return passed(_NOBODY)
    return passed(msg("With server-wide rights: {names}", names=_with_rights(found, rights)))


@check(
    "mysql.wide-rights", needs=(TARGET, HOLDERS, RIGHTS_IN_USE), severity=Severity.MEDIUM,
    version=3,
    remedy=msg("REVOKE ALL ON *.* FROM …, and GRANT what is needed on each schema or table"),
)  # fmt: skip
def wide_rights(
    target: Target, holders: tuple[Holder, ...], objects: tuple[ObjectRight, ...]
) -> Judgement:
    """Only declared administrators have rights on the data of every schema."""
    found = _holding(holders, DATA)
    detail = list(_with_rights(found, DATA))
    names = _declared(target, found)
    administrators = _administrators(target) or frozenset()
    for right in objects:
        if not right.object and set(right.db) <= {"%", "_"} and right.held:
            detail.append(f"{right.who}: {right.where}")
            names[right.who] = bool({right.user, right.who} & administrators)
    none = msg("Rights on data are given by schema, table or column")
    text = msg("On the data of every schema: {names}", names=listed(detail))
    return _by_declaration(target, names, text, none)


_CHANGING = frozenset({"INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER"})


@check(
    "mysql.system-tables", needs=(TARGET, HOLDERS, RIGHTS_IN_USE), severity=Severity.HIGH,
    version=3,
    remedy=msg("REVOKE … ON mysql.* FROM …: an account that may write there can grant "
               "itself every right"),
)  # fmt: skip
def system_tables(
    target: Target, holders: tuple[Holder, ...], objects: tuple[ObjectRight, ...]
) -> Judgement:
    """Only declared administrators may write to the tables with accounts and rights."""
    found = _holding(holders, _CHANGING)
    names, detail = _declared(target, found), [*_with_rights(found, _CHANGING)]
    administrators = _administrators(target) or frozenset()
    for right in objects:
        if _fits("mysql", right.db) and right.held & WRITING:
            detail.append(f"{right.who}: {right.where} ({right.rights})")
            names.setdefault(right.who, bool({right.user, right.who} & administrators))
    none = msg("No account that may log in may write in the schema mysql")
    text = msg("May write: {names}", names=listed(detail))
    return _by_declaration(target, names, text, none)


def _fits(name: str, pattern: str) -> bool:
    """Whether the schema `name` fits a pattern of GRANT: % any text, _ a character, \\ escapes."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": "*", "_": "?"}
    made = "".join(wild.get(w, _literal(w[-1])) for w in parts)
    return fnmatch.fnmatchcase(name, made.lower())


def _literal(letter: str) -> str:
    return f"[{letter}]" if letter in "*?[" else letter


@check(
    "mysql.grant-option", needs=(TARGET, HOLDERS, RIGHTS_IN_USE, GIVEN), severity=Severity.MEDIUM,
    version=3,
    remedy=msg("REVOKE GRANT OPTION ON … FROM …, REVOKE ADMIN OPTION FOR … FROM …"),
)  # fmt: skip
def grant_option(
    target: Target,
    holders: tuple[Holder, ...],
    objects: tuple[ObjectRight, ...],
    given: tuple[Given, ...],
) -> Judgement:
    """Only declared administrators may grant their rights to others."""
    option = frozenset({"GRANT OPTION"})
    found = _holding(holders, option)
    names = _declared(target, found)
    detail = [f"{holder.account.name}: *.*" for holder in found]
    administrators = _administrators(target) or frozenset()
    passed_on = [(r.user, r.who, r.where) for r in objects if "GRANT" in r.held]
    passed_on += [(g.user, f"{g.user}@{g.host}", g.role or g.right) for g in given if g.admin]
    for user, who, where in passed_on:
        detail.append(f"{who}: {where}")
        names.setdefault(who, bool({user, who} & administrators))
    none = msg("No account has the grant option")
    text = msg("With grant option: {names}", names=listed(detail))
    return _by_declaration(target, names, text, none)


@check(
    "mysql.public-rights", needs=(ACCOUNTS, OBJECT_RIGHTS), severity=Severity.HIGH,
    remedy=msg("REVOKE ALL ON … FROM PUBLIC, and delete the rights of '' (schema test)"),
)  # fmt: skip
def public_rights(accounts: tuple[Account, ...], objects: tuple[ObjectRight, ...]) -> Judgement:
    """No schema, table or routine is granted to everybody."""
    bad = [f"{r.who}: {r.where} ({r.rights})" for r in objects if r.public and r.held]
    everybody = [a for a in accounts if a.user == PUBLIC and a.role and a.held]
    bad += [f"{PUBLIC}: *.* ({', '.join(sorted(account.held))})" for account in everybody]
    if bad:
        return failed(msg("Granted to everybody: {names}", names=listed(bad)))
    return passed(msg("No rights of anonymous users or of PUBLIC on a schema, table or routine"))


@check(
    "mysql.audit-holders", needs=(TARGET, HOLDERS, RIGHTS_IN_USE), severity=Severity.HIGH,
    version=3,
    remedy=msg("REVOKE SUPER … FROM …; REVOKE INSERT, DELETE ON mysql.plugin FROM …"),
)  # fmt: skip
def audit_holders(
    target: Target, holders: tuple[Holder, ...], objects: tuple[ObjectRight, ...]
) -> Judgement:
    """Only declared administrators can end or change the audit of the server."""
    # writing to mysql.plugin ends a plugin with the next start
    rights = frozenset({"SUPER", "SYSTEM_VARIABLES_ADMIN", "AUDIT_ADMIN", "INSERT", "DELETE"})
    found = _holding(holders, rights)
    names, detail = _declared(target, found), [*_with_rights(found, rights)]
    administrators = _administrators(target) or frozenset()
    for right in objects:
        if _fits("mysql", right.db) and right.object in ("", "plugin") and right.held & WRITING:
            detail.append(f"{right.who}: {right.where}")
            names.setdefault(right.who, bool({right.user, right.who} & administrators))
    none = msg("No account that may log in can change the audit")
    text = msg("Can change the audit: {names}", names=listed(detail))
    return _by_declaration(target, names, text, none)


@check(
    "mysql.file-access", needs=(RELEASE, SETTINGS, HOLDERS), severity=Severity.HIGH, version=2,
    remedy=msg("Set secure_file_priv to a directory of its own; REVOKE FILE ON *.* FROM …"),
)  # fmt: skip
def file_access(release: Release, settings: Settings, holders: tuple[Holder, ...]) -> Judgement:
    """No account can read or write files of the host outside one directory."""
    place = settings.get("secure_file_priv")
    detail = settings.as_message("secure_file_priv")
    holding = _holding(holders, frozenset({"FILE"}))
    # without a value MySQL opens no file at all, MariaDB every one
    if place not in ("", "/") and (place != "NULL" or release.product == MYSQL):
        return passed(detail)
    if not holding:
        return passed(detail, msg("No account that may log in has FILE"))
    found = listed(holder.account.name for holder in holding)
    return failed(detail, msg("Every file that the server may open, by: {names}", names=found))


@check(
    "mysql.local-infile", needs=SETTINGS, severity=Severity.LOW,
    remedy=msg("SET GLOBAL local_infile = OFF, and in the configuration file"),
)  # fmt: skip
def local_infile(settings: Settings) -> Judgement:
    """The server does not ask clients for their files (LOAD DATA LOCAL)."""
    if "local_infile" not in settings.values:
        return undetermined(msg("The server does not show local_infile"))
    return expect(not settings.on("local_infile"), detail=settings.as_message("local_infile"))


CHECKS = (
    powers, admin_hosts, wide_rights, system_tables, grant_option, public_rights, audit_holders,
    file_access, local_infile,
)  # fmt: skip
