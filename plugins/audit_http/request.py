"""Questions to a web server: a page, the answers at several places, the times of calls."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Message, Request, msg


class HttpRequest(Request, frozen=True, kw_only=True):
    """A question that sends GET or HEAD only."""

    evidence_kind: ClassVar[str] = "http"
    evidence_title: ClassVar[Message] = msg("HTTP request")


class HttpPage(HttpRequest, frozen=True, kw_only=True, tag="http-page"):
    """A page, by GET without a login; at most five redirects on the same host are followed.

    The answer is a line of JSON (`model.Head`), then the text of the page.
    """

    url: str
    limit: int = 1 << 20
    timeout_s: int = 30

    def describe(self) -> str:
        """The method and the URL."""
        return f"GET {self.url}"

    def as_message(self) -> Message:
        """What is sent, in words."""
        return msg("GET {url}, without a login, at most 5 redirects on the same host", url=self.url)


class HttpOpen(HttpRequest, frozen=True, kw_only=True, tag="http-open"):
    """What is answered at `urls` by GET without a login; what they hold is not kept.

    A line of JSON (`model.Opened`) for each.
    """

    urls: tuple[str, ...]
    timeout_s: int = 120

    def describe(self) -> str:
        """The method and the URLs."""
        return "GET " + " ".join(self.urls)

    def short(self) -> str:
        """The first call."""
        return f"GET {self.urls[0]}" + (" …" if len(self.urls) > 1 else "")

    def as_message(self) -> Message:
        """What is sent, in words."""
        return msg("GET {urls}, without a login; the answers are not kept", urls=self.urls)


class HttpTimes(HttpRequest, frozen=True, kw_only=True, tag="http-times"):
    """The times of `calls` (method and URL), `samples` of each, at most `per_second` a second.

    Each is a connection of its own, which ends after `each_s` seconds. A line of JSON
    (`model.Timed`) for each.
    """

    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "each_s")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    calls: tuple[tuple[str, str], ...]
    samples: int
    per_second: float
    each_s: int = 10
    timeout_s: int = 120

    def describe(self) -> str:
        """The calls, how often and how fast."""
        calls = ", ".join(" ".join(call) for call in self.calls)
        return f"{self.samples} times each, <={self.per_second:g}/s: {calls}"

    def short(self) -> str:
        """The first call."""
        return " ".join(self.calls[0]) + (" …" if len(self.calls) > 1 else "")

    def as_message(self) -> Message:
        """The calls, how often and how fast, in words."""
        calls = tuple(" ".join(call) for call in self.calls)
        return msg(
            "{calls}, {samples} times each, at most {rate} requests a second",
            calls=calls, samples=self.samples, rate=f"{self.per_second:g}",
        )  # fmt: skip
