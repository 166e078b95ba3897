"""The result of one attempt: accepted, rejected, or neither. PURE.

Only an answer turns down. handshake_failure, protocol_version and insufficient_security speak of
what was offered (RFC 5246 7.2.2). internal_error is what OpenSSL 3 says for a version below its
security level, but a server in trouble says it, too: it counts only where everything offered agrees
on keys in one way, so that no choice of the server's own stands between. Any other alert speaks of
the hello, of the name or of the server. A dropped connection alone says nothing: a limit or a
device in between drops, too. It turns down only in an order that no limit has (`outcomes`), for
Windows, Dovecot and GnuTLS drop what they do not accept.
"""

from __future__ import annotations

import contextlib
from functools import lru_cache

from audit_tls.report import Attempt, Ended
from audit_tls.suites import (
    TLCP,
    TLS13,
    exchange_of,
    has_hint,
    is_elliptic,
    is_finite_field,
)
from audit_tls.wire import Flight, HelloSubset, KeyExchange, NotTls, ServerHello, key_exchange

_REFUSALS = frozenset({40, 70, 71})
_INTERNAL_ERROR, _CLOSE_NOTIFY = 80, 0


def flight_of(attempt: Attempt) -> Flight:
    """What the reply says, as far as it can be read."""
    return _flight(attempt.reply)


@lru_cache(maxsize=256)  # one report asks for each of its at most 160 replies several times
def _flight(reply: str) -> Flight:
    flight = Flight()
    with contextlib.suppress(NotTls):  # what stands before it was read; `ended` tells the rest
        flight.feed(bytes.fromhex(reply))
    return flight


def hello_of(attempt: Attempt) -> ServerHello | None:
    """The ServerHello of the attempt; None where none came."""
    return flight_of(attempt).hello


def alert_of(attempt: Attempt) -> int | None:
    """The number of the alert that stands in place of a hello, if there is one."""
    flight = flight_of(attempt)
    return flight.alert[1] if flight.hello is None and flight.alert is not None else None


# Less than the shortest certificate with its signature: an alert of 19 bytes, and extensions.
LEAST_SEALED = 300
OF_KINDS = frozenset({HelloSubset.RSA, HelloSubset.ECDSA, HelloSubset.EDDSA})


def _has_no_certificate(attempt: Attempt) -> bool:
    """Whether a server of TLS 1.3 hung up behind its hello, where it had to send a certificate.

    Java chooses a certificate only then; what it says of that is encrypted.
    """
    asked = attempt.version == TLS13 and attempt.narrow in OF_KINDS
    ended = attempt.ended in (Ended.CLOSED, Ended.RESET)
    return asked and ended and 0 < flight_of(attempt).sealed < LEAST_SEALED


def accepted_suite(attempt: Attempt) -> int | None:
    """The suite the server took, when it took one of those offered in the version asked for."""
    hello = hello_of(attempt)
    if (
        hello is None
        or _has_no_certificate(attempt)
        or hello.version != attempt.version
        or hello.suite not in attempt.suites
    ):
        return None
    return hello.suite


def is_tls(attempt: Attempt) -> bool:
    """Whether a hello or an alert of TLS came."""
    return hello_of(attempt) is not None or alert_of(attempt) is not None


def share_of(attempt: Attempt) -> KeyExchange | None:
    """The group or prime of a key exchange before TLS 1.3, where the reply shows it."""
    suite, body = accepted_suite(attempt), flight_of(attempt).key_exchange
    # anonymous and static suites have a weakness of their own, told elsewhere
    if suite is None or body is None or not (is_finite_field(suite) or is_elliptic(suite)):
        return None
    return key_exchange(body, finite_field=is_finite_field(suite), hint=has_hint(suite))


def is_refusal(attempt: Attempt) -> bool:
    """Whether the answer says that nothing offered will do."""
    hello = hello_of(attempt)
    if hello is not None and _has_no_certificate(attempt):
        return True
    if hello is not None:  # another version than the only one offered
        older = hello.version < attempt.version
        return older or (attempt.version == TLCP and hello.version != TLCP)
    alert = alert_of(attempt)
    in_one_way = len({exchange_of(s) for s in attempt.suites}) == 1
    return alert in _REFUSALS or (alert == _INTERNAL_ERROR and in_one_way)


def is_troubled(attempt: Attempt) -> bool:
    """Whether the server speaks of an error of its own, which another offer may not meet."""
    return alert_of(attempt) == _INTERNAL_ERROR


def is_dropped(attempt: Attempt) -> bool:
    """Whether the connection ended without an answer; close_notify only announces that."""
    ended = attempt.ended in (Ended.CLOSED, Ended.RESET) or alert_of(attempt) == _CLOSE_NOTIFY
    silent = alert_of(attempt) in (None, _CLOSE_NOTIFY)
    return ended and silent and hello_of(attempt) is None


def is_alert(attempt: Attempt) -> bool:
    """Whether an alert that is more than the end of the connection stands in place of a hello."""
    return alert_of(attempt) not in (None, _CLOSE_NOTIFY)


def is_taken_whole(attempt: Attempt) -> bool:
    """Whether a suite was taken where nothing but the suites was narrowed."""
    return attempt.narrow is HelloSubset.NO and accepted_suite(attempt) is not None


def is_unheard(attempt: Attempt) -> bool:
    """Whether nothing came in time, which a lost packet alone can cause."""
    return attempt.ended in (Ended.TIMED_OUT, Ended.UNREACHABLE) and not is_tls(attempt)


def not_offered(attempt: Attempt) -> int | None:
    """The suite of the server's hello, when nobody offered it: no server may take it."""
    hello = hello_of(attempt)
    return hello.suite if hello is not None and hello.suite not in attempt.suites else None


def unsettling(attempt: Attempt) -> str:
    """In a word, why an attempt that is neither taken nor turned down says nothing."""
    alert, hello = alert_of(attempt), hello_of(attempt)
    if hello is not None:
        suite = not_offered(attempt)
        return f"version {hello.version:04X}" if suite is None else f"suite {suite:04X}"
    if alert is not None:
        return f"alert {alert}"
    return attempt.ended.value
