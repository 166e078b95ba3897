"""The questions that an endpoint is asked, those first on which a verdict rests.

Plain hellos, of which no handshake is finished but those that verify the chain, and one to see
whether it can be renegotiated.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from functools import partial

from audit_tls import ssl2
from audit_tls.attempt_results import (
    accepted_suite,
    flight_of,
    is_dropped,
    is_refusal,
    is_taken_whole,
    is_unheard,
)
from audit_tls.certificate_parser import read_certificate
from audit_tls.connection import HELLO_CAP
from audit_tls.hellos import LOST, Hellos, Stop
from audit_tls.report import (
    SCHEMA,
    Attempt,
    Renegotiation,
    Report,
    Stopped,
    TlsAddress,
    Trust,
)
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    authenticates_with,
    common_without_secrecy,
    has_forward_secrecy,
    in_offers,
    is_elliptic,
    is_finite_field,
    is_signed,
    is_weak,
    suites_of,
)
from audit_tls.whole_handshakes import renegotiate, verify
from audit_tls.wire import HelloSubset

_STAPLES = 4  # hellos that ask for an OCSP response; nginx fetches one only when it was asked
_STAPLE_S = 0.7
_LIST_S = 60.0  # after which no more suites are listed that decide nothing
_LIMIT_S = 5.0  # after which a limit on connections of a second or so lets the next one through
_ORDER = (TLS12, TLS13, TLS10, TLS11, SSL3, TLCP)


def _asks_for(kind: str, suite: int) -> bool:
    return authenticates_with(suite) == kind


class Asker:
    """Asks one endpoint within its limits of connections and time."""

    def __init__(self, where: TlsAddress, most: int, seconds: float) -> None:
        self._hellos = Hellos(where, most, seconds)
        self._list_until = time.monotonic() + _LIST_S
        self._trusts: tuple[Trust, ...] = ()
        self._renegotiation: Renegotiation | None = None
        self._ssl2: Attempt | None = None

    def report(self) -> Report:
        """What was asked and answered; `stopped` where the bounds ended it."""
        where = self._hellos.where
        try:
            stopped = self._until_stopped()
            if stopped is Stopped.SILENCE and self._is_limited():
                stopped = self._until_stopped()
        finally:
            self._hellos.connections.close()
        return Report(
            schema=SCHEMA, address=where.address, port=where.port,
            server_name=where.name, starttls=where.starttls,
            attempts=tuple(self._hellos.attempts), trusts=self._trusts, stopped=stopped,
            renegotiation=self._renegotiation, ssl2=self._ssl2,
        )  # fmt: skip

    def _is_limited(self) -> bool:
        """Whether what was taken is taken again after a while; then everything is asked anew.

        A limit on connections dropped them at the pace of the first time, so that what it left
        says nothing.
        """
        if self._hellos.known is None or time.monotonic() + _LIMIT_S >= self._hellos.deadline:
            return False
        time.sleep(_LIMIT_S)
        with contextlib.suppress(Stop):
            if accepted_suite(self._hellos.once(*self._hellos.known)) is not None:
                self._hellos.slow_down()
                self._trusts = ()
                return True
        return False

    def _until_stopped(self) -> Stopped:
        try:
            self._ask_all()
        except Stop as stop:
            return stop.why
        return Stopped.NO

    def _ask_all(self) -> None:
        # what a verdict rests on comes first; the plain enumeration has what is left
        spoken = [v for v in _ORDER if self._speaks(v)]
        if not spoken:
            return
        self._ask_ssl2()
        # what was dropped before anything was taken can be asked between what is taken now
        spoken += [v for v in self._early(spoken) if self._speaks(v)]
        self._hellos.control()
        older = [v for v in spoken if v not in (TLS13, TLCP)]
        for version in spoken:
            self._any(version, is_weak)
        for version in (v for v in spoken if v != TLCP):
            self._any(version, has_forward_secrecy)
        for version in older:
            self._compare(version)
        self._hellos.control()
        self._key_exchange(older)
        self._protections(spoken, older)
        self._certificates(spoken, older)
        self._hellos.control()
        self._staples(older)
        for trust in verify(self._hellos, older):
            self._trusts += (trust,)
        for found in renegotiate(self._hellos):
            self._renegotiation = found
        self._hellos.enumerates = True
        for version in spoken if time.monotonic() < self._list_until else ():
            self._enumerate(version)
        self._hellos.control()  # the last refusals count only where something is taken after them

    def _ask_ssl2(self) -> None:
        for _ in range(1 + LOST):
            reply, ended, detail = self._hellos.talk_plainly(
                ssl2.client_hello(os.urandom(16)), lambda flight: (flight.over, HELLO_CAP)
            )
            self._ssl2 = Attempt(
                version=ssl2.SSL2, offered="", ended=ended, reply=reply[:64].hex(), detail=detail
            )
            if not is_unheard(self._ssl2):
                break

    def _speaks(self, version: int) -> bool:
        for offer in in_offers(suites_of(version)):
            if self._hellos.ask(version, offer, whole=True) is not None:
                return True
            last = [a for a in self._hellos.attempts if a.version == version][-1]
            if not is_refusal(last) and not (is_dropped(last) and self._hellos.known is not None):
                break  # the version stays undetermined, whatever the other answers are
        return False

    def _early(self, spoken: Sequence[int]) -> list[int]:
        """The versions that were dropped or not answered before a handshake was accepted."""
        first = self._hellos.known[0] if self._hellos.known is not None else _ORDER[0]
        before = _ORDER[: _ORDER.index(first)]
        dropped = {a.version for a in self._hellos.attempts if is_dropped(a) or is_unheard(a)}
        return [v for v in before if v in dropped and v not in spoken]

    def _key_exchange(self, older: Sequence[int]) -> None:
        for version in older[:1]:  # primes, curves and certificates are no matter of the version
            self._each(version, is_finite_field, HelloSubset.OWN_PRIMES)
            self._each(version, is_elliptic, HelloSubset.WEAK_CURVES)

    def _protections(self, spoken: Sequence[int], older: Sequence[int]) -> None:
        for version in older[:1]:
            self._hellos.ask(
                version, tuple(sorted(self._hellos.taken(version))), narrow=HelloSubset.COMPRESSION
            )
        # TLS 1.2 below TLS 1.3 is protected in another way (RFC 8446 4.1.3)
        newest = max((v for v in spoken if v != TLCP), default=0)
        below = sorted(v for v in older if v < min(newest, TLS12))
        for version in below[-1:]:
            self._hellos.ask(
                version, tuple(sorted(self._hellos.taken(version))), narrow=HelloSubset.FALLBACK
            )
        signed = tuple(s for s in sorted(self._hellos.taken(TLS12)) if is_signed(s))
        if signed:
            self._hellos.ask(TLS12, signed, whole=True, narrow=HelloSubset.OLD_SIGNATURES)

    def _narrowly(self, version: int, narrow: HelloSubset) -> None:
        self._hellos.ask(version, tuple(sorted(self._hellos.taken(version))), narrow=narrow)

    def _certificates(self, spoken: Sequence[int], older: Sequence[int]) -> None:
        for version in older[:1]:
            for kind in ("ECDSA", "RSA", "DSS"):
                self._any(version, partial(_asks_for, kind), whole=True)
        if any(_asks_for("ECDSA", s) for s in self._hellos.taken(TLS12)):
            for narrow in (HelloSubset.ECDSA, HelloSubset.EDDSA):  # one kind of suites, two of keys
                self._each(TLS12, partial(_asks_for, "ECDSA"), narrow)
        if TLS13 in spoken:
            for narrow in (HelloSubset.RSA, HelloSubset.ECDSA, HelloSubset.EDDSA):
                self._hellos.ask(TLS13, suites_of(TLS13), narrow=narrow)

    def _staples(self, older: Sequence[int]) -> None:
        """Asks for an OCSP response where a certificate says that the server sends one."""
        if not older or not any(map(self._must_staple, self._hellos.attempts)):
            return
        for _ in range(_STAPLES):
            suites = tuple(sorted(self._hellos.taken(older[0])))
            last = self._hellos.attempt(older[0], suites, whole=True, narrow=HelloSubset.STATUS)
            if flight_of(last).stapled:
                break
            self._hellos.wait(_STAPLE_S)

    @staticmethod
    def _must_staple(attempt: Attempt) -> bool:
        return any(read_certificate(der).must_staple for der in flight_of(attempt).certificates[:1])

    def _any(self, version: int, wanted: Callable[[int], bool], *, whole: bool = False) -> None:
        if not any(wanted(s) for s in self._hellos.taken(version)):
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
            if self._hellos.ask(version, offer, whole=whole, narrow=narrow) is not None:
                break

    def _compare(self, version: int) -> None:
        """Offers suites with and without forward secrecy together, if no such offer was taken."""
        taken = sorted(filter(has_forward_secrecy, self._hellos.taken(version)))
        without = common_without_secrecy(version)
        mine = [a for a in self._hellos.attempts if a.version == version]
        if taken and not any(is_taken_whole(a) and without <= a.suites for a in mine):
            self._hellos.ask(version, (*taken, *sorted(without)))

    def _enumerate(self, version: int) -> None:
        for wanted in (is_weak, lambda _: True):
            while rest := self._untaken(version, wanted):
                self._hellos.ask(version, in_offers(rest)[0])

    def _untaken(self, version: int, wanted: Callable[[int], bool]) -> tuple[int, ...]:
        """The suites still open: neither taken nor part of an offer that was not."""
        taken = self._hellos.taken(version)
        asked = [
            a for a in self._hellos.attempts if (a.version, a.narrow) == (version, HelloSubset.NO)
        ]
        missed = (a.suites for a in asked if accepted_suite(a) is None)
        closed = frozenset[int]().union(*missed)
        return tuple(s for s in suites_of(version) if wanted(s) and s not in taken | closed)
