"""Why a server could not be logged in to. Pure but for the classes of the driver's errors.

A number was sent by the server before it let us in. What is not known to have another reason
counts as a refused login: the harm would be a locked account.
"""

from __future__ import annotations

import ssl

from pytds import tds_base

from audit_core.model import ConnectError, Reason, msg
from audit_database.bounded import TooLarge
from audit_database.connect_errors import no_connection, no_tls, not_verified, refused
from audit_sqlserver.driver import NoTls, SentElsewhere, TlsOnly

# no more connections; paused; in single-user or upgrade mode; out of memory; database not open
_BUSY = frozenset({17809, 17810, 17142, 18401, 18461, 17803, 701, 4060, 4063, 17830})


def not_connected(error: Exception, place: str) -> ConnectError:
    """What a failed connection to `place` means."""
    match error:
        case NoTls():
            return no_tls(place, "")
        case TlsOnly():
            why = msg("{place}: the server takes no login without TLS", place=place)
            return ConnectError(Reason.NOT_PERMITTED, why, remedy=msg("Leave out `tls: plain`"))
        case SentElsewhere():
            return _sent_elsewhere(place)
        case ssl.SSLError():
            return not_verified(place, str(error))
        case tds_base.DatabaseError() if error.msg_no:
            return _by_number(error, place)
        case OSError() | TooLarge():
            return no_connection(place, str(error))
    return no_connection(place, f"not the protocol of SQL Server: {error}")


def _by_number(error: tds_base.DatabaseError, place: str) -> ConnectError:
    words = f"{error.text} ({error.msg_no})"
    return no_connection(place, words) if error.msg_no in _BUSY else refused(place, words)


def _sent_elsewhere(place: str) -> ConnectError:
    why = msg("{place}: the server names another one to log in to", place=place)
    remedy = msg("Declare the server itself, not the listener of an availability group")
    return ConnectError(Reason.UNSUPPORTED, why, remedy=remedy)
