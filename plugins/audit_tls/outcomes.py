"""What the attempts of a report show together: which offers were taken, which turned down. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from audit_core.api.sdk import Answer, Message, ParseError, msg, verbatim
from audit_tls.attempt_results import (
    accepted_suite,
    hello_of,
    is_alert,
    is_dropped,
    is_refusal,
    is_unheard,
)
from audit_tls.report import SCHEMA, Attempt, Report, Stopped
from audit_tls.suites import SSL3, TLS10, TLS11, TLS12, VERSION_NAMES
from audit_tls.wire import HelloSubset


def report_of(answer: Answer) -> Report:
    """The report of the prober in `answer`; ParseError where it is none."""
    try:
        report = msgspec.json.decode(answer.stdout, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(msg("not a report: {error}", error=verbatim(str(error)))) from error
    chain = [der for trust in report.trusts for der in trust.chain]
    held = [*chain, report.ssl2.reply] if report.ssl2 is not None else chain
    if report.schema != SCHEMA or not all(map(_sound, report.attempts)) or not all(map(_hex, held)):
        raise ParseError(msg("not a report of this prober"))
    return report


def _hex(text: str) -> bool:
    return len(text) % 2 == 0 and not text.strip("0123456789abcdef")


def _sound(attempt: Attempt) -> bool:
    whole = len(attempt.offered) % 4 == 0 and _hex(attempt.offered) and _hex(attempt.reply)
    return whole and attempt.version in VERSION_NAMES


def is_refused(report: Report, index: int) -> bool:
    """Whether attempt `index` shows that none of what it offered is accepted.

    An alert does only where the endpoint accepts something afterwards, and turns down by no alert
    what it accepts at another time: one that turns down everybody says nothing of what was
    offered. A dropped connection says nothing against an alert that came.
    """
    attempt = report.attempts[index]
    if not is_refusal(attempt):
        return False
    if hello_of(attempt) is not None:
        return True
    later = report.attempts[index + 1 :]
    return any(map(is_taken, later)) and not is_uneven(report)


def turned_down(
    report: Report, version: int, narrow: HelloSubset = HelloSubset.NO
) -> frozenset[int]:
    """The suites that were turned down in `version`, when offered with `narrow`."""
    refused = (
        a.suites
        for i, a in enumerate(report.attempts)
        if (a.version, a.narrow) == (version, narrow)
        and (is_refused(report, i) or _dropped_each_time(report, i))
    )
    return frozenset[int]().union(*refused)


# dropped, taken, dropped at least twice, taken twice: no limit drops in this order
_EACH_TIME = re.compile(r"DCDD+CC")
_WINDOW = 24  # as many attempts as are looked at: the parts of an offer, and ones that were lost


def _dropped_each_time(report: Report, index: int) -> bool:
    """Whether what attempt `index` offered was dropped whole and in parts, between ones taken."""
    first = report.attempts[index]
    if not is_dropped(first) or any(is_dropped(a) or is_alert(a) for a in _again(report)):
        return False
    after = report.attempts[index : index + _WINDOW]
    return _EACH_TIME.match("".join(_letter(first, a) for a in after)) is not None


def _letter(first: Attempt, attempt: Attempt) -> str:
    if accepted_suite(attempt) is not None:
        return "C"
    if is_unheard(attempt):  # packets get lost on the way, whatever was offered
        return ""
    same = (attempt.version, attempt.narrow) == (first.version, first.narrow)
    return "D" if same and is_dropped(attempt) and attempt.suites <= first.suites else "?"


def is_uneven(report: Report) -> bool:
    """Whether an offer was taken on one connection and turned down by an alert on another."""
    return any(map(is_alert, _again(report)))


def _again(report: Report) -> Iterator[Attempt]:
    """The attempts with an offer that was taken at this or another time."""
    taken = {(a.version, a.offered, a.narrow) for a in report.attempts if is_taken(a)}
    return (a for a in report.attempts if (a.version, a.offered, a.narrow) in taken)


def is_taken(attempt: Attempt) -> bool:
    """Whether the server took one of the suites offered."""
    return accepted_suite(attempt) is not None


def taken_in(report: Report, version: int, narrow: HelloSubset | None = None) -> frozenset[int]:
    """The suites that were taken in `version`, of offers with `narrow` if it is given."""
    mine = (a for a in report.attempts if a.version == version and narrow in (None, a.narrow))
    return frozenset(s for a in mine if (s := accepted_suite(a)) is not None)


def best_older(report: Report) -> list[int]:
    """The version before TLS 1.3 that most clients use of those spoken, or nothing."""
    return [v for v in (TLS12, TLS10, TLS11, SSL3) if taken_in(report, v)][:1]


_STOPPED = {
    Stopped.DEADLINE: msg("Probing ended early: the endpoint answers slowly, and the time for it "
                          "was used up"),
    Stopped.CONNECTIONS: msg("Probing ended early: the number of connections was used up"),
    Stopped.SILENCE: msg("Probing ended early: several connections in a row had no answer"),
}  # fmt: skip


def why_stopped(stopped: Stopped) -> tuple[Message, ...]:
    """Why probing ended early; empty where everything was asked."""
    return (_STOPPED[stopped],) if stopped in _STOPPED else ()
