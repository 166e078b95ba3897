"""Whether accounts that can log in are still used."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    capped,
    check,
    failed,
    msg,
    passed,
    undetermined,
)
from audit_linux.accounts.account_checks import whole_accounts
from audit_linux.nsswitch import ELSEWHERE, Sources
from audit_linux.passwd import (
    ACCOUNTS,
    EPOCH,
    LASTLOG,
    SHADOW,
    Account,
    Accounts,
    Login,
    Secret,
    moment,
)


def _idle(login: Login, now: datetime) -> int | None:
    """Days since the last login; that of the collection itself is newer than its start."""
    days = None if login.last is None else (now - datetime.fromisoformat(login.last)).days
    return 0 if days == -1 else days


@check(
    "linux.stale-accounts",
    needs=(ACCOUNTS, LASTLOG, COLLECTED_AT, SHADOW, ELSEWHERE),
    severity=Severity.MEDIUM,
    version=6,
    remedy=msg("Lock or remove accounts that nobody uses (usermod -L -e 1, userdel)"),
)
def stale_accounts(
    accounts: Accounts,
    logins: tuple[Login, ...],
    collected_at: str,
    shadow: tuple[Secret, ...],
    sources: Sources | Absent,
    *,
    max_idle_days: Annotated[int, Down] = 90,
) -> Judgement:
    """Every account that can log in was used recently."""
    now = moment(collected_at)
    over = {s.name for s in shadow if s.expired(now)}
    able = [a for a in accounts.rows if a.has_shell and a.name not in over]
    stale, never = _unused(able, logins, shadow, now, max_idle_days)
    idle = _never_used(able, never, logins, shadow, now, max_idle_days)
    never = [name for name in never if name not in idle]
    expected = msg("last login at most {days} days ago", days=max_idle_days)
    unused = msg("No usable login record of: {names}", names=capped(never))
    last = _last_logins(able, logins)
    if stale or idle:
        old = msg(
            "{count} accounts have not logged in for longer than allowed (days): {names}",
            count=len(stale),
            names=capped(stale),
        )
        fresh = msg(
            "Accounts with a password that have never logged in (days since it was set): {names}",
            names=capped(f"{name} ({days})" for name, days in idle.items()),
        )
        rows = ((stale, old), (idle, fresh), (never, unused))
        return failed(*(detail for wanted, detail in rows if wanted), *last, expected=expected)
    if never:
        return undetermined(unused, *last, expected=expected)
    recent = msg("{count} accounts that can log in, all used recently", count=len(able))
    return whole_accounts(accounts, sources, passed(recent, *last, expected=expected))


def _last_logins(able: list[Account], logins: tuple[Login, ...]) -> list[Message]:
    """When the accounts that can log in did so last, as far as that is recorded."""
    days = {login.name: login.last[:10] for login in logins if login.last is not None}
    labels = [f"{a.name} ({days[a.name]})" for a in able if a.name in days]
    return [msg("Last logins: {names}", names=capped(labels))] if labels else []


def _never_used(
    able: list[Account],
    never: list[str],
    logins: tuple[Login, ...],
    shadow: tuple[Secret, ...],
    now: datetime,
    most: int,
) -> dict[str, int]:
    """The accounts that have a password and were not used in the `most` days since it was set.

    Only where logins are recorded at all. root is left out: administrators use sudo.
    """
    recorded = {login.name for login in logins if login.last is None}
    if len(recorded) == len(logins):
        return {}
    set_at = {s.name: s.changed for s in shadow if s.usable and s.scheme and s.changed}
    days = {name: (now - EPOCH).days - at for name, at in set_at.items()}
    names = {a.name for a in able if a.uid != 0 and a.name in never and a.name in recorded}
    return {name: days[name] for name in sorted(names) if days.get(name, 0) > most}


def _unused(
    able: list[Account],
    logins: tuple[Login, ...],
    shadow: tuple[Secret, ...],
    now: datetime,
    most: int,
) -> tuple[list[str], list[str]]:
    """The accounts unused for more than `most` days, and those of which that cannot be told."""
    used = {login.name: _idle(login, now) for login in logins}
    idle = {a.name: used.get(a.name) for a in able}
    # Without its line in /etc/shadow an account may have expired.
    dated = {s.name for s in shadow} | {a.name for a in able if a.field != "shadowed"}
    late = {name for name, days in idle.items() if (days or 0) > most}
    stale = [f"{name} ({idle[name]})" for name in idle if name in late & dated]
    never = [n for n, days in idle.items() if days is None or days < 0 or n in late - dated]
    return stale, never


CHECKS = (stale_accounts,)
