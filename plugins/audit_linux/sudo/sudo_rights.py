"""What rules of sudo give to others than root: which of them hold, as whom, and how far.

Of several rules that match sudo takes the last; what a rule gives is judged by `sudo_risks`.
"""

from __future__ import annotations

import functools
import re

from audit_core.api.sdk import Absent, known
from audit_linux.groups import Groups
from audit_linux.root_groups import ADMIN_GROUPS, ROOT_GROUPS
from audit_linux.ssh.sshd_match import Names
from audit_linux.sudo.run_as import RootLike, names_others, root_like
from audit_linux.sudo.sudo_environment import Passed, follows
from audit_linux.sudo.sudo_risks import Risk, program_name, risk
from audit_linux.sudo.sudoers import Grant, Sudoers

ROOT = frozenset({"root", "#0"})


# Whoever runs a command with one of these groups becomes root with the next. `root` is one, for
# sockets of container engines belong to it where no other group is set; it is none of those whose
# members count (ROOT_GROUPS): Red Hat gives it to sync, shutdown and halt as their own group.
_GROUPS_OF_ROOT = frozenset({"ALL", "root"}) | ADMIN_GROUPS | ROOT_GROUPS.keys()


_MOST_LATER = 200


ONLY_ROOT = RootLike()


def _mighty(grant: Grant, roots: RootLike) -> bool:
    """Whether the command runs as somebody who can become root, or with an equivalent group."""
    return roots.runs(grant.runas) or bool(_GROUPS_OF_ROOT & set(grant.groups))


def grant_text(grant: Grant) -> str:
    as_whom = "" if ONLY_ROOT.runs(grant.runas) else f"({','.join(grant.runas)}) "
    return f"{','.join(w for w in grant.who if w not in ROOT)} = {as_whom}{grant.command}"


class _Order:
    """Which grants a later one overrules: of those that match, sudo takes the last."""

    def __init__(
        self, sudoers: Sudoers, groups: Groups | Absent | None, names: Names | None
    ) -> None:
        known_groups = known(groups)
        self._groups_of = names.groups_of if names else {}
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
        others = [who for who in grant.who if who not in ROOT]
        return bool(ending) and all(any(self._holds(g, who) for g in ending) for who in others)

    def _holds(self, grant: Grant, who: str) -> bool:
        """Whether `grant` is for `who`: by name, or a group that it is in."""
        if {who, "ALL"} & set(grant.who):
            return True
        teams = [name[1:] for name in grant.who if name.startswith("%")]
        mine = self._groups_of.get(who, frozenset())
        return any(self._unread or g in mine or who in self._members.get(g, ()) for g in teams)


def _ends(later: Grant, denied: bool) -> bool:
    return later.command.startswith("!") or not (denied or later.no_password)


def _same_users(later: Grant, grant: Grant) -> bool:
    """Whether `later` matches each request of `grant`, -g among them.

    One for root alone does not take ALL back: another account may have user id 0, too.
    """
    groups = later.groups in (("ALL",), grant.groups)
    return groups and later.runas in (("ALL",), grant.runas)


@functools.lru_cache(maxsize=8)  # asked several times for a host, and hosts have equal rules
def _of_others(sudoers: Sudoers, roots: RootLike = ONLY_ROOT) -> tuple[tuple[int, Grant], ...]:
    """What others than root may run as one of `roots`, with its place in the order."""
    found = enumerate(sudoers.grants)
    return tuple((at, g) for at, g in found if _mighty(g, roots) and set(g.who) - ROOT)


@functools.lru_cache(maxsize=8)
def _rated(sudoers: Sudoers, roots: RootLike) -> tuple[tuple[int, Grant, Risk], ...]:
    """The same with what each gives."""
    return tuple((at, g, _gives(sudoers, g)) for at, g in _of_others(sudoers, roots))


def roots_of(
    sudoers: Sudoers, groups: Groups | Absent | None, names: Names | None, *, free: bool
) -> RootLike:
    """The accounts as good as root by these rules, `free`: without a password."""
    if not names_others(sudoers.grants):
        return ONLY_ROOT
    order = _Order(sudoers, groups, names)
    giving = [
        grant
        for at, grant in enumerate(sudoers.grants)
        if (grant.no_password or not free)
        and _gives(sudoers, grant) is Risk.ROOT
        and not order.overruled(at, grant, denied=not free)
    ]
    return root_like(giving, names)


def exempt_of(sudoers: Sudoers, names: Names | None) -> tuple[str, ...]:
    """The lines that let somebody who has rules of sudo become root without a password."""
    who = {name for _, grant in _of_others(sudoers) for name in grant.who}
    return tuple(dict.fromkeys(e.line for e in sudoers.exempt if _concerns(e.scope, who, names)))


