"""What record sheets show of a server above its records."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import AboutLine, Description, msg
from audit_mysql.server import KIND, MYSQL, RELEASE, Release


def _server(release: Release) -> Iterable[AboutLine]:
    comment = release.comment or "-"
    server = msg("{product} {release} ({comment})", product=release.name, release=release.version,
                 comment=comment)  # fmt: skip
    if release.product == MYSQL:
        server = msg(
            "{server}; the questions for MySQL follow its documentation and are unverified on a "
            "real server",
            server=server,
        )
    yield AboutLine(title=msg("Server"), value=server)


DESCRIPTIONS = (Description(id="mysql.server", kind=KIND, needs=(RELEASE,), make=_server),)
