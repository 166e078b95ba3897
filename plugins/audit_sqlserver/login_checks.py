"""Checks of logins and their passwords."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    Down,
    Judgement,
    Severity,
    check,
    complete,
    failed,
    listed,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_sqlserver.logins import LOGINS, Login

_NO_LOGIN = msg("No login with a password of the server may be used")
_SHA_512 = 2
_OF_HOST = msg("The rules themselves are those of the operating system, and checked on the host")


def _usable(logins: tuple[Login, ...]) -> list[Login]:
    return [login for login in logins if login.usable]


@check(
    "sqlserver.password-policy", needs=complete(LOGINS), severity=Severity.MEDIUM,
    remedy=msg("ALTER LOGIN … WITH CHECK_POLICY = ON"),
)  # fmt: skip
def password_policy(logins: tuple[Login, ...]) -> Judgement:
    """The password rules of the operating system hold for every login."""
    found = _usable(logins)
    if not found:
        return not_applicable(_NO_LOGIN)
    bad = [login.name for login in found if not login.policy]
    if bad:
        return failed(msg("Not held to the password rules: {names}", names=listed(bad)))
    return passed(msg("{count} logins are held to the password rules", count=len(found)), _OF_HOST)


@check(
    "sqlserver.password-lifetime", needs=complete(LOGINS), severity=Severity.MEDIUM,
    remedy=msg("ALTER LOGIN … WITH CHECK_EXPIRATION = ON, and set a new password"),
)  # fmt: skip
def password_lifetime(
    logins: tuple[Login, ...], *, days: Annotated[int, Down] = 90
) -> Judgement:  # fmt: skip
    """Passwords expire, and were changed in time."""
    found = _usable(logins)
    if not found:
        return not_applicable(_NO_LOGIN)
    expected = msg("at most {days} days", days=days)
    never = [login.name for login in found if not login.expiration]
    if never:
        return failed(msg("Passwords that never expire: {names}", names=listed(never)),
                      expected=expected)  # fmt: skip
    old = [
        f"{x.name} ({x.age_days})" for x in found if x.age_days is not None and x.age_days > days
    ]
    if old:
        return failed(msg("Days since the password was set: {names}", names=listed(old)),
                      expected=expected)  # fmt: skip
    unknown = [login.name for login in found if login.age_days is None]
    if unknown:
        return undetermined(msg("When the password was set is not known: {names}",
                                names=listed(unknown)), expected=expected)  # fmt: skip
    return passed(msg("{count} logins with passwords", count=len(found)), expected=expected)


@check(
    "sqlserver.password-scheme", needs=complete(LOGINS), severity=Severity.MEDIUM,
    remedy=msg("Set the password of each again: since SQL Server 2012 it is kept as SHA-512"),
)  # fmt: skip
def password_scheme(logins: tuple[Login, ...]) -> Judgement:
    """Passwords are kept as salted SHA-512 hashes."""
    found = _usable(logins)
    if not found:
        return not_applicable(_NO_LOGIN)
    bad = [x.name for x in found if x.hashed is not None and x.hashed < _SHA_512]
    if bad:
        return failed(msg("Kept as SHA-1, or weaker: {names}", names=listed(bad)))
    unknown = [login.name for login in found if login.hashed != _SHA_512]
    if unknown:
        return undetermined(msg("How the password is kept is not shown: {names}",
                                names=listed(unknown)))  # fmt: skip
    return passed(msg("{count} passwords, all kept as SHA-512", count=len(found)))


@check(
    "sqlserver.lockout", needs=complete(LOGINS), severity=Severity.MEDIUM,
    remedy=msg("ALTER LOGIN … WITH CHECK_POLICY = ON, and set the account lockout of the host"),
)  # fmt: skip
def lockout(logins: tuple[Login, ...]) -> Judgement:
    """A login is locked after repeated wrong passwords."""
    found = _usable(logins)
    if not found:
        return not_applicable(_NO_LOGIN)
    bad = [login.name for login in found if not login.policy]
    if bad:
        return failed(msg("Never locked, because no password rules hold: {names}",
                          names=listed(bad)))  # fmt: skip
    return undetermined(
        msg("Every login follows the account lockout of the operating system"), _OF_HOST
    )


@check(
    "sqlserver.default-login", needs=complete(LOGINS), severity=Severity.MEDIUM,
    remedy=msg("ALTER LOGIN sa DISABLE; ALTER LOGIN sa WITH NAME = …"),
)  # fmt: skip
def default_login(logins: tuple[Login, ...]) -> Judgement:
    """The login sa is disabled or renamed."""
    found = [login for login in logins if login.sa]
    if not found:
        return undetermined(msg("The login with the SID 0x01 is not shown"))
    (first, *_) = found
    detail = msg("The login that came with the server is named {name}", name=first.name)
    if first.disabled:
        return passed(detail, msg("it is disabled"))
    if first.name.lower() != "sa":
        return passed(detail)
    return failed(detail, msg("it is not disabled"))


CHECKS = (password_policy, password_lifetime, password_scheme, lockout, default_login)
