"""Opens sessions: no credential is tried more often than its account can bear."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from audit_core.collect.lockouts import LOCKOUT, Lockouts, Names, ended
from audit_core.connectors import Route
from audit_core.model import ConnectError, Message, Session, msg
from audit_core.store.bundles import Login


def names_of(route: Route) -> Names:
    """By which names a login over `route` counts."""
    return Names(own=frozenset(route.credentials), between=frozenset(route.between))


def _nowhere(how: Login) -> None:
    pass


class Logins:
    """The logins of one command, to all targets together, from any thread."""

    def __init__(self) -> None:
        self._lockouts = Lockouts()

    def remember(self, before: Iterable[tuple[Route, Login]]) -> None:
        """Counts logins of the same run, made before it was cut off, in their order."""
        self._lockouts.remember([(names_of(route), how) for route, how in before])

    def opened(self, route: Route, note: Callable[[Login], None] = _nowhere) -> Session | Message:
        """An open session, or why none is tried. Raises ConnectError and ConfigError.

        `note` stores how far a login came, before it begins and when it has ended.
        """
        names = names_of(route)
        # Between this and `tried` nothing may fail: others wait for how this try ends.
        if not self._lockouts.may_try(names):
            return msg(
                "The credential failed on {count} targets and is not tried on more", count=LOCKOUT
            )
        how = Login.FAILED
        try:
            if names.every:
                note(Login.BEGUN)
            session = route.open()
            how = Login.TAKEN
        except ConnectError as error:
            how = ended(error)
            raise
        finally:
            self._lockouts.tried(names, how)
            if names.every:
                note(how)
        return session

    def refused_later(self, route: Route) -> None:
        """Counts what was refused after it had been taken."""
        self._lockouts.refused_later(names_of(route))
