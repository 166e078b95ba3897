"""Checks of accounts, their passwords, and how long a session may idle."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    DAY,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Up,
    check,
    complete,
    expect,
    failed,
    known,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    passed,
    rounded_down,
    undetermined,
)
from audit_database.login_names import easily_confused
from audit_mysql.accounts import ACCOUNTS, LOCKING, PASSWORDS, Account, Locking, usable
from audit_mysql.server import PLUGINS, RELEASE, SETTINGS, Plugin, Release, Settings


def names(accounts: list[Account] | tuple[Account, ...]) -> tuple[str, ...]:
    """The accounts for a record."""
    return listed(account.name for account in accounts)


@check(
    "mysql.anonymous-accounts", needs=ACCOUNTS, severity=Severity.HIGH,
    remedy=msg("DROP USER ''@'…' for each of them"),
)  # fmt: skip
def anonymous_accounts(accounts: tuple[Account, ...]) -> Judgement:
    """Nobody can log in without a user name."""
    bad = [account for account in usable(accounts) if not account.user]
    if bad:
        return failed(msg("Accounts without a name: {names}", names=names(bad)))
    found = usable(accounts)
    return passed(msg("{count} accounts may log in: {names}", count=len(found), names=names(found)))


@check(
    "mysql.empty-passwords", needs=ACCOUNTS, severity=Severity.HIGH,
    remedy=msg("ALTER USER … IDENTIFIED BY …, or ACCOUNT LOCK"),
)  # fmt: skip
def empty_passwords(accounts: tuple[Account, ...]) -> Judgement:
    """No account may log in without a password or another proof of identity."""
    bad = [account for account in accounts if account.free]
    if bad:
        return failed(msg("Without a password: {names}", names=names(bad)))
    return passed(
        msg("{count} accounts have a password or another proof", count=len(usable(accounts)))
    )


@check(
    "mysql.account-names", needs=ACCOUNTS, severity=Severity.MEDIUM,
    remedy=msg("RENAME USER … TO …"),
)  # fmt: skip
def account_names(accounts: tuple[Account, ...]) -> Judgement:
    """No two accounts have names that are easily confused."""
    users = sorted({account.user for account in usable(accounts)})
    if same := easily_confused(users):
        return failed(msg("Users with similar names: {names}", names=listed(same)))
    return passed(msg("User names: {names}", names=listed(user or "''" for user in users)))


@check(
    "mysql.password-scheme", needs=ACCOUNTS, severity=Severity.MEDIUM,
    remedy=msg(
        "Set the password again with caching_sha2_password (MySQL 8), or with ed25519 (MariaDB: "
        "INSTALL SONAME 'auth_ed25519')"
    ),
)  # fmt: skip
def password_scheme(accounts: tuple[Account, ...]) -> Judgement:
    """No password is stored as an unsalted SHA-1 hash, nor as a hash from before MySQL 4.1."""
    bad = [
        f"{account.name} ({way.plugin or 'mysql_native_password'})"
        for account in usable(accounts) for way in account.ways
        if way.kept in ("set", "old") and (way.kept == "old" or not PASSWORDS.get(way.plugin, True))
    ]  # fmt: skip
    if bad:
        return failed(msg("Stored as SHA-1 without salt, or weaker: {names}", names=listed(bad)))
    kept = {w.plugin for a in usable(accounts) for w in a.ways if w.kept == "set"}
    return passed(msg("Stored as: {names}", names=", ".join(sorted(kept)) or "-"))


def _active(plugins: tuple[Plugin, ...], name: str) -> bool:
    return any(p.name.lower() == name and p.active for p in plugins)


_SIMPLE = (
    "simple_password_check_minimal_length", "simple_password_check_digits",
    "simple_password_check_letters_same_case", "simple_password_check_other_characters",
)  # fmt: skip


@check(
    "mysql.password-policy", needs=(SETTINGS, PLUGINS, ACCOUNTS), severity=Severity.MEDIUM,
    remedy=msg(
        "MariaDB: INSTALL SONAME 'simple_password_check'; MySQL: INSTALL COMPONENT "
        "'file://component_validate_password' with policy MEDIUM"
    ),
)  # fmt: skip
def password_policy(
    settings: Settings,
    plugins: tuple[Plugin, ...],
    accounts: tuple[Account, ...],
    *,
    min_length: Annotated[int, Up] = 8,
) -> Judgement:
    """The server refuses short and simple passwords."""
    if not any(account.by_password for account in accounts):
        return not_applicable(msg("No account has a password that the server stores"))
    expected = msg("at least {length} characters of several kinds", length=min_length)
    if _active(plugins, "simple_password_check"):
        return _simple(settings, min_length, expected)
    for dot in (".", "_"):
        if f"validate_password{dot}policy" in settings.values:
            return _validated(settings, dot, min_length, expected)
    if _active(plugins, "cracklib_password_check"):
        detail = msg("cracklib_password_check is active; its dictionary decides what is refused")
        return undetermined(detail, expected=expected)
    return failed(msg("No plugin or component checks new passwords"), expected=expected)


def _simple(settings: Settings, min_length: int, expected: Message) -> Judgement:
    values = [settings.number(name) or 0 for name in _SIMPLE]
    detail = settings.as_message(*_SIMPLE, "strict_password_validation")
    # without strict validation a hash may be set that nobody could look at
    strict = settings.on("strict_password_validation")
    ok = values[0] >= min_length and min(values[1:3]) >= 1 and strict
    return expect(ok, detail=detail, expected=expected)


def _validated(settings: Settings, dot: str, min_length: int, expected: Message) -> Judgement:
    names = [f"validate_password{dot}{name}" for name in ("policy", "length")]
    policy, length = settings.get(names[0]).upper(), settings.number(names[1]) or 0
    ok = policy in ("MEDIUM", "STRONG", "1", "2") and length >= min_length
    return expect(ok, detail=settings.as_message(*names), expected=expected)


@check(
    "mysql.password-lifetime", needs=(SETTINGS, ACCOUNTS), severity=Severity.MEDIUM,
    remedy=msg(
        "SET GLOBAL default_password_lifetime = 90, and ALTER USER … PASSWORD EXPIRE DEFAULT"
    ),
)  # fmt: skip
def password_lifetime(
    settings: Settings, accounts: tuple[Account, ...], *, days: Annotated[int, Down] = 90
) -> Judgement:
    """Passwords have to be changed regularly, and were."""
    mine = [account for account in accounts if account.by_password]
    if not mine:
        return not_applicable(msg("No account has a password that the server stores"))
    default = settings.number("default_password_lifetime")
    expected = msg("at most {days} days", days=days)
    old = [a for a in mine if a.age_s is not None and a.age_s > days * DAY]
    never = [a for a in mine if not 0 < _lifetime(a, default) <= days]
    detail = settings.as_message("default_password_lifetime")
    if old:
        ages = listed(f"{a.name} ({rounded_down(a.age_s or 0, DAY)})" for a in old)
        return failed(detail, msg("Days since the password was set: {names}", names=ages),
                      expected=expected)  # fmt: skip
    if never:
        return failed(detail, msg("No change is required in time: {names}", names=names(never)),
                      expected=expected)  # fmt: skip
    return passed(
        detail, msg("{count} accounts with passwords", count=len(mine)), expected=expected
    )


def _lifetime(account: Account, default: int | None) -> int:
    own = account.lifetime
    return own if own is not None and own >= 0 else default or 0


@check(
    "mysql.password-reuse", needs=(SETTINGS, PLUGINS), severity=Severity.LOW,
    remedy=msg(
        "MariaDB: INSTALL SONAME 'password_reuse_check'; MySQL: SET PERSIST password_history = 5"
    ),
)  # fmt: skip
def password_reuse(settings: Settings, plugins: tuple[Plugin, ...]) -> Judgement:
    """Passwords that were used before are refused."""
    if _active(plugins, "password_reuse_check"):
        return passed(settings.as_message("password_reuse_check_interval"))
    own = ("password_history", "password_reuse_interval")
    detail = settings.as_message(*own)
    if any((settings.number(name) or 0) > 0 for name in own):
        return passed(detail)
    if own[0] in settings.values:
        return failed(detail)
    return failed(msg("Nothing keeps passwords from being used again"))


_CONTROLS = ("connection_control_", "component_connection_control.")  # a component since 9.2


@check(
    "mysql.lockout",
    needs=(RELEASE, SETTINGS, PLUGINS, known_or_absent(LOCKING)),
    severity=Severity.MEDIUM, version=2,
    remedy=msg(
        "MariaDB: SET GLOBAL max_password_errors = 5; MySQL: FAILED_LOGIN_ATTEMPTS for each "
        "account, or the plugin connection_control"
    ),
)  # fmt: skip
def lockout(
    release: Release, settings: Settings, plugins: tuple[Plugin, ...],
    locking: tuple[Locking, ...] | Absent, *,
    attempts: Annotated[int, Down] = 5,
) -> Judgement:  # fmt: skip
    """An account is locked, or slowed down, after repeated wrong passwords."""
    if "max_password_errors" in settings.values:
        most = settings.number("max_password_errors") or 0
        return expect(
            0 < most <= attempts, detail=settings.as_message("max_password_errors"),
            expected=msg("1 to {most}", most=attempts),
        )  # fmt: skip
    name, component = (f"{start}failed_connections_threshold" for start in _CONTROLS)
    if component in settings.values:
        name = component
    if component in settings.values or _active(plugins, "connection_control"):
        most = settings.number(name) or 0
        return expect(
            0 < most <= attempts, detail=settings.as_message(name),
            expected=msg("1 to {most}", most=attempts),
        )  # fmt: skip
    detail = msg("connection_control is not active")
    if release.numbers >= (8, 0, 19):
        return _each_locked(known(locking), detail, attempts)
    return failed(detail, msg("{product} {series} locks no account by itself",
                            product=release.name, series=release.series))  # fmt: skip


def _each_locked(locking: tuple[Locking, ...] | None, detail: Message, attempts: int) -> Judgement:
    """Whether FAILED_LOGIN_ATTEMPTS and PASSWORD_LOCK_TIME lock each account with a password."""
    if locking is None:
        return undetermined(detail, msg("FAILED_LOGIN_ATTEMPTS of single accounts is not known"))
    free = [a.name for a in locking if not (0 < (a.attempts or 0) <= attempts and a.days)]
    expected = msg("1 to {most}", most=attempts)
    if free:
        text = msg("Without FAILED_LOGIN_ATTEMPTS and PASSWORD_LOCK_TIME: {names}",
                   names=listed(free))  # fmt: skip
        return failed(detail, text, expected=expected)
    return passed(msg("Each account with a password is locked"), expected=expected)


@check(
    "mysql.idle-timeout", needs=SETTINGS, severity=Severity.LOW,
    remedy=msg("SET GLOBAL interactive_timeout = 1800, wait_timeout = 1800"),
)  # fmt: skip
def idle_timeout(settings: Settings, *, minutes: Annotated[int, Down] = 30) -> Judgement:
    """The server ends idle sessions."""
    names = ("interactive_timeout", "wait_timeout")
    detail = settings.as_message(*names)
    expected = msg("at most {seconds} s", seconds=minutes * 60)
    interactive, others = (settings.number(name) for name in names)
    if interactive is None or others is None:
        return undetermined(detail, expected=expected)
    if interactive > minutes * 60:
        return failed(detail, expected=expected)
    if others > minutes * 60:
        more = msg("wait_timeout holds for graphical clients, and for pools of applications")
        return undetermined(detail, more, expected=expected)
    return passed(detail, expected=expected)


_FACTORY = frozenset({"root", "admin", "mysql", "test"})


@check(
    "mysql.default-accounts", needs=complete(ACCOUNTS), severity=Severity.LOW,
    remedy=msg("RENAME USER root@localhost TO …, and lock or drop the others"),
)  # fmt: skip
def default_accounts(accounts: tuple[Account, ...]) -> Judgement:
    """No account with a default name may log in."""
    found = [a for a in usable(accounts) if a.user.lower() in _FACTORY]
    if found:
        return failed(msg("May log in: {names}", names=names(found)))
    return passed(msg("No account named {names} may log in", names=", ".join(sorted(_FACTORY))))


@check(
    "mysql.expired-accounts", needs=ACCOUNTS, severity=Severity.MEDIUM,
    remedy=msg("ALTER USER … ACCOUNT LOCK, or DROP USER"),
)  # fmt: skip
def expired_accounts(accounts: tuple[Account, ...]) -> Judgement:
    """No account with an expired password is left unlocked."""
    bad = [account for account in usable(accounts) if account.expired and account.by_password]
    if bad:
        return failed(msg("Expired, not locked: {names}", names=names(bad)))
    return passed(msg("No account is marked as expired and may log in"))


CHECKS = (
    anonymous_accounts, empty_passwords, account_names, password_scheme, password_policy,
    password_lifetime, password_reuse, lockout, idle_timeout, default_accounts, expired_accounts,
)  # fmt: skip
