"""Checks of sudo: root without a password, and unlimited rights."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Subset,
    Target,
    Values,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    optional,
    passed,
    present,
    undetermined,
)
from audit_linux.declared import declared
from audit_linux.groups import GROUPS, Groups, groups_of
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import PAM, Pam, Unresolved, stack, ways, wrong_password
from audit_linux.passwd import ACCOUNTS, Account, Accounts
from audit_linux.root_groups import ADMIN_GROUPS
from audit_linux.ssh.sshd_match import NAMES, Names
from audit_linux.sudo.doas import DOAS, DoasRule, ways_without_password
from audit_linux.sudo.run_as import RootLike, unknown
from audit_linux.sudo.sudo_rights import (
    ROOT,
    as_others,
    by_risk,
    exempt_of,
    free_of,
    grant_text,
    grants_of,
    handing_lines,
    loading_lines,
    roots_of,
)
from audit_linux.sudo.sudo_risks import Risk
from audit_linux.sudo.sudoers import Grant, Sudoers
from audit_linux.sudo.sudoers_files import HOST_NAME, MERGED, SUDOERS, SUDOERS_FILES

_NO_SUDO = not_applicable(msg("There is no sudoers file: sudo grants nothing"))


_ADMINS = frozenset({"root", *(f"%{name}" for name in ADMIN_GROUPS)})


def _granted(pam: Pam | None) -> set[bool]:
    """Whether sudo's PAM stacks let a wrong password pass: surely not, surely, or either."""
    found = {False}
    for service in ("sudo", "sudo-i"):
        if pam is not None and service in pam.services:
            got = {way.granted for way in ways(stack(pam, service, "auth"), wrong_password)}
            found = got if got == {True} else found | got
            if found == {True}:
                break
    return found


def _open(sudoers: Sudoers, free: dict[Risk, list[str]], names: Names | None) -> list[Message]:
    """Grants that certainly give root without a password."""
    preload = loading_lines(sudoers, free=True)
    exempt = exempt_of(sudoers, names)
    rows = (
        (exempt, msg("Root without a password: {names}", names=capped(exempt))),
        (
            Risk.ROOT in free,
            msg(
                "No password required, and the command gives a root shell or write access to "
                "any file: {names}",
                names=capped(free.get(Risk.ROOT, [])),
            ),
        ),
        (
            Risk.REPLACEABLE in free,
            msg(
                "No password required, and the program is in a directory that users may write: "
                "{names}",
                names=capped(free.get(Risk.REPLACEABLE, [])),
            ),
        ),
        (
            preload,
            msg(
                "Variables such as LD_PRELOAD are passed to commands that require no password: "
                "{names}",
                names=capped(preload),
            ),
        ),
    )
    return [detail for wanted, detail in rows if wanted]


def _handed_on(lines: tuple[str, ...]) -> Message:
    return msg("Variables or directories of users are passed on and may make these commands run "
               "their code: {names}", names=capped(lines))  # fmt: skip


def _doubts(
    sudoers: Sudoers, free: dict[Risk, list[str]], granted: set[bool] | Message
) -> list[Message]:
    """Grants that may give root without a password and were not checked."""
    handed = handing_lines(sudoers, grants_of(sudoers, free=True))
    rows = [
        (
            Risk.UNSEEN in free,
            msg(
                "No password required, and what the commands do was not checked: {names}",
                names=capped(free.get(Risk.UNSEEN, [])),
            ),
        ),
        (
            Risk.READS in free,
            msg(
                "No password required, and any file can be read, /etc/shadow among them: {names}",
                names=capped(free.get(Risk.READS, [])),
            ),
        ),
        (
            Risk.PAGER in free,
            msg(
                "No password required, and the pager can start a shell before systemd 247: {names}",
                names=capped(free.get(Risk.PAGER, [])),
            ),
        ),
        (bool(handed and free), _handed_on(handed)),
        (bool(sudoers.unread), _unread(sudoers)),
    ]
    if isinstance(granted, Message):
        rows.append((True, granted))
    else:
        detail = msg(
            "Whether sudo's PAM stack asks for a password depends on the results of other modules"
        )
        rows.append((len(granted) == 2, detail))
    return [detail for wanted, detail in rows if wanted]


def _unread(sudoers: Sudoers) -> Message:
    return msg("Not understood or not read: {lines}", lines=capped(sudoers.unread))


def _granted_or_why(pam: Pam | None) -> set[bool] | Message:
    """What `_granted` gives, or why the stacks could not be followed."""
    try:
        return _granted(pam)
    except Unresolved as error:
        return error.detail


