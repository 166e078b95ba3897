"""The connector: asks an endpoint with plain hellos, one connection after another. No handshake of
ours is finished but those that verify the chain, and one to see whether it can be renegotiated.

Bounds: every connection, and all of them together, end at a total deadline, whatever drips in;
bytes are capped; connections are counted.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from audit_core.api.sessions import OneByOne
from audit_core.model import (
    ConnectionContext,
    Message,
    Reply,
    Request,
    Session,
    SessionInfo,
    Status,
    msg,
)
from audit_tls import ssl2
from audit_tls.attempt_results import (
    accepted_suite,
    alert_of,
    flight_of,
    hello_of,
    is_dropped,
    is_refusal,
    is_taken_whole,
    is_tls,
    is_troubled,
    is_unheard,
)
from audit_tls.certificate_parser import read_certificate
from audit_tls.connection import GREETING_S, HELLO_CAP, Connections, talk
from audit_tls.plaintext import plain_protocol
from audit_tls.report import (
    SCHEMA,
    UNKNOWN_ISSUER,
    Attempt,
    Ended,
    Outcome,
    Renegotiation,
    Report,
    Second,
    Stopped,
    TlsAddress,
    Trust,
    Within,
)
from audit_tls.request import TlsHellos
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    authenticates_with,
    common_without_secrecy,
    exchange_of,
    has_forward_secrecy,
    in_offers,
    is_elliptic,
    is_finite_field,
    is_signed,
    is_weak,
    suites_of,
)
from audit_tls.wire import Flight, HelloSubset, client_hello

_EACH_S = 5.0
_FIRST_S = 15.0  # before anything was heard; a server that is slow then has as long for the rest
_FLIGHT_CAP = 1536 << 10
_FLIGHTS_CAP = 3 << 20  # over all connections: in hex, with a chain, below the request's limit
_LOST = 2  # times that a hello without any answer is sent again: packets get lost on the way
_SILENT = 3  # connections in a row without an answer after which asking ends
_STAPLES = 4  # hellos that ask for an OCSP response; nginx fetches one only when it was asked
_STAPLE_S = 0.7
_SLOW_S = 2.0  # an answer that takes longer; no limit on connections is met at this pace
_LIST_S = 60.0  # after which no more suites are listed that decide nothing
_GAP_S = 1.0  # between connections, where there is a limit on them
_LIMIT_S = 5.0  # after which a limit on connections of a second or so lets the next one through
_ORDER = (TLS12, TLS13, TLS10, TLS11, SSL3, TLCP)
_NO_TCP = (Ended.REFUSED, Ended.UNREACHABLE)


class _Stop(Exception):
    """No more may be asked."""

    def __init__(self, why: Stopped) -> None:
        super().__init__(why.value)
        self.why = why


def open(context: ConnectionContext) -> Session:
    """A session that speaks to endpoints; nobody logs in."""
    return OneByOne(asked, SessionInfo(connector="tls"))


def asked(request: Request) -> Reply:
    """The reply with the report of one endpoint as JSON."""
    assert isinstance(request, TlsHellos)  # noqa: S101 (nothing else is accepted)
    try:
        address = str(ipaddress.ip_address(request.address))
    except ValueError:
        why = msg("the address is not an IP address")
        return Reply(request=request, status=Status.UNSUPPORTED, detail=why)
    where = TlsAddress(
        address=address, port=request.port, name=request.server_name, starttls=request.starttls
    )
    report = Asker(where, request.max_connections, request.timeout_s * 0.9).report()
    status, detail = _heard(report)
    stdout = msgspec.json.encode(report)
    return Reply(request=request, status=status, exit_code=0, stdout=stdout, detail=detail)


def _heard(report: Report) -> tuple[Status, Message | None]:
    """ANSWERED where what came says how the endpoint speaks TLS, or that it does not; else why."""
    ended = {a.ended for a in report.attempts}
    if ended == {Ended.DECLINED} or any(is_tls(a) or _is_plain(a) for a in report.attempts):
        return Status.ANSWERED, None
    return _unheard(report, ended)


def _unheard(report: Report, ended: set[Ended]) -> tuple[Status, Message]:
    detail = next((a.detail for a in report.attempts if a.detail is not None), None)
    if Ended.NOT_TLS in ended or Ended.CAPPED in ended:
        return Status.MALFORMED, msg("what answers does not speak TLS: {detail}", detail=detail)
    if Ended.NOT_SERVED in ended:
        return Status.UNREACHABLE, msg(
            "the server did not serve this client: {detail}", detail=detail
        )
    if Ended.TIMED_OUT in ended:
        return Status.TIMED_OUT, detail or msg(
            "the connection was accepted, but no usable answer came in time"
        )
    return Status.UNREACHABLE, _UNHEARD.get(frozenset(ended)) or detail or msg("no connection")


def _is_plain(attempt: Attempt) -> bool:
    return plain_protocol(bytes.fromhex(attempt.reply)) is not None


_UNHEARD = {
    frozenset({Ended.CLOSED}): msg("every connection was closed without an answer"),
    frozenset({Ended.RESET}): msg("every connection was reset without an answer"),
    frozenset({Ended.CLOSED, Ended.RESET}): msg(
        "every connection was closed or reset without an answer"
    ),
    frozenset({Ended.REFUSED}): msg("the connection was refused"),
}


def _asks_for(kind: str, suite: int) -> bool:
    return authenticates_with(suite) == kind


# --- asking ---------------------------------------------------------------------------------------


class Asker:
    """Asks one endpoint within its limits of connections and time."""

    def __init__(self, where: TlsAddress, most: int, seconds: float) -> None:
        self._where, self._left = where, most
        self._deadline = time.monotonic() + seconds
        self._list_until = time.monotonic() + _LIST_S
        self._attempts: list[Attempt] = []
        self._flight_room = _FLIGHTS_CAP
        self._connections = Connections(where)
        self._pace = _FIRST_S
        self._slow = False
        self._silent = 0
        self._refusals = 0
        self._enumerates = False  # no verdict hangs on what is asked then
        self._known: tuple[int, tuple[int, ...]] | None = None  # an offer that was taken
        self._kinds: set[str] = set()  # certificate kinds whose chain has been read
        self._trusts: tuple[Trust, ...] = ()
        self._renegotiation: Renegotiation | None = None
        self._ssl2: Attempt | None = None
        self._gap = 0.0

    def report(self) -> Report:
        """What was asked and answered; `stopped` where the bounds ended it."""
        try:
            stopped = self._until_stopped()
            if stopped is Stopped.SILENCE and self._is_limited():
                stopped = self._until_stopped()
        finally:
            self._connections.close()
        return Report(
            schema=SCHEMA, address=self._where.address, port=self._where.port,
            server_name=self._where.name, starttls=self._where.starttls,
            attempts=tuple(self._attempts), trusts=self._trusts, stopped=stopped,
            renegotiation=self._renegotiation, ssl2=self._ssl2,
        )  # fmt: skip

    def _until_stopped(self) -> Stopped:
        try:
            self._ask_all()
        except _Stop as stop:
            return stop.why
        return Stopped.NO

    def _is_limited(self) -> bool:
        """Whether what was taken is taken again after a while; then everything is asked anew.

        A limit on connections dropped them at the pace of the first time, so that what it left
        says nothing.
        """
        if self._known is None or time.monotonic() + _LIMIT_S >= self._deadline:
            return False
        time.sleep(_LIMIT_S)
        with contextlib.suppress(_Stop):
            if accepted_suite(self._once(*self._known)) is not None:
                self._attempts, self._kinds, self._trusts = [], set(), ()
                self._known, self._silent, self._gap = None, 0, _GAP_S
                self._flight_room = _FLIGHTS_CAP
                return True
        return False

    def _ask_all(self) -> None:
        # what a verdict rests on comes first; the plain enumeration has what is left
        spoken = [v for v in _ORDER if self._speaks(v)]
        if not spoken:
            return
        self._ask_ssl2()
        # what was dropped before anything was taken can be asked between what is taken now
        spoken += [v for v in self._early(spoken) if self._speaks(v)]
        self._control()
        older = [v for v in spoken if v not in (TLS13, TLCP)]
        for version in spoken:
            self._any(version, is_weak)
        for version in (v for v in spoken if v != TLCP):
            self._any(version, has_forward_secrecy)
        for version in older:
            self._compare(version)
        self._control()
        self._key_exchange(older)
        self._protections(spoken, older)
        self._certificates(spoken, older)
        self._control()
        self._staples(older)
        self._verify(older)
        self._renegotiate()
        self._enumerates = True
        for version in spoken if time.monotonic() < self._list_until else ():
            self._enumerate(version)
        self._control()  # the last refusals count only where something is taken after them

    def _ask_ssl2(self) -> None:
        for _ in range(1 + _LOST):
            reply, ended, detail = talk(
                self._where, self._connections, ssl2.client_hello(os.urandom(16)),
                until=self._next(), each=self._pace, left=self._left,
                enough=lambda flight: (flight.over, HELLO_CAP),
            )  # fmt: skip
            self._ssl2 = Attempt(
                version=ssl2.SSL2, offered="", ended=ended, reply=reply[:64].hex(), detail=detail
            )
            if not is_unheard(self._ssl2):
                break

    def _control(self) -> None:
        """Checks whether offers were rejected, or whether the endpoint no longer answers."""
        if self._known is not None:
            self._attempt(*self._known)

    def _doubt_refusal(self) -> None:
        """Checks that accepted offers are still accepted, in a pattern no rate limit matches."""
        self._refusals += 1
        if not self._enumerates and not self._slow:
            for _ in range(1 + self._refusals % 2):
                self._control()

    def _speaks(self, version: int) -> bool:
        for offer in in_offers(suites_of(version)):
            if self._ask(version, offer, whole=True) is not None:
                return True
            last = [a for a in self._attempts if a.version == version][-1]
            if not is_refusal(last) and not (is_dropped(last) and self._known is not None):
                break  # the version stays undetermined, whatever the other answers are
        return False

    def _early(self, spoken: Sequence[int]) -> list[int]:
        """The versions that were dropped or not answered before a handshake was accepted."""
        first = self._known[0] if self._known is not None else _ORDER[0]
        before = _ORDER[: _ORDER.index(first)]
        dropped = {a.version for a in self._attempts if is_dropped(a) or is_unheard(a)}
        return [v for v in before if v in dropped and v not in spoken]

    def _key_exchange(self, older: Sequence[int]) -> None:
        for version in older[:1]:  # primes, curves and certificates are no matter of the version
            self._each(version, is_finite_field, HelloSubset.OWN_PRIMES)
            self._each(version, is_elliptic, HelloSubset.WEAK_CURVES)

    def _protections(self, spoken: Sequence[int], older: Sequence[int]) -> None:
        for version in older[:1]:
            self._ask(version, tuple(sorted(self._taken(version))), narrow=HelloSubset.COMPRESSION)
        # TLS 1.2 below TLS 1.3 is protected in another way (RFC 8446 4.1.3)
        newest = max((v for v in spoken if v != TLCP), default=0)
        below = sorted(v for v in older if v < min(newest, TLS12))
        for version in below[-1:]:
            self._ask(version, tuple(sorted(self._taken(version))), narrow=HelloSubset.FALLBACK)
        signed = tuple(s for s in sorted(self._taken(TLS12)) if is_signed(s))
        if signed:
            self._ask(TLS12, signed, whole=True, narrow=HelloSubset.OLD_SIGNATURES)

    def _certificates(self, spoken: Sequence[int], older: Sequence[int]) -> None:
        for version in older[:1]:
            for kind in ("ECDSA", "RSA", "DSS"):
                self._any(version, partial(_asks_for, kind), whole=True)
        if any(_asks_for("ECDSA", s) for s in self._taken(TLS12)):
            for narrow in (HelloSubset.ECDSA, HelloSubset.EDDSA):  # one kind of suites, two of keys
                self._each(TLS12, partial(_asks_for, "ECDSA"), narrow)
        if TLS13 in spoken:
            for narrow in (HelloSubset.RSA, HelloSubset.ECDSA, HelloSubset.EDDSA):
                self._ask(TLS13, suites_of(TLS13), narrow=narrow)

    def _staples(self, older: Sequence[int]) -> None:
        """Asks for an OCSP response where a certificate says that the server sends one."""
        if not older or not any(map(self._must_staple, self._attempts)):
            return
        for _ in range(_STAPLES):
            suites = tuple(sorted(self._taken(older[0])))
            last = self._attempt(older[0], suites, whole=True, narrow=HelloSubset.STATUS)
            if flight_of(last).stapled:
                break
            self._wait(_STAPLE_S)

    @staticmethod
    def _must_staple(attempt: Attempt) -> bool:
        return any(read_certificate(der).must_staple for der in flight_of(attempt).certificates[:1])

    def _taken(self, version: int) -> set[int]:
        found = (accepted_suite(a) for a in self._attempts if a.version == version)
        return {suite for suite in found if suite is not None}

    def _any(self, version: int, wanted: Callable[[int], bool], *, whole: bool = False) -> None:
        if not any(wanted(s) for s in self._taken(version)):
            self._each(version, wanted, HelloSubset.NO, whole=whole)

    def _each(
        self,
        version: int,
        wanted: Callable[[int], bool],
        narrow: HelloSubset,
        *,
        whole: bool = True,
    ) -> None:
        """Offers the suites that are `wanted`, until one is taken."""
        for offer in in_offers(tuple(filter(wanted, suites_of(version)))):
            if self._ask(version, offer, whole=whole, narrow=narrow) is not None:
                break

    def _compare(self, version: int) -> None:
        """Offers suites with and without forward secrecy together, if no such offer was taken."""
        taken = sorted(filter(has_forward_secrecy, self._taken(version)))
        without = common_without_secrecy(version)
        mine = [a for a in self._attempts if a.version == version]
        if taken and not any(is_taken_whole(a) and without <= a.suites for a in mine):
            self._ask(version, (*taken, *sorted(without)))

    def _enumerate(self, version: int) -> None:
        for wanted in (is_weak, lambda _: True):
            while rest := self._untaken(version, wanted):
                self._ask(version, in_offers(rest)[0])

    def _untaken(self, version: int, wanted: Callable[[int], bool]) -> tuple[int, ...]:
        """The suites still open: neither taken nor part of an offer that was not."""
        taken = self._taken(version)
        asked = [a for a in self._attempts if (a.version, a.narrow) == (version, HelloSubset.NO)]
        missed = (a.suites for a in asked if accepted_suite(a) is None)
        closed = frozenset[int]().union(*missed)
        return tuple(s for s in suites_of(version) if wanted(s) and s not in taken | closed)

    def _ask(
        self, version: int, suites: tuple[int, ...], *, whole: bool = False,
        narrow: HelloSubset = HelloSubset.NO,
    ) -> int | None:  # fmt: skip
        """The suite that was taken, or None; what settles nothing is asked once more, apart."""
        how: dict[str, Any] = {"whole": whole, "narrow": narrow}
        attempt = self._attempt(version, suites, **how)
        if is_refusal(attempt):
            self._doubt_refusal()
        if accepted_suite(attempt) is not None or is_refusal(attempt):
            return accepted_suite(attempt)
        if self._known is not None and is_dropped(attempt):
            return self._insist(version, suites, how)
        if self._known is not None and is_unheard(attempt):
            return None
        alone = not (is_troubled(attempt) or is_dropped(attempt))
        if alone and alert_of(attempt) is None:
            return None
        # a server may fail with its own choice, as Dovecot does with DHE
        return self._first_of(version, (suites,) if alone else _by_exchange(suites), how)

    def _first_of(
        self, version: int, parts: Sequence[tuple[int, ...]], how: dict[str, Any]
    ) -> int | None:
        """The suite that was taken from one of `parts`, asked one after the other."""
        dropped = []
        for part in parts:
            attempt = self._attempt(version, part, **how, extended=True)
            if accepted_suite(attempt) is not None:
                return accepted_suite(attempt)
            dropped += [part] if is_dropped(attempt) else []
        # where others were answered, chance may have dropped these: each is asked by itself
        again = dropped if len(dropped) < len(parts) == len({*parts}) else []
        return next(filter(None, (self._ask(version, part, **how) for part in again)), None)

    def _insist(self, version: int, suites: tuple[int, ...], how: dict[str, Any]) -> int | None:
        """Asks so that only what is offered can be why the connection is dropped, each time.

        Some servers drop instead of answering (Dovecot, GnuTLS in slapd, Windows); limits do, too,
        but not in this order: dropped, taken, dropped twice, taken twice.
        """
        parts = _by_exchange(suites)
        self._control()
        found = self._first_of(version, parts if len(parts) > 1 else (suites, suites), how)
        if found is None:
            self._control()
            self._control()
        return found

    def _attempt(self, version: int, suites: tuple[int, ...], **how: Any) -> Attempt:
        attempt = self._once(version, suites, **how)
        if attempt.ended is Ended.NOT_SERVED and self._connections.one_by_one():
            attempt = self._once(version, suites, **how)
        for again in range(_LOST):
            if self._known is None or not is_unheard(attempt):
                break
            attempt = self._once(version, suites, **how | {"extended": again > 0})
        if version == TLCP and alert_of(attempt) is not None:
            # GmSSL 3.1 refuses every hello with extensions
            bare = self._once(version, suites, **how | {"bare": True})
            attempt = bare if accepted_suite(bare) is not None else attempt
        if self._known is None and accepted_suite(attempt) is not None:
            self._known = (version, suites)
        self._mind(attempt)
        return attempt

    def _once(
        self, version: int, suites: tuple[int, ...], *, whole: bool = False,
        narrow: HelloSubset = HelloSubset.NO, extended: bool = False, bare: bool = False,
    ) -> Attempt:  # fmt: skip
        until = self._next()
        hello = client_hello(
            version,
            suites,
            self._where.name,
            os.urandom(96),
            narrow=narrow,
            extended=extended,
            bare=bare,
        )
        begun = time.monotonic()
        reply, ended, detail = talk(
            self._where, self._connections, hello, until=until, each=self._pace, left=self._left,
            enough=self._enough(whole),
        )  # fmt: skip
        if ended is Ended.ANSWERED and not self._where.starttls:
            took = time.monotonic() - begun
            self._pace = max(_EACH_S, min(2 * took, _FIRST_S))
            self._slow = took > _SLOW_S
        attempt = Attempt(
            version=version, offered="".join(f"{s:04x}" for s in suites), ended=ended,
            reply=reply.hex(), detail=detail, narrow=narrow,
        )  # fmt: skip
        self._flight_room -= len(reply)
        self._attempts.append(attempt)
        return attempt

    def _enough(self, whole: bool) -> Callable[[Flight], tuple[bool, int]]:
        """Whether a flight says all that is wanted, and how many bytes of it may be read."""

        def enough(flight: Flight) -> tuple[bool, int]:
            if flight.over or flight.hello is None:
                return flight.over, HELLO_CAP
            kind = authenticates_with(flight.hello.suite)
            wanted = whole or kind not in self._kinds
            self._kinds.add(kind) if flight.certificates else None
            return not wanted, max(HELLO_CAP, min(_FLIGHT_CAP, self._flight_room))

        return enough

    def _next(self) -> float:
        """When the next connection must end; raises _Stop when there may be none."""
        self._wait(self._gap)
        now = time.monotonic()
        if now >= self._deadline:
            raise _Stop(Stopped.DEADLINE)
        if self._left <= 0:
            raise _Stop(Stopped.CONNECTIONS)
        self._left -= 1
        most = GREETING_S if self._where.starttls else self._pace
        return min(now + most, self._deadline)

    def _wait(self, seconds: float) -> None:
        if seconds:
            time.sleep(max(0.0, min(seconds, self._deadline - time.monotonic())))

    def _mind(self, attempt: Attempt) -> None:
        if attempt.ended in _NO_TCP and len(self._attempts) == 1:
            raise _Stop(Stopped.NO_CONNECTION)
        unheard = attempt.ended is not Ended.ANSWERED and hello_of(attempt) is None
        # before anything was taken, a drop may be how a version is turned down
        counted = unheard and not (is_dropped(attempt) and self._known is None)
        self._silent = self._silent + 1 if counted else 0
        if self._silent >= _SILENT and not self._alive():
            raise _Stop(Stopped.SILENCE)

    def _alive(self) -> bool:
        """Whether what was taken before is taken still."""
        self._silent = 0
        return self._known is not None and accepted_suite(self._once(*self._known)) is not None

    def _verify(self, older: Sequence[int]) -> None:
        """One whole handshake; where there are two kinds of certificates, one for each of them."""
        taken = {authenticates_with(s) for v in older for s in self._taken(v)}
        kinds = [k for k in ("ECDSA", "RSA") if k in taken]
        for kind in kinds if len(kinds) > 1 else [""]:
            self._trusts += (self._trust(kind),)

    def _renegotiate(self) -> None:
        """One handshake is finished, and a second one begun inside it."""
        from audit_tls import renegotiation

        suites = renegotiation.usable(self._taken(TLS12))
        for _ in range(1 + _LOST if suites else 0):
            self._renegotiation = renegotiation.renegotiate(self._where, self._next(), suites)
            if self._renegotiation.second is not Second.UNSETTLED:
                break

    def _trust(self, kind: str) -> Trust:
        found = self._handshake(kind, verify=True)
        if found.outcome is Outcome.UNTRUSTED:
            chain = self._handshake(kind, verify=False).chain
            within = self._within(chain, kind) if found.code in UNKNOWN_ISSUER else None
            return msgspec.structs.replace(found, chain=chain, within=within)
        return found

    def _handshake(self, kind: str, *, verify: bool, anchors: tuple[bytes, ...] = ()) -> Trust:
        """One whole handshake; another one where it came to nothing."""
        from audit_tls import chain

        left = _LOST
        while True:
            found = chain.handshake(self._where, self._next(), kind, verify=verify, anchors=anchors)
            if found.outcome is not Outcome.UNSETTLED or found.chain or not left:
                return found
            left -= 1

    def _within(self, chain: tuple[str, ...], kind: str) -> Within | None:
        """Whether the chain holds where its last issuer is taken for an authority."""
        from audit_tls import chain as verifier

        tops = verifier.tops(tuple(map(bytes.fromhex, chain)))
        if not tops:
            return None
        found = self._handshake(kind, verify=True, anchors=tops)
        if found.outcome is Outcome.UNSETTLED:
            return None
        return Within(code=found.code, detail=found.detail)


def _by_exchange(suites: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """`suites` by how they agree on a key."""
    exchanges = dict.fromkeys(map(exchange_of, suites))
    return tuple(tuple(s for s in suites if exchange_of(s) == exchange) for exchange in exchanges)
