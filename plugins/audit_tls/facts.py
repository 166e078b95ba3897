"""Facts about a TLS endpoint, all from one observation."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256

import msgspec
from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Message,
    ParseError,
    Reason,
    Target,
    fact,
    filled,
    msg,
    verbatim,
)
from audit_tls.certs import Certificate, matches, read_certificate
from audit_tls.plaintext import Plain, Use, plain_protocol
from audit_tls.reading import (
    accepted_suite,
    alert_of,
    flight_of,
    hello_of,
    is_dropped,
    is_refusal,
    not_offered,
    unsettling,
)
from audit_tls.report import SCHEMA, Attempt, Ended, Outcome, Report, Stopped, Trust
from audit_tls.request import TlsHellos
from audit_tls.sent import is_in_order, leads_on, own_of
from audit_tls.starttls import PROTOCOLS
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    VERSION_NAMES,
    authenticates_with,
    has_forward_secrecy,
    has_hint,
    is_elliptic,
    is_finite_field,
    is_signed,
    is_weak,
    protects,
    suite_name,
    suites_of,
)
from audit_tls.wire import (
    GROUP_NAMES,
    MASTER_SECRET,
    RENEGOTIATION,
    KeyExchange,
    Narrow,
    ServerHello,
    key_exchange,
)

_MOST_ISSUERS = 20
_STARTTLS_S = 540  # the greeting of a mail server may come after half a minute, each time


class Support(enum.StrEnum):
    """Whether a protocol version is accepted."""

    YES = "yes"
    NO = "no"
    UNSETTLED = "unsettled"


class Version(Struct, frozen=True, kw_only=True):
    """One protocol version as offered by the endpoint.

    `weak_settled`: every weak suite was either taken or turned down. `forward`: a suite with
    forward secrecy is taken, is not, or None where that did not come out. `unsettling`: how the
    attempts ended that say nothing, each in a word. `dropped`: `closed` or `reset`, where that is
    how the version was turned down.
    """

    name: str
    support: Support
    accepted: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    weak_settled: bool = False
    forward: bool | None = None
    unsettling: tuple[str, ...] = ()
    dropped: str = ""


class Spoken(Struct, frozen=True, kw_only=True):
    """Whether the endpoint speaks TLS. `plain`: what it speaks instead, `declined`: why STARTTLS
    never begins; both None where TLS came at least once. `mixed`: both came. `protects`: a suite
    was taken that encrypts and authenticates; None where that did not come out.
    """

    plain: Plain | None = None
    declined: Message | None = None
    mixed: bool = False
    protects: bool | None = None


class Handshakes(Struct, frozen=True, kw_only=True):
    """How handshakes before TLS 1.3 are protected; None where that did not come out.

    `older`: a version before TLS 1.3 is accepted, None where that is open. `fallback`: an
    unneeded fallback is rejected, or there is nothing to fall back to. `signatures`: the weak
    algorithms that were used to sign a key exchange of TLS 1.2.
    """

    older: bool | None
    compression: bool | None = None
    renegotiation: bool | None = None
    master_secret: bool | None = None
    fallback: bool | None = None
    signatures: tuple[str, ...] = ()
    signatures_settled: bool = False


class Endpoint(Struct, frozen=True, kw_only=True):
    """What the endpoint negotiates. `groups` and `prime_bits` are those seen, not all it has.

    `unsettled`: the versions in which it did not come out whether weak groups are taken.
    """

    server_name: str
    versions: tuple[Version, ...]
    groups: tuple[str, ...] = ()
    prime_bits: tuple[int, ...] = ()
    unsettled: tuple[str, ...] = ()
    stopped: Stopped = Stopped.NO


class Certificates(Struct, frozen=True, kw_only=True):
    """`own`: the endpoint's own certificates; `issuers`: the others it sent; `path`: those of them
    through which clients go from an own one to an authority; `disordered`: how often a chain came
    in another order than from the own certificate upwards. `unnamed`: own ones in which
    `server_name` is not among the names (empty when no name is declared). `unread` counts
    certificates beyond the first 20, which are not looked at. `unseen`: the kinds of certificates
    that the endpoint has, or may have, and that were not seen."""

    server_name: str
    own: tuple[Certificate, ...]
    issuers: tuple[Certificate, ...] = ()
    path: tuple[Certificate, ...] = ()
    disordered: int = 0
    unnamed: tuple[str, ...] = ()
    unread: int = 0
    unseen: tuple[str, ...] = ()


class Chains(Struct, frozen=True, kw_only=True):
    """How the collector's OpenSSL verified the chains: the worst of them, and `unverified`, how
    many certificates of the endpoint's own were seen whose chain was not verified."""

    worst: Trust
    unverified: int = 0


