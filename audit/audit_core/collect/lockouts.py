"""Who was refused what: a credential that three targets refuse is not tried on a fourth."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from audit_core.model import ConnectError

LOCKOUT = 3


class Lockouts:
    """Counts refusals per name: of a credential, or of an account where it is logged in to.

    A try whose outcome is open counts as well, as long as the name was taken nowhere: else the
    targets that are asked at once would all have refused it before the third was counted.
    """

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._change = threading.Condition()

    def may_try(self, names: Iterable[str]) -> bool:
        """Whether each of `names` may be tried, once that can be told; then `tried` must follow."""
        held: list[str] = []
        # In one order for all, or two targets would wait for one another; one name, one try.
        for name in sorted(set(names)):
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

    def tried(
        self,
        own: Iterable[str],
        between: Iterable[str] = (),
        *,
        error: ConnectError | None,
        reached: bool,
    ) -> None:
        """Counts how a login ended with the names `own`, by way of a host with those `between`."""
        own, between = set(own), set(between)
        refused: set[str] = set()
        taken = own | between if reached else set()
        if error is not None and error.refused:
            refused = between if error.in_between else own
            # What the target refused was offered to it through the host in between.
            taken = set() if error.in_between else between - own
        for name in own | between:
            self._tried(name, taken=name in taken, refused=name in refused)

    def _tried(self, name: str, *, taken: bool = False, refused: bool = False) -> None:
        with self._change:
            self._open[name] -= 1
            self._refused[name] += refused
            if taken:
                self._taken.add(name)
            self._change.notify_all()

    def refused_later(self, names: Iterable[str]) -> None:
        """Counts a refusal of what was taken before, as by a server that was begun anew."""
        with self._change:
            self._refused.update(set(names))
