"""The roles that may log in, as accounts of the server."""

from __future__ import annotations

from audit_core.api.sdk import derive
from audit_database.logins import LoginAccount
from audit_postgresql.accounts import MEMBERS, ROLES, Member, Role


def logins(roles: tuple[Role, ...], members: tuple[Member, ...]) -> tuple[LoginAccount, ...]:
    """Each role that may log in; an expired password keeps nobody out who has a certificate."""
    held: dict[str, list[str]] = {}
    for member in members:
        held.setdefault(member.name, []).append(member.of)
    return tuple(
        LoginAccount(name=role.name, powers=(*role.powers, *held.get(role.name, ())))
        for role in roles
        if role.login
    )


LOGINS = derive(
    "postgresql.login-accounts", tuple[LoginAccount, ...], needs=(ROLES, MEMBERS), make=logins
)
FACTS = (LOGINS,)