def _concerns(scope: str, who: set[str], names: Names | None) -> bool:
    """Whether a scope of Defaults is that of somebody in `who`; True where that is not known."""
    users = scope[1:].split(",") if scope.startswith(":") else []
    if not users or names is None or not all(_plain(user, names) for user in users):
        return True
    groups = {f"%{name}" for user in users for name in names.groups_of.get(user, ())}
    called = {*users, *groups}
    numbered = {f"#{names.uids[user]}" for user in users if user in names.uids}
    odd = any(name[:1] in ("+", "#") or name.startswith(("%#", "%:")) for name in who)
    return bool(who & (called | numbered | {"ALL"})) or odd


def _plain(user: str, names: Names) -> bool:
    """Whether `user` names an account, or nobody, and no group, number or netgroup."""
    return user in names.groups_of or (names.whole and bool(re.fullmatch(r"[a-z_][\w.-]*", user)))


def free_of(
    sudoers: Sudoers, groups: Groups | Absent | None, names: Names | None, roots: RootLike
) -> dict[Risk, list[str]]:
    """What others than root may run as root without a password, by what it gives."""
    found: dict[Risk, list[str]] = {}
    order = _Order(sudoers, groups, names)
    for at, grant, given in _rated(sudoers, roots):
        if grant.no_password and not order.overruled(at, grant, denied=False):
            found.setdefault(given, []).append(grant_text(grant))
    return found


def as_others(sudoers: Sudoers, roots: RootLike) -> list[str]:
    """Shells without a password as accounts that cannot become root, as far as is known."""
    found = (g for g in sudoers.grants if g.no_password and not _mighty(g, roots))
    return [
        grant_text(grant)
        for grant in found
        if set(grant.who) - ROOT and "(self)" not in grant.runas
        and _gives(sudoers, grant) is Risk.ROOT
    ]  # fmt: skip


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


def grants_of(sudoers: Sudoers, *, free: bool) -> list[Grant]:
    found = (g for _, g in _of_others(sudoers) if not g.command.startswith("!"))
    return [g for g in found if g.no_password or not free]


def loading_lines(sudoers: Sudoers, *, free: bool) -> tuple[str, ...]:
    """The lines that surely let a user load a library into what others than root may run."""
    grants = grants_of(sudoers, free=free)
    found = (p.line for p in sudoers.passed if p.loads and _reached(p, grants))
    return tuple(dict.fromkeys(found))


def handing_lines(sudoers: Sudoers, grants: list[Grant]) -> tuple[str, ...]:
    """The lines that may make commands run code of their user."""
    found = (p.line for p in sudoers.passed if _reached(p, grants) is not False)
    return tuple(dict.fromkeys(found))


def _gives(sudoers: Sudoers, grant: Grant) -> Risk:
    """What a grant gives, with the variables that its user may set."""
    passed_on = [p for p in sudoers.passed if p.variables and _reached(p, [grant])]
    program = program_name(grant.command)
    if grant.setenv or any(follows(program, p.variables) for p in passed_on):
        return Risk.ROOT
    given = _without_exec(risk(grant.command), program) if grant.no_exec else risk(grant.command)
    # Only root reads any file.
    return Risk.UNSEEN if given is Risk.READS and not _mighty(grant, ONLY_ROOT) else given


_PAGERS = frozenset({"less", "more", "most", "pg", "man", "pager", "sensible-pager"})


def _without_exec(given: Risk, program: str) -> Risk:
    """What a command gives that cannot start others (NOEXEC): less still shows any file."""
    if given is Risk.PAGER:
        return Risk.NONE
    if given is Risk.ROOT and program in _PAGERS:
        return Risk.READS if program == "less" else Risk.UNSEEN
    return given


def by_risk(
    sudoers: Sudoers, groups: Groups | Absent | None, names: Names | None, roots: RootLike
) -> dict[Risk, list[Grant]]:
    """What others than root may run as one of `roots`, by what it gives; ROOT is any command."""
    found: dict[Risk, list[Grant]] = {}
    order, loading = _Order(sudoers, groups, names), loading_lines(sudoers, free=False)
    for at, grant, given in _rated(sudoers, roots):
        if grant.command.startswith("!") or order.overruled(at, grant, denied=True):
            continue
        what = Risk.ROOT if loading else given
        found.setdefault(Risk.ROOT if what is Risk.REPLACEABLE else what, []).append(grant)
    return found
