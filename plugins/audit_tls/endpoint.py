"""Which versions, suites and groups an endpoint negotiates."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

from msgspec import Struct

from audit_core.api.sdk import Absent, Answer, Reason, msg
from audit_tls.attempt_results import (
    accepted_suite,
    hello_of,
    is_dropped,
    is_taken_whole,
    not_offered,
    share_of,
    unsettling,
)
from audit_tls.outcomes import best_older, is_refused, is_uneven, report_of, taken_in, turned_down
from audit_tls.report import Ended, Report, Stopped
from audit_tls.speaks_tls import not_tls
from audit_tls.ssl2 import is_server_hello
from audit_tls.suites import (
    TLCP,
    TLS13,
    VERSION_NAMES,
    common_without_secrecy,
    has_forward_secrecy,
    is_elliptic,
    is_finite_field,
    is_weak,
    suite_name,
    suites_of,
)
from audit_tls.wire import GROUP_NAMES, HelloSubset, KeyExchange


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
    how the version was turned down. `preferred`: a suite without forward secrecy that the server
    took from an offer in which suites with it that it takes, too, came first; empty for none, None
    where no answer to such an offer was received.
    """

    name: str
    support: Support
    accepted: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    weak_settled: bool = False
    forward: bool | None = None
    unsettling: tuple[str, ...] = ()
    dropped: str = ""
    preferred: str | None = ""


class Endpoint(Struct, frozen=True, kw_only=True):
    """What the endpoint negotiates. `groups` and `prime_bits` are those seen, not all it has.

    `unsettled`: the versions in which it did not come out whether weak groups are taken. `ssl2`:
    whether a hello of SSL 2.0 was answered with one, None where it was not sent. `uneven`: whether
    what was taken on one connection was turned down on another.
    """

    server_name: str
    versions: tuple[Version, ...]
    groups: tuple[str, ...] = ()
    prime_bits: tuple[int, ...] = ()
    unsettled: tuple[str, ...] = ()
    stopped: Stopped = Stopped.NO
    ssl2: Support | None = None
    uneven: bool = False


_NOTHING = msg("The endpoint rejected every handshake; declare server_name if it needs one")


def parse_endpoint(answer: Answer) -> Endpoint | Absent:
    """What the endpoint negotiates, from the bytes of its replies."""
    report = report_of(answer)
    if (missing := not_tls(report)) is not None:
        return missing
    versions = tuple(version_of(report, v) for v in VERSION_NAMES)
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
        ssl2=_ssl2(report),
        uneven=is_uneven(report),
    )


# Nobody who speaks SSL 2.0 ends the connection, or answers in another way, at a hello of it.
_ANSWERED = (Ended.ANSWERED, Ended.CLOSED, Ended.RESET, Ended.NOT_TLS)


def _ssl2(report: Report) -> Support | None:
    if report.ssl2 is None:
        return None
    if is_server_hello(bytes.fromhex(report.ssl2.reply)):
        return Support.YES
    return Support.NO if report.ssl2.ended in _ANSWERED else Support.UNSETTLED


def version_of(report: Report, version: int) -> Version:
    """The support for one protocol version, with suites, as the attempts show it."""
    taken, turned = taken_in(report, version), turned_down(report, version)
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
        preferred=_preferred(report, version, taken & forward, turned),
    )


def _preferred(
    report: Report, version: int, forward: frozenset[int], turned: frozenset[int]
) -> str | None:
    """The suite without forward secrecy taken before one of `forward` that stood ahead of it.

    Empty for none; None where one that is not `turned` down was never offered beside `forward`.
    """
    compared = turned
    for attempt in (a for a in report.attempts if a.version == version and is_taken_whole(a)):
        suite = accepted_suite(attempt) or 0
        if suite in forward:
            compared |= attempt.suites
        elif not forward.isdisjoint(attempt.order[: attempt.order.index(suite)]):
            return suite_name(suite)
    return "" if compared >= common_without_secrecy(version) else None


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
        if a.version == version and accepted_suite(a) is None and not is_refused(report, i)
    )
    return tuple(dict.fromkeys(words))


def _suite_names(suites: Iterable[int]) -> tuple[str, ...]:
    return tuple(suite_name(s) for s in sorted(suites))


def _shares(report: Report) -> Iterable[KeyExchange]:
    for attempt in report.attempts:
        hello, share = hello_of(attempt), share_of(attempt)
        if accepted_suite(attempt) is not None and hello is not None and hello.group is not None:
            yield KeyExchange(group=GROUP_NAMES.get(hello.group, f"group {hello.group}"))
        if share is not None:
            yield share


def _groups_unsettled(report: Report) -> Iterable[str]:
    """The versions spoken in which no answer tells the prime, or whether weak curves are taken."""
    # primes and curves are no matter of the version: the best before TLS 1.3 is asked
    for version in best_older(report):
        if not _settled(report, version, is_finite_field, HelloSubset.OWN_PRIMES):
            yield f"{VERSION_NAMES[version]} (DHE)"
        if not _settled(report, version, is_elliptic, HelloSubset.WEAK_CURVES):
            yield f"{VERSION_NAMES[version]} (ECDHE)"


def _settled(
    report: Report, version: int, wanted: Callable[[int], bool], narrow: HelloSubset
) -> bool:
    """Whether a share was read in an answer to `narrow`, or all that is `wanted` turned down."""
    mine = [a for a in report.attempts if (a.version, a.narrow) == (version, narrow)]
    if any(accepted_suite(a) is not None for a in mine):
        return any(share_of(a) is not None for a in mine)
    every = {s for s in suites_of(version) if wanted(s)}
    return turned_down(report, version, narrow) >= every
