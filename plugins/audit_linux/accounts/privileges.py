"""Accounts that have more rights than their name tells: service accounts with a shell, and members
of groups that mean root."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Superset,
    Target,
    Values,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    passed,
    present,
    undetermined,
)
from audit_linux.accounts.engine_sockets import ENGINE_SOCKETS, EngineSockets
from audit_linux.declared import declared
from audit_linux.groups import GROUPS, Groups, groups_of
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.passwd import ACCOUNTS, SHADOW, Account, Accounts, Secret, moment
from audit_linux.processes import FIRST_PERSON
from audit_linux.root_groups import ADMIN_GROUPS, ROOT_GROUPS

# Accounts that distributions make for their own services, which nobody logs in with: base-passwd of
# Debian 12, setup of RHEL 9, system-user-* of openSUSE, and what systemd and common servers add.
_OF_SERVICES = frozenset({
    "_apt", "abrt", "adm", "avahi", "backup", "bin", "chrony", "colord", "cron", "daemon", "dbus",
    "dhcpd", "dnsmasq", "ftp", "games", "gnats", "halt", "irc", "libstoragemgmt", "list", "lp",
    "mail", "man", "messagebus", "named", "news", "nobody", "ntp", "nscd", "operator", "polkitd",
    "postfix", "proxy", "rpc", "rpcuser", "rtkit", "saslauth", "setroubleshoot", "shutdown",
    "squid", "sshd", "sssd", "statd", "sync", "sys", "syslog", "systemd-coredump",
    "systemd-journal", "systemd-network", "systemd-resolve", "systemd-timesync", "tcpdump", "tss",
    "unbound", "uucp", "uuidd", "www-data", "apache", "nginx", "wwwrun",
})  # fmt: skip


def _service(account: Account) -> bool:
    return 0 < account.uid < FIRST_PERSON or account.name in _OF_SERVICES


@check(
    "linux.system-account-shells",
    needs=(ACCOUNTS, known_or_absent(SHADOW), COLLECTED_AT, ELSEWHERE),
    severity=Severity.MEDIUM,
    remedy=msg("Give the named accounts the shell nologin (usermod -s /usr/sbin/nologin)"),
)
def system_account_shells(
    accounts: Accounts,
    shadow: tuple[Secret, ...] | Absent,
    collected_at: str,
    sources: Sources | Absent,
    *,
    services: Annotated[frozenset[str], Superset] = _OF_SERVICES,
) -> Judgement:
    """Service accounts have no login shell."""
    secrets = {secret.name: secret for secret in known(shadow) or ()}
    shells = _with_shell(accounts, secrets, moment(collected_at))
    bad = [a for a in shells if a.name in services or _password(a, secrets)]
    others = [a for a in shells if a not in bad]
    expected = msg("service accounts have the shell nologin or false")
    if bad:
        detail = msg("Service accounts with a login shell: {names}", names=_shells(bad))
        return failed(detail, expected=expected)
    if others:
        detail = msg(
            "Ask whether these service accounts need their shell; their password is "
            "locked: {names}",
            names=_shells(others),
        )
        return undetermined(detail, expected=expected)
    count = sum(1 for account in accounts.rows if _service(account))
    judgement = passed(msg("{count} service accounts, none with a login shell", count=count),
                  expected=expected)  # fmt: skip
    return unless_more_sources(judgement, sources, "passwd", also=accounts.nis)


def _with_shell(accounts: Accounts, secrets: dict[str, Secret], now: datetime) -> list[Account]:
    """The accounts of services with a login shell that have not expired."""
    over = {name for name, secret in secrets.items() if secret.expired(now)}
    return [a for a in accounts.rows if _service(a) and a.has_shell and a.name not in over]


def _password(account: Account, secrets: dict[str, Secret]) -> bool:
    """Whether somebody can log in with a password of this account."""
    if account.field in ("empty", "other"):
        return True
    secret = secrets.get(account.name)
    return account.field == "shadowed" and secret is not None and secret.usable


def _shells(accounts: list[Account]) -> Values:
    return capped(f"{account.name} ({account.shell or '/bin/sh'})" for account in accounts)


def _members(accounts: Accounts, groups: Groups, name: str) -> set[str]:
    """The members of a group, those whose own group it is among them."""
    number = groups.gids.get(name)
    own = {account.name for account in accounts.rows if account.gid == number}
    return {*groups.members.get(name, ()), *(own if number is not None else ())}


@check(
    "linux.root-groups",
    needs=(TARGET, ACCOUNTS, GROUPS, ELSEWHERE, known_or_absent(ENGINE_SOCKETS)),
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg(
        "Take the named accounts out of these groups (gpasswd -d ACCOUNT GROUP), or declare "
        "admin_groups if they administer the host"
    ),
)
def root_groups(
    target: Target,
    accounts: Accounts,
    groups: Groups,
    sources: Sources | Absent,
    sockets: EngineSockets | Absent,
    *,
    groups_of_root: Annotated[frozenset[str], Superset] = frozenset(ROOT_GROUPS),
) -> Judgement:
    """Only administrators are in groups whose members can become root."""
    admin_groups = ADMIN_GROUPS | set(declared(target, "admin_groups") or ())
    admins = {who for name in admin_groups for who in _members(accounts, groups, name)}
    admins |= {account.name for account in accounts.rows if account.uid == 0}
    there = {
        name: _members(accounts, groups, name) - admins
        for name in sorted(groups_of_root & set(groups.gids))
    }
    writers = _of_engines(known(sockets) or EngineSockets(), accounts, groups)
    there |= {name: who - admins for name, who in writers.items()}
    reasons = {**dict.fromkeys(writers, ROOT_GROUPS["docker"]), **ROOT_GROUPS}
    services = {account.name for account in accounts.rows if not account.has_shell}
    bad = {name: who - services for name, who in there.items() if who - services}
    beyond = _labels(bad)
    serving = _labels({name: who & services for name, who in there.items()})
    expected = msg("no members but administrators in: {names}", names=capped(groups_of_root))
    listed = _listed(accounts, groups)
    if beyond:
        detail = msg(
            "Groups that give root rights, with members who are not administrators: {names}",
            names=beyond,
        )
        return failed(*present(detail, _reasons(bad, reasons), listed), expected=expected)
    if serving:
        detail = msg("Ask whether these service accounts, which cannot log in, need groups that "
"give root rights: {names}", names=serving)  # fmt: skip
        return undetermined(detail, listed, expected=expected)
    none = msg("No account except administrators is in a group that gives root rights")
    return unless_more_sources(
        passed(none, listed, expected=expected), sources, "passwd", "group",
        also=tuple(dict.fromkeys((*accounts.nis, *groups.nis))),
    )  # fmt: skip


def _of_engines(sockets: EngineSockets, accounts: Accounts, groups: Groups) -> dict[str, set[str]]:
    """Who may write to the socket of a container engine: by group, and by path for users."""
    found: dict[str, set[str]] = {}
    for gid, path in sockets.groups.items():
        own = {account.name for account in accounts.rows if account.gid == gid}
        for name in [n for n, number in groups.gids.items() if number == gid and gid] or [path]:
            found[name] = {*groups.members.get(name, ()), *own} if gid else set()
    for uid, path in sockets.users.items():
        named = {account.name for account in accounts.rows if account.uid == uid}
        found[path] = found.get(path, set()) | named
    return found


def _reasons(groups: Iterable[str], reasons: Mapping[str, Message]) -> Message | None:
    """Why the members of `groups` become root; a group that a profile adds has no reason here."""
    why = [
        msg("{group}: {reason}", group=name, reason=reasons[name])
        for name in groups
        if name in reasons
    ]
    return msg("What their members can do: {reasons}", reasons=tuple(why)) if why else None


def _labels(members: dict[str, set[str]]) -> Values:
    return capped(f"{name}: {', '.join(sorted(who))}" for name, who in members.items() if who)


def _listed(accounts: Accounts, groups: Groups) -> Message:
    """The accounts with a login shell and the groups that they are in."""
    of = groups_of(groups, ((account.name, account.gid) for account in accounts.rows))
    names = [
        f"{account.name}: {', '.join(sorted(of[account.name])) or '-'}"
        for account in accounts.rows
        if account.has_shell
    ]
    return msg("Accounts with a login shell and their groups: {names}", names=capped(names))


CHECKS = (system_account_shells, root_groups)