@check(
    "linux.sudo-password",
    needs=(
        optional(SUDOERS),
        ELSEWHERE,
        known_or_absent(optional(PAM)),
        known_or_absent(optional(GROUPS)),
        known_or_absent(NAMES),
        known_or_absent(DOAS),
        known_or_absent(ACCOUNTS),
    ),
    severity=Severity.HIGH,
    version=13,
    remedy=msg(
        "Remove NOPASSWD from rules for ALL commands and for programs that start a shell or write "
        "any file, and every Defaults !authenticate; give fixed arguments without wildcards"
    ),
)
def sudo_password(
    sudoers: Sudoers | None,
    sources: Sources | Absent,
    pam: Pam | Absent | None,
    groups: Groups | Absent | None,
    names: Names | Absent,
    doas: tuple[DoasRule, ...] | Absent,
    accounts: Accounts | Absent,
) -> Judgement:
    """Nobody becomes root through sudo or doas without a password."""
    expected = msg("no NOPASSWD for commands that lead to a root shell, no !authenticate")
    whom = (known(doas) or (), known(groups) or Groups(members={}), known(accounts))
    opened, doubts = ways_without_password(*whom)
    if sudoers is None:
        judged = undetermined(*doubts, expected=expected) if doubts else _NO_SUDO
        judged = failed(*opened, expected=expected) if opened else judged
        return unless_more_sources(judged, sources, "sudoers")
    roots = roots_of(sudoers, groups, known(names), free=True)
    free = free_of(sudoers, groups, known(names), roots)
    opened += _open(sudoers, free, known(names))
    granted = _granted_or_why(known(pam))
    if granted == {True}:
        opened.append(msg("The PAM stack of sudo asks for no password"))
    if opened:
        return failed(*opened, *_ways(roots), expected=expected)
    doubts += [*_doubts(sudoers, free, granted), *_of_unknown(sudoers, known(names))]
    if doubts:
        return undetermined(*doubts, expected=expected)
    detail = _harmless(sudoers, free, as_others(sudoers, roots))
    return unless_more_sources(passed(*detail, expected=expected), sources, "sudoers")


def _harmless(
    sudoers: Sudoers, free: dict[Risk, list[str]], others: list[str]
) -> tuple[Message, ...]:
    """What is granted without a password, and gives no root."""
    count = msg("{count} rules of sudoers, none gives root without a password",
                count=len(sudoers.grants))  # fmt: skip
    fixed = msg("No password required, but the effect is fixed: {names}",
                names=capped(free.get(Risk.NONE, [])))  # fmt: skip
    shells = msg("No password required to act as other accounts, which have no rights of root: "
                 "{names}", names=capped(others))  # fmt: skip
    return present(count, fixed if Risk.NONE in free else None, shells if others else None)


def _ways(roots: RootLike) -> tuple[Message, ...]:
    detail = msg("These accounts can become root: {names}", names=capped(roots.others))
    return (detail,) if roots.others else ()


def _of_unknown(sudoers: Sudoers, names: Names | None) -> list[Message]:
    users = unknown((g for g in sudoers.grants if not g.command.startswith("!")), names)
    detail = msg("Commands run as these, and whether they have rights of root is not known: "
                 "{names}", names=capped(users))  # fmt: skip
    return [detail] if users else []


def _beyond(grants: list[Grant], admins: frozenset[str]) -> Values:
    """Those of `grants` that others than the administrators have, for a reader."""
    return capped(grant_text(grant) for grant in grants if set(grant.who) - admins - ROOT)


def _entitled(full: list[Grant], groups: Groups | None) -> Values:
    """The groups in `full`, each with its members."""
    entitled = {who for grant in full for who in grant.who if who.startswith("%")}
    there = groups.members if groups else {}
    members = (f"{group}: {', '.join(there.get(group[1:], ())) or '-'}" for group in entitled)
    return capped(members)


@check(
    "linux.sudo-scope",
    needs=(
        TARGET,
        optional(SUDOERS),
        known_or_absent(optional(GROUPS)),
        ELSEWHERE,
        known_or_absent(ACCOUNTS),
        known_or_absent(NAMES),
    ),
    severity=Severity.MEDIUM,
    version=12,
    remedy=msg(
        "List the commands that each role needs instead of ALL, with fixed arguments; declare "
        "admin_groups if administrators are in other groups"
    ),
)
def sudo_scope(
    target: Target,
    sudoers: Sudoers | None,
    groups: Groups | Absent | None,
    sources: Sources | Absent,
    accounts: Accounts | Absent,
    names: Names | Absent,
    *,
    admins: Annotated[frozenset[str], Subset] = _ADMINS,
) -> Judgement:
    """Only root and the administrators' groups may run any command through sudo."""
    if sudoers is None:
        return unless_more_sources(_NO_SUDO, sources, "sudoers")
    admins |= {f"%{name}" for name in declared(target, "admin_groups") or ()}
    expected = msg("full rights only for {admins}", admins=listed(admins))
    admins |= _other_names(admins, known(accounts), known(groups))
    roots = roots_of(sudoers, groups, known(names), free=False)
    found = by_risk(sudoers, groups, known(names), roots)
    beyond = {what: _beyond(grants, admins) for what, grants in found.items()}
    bad = [template(names=beyond[what]) for what, template in _EXCESS if beyond.get(what)]
    rights = _rights(sudoers, known(accounts), known(groups))
    if bad:
        return failed(*bad, *_ways(roots), *rights, expected=expected)
    full = [*found.get(Risk.ROOT, []), *found.get(Risk.READS, [])]
    detail = msg(
        "Groups with full rights and their members: {names}", names=_entitled(full, known(groups))
    )
    doubts = [template(names=beyond[what]) for what, template in _DOUBTFUL if beyond.get(what)]
    few = [g for what in found for g in found[what] if set(g.who) - admins - ROOT]
    doubts += [*_not_followed(sudoers, few), *_of_unknown(sudoers, known(names))]
    if doubts:
        return undetermined(detail, *rights, *doubts, expected=expected)
    return unless_more_sources(
        passed(detail, *rights, expected=expected), sources, "sudoers", "passwd"
    )


