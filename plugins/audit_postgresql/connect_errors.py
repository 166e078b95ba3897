"""Why a server could not be logged in to, by the words of libpq. Pure.

libpq tells no SQLSTATE of a connection that failed, and servers word their errors in their own
language. So what libpq itself says is known by its words, and everything else that came from the
server before it let us in counts as a refused login: the harm would be a locked account.
"""

from __future__ import annotations

import re

from audit_core.model import ConnectError, Reason, msg
from audit_database.connect_errors import (
    error_verbatim,
    no_connection,
    no_tls,
    not_verified,
    password_in_clear,
    refused,
)

_OURS = re.compile(
    r"Connection refused|No route to host|Network is unreachable|timeout expired|timed out"
    r"|server closed the connection|Connection reset|could not (?:connect|receive|send)"
    r"|No such file or directory|could not translate|received invalid|expected authentication"
    r"|protocol version|could not open"
)
_BUSY = re.compile(r"too many clients|remaining connection slots|starting up|shutting down|53300")
_NO_TLS = re.compile(r"server does not support SSL|no encryption|SSL off")
_TLS = re.compile(r"SSL error|certificate|SSL SYSCALL|root\.crt")
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist|permission denied for database')
_IN_CLEAR = re.compile(r"requested a cleartext password|auth(?:entication)? method requirement")
_NO_ENTRY = re.compile(r"no pg_hba\.conf entry|pg_hba\.conf rejects")


def not_connected(words: str, place: str) -> ConnectError:
    """What a failed connection to `place` means, by what libpq reports."""
    error_text = error_verbatim(words)
    if _NO_ENTRY.search(words):
        why = msg(
            "{place}: pg_hba.conf allows no such login: {error}", place=place, error=error_text
        )
        remedy = msg("Add a line to pg_hba.conf for this account, from this address, over TLS")
        return ConnectError(Reason.NOT_PERMITTED, why, remedy=remedy, refused=True)
    if _IN_CLEAR.search(words):
        return password_in_clear(place)
    if _NO_TLS.search(words):
        return no_tls(place, words)
    if _TLS.search(words):
        return not_verified(place, words)
    if _OURS.search(words) or _BUSY.search(words):
        return no_connection(place, words)
    if _NO_DATABASE.search(words):
        why = msg("{place}: the database cannot be used: {error}", place=place, error=error_text)
        return ConnectError(Reason.NOT_PERMITTED, why)
    return refused(place, words)
