"""Puts offers to an endpoint, one connection after another, and says what became of each.

Bounds: every connection, and all of them together, end at a total deadline, whatever drips in;
bytes are capped; connections are counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from audit_core.model import Message
from audit_tls.attempt_results import (
    LEAST_SEALED,
    OF_KINDS,
    accepted_suite,
    alert_of,
    hello_of,
    is_dropped,
    is_refusal,
    is_troubled,
    is_unheard,
)
from audit_tls.connection import GREETING_S, HELLO_CAP, Connections, talk
from audit_tls.report import Attempt, Ended, Stopped, TlsAddress
from audit_tls.suites import TLCP, TLS13, authenticates_with, exchange_of
from audit_tls.wire import Flight, HelloSubset, client_hello

_EACH_S = 5.0
_FIRST_S = 15.0  # before anything was heard; a server that is slow then has as long for the rest
_FLIGHT_CAP = 1536 << 10
_FLIGHTS_CAP = 3 << 20  # over all connections: in hex, with a chain, below the request's limit
_SERVERS = 3  # behind one address, to each of which an offer goes before it counts as rejected
LOST = 2  # times that a hello without any answer is sent again: packets get lost on the way
_SILENT = 3  # connections in a row without an answer after which asking ends
_SLOW_S = 2.0  # an answer that takes longer; no limit on connections is met at this pace
_GAP_S = 1.0  # between connections, where there is a limit on them
_NO_TCP = (Ended.REFUSED, Ended.UNREACHABLE)


class Stop(Exception):
    """No more may be asked."""

    def __init__(self, why: Stopped) -> None:
        super().__init__(why.value)
        self.why = why


class Hellos:
    """Asks one endpoint within its limits of connections and time; `left` are those to go."""

    def __init__(self, where: TlsAddress, most: int, seconds: float) -> None:
        self.where, self.left = where, most
        self.deadline = time.monotonic() + seconds
        self.enumerates = False  # no verdict hangs on what is asked then
        self.connections = Connections(where)
        self._pace = _FIRST_S
        self.slow = False
        self._refusals = 0
        self._gap = 0.0
        self.forget()

    def forget(self) -> None:
        """Begins anew, as if nothing had been asked."""
        self.attempts: list[Attempt] = []
        self.known: tuple[int, tuple[int, ...]] | None = None  # an offer that was taken
        self._kinds: set[str] = set()  # certificate kinds whose chain has been read
        self._flight_room = _FLIGHTS_CAP
        self._silent = 0

    def slow_down(self) -> None:
        """Begins anew with pauses between the connections."""
        self.forget()
        self._gap = _GAP_S

    def talk_plainly(
        self, hello: bytes, enough: Callable[[Flight], tuple[bool, int]]
    ) -> tuple[bytes, Ended, Message | None]:
        """What came in reply to some bytes: the reply, how it ended, and why."""
        return talk(self.where, self.connections, hello, until=self.next(), each=self._pace,
                    left=self.left, enough=enough)  # fmt: skip

    def control(self) -> None:
        """Checks whether offers were rejected, or whether the endpoint no longer answers."""
        if self.known is not None:
            self.attempt(*self.known)

    def _doubt_refusal(self) -> None:
        """Checks that accepted offers are still accepted, in a pattern no rate limit matches."""
        self._refusals += 1
        if not self.enumerates and not self.slow:
            for _ in range(1 + self._refusals % 2):
                self.control()

    def taken(self, version: int) -> set[int]:
        """The suites that were taken in a version."""
        found = (accepted_suite(a) for a in self.attempts if a.version == version)
        return {suite for suite in found if suite is not None}

    def ask(
        self, version: int, suites: tuple[int, ...], *, whole: bool = False,
        narrow: HelloSubset = HelloSubset.NO,
    ) -> int | None:  # fmt: skip
        """The suite that was taken, or None; what settles nothing is asked once more, apart."""
        how: dict[str, Any] = {"whole": whole, "narrow": narrow}
        attempt = self._anywhere(version, suites, how)
        if is_refusal(attempt):
            self._doubt_refusal()
        if accepted_suite(attempt) is not None or is_refusal(attempt):
            return accepted_suite(attempt)
        if self.known is not None and is_dropped(attempt):
            return self._insist(version, suites, how)
        if self.known is not None and is_unheard(attempt):
            return None
        alone = not (is_troubled(attempt) or is_dropped(attempt))
        if alone and alert_of(attempt) is None:
            return None
        # a server may fail with its own choice, as Dovecot does with DHE
        return self._first_of(version, (suites,) if alone else _by_exchange(suites), how)

    def _anywhere(self, version: int, suites: tuple[int, ...], how: dict[str, Any]) -> Attempt:
        """What became of an offer; one that is turned down is made again, to other servers.

        A balancer hands the next connections to servers that may be set up in another way.
        """
        attempt = self.attempt(version, suites, **how)
        for _ in range(0 if self.enumerates or self.slow else _SERVERS - 1):
            if self.known is None or not is_refusal(attempt):
                break
            attempt = self.attempt(version, suites, **how)
        return attempt

    def _first_of(
        self, version: int, parts: Sequence[tuple[int, ...]], how: dict[str, Any]
    ) -> int | None:
        """The suite that was taken from one of `parts`, asked one after the other."""
        dropped = []
        for part in parts:
            attempt = self.attempt(version, part, **how, extended=True)
            if accepted_suite(attempt) is not None:
                return accepted_suite(attempt)
            dropped += [part] if is_dropped(attempt) else []
        # where others were answered, chance may have dropped these: each is asked by itself
        again = dropped if len(dropped) < len(parts) == len({*parts}) else []
        return next(filter(None, (self.ask(version, part, **how) for part in again)), None)

    def _insist(self, version: int, suites: tuple[int, ...], how: dict[str, Any]) -> int | None:
        """Asks so that only what is offered can be why the connection is dropped, each time.

        Some servers drop instead of answering (Dovecot, GnuTLS in slapd, Windows); limits do, too,
        but not in this order: dropped, taken, dropped twice, taken twice.
        """
        parts = _by_exchange(suites)
        self.control()
        found = self._first_of(version, parts if len(parts) > 1 else (suites, suites), how)
        if found is None:
            self.control()
            self.control()
        return found

    def attempt(self, version: int, suites: tuple[int, ...], **how: Any) -> Attempt:
        """What became of an offer; it is made again where it was lost on the way."""
        attempt = self.once(version, suites, **how)
        if attempt.ended is Ended.NOT_SERVED and self.connections.one_by_one():
            attempt = self.once(version, suites, **how)
        for again in range(LOST):
            if self.known is None or not is_unheard(attempt):
                break
            attempt = self.once(version, suites, **how | {"extended": again > 0})
        if version == TLCP and (alert_of(attempt) is not None or is_dropped(attempt)):
            # GmSSL 3.1 refuses every hello with extensions; others may drop it
            bare = self.once(version, suites, **how | {"bare": True})
            attempt = bare if accepted_suite(bare) is not None else attempt
        if self.known is None and accepted_suite(attempt) is not None:
            self.known = (version, suites)
        self._mind(attempt)
        return attempt

    def once(
        self, version: int, suites: tuple[int, ...], *, whole: bool = False,
        narrow: HelloSubset = HelloSubset.NO, extended: bool = False, bare: bool = False,
    ) -> Attempt:  # fmt: skip
        """What became of an offer on one connection."""
        until = self.next()
        hello = client_hello(
            version,
            suites,
            self.where.name,
            os.urandom(96),
            narrow=narrow,
            extended=extended,
            bare=bare,
        )
        begun = time.monotonic()
        reply, ended, detail = talk(
            self.where, self.connections, hello, until=until, each=self._pace, left=self.left,
            enough=self._enough(whole, certificate=version == TLS13 and narrow in OF_KINDS),
        )  # fmt: skip
        if ended is Ended.ANSWERED and not self.where.starttls:
            took = time.monotonic() - begun
            self._pace = max(_EACH_S, min(2 * took, _FIRST_S))
            self.slow = took > _SLOW_S
        attempt = Attempt(
            version=version, offered="".join(f"{s:04x}" for s in suites), ended=ended,
            reply=reply.hex(), detail=detail, narrow=narrow,
        )  # fmt: skip
        self._flight_room -= len(reply)
        self.attempts.append(attempt)
        return attempt

    def _enough(
        self, whole: bool, *, certificate: bool
    ) -> Callable[[Flight], tuple[bool, int]]:  # fmt: skip
        """Whether a flight says all that is wanted, and how many bytes of it may be read.

        `certificate`: whether one comes is seen by the length of what is encrypted.
        """

        def enough(flight: Flight) -> tuple[bool, int]:
            hello = flight.hello
            if certificate and hello and not hello.retry and flight.alert is None:
                return flight.sealed >= LEAST_SEALED, HELLO_CAP
            if flight.over or flight.hello is None:
                return flight.over, HELLO_CAP
            kind = authenticates_with(flight.hello.suite)
            wanted = whole or kind not in self._kinds
            self._kinds.add(kind) if flight.certificates else None
            return not wanted, max(HELLO_CAP, min(_FLIGHT_CAP, self._flight_room))

        return enough

    def next(self) -> float:
        """When the next connection must end; raises Stop when there may be none."""
        self.wait(self._gap)
        now = time.monotonic()
        if now >= self.deadline:
            raise Stop(Stopped.DEADLINE)
        if self.left <= 0:
            raise Stop(Stopped.CONNECTIONS)
        self.left -= 1
        most = GREETING_S if self.where.starttls else self._pace
        return min(now + most, self.deadline)

    def wait(self, seconds: float) -> None:
        """Waits, but not beyond the deadline."""
        if seconds:
            time.sleep(max(0.0, min(seconds, self.deadline - time.monotonic())))

    def _mind(self, attempt: Attempt) -> None:
        if attempt.ended in _NO_TCP and len(self.attempts) == 1:
            raise Stop(Stopped.NO_CONNECTION)
        unheard = attempt.ended is not Ended.ANSWERED and hello_of(attempt) is None
        # before anything was taken, a drop may be how a version is turned down
        counted = unheard and not (is_dropped(attempt) and self.known is None)
        self._silent = self._silent + 1 if counted else 0
        if self._silent >= _SILENT and not self._alive():
            raise Stop(Stopped.SILENCE)

    def _alive(self) -> bool:
        """Whether what was taken before is taken still."""
        self._silent = 0
        return self.known is not None and accepted_suite(self.once(*self.known)) is not None


def _by_exchange(suites: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """`suites` by how they agree on a key."""
    exchanges = dict.fromkeys(map(exchange_of, suites))
    return tuple(tuple(s for s in suites if exchange_of(s) == exchange) for exchange in exchanges)
