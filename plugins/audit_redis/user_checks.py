"""Users: who gets in without a password, and who may do what."""

from __future__ import annotations

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Severity,
    Target,
    check,
    failed,
    few,
    known,
    known_or_absent,
    listed,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_database.administrators import administrators_only
from audit_redis.kind import RedisSettings
from audit_redis.server import SETTINGS, USERS, Settings, User


def _enabled(users: tuple[User, ...]) -> list[User]:
    return [user for user in users if user.enabled]


def _names(users: list[User]) -> tuple[str, ...]:
    return listed(user.name for user in users)


@check(
    "redis.no-password", needs=USERS, severity=Severity.HIGH,
    remedy=msg("Give each user a password (ACL SETUSER … >…) or turn it off; set requirepass"),
)  # fmt: skip
def no_password(users: tuple[User, ...]) -> Judgement:
    """No user can log in without a password."""
    bad = [user for user in users if user.open]
    if bad:
        return failed(msg("Users without a password: {names}", names=_names(bad)))
    return passed(msg("Users with a password: {names}", names=_names(_enabled(users))))


@check(
    "redis.default-user", needs=USERS, severity=Severity.HIGH, version=3,
    remedy=msg("ACL SETUSER default off, after applications have users of their own"),
)  # fmt: skip
def default_user(users: tuple[User, ...]) -> Judgement:
    """The user default is off, or has a password and limited rights."""
    found = [user for user in users if user.name == "default"]
    if not found:
        return undetermined(msg("The server did not list the user default"))
    (user,) = found[:1]
    detail = msg("default: {flags}; commands {commands}; keys {keys}", flags=", ".join(user.flags),
                 commands=user.commands or "-", keys=user.keys or "-")  # fmt: skip
    if not user.enabled:
        return passed(detail)
    if user.open or user.unlimited:
        return failed(detail)
    return passed(detail)


@check(
    "redis.dangerous-commands", needs=(TARGET, USERS), severity=Severity.HIGH, version=2,
    remedy=msg("ACL SETUSER … -@admin -@dangerous for users that do not administer the server"),
)  # fmt: skip
def dangerous_commands(target: Target, users: tuple[User, ...]) -> Judgement:
    """Only declared administrators may run commands that change or stop the server."""
    declared = settings_of(target, RedisSettings).administrators
    holders = [user for user in _enabled(users) if user.dangerous]
    found = {user.name: user.name in (declared or ()) for user in holders}
    unsure = few(
        msg("{name}: not known whether it may run {commands}", name=user.name,
            commands=", ".join(user.unknown))
        for user in _enabled(users) if user.unknown and user.name not in (declared or ())
    )  # fmt: skip
    # a renamed command is told to be unknown, and is still there under its other name
    if unsure and all(found.values()):
        return undetermined(*unsure)
    commands = listed(f"{user.name} ({', '.join(user.dangerous)})" for user in holders)
    return administrators_only(
        found, declared=declared is not None,
        detail=msg("Users that may run dangerous commands: {names}", names=commands),
        none=msg("No user may run dangerous commands"),
    )  # fmt: skip


@check(
    "redis.user-rights", needs=(TARGET, USERS), severity=Severity.MEDIUM, version=3,
    remedy=msg("Give each application a user with its key patterns and command categories"),
)  # fmt: skip
def user_rights(target: Target, users: tuple[User, ...]) -> Judgement:
    """Users that do not administer the server have some commands and some keys only."""
    declared = settings_of(target, RedisSettings).administrators or ()
    bad = [user for user in _enabled(users) if user.unlimited and user.name not in declared]
    if bad:
        return failed(msg("Users with all commands on all keys: {names}", names=_names(bad)))
    others = [user for user in _enabled(users) if user.name not in declared]
    rights = few(
        msg("{name}: commands {commands}; keys {keys}", name=user.name,
            commands=user.commands or "-", keys=user.keys or "-")
        for user in others
    )  # fmt: skip
    return passed(*rights) if rights else passed(msg("Only administrators are enabled"))


@check(
    "redis.second-factor", needs=(SETTINGS, known_or_absent(USERS)), severity=Severity.LOW,
    remedy=msg("Set tls-auth-clients yes and port 0, or show that a bastion asks for two factors"),
)  # fmt: skip
def second_factor(settings: Settings, users: tuple[User, ...] | Absent) -> Judgement:
    """Clients authenticate with a certificate and a password."""
    detail = settings.as_message("tls-auth-clients", "port", "tls-port")
    certificate = (
        settings.get("tls-auth-clients") == "yes" and settings.get("port") == "0"
        and settings.get("tls-port") not in (None, "", "0")
    )  # fmt: skip
    if not certificate:
        return failed(detail)
    all_users = known(users)
    if all_users is None:
        return undetermined(detail)
    if any(user.open for user in all_users):
        return failed(detail, msg("Users without a password: {names}",
                                  names=_names([u for u in all_users if u.open])))  # fmt: skip
    return passed(detail)


CHECKS = (no_password, default_user, dangerous_commands, user_rights, second_factor)
