"""What record sheets show of a server above its records."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import AboutLine, Absent, Description, known_or_absent, msg
from audit_database.login_names import logins_line
from audit_mysql.accounts import ACCOUNTS, Account
from audit_mysql.server import KIND, MYSQL, RELEASE, Release

_TRIED = "9.7"


def _server(release: Release) -> Iterable[AboutLine]:
    comment = release.comment or "-"
    server = msg("{product} {release} ({comment})", product=release.name, release=release.version,
                 comment=comment)  # fmt: skip
    if release.product == MYSQL and release.series != _TRIED:
        server = msg(
            "{server}; the questions for MySQL were tried on {tried} and are unverified on this "
            "release",
            server=server, tried=_TRIED,
        )  # fmt: skip
    yield AboutLine(title=msg("Server"), value=server)


def _logins(accounts: tuple[Account, ...] | Absent) -> Iterable[AboutLine]:
    if isinstance(accounts, Absent):
        return
    yield logins_line(
        msg("Accounts that may log in"), (account.name for account in accounts if account.usable)
    )


DESCRIPTIONS = (
    Description(id="mysql.server", kind=KIND, needs=(RELEASE,), make=_server),
    Description(id="mysql.users", kind=KIND, needs=(known_or_absent(ACCOUNTS),), make=_logins),
)
