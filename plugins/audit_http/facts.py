"""The facts about a web entry."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Answer,
    Message,
    ParseError,
    Partial,
    Target,
    derive,
    fact,
    json_as,
    msg,
    partial,
    settings_of,
)
from audit_http import prometheus, risk_engine
from audit_http.kind import Call, WebSettings
from audit_http.model import Ended, Head, Hop, Opened, Timed
from audit_http.pages import dates_in, links_in, visible_text
from audit_http.request import HttpOpen, HttpPage, HttpTimes
from audit_http.urls import joined

KIND = "web"
T = TypeVar("T", bound=Struct)


class Page(Struct, frozen=True, kw_only=True):
    """A page: the answers on the way to it, its links, the dates of its version, its text's length.

    `left`: the last answer redirects to another host, so that there is no page. `html` is false
    for a text of another kind, `dates` are ISO 8601.
    """

    hops: tuple[Hop, ...]
    left: bool = False
    html: bool = False
    links: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    characters: int = 0

    @property
    def last(self) -> Hop:
        """The last answer."""
        return self.hops[-1]


class Times(Struct, frozen=True, kw_only=True):
    """What the calls of one place took: `made` are those that were begun, of `wanted`."""

    url: str
    method: str
    wanted: int
    made: tuple[Timed, ...] = ()

    @property
    def answered(self) -> tuple[Timed, ...]:
        """Those that were answered, with whatever status."""
        return tuple(one for one in self.made if one.ended is Ended.ANSWERED)

    @property
    def good(self) -> tuple[Timed, ...]:
        """Those that were answered, and not with an error of the server."""
        return tuple(one for one in self.answered if one.status < 500)

    def percentile(self, share: int) -> float:
        """The time (ms) within which `share` percent of the good ones came; nearest rank."""
        times = sorted(one.ms for one in self.good)
        return times[max(math.ceil(len(times) * share / 100), 1) - 1]


def place_of(target: Target, place: str) -> str | Message:
    """The URL of a declared place, or what is wrong with it."""
    url = joined(settings_of(target, WebSettings).url, place)
    return url or msg("{place} of {target} is no place", place=place, target=target.id)


def _page_at(place: str | None, undeclared: Message, target: Target) -> HttpPage | Message:
    if place is None:
        return undeclared
    url = place_of(target, place)
    return url if isinstance(url, Message) else HttpPage(url=url)


def _entry(target: Target) -> HttpPage | Message:
    return HttpPage(url=settings_of(target, WebSettings).url)


def _notice(target: Target) -> HttpPage | Message:
    undeclared = msg("Declare privacy_notice of {target}", target=target.id)
    return _page_at(settings_of(target, WebSettings).privacy_notice, undeclared, target)


def _complaints(target: Target) -> HttpPage | Message:
    undeclared = msg("Declare complaints of {target}, the page for complaints", target=target.id)
    return _page_at(settings_of(target, WebSettings).complaints, undeclared, target)


def _open(target: Target) -> HttpOpen | Message:
    settings = settings_of(target, WebSettings)
    if not settings.protected:
        return msg("Declare protected of {target}: places that need a login", target=target.id)
    urls = (joined(settings.url, place) for place in settings.protected)
    return HttpOpen(urls=tuple(url for url in urls if url is not None))


def calls_of(settings: WebSettings) -> tuple[Call, ...]:
    """The calls that are timed: those declared, else the entry itself."""
    return settings.calls or (Call(path=settings.url),)


def _times(target: Target) -> HttpTimes | Message:
    settings = settings_of(target, WebSettings)
    calls = tuple((c.method, joined(settings.url, c.path) or "") for c in calls_of(settings))
    seconds = math.ceil(settings.samples * len(calls) / settings.per_second)
    return HttpTimes(calls=calls, samples=settings.samples, per_second=settings.per_second,
                     timeout_s=seconds + 60)  # fmt: skip


# --- reading --------------------------------------------------------------------------------------


_NOT_ASKED_FOR = msg("not the answer that was asked for")


def parse_page(answer: Answer) -> Page | Partial:
    """The page; incomplete where it was cut."""
    line, _, body = answer.stdout.partition(b"\n")
    head = json_as(line, Head, _NOT_ASKED_FOR)
    if not head.hops:
        raise ParseError(msg("not the answer that was asked for"))
    kind = (head.hops[-1].header("content-type") or "").lower()
    text = body.decode(_charset(kind, body), "replace")
    is_html = not head.left and ("html" in kind or "<html" in text[:2000].lower())
    seen = visible_text(text) if is_html or kind.startswith("text/") else ""
    page = Page(
        hops=head.hops, left=head.left, html=is_html, characters=len(seen),
        links=links_in(text, head.hops[-1].url) if is_html else (),
        dates=tuple(day.isoformat() for day in dates_in(seen)),
    )  # fmt: skip
    return partial(page, (msg("the page was cut"),) if answer.truncated else ())


def _charset(kind: str, body: bytes) -> str:
    reported = kind + body[:1024].decode("ascii", "replace").lower()
    return "gb18030" if "charset" in reported and ("gb2312" in reported or "gbk" in reported or
                                               "gb18030" in reported) else "utf-8"  # fmt: skip


def _lines(answer: Answer, type_: type[T]) -> list[T]:
    if answer.truncated or not answer.stdout:
        raise ParseError(msg("not the answer that was asked for"))
    return [json_as(line, type_, _NOT_ASKED_FOR) for line in answer.stdout.splitlines()]


def parse_opened(answer: Answer) -> tuple[Opened, ...] | Partial:
    """What each protected place answers, incomplete where some were not asked."""
    found, asked = tuple(_lines(answer, Opened)), _open(answer.target)
    if isinstance(asked, Message) or [one.url for one in found] != list(asked.urls[: len(found)]):
        raise ParseError(msg("not the answer that was asked for"))
    missing = len(asked.urls) - len(found)
    problems = (msg("{count} places were not asked in time", count=missing),) if missing else ()
    return partial(found, problems)


def parse_times(answer: Answer) -> tuple[Times, ...]:
    """The times of each call, in the order of the inventory."""
    found, asked = _lines(answer, Timed), _times(answer.target)
    if isinstance(asked, Message) or any(not 0 <= one.call < len(asked.calls) for one in found):
        raise ParseError(msg("not the answer that was asked for"))
    return tuple(
        Times(method=method, url=url, wanted=asked.samples,
              made=tuple(one for one in found if one.call == number))
        for number, (method, url) in enumerate(asked.calls)
    )  # fmt: skip


ENTRY = fact("http.entry", Page, kind=KIND, ask=_entry, parse=parse_page)
NOTICE = fact("http.privacy-notice", Page, kind=KIND, ask=_notice, parse=parse_page)
COMPLAINTS = fact("http.complaints", Page, kind=KIND, ask=_complaints, parse=parse_page)
OPENED = fact("http.opened", tuple[Opened, ...], kind=KIND, ask=_open, parse=parse_opened)
TIMES = fact("http.times", tuple[Times, ...], kind=KIND, ask=_times, parse=parse_times)


def _names(target: Target) -> tuple[str, ...]:
    found: Any = target.settings.get("entries", ())
    return tuple(map(str, found))


NAMED = derive("http.named-entries", tuple[str, ...], needs=TARGET, make=_names, kind="service")
"""The entries that a declared service names."""

FACTS = (ENTRY, NOTICE, COMPLAINTS, OPENED, TIMES, NAMED, *prometheus.FACTS, *risk_engine.FACTS)