def _other_names(
    admins: frozenset[str], accounts: Accounts | None, groups: Groups | None
) -> frozenset[str]:
    """How rules may name the groups of administrators by number, and their members."""
    if groups is None:
        return frozenset()
    numbers = {groups.gids[name[1:]] for name in admins if name[1:] in groups.gids}
    rows = accounts.rows if accounts else ()
    teams = groups_of(groups, ((a.name, a.gid) for a in rows))
    people = {a for a in rows if not admins.isdisjoint(f"%{team}" for team in teams[a.name])}
    named = {name for a in people for name in (a.name, f"#{a.uid}")}
    return frozenset(named | {f"%#{number}" for number in numbers})


def _not_followed(sudoers: Sudoers, few: list[Grant]) -> list[Message]:
    """What of the rules was not followed to its end: rights handed on, files not read."""
    handed = handing_lines(sudoers, few)
    details = [_handed_on(handed)] if handed else []
    return [*details, _unread(sudoers)] if sudoers.unread else details


_MOST_COMMANDS = 3  # commands of an account in the record


def _rights(
    sudoers: Sudoers, accounts: Accounts | None, groups: Groups | None
) -> tuple[Message, ...]:
    """What each account with a login shell may run through sudo, root left out."""
    people = [a for a in accounts.rows if a.has_shell and a.uid] if accounts else []
    of = groups_of(groups or Groups(members={}), ((a.name, a.gid) for a in people))
    of_whom: dict[str, list[int]] = {}
    for at, grant in enumerate(sudoers.grants):
        for who in grant.who:
            of_whom.setdefault(who, []).append(at)
    details = [
        f"{a.name}: {_commands(sudoers, of_whom, called(a, of[a.name], groups))}" for a in people
    ]
    if not details:
        return ()
    return (msg("What accounts with a login shell may run through sudo: {names}",
                names=capped(details)),)  # fmt: skip


def called(account: Account, teams: frozenset[str], groups: Groups | None) -> frozenset[str]:
    """How rules may name an account: itself, its groups, each by name or number."""
    numbers = {groups.gids[name] for name in teams if name in groups.gids} if groups else set()
    names = {account.name, f"#{account.uid}", *(f"%{name}" for name in teams)}
    return frozenset(names | {f"%#{number}" for number in numbers | {account.gid}} | {"ALL"})


def _commands(sudoers: Sudoers, of_whom: dict[str, list[int]], called: frozenset[str]) -> str:
    """The commands of the grants that are for one of these names; `!` in front of a denied one."""
    places = sorted({at for name in called for at in of_whom.get(name, ())})
    found = [sudoers.grants[at] for at in places]
    commands = dict.fromkeys(f"({','.join(g.runas)}) {g.command}" for g in found)
    more = f", +{len(commands) - _MOST_COMMANDS}" if len(commands) > _MOST_COMMANDS else ""
    return ", ".join([*commands][:_MOST_COMMANDS]) + more or "-"


def _any_command(names: Values) -> Message:
    return msg("Others may run any command as root: {names}", names=names)


def _any_file(names: Values) -> Message:
    return msg("Others may read any file as root, /etc/shadow among them: {names}", names=names)


def _not_checked(names: Values) -> Message:
    return msg(
        "What these commands do, and who may change them, was not checked; look at them: {names}",
        names=names,
    )


def _paged(names: Values) -> Message:
    return msg("The pager of these commands can start a shell before systemd 247: {names}",
               names=names)  # fmt: skip


_EXCESS = ((Risk.ROOT, _any_command), (Risk.READS, _any_file))


_DOUBTFUL = ((Risk.UNSEEN, _not_checked), (Risk.PAGER, _paged))


FACTS = (DOAS, SUDOERS_FILES, MERGED, HOST_NAME, SUDOERS)


CHECKS = (sudo_password, sudo_scope)
