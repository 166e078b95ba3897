"""Why a server could not be logged in to. Pure.

What is not known to be an error of the client or the network counts as a refused login: the harm
would be a locked account.
"""

from __future__ import annotations

from audit_core.model import ConnectError
from audit_database.connect_errors import no_connection, refused

_OF_CLIENT = -70000
"""Numbers up to this one are those of the driver: no connection, no answer, no memory."""
_BUSY = frozenset({-6001, -6010, -6051})  # network errors; too many sessions


def number_of(error: BaseException) -> tuple[int, str]:
    """The number and the text of an error of the driver; 0 where it has none."""
    first = error.args[0] if error.args else ""
    code = getattr(first, "code", 0)
    return code if isinstance(code, int) else 0, str(getattr(first, "message", first))


def not_connected(error: BaseException, place: str) -> ConnectError:
    """What a failed connection to `place` means."""
    number, text = number_of(error)
    if isinstance(error, OSError) or number <= _OF_CLIENT or number in _BUSY:
        return no_connection(place, text)
    return refused(place, text)
