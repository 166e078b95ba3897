"""Counts rejected credentials: one that three targets reject is not tried on a fourth."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from audit_core.model import ConnectError
from audit_core.store.bundles import Login

LOCKOUT = 3


class Names(Struct, frozen=True, kw_only=True):
    """By which names one login counts: those of its own, and those of a host in between."""

    own: frozenset[str] = frozenset()
    between: frozenset[str] = frozenset()

    @property
    def every(self) -> frozenset[str]:
        """The own names and those of hosts in between."""
        return self.own | self.between

    def refused(self, how: Login) -> frozenset[str]:
        """Those that count as refused where the login ended so.

        One that never ended counts for all of them: nobody knows what became of it.
        """
        match how:
            case Login.REFUSED:
                return self.own
            case Login.REFUSED_BETWEEN:
                return self.between
            case Login.BEGUN:
                return self.every
        return frozenset()

    def taken(self, how: Login) -> frozenset[str]:
        """Those that were taken where the login ended so."""
        match how:
            case Login.TAKEN:
                return self.every
            case Login.REFUSED:  # it was offered through the host in between
                return self.between - self.own
        return frozenset()


def ended(error: ConnectError) -> Login:
    """How a login ended, by the error with which it did."""
    if not error.refused:
        return Login.FAILED
    return Login.REFUSED_BETWEEN if error.in_between else Login.REFUSED


class Lockouts:
    """Counts refusals per name: of a credential, or of an account where it is logged in to.

    A login in progress counts as well, as long as the name was accepted nowhere: otherwise
    targets that are contacted at once would all reject it before the third is counted.
    """

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._change = threading.Condition()

    def may_try(self, names: Names) -> bool:
        """Whether each of `names` may be tried, once that is known; then `tried` must follow."""
        held: list[str] = []
        # In the same order for all, so that no two targets wait for each other.
        for name in sorted(names.every):
            if not self._may_try(name):
                for other in held:
                    self._tried(other)
                return False
            held.append(name)
        return True

    def _may_try(self, name: str) -> bool:
        with self._change:
            self._change.wait_for(lambda: not self._in_doubt(name))
            if self._refused[name] >= LOCKOUT:
                return False
            self._open[name] += 1
            return True

    def _in_doubt(self, name: str) -> bool:
        refused, tries = self._refused[name], self._open[name]
        return name not in self._taken and refused < LOCKOUT <= refused + tries

    def tried(self, names: Names, how: Login) -> None:
        """Counts how a login ended."""
        refused, taken = names.refused(how), names.taken(how)
        for name in names.every:
            self._tried(name, taken=name in taken, refused=name in refused)

    def _tried(self, name: str, *, taken: bool = False, refused: bool = False) -> None:
        with self._change:
            self._open[name] -= 1
            self._refused[name] += refused
            if taken:
                self._taken.add(name)
            self._change.notify_all()

    def refused_later(self, names: Names) -> None:
        """Counts a refusal of a credential that was accepted before, as after a server restart."""
        with self._change:
            self._refused.update(names.own)

    def remember(self, before: Sequence[tuple[Names, Login]]) -> None:
        """Counts logins of the same run, made before it was cut off, in their order."""
        with self._change:
            for names, how in before:
                self._taken |= names.taken(how)
                if how is not Login.BEGUN:
                    self._refused.update(names.refused(how))
        self._remember_open(names for names, how in before if how is Login.BEGUN)

    def _remember_open(self, before: Iterable[Names]) -> None:
        """Counts logins that were under way when the run was cut off.

        Where a name was taken, there is no doubt about it.
        """
        with self._change:
            for names in before:
                self._refused.update(names.refused(Login.BEGUN) - self._taken)
