"""The certificates that an endpoint sent, and how the chains were verified."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

import msgspec
from msgspec import Struct

from audit_core.api.sdk import Absent, Answer, Reason, msg
from audit_tls.attempt_results import flight_of
from audit_tls.certificate_parser import Certificate, matches, read_certificate
from audit_tls.outcomes import best_older, is_taken, report_of, taken_in, turned_down
from audit_tls.report import Outcome, Report, Stopped, Trust
from audit_tls.sent_certificates import is_in_order, leads_on, own_of
from audit_tls.speaks_tls import not_tls
from audit_tls.suites import TLCP, TLS12, TLS13, authenticates_with, suites_of
from audit_tls.wire import HelloSubset

_MOST_ISSUERS = 20


class Certificates(Struct, frozen=True, kw_only=True):
    """`own`: the endpoint's own certificates; `issuers`: the others it sent; `path`: those of them
    through which clients go from an own one to an authority; `disordered`: how often a chain came
    in another order than from the own certificate upwards. `unnamed`: own ones in which
    `server_name` is not among the names (empty when no name is declared). `unread` counts
    certificates beyond the first 20, which are not looked at. `unseen`: the kinds of certificates
    that the endpoint has, or may have, and that were not seen. `stapled`: whether an OCSP response
    was sent, None where none was asked for, as it is only where a certificate wants one.
    `stopped`: why probing ended early."""

    server_name: str
    own: tuple[Certificate, ...]
    issuers: tuple[Certificate, ...] = ()
    path: tuple[Certificate, ...] = ()
    disordered: int = 0
    unnamed: tuple[str, ...] = ()
    unread: int = 0
    unseen: tuple[str, ...] = ()
    stapled: bool | None = None
    stopped: Stopped = Stopped.NO


class Chains(Struct, frozen=True, kw_only=True):
    """How the collector's OpenSSL verified the chains: the worst of them, and `unverified`, how
    many certificates of the endpoint's own were seen whose chain was not verified."""

    worst: Trust
    unverified: int = 0


class _Chain(Struct, frozen=True, kw_only=True):
    sent: tuple[Certificate, ...]
    own: tuple[Certificate, ...]
    two: bool = False


def _chains(report: Report) -> Iterable[_Chain]:
    """What came in each flight that had certificates; those beyond the first 22 are not read."""
    for attempt in report.attempts:
        flight = flight_of(attempt)
        if flight.certificates:
            # TLCP sends one to sign and one to encrypt (GB/T 38636-2020, recalled)
            yield _chain(flight.certificates, two=attempt.version == TLCP)
    for trust in report.trusts:
        if trust.chain:
            yield _chain(tuple(bytes.fromhex(der) for der in trust.chain), two=False)


@lru_cache(maxsize=64)  # a server sends the same again and again
def _chain(ders: tuple[bytes, ...], *, two: bool) -> _Chain:
    sent = tuple(map(read_certificate, ders[: _MOST_ISSUERS + 1 + two]))
    return _Chain(sent=sent, own=own_of(sent, two=two), two=two)


def parse_certificates(answer: Answer) -> Certificates | Absent:
    """The certificates that the endpoint sent, each once."""
    report = report_of(answer)
    if (missing := not_tls(report)) is not None:
        return missing
    chains = _different(_chains(report))
    own = _once(c for chain in chains for c in chain.own)
    if not own:
        return Absent(reason=Reason.NOT_COLLECTED, detail=msg("No certificate was received"))
    rest = _others(chains, own)
    name = report.server_name
    return Certificates(
        server_name=name,
        own=own,
        issuers=rest[:_MOST_ISSUERS],
        path=_once(c for chain in chains for c in _path(report, chain)),
        disordered=sum(not is_in_order(chain.sent, chain.own) for chain in chains),
        unnamed=tuple(c.sha256 for c in own if name and not matches(c, name)),
        unread=_count_sent(report) - len(own) - len(rest[:_MOST_ISSUERS]),
        unseen=tuple(_unseen(report, own, chains)),
        stapled=_stapled(report),
        stopped=report.stopped,
    )


def _stapled(report: Report) -> bool | None:
    asked = [a for a in report.attempts if a.narrow is HelloSubset.STATUS and is_taken(a)]
    # nginx answers the first hello before it has fetched a response
    if any(flight_of(a).stapled for a in asked):
        return True
    return False if len(asked) > 1 else None


