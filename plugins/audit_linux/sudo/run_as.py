"""As whom commands of sudo run, and which of these accounts can go on to become root.

An account is as good as root with user id 0, in a group that means root, or with a rule of sudo
that gives it a shell of such an account. `(alice) /bin/bash` is then a way to root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from audit_linux.root_groups import ROOT_GROUPS
from audit_linux.ssh.sshd_match import Names
from audit_linux.sudo.sudoers import Grant

_MOST_STEPS = 50  # accounts that lead to each other


class RootLike(Struct, frozen=True, kw_only=True):
    """Accounts that can become root, each with what lists of sudoers may call it."""

    names: tuple[tuple[str, frozenset[str]], ...] = (("root", frozenset({"root"})),)

    def runs(self, runas: Sequence[str]) -> bool:
        """Whether one of them is in a list of users to run commands as: its last entry holds."""
        return any(_listed(runas, names | {"ALL"}) for _, names in self.names)

    @property
    def others(self) -> tuple[str, ...]:
        """The accounts besides root."""
        return tuple(sorted(name for name, _ in self.names if name != "root"))


def _listed(runas: Sequence[str], names: frozenset[str]) -> bool:
    found = [entry for entry in runas if entry.lstrip("!") in names]
    return bool(found) and not found[-1].startswith("!")


_PLAIN = frozenset({"root", "ALL", "!root", "!ALL", "(self)"})


def names_others(grants: Iterable[Grant]) -> bool:
    """Whether one of these names somebody to run as besides root, or leaves somebody out."""
    return any(len(g.runas) > 1 or not _PLAIN.issuperset(g.runas) for g in grants)


def root_like(giving: Sequence[Grant], names: Names | None) -> RootLike:
    """The accounts as good as root; `giving` are the rules that give a shell, as whomever."""
    groups_of = names.groups_of if names else {}
    uids = names.uids if names else {}
    found = {
        n for n, groups in groups_of.items() if uids.get(n) == 0 or groups & ROOT_GROUPS.keys()
    }
    while True:
        known = RootLike(names=_called({"root", *found}, groups_of, uids))
        more = {n for grant in giving if known.runs(grant.runas)
                for n, groups in groups_of.items() if _is_for(grant, n, groups, uids)}  # fmt: skip
        if more <= found or len(found) > _MOST_STEPS:
            return known
        found |= more


def _is_for(grant: Grant, name: str, groups: frozenset[str], uids: dict[str, int]) -> bool:
    return not _names(name, groups, uids).isdisjoint(grant.who) or "ALL" in grant.who


def _names(name: str, groups: frozenset[str], uids: dict[str, int]) -> frozenset[str]:
    number = f"#{uids[name]}" if uids.get(name) else name
    return frozenset({name, number, *(f"%{group}" for group in groups)})


def _called(
    found: set[str], groups_of: dict[str, frozenset[str]], uids: dict[str, int]
) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple(
        (name, _names(name, groups_of.get(name, frozenset()), uids)) for name in sorted(found)
    )


def unknown(grants: Iterable[Grant], names: Names | None) -> tuple[str, ...]:
    """The users that commands run as and whose rights are not known: those of a directory service,
    or of a group there."""
    if names is not None and names.whole:
        return ()
    local = names.groups_of.keys() if names else frozenset()
    found = {one for grant in grants for one in grant.runas if one not in _PLAIN}
    return tuple(sorted(one for one in found if not one.startswith("!") and one not in local))