# --- asking ---------------------------------------------------------------------------------------


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _port(settings: dict[str, object]) -> int | None:
    written = str(settings.get("port", "443"))
    if not written.isascii() or not written.isdigit() or len(written) > 5:
        return None
    return int(written) if 0 < int(written) < 65536 else None


def ask(target: Target) -> TlsHellos | Message:
    """The request for `target`, or what the inventory has to declare."""
    port = _port(target.settings)
    if target.address is None or not _is_address(target.address):
        return msg("Declare the IP address of {target}", target=target.id)
    if port is None:
        return msg("Declare the port of {target} as a number from 1 to 65535", target=target.id)
    starttls = target.settings.get("starttls") or ""
    if starttls not in ("", *PROTOCOLS):
        return msg("Declare starttls of {target} as one of {protocols}",
                   target=target.id, protocols=PROTOCOLS)  # fmt: skip
    name = str(target.settings.get("server_name") or target.host_name or "")
    if not name.isascii() or len(name) > 253 or any(c <= " " for c in name):
        return msg("Declare server_name of {target} in its ASCII form", target=target.id)
    asked = TlsHellos(address=target.address, port=port, server_name=name, starttls=starttls)
    return msgspec.structs.replace(asked, timeout_s=_STARTTLS_S) if starttls else asked


# --- reading --------------------------------------------------------------------------------------


