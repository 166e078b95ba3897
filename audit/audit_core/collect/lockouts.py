"""Who was refused what: a credential that three targets refuse is not tried on a fourth."""

from __future__ import annotations

import threading
from collections import Counter

from audit_core.connectors import TransportError

LOCKOUT = 3


class Lockouts:
    """Counts refusals per credential: one refused by three targets is not tried on a fourth.

    A try whose outcome is open counts as well, as long as the credential was taken nowhere: else
    the targets that are asked at once would all have refused it before the third was counted.
    """

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._change = threading.Condition()

    def may_try(self, credential: str) -> bool:
        """Whether `credential` may be tried, once that can be told; then `tried` must follow."""
        with self._change:
            self._change.wait_for(lambda: not self._in_doubt(credential))
            if self._refused[credential] >= LOCKOUT:
                return False
            self._open[credential] += 1
            return True

    def _in_doubt(self, credential: str) -> bool:
        refused, tries = self._refused[credential], self._open[credential]
        return credential not in self._taken and refused < LOCKOUT <= refused + tries

    def tried(self, credential: str, *, taken: bool = False, refused: bool = False) -> None:
        """Counts how one try ended; neither, where the target did not get as far."""
        with self._change:
            self._open[credential] -= 1
            self._refused[credential] += refused
            if taken:
                self._taken.add(credential)
            self._change.notify_all()

    def may_try_all(self, *credentials: str) -> bool:
        """Whether each of `credentials` may be tried; then `tried` must follow for each."""
        held: list[str] = []
        # In one order for all, or two targets would wait for one another; one name, one try.
        for name in sorted(set(credentials)):
            if not self.may_try(name):
                for other in held:
                    self.tried(other)
                return False
            held.append(name)
        return True

    def tried_through(
        self, own: str, jump: str | None, *, error: TransportError | None, reached: bool
    ) -> None:
        """Counts how a login with `own` ended, by way of a jump host with `jump`, if any."""
        refused = error is not None and error.credential_refused
        if jump is None or jump == own:
            self.tried(own, taken=reached, refused=refused)
            return
        at_jump = error is not None and error.at_jump
        # What the target refused was offered to it through the jump host.
        passed = reached or (refused and not at_jump)
        self.tried(own, taken=reached, refused=refused and not at_jump)
        self.tried(jump, taken=passed, refused=refused and at_jump)
