"""All checks of this package. What a manual leaves open is undetermined."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Down,
    Judgement,
    Message,
    Severity,
    Target,
    Up,
    check,
    complete,
    expect,
    failed,
    listed,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_dameng.kind import DamengSettings
from audit_dameng.server import ARCHIVE, BANNERS, PARAMETERS, Archive, Banner
from audit_dameng.users import ROLE_GRANTS, RULE_COUNT, USERS, RoleGrant, RuleCount, User
from audit_database.administrators import administrators_only
from audit_database.settings import ServerSettings

_LENGTH, _UPPER, _DIGIT = 2, 4, 8


@check(
    "dameng.password-policy", needs=complete(PARAMETERS), severity=Severity.MEDIUM,
    remedy=msg("ALTER SYSTEM SET 'PWD_POLICY' = 31 BOTH"),
)  # fmt: skip
def password_policy(
    parameters: ServerSettings, *, min_length: Annotated[int, Up] = 8
) -> Judgement:  # fmt: skip
    """The server refuses short and simple passwords."""
    detail = parameters.as_message("PWD_POLICY", "PWD_MIN_LEN", "COMPATIBLE_MODE")
    expected = msg("2 + 4 + 8 or more, and at least {length} characters", length=min_length)
    policy, length = parameters.number("PWD_POLICY"), parameters.number("PWD_MIN_LEN")
    if policy is None:
        return undetermined(detail, expected=expected)
    wanted = _LENGTH | _UPPER | _DIGIT
    if parameters.get("COMPATIBLE_MODE") == "1" or policy & wanted != wanted:
        return failed(detail, expected=expected)
    if length is None:
        return undetermined(detail, expected=expected)
    return expect(length >= min_length, detail=detail, expected=expected)


def _limited(
    users: tuple[User, ...], limit: str, most: int, expected: Message
) -> Judgement:  # fmt: skip
    """Judges one limit of all users: no more than `most`, and more than 0."""
    values = {user.name: getattr(user, limit) for user in users}
    detail = msg("{values}", values=listed(f"{n} {v if v is not None else '-'}"
                                           for n, v in values.items()))  # fmt: skip
    ruled = [user.name for user in users if user.ruled_elsewhere]
    if ruled:
        return undetermined(detail, msg("A profile holds, which was not asked for: {names}",
                                        names=listed(ruled)), expected=expected)  # fmt: skip
    if any(value is not None and value > most for value in values.values()):
        return failed(detail, expected=expected)
    if not values or any(not value or value < 0 for value in values.values()):
        return undetermined(detail, msg("What 0 means has to be read in the manual of the build"),
                            expected=expected)  # fmt: skip
    return passed(detail, expected=expected)


@check(
    "dameng.password-lifetime", needs=complete(USERS), severity=Severity.MEDIUM,
    remedy=msg("ALTER USER … LIMIT PASSWORD_LIFE_TIME 90"),
)  # fmt: skip
def password_lifetime(
    users: tuple[User, ...], *, days: Annotated[int, Down] = 90
) -> Judgement:  # fmt: skip
    """Passwords have to be changed regularly."""
    return _limited(users, "life", days, msg("at most {days} days", days=days))


@check(
    "dameng.lockout", needs=complete(USERS), severity=Severity.MEDIUM,
    remedy=msg("ALTER USER … LIMIT FAILED_LOGIN_ATTEMPS 5, PASSWORD_LOCK_TIME 30"),
)  # fmt: skip
def lockout(users: tuple[User, ...], *, attempts: Annotated[int, Down] = 5) -> Judgement:
    """A user is locked after repeated wrong passwords."""
    return _limited(users, "attempts", attempts, msg("at most {attempts} attempts",
                                                     attempts=attempts))  # fmt: skip


@check(
    "dameng.idle-timeout", needs=complete(USERS), severity=Severity.LOW,
    remedy=msg("ALTER USER … LIMIT CONNECT_IDLE_TIME 30"),
)  # fmt: skip
def idle_timeout(users: tuple[User, ...], *, minutes: Annotated[int, Down] = 30) -> Judgement:
    """The server ends idle sessions."""
    return _limited(users, "idle", minutes, msg("at most {minutes} minutes", minutes=minutes))


_SEPARATE = ("DBA", "DB_AUDIT_ADMIN", "DB_POLICY_ADMIN")


def _holding(grants: tuple[RoleGrant, ...]) -> dict[str, set[str]]:
    """Which of the three roles each user has, directly or through other roles."""
    given: dict[str, set[str]] = {}
    for grant in grants:
        given.setdefault(grant.grantee, set()).add(grant.role)
    roles = {grant.role for grant in grants}
    found: dict[str, set[str]] = {}
    for name in given.keys() - roles:
        reached, waiting = set[str](), [*given[name]]
        while waiting:
            role = waiting.pop()
            if role not in reached:
                reached.add(role)
                waiting += given.get(role, ())
        found[name] = reached & set(_SEPARATE)
    return found


@check(
    "dameng.separate-roles", needs=complete(ROLE_GRANTS), severity=Severity.HIGH,
    remedy=msg("REVOKE … FROM …: administration, audit and labels belong to three users"),
)  # fmt: skip
def separate_roles(grants: tuple[RoleGrant, ...]) -> Judgement:
    """No user has two of the roles for administration, audit and labels."""
    holding = _holding(grants)
    bad = [f"{name} ({', '.join(sorted(has))})" for name, has in sorted(holding.items())
           if len(has) > 1]  # fmt: skip
    if bad:
        return failed(msg("With more than one of them: {names}", names=listed(bad)))
    shown = [f"{name} ({', '.join(has)})" for name, has in sorted(holding.items()) if has]
    if not any("DBA" in has for has in holding.values()):
        return undetermined(msg("Nobody with the role DBA is shown"))
    return passed(msg("Users with one of them: {names}", names=listed(shown)))


@check(
    "dameng.powers", needs=(TARGET, complete(ROLE_GRANTS)), severity=Severity.HIGH,
    remedy=msg("REVOKE DBA FROM …"),
)  # fmt: skip
def powers(target: Target, grants: tuple[RoleGrant, ...]) -> Judgement:
    """Only declared administrators have the role DBA."""
    holding = _holding(grants)
    names = settings_of(target, DamengSettings).administrators
    declared = frozenset(name.upper() for name in names or ())
    found = {name: name.upper() in declared for name, has in sorted(holding.items())
             if "DBA" in has}  # fmt: skip
    if not found:
        return undetermined(msg("Nobody with the role DBA is shown"))
    return administrators_only(
        found, declared=names is not None, none=msg("Nobody with the role DBA is shown"),
        detail=msg("With the role DBA: {names}", names=listed(found)),
    )  # fmt: skip


@check(
    "dameng.os-authentication", needs=complete(PARAMETERS), severity=Severity.HIGH,
    remedy=msg("Set ENABLE_LOCAL_OSAUTH = 0 and ENABLE_REMOTE_OSAUTH = 0 in dm.ini"),
)  # fmt: skip
def os_authentication(parameters: ServerSettings) -> Judgement:
    """The server does not leave authentication to the operating system of a client."""
    names = ("ENABLE_LOCAL_OSAUTH", "ENABLE_REMOTE_OSAUTH")
    detail = parameters.as_message(*names)
    if parameters.get(names[1]) == "1":
        return failed(detail, expected=msg("both 0"))
    if any(parameters.get(name) != "0" for name in names):
        return undetermined(detail, expected=msg("both 0"))
    return passed(detail, expected=msg("both 0"))


@check(
    "dameng.communication", needs=PARAMETERS, severity=Severity.HIGH,
    remedy=msg("Set ENABLE_ENCRYPT or COMM_ENCRYPT_NAME in dm.ini"),
)  # fmt: skip
def communication(parameters: ServerSettings) -> Judgement:
    """Connections are encrypted."""
    return undetermined(
        parameters.as_message("ENABLE_ENCRYPT", "COMM_ENCRYPT_NAME"),
        msg("Which values encrypt the whole connection has to be read in the manual of the build"),
    )


@check(
    "dameng.audit-on", needs=complete(PARAMETERS), severity=Severity.HIGH,
    remedy=msg("As SYSAUDITOR: SP_SET_ENABLE_AUDIT(1)"),
)  # fmt: skip
def audit_on(parameters: ServerSettings) -> Judgement:
    """The audit is on."""
    detail = parameters.as_message("ENABLE_AUDIT")
    value = parameters.get("ENABLE_AUDIT")
    if value not in ("0", "1", "2"):
        return undetermined(detail, expected=msg("1 or 2"))
    return expect(value != "0", detail=detail, expected=msg("1 or 2"))


@check(
    "dameng.audit-rules", needs=RULE_COUNT, severity=Severity.MEDIUM,
    remedy=msg("As SYSAUDITOR: SP_AUDIT_STMT for logins, users, rights and objects"),
)  # fmt: skip
def audit_rules(count: RuleCount) -> Judgement:
    """Rules say what is audited."""
    detail = msg("{count} rules", count=count.rules)
    if not count.rules:
        return failed(detail)
    return undetermined(detail, msg("Whether they cover logins, users and rights has to be read"))


@check(
    "dameng.audit-kept", needs=PARAMETERS, severity=Severity.MEDIUM,
    remedy=msg("Send the records away, or raise AUDIT_SPACE_LIMIT"),
)  # fmt: skip
def audit_kept(parameters: ServerSettings) -> Judgement:
    """The records of the audit are kept for six months."""
    names = ("AUDIT_FILE_FULL_MODE", "AUDIT_MAX_FILE_SIZE", "AUDIT_SPACE_LIMIT")
    return undetermined(
        parameters.as_message(*names),
        msg("How old the oldest record is has to be checked on the host"),
    )


@check(
    "dameng.archive", needs=ARCHIVE, severity=Severity.HIGH,
    remedy=msg("ALTER DATABASE ARCHIVELOG, with a local archive"),
)  # fmt: skip
def archive(found: Archive) -> Judgement:
    """Changes are archived, so that a backup can be brought up to date."""
    detail = msg("ARCH_MODE is {mode}", mode=found.mode)
    if found.mode not in ("Y", "N"):
        return undetermined(detail)
    return expect(found.mode == "Y", detail=detail, expected=msg("Y"))


@check(
    "dameng.release", needs=BANNERS, severity=Severity.HIGH,
    remedy=msg("Install the newest build that the vendor offers"),
)  # fmt: skip
def release(banners: tuple[Banner, ...]) -> Judgement:
    """The build has the fixes that are known."""
    return undetermined(
        msg("Version: {names}", names=listed(b.banner.strip() for b in banners) or "-"),
        msg("Compare it with the notices of the vendor"),
    )


CHECKS = (
    password_policy, password_lifetime, lockout, idle_timeout, separate_roles, powers,
    os_authentication, communication, audit_on, audit_rules, audit_kept, archive, release,
)  # fmt: skip
