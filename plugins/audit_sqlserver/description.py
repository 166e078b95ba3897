"""What record sheets show of a server above its records."""

from __future__ import annotations

from audit_core.api.sdk import AboutLine, Description, msg
from audit_sqlserver.server import KIND, RELEASE, Release


def _about(release: Release) -> tuple[AboutLine, ...]:
    server = msg("SQL Server {version} ({edition})", version=release.version,
                 edition=release.edition or "-")  # fmt: skip
    return (AboutLine(title=msg("Server"), value=server),)


DESCRIPTIONS = (
    Description(id="sqlserver.server", kind=KIND, needs=(RELEASE,), make=_about),
)  # fmt: skip
