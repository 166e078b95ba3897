"""What record sheets show of a database above its records."""

from __future__ import annotations

from audit_core.api.sdk import AboutLine, Description, msg
from audit_oracle.server import KIND, RELEASE, Release


def _about(release: Release) -> tuple[AboutLine, ...]:
    server = msg("{product} {version}", product=release.product.strip(), version=release.version)
    return (AboutLine(title=msg("Server"), value=server),)


DESCRIPTIONS = (Description(id="oracle.server", kind=KIND, needs=(RELEASE,), make=_about),)
