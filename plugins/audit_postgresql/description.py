"""What record sheets show of a server above its records."""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.api.sdk import AboutLine, Absent, Description, known_or_absent, listed, msg
from audit_postgresql.accounts import ROLES, Role
from audit_postgresql.server import KIND, RELEASE, Release

MOST = 20
"""Roles that are named."""


def _server(release: Release) -> Iterator[AboutLine]:
    version = release.text.split(", ", 1)[0]  # the compiler stands behind
    yield AboutLine(title=msg("Server"), value=msg("{version}", version=version))


def _logins(roles: tuple[Role, ...] | Absent) -> Iterator[AboutLine]:
    if isinstance(roles, Absent):
        return
    able = listed(role.name for role in roles if role.login)
    names = (*able[:MOST], "…") if len(able) > MOST else able
    yield AboutLine(title=msg("Roles that may log in"), value=msg("{names}", names=names))


DESCRIPTIONS = (
    Description(id="postgresql.server", kind=KIND, needs=(RELEASE,), make=_server),
    Description(id="postgresql.users", kind=KIND, needs=(known_or_absent(ROLES),), make=_logins),
)
