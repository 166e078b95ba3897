"""Checks of sudo: root without a password, and unlimited rights."""

from __future__ import annotations

import functools
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
    undetermined,
)
from audit_linux.declared import declared
from audit_linux.groups import GROUPS, Groups, groups_of
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import PAM, Pam, Unresolved, stack, ways, wrong_password
from audit_linux.passwd import ACCOUNTS, Account, Accounts
from audit_linux.root_groups import ADMIN_GROUPS, ROOT_GROUPS
from audit_linux.sudo.sudo_environment import Passed, follows
from audit_linux.sudo.sudo_risks import Risk, program_name, risk
from audit_linux.sudo.sudoers import SUDOERS, Grant, Sudoers

_NO_SUDO = not_applicable(msg("There is no sudoers file: sudo grants nothing"))
_ROOT = frozenset({"root", "#0"})


# Whoever runs a command with one of these groups becomes root with the next. `root` is one, for
# sockets of container engines belong to it where no other group is set; it is none of those whose
# members count (ROOT_GROUPS): Red Hat gives it to sync, shutdown and halt as their own group.
_GROUPS_OF_ROOT = frozenset({"ALL", "root"}) | ADMIN_GROUPS | ROOT_GROUPS.keys()
_ADMINS = frozenset({"root", *(f"%{name}" for name in ADMIN_GROUPS)})
_MOST_LATER = 200


def _as_root(grant: Grant) -> bool:
    """Whether root is among the users; the last entry about root holds, as sudo reads lists."""
    names = [user for user in grant.runas if user.lstrip("!") in ("root", "ALL")]
    return bool(names) and not names[-1].startswith("!")


def _mighty(grant: Grant) -> bool:
    """Whether the command runs as root, or with an equivalent group."""
    return _as_root(grant) or bool(_GROUPS_OF_ROOT & set(grant.groups))


def _grant_text(grant: Grant) -> str:
    return f"{','.join(w for w in grant.who if w not in _ROOT)} = {grant.command}"


class _Order:
    """Which grants a later one overrules: of those that match, sudo takes the last."""

    def __init__(self, sudoers: Sudoers, groups: Groups | Absent | None) -> None:
        known_groups = known(groups)
        self._members = known_groups.members if known_groups else {}
        # Who may be in a group that was not read: its rules may overrule any other.
        self._unread = isinstance(groups, Absent) or bool(known_groups and known_groups.unread)
        self._later: dict[str, list[tuple[int, Grant]]] = {}
        for at, grant in enumerate(sudoers.grants):
            if grant.always:
                self._later.setdefault(grant.command.lstrip("!"), []).append((at, grant))

    def overruled(self, at: int, grant: Grant, *, denied: bool) -> bool:
        """Whether nobody in `grant` gets it free any more, or (`denied`) gets it at all.

        Only what surely matches whenever `grant` does: the same command or ALL, on every host.
        """
        same = self._later.get(grant.command, []) if grant.command != "ALL" else []
        later = [g for n, g in (*same, *self._later.get("ALL", [])) if n > at][:_MOST_LATER]
        if not later:  # as of nearly all
            return False
        ending = [g for g in later if _ends(g, denied) and _same_users(g, grant)]
        others = [who for who in grant.who if who not in _ROOT]
        return bool(ending) and all(any(self._holds(g, who) for g in ending) for who in others)

    def _holds(self, grant: Grant, who: str) -> bool:
        """Whether `grant` is for `who`; a member whom /etc/group names is in his group."""
        if {who, "ALL"} & set(grant.who):
            return True
        teams = [name for name in grant.who if name.startswith("%")]
        return any(self._unread or who in self._members.get(g[1:], ()) for g in teams)


def _ends(later: Grant, denied: bool) -> bool:
    return later.command.startswith("!") or not (denied or later.no_password)


def _same_users(later: Grant, grant: Grant) -> bool:
    """Whether `later` matches each request of `grant`, -g among them.

    One for root alone does not take ALL back: another account may have user id 0, too.
    """
    groups = later.groups in (("ALL",), grant.groups)
    return groups and later.runas in (("ALL",), grant.runas)


@functools.lru_cache(maxsize=8)  # asked several times for a host, and hosts have equal rules
def _of_others(sudoers: Sudoers) -> tuple[tuple[int, Grant], ...]:
    """What others than root may run as root, with its place in the order."""
    found = enumerate(sudoers.grants)
    return tuple((at, g) for at, g in found if _mighty(g) and set(g.who) - _ROOT)


@functools.lru_cache(maxsize=8)
def _rated(sudoers: Sudoers) -> tuple[tuple[int, Grant, Risk], ...]:
    """The same with what each gives."""
    return tuple((at, grant, _gives(sudoers, grant)) for at, grant in _of_others(sudoers))


def _free(sudoers: Sudoers, groups: Groups | Absent | None) -> dict[Risk, list[str]]:
    """What others than root may run as root without a password, by what it gives."""
    found: dict[Risk, list[str]] = {}
    order = _Order(sudoers, groups)
    for at, grant, given in _rated(sudoers):
        if grant.no_password and not order.overruled(at, grant, denied=False):
            found.setdefault(given, []).append(_grant_text(grant))
    return found


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


