"""What record sheets show of a server above its records."""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.api.sdk import AboutLine, Absent, Description, known_or_absent, msg
from audit_database.login_names import logins_line
from audit_redis.server import INFO, KIND, USERS, Info, User


def _server(info: Info) -> Iterator[AboutLine]:
    server = msg("{product} {release}", product=info.product[0], release=info.product[1] or "-")
    yield AboutLine(title=msg("Server"), value=server)


def _users(users: tuple[User, ...] | Absent) -> Iterator[AboutLine]:
    if isinstance(users, Absent):
        return
    yield logins_line(msg("Users that may log in"), (user.name for user in users if user.enabled))


DESCRIPTIONS = (
    Description(id="redis.server", kind=KIND, needs=(INFO,), make=_server),
    Description(id="redis.users", kind=KIND, needs=(known_or_absent(USERS),), make=_users),
)
