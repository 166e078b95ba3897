"""The prober: asks an endpoint with plain hellos, one connection after another. No handshake of
ours is finished but the two that verify the chain.

Bounds: every connection, and all of them together, end at a total deadline, whatever drips in;
bytes are capped; connections are counted.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import msgspec

from audit_core.hooks import ProbeReply
from audit_core.model import Reason
from audit_tls.report import SCHEMA, Attempt, Ended, Outcome, Report, Stopped, Trust
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    authenticates_with,
    has_forward_secrecy,
    is_finite_field,
    is_weak,
    suites_of,
)
from audit_tls.wire import Flight, NotTls, ServerHello, client_hello

_EACH_S = 5.0
_HELLO_CAP = 64 << 10
_FLIGHT_CAP = 1536 << 10
_FLIGHTS_CAP = 3 << 20  # over all connections: in hex, with a chain, below the request's limit
_SILENT = 3  # connections in a row without an answer after which asking ends
_ORDER = (TLS12, TLS13, TLS10, TLS11, SSL3, TLCP)
_NO_TCP = (Ended.REFUSED, Ended.UNREACHABLE)


class _Stop(Exception):
    """No more may be asked."""

    def __init__(self, why: Stopped) -> None:
        super().__init__(why.value)
        self.why = why


def run(args: dict[str, Any], timeout_s: int, limit: int) -> ProbeReply:
    """The report of one endpoint as JSON. `args`: address, port, server_name, max_connections."""
    try:
        address = str(ipaddress.ip_address(args["address"]))
    except ValueError:
        return ProbeReply(reason=Reason.NOT_COLLECTED, detail="the address is not an IP address")
    most = int(args["max_connections"])
    asker = Asker(address, int(args["port"]), str(args["server_name"] or ""), most, timeout_s * 0.9)
    report = asker.report()
    reason, detail = _nothing_heard(report)
    raw = msgspec.json.encode(report)
    return ProbeReply(stdout=raw[:limit], reason=reason, detail=detail, truncated=len(raw) > limit)


def _nothing_heard(report: Report) -> tuple[Reason | None, str]:
    """Why there is no answer at all, or None where the endpoint spoke TLS at least once."""
    ended = {a.ended for a in report.attempts}
    if any(hello_of(a) or alert_of(a) for a in report.attempts):
        return None, ""
    detail = next((a.detail for a in report.attempts if a.detail), "")
    if Ended.NOT_TLS in ended or Ended.CAPPED in ended:
        return Reason.UNPARSABLE, f"what answers does not speak TLS: {detail}"
    if Ended.TIMED_OUT in ended:
        return Reason.TIMED_OUT, "the connection was accepted and nothing usable was said in time"
    if Ended.CLOSED in ended or Ended.RESET in ended:
        return Reason.UNREACHABLE, "every connection was closed without an answer"
    return Reason.UNREACHABLE, detail or "nothing was asked"


# handshake_failure, illegal_parameter, protocol_version, insufficient_security
_REFUSALS = frozenset({40, 47, 70, 71})


# --- reading an attempt ---------------------------------------------------------------------------


def flight_of(attempt: Attempt) -> Flight:
    """What the reply says, as far as it can be read."""
    return _flight(attempt.reply)


@lru_cache(maxsize=64)  # one report asks for each of its at most 40 replies several times
def _flight(reply: str) -> Flight:
    flight = Flight()
    with contextlib.suppress(NotTls):  # what stands before it was read; `ended` tells the rest
        flight.feed(bytes.fromhex(reply))
    return flight


def hello_of(attempt: Attempt) -> ServerHello | None:
    """The server's hello, if there is one."""
    return flight_of(attempt).hello


def alert_of(attempt: Attempt) -> tuple[int, int] | None:
    """The alert that stands in place of a hello, if there is one."""
    flight = flight_of(attempt)
    return flight.alert if flight.hello is None else None


def accepted_suite(attempt: Attempt) -> int | None:
    """The suite the server took, when it took one of those offered in the version asked for."""
    hello = hello_of(attempt)
    if hello is None or hello.version != attempt.version or hello.suite not in attempt.suites:
        return None
    return hello.suite


