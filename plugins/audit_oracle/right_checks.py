"""Checks of rights over the database, and of how it is reached."""

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
    failed,
    listed,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_database.administrators import declared_by_name
from audit_oracle.kind import OracleSettings
from audit_oracle.server import OWN, Own
from audit_oracle.users import (
    PRIVILEGES,
    PUBLIC_RIGHTS,
    ROLE_GRANTS,
    USERS,
    Privilege,
    PublicRight,
    RoleGrant,
    User,
)


class Holder(Struct, frozen=True, kw_only=True):
    """A user who may log in, with rights over the database, also through roles in roles."""

    name: str
    rights: tuple[str, ...]
    passes_on: tuple[str, ...] = ()


MIGHTY = frozenset({
    "AUDIT_ADMIN", "DATAPUMP_EXP_FULL_DATABASE", "DATAPUMP_IMP_FULL_DATABASE", "DBA",
    "DELETE_CATALOG_ROLE", "EXECUTE_CATALOG_ROLE", "EXP_FULL_DATABASE", "IMP_FULL_DATABASE",
    "SYSDBA",
})  # fmt: skip
"""Roles of the database itself that reach past the data of one application."""


def _holders(
    users: tuple[User, ...], roles: tuple[RoleGrant, ...], rights: tuple[Privilege, ...]
) -> tuple[Holder, ...]:
    given: dict[str, list[RoleGrant]] = {}
    for grant in roles:
        given.setdefault(grant.grantee, []).append(grant)
    direct: dict[str, list[Privilege]] = {}
    for right in rights:
        direct.setdefault(right.grantee, []).append(right)
    found = (_holder(user.name, given, direct) for user in users if user.usable)
    return tuple(holder for holder in found if holder.rights or holder.passes_on)


def _holder(
    user: str, given: dict[str, list[RoleGrant]], direct: dict[str, list[Privilege]]
) -> Holder:
    """What `user` holds through its roles; roles of the database itself are not opened."""
    held, passed_on = set[str](), set[str]()
    waiting, known = [user, "PUBLIC"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        if name in MIGHTY:
            held.add(name)
            continue
        rights, roles = direct.get(name, []), given.get(name, [])
        held |= {p.right for p in rights}
        passed_on |= {p.right for p in rights if p.admin == "YES"}
        passed_on |= {g.role for g in roles if g.admin == "YES"}
        waiting += [g.role for g in roles]
    return Holder(name=user, rights=tuple(sorted(held)), passes_on=tuple(sorted(passed_on)))


HOLDERS = derive(
    "oracle.holders", tuple[Holder, ...], needs=(USERS, ROLE_GRANTS, PRIVILEGES), make=_holders
)  # fmt: skip
FACTS = (HOLDERS,)


def _named(rights: tuple[str, ...]) -> str:
    shown = ", ".join(rights[:4])
    return f"{shown}, … ({len(rights)})" if len(rights) > 4 else shown


@check(
    "oracle.powers", needs=(TARGET, HOLDERS), severity=Severity.HIGH,
    remedy=msg("REVOKE … FROM …: give rights on objects in place of ANY, and roles of your own"),
)  # fmt: skip
def powers(target: Target, holders: tuple[Holder, ...]) -> Judgement:
    """Only declared administrators have rights over the whole database."""
    found = {h.name: f"{h.name} ({_named(h.rights)})" for h in holders if h.rights}
    return declared_by_name(
        found, settings_of(target, OracleSettings).administrators,
        detail=msg("Rights over the whole database: {names}", names=listed(found.values())),
        none=msg("No user who may log in has rights over the whole database"),
    )  # fmt: skip


@check(
    "oracle.grant-option", needs=(TARGET, HOLDERS), severity=Severity.MEDIUM,
    remedy=msg("REVOKE … FROM …, and grant it again without ADMIN OPTION"),
)  # fmt: skip
def grant_option(target: Target, holders: tuple[Holder, ...]) -> Judgement:
    """Only declared administrators may pass on roles and rights over the database."""
    found = {h.name: f"{h.name} ({_named(h.passes_on)})" for h in holders if h.passes_on}
    return declared_by_name(
        found, settings_of(target, OracleSettings).administrators,
        detail=msg("With ADMIN OPTION: {names}", names=listed(found.values())),
        none=msg("No user who may log in has the ADMIN OPTION"),
    )  # fmt: skip


_CHANGING = frozenset({"AUDIT SYSTEM", "AUDIT_ADMIN", "ALTER SYSTEM", "DBA", "SYSDBA", "AUDIT ANY"})


@check(
    "oracle.audit-holders", needs=(TARGET, HOLDERS), severity=Severity.HIGH,
    remedy=msg("REVOKE AUDIT_ADMIN FROM …; REVOKE AUDIT SYSTEM FROM …"),
)  # fmt: skip
def audit_holders(target: Target, holders: tuple[Holder, ...]) -> Judgement:
    """Only declared administrators can end or change the audit."""
    found = {h.name: f"{h.name} ({', '.join(sorted(_CHANGING & set(h.rights)))})"
             for h in holders if _CHANGING & set(h.rights)}  # fmt: skip
    return declared_by_name(
        found, settings_of(target, OracleSettings).administrators,
        detail=msg("Can change the audit: {names}", names=listed(found.values())),
        none=msg("No user who may log in can change the audit"),
    )  # fmt: skip


@check(
    "oracle.public-rights", needs=complete(PUBLIC_RIGHTS), severity=Severity.HIGH,
    remedy=msg("REVOKE … ON … FROM PUBLIC"),
)  # fmt: skip
def public_rights(found: tuple[PublicRight, ...]) -> Judgement:
    """Everybody has rights neither on objects of users nor on packages that reach outside."""
    bad = [f"{r.owner}.{r.object} ({r.right})" for r in found if r.maintained == "N"]
    if bad:
        return failed(msg("Granted to everybody: {names}", names=listed(bad)))
    reaching = [f"{r.owner}.{r.object}" for r in found]
    if reaching:
        return undetermined(
            msg("Granted to everybody: {names}", names=listed(reaching)),
            msg("They came so; whether an application needs them has to be found out"),
        )
    return passed(msg("PUBLIC has no such rights"))


@check(
    "oracle.network-encryption", needs=OWN, severity=Severity.HIGH,
    remedy=msg("Set SQLNET.ENCRYPTION_SERVER = REQUIRED, or listen with TCPS only"),
)  # fmt: skip
def network_encryption(own: Own) -> Judgement:
    """The database takes no connection that is not encrypted."""
    protocol = (own.protocol or "").lower()
    detail = msg("Our own session: {protocol}", protocol=protocol or "-")
    if protocol == "tcp":
        # the driver knows no native encryption, so this session has none
        return failed(detail, msg("the database took our own login without encryption"))
    return undetermined(
        detail, msg("Whether it listens without encryption, too, has to be checked on the host")
    )


CHECKS = (powers, grant_option, audit_holders, public_rights, network_encryption)
