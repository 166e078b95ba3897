"""The accounts that can become root, for checks of others that know whose they are."""

from __future__ import annotations

from audit_core.api.sdk import Absent, Message, Partial, derive, known, msg, optional, partial
from audit_linux.accounts.login_accounts import LOGIN_ACCOUNTS
from audit_linux.groups import GROUPS, Groups, groups_of
from audit_linux.nsswitch import ELSEWHERE, Sources
from audit_linux.passwd import ACCOUNTS, Account, Accounts
from audit_linux.root_groups import ROOT_GROUPS
from audit_linux.ssh.sshd_match import NAMES, Names
from audit_linux.sudo.sudo_checks import called
from audit_linux.sudo.sudo_rights import by_risk, roots_of
from audit_linux.sudo.sudo_risks import Risk
from audit_linux.sudo.sudoers import Sudoers
from audit_linux.sudo.sudoers_files import SUDOERS


def administrators(
    accounts: Accounts,
    logins: tuple[str, ...],
    groups: Groups,
    sudoers: Sudoers | None,
    sources: Sources | Absent,
    names: Names,
) -> tuple[str, ...] | Partial:
    """The accounts that can log in and become root: by user id, a group, or any command of sudo.

    Incomplete where rules of sudo were not understood or stand elsewhere.
    """
    people = [account for account in accounts.rows if account.name in set(logins)]
    teams = groups_of(groups, ((a.name, a.gid) for a in people))
    full = {who for grant in _full(sudoers, groups, names) for who in grant}

    def mighty(account: Account) -> bool:
        mine = teams[account.name]
        by_sudo = full & called(account, mine, groups)
        return account.uid == 0 or bool(mine & ROOT_GROUPS.keys()) or bool(by_sudo)

    found = tuple(account.name for account in people if mighty(account))
    return partial(found, _not_read(sudoers, sources))


def _full(sudoers: Sudoers | None, groups: Groups, names: Names) -> list[tuple[str, ...]]:
    """Whom each rule names that gives any command as root, or as an account that becomes root."""
    if sudoers is None:
        return []
    roots = roots_of(sudoers, groups, names, free=False)
    return [grant.who for grant in by_risk(sudoers, groups, names, roots).get(Risk.ROOT, [])]


def _not_read(sudoers: Sudoers | None, sources: Sources | Absent) -> tuple[Message, ...]:
    found = known(sources)
    unread = () if sudoers is None else sudoers.unread
    more = (*unread, *(() if found is None else found.sudoers))
    return (msg("Rules of sudo were not read: {sources}", sources=more),) if more else ()


ADMINISTRATORS = derive(
    "linux.administrators",
    tuple[str, ...],
    needs=(ACCOUNTS, LOGIN_ACCOUNTS, GROUPS, optional(SUDOERS), ELSEWHERE, NAMES),
    make=administrators,
)
FACTS = (ADMINISTRATORS,)
