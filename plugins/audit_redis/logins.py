"""The users that may log in, as accounts of the server."""

from __future__ import annotations

from audit_core.api.sdk import derive
from audit_database.logins import LoginAccount
from audit_redis.server import USERS, User


def logins(users: tuple[User, ...]) -> tuple[LoginAccount, ...]:
    """Each user that is on, with the dangerous commands that it may run."""
    return tuple(
        LoginAccount(name=user.name, powers=user.dangerous or (("+@all",) * user.unlimited))
        for user in users
        if user.enabled
    )


LOGINS = derive("redis.login-accounts", tuple[LoginAccount, ...], needs=USERS, make=logins)
FACTS = (LOGINS,)
