"""The users that may log in, as accounts of the database. Unverified, as the whole plugin."""

from __future__ import annotations

from audit_core.api.sdk import derive
from audit_database.logins import LoginAccount
from audit_oracle.right_checks import HOLDERS, Holder
from audit_oracle.users import USERS, User


def logins(users: tuple[User, ...], holders: tuple[Holder, ...]) -> tuple[LoginAccount, ...]:
    """Each user that may log in, with its rights over the whole database."""
    held = {holder.name: holder.rights for holder in holders}
    return tuple(
        LoginAccount(name=user.name, powers=held.get(user.name, ()))
        for user in users
        if user.usable
    )


LOGINS = derive(
    "oracle.login-accounts", tuple[LoginAccount, ...], needs=(USERS, HOLDERS), make=logins
)
FACTS = (LOGINS,)
