"""Checks of accounts, their passwords, and what they may do."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Target,
    Up,
    check,
    expect,
    failed,
    known,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)
from audit_database.administrators import administrators_only
from audit_database.login_names import easily_confused
from audit_postgresql.accounts import MEMBERS, ROLES, SCHEMES, Member, Role, Scheme
from audit_postgresql.client_auth import CLIENT_AUTH, ELSEWHERE, PASSWORDS, ClientAuth
from audit_postgresql.kind import PostgresqlSettings
from audit_postgresql.server import LOADED, SETTINGS, Settings, unseen


@check(
    "postgresql.role-names", needs=ROLES, severity=Severity.HIGH,
    remedy=msg("Rename one of the roles: ALTER ROLE … RENAME TO …"),
)  # fmt: skip
def role_names(roles: tuple[Role, ...]) -> Judgement:
    """No two roles have names that are easily confused."""
    if same := easily_confused(role.name for role in roles):
        return failed(msg("Roles with similar names: {names}", names=listed(same)))
    login = [role.name for role in roles if role.login]
    return passed(msg("{count} roles may log in: {names}", count=len(login), names=listed(login)))


@check(
    "postgresql.password-scheme", needs=SCHEMES, severity=Severity.HIGH,
    remedy=msg(
        "Set password_encryption = 'scram-sha-256', reload, and set these passwords again with "
        "\\password"
    ),
)  # fmt: skip
def password_scheme(schemes: tuple[Scheme, ...]) -> Judgement:
    """Every stored password is a salted SCRAM-SHA-256 hash."""
    weak = [f"{role.name} ({role.scheme})" for role in schemes if role.scheme in ("md5", "other")]
    expected = msg("scram-sha-256")
    if weak:
        return failed(
            msg("Not stored as scram-sha-256: {names}", names=listed(weak)), expected=expected
        )
    none = [role.name for role in schemes if role.scheme == "none"]
    detail = [msg("{count} passwords are stored as scram-sha-256", count=len(schemes) - len(none))]
    if none:
        detail.append(
            msg(
                "Without a stored password, so that no password is accepted: {names}",
                names=listed(none),
            )
        )
    return passed(*detail, expected=expected)


_POLICY = ("credcheck", "passwordcheck")


def _asks_passwords(auth: ClientAuth | None) -> bool:
    return auth is None or bool(auth.by(PASSWORDS))


@check(
    "postgresql.password-policy", needs=(SETTINGS, known_or_absent(CLIENT_AUTH)),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg(
        "Load credcheck (shared_preload_libraries) and set credcheck.password_min_length and the "
        "classes of characters; or authenticate people through a directory that enforces them"
    ),
)  # fmt: skip
def password_policy(
    settings: Settings, auth: ClientAuth | Absent, *, min_length: Annotated[int, Up] = 8
) -> Judgement:
    """The server refuses short and simple passwords."""
    if not _asks_passwords(known(auth)):
        return not_applicable(msg("No rule of pg_hba.conf asks for a password of the server"))
    if hidden := unseen(settings, *LOADED):
        return hidden
    expected = msg("credcheck with at least {length} characters", length=min_length)
    if settings.loads("credcheck"):
        return _credcheck(settings, min_length, expected)
    if settings.loads("passwordcheck"):
        return undetermined(
            msg("passwordcheck is loaded; it cannot check passwords that a client sends hashed"),
            expected=expected,
        )
    return failed(msg("Neither credcheck nor passwordcheck is loaded"), expected=expected)


_CLASSES = ("min_upper", "min_lower", "min_digit", "min_special")


def _credcheck(settings: Settings, min_length: int, expected: Message) -> Judgement:
    names = ("credcheck.password_min_length", *(f"credcheck.password_{c}" for c in _CLASSES))
    if hidden := unseen(settings, *names):
        return hidden
    values = {name: settings.number(name) or 0 for name in names}
    detail = msg("{values}", values=", ".join(f"{name} = {n}" for name, n in values.items()))
    length, *classes = values.values()
    if length < min_length or sum(n > 0 for n in classes) < 2:
        return failed(detail, expected=expected)
    return _without_exceptions(settings, detail, expected)


_ALLOWED, _FREE = "credcheck.encrypted_password_allowed", "credcheck.whitelist"


def _without_exceptions(settings: Settings, detail: Message, expected: Message) -> Judgement:
    """Passed where the rules hold for each role and each password (README of credcheck)."""
    if hidden := unseen(settings, _ALLOWED, _FREE):
        return hidden
    more = settings.as_message(_ALLOWED, _FREE)
    if settings.get(_FREE).strip():
        return failed(detail, more, expected=expected)
    if settings.on(_ALLOWED) or _ALLOWED not in settings.values:
        note = msg("Passwords that a client sends hashed are not checked")
        return undetermined(detail, more, note, expected=expected)
    return passed(detail, more, expected=expected)


@check(
    "postgresql.lockout", needs=(SETTINGS, known_or_absent(CLIENT_AUTH)), severity=Severity.MEDIUM,
    version=2,
    remedy=msg(
        "Load credcheck and set credcheck.max_auth_failure, or authenticate people through a "
        "directory that locks accounts (ldap, radius, pam, gss)"
    ),
)  # fmt: skip
def lockout(settings: Settings, auth: ClientAuth | Absent, *, attempts: int = 5) -> Judgement:
    """An account is locked after repeated wrong passwords."""
    rules = known(auth)
    if not _asks_passwords(rules):
        outside = [] if rules is None else [rule.text for rule in rules.by(ELSEWHERE)]
        if outside:
            return undetermined(
                msg("Passwords are verified by an external system; "
                    "check there whether it locks accounts: {rules}",
                    rules=tuple(outside))
            )  # fmt: skip
        return not_applicable(msg("No rule of pg_hba.conf asks for a password"))
    if hidden := unseen(settings, *LOADED):
        return hidden
    expected = msg("credcheck.max_auth_failure from 1 to {most}", most=attempts)
    if not settings.loads("credcheck"):
        return failed(
            msg("The server itself locks no account, and credcheck is not loaded"),
            expected=expected,
        )
    if hidden := unseen(settings, "credcheck.max_auth_failure"):
        return hidden
    most = settings.number("credcheck.max_auth_failure") or 0
    free = "credcheck.whitelist_auth_failure"
    ok = 0 < most <= attempts and not settings.get(free).strip()
    return expect(
        ok, detail=(msg("credcheck.max_auth_failure = {most}", most=most),
                    settings.as_message(free)),
        expected=expected,
    )  # fmt: skip


@check(
    "postgresql.default-superuser", needs=ROLES, severity=Severity.LOW,
    remedy=msg("ALTER ROLE postgres RENAME TO …, or NOLOGIN where peers administer as others"),
)  # fmt: skip
def default_superuser(roles: tuple[Role, ...]) -> Judgement:
    """The initial superuser is renamed from postgres, or may not log in."""
    first = next((role for role in roles if role.bootstrap), None)
    if first is None:
        return undetermined(msg("The initial superuser was not found"))
    login = msg("may log in") if first.login else msg("may not log in")
    return expect(
        first.name != "postgres" or not first.login,
        detail=msg("{name}: {login}", name=first.name, login=login),
    )


@check(
    "postgresql.expired-roles", needs=ROLES, severity=Severity.MEDIUM,
    remedy=msg("ALTER ROLE … NOLOGIN, or DROP ROLE: VALID UNTIL ends the password only"),
)  # fmt: skip
def expired_roles(roles: tuple[Role, ...]) -> Judgement:
    """No expired role may still log in."""
    over = [f"{role.name} ({role.until})" for role in roles if role.login and role.expired]
    if over:
        return failed(msg("Expired but may still log in: {names}", names=listed(over)))
    return passed(msg("No role with LOGIN is past its VALID UNTIL"))


@check(
    "postgresql.powers", needs=(TARGET, ROLES, MEMBERS), severity=Severity.HIGH, version=2,
    remedy=msg("Take the attribute or the membership away: ALTER ROLE … NOSUPERUSER, REVOKE …"),
)  # fmt: skip
def powers(target: Target, roles: tuple[Role, ...], members: tuple[Member, ...]) -> Judgement:
    """Only declared administrators have server-wide rights."""
    administrators = settings_of(target, PostgresqlSettings).administrators
    held = {
        role.name: role.powers for role in roles
        if role.login and role.powers and not role.bootstrap
    }  # fmt: skip
    for member in members:
        held[member.name] = (*held.get(member.name, ()), member.of)
    found = [f"{name} ({', '.join(what)})" for name, what in held.items()]
    return administrators_only(
        {name: name in (administrators or ()) for name in held},
        declared=administrators is not None,
        detail=msg("Roles with server-wide rights: {names}", names=listed(found)),
        none=msg("Only the initial superuser has server-wide rights"),
    )


CHECKS = (
    role_names, password_scheme, password_policy, lockout, default_superuser, expired_roles, powers,
)  # fmt: skip
