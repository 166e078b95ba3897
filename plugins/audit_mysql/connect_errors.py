"""Why a server could not be logged in to. Pure but for the classes of the driver's errors.

A number below 2000 was sent by the server before it let us in. What is not known to have another
reason counts as a refused login: the harm would be a locked account. On MariaDB one that had too
many (`max_password_errors`) is refused for ever, whatever the password.
"""

from __future__ import annotations

import ssl

from audit_core.model import ConnectError, Reason, msg
from audit_database.connect_errors import (
    error_verbatim,
    no_connection,
    no_tls,
    not_verified,
    password_in_clear,
    refused,
)
from audit_mysql.driver import NoTls, ReadableLogin

# too many connections; host or account over its limit; server shutdown; out of memory or threads
_BUSY = frozenset({1040, 1203, 1226, 1053, 1041, 1135})
_NOT_FROM_HERE = frozenset({1129, 1130})  # host blocked after errors, host not allowed
_NO_PLUGIN = frozenset({2059, 2061})
_TLS_ONLY = 3159  # require_secure_transport


def not_connected(error: Exception, place: str) -> ConnectError:
    """What a failed connection to `place` means."""
    match error:
        case NoTls():
            return no_tls(place, "")
        case ReadableLogin():
            return password_in_clear(place)
        case ssl.SSLError():
            return not_verified(place, str(error))
        case OSError():
            return no_connection(place, str(error))
    number, error_text = _parts(error)
    original = getattr(error, "original_exception", None)
    if isinstance(original, ssl.SSLError):
        return not_verified(place, str(original))
    return _not_connected(number, error_text, place)


def _parts(error: Exception) -> tuple[int | None, str]:
    match error.args:
        case (int(number), str(error_text), *_):
            return number, f"{error_text} ({number})"
    return None, f"{error}"


def _not_connected(number: int | None, error_text: str, place: str) -> ConnectError:
    if number is None and "cryptography" in error_text:
        return password_in_clear(place)
    if number is None or number in _BUSY or 2000 <= number < 2059:
        return no_connection(place, error_text)
    quoted = error_verbatim(error_text)
    if number in _NOT_FROM_HERE:
        why = msg(
            "{place}: the server admits no login from here: {error}", place=place, error=quoted
        )
        remedy = msg("Make the account for the address that this machine connects from")
        return ConnectError(Reason.NOT_PERMITTED, why, remedy=remedy, refused=True)
    if number in _NO_PLUGIN:
        why = msg("{place}: the account needs an authentication method that the driver lacks: "
                  "{error}",
                  place=place, error=quoted)  # fmt: skip
        remedy = msg("Make an account with a password: caching_sha2_password, or a similar method")
        return ConnectError(Reason.UNSUPPORTED, why, remedy=remedy)
    if number == _TLS_ONLY:
        why = msg(
            "{place}: the server takes no login without TLS: {error}", place=place, error=quoted
        )
        return ConnectError(Reason.NOT_PERMITTED, why, remedy=msg("Leave out `tls: plain`"))
    return refused(place, error_text)
