"""Checks of who may connect from where, and whether the connection is encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Judgement,
    Message,
    Severity,
    check,
    derive,
    expect,
    fact,
    failed,
    known,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    partial,
    passed,
    undetermined,
)
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_database.sessions_tls import sessions_encrypted
from audit_mysql.accounts import ACCOUNTS, Account, usable
from audit_mysql.rights import SESSIONS as SESSIONS_GRANTS
from audit_mysql.server import KIND, SETTINGS, Settings


class Session(Struct, frozen=True, kw_only=True):
    """How many sessions there are of a way to connect (TCP/IP, SSL/TLS, Socket); `own`: ours."""

    way: str | None
    sessions: int
    own: int


class Asker(Struct, frozen=True, kw_only=True):
    """The account that asks, as the server matched it; empty where it looks at no accounts."""

    account: str


_UNCOUNTED = msg("performance_schema is off, so it is not known which sessions use TLS")


def _counted(rows: tuple[Session, ...]) -> object:
    """Incomplete where not even the session that asks is among them."""
    return partial(rows, () if any(row.own for row in rows) else (_UNCOUNTED,))


_SESSION_ROWS = fact(
    "mysql.session-rows", tuple[Session, ...], kind=KIND,
    ask=Query(
        sql="SELECT CONNECTION_TYPE AS way, COUNT(*) AS sessions, "
            "CAST(SUM(PROCESSLIST_ID = CONNECTION_ID()) AS SIGNED) AS own "
            "FROM performance_schema.threads "
            "WHERE TYPE = 'FOREGROUND' AND PROCESSLIST_ID IS NOT NULL GROUP BY 1 ORDER BY 1",
        label="performance_schema.threads", grants=SESSIONS_GRANTS,
    ),
    parse=rows_as(Session),
)  # fmt: skip
SESSIONS = derive(
    "mysql.sessions", tuple[Session, ...], needs=_SESSION_ROWS, make=_counted
)  # fmt: skip
ASKER = fact(
    "mysql.asker", Asker, kind=KIND,
    ask=Query(sql="SELECT CURRENT_USER() AS account", label="CURRENT_USER()"),
    parse=only_row(Asker),
)  # fmt: skip
FACTS = (_SESSION_ROWS, SESSIONS, ASKER)

_UNCHECKED = frozenset({"@", "skip-grants user@skip-grants host"})


@check(
    "mysql.grant-tables", needs=(SETTINGS, ASKER), severity=Severity.HIGH,
    remedy=msg("Start the server without skip-grant-tables"),
)  # fmt: skip
def grant_tables(settings: Settings, asker: Asker) -> Judgement:
    """The server checks accounts and rights (it runs without skip-grant-tables)."""
    off = settings.on("skip_grant_tables") or asker.account in _UNCHECKED
    detail = settings.as_message("skip_grant_tables")
    return expect(not off, detail=msg("{values}; logged in as {account}", values=detail,
                                      account=asker.account))  # fmt: skip


def here_only(settings: Settings) -> bool:
    """Whether no connection from another machine is taken."""
    if settings.on("skip_networking"):
        return True
    # MySQL 8 listens for X Plugin and for administrators at addresses of their own
    names = ("bind_address", "mysqlx_bind_address", "admin_address")
    shown = [settings.get(name) for name in names if name in settings.values]
    addresses = {word.strip() for text in shown if text for word in text.split(",")}
    here = all(
        word == "::1" or word == "localhost" or word.startswith("127.") for word in addresses
    )
    return here and bool(settings.get("bind_address"))


_SAFE = frozenset({"TLSv1.2", "TLSv1.3"})


def _versions(settings: Settings) -> set[str]:
    return {word.strip() for word in settings.get("tls_version").split(",") if word.strip()}


@check(
    "mysql.tls-enforced", needs=(SETTINGS, known_or_absent(ACCOUNTS)), severity=Severity.HIGH,
    version=2,
    remedy=msg(
        "Set ssl_cert, ssl_key, require_secure_transport = ON and tls_version = TLSv1.2,TLSv1.3"
    ),
)  # fmt: skip
def tls_enforced(settings: Settings, accounts: tuple[Account, ...] | Absent) -> Judgement:
    """Connections from other machines are accepted over TLS 1.2 or later only."""
    if here_only(settings):
        return passed(settings.as_message("bind_address", "skip_networking"))
    names = ("have_ssl", "ssl_cert", "require_secure_transport", "tls_version")
    detail = settings.as_message(*names)
    # MySQL 8.4 has have_ssl no more, and makes a certificate by itself
    if settings.get("have_ssl").upper() in ("DISABLED", "NO"):
        return failed(detail)
    if not _versions(settings):
        return undetermined(
            detail, msg("The server does not show which versions of TLS it accepts")
        )
    if _versions(settings) - _SAFE:
        return failed(detail)
    if settings.on("require_secure_transport"):
        return passed(detail)
    return _by_account(detail, known(accounts))


def _by_account(detail: Message, accounts: tuple[Account, ...] | None) -> Judgement:
    if accounts is None:
        return undetermined(detail, msg("Whether each account has to use TLS is set in its record"))
    plain = [a for a in usable(accounts) if a.remote and not a.tls]
    if plain:
        found = listed(account.name for account in plain)
        return failed(detail, msg("Accounts that may connect without TLS: {names}", names=found))
    return passed(detail, msg("Every account for other machines has to use TLS"))


_WEAK = re.compile(
    r"(?<![!-])\b(?:NULL|aNULL|eNULL|EXP\w*|RC4|DES|3DES|MD5|LOW)\b|DES-CBC|RC4-|-MD5"
)


@check(
    "mysql.tls-ciphers", needs=SETTINGS, severity=Severity.MEDIUM,
    remedy=msg("Set ssl_cipher to suites with AES-GCM or ChaCha20, or leave it to the library"),
)  # fmt: skip
def tls_ciphers(settings: Settings) -> Judgement:
    """No weak cipher is offered."""
    names = ("ssl_cipher", "version_ssl_library")
    detail = settings.as_message(*names)
    if settings.get("have_ssl").upper() in ("DISABLED", "NO"):
        return not_applicable(detail)
    ciphers = settings.get("ssl_cipher")
    weak = sorted({word for word in ciphers.split(":") if _WEAK.search(word)})
    if weak:
        return failed(detail, msg("Weak: {names}", names=", ".join(weak)))
    if not ciphers and not re.match(r"OpenSSL (?:1\.1|[3-9])", settings.get(names[1])):
        return undetermined(detail, msg("What the library of the server offers is not known"))
    return passed(detail)


@check(
    "mysql.tls-in-use", needs=SESSIONS, severity=Severity.HIGH,
    version=2,
    remedy=msg("Set require_secure_transport = ON, and let clients verify the certificate"),
)  # fmt: skip
def tls_in_use(found: tuple[Session, ...]) -> Judgement:
    """Every current session over the network, except our own, is encrypted."""
    plain = sum(row.sessions - row.own for row in found if row.way == "TCP/IP")
    every = plain + sum(row.sessions - row.own for row in found if row.way == "SSL/TLS")
    return sessions_encrypted(
        plain, every,
        over_tls=msg("{every} sessions over the network, all over TLS", every=every),
        none=msg("There is no other session over the network at present"),
    )  # fmt: skip


def _has_both(account: Account) -> bool:
    """Certificate and password: several ways of one account are alternatives, not factors."""
    return (account.tls or 0) >= 2 and not account.free


def _asks_outside(account: Account) -> bool:
    """Whether one of its ways leaves authentication to another system."""
    return any(not way.by_password for way in account.ways)


def _by_factors(
    accounts: Iterable[Account],
) -> tuple[list[Account], list[Account], list[Account]]:
    """Those with two factors, those whose factors another system decides, and those with one."""
    both: list[Account] = []
    outside: list[Account] = []
    single: list[Account] = []
    for account in accounts:
        other = outside if _asks_outside(account) else single
        (both if _has_both(account) else other).append(account)
    return both, outside, single


def _more_factors(settings: Settings) -> bool:
    """Whether accounts may have further factors: MySQL 8.0.27 and later, one place for each."""
    return "," in settings.get("authentication_policy")


@check(
    "mysql.second-factor", needs=(SETTINGS, ACCOUNTS), severity=Severity.MEDIUM, version=2,
    remedy=msg("ALTER USER … REQUIRE X509 beside the password, or use a bastion"),
)  # fmt: skip
def second_factor(settings: Settings, accounts: tuple[Account, ...]) -> Judgement:
    """Logins from other machines require two authentication factors."""
    remote = [a for a in usable(accounts) if a.remote]
    if not remote:
        return not_applicable(msg("No account may log in from other machines"))
    both, outside, single = _by_factors(remote)
    if single and _more_factors(settings):
        return undetermined(
            settings.as_message("authentication_policy"),
            msg("Accounts whose further factors were not asked for: {names}",
                names=listed(account.name for account in single)),
        )  # fmt: skip
    if single:
        found = listed(account.name for account in single)
        return failed(msg("Accounts with one factor: {names}", names=found))
    if outside:
        found = listed(f"{a.name} ({a.methods})" for a in outside)
        return undetermined(
            msg("Accounts that leave authentication to an external system: {names}", names=found)
        )
    return passed(msg("Certificate and password: {names}", names=listed(a.name for a in both)))


@check(
    "mysql.account-hosts", needs=(SETTINGS, ACCOUNTS), severity=Severity.LOW,
    version=2,
    remedy=msg("RENAME USER … TO …@NETWORK; list the networks of the clients instead of %"),
)  # fmt: skip
def account_hosts(settings: Settings, accounts: tuple[Account, ...]) -> Judgement:
    """Accounts may log in from listed networks only."""
    detail = settings.as_message("bind_address", "skip_networking")
    if here_only(settings):
        return passed(detail)
    wide = [account for account in usable(accounts) if account.everywhere]
    if wide:
        found = listed(account.name for account in wide)
        return failed(detail, msg("May log in from every address: {names}", names=found))
    return passed(detail, msg("No account may log in from every address"))


CHECKS = (
    grant_tables, tls_enforced, tls_ciphers, tls_in_use, second_factor, account_hosts,
)  # fmt: skip