def _report(answer: Answer) -> Report:
    try:
        report = msgspec.json.decode(answer.stdout, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(msg("not a report: {error}", error=verbatim(str(error)))) from error
    chain = [der for trust in report.trusts for der in trust.chain]
    if (
        report.schema != SCHEMA
        or not all(map(_sound, report.attempts))
        or not all(map(_hex, chain))
    ):
        raise ParseError(msg("not a report of this prober"))
    return report


def _hex(text: str) -> bool:
    return len(text) % 2 == 0 and not text.strip("0123456789abcdef")


def _sound(attempt: Attempt) -> bool:
    whole = len(attempt.offered) % 4 == 0 and _hex(attempt.offered) and _hex(attempt.reply)
    return whole and attempt.version in VERSION_NAMES


def _refused(report: Report, index: int) -> bool:
    """Whether attempt `index` shows that none of what it offered is accepted.

    An alert does only where the endpoint accepts something afterwards, and what it accepts it
    accepts each time: one that turns down everybody says nothing of what was offered.
    """
    attempt = report.attempts[index]
    if not is_refusal(attempt):
        return False
    if hello_of(attempt) is not None:
        return True
    later = report.attempts[index + 1 :]
    return any(map(_is_taken, later)) and _steady(report)


def _turned(report: Report, version: int, narrow: Narrow = Narrow.NO) -> frozenset[int]:
    """The suites that were turned down in `version`, when offered with `narrow`."""
    refused = (
        a.suites
        for i, a in enumerate(report.attempts)
        if (a.version, a.narrow) == (version, narrow)
        and (_refused(report, i) or _dropped_each_time(report, i))
    )
    return frozenset[int]().union(*refused)


# dropped, taken, dropped at least twice, taken twice: no limit drops in this order
_EACH_TIME = re.compile(r"DCDD+CC")


def _dropped_each_time(report: Report, index: int) -> bool:
    """Whether what attempt `index` offered was dropped whole and in parts, between ones taken."""
    first = report.attempts[index]
    if not is_dropped(first) or not _steady(report):
        return False
    after = report.attempts[index : index + 9]
    return _EACH_TIME.match("".join(_letter(first, a) for a in after)) is not None


def _letter(first: Attempt, attempt: Attempt) -> str:
    if accepted_suite(attempt) is not None:
        return "C"
    same = (attempt.version, attempt.narrow) == (first.version, first.narrow)
    return "D" if same and is_dropped(attempt) and attempt.suites <= first.suites else "?"


def _steady(report: Report) -> bool:
    """Whether nothing that was taken once was dropped or turned down at another time."""
    taken = {(a.version, a.offered, a.narrow) for a in report.attempts if _is_taken(a)}
    again = (a for a in report.attempts if (a.version, a.offered, a.narrow) in taken)
    return not any(is_dropped(a) or alert_of(a) is not None for a in again)


def _is_taken(attempt: Attempt) -> bool:
    return accepted_suite(attempt) is not None


def _taken(report: Report, version: int, narrow: Narrow | None = None) -> frozenset[int]:
    mine = (a for a in report.attempts if a.version == version and narrow in (None, a.narrow))
    return frozenset(s for a in mine if (s := accepted_suite(a)) is not None)


def _version(report: Report, version: int) -> Version:
    taken, turned = _taken(report, version), _turned(report, version)
    everything = frozenset(suites_of(version))
    support = Support.NO if turned >= everything else Support.UNSETTLED
    settled = taken | turned
    forward = {s for s in everything if has_forward_secrecy(s)}
    yes = bool(taken) or _fallen_back_to(report, version)
    return Version(
        name=VERSION_NAMES[version],
        support=Support.YES if yes else support,
        accepted=_suite_names(taken),
        weak=_suite_names(s for s in taken | _not_asked(report, version) if is_weak(s)),
        weak_settled=settled.issuperset(s for s in everything if is_weak(s)),
        forward=True if taken & forward else False if forward <= turned else None,
        unsettling=_unsettling(report, version),
        dropped="" if yes or support is not Support.NO else _drops(report, version),
    )


def _fallen_back_to(report: Report, version: int) -> bool:
    """Whether a hello of a newer version was answered in `version`: a server may (RFC 5246 E.1)."""
    hellos = ((a, hello_of(a)) for a in report.attempts if TLCP < version < a.version < TLS13)
    return any(h is not None and h.version == version and h.suite in a.suites for a, h in hellos)


def _not_asked(report: Report, version: int) -> frozenset[int]:
    """Suites that the server took in `version` though they were not offered."""
    mine = (a for a in report.attempts if a.version == version)
    took = ((hello_of(a), not_offered(a)) for a in mine)
    return frozenset(s for h, s in took if s is not None and h is not None and h.version == version)


def _drops(report: Report, version: int) -> str:
    mine = (a for a in report.attempts if a.version == version and is_dropped(a))
    return next((Ended.RESET if a.ended is Ended.RESET else Ended.CLOSED for a in mine), "")


def _unsettling(report: Report, version: int) -> tuple[str, ...]:
    words = (
        unsettling(a)
        for i, a in enumerate(report.attempts)
        if a.version == version and accepted_suite(a) is None and not _refused(report, i)
    )
    return tuple(dict.fromkeys(words))


def _suite_names(suites: Iterable[int]) -> tuple[str, ...]:
    return tuple(suite_name(s) for s in sorted(suites))


def _shares(report: Report) -> Iterable[KeyExchange]:
    for attempt in report.attempts:
        hello, share = hello_of(attempt), _share(attempt)
        if accepted_suite(attempt) is not None and hello is not None and hello.group is not None:
            yield KeyExchange(group=GROUP_NAMES.get(hello.group, f"group {hello.group}"))
        if share is not None:
            yield share


def _share(attempt: Attempt) -> KeyExchange | None:
    suite, body = accepted_suite(attempt), flight_of(attempt).key_exchange
    # anonymous and static suites have a weakness of their own, told elsewhere
    if suite is None or body is None or not (is_finite_field(suite) or is_elliptic(suite)):
        return None
    return key_exchange(body, finite_field=is_finite_field(suite), hint=has_hint(suite))


def _groups_unsettled(report: Report) -> Iterable[str]:
    """The versions spoken in which no answer tells the prime, or whether weak curves are taken."""
    # primes and curves are no matter of the version: the best before TLS 1.3 is asked
    for version in _best_older(report):
        if not _settled(report, version, is_finite_field, Narrow.OWN_PRIMES):
            yield f"{VERSION_NAMES[version]} (DHE)"
        if not _settled(report, version, is_elliptic, Narrow.WEAK_CURVES):
            yield f"{VERSION_NAMES[version]} (ECDHE)"


def _best_older(report: Report) -> list[int]:
    return [v for v in (TLS12, TLS10, TLS11, SSL3) if _taken(report, v)][:1]


def _settled(report: Report, version: int, wanted: Callable[[int], bool], narrow: Narrow) -> bool:
    """Whether a share was read in an answer to `narrow`, or all that is `wanted` turned down."""
    mine = [a for a in report.attempts if (a.version, a.narrow) == (version, narrow)]
    if any(accepted_suite(a) is not None for a in mine):
        return any(_share(a) is not None for a in mine)
    return _turned(report, version, narrow).issuperset(s for s in suites_of(version) if wanted(s))


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
    return any(hello_of(a) or alert_of(a) is not None for a in report.attempts)


_INSTEAD = {
    Use.NEVER: msg("{protocol} in plain text answers in place of TLS: {words}"),
    Use.STARTTLS: msg("{protocol} answers in plain text, which may turn to TLS: declare starttls "
                      "where its protocol is supported: {words}"),
    Use.OWN: msg("{protocol} answers, which is not TLS: {words}"),
}  # fmt: skip


def instead(plain: Plain) -> Message:
    """What speaks in place of TLS."""
    return filled(_INSTEAD[plain.use], protocol=plain.protocol, words=plain.words)


def _not_tls(report: Report) -> Absent | None:
    """Why nothing is known of TLS, where the endpoint shows that it does not speak it."""
    detail, plain = _declined(report), _plain(report)
    if detail is None and plain is not None and not _speaks_tls(report):
        detail = instead(plain)
    return None if detail is None else Absent(reason=Reason.NOT_PRESENT, detail=detail)


_SIGNED = {
    0x0101: "RSA MD5", 0x0201: "RSA SHA-1", 0x0202: "DSA SHA-1", 0x0203: "ECDSA SHA-1",
}  # fmt: skip
_FALLBACK_ALERT = 86


def parse_handshakes(answer: Answer) -> Handshakes | Absent:
    """How handshakes are protected, from the hellos of the best version before TLS 1.3."""
    report = _report(answer)
    if (missing := _not_tls(report)) is not None:
        return missing
    best = _best_older(report)
    if not best:
        support = [_version(report, v).support for v in (SSL3, TLS10, TLS11, TLS12)]
        none = all(s is Support.NO for s in support)
        return Handshakes(older=False if none else None)
    mine = [a for a in report.attempts if a.version == best[0] and _is_taken(a)]
    return Handshakes(
        older=True,
        compression=_compresses(mine),
        renegotiation=_all_have(mine, RENEGOTIATION),
        master_secret=_all_have(mine, MASTER_SECRET) if best[0] != SSL3 else False,
        fallback=_fallback(report),
        signatures=_weakly_signed(report),
        signatures_settled=_signatures_settled(report),
    )


def _hellos(attempts: Iterable[Attempt]) -> list[ServerHello]:
    return [h for a in attempts if (h := hello_of(a)) is not None]


def _compresses(taken: list[Attempt]) -> bool | None:
    if any(h.compression for h in _hellos(taken)):
        return True
    return False if any(a.narrow is Narrow.COMPRESSION for a in taken) else None


def _all_have(taken: list[Attempt], extension: int) -> bool | None:
    """Whether each hello has the extension; None where some have, or there is none."""
    found = {extension in h.extensions for h in _hellos(taken)}
    return found.pop() if len(found) == 1 else None


def _fallback(report: Report) -> bool | None:
    tried = [a for a in report.attempts if a.narrow is Narrow.FALLBACK]
    if any(map(_is_taken, tried)):
        return False
    if any(alert_of(a) == _FALLBACK_ALERT for a in tried):
        return True
    spoken = [v for v in VERSION_NAMES if v != TLCP and _taken(report, v)]
    others = [v for v in (SSL3, TLS10, TLS11) if v not in spoken[-1:]]
    return True if all(_version(report, v).support is Support.NO for v in others) else None


def _weakly_signed(report: Report) -> tuple[str, ...]:
    mine = (a for a in report.attempts if a.version == TLS12 and _is_signed(a))
    numbers = {share.signature for a in mine if (share := _share(a)) is not None}
    return tuple(_SIGNED[n] for n in sorted(n for n in numbers if n in _SIGNED))


def _is_signed(attempt: Attempt) -> bool:
    suite = accepted_suite(attempt)
    return suite is not None and is_signed(suite)


def _signatures_settled(report: Report) -> bool:
    """Whether every suite of TLS 1.2 that signs was offered with old algorithms only."""
    signed = frozenset(s for s in _taken(report, TLS12) if is_signed(s))
    if not signed:
        return _turned(report, TLS12).issuperset(s for s in suites_of(TLS12) if is_signed(s))
    mine = [a for a in report.attempts if a.narrow is Narrow.OLD_SIGNATURES]
    read = any(_is_taken(a) and (s := _share(a)) is not None and s.signature for a in mine)
    # a server with two kinds of certificates may have refused for one and signed with the other
    return read or bool(_turned(report, TLS12, Narrow.OLD_SIGNATURES))


def parse_spoken(answer: Answer) -> Spoken:
    """Whether the endpoint speaks TLS, and whether that protects anything."""
    report = _report(answer)
    plain = _plain(report)
    if _speaks_tls(report):
        return Spoken(mixed=plain is not None, protects=_protects(report))
    return Spoken(plain=plain, declined=_declined(report))


def _protects(report: Report) -> bool | None:
    spoken = [v for v in VERSION_NAMES if _taken(report, v)]
    if any(protects(s) for v in spoken for s in _taken(report, v)):
        return True
    settled = all(
        (_taken(report, v) | _turned(report, v)).issuperset(suites_of(v)) for v in VERSION_NAMES
    )
    return False if spoken and settled else None


_NOTHING = msg("The endpoint rejected every handshake; declare server_name if it needs one")


def parse_endpoint(answer: Answer) -> Endpoint | Absent:
    """What the endpoint negotiates, from the bytes of its replies."""
    report = _report(answer)
    if (missing := _not_tls(report)) is not None:
        return missing
    versions = tuple(_version(report, v) for v in VERSION_NAMES)
    if all(v.support is not Support.YES for v in versions):
        return Absent(reason=Reason.NOT_COLLECTED, detail=_NOTHING)
    shares = tuple(_shares(report))
    unsettled = tuple(_groups_unsettled(report))
    return Endpoint(
        server_name=report.server_name,
        versions=versions,
        groups=tuple(sorted({s.group for s in shares})),
        prime_bits=tuple(sorted({s.prime_bits for s in shares if s.prime_bits is not None})),
        unsettled=unsettled,
        stopped=report.stopped,
    )


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
    """The certificates that were sent, each once."""
    report = _report(answer)
    if (missing := _not_tls(report)) is not None:
        return missing
    chains = _different(_chains(report))
    own = _once(c for chain in chains for c in chain.own)
    if not own:
        return Absent(reason=Reason.NOT_COLLECTED, detail=msg("No certificate was received"))
    held = {c.sha256 for c in own}
    rest = [c for c in _once(c for chain in chains for c in chain.sent) if c.sha256 not in held]
    name = report.server_name
    return Certificates(
        server_name=name,
        own=own,
        issuers=tuple(rest[:_MOST_ISSUERS]),
        path=_once(c for chain in chains for c in _path(report, chain)),
        disordered=sum(not is_in_order(chain.sent, chain.own) for chain in chains),
        unnamed=tuple(c.sha256 for c in own if name and not matches(c, name)),
        unread=_count_sent(report) - len(own) - len(rest[:_MOST_ISSUERS]),
        unseen=tuple(_unseen(report, own, chains)),
    )


def _once(certs: Iterable[Certificate]) -> tuple[Certificate, ...]:
    return tuple({c.sha256: c for c in certs}.values())


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
    asked = [*_best_older(report), *([TLS13] if _taken(report, TLS13) else [])]
    seen = {_KINDS.get((c.key or "").split(" ", maxsplit=1)[0]) for c in own}
    for kind in ("RSA", "ECDSA", "EdDSA", "DSS"):
        if kind not in seen and not all(_has_none(report, v, kind) for v in asked):
            yield kind


def _has_none(report: Report, version: int, kind: str) -> bool:
    """Whether `version` shows that there is no certificate of `kind`, or cannot show it."""
    if version == TLS13:
        return kind == "DSS" or _turned(report, TLS13, Narrow(kind)).issuperset(suites_of(TLS13))
    if kind == "EdDSA" and version != TLS12:
        return True
    # ECDSA and EdDSA share their suites
    turned = _turned(report, version)
    if version == TLS12 and kind in ("ECDSA", "EdDSA"):
        turned |= _turned(report, version, Narrow(kind))
    by = "ECDSA" if kind == "EdDSA" else kind
    return turned.issuperset(s for s in suites_of(version) if authenticates_with(s) == by)


_WORST = (Outcome.UNTRUSTED, Outcome.UNSETTLED, Outcome.TRUSTED)


def parse_trust(answer: Answer) -> Chains | Absent:
    """How the collector's OpenSSL verified the chains."""
    report = _report(answer)
    if (missing := _not_tls(report)) is not None:
        return missing
    if not report.trusts:
        return Absent(reason=Reason.NOT_COLLECTED, detail=msg("The chain was not verified"))
    worst = min(report.trusts, key=lambda t: _WORST.index(t.outcome))
    own = {c.sha256 for chain in _chains(report) for c in chain.own}
    tried = {sha256(bytes.fromhex(t.chain[0])).hexdigest() for t in report.trusts if t.chain}
    return Chains(worst=msgspec.structs.replace(worst, chain=()), unverified=len(own - tried))


ENDPOINT = fact("tls.endpoint", Endpoint, ask=ask, parse=parse_endpoint, kind="endpoint")
CERTIFICATES = fact(
    "tls.certificates", Certificates, ask=ask, parse=parse_certificates, kind="endpoint"
)
TRUST = fact("tls.trust", Chains, ask=ask, parse=parse_trust, kind="endpoint")

SPOKEN = fact("tls.spoken", Spoken, ask=ask, parse=parse_spoken, kind="endpoint")

HANDSHAKES = fact("tls.handshakes", Handshakes, ask=ask, parse=parse_handshakes, kind="endpoint")

FACTS = (ENDPOINT, CERTIFICATES, TRUST, SPOKEN, HANDSHAKES)
