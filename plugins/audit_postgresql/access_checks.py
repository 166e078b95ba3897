"""Checks of who may connect from where, and whether the connection is encrypted."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Judgement,
    Message,
    Severity,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_database.query import Query
from audit_database.sessions_tls import sessions_encrypted
from audit_postgresql.accounts import GROUPS, ROLES, Group, Role
from audit_postgresql.client_auth import (
    CLIENT_AUTH,
    ELSEWHERE,
    IN_CLEAR,
    ClientAuth,
    Rule,
    open_to,
)
from audit_postgresql.server import MONITOR, SETTINGS, Settings, all_sessions, unseen


class Protected(Struct, frozen=True, kw_only=True):
    """How many sessions from other machines there are with and without TLS, by release of TLS."""

    encrypted: bool
    version: str | None
    sessions: int


PROTECTED, _PROTECTED_ROWS = all_sessions(
    "postgresql.protected-sessions", Protected,
    Query(
        sql="SELECT s.ssl AS encrypted, s.version, count(*) AS sessions "
            "FROM pg_catalog.pg_stat_ssl s JOIN pg_catalog.pg_stat_activity a USING (pid) "
            "WHERE a.client_addr IS NOT NULL AND NOT a.client_addr <<= '127.0.0.0/8' "
            "AND a.client_addr <> '::1' AND a.pid <> pg_catalog.pg_backend_pid() GROUP BY 1, 2",
        label="pg_stat_ssl", grants=MONITOR,
    ),
)  # fmt: skip
FACTS = (PROTECTED, _PROTECTED_ROWS)


def _texts(rules: tuple[Rule, ...] | list[Rule]) -> tuple[str, ...]:
    return tuple(rule.text for rule in rules)


@check(
    "postgresql.hba-trust", needs=CLIENT_AUTH, severity=Severity.HIGH,
    version=2,
    remedy=msg("Replace trust with scram-sha-256, or with peer on local lines; "
               "then reload the server"),
)  # fmt: skip
def hba_trust(auth: ClientAuth) -> Judgement:
    """No client is admitted without authentication (trust in pg_hba.conf)."""
    trusting = auth.by(("trust",))
    if trusting:
        return failed(msg("Rules that require no authentication: {rules}", rules=_texts(trusting)))
    methods = sorted({rule.auth_method or "" for rule in auth.admitting})
    return passed(msg("Methods in use: {methods}", methods=", ".join(methods) or "-"))


@check(
    "postgresql.hba-methods", needs=CLIENT_AUTH, severity=Severity.HIGH,
    remedy=msg("Use scram-sha-256, or hostssl: password, ldap, radius, pam and bsd send the "
               "password in clear text, and ident trusts the client"),
    version=2,
)  # fmt: skip
def hba_methods(auth: ClientAuth) -> Judgement:
    """No password crosses the network in clear text, and no rule trusts what the client says."""
    bad = [
        rule for rule in auth.admitting
        if (rule.auth_method in IN_CLEAR and rule.remote and "plain" in rule.ways)
        or (rule.auth_method == "ident" and rule.remote)
    ]  # fmt: skip
    if bad:
        return failed(msg("Rules with weak methods: {rules}", rules=_texts(bad)))
    return passed(
        msg("No rule sends passwords in clear text without TLS, and none has the method ident")
    )


def _listens_here_only(settings: Settings) -> bool:
    names = {name.strip() for name in settings.get("listen_addresses").split(",")}
    return "listen_addresses" in settings.values and names <= {"", "localhost", "127.0.0.1", "::1"}


_SAFE_VERSIONS = ("TLSv1.2", "TLSv1.3")


@check(
    "postgresql.tls-enforced", needs=(SETTINGS, known_or_absent(CLIENT_AUTH)),
    severity=Severity.HIGH,
    version=2,
    remedy=msg(
        "Set ssl = on and ssl_min_protocol_version = 'TLSv1.2', and write hostssl in place of host "
        "in pg_hba.conf for every address but loopback"
    ),
)  # fmt: skip
def tls_enforced(settings: Settings, auth: ClientAuth | Absent) -> Judgement:
    """Connections from other machines are accepted over TLS 1.2 or later only."""
    if _listens_here_only(settings):
        listens = settings.get("listen_addresses") or "-"
        return passed(msg("The server listens on loopback only: {listens}", listens=listens))
    rules = known(auth)
    remote = [] if rules is None else [rule for rule in rules.admitting if rule.remote]
    plain = [rule for rule in remote if "plain" in rule.ways]
    if plain:
        return failed(
            msg("Rules that accept connections without TLS: {rules}", rules=_texts(plain))
        )
    if rules is not None and not remote:
        return passed(msg("No rule allows connections from other machines"))
    return _tls_settings(settings, absent=isinstance(auth, Absent))


def _tls_settings(settings: Settings, *, absent: bool) -> Judgement:
    names = ("ssl", "ssl_min_protocol_version")
    values = settings.as_message(*names)
    if "ssl" in settings.values and not settings.on("ssl"):
        # without rules for other machines there would be nothing to protect
        return undetermined(values) if absent else failed(values)
    if hidden := unseen(settings, *names):
        return hidden
    if settings.get(names[1]) not in _SAFE_VERSIONS:
        return failed(values)
    if absent:
        return undetermined(values, msg("Whether encryption is required is set in pg_hba.conf"))
    return passed(values, msg("Every rule for other machines requires TLS"))


@check(
    "postgresql.tls-in-use", needs=PROTECTED, severity=Severity.HIGH,
    version=2,
    remedy=msg("Require TLS in pg_hba.conf (hostssl), and sslmode=verify-full in the clients"),
)  # fmt: skip
def tls_in_use(found: tuple[Protected, ...]) -> Judgement:
    """Every current session from another machine is encrypted."""
    plain = sum(row.sessions for row in found if not row.encrypted)
    every = sum(row.sessions for row in found)
    versions = ", ".join(sorted({row.version or "?" for row in found if row.encrypted}))
    return sessions_encrypted(
        plain, every,
        over_tls=msg("{every} sessions from other machines, all over TLS: {versions}",
                     every=every, versions=versions or "-"),
        none=msg("There is no session from another machine at present"),
    )  # fmt: skip


def _two_factors(rule: Rule) -> bool:
    certificate = any(o.startswith("clientcert=") and "no" not in o for o in rule.options or ())
    return certificate and rule.auth_method not in ("trust", "cert")


@check(
    "postgresql.second-factor", needs=CLIENT_AUTH, severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Add clientcert=verify-full to rules with scram-sha-256, or use a bastion"),
)  # fmt: skip
def second_factor(auth: ClientAuth) -> Judgement:
    """Logins from other machines require two authentication factors."""
    remote = [rule for rule in auth.admitting if rule.remote]
    if not remote:
        return not_applicable(msg("No rule allows connections from other machines"))
    outside = [r for r in remote if r.auth_method in ELSEWHERE - {"cert"} and not _two_factors(r)]
    single = [r for r in remote if r not in outside and not _two_factors(r)]
    if single:
        return failed(msg("Rules with one factor: {rules}", rules=_texts(single)))
    if outside:
        return undetermined(
            msg(
                "Rules that leave authentication to an external system: {rules}",
                rules=_texts(outside),
            )
        )
    return passed(msg("Certificate and password: {rules}", rules=_texts(remote)))


def _open_to_each(
    auth: ClientAuth, names: Iterable[str], groups: Iterable[Group]
) -> dict[str, tuple[Rule | None, Rule | None]]:
    """What `open_to` says of each of `names`."""
    of: dict[str, set[str]] = {}
    for group in groups:
        of.setdefault(group.member, set()).add(group.name)
    return {name: open_to(auth.rules, name, frozenset(of.get(name, ()))) for name in names}


@check(
    "postgresql.superuser-remote", needs=(CLIENT_AUTH, ROLES, known_or_absent(GROUPS)),
    severity=Severity.HIGH, version=2,
    remedy=msg("Put a line `host all SUPERUSER all reject` before the others in pg_hba.conf"),
)  # fmt: skip
def superuser_remote(
    auth: ClientAuth, roles: tuple[Role, ...], groups: tuple[Group, ...] | Absent
) -> Judgement:
    """No superuser may log in from every address."""
    supers = [role.name for role in roles if role.superuser and role.login]
    found = _open_to_each(auth, supers, known(groups) or ())
    bad = tuple(f"{name}: {rule.text}" for name, (rule, _) in found.items() if rule is not None)
    if bad:
        return failed(msg("Superusers may log in from every address: {rules}", rules=bad))
    maybe = tuple(f"{name}: {rule.text}" for name, (_, rule) in found.items() if rule is not None)
    if maybe:
        return undetermined(
            msg("Whether a pattern names these superusers has to be checked: {rules}", rules=maybe)
        )
    if known(groups) is None and any(u.startswith("+") for u in _users(auth)):
        return undetermined(msg("Which roles the groups in pg_hba.conf hold is not known"))
    return passed(
        msg("Superusers, none of whom may log in from every address: {names}", names=tuple(supers))
    )


def _users(auth: ClientAuth) -> list[str]:
    return [name for rule in auth.admitting for name in rule.user_name or ()]


@check(
    "postgresql.listen-addresses", needs=(SETTINGS, known_or_absent(CLIENT_AUTH)),
    severity=Severity.LOW,
    version=2,
    remedy=msg("List the networks of the clients in pg_hba.conf instead of all addresses"),
)  # fmt: skip
def listen_addresses(settings: Settings, auth: ClientAuth | Absent) -> Judgement:
    """Connections are accepted from listed networks only."""
    listens: Message = msg(
        "listen_addresses = {value}", value=settings.get("listen_addresses") or "-"
    )
    if _listens_here_only(settings):
        return passed(listens)
    rules = known(auth)
    if rules is None:
        return undetermined(listens)
    wide = [rule for rule in rules.admitting if rule.everywhere]
    if wide:
        return failed(
            listens, msg("Rules for all addresses, or nearly all: {rules}", rules=_texts(wide))
        )
    return passed(listens, msg("No rule for all addresses"))


CHECKS = (
    hba_trust, hba_methods, tls_enforced, tls_in_use, second_factor, superuser_remote,
    listen_addresses,
)  # fmt: skip
