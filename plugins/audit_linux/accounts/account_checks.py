"""Checks of accounts: owners, passwords, and whether they are still used."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Subset,
    Superset,
    Values,
    capped,
    check,
    expect,
    failed,
    known,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    optional,
    passed,
    undetermined,
)
from audit_linux.accounts.login_defs import LOGIN_DEFS, LoginDefs
from audit_linux.accounts.new_passwords import weak_methods
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import PAM, Pam
from audit_linux.passwd import (
    ACCOUNTS,
    EPOCH,
    SHADOW,
    Account,
    Accounts,
    Secret,
    moment,
)

_FAR = 2_000_000  # days: beyond the year 7000, no date


def _usable(
    accounts: Accounts, shadow: tuple[Secret, ...] | Absent
) -> list[tuple[Account, Secret]]:
    secrets = {secret.name: secret for secret in known(shadow) or ()}
    return [
        (account, secrets[account.name])
        for account in accounts.rows
        if account.has_shell
        and account.field == "shadowed"
        and account.name in secrets
        and secrets[account.name].usable
    ]


def whole_accounts(
    accounts: Accounts, sources: Sources | Absent, judgement: Judgement
) -> Judgement:
    """`judgement`, but no pass where accounts exist that were not checked."""
    return unless_more_sources(judgement, sources, "passwd", also=accounts.nis)


_NO_PASSWORDS = not_applicable(msg("No account that can log in has a usable password"))


@check(
    "linux.uid-unique",
    needs=(ACCOUNTS, ELSEWHERE),
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Give each account its own user id with usermod -u, or remove the duplicate"),
)
def uid_unique(accounts: Accounts, sources: Sources | Absent) -> Judgement:
    """Each local account has its own user id."""
    owners: dict[int, set[str]] = defaultdict(set)
    for account in accounts.rows:
        owners[account.uid].add(account.name)
    shared = [f"{uid}: {', '.join(sorted(who))}" for uid, who in owners.items() if len(who) > 1]
    expected = msg("no user id belongs to two accounts")
    if shared:
        detail = msg(
            "{count} user ids are shared: {names}", count=len(shared), names=capped(shared)
        )
        return failed(detail, expected=expected)
    return whole_accounts(
        accounts,
        sources,
        passed(
            msg("{count} accounts, each with its own user id", count=len(accounts.rows)),
            expected=expected,
        ),
    )


@check(
    "linux.user-name-unique",
    needs=(ACCOUNTS, ELSEWHERE),
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Rename or remove the duplicate entries in /etc/passwd with vipw"),
)
def user_name_unique(accounts: Accounts, sources: Sources | Absent) -> Judgement:
    """Each local account name appears once in /etc/passwd."""
    twice = [name for name, times in Counter(a.name for a in accounts.rows).items() if times > 1]
    expected = msg("no account name appears twice")
    if twice:
        return failed(
            msg(
                "{count} account names appear more than once: {names}",
                count=len(twice),
                names=capped(twice),
            ),
            expected=expected,
        )
    return whole_accounts(
        accounts,
        sources,
        passed(
            msg("{count} accounts, all names unique", count=len(accounts.rows)), expected=expected
        ),
    )


@check(
    "linux.root-only-uid-0",
    needs=(ACCOUNTS, ELSEWHERE),
    severity=Severity.HIGH,
    version=3,
    remedy=msg("Give accounts other than root a user id of their own; grant rights through sudo"),
)
def root_only_uid_0(accounts: Accounts, sources: Sources | Absent) -> Judgement:
    """Only root has user id 0."""
    others = [a.name for a in accounts.rows if a.uid == 0 and a.name != "root"]
    detail = (
        msg("Accounts with user id 0 besides root: {names}", names=capped(others))
        if others
        else msg("No account besides root has user id 0")
    )
    return whole_accounts(
        accounts,
        sources,
        expect(not others, detail=detail, expected=msg("only root has user id 0")),
    )


@check(
    "linux.no-empty-password",
    needs=(ACCOUNTS, known_or_absent(SHADOW), ELSEWHERE),
    severity=Severity.HIGH,
    version=3,
    remedy=msg("Set a password with passwd, or lock the account with passwd -l"),
)
def no_empty_password(
    accounts: Accounts, shadow: tuple[Secret, ...] | Absent, sources: Sources | Absent
) -> Judgement:
    """No account has an empty password."""
    empty = {a.name for a in accounts.rows if a.field == "empty"}
    empty |= {s.name for s in known(shadow) or () if s.usable and not s.scheme}
    detail = (
        msg(
            "{count} accounts have an empty password: {names}",
            count=len(empty),
            names=capped(empty),
        )
        if empty
        else msg("{count} accounts, none with an empty password", count=len(accounts.rows))
    )
    return whole_accounts(
        accounts, sources, expect(not empty, detail=detail, expected=msg("no empty password field"))
    )


# crypt(5): yescrypt, gost-yescrypt, sm3-yescrypt, scrypt, bcrypt, SHA-512, SHA-256, and SM3 as
# openEuler and libxcrypt 4.5 write it.
_STRONG = frozenset({
    "$y$", "$gy$", "$sm3y$", "$7$", "$2a$", "$2b$", "$2y$", "$6$", "$5$", "$sm3$",
})  # fmt: skip
# MD5, NT, PBKDF1 with SHA-1, and bcrypt as it was before its faults were fixed.
WEAK_SCHEMES = frozenset({
    "DES", "bigcrypt", "BSDi", "$1$", "$3$", "$md5$", "$sha1$", "$2$", "$2x$",
})  # fmt: skip


@check(
    "linux.password-hash",
    needs=(
        ACCOUNTS,
        known_or_absent(SHADOW),
        ELSEWHERE,
        known_or_absent(optional(PAM)),
        known_or_absent(optional(LOGIN_DEFS)),
    ),
    severity=Severity.HIGH,
    version=6,
    remedy=msg(
        "Set ENCRYPT_METHOD to SHA512 or YESCRYPT and have the named users change passwords"
    ),
)
def password_hash(
    accounts: Accounts,
    shadow: tuple[Secret, ...] | Absent,
    sources: Sources | Absent,
    pam: Pam | Absent | None,
    defs: LoginDefs | Absent | None,
    *,
    allowed: Annotated[frozenset[str], Subset] = _STRONG,
) -> Judgement:
    """Stored passwords are hashed with a strong scheme, and new ones will be."""
    exposed = [f"{a.name} (passwd)" for a in accounts.rows if a.field == "other"]
    hashed = [s for s in known(shadow) or () if s.scheme and s.usable]
    judged = WEAK_SCHEMES | (_STRONG - allowed)
    weak = [f"{s.name} ({s.scheme})" for s in hashed if s.scheme in judged]
    strange = [f"{s.name} ({s.scheme})" for s in hashed if s.scheme not in judged | allowed]
    expected = msg("one of {allowed}, kept in /etc/shadow", allowed=listed(allowed))
    later = weak_methods(pam, defs)
    if weak or exposed or later:
        bad = [*weak, *exposed]
        stored = msg(
            "{count} passwords are stored with a weak hash or in an unsuitable place: {names}",
            count=len(bad),
            names=capped(bad),
        )
        return failed(*([stored] if bad else []), *later, expected=expected)
    if strange:
        detail = msg(
            "How these passwords are stored is not known; look at their field in /etc/shadow: "
            "{names}",
            names=capped(strange),
        )
        return undetermined(detail, expected=expected)
    shut = _locked_weak(known(shadow) or (), judged)
    if not hashed:
        none = not_applicable(msg("No account has a stored password"), *shut)
        return whole_accounts(accounts, sources, none)
    schemes = listed({s.scheme for s in hashed})
    stored = msg("{count} stored passwords use {schemes}", count=len(hashed), schemes=schemes)
    return whole_accounts(accounts, sources, passed(stored, *shut, expected=expected))


def _locked_weak(shadow: tuple[Secret, ...], judged: frozenset[str]) -> tuple[Message, ...]:
    """The locked accounts with a weak hash: nobody logs in with it until it is unlocked."""
    weak = [f"{s.name} ({s.scheme})" for s in shadow if not s.usable and s.scheme in judged]
    if not weak:
        return ()
    return (msg("Locked accounts with a weak hash, which counts again once they are unlocked: "
                "{names}", names=capped(weak)),)  # fmt: skip


@check(
    "linux.password-age",
    needs=(ACCOUNTS, known_or_absent(SHADOW), COLLECTED_AT, ELSEWHERE),
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg("Run chage -M 90 for each of the named accounts"),
)
def password_age(
    accounts: Accounts,
    shadow: tuple[Secret, ...] | Absent,
    collected_at: str,
    sources: Sources | Absent,
    *,
    max_days: Annotated[int, Down] = 90,
) -> Judgement:
    """Every account that can log in must change its password regularly."""
    now = moment(collected_at)
    logins = [(a, s) for a, s in _usable(accounts, shadow) if not s.expired(now)]
    late = _late(accounts, logins, max_days)
    if not logins and not late:
        return whole_accounts(accounts, sources, _NO_PASSWORDS)
    ageless = [a.name for a, s in logins if not s.ages(now)]
    expected = msg("maximum password age of 1 to {days} days", days=max_days)
    if ageless and not late:
        return failed(
            msg(
                "The last change is dated in the future, so these passwords do not age: {names}",
                names=capped(ageless),
            ),
            expected=expected,
        )
    if late:
        return failed(
            msg(
                "{count} accounts have no sufficient maximum password age (days): {names}",
                count=len(late),
                names=capped(late),
            ),
            *_changes(logins),
            expected=expected,
        )
    longest = msg(
        "{count} accounts, longest password age {days} days",
        count=len(logins),
        days=max(s.maximum or 0 for _, s in logins),
    )
    return whole_accounts(accounts, sources, passed(longest, *_changes(logins), expected=expected))


def _changes(logins: list[tuple[Account, Secret]]) -> list[Message]:
    """When each password was last changed, as far as that is known."""
    days = [
        f"{account.name} ({(EPOCH + timedelta(days=secret.changed)).date().isoformat()})"
        for account, secret in logins
        if secret.changed is not None and 0 < secret.changed < _FAR
    ]
    return [msg("Last password changes: {names}", names=capped(days))] if days else []


def _late(accounts: Accounts, logins: list[tuple[Account, Secret]], max_days: int) -> list[str]:
    """The accounts whose password need not be changed in `max_days` days."""
    # A hash in /etc/passwd has no ages beside it.
    bare = [f"{a.name} (-)" for a in accounts.rows if a.has_shell and a.field == "other"]
    return bare + [
        f"{a.name} ({'-' if s.maximum is None else s.maximum})"
        for a, s in logins
        if s.maximum is None or not 0 < s.maximum <= max_days
    ]


_DEFAULTS = frozenset({
    "adm", "admin", "bin", "daemon", "ftp", "games", "gopher", "guest", "halt", "lp", "mail",
    "news", "nobody", "operator", "shutdown", "sync", "sys", "test", "user", "uucp", "www-data",
})  # fmt: skip


@check(
    "linux.default-accounts",
    needs=(ACCOUNTS, known_or_absent(SHADOW), ELSEWHERE),
    severity=Severity.MEDIUM,
    version=4,
    remedy=msg(
        "Remove the named accounts, or lock them (usermod -L) and give them the shell nologin"
    ),
)
def default_accounts(
    accounts: Accounts,
    shadow: tuple[Secret, ...] | Absent,
    sources: Sources | Absent,
    *,
    accounts_named: Annotated[frozenset[str], Superset] = _DEFAULTS,
) -> Judgement:
    """Default accounts have no password that can be used."""
    there = [a for a in accounts.rows if a.name in accounts_named]
    secrets = {secret.name: secret for secret in known(shadow) or ()}
    usable = [a for a in there if _has_password(a, secrets)]
    expected = msg("default accounts are removed, or their passwords are locked")
    # FTP, mail, su -s and forwarding over SSH take a password without asking for the shell.
    rows = (
        ([a.name for a in usable if a.has_shell], _can_log_in),
        ([a.name for a in usable if not a.has_shell], _without_shell),
    )
    if usable:
        bad = [template(capped(names)) for names, template in rows if names]
        return failed(*bad, expected=expected)
    return whole_accounts(
        accounts,
        sources,
        passed(
            msg("{count} default accounts, none can log in with a password", count=len(there)),
            expected=expected,
        ),
    )


def _has_password(account: Account, secrets: dict[str, Secret]) -> bool:
    """Whether the account has a password that can be used, an empty one included."""
    if account.field != "shadowed":
        return account.field in ("empty", "other")
    secret = secrets.get(account.name)
    return secret is not None and secret.usable


def _can_log_in(names: Values) -> Message:
    return msg("Default accounts that can log in: {names}", names=names)


def _without_shell(names: Values) -> Message:
    return msg("Default accounts with a password, which services may take although they have no "
               "login shell: {names}", names=names)  # fmt: skip


_GENERIC = frozenset({
    "admin", "administrator", "common", "demo", "dev", "guest", "ops", "operator", "public",
    "share", "shared", "temp", "test", "tmp", "user", "yunwei",
})  # fmt: skip


def _stem(name: str) -> str:
    """The name without a number behind it: test01 is test."""
    return re.sub(r"[-_.]?[0-9]+$", "", name.lower())


@check(
    "linux.shared-accounts",
    needs=(ACCOUNTS, ELSEWHERE),
    severity=Severity.LOW,
    version=3,
    remedy=msg("Give each person an account of their own and remove the shared one"),
)
def shared_accounts(
    accounts: Accounts,
    sources: Sources | Absent,
    *,
    generic: Annotated[frozenset[str], Superset] = _GENERIC,
) -> Judgement:
    """No account that can log in has a name that suggests several people share it."""
    hits = [a.name for a in accounts.rows if a.has_shell and _stem(a.name) in generic]
    able = [a.name for a in accounts.rows if a.has_shell]
    # Whether an account belongs to one person needs an interview; only the name is checked here.
    expected = msg("no generic name among the login accounts: {names}", names=listed(generic))
    if hits:
        return undetermined(
            msg("Ask who uses these accounts with generic names: {names}", names=capped(hits)),
            expected=expected,
        )
    return whole_accounts(
        accounts,
        sources,
        passed(
            msg(
                "{count} accounts with a login shell, none with a generic name: {names}",
                count=len(able),
                names=capped(able),
            ),
            expected=expected,
        ),
    )


CHECKS = (
    uid_unique, user_name_unique, root_only_uid_0, no_empty_password, password_hash, password_age,
    default_accounts, shared_accounts,
)  # fmt: skip
