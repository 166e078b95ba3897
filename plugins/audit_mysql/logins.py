"""The users that may log in, as accounts of the server."""

from __future__ import annotations

from audit_core.api.sdk import derive
from audit_database.logins import LoginAccount
from audit_mysql.accounts import DATA, POWERFUL
from audit_mysql.object_rights import DYNAMIC, HOLDERS, Holder

_POWERS = POWERFUL | DYNAMIC | DATA


def logins(holders: tuple[Holder, ...]) -> tuple[LoginAccount, ...]:
    """Each user name with the rights on the whole server that it has from any host."""
    held: dict[str, set[str]] = {}
    for holder in holders:
        held.setdefault(holder.account.user, set()).update(holder.rights & _POWERS)
    return tuple(
        LoginAccount(name=name, powers=tuple(sorted(rights))) for name, rights in held.items()
    )


LOGINS = derive("mysql.login-accounts", tuple[LoginAccount, ...], needs=HOLDERS, make=logins)
FACTS = (LOGINS,)