def _once(certs: Iterable[Certificate]) -> tuple[Certificate, ...]:
    return tuple({c.sha256: c for c in certs}.values())


def _others(chains: Iterable[_Chain], own: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """What was sent besides the endpoint's own certificates."""
    held = {c.sha256 for c in own}
    every = _once(c for chain in chains for c in chain.sent)
    return tuple(c for c in every if c.sha256 not in held)


def _different(chains: Iterable[_Chain]) -> tuple[_Chain, ...]:
    by_what = {(chain.two, *(c.sha256 for c in chain.sent)): chain for chain in chains}
    return tuple(by_what.values())


def _count_sent(report: Report) -> int:
    """How many different certificates were sent."""
    flights = (flight_of(a).certificates for a in report.attempts)
    trusts = (tuple(map(bytes.fromhex, t.chain)) for t in report.trusts)
    return len({der for chain in (*flights, *trusts) for der in chain})


def _path(report: Report, chain: _Chain) -> tuple[Certificate, ...]:
    """Through what clients go: as OpenSSL went where it trusts the chain, else all that may be."""
    found = leads_on(chain.own, chain.sent)
    for trust in report.trusts:
        if trust.path and {trust.path[0]} == {c.sha256 for c in chain.own}:
            return tuple(c for c in found if c.sha256 in trust.path)
    return found


_KINDS = {"RSA": "RSA", "EC": "ECDSA", "Ed25519": "EdDSA", "Ed448": "EdDSA", "DSA": "DSS"}


def _unseen(
    report: Report, own: tuple[Certificate, ...], chains: Iterable[_Chain]
) -> Iterable[str]:
    """The kinds that were not turned down in the versions asked, and that no certificate is."""
    if any(chain.two and len(chain.own) < 2 for chain in chains):
        yield "TLCP"
    asked = [*best_older(report), *([TLS13] if taken_in(report, TLS13) else [])]
    kinds = {_KINDS.get((c.key or "").split(" ", maxsplit=1)[0]) for c in own}
    for kind in ("RSA", "ECDSA", "EdDSA", "DSS"):
        if kind not in kinds and not all(_has_none(report, v, kind) for v in asked):
            yield kind


def _has_none(report: Report, version: int, kind: str) -> bool:
    """Whether `version` shows that there is no certificate of `kind`, or cannot show it."""
    if version == TLS13 and kind == "DSS":
        return True
    if version == TLS13:
        return turned_down(report, TLS13, HelloSubset(kind)).issuperset(suites_of(TLS13))
    if kind == "EdDSA" and version != TLS12:
        return True
    # ECDSA and EdDSA share their suites
    turned = turned_down(report, version)
    if version == TLS12 and kind in ("ECDSA", "EdDSA"):
        if _sends_another(report, HelloSubset(kind)):
            return True
        turned |= turned_down(report, version, HelloSubset(kind))
    by = "ECDSA" if kind == "EdDSA" else kind
    return turned.issuperset(s for s in suites_of(version) if authenticates_with(s) == by)


def _sends_another(report: Report, narrow: HelloSubset) -> bool:
    """Whether a client that takes one kind of keys only was sent another kind in TLS 1.2.

    Java and Go choose by the suite, and end later; a certificate of the kind would be sent first.
    """
    mine = (a for a in report.attempts if (a.version, a.narrow) == (TLS12, narrow) and is_taken(a))
    sent = (flight_of(a).certificates[:1] for a in mine)
    keys = (_KINDS.get((read_certificate(der).key or "").split(" ")[0]) for s in sent for der in s)
    return any(key not in (None, narrow.value) for key in keys)


_WORST = (Outcome.UNTRUSTED, Outcome.UNSETTLED, Outcome.TRUSTED)


def parse_trust(answer: Answer) -> Chains | Absent:
    """The results of the verification of the chains by the collector's OpenSSL."""
    report = report_of(answer)
    if (missing := not_tls(report)) is not None:
        return missing
    if not report.trusts:
        return Absent(reason=Reason.NOT_COLLECTED, detail=msg("The chain was not verified"))
    worst = min(report.trusts, key=lambda t: _WORST.index(t.outcome))
    own = {c.sha256 for chain in _chains(report) for c in chain.own}
    tried = {sha256(bytes.fromhex(t.chain[0])).hexdigest() for t in report.trusts if t.chain}
    return Chains(worst=msgspec.structs.replace(worst, chain=()), unverified=len(own - tried))
