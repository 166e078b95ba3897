"""How handshakes of TLS 1.2 and older are protected."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import Absent, Answer, Message, msg
from audit_tls.attempt_results import accepted_suite, alert_of, hello_of, share_of
from audit_tls.endpoint import Support, version_of
from audit_tls.outcomes import best_older, is_taken, report_of, taken_in, turned_down
from audit_tls.report import Attempt, Report, Second, Stopped
from audit_tls.speaks_tls import not_tls
from audit_tls.suites import SSL3, TLCP, TLS10, TLS11, TLS12, VERSION_NAMES, is_signed, suites_of
from audit_tls.wire import MASTER_SECRET, RENEGOTIATION, HelloSubset, ServerHello


class Handshakes(Struct, frozen=True, kw_only=True):
    """How handshakes before TLS 1.3 are protected; None where that did not come out.

    `older`: a version before TLS 1.3 is accepted, None where that is open. `fallback`: an
    unneeded fallback is rejected, or there is nothing to fall back to. `signatures`: the weak
    algorithms that were used to sign a key exchange of TLS 1.2. `second`: what became of a second
    handshake inside a connection of TLS 1.2, `second_unseen` why that did not come out. `tlcp`:
    before TLS 1.3 only TLCP is accepted, whose handshakes were not looked at. `stopped`: why
    probing ended early.
    """

    older: bool | None
    tlcp: bool = False
    compression: bool | None = None
    renegotiation: bool | None = None
    master_secret: bool | None = None
    fallback: bool | None = None
    signatures: tuple[str, ...] = ()
    signatures_settled: bool = False
    second: Second | None = None
    second_unseen: Message | None = None
    stopped: Stopped = Stopped.NO


_SIGNED = {
    0x0101: "RSA MD5", 0x0201: "RSA SHA-1", 0x0202: "DSA SHA-1", 0x0203: "ECDSA SHA-1",
}  # fmt: skip
_FALLBACK_ALERT = 86
_UNTRIED = msg("no suite of TLS 1.2 was accepted that this client can finish a handshake with")


def parse_handshakes(answer: Answer) -> Handshakes | Absent:
    """How handshakes are protected, from the hellos of the best version before TLS 1.3."""
    report = report_of(answer)
    if (missing := not_tls(report)) is not None:
        return missing
    best = best_older(report)
    if not best:
        support = [version_of(report, v).support for v in (SSL3, TLS10, TLS11, TLS12)]
        none = all(s is Support.NO for s in support)
        tlcp = version_of(report, TLCP).support is Support.YES
        older = False if none and not tlcp else None
        return Handshakes(older=older, tlcp=tlcp, stopped=report.stopped)
    mine = [a for a in report.attempts if a.version == best[0] and is_taken(a)]
    return Handshakes(
        older=True,
        compression=_compresses(mine),
        renegotiation=_all_have(mine, RENEGOTIATION),
        master_secret=_all_have(mine, MASTER_SECRET) if best[0] != SSL3 else False,
        fallback=_fallback(report),
        signatures=_weakly_signed(report),
        signatures_settled=_signatures_settled(report),
        second=report.renegotiation.second if report.renegotiation is not None else None,
        second_unseen=report.renegotiation.detail if report.renegotiation is not None else _UNTRIED,
        stopped=report.stopped,
    )


def _hellos(attempts: Iterable[Attempt]) -> list[ServerHello]:
    return [h for a in attempts if (h := hello_of(a)) is not None]


def _compresses(taken: list[Attempt]) -> bool | None:
    if any(h.compression for h in _hellos(taken)):
        return True
    return False if any(a.narrow is HelloSubset.COMPRESSION for a in taken) else None


def _all_have(taken: list[Attempt], extension: int) -> bool | None:
    """Whether each hello has the extension; None where some have, or there is none."""
    found = {extension in h.extensions for h in _hellos(taken)}
    return found.pop() if len(found) == 1 else None


def _fallback(report: Report) -> bool | None:
    tried = [a for a in report.attempts if a.narrow is HelloSubset.FALLBACK]
    if any(map(is_taken, tried)):
        return False
    if any(alert_of(a) == _FALLBACK_ALERT for a in tried):
        return True
    spoken = [v for v in VERSION_NAMES if v != TLCP and taken_in(report, v)]
    others = [v for v in (SSL3, TLS10, TLS11) if v not in spoken[-1:]]
    return True if all(version_of(report, v).support is Support.NO for v in others) else None


def _weakly_signed(report: Report) -> tuple[str, ...]:
    mine = (a for a in report.attempts if a.version == TLS12 and _is_signed(a))
    numbers = {share.signature for a in mine if (share := share_of(a)) is not None}
    return tuple(_SIGNED[n] for n in sorted(n for n in numbers if n in _SIGNED))


def _is_signed(attempt: Attempt) -> bool:
    suite = accepted_suite(attempt)
    return suite is not None and is_signed(suite)


def _signatures_settled(report: Report) -> bool:
    """Whether every suite of TLS 1.2 that signs was offered with old algorithms only."""
    signed = frozenset(s for s in taken_in(report, TLS12) if is_signed(s))
    if not signed:
        return turned_down(report, TLS12).issuperset(s for s in suites_of(TLS12) if is_signed(s))
    mine = [a for a in report.attempts if a.narrow is HelloSubset.OLD_SIGNATURES]
    read = any(is_taken(a) and (s := share_of(a)) is not None and s.signature for a in mine)
    # a server with two kinds of certificates may have refused for one and signed with the other
    return read or bool(turned_down(report, TLS12, HelloSubset.OLD_SIGNATURES))
