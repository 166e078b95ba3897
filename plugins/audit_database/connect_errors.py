"""Why a database server could not be logged in to, in words that hold for each product. Pure."""

from __future__ import annotations

from audit_core.model import ConnectError, Message, Reason, Verbatim, msg, verbatim

_VERIFY: Message = msg(
    "Name the authority of its certificate (tls_ca) and the name in it (tls_name)"
)


def no_connection(place: str, words: str) -> ConnectError:
    """There is no connection to `place`; `words` are those of the driver or the system."""
    return ConnectError(
        Reason.UNREACHABLE,
        msg("{place}: no connection: {error}", place=place, error=error_verbatim(words)),
    )


def no_tls(place: str, words: str) -> ConnectError:
    """The server at `place` speaks without TLS only."""
    why = msg(
        "{place}: the server does not offer TLS: {error}", place=place, error=error_verbatim(words)
    )
    if not words:
        why = msg("{place}: the server does not offer TLS", place=place)
    remedy = msg("Enable TLS on the server; `tls: plain` sends the login in clear text")
    return ConnectError(Reason.UNREACHABLE, why, remedy=remedy)


def not_verified(place: str, words: str) -> ConnectError:
    """TLS failed, or the certificate is not one that is accepted."""
    why = msg(
        "{place}: the server could not be verified: {error}",
        place=place,
        error=error_verbatim(words),
    )
    return ConnectError(Reason.UNREACHABLE, why, remedy=_VERIFY)


def refused(place: str, words: str) -> ConnectError:
    """The login was refused, which counts."""
    why = msg("{place}: the login was refused: {error}", place=place, error=error_verbatim(words))
    return ConnectError(Reason.NOT_PERMITTED, why, refused=True)


def password_in_clear(place: str) -> ConnectError:
    """The server at `place` wants the password itself over a connection without TLS."""
    why = msg("{place}: the server asked for the password itself, which needs TLS", place=place)
    return ConnectError(Reason.NOT_PERMITTED, why, remedy=msg("Leave out `tls: plain`"))


def error_verbatim(words: str) -> Verbatim:
    """The error text of a server or driver: verbatim, at most 500 characters."""
    return verbatim(words.strip()[:500])
