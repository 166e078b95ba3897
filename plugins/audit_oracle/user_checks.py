"""Checks of users and of the profiles that rule their passwords and sessions."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    Down,
    Judgement,
    Message,
    Severity,
    check,
    complete,
    decimal,
    expect,
    failed,
    listed,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_database.settings import ServerSettings
from audit_oracle.server import PARAMETERS
from audit_oracle.users import DEFAULT_PASSWORDS, PROFILES, USERS, DefaultPassword, Profiles, User

_NOBODY = msg("No user who may log in has a password that the database keeps")
_UNLIMITED = "UNLIMITED"


def _profiles(users: tuple[User, ...]) -> tuple[str, ...]:
    """The profiles of users who log in with a password."""
    return tuple(sorted({user.profile for user in users if user.by_password}))


def _shown(names: tuple[str, ...], profiles: Profiles, *limits: str) -> Message:
    texts = (
        f"{name}: " + ", ".join(f"{limit} {profiles.limit(name, limit) or '-'}" for limit in limits)
        for name in names
    )
    return msg("{values}", values=listed(texts))


def _number(text: str) -> float | None:
    found = decimal(text)
    return None if found is None else float(found)


_SHIPPED = frozenset({
    "ORA12C_VERIFY_FUNCTION", "ORA12C_STRONG_VERIFY_FUNCTION", "ORA12C_STIG_VERIFY_FUNCTION",
    "VERIFY_FUNCTION_11G",
})  # fmt: skip
_FUNCTION = "PASSWORD_VERIFY_FUNCTION"


@check(
    "oracle.password-policy", needs=(complete(USERS), PROFILES), severity=Severity.MEDIUM,
    remedy=msg("ALTER PROFILE … LIMIT PASSWORD_VERIFY_FUNCTION ORA12C_STRONG_VERIFY_FUNCTION"),
)  # fmt: skip
def password_policy(users: tuple[User, ...], profiles: Profiles) -> Judgement:
    """Every profile in use refuses short and simple passwords."""
    names = _profiles(users)
    if not names:
        return not_applicable(_NOBODY)
    detail = _shown(names, profiles, _FUNCTION)
    found = {name: profiles.limit(name, _FUNCTION).upper() for name in names}
    if "NULL" in found.values():
        return failed(detail, expected=msg("a function"))
    if all(value in _SHIPPED for value in found.values()):
        return passed(detail)
    return undetermined(detail, msg("What the function refuses has to be read in it"))


@check(
    "oracle.password-lifetime", needs=(complete(USERS), PROFILES), severity=Severity.MEDIUM,
    remedy=msg("ALTER PROFILE … LIMIT PASSWORD_LIFE_TIME 90"),
)  # fmt: skip
def password_lifetime(
    users: tuple[User, ...], profiles: Profiles, *, days: Annotated[int, Down] = 90
) -> Judgement:  # fmt: skip
    """Passwords have to be changed regularly."""
    return _at_most(users, profiles, "PASSWORD_LIFE_TIME", days,
                    msg("at most {days} days", days=days))  # fmt: skip


def _at_most(
    users: tuple[User, ...], profiles: Profiles, limit: str, most: float, expected: Message
) -> Judgement:
    names = _profiles(users)
    if not names:
        return not_applicable(_NOBODY)
    detail = _shown(names, profiles, limit)
    values = [profiles.limit(name, limit).upper() for name in names]
    numbers = [_number(value) for value in values]
    if any(v == _UNLIMITED or (n is not None and n > most)
           for v, n in zip(values, numbers, strict=True)):  # fmt: skip
        return failed(detail, expected=expected)
    if None in numbers:
        return undetermined(detail, expected=expected)
    return passed(detail, expected=expected)


@check(
    "oracle.lockout", needs=(complete(USERS), PROFILES), severity=Severity.MEDIUM,
    remedy=msg("ALTER PROFILE … LIMIT FAILED_LOGIN_ATTEMPTS 5 PASSWORD_LOCK_TIME 1"),
)  # fmt: skip
def lockout(
    users: tuple[User, ...], profiles: Profiles, *, attempts: Annotated[int, Down] = 5
) -> Judgement:  # fmt: skip
    """A user is locked after repeated wrong passwords."""
    judged = _at_most(users, profiles, "FAILED_LOGIN_ATTEMPTS", attempts,
                      msg("at most {attempts} attempts", attempts=attempts))  # fmt: skip
    times = [_number(profiles.limit(name, "PASSWORD_LOCK_TIME")) for name in _profiles(users)]
    if any(time == 0 for time in times):
        return failed(_shown(_profiles(users), profiles, "PASSWORD_LOCK_TIME"))
    return judged


_REUSE = ("PASSWORD_REUSE_MAX", "PASSWORD_REUSE_TIME")


@check(
    "oracle.password-reuse", needs=(complete(USERS), PROFILES), severity=Severity.LOW,
    remedy=msg("ALTER PROFILE … LIMIT PASSWORD_REUSE_MAX 5 PASSWORD_REUSE_TIME 365"),
)  # fmt: skip
def password_reuse(users: tuple[User, ...], profiles: Profiles) -> Judgement:
    """Passwords that were used before are refused."""
    names = _profiles(users)
    if not names:
        return not_applicable(_NOBODY)
    detail = _shown(names, profiles, *_REUSE)
    # only where both are UNLIMITED may a password be used again at any time
    pairs = [[profiles.limit(name, limit).upper() for limit in _REUSE] for name in names]
    if any(pair == [_UNLIMITED, _UNLIMITED] for pair in pairs):
        return failed(detail)
    return undetermined(detail) if any("" in pair for pair in pairs) else passed(detail)


@check(
    "oracle.password-scheme", needs=complete(USERS), severity=Severity.MEDIUM,
    remedy=msg("Set SQLNET.ALLOWED_LOGON_VERSION_SERVER = 12a, and each of these passwords again"),
)  # fmt: skip
def password_scheme(users: tuple[User, ...]) -> Judgement:
    """No password is kept as a hash of release 10G (DES), nor as MD5."""
    mine = [user for user in users if user.by_password]
    if not mine:
        return not_applicable(_NOBODY)
    bad = [u.name for u in mine if {"10G", "HTTP"} & set((u.versions or "").split())]
    if bad:
        return failed(msg("Kept as 10G or MD5, too: {names}", names=listed(bad)))
    unknown = [user.name for user in mine if not user.versions]
    if unknown:
        return undetermined(msg("How the password is kept is not shown: {names}",
                                names=listed(unknown)))  # fmt: skip
    return passed(msg("{count} passwords, none of 10G or MD5", count=len(mine)))


@check(
    "oracle.idle-timeout", needs=(complete(USERS), PROFILES, PARAMETERS), severity=Severity.LOW,
    remedy=msg("ALTER SYSTEM SET resource_limit = TRUE; ALTER PROFILE … LIMIT IDLE_TIME 30"),
)  # fmt: skip
def idle_timeout(
    users: tuple[User, ...], profiles: Profiles, parameters: ServerSettings, *,
    minutes: Annotated[int, Down] = 30,
) -> Judgement:  # fmt: skip
    """The database ends idle sessions."""
    expected = msg("at most {minutes} minutes", minutes=minutes)
    ended = parameters.number("max_idle_time") or 0
    if 0 < ended <= minutes:
        return passed(parameters.as_message("max_idle_time"), expected=expected)
    if parameters.get("resource_limit").upper() == "FALSE":
        return failed(parameters.as_message("resource_limit", "max_idle_time"), expected=expected)
    return _at_most(users, profiles, "IDLE_TIME", minutes, expected)


@check(
    "oracle.default-passwords", needs=complete(DEFAULT_PASSWORDS), severity=Severity.HIGH,
    remedy=msg("ALTER USER … IDENTIFIED BY …, or ACCOUNT LOCK"),
)  # fmt: skip
def default_passwords(found: tuple[DefaultPassword, ...]) -> Judgement:
    """No user who may log in has the password that it came with."""
    bad = [user.name for user in found if "LOCKED" not in user.status]
    if bad:
        return failed(msg("With the password that they came with: {names}", names=listed(bad)))
    return passed(msg("{count} users with such passwords, all locked", count=len(found)))


@check(
    "oracle.unused-users", needs=USERS, severity=Severity.LOW,
    remedy=msg("ALTER USER … ACCOUNT LOCK, or DROP USER"),
)  # fmt: skip
def unused_users(users: tuple[User, ...], *, days: Annotated[int, Down] = 180) -> Judgement:
    """Every user who may log in did so lately."""
    mine = [user for user in users if user.usable and not user.own]
    late = [u.name for u in mine if (u.idle_days if u.idle_days is not None else u.age_days or 0)
            > days]  # fmt: skip
    if late:
        return undetermined(
            msg("No login for {days} days: {names}", days=days, names=listed(late)),
            msg("Whether they are still needed is for their owner to say"),
        )
    return passed(msg("{count} users who may log in, all did in {days} days", count=len(mine),
                      days=days))  # fmt: skip


@check(
    "oracle.outside-authentication", needs=complete(PARAMETERS), severity=Severity.HIGH,
    remedy=msg("ALTER SYSTEM SET remote_os_authent = FALSE SCOPE = SPFILE, and the others"),
)  # fmt: skip
def outside_authentication(parameters: ServerSettings) -> Judgement:
    """The database does not leave authentication to clients, and shows nobody its dictionary."""
    names = ("remote_os_authent", "remote_os_roles", "o7_dictionary_accessibility")
    shown = tuple(name for name in names if name in parameters.values)
    detail = parameters.as_message(*shown, "sec_case_sensitive_logon")
    if not parameters.values:
        return undetermined(detail)
    bad = any(parameters.get(name).upper() == "TRUE" for name in shown)
    bad = bad or parameters.get("sec_case_sensitive_logon").upper() == "FALSE"
    return expect(not bad, detail=detail, expected=msg("FALSE, FALSE, FALSE, and TRUE"))


CHECKS = (
    password_policy, password_lifetime, lockout, password_reuse, password_scheme, idle_timeout,
    default_passwords, unused_users, outside_authentication,
)  # fmt: skip
