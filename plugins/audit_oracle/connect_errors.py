"""Why a database could not be logged in to. Pure but for the classes of the driver's errors.

A number (ORA-…) was sent by the server. What is not known to have another reason counts as a
refused login: the harm would be a locked account.
"""

from __future__ import annotations

import ssl
from typing import Any

import oracledb

from audit_core.model import ConnectError, Reason, msg
from audit_database.bounded import TooLarge
from audit_database.connect_errors import error_verbatim, no_connection, not_verified, refused
from audit_oracle.driver import SentElsewhere

# listener knows no such service, or has no handler; starting, stopping, restricted; too many
_BUSY = frozenset({
    18, 20, 1033, 1034, 1035, 1090, 1109, 12505, 12514, 12516, 12518, 12519, 12520, 12526, 12528,
})  # fmt: skip
_NO_WAY = ("DPY-3001", "DPY-3010", "DPY-3015")  # encryption, release, or verifier that it lacks


def number_of(error: BaseException) -> tuple[int, str]:
    """The number of an ORA- error, 0 for one of the driver; and its text."""
    first: Any = error.args[0] if error.args else ""
    text = str(getattr(first, "message", first))
    return int(getattr(first, "code", 0) or 0), text.partition("\nHelp: ")[0]


def not_connected(error: BaseException, place: str) -> ConnectError:
    """What a failed connection to `place` means."""
    for cause in (error, error.__cause__):
        match cause:
            case SentElsewhere():
                return _sent_elsewhere(place)
            case ssl.SSLError():
                return not_verified(place, str(cause))
    number, text = number_of(error)
    if isinstance(error, oracledb.Error) and number and number not in _BUSY:
        return refused(place, text)
    if text.startswith(_NO_WAY):
        why = msg("{place}: the driver cannot log in to this server: {error}", place=place,
                  error=error_verbatim(text))  # fmt: skip
        remedy = msg(
            "Use TLS in place of native network encryption, and a password of 11g or later"
        )
        return ConnectError(Reason.UNSUPPORTED, why, remedy=remedy)
    if isinstance(error, (oracledb.Error, OSError, TooLarge)):
        return no_connection(place, text)
    return no_connection(place, f"not the protocol of Oracle: {text}")


def _sent_elsewhere(place: str) -> ConnectError:
    why = msg("{place}: the listener names another address to log in at", place=place)
    remedy = msg("Declare the address of the node itself, not that of a cluster (SCAN)")
    return ConnectError(Reason.UNSUPPORTED, why, remedy=remedy)
