"""What record sheets show of a server above its records."""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.api.sdk import AboutLine, Absent, Description, known_or_absent, msg
from audit_database.login_names import logins_line
from audit_postgresql.accounts import ROLES, Role
from audit_postgresql.server import KIND, RELEASE, Release


def _server(release: Release) -> Iterator[AboutLine]:
    version = release.text.split(", ", 1)[0]  # the compiler stands behind
    yield AboutLine(title=msg("Server"), value=msg("{version}", version=version))


def _logins(roles: tuple[Role, ...] | Absent) -> Iterator[AboutLine]:
    if isinstance(roles, Absent):
        return
    yield logins_line(msg("Roles that may log in"), (role.name for role in roles if role.login))


DESCRIPTIONS = (
    Description(id="postgresql.server", kind=KIND, needs=(RELEASE,), make=_server),
    Description(id="postgresql.users", kind=KIND, needs=(known_or_absent(ROLES),), make=_logins),
)