def is_refusal(attempt: Attempt) -> bool:
    """Whether an alert says that nothing offered will do."""
    alert = alert_of(attempt)
    return alert is not None and alert[1] in _REFUSALS


def is_doubtful(attempt: Attempt) -> bool:
    """Closed without a word, or ended by an alert that speaks of something else.

    Windows closes, and OpenSSL 3 says internal_error, where a version is switched off.
    """
    if attempt.ended in (Ended.CLOSED, Ended.RESET):
        return not attempt.reply
    return alert_of(attempt) is not None and not is_refusal(attempt)


def _asks_for(kind: str, suite: int) -> bool:
    return authenticates_with(suite) == kind


# --- asking ---------------------------------------------------------------------------------------


class Asker:
    """One endpoint, asked within its bounds."""

    def __init__(self, address: str, port: int, name: str, most: int, seconds: float) -> None:
        self._where, self._name, self._left = (address, port), name, most
        self._deadline = time.monotonic() + seconds
        self._attempts: list[Attempt] = []
        self._flight_room = _FLIGHTS_CAP
        self._silent = 0
        self._doubt = False
        self._kinds: set[str] = set()  # certificate kinds whose chain has been read
        self._trust: Trust | None = None

    def report(self) -> Report:
        """What was asked and answered; `stopped` where the bounds ended it."""
        stopped = Stopped.NO
        try:
            self._ask_all()
        except _Stop as stop:
            stopped = stop.why
        return Report(
            schema=SCHEMA, address=self._where[0], port=self._where[1], server_name=self._name,
            attempts=tuple(self._attempts), trust=self._trust, stopped=stopped,
        )  # fmt: skip

    def _ask_all(self) -> None:
        # what a verdict rests on comes first; the plain enumeration has what is left
        spoken = [v for v in _ORDER if self._first(v)]
        if not spoken:
            return
        self._control(spoken[0])
        for version in spoken:
            self._any(version, is_weak, whole=False)
        self._control(spoken[0])
        self._trust = self._verify()
        for version in (v for v in spoken if v not in (TLS13, TLCP)):
            self._any(version, has_forward_secrecy, whole=False)
            self._any(version, is_finite_field, whole=True)
            for kind in ("ECDSA", "RSA"):
                self._any(version, partial(_asks_for, kind), whole=True)
        for version in spoken:
            self._enumerate(version)
        self._control(spoken[0])

    def _control(self, version: int) -> None:
        """Was the last one turned away for what it offered, or do we hear nothing more?"""
        if self._doubt:
            self._ask(version, suites_of(version))

    def _first(self, version: int) -> bool:
        return self._ask(version, suites_of(version), whole=True) is not None

    def _taken(self, version: int) -> set[int]:
        found = (accepted_suite(a) for a in self._attempts if a.version == version)
        return {suite for suite in found if suite is not None}

    def _any(self, version: int, wanted: Callable[[int], bool], *, whole: bool) -> None:
        if not any(wanted(s) for s in self._taken(version)):
            self._ask(version, tuple(filter(wanted, suites_of(version))), whole=whole)

    def _enumerate(self, version: int) -> None:
        for wanted in (is_weak, lambda _: True):
            while rest := self._untaken(version, wanted):
                if self._ask(version, rest) is None:
                    break

    def _untaken(self, version: int, wanted: Callable[[int], bool]) -> tuple[int, ...]:
        """The suites still open: neither taken nor part of an offer that was turned down."""
        taken = self._taken(version)
        asked = [a for a in self._attempts if a.version == version and accepted_suite(a) is None]
        closed = frozenset[int]().union(*(a.suites for a in asked))
        return tuple(s for s in suites_of(version) if wanted(s) and s not in taken | closed)

    def _ask(self, version: int, suites: Sequence[int], *, whole: bool = False) -> int | None:
        """The suite that was taken, or None; what is doubtful is tried once more."""
        attempt = self._attempt(version, suites, whole=whole)
        if is_doubtful(attempt):
            attempt = self._attempt(version, suites, whole=whole)
        return accepted_suite(attempt)

    def _attempt(self, version: int, suites: Sequence[int], *, whole: bool) -> Attempt:
        until = self._next()
        hello = client_hello(version, suites, self._name, os.urandom(96))
        reply, ended, detail = _talk(self._where, hello, until, self._enough(whole))
        attempt = Attempt(
            version=version, offered="".join(f"{s:04x}" for s in suites), ended=ended,
            reply=reply.hex(), detail=detail,
        )  # fmt: skip
        self._flight_room -= len(reply)
        self._attempts.append(attempt)
        self._mind(attempt)
        return attempt

    def _enough(self, whole: bool) -> Callable[[Flight], tuple[bool, int]]:
        """Whether a flight says all that is wanted, and how many bytes of it may be read."""

        def enough(flight: Flight) -> tuple[bool, int]:
            if flight.over or flight.hello is None:
                return flight.over, _HELLO_CAP
            kind = authenticates_with(flight.hello.suite)
            wanted = whole or kind not in self._kinds
            self._kinds.add(kind) if flight.certificates else None
            return not wanted, max(_HELLO_CAP, min(_FLIGHT_CAP, self._flight_room))

        return enough

    def _next(self) -> float:
        """When the next connection must end; raises _Stop when there may be none."""
        now = time.monotonic()
        if now >= self._deadline:
            raise _Stop(Stopped.DEADLINE)
        if self._left <= 0:
            raise _Stop(Stopped.CONNECTIONS)
        self._left -= 1
        return min(now + _EACH_S, self._deadline)

    def _mind(self, attempt: Attempt) -> None:
        if attempt.ended in _NO_TCP and len(self._attempts) == 1:
            raise _Stop(Stopped.NO_CONNECTION)
        unheard = attempt.ended is not Ended.ANSWERED and hello_of(attempt) is None
        dropped = attempt.ended in (Ended.CLOSED, Ended.RESET)
        self._doubt = is_doubtful(attempt) or (self._doubt and hello_of(attempt) is None)
        self._silent = self._silent + 1 if unheard and not dropped else 0
        if self._silent >= _SILENT:
            raise _Stop(Stopped.SILENCE)

    def _verify(self) -> Trust:
        from audit_tls import chain

        found = chain.handshake(self._where, self._name, self._next(), verify=True)
        if found.outcome is Outcome.UNTRUSTED:
            seen = chain.handshake(self._where, self._name, self._next(), verify=False)
            return msgspec.structs.replace(found, chain=seen.chain)
        return found


