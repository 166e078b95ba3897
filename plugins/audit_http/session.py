"""Answers requests from a web server. Runs in a worker process.

With a token, the first request tells whether it is accepted, as a login does. Nothing that a server
says leads to another host than the one of the inventory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from audit_core.api.sdk import settings_of
from audit_core.api.sessions import OneByOne, cut_reply
from audit_core.model import (
    ConnectError,
    ConnectionContext,
    Message,
    Reason,
    Reply,
    Request,
    SessionInfo,
    Status,
    msg,
    verbatim,
)
from audit_http.client import Client, Got
from audit_http.kind import WebAccess, WebSettings
from audit_http.model import Cookie, Ended, Head, Hop, Opened, Timed
from audit_http.prometheus import Figure, PrometheusQuery, PrometheusSettings, read
from audit_http.reading import cookies_in, kept_headers, opened_text
from audit_http.request import HttpOpen, HttpPage, HttpTimes
from audit_http.risk_engine import Figures as RiskValues
from audit_http.risk_engine import RiskEngineSettings, RiskFigures, figures
from audit_http.urls import host_of, joined, server_of, shown

_HOPS = 6
_OPEN_CAP = 64 << 10  # of an answer whose text is only looked at
_TIMED_CAP = 256 << 10
_LOGIN_S = 20
_QUERY_S = 20  # a query; Prometheus ends it by itself
_IN_A_ROW = 5  # calls without an answer after which no more are made
_STATUS = {
    Ended.REFUSED: Status.UNREACHABLE, Ended.UNREACHABLE: Status.UNREACHABLE,
    Ended.CLOSED: Status.UNREACHABLE, Ended.TIMED_OUT: Status.TIMED_OUT,
    Ended.NOT_VERIFIED: Status.UNREACHABLE, Ended.NO_TLS: Status.MALFORMED,
    Ended.NOT_HTTP: Status.MALFORMED,
}  # fmt: skip


def open(context: ConnectionContext) -> OneByOne:
    """A session with the server of the target; a token is tried once."""
    return _Session(context).begun()


def _declared_url(context: ConnectionContext) -> str:
    if context.target.kind == "prometheus":
        return settings_of(context.target, PrometheusSettings).url
    if context.target.kind == "risk_engine":
        return settings_of(context.target, RiskEngineSettings).url
    return settings_of(context.target, WebSettings).url


class _Session:
    def __init__(self, context: ConnectionContext) -> None:
        self._access: WebAccess = context.access
        self._url = _declared_url(context)
        self._address = context.address(str(self._access.address))
        self._client = Client(self._address, self._access.tls_ca)
        self._headers = {"User-Agent": "dengbao", "Accept": "*/*"}
        self._login: dict[str, str] = {}
        if self._access.token is not None:
            self._login = {self._access.header: context.secret(self._access.token)}

    def begun(self) -> OneByOne:
        """The session; ConnectError where the server is not there, or refuses the token."""
        if self._login and self._url.startswith("http:") and not self._access.clear_text:
            why = msg("{url}: the token is not sent without TLS", url=shown(self._url))
            remedy = msg("Use https, or say that the token may be sent in clear text: clear_text")
            raise ConnectError(Reason.NOT_COLLECTED, why, remedy=remedy)
        if self._login:
            got = self._send("HEAD", self._url, self._login, seconds=_LOGIN_S)
        else:
            got = self._client.reach(server_of(self._url)[1], _LOGIN_S)
        if got.ended is not Ended.ANSWERED:
            raise ConnectError(Reason.UNREACHABLE, _why(self._url, got), remedy=_remedy(got))
        if got.status in (401, 403):
            why = msg("{url}: the token was refused with status {status}", url=shown(self._url),
                      status=got.status)  # fmt: skip
            raise ConnectError(Reason.NOT_PERMITTED, why, refused=True)
        info = SessionInfo(connector="http", address=self._address, user=self._user())
        return OneByOne(self._answer, info)

    def _user(self) -> str:
        return self._access.header if self._login else ""

    def _send(
        self, method: str, url: str, login: dict[str, str] | None = None, *, seconds: float,
        cap: int = 0,
    ) -> Got:  # fmt: skip
        headers = self._headers | (login or {})
        return self._client.send(method, url, headers, seconds=seconds, cap=cap)

    def _answer(self, request: Request) -> Reply:
        urls = _urls(request)
        if not urls or any(host_of(url) != host_of(self._url) for url in urls):
            why = msg("it is not on the host of the inventory")
            return Reply(request=request, status=Status.UNSUPPORTED, detail=why)
        match request:
            case HttpPage():
                return self._page(request)
            case HttpOpen():
                return _reply(request, list(self._opened(request)))
            case HttpTimes():
                return _reply(request, list(self._timed(request)))
            case PrometheusQuery():
                return _reply(request, list(self._figures(request)))
            case RiskFigures():
                return _reply(request, [self._risk(request)])
        return Reply(request=request, status=Status.UNSUPPORTED)

    # --- pages ------------------------------------------------------------------------------------

    def _page(self, request: HttpPage) -> Reply:
        until, hops, url = time.monotonic() + request.timeout_s, list[Hop](), request.url
        while True:
            left = until - time.monotonic()
            got = self._send("GET", url, seconds=max(left, 0.01), cap=request.limit)
            if got.ended is not Ended.ANSWERED:
                return Reply(request=request, status=_STATUS[got.ended], detail=_why(url, got))
            to = _redirect(url, got)
            hops.append(_hop(url, got, to))
            if to is None or not self._followed(to) or len(hops) == _HOPS:
                break
            url = to
        head = msgspec.json.encode(Head(hops=tuple(hops), left=to is not None)) + b"\n"
        body = got.body if to is None else b""
        room = max(request.limit - len(head), 0)
        cut = not got.whole or len(body) > room
        stdout = (head + body[:room])[: request.limit]
        return Reply(request=request, exit_code=0, stdout=stdout, truncated=cut and to is None)

    def _followed(self, url: str) -> bool:
        """Whether a redirect stays on the declared host, at the usual or the declared port."""
        host, port = server_of(url)
        return host == host_of(self._url) and port in (80, 443, server_of(self._url)[1])

    # --- places that need a login -----------------------------------------------------------------

    def _opened(self, request: HttpOpen) -> Iterator[Opened]:
        until = time.monotonic() + request.timeout_s
        for url in request.urls:
            left = min(until - time.monotonic(), 20)
            if left <= 0:
                return
            got = self._send("GET", url, seconds=left, cap=_OPEN_CAP)
            holds, error = opened_text(got.headers, got.body)
            yield Opened(url=url, ended=got.ended, status=got.status, holds=holds, error=error)

    # --- times ------------------------------------------------------------------------------------

    def _timed(self, request: HttpTimes) -> Iterator[Timed]:
        began = time.monotonic()
        until, silent = began + request.timeout_s, 0
        for number in range(request.samples * len(request.calls)):
            wait = began + number / request.per_second - time.monotonic()
            if time.monotonic() + max(wait, 0) >= until or silent == _IN_A_ROW:
                return
            time.sleep(max(wait, 0))
            one = self._call(request, number % len(request.calls), began, until)
            silent = 0 if one.ended is Ended.ANSWERED else silent + 1
            yield one

    def _call(self, request: HttpTimes, call: int, began: float, until: float) -> Timed:
        method, url = request.calls[call]
        seconds = min(request.each_s, max(until - time.monotonic(), 0.01))
        at = time.monotonic() - began
        got = self._send(method, url, self._login, seconds=seconds, cap=_TIMED_CAP)
        return Timed(
            call=call, at=round(at, 3), ms=round(got.seconds * 1000, 1), ended=got.ended,
            status=got.status, whole=got.whole,
        )  # fmt: skip

    def _risk(self, request: RiskFigures) -> RiskValues:
        got = self._send("GET", request.url, self._login, seconds=request.timeout_s, cap=_TIMED_CAP)
        return figures(request, got.status, _json(got))

    # --- Prometheus -------------------------------------------------------------------------------

    def _figures(self, request: PrometheusQuery) -> Iterator[Figure]:
        """What each query gave; the others are not asked once the time is over."""
        until = time.monotonic() + request.timeout_s
        for name, query in request.queries:
            left = min(until - time.monotonic(), _QUERY_S)
            if left <= 0:
                return
            asked = urlencode({"query": query, "timeout": f"{_QUERY_S}s"})
            url = f"{request.base.rstrip('/')}/api/v1/query?{asked}"
            got = self._send("GET", url, self._login, seconds=left, cap=_TIMED_CAP)
            yield read(name, got.status, _json(got))


def _json(got: Got) -> Any:
    try:
        return msgspec.json.decode(got.body) if got.whole else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _urls(request: Request) -> tuple[str, ...]:
    match request:
        case HttpPage():
            return (request.url,)
        case HttpOpen():
            return request.urls
        case HttpTimes():
            return tuple(url for _, url in request.calls)
        case PrometheusQuery():
            return (request.base,)
        case RiskFigures():
            return (request.url,)
    return ()


def _reply(request: Request, found: list[Any]) -> Reply:
    """The values as lines; TIMED_OUT where the time was over before the first."""
    if not found:
        return Reply(request=request, status=Status.TIMED_OUT)
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in found)
    return cut_reply(request, lines)


def _redirect(url: str, got: Got) -> str | None:
    """Where an answer redirects to; None for one that does not."""
    if got.status not in (301, 302, 303, 307, 308):
        return None
    place = next((value for name, value in got.headers if name == "location"), None)
    return None if place is None else joined(url, place)


def _hop(url: str, got: Got, to: str | None) -> Hop:
    cookies: tuple[Cookie, ...] = cookies_in(got.headers)
    return Hop(
        url=shown(url), status=got.status, headers=kept_headers(got.headers), cookies=cookies,
        to=shown(to) if to is not None else "",
    )  # fmt: skip


_WORDS = {
    Ended.REFUSED: msg("the connection was refused"),
    Ended.UNREACHABLE: msg("no connection"),
    Ended.TIMED_OUT: msg("no whole answer came in time"),
    Ended.CLOSED: msg("the connection was closed without a whole answer"),
    Ended.NOT_VERIFIED: msg("the certificate of the server could not be verified"),
    Ended.NO_TLS: msg("no TLS connection could be made"),
    Ended.NOT_HTTP: msg("what answers does not speak HTTP"),
}


def _why(url: str, got: Got) -> Message:
    if not got.error:
        return msg("{url}: {why}", url=shown(url), why=_WORDS[got.ended])
    return msg("{url}: {why}: {error}", url=shown(url), why=_WORDS[got.ended],
               error=verbatim(got.error))  # fmt: skip


def _remedy(got: Got) -> Message | None:
    if got.ended is Ended.NOT_VERIFIED:
        return msg("Name the file with the certificate of its authority: tls_ca")
    return None
