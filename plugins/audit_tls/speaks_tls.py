"""Whether an endpoint speaks TLS at all, and what it speaks instead."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import Absent, Answer, Message, Reason, filled, msg
from audit_tls.attempt_results import is_tls
from audit_tls.outcomes import report_of, taken_in, turned_down
from audit_tls.plaintext import Plain, Use, plain_protocol
from audit_tls.report import Ended, Report
from audit_tls.suites import VERSION_NAMES, protects, suites_of


class Spoken(Struct, frozen=True, kw_only=True):
    """Whether the endpoint speaks TLS. `plain`: what it speaks instead, `declined`: why STARTTLS
    never begins; both None where TLS came at least once. `mixed`: both came. `protects`: a suite
    was taken that encrypts and authenticates; None where that did not come out.
    """

    plain: Plain | None = None
    declined: Message | None = None
    mixed: bool = False
    protects: bool | None = None


def _declined(report: Report) -> Message | None:
    """That the server spoke its protocol each time and did not begin TLS, or None."""
    if not report.attempts or any(a.ended is not Ended.DECLINED for a in report.attempts):
        return None
    return msg("The server declines STARTTLS ({protocol}), so TLS is not used: {detail}",
               protocol=report.starttls, detail=report.attempts[-1].detail)  # fmt: skip


def _plain(report: Report) -> Plain | None:
    """The protocol without TLS that answered at least twice, or None."""
    found = [p for a in report.attempts if (p := plain_protocol(bytes.fromhex(a.reply)))]
    same = {p.protocol for p in found}
    return found[0] if len(found) > 1 and len(same) == 1 else None


def _speaks_tls(report: Report) -> bool:
    return any(map(is_tls, report.attempts))


_INSTEAD = {
    Use.NEVER: msg("{protocol} in plain text answers in place of TLS: {words}"),
    Use.STARTTLS: msg("{protocol} answers in plain text, which may turn to TLS: declare starttls "
                      "where its protocol is supported: {words}"),
    Use.OWN: msg("{protocol} answers, which is not TLS: {words}"),
}  # fmt: skip


def instead(plain: Plain) -> Message:
    """Which protocol answers in place of TLS, for the reader."""
    return filled(_INSTEAD[plain.use], protocol=plain.protocol, words=plain.words)


def not_tls(report: Report) -> Absent | None:
    """Why nothing is known of TLS, where the endpoint shows that it does not speak it."""
    detail, plain = _declined(report), _plain(report)
    if detail is None and plain is not None and not _speaks_tls(report):
        detail = instead(plain)
    return None if detail is None else Absent(reason=Reason.NOT_PRESENT, detail=detail)


def parse_spoken(answer: Answer) -> Spoken:
    """Whether the endpoint speaks TLS, and whether that protects anything."""
    report = report_of(answer)
    plain = _plain(report)
    if _speaks_tls(report):
        return Spoken(mixed=plain is not None, protects=_protects(report))
    return Spoken(plain=plain, declined=_declined(report))


def _protects(report: Report) -> bool | None:
    spoken = [v for v in VERSION_NAMES if taken_in(report, v)]
    if any(protects(s) for v in spoken for s in taken_in(report, v)):
        return True
    settled = all(
        taken_in(report, v) | turned_down(report, v) >= set(suites_of(v)) for v in VERSION_NAMES
    )
    return False if spoken and settled else None