def _talk(
    where: tuple[str, int], hello: bytes, until: float, enough: Callable[[Flight], tuple[bool, int]]
) -> tuple[bytes, Ended, str]:
    """What `where` replies to `hello` by `until`: bytes, how it ended, and words about that."""
    try:
        peer = socket.create_connection(where, timeout=max(0.01, until - time.monotonic()))
    except ConnectionRefusedError:
        return b"", Ended.REFUSED, "the connection was refused"
    except ConnectionResetError as error:
        return b"", Ended.RESET, str(error)
    except OSError as error:
        return b"", Ended.UNREACHABLE, f"no connection: {error}"
    with peer:
        return _listen(peer, hello, until, enough)


def _listen(
    peer: socket.socket, hello: bytes, until: float, enough: Callable[[Flight], tuple[bool, int]]
) -> tuple[bytes, Ended, str]:
    flight, reply, cap = Flight(), bytearray(), _HELLO_CAP
    try:
        peer.sendall(hello)
        while len(reply) < cap:
            peer.settimeout(max(0.01, until - time.monotonic()))
            data = peer.recv(min(65536, cap - len(reply)))
            if not data:
                return bytes(reply), Ended.CLOSED, ""
            reply += data
            flight.feed(data)
            done, cap = enough(flight)
            if done:
                return bytes(reply), Ended.ANSWERED, ""
            if time.monotonic() >= until:
                return bytes(reply), Ended.TIMED_OUT, ""
    except NotTls as error:
        return bytes(reply[:_HELLO_CAP]), Ended.NOT_TLS, str(error)
    except TimeoutError:
        return bytes(reply), Ended.TIMED_OUT, ""
    except OSError as error:
        return bytes(reply), Ended.RESET, str(error)
    return bytes(reply), Ended.CAPPED, f"more than {len(reply)} bytes"