def _open(sudoers: Sudoers, free: dict[Risk, list[str]]) -> list[Message]:
    """Grants that certainly give root without a password."""
    preload = _loading(sudoers, free=True)
    rows = (
        (sudoers.exempt, msg("Root without a password: {names}", names=capped(sudoers.exempt))),
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


def _reached(passed: Passed, grants: list[Grant]) -> bool | None:
    """Whether what a line passes reaches one of `grants`; None where that was not worked out."""
    if not passed.scope or passed.scope == ">root":
        return bool(grants)
    names = set(passed.scope[1:].split(","))
    if not passed.scope.startswith(":") or any(n[:1] in "%+!" or n.isupper() for n in names):
        return None if grants else False
    who = {name for grant in grants for name in grant.who}
    if who & (names | {"ALL"}):
        return True
    return None if any(name[:1] in ("%", "+") for name in who) else False


def _grants(sudoers: Sudoers, *, free: bool) -> list[Grant]:
    found = (g for _, g in _of_others(sudoers) if not g.command.startswith("!"))
    return [g for g in found if g.no_password or not free]


def _loading(sudoers: Sudoers, *, free: bool) -> tuple[str, ...]:
    """The lines that surely let a user load a library into what others than root may run."""
    grants = _grants(sudoers, free=free)
    found = (p.line for p in sudoers.passed if p.loads and _reached(p, grants))
    return tuple(dict.fromkeys(found))


def _perhaps(sudoers: Sudoers, grants: list[Grant]) -> tuple[str, ...]:
    """The lines that may make commands run code of their user."""
    found = (p.line for p in sudoers.passed if _reached(p, grants) is not False)
    return tuple(dict.fromkeys(found))


def _gives(sudoers: Sudoers, grant: Grant) -> Risk:
    """What a grant gives, with the variables that its user may set."""
    passed_on = [p for p in sudoers.passed if p.variables and _reached(p, [grant])]
    program = program_name(grant.command)
    if grant.setenv or any(follows(program, p.variables) for p in passed_on):
        return Risk.ROOT
    return risk(grant.command)


def _handed_on(lines: tuple[str, ...]) -> Message:
    return msg("Variables or directories of users are passed on and may make these commands run "
               "their code: {names}", names=capped(lines))  # fmt: skip


def _doubts(
    sudoers: Sudoers, free: dict[Risk, list[str]], granted: set[bool] | Message
) -> list[Message]:
    """Grants that may give root without a password and were not checked."""
    handed = _perhaps(sudoers, _grants(sudoers, free=True))
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
    ),
    severity=Severity.HIGH,
    version=8,
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
) -> Judgement:
    """Nobody becomes root through sudo without a password."""
    if sudoers is None:
        return unless_more_sources(_NO_SUDO, sources, "sudoers")
    free = _free(sudoers, groups)
    expected = msg("no NOPASSWD for commands that lead to a root shell, no !authenticate")
    opened = _open(sudoers, free)
    granted = _granted_or_why(known(pam))
    if granted == {True}:
        opened.append(msg("The PAM stack of sudo asks for no password"))
    if opened:
        return failed(*opened, expected=expected)
    count = msg(
        "{count} rules of sudoers, none gives root without a password", count=len(sudoers.grants)
    )
    fixed = msg(
        "No password required, but the effect is fixed: {names}",
        names=capped(free.get(Risk.NONE, [])),
    )
    detail = (count, fixed) if Risk.NONE in free else (count,)
    doubts = _doubts(sudoers, free, granted)
    if doubts:
        return undetermined(*doubts, expected=expected)
    return unless_more_sources(passed(*detail, expected=expected), sources, "sudoers")


def by_risk(sudoers: Sudoers, groups: Groups | Absent | None) -> dict[Risk, list[Grant]]:
    """What others than root may run as root, by what it gives; ROOT is any command."""
    found: dict[Risk, list[Grant]] = {}
    order, loading = _Order(sudoers, groups), _loading(sudoers, free=False)
    for at, grant, given in _rated(sudoers):
        if grant.command.startswith("!") or order.overruled(at, grant, denied=True):
            continue
        what = Risk.ROOT if loading else given
        found.setdefault(Risk.ROOT if what is Risk.REPLACEABLE else what, []).append(grant)
    return found


def _beyond(grants: list[Grant], admins: frozenset[str]) -> Values:
    """Those of `grants` that others than the administrators have, for a reader."""
    return capped(_grant_text(grant) for grant in grants if set(grant.who) - admins - _ROOT)


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
    ),
    severity=Severity.MEDIUM,
    version=9,
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
    *,
    admins: Annotated[frozenset[str], Subset] = _ADMINS,
) -> Judgement:
    """Only root and the administrators' groups may run any command through sudo."""
    if sudoers is None:
        return unless_more_sources(_NO_SUDO, sources, "sudoers")
    admins |= {f"%{name}" for name in declared(target, "admin_groups") or ()}
    found = by_risk(sudoers, groups)
    beyond = {what: _beyond(grants, admins) for what, grants in found.items()}
    expected = msg("full rights only for {admins}", admins=listed(admins))
    bad = [template(names=beyond[what]) for what, template in _EXCESS if beyond.get(what)]
    rights = _rights(sudoers, known(accounts), known(groups))
    if bad:
        return failed(*bad, *rights, expected=expected)
    full = [*found.get(Risk.ROOT, []), *found.get(Risk.READS, [])]
    detail = msg(
        "Groups with full rights and their members: {names}", names=_entitled(full, known(groups))
    )
    doubts = [template(names=beyond[what]) for what, template in _DOUBTFUL if beyond.get(what)]
    few = [g for what in found for g in found[what] if set(g.who) - admins - _ROOT]
    doubts += _not_followed(sudoers, few)
    if doubts:
        return undetermined(detail, *rights, *doubts, expected=expected)
    return unless_more_sources(
        passed(detail, *rights, expected=expected), sources, "sudoers", "passwd"
    )


def _not_followed(sudoers: Sudoers, few: list[Grant]) -> list[Message]:
    """What of the rules was not followed to its end: rights handed on, files not read."""
    handed = _perhaps(sudoers, few)
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


FACTS = (SUDOERS,)
CHECKS = (sudo_password, sudo_scope)
