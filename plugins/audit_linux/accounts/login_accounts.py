"""The accounts that can log in, for checks of others that know whose they are."""

from __future__ import annotations

from audit_core.api.sdk import COLLECTED_AT, Absent, Partial, derive, known, msg, partial
from audit_linux.nsswitch import ELSEWHERE, Sources
from audit_linux.passwd import ACCOUNTS, SHADOW, Accounts, Secret, moment


def login_accounts(
    accounts: Accounts, shadow: tuple[Secret, ...], sources: Sources | Absent, collected_at: str
) -> tuple[str, ...] | Partial:
    """The names of the accounts with a shell that have not expired; incomplete with others.

    A locked password keeps nobody out who has a key.
    """
    now = moment(collected_at)
    over = {secret.name for secret in shadow if secret.expired(now)}
    names = tuple(a.name for a in accounts.rows if a.has_shell and a.name not in over)
    found = known(sources)
    more = (*accounts.nis, *(() if found is None else found.passwd))
    unread = msg("Accounts of {sources} are not among those that were read", sources=more)
    return partial(names, (unread,) if more else ())


LOGIN_ACCOUNTS = derive(
    "linux.login-accounts",
    tuple[str, ...],
    needs=(ACCOUNTS, SHADOW, ELSEWHERE, COLLECTED_AT),
    make=login_accounts,
)
FACTS = (LOGIN_ACCOUNTS,)
