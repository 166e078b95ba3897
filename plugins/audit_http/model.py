"""What the connector says of answers, as JSON, for the parsers to read. Pure."""

from __future__ import annotations

import enum

from msgspec import Struct


class Ended(enum.StrEnum):
    """How a request ended. All but ANSWERED: without an answer of HTTP."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CLOSED = "closed"
    NOT_VERIFIED = "not_verified"
    NO_TLS = "no_tls"
    NOT_HTTP = "not_http"


class Cookie(Struct, frozen=True, kw_only=True):
    """A cookie that an answer sets, without its value."""

    name: str
    secure: bool
    http_only: bool
    same_site: str = ""


class Hop(Struct, frozen=True, kw_only=True):
    """One answer. `headers` are those of `KEPT` in lower case, `to` is where it redirects.

    Neither URL has a query. `to` is empty for an answer that redirects nowhere.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[Cookie, ...] = ()
    to: str = ""

    def header(self, name: str) -> str | None:
        """The first value of a header; None where it is not there."""
        return next((value for key, value in self.headers if key == name), None)


class Head(Struct, frozen=True, kw_only=True):
    """The answers on the way to a page. `left`: the last one redirects to where nobody followed."""

    hops: tuple[Hop, ...]
    left: bool = False


class Opened(Struct, frozen=True, kw_only=True):
    """What is answered at `url`. `holds` says what kind of text came, `error` what it tells.

    `holds` is empty, `html`, `json` or `other`; `error`: JSON that speaks of an error or a login.
    """

    url: str
    ended: Ended
    status: int = 0
    holds: str = ""
    error: bool = False


class Timed(Struct, frozen=True, kw_only=True):
    """One call: when it began (seconds after the first), how long until all had come, its status.

    `whole` is false where only the beginning of the answer was read.
    """

    call: int
    at: float
    ms: float
    ended: Ended
    status: int = 0
    whole: bool = True


KEPT = (
    "content-type", "strict-transport-security", "content-security-policy", "x-frame-options",
    "x-content-type-options", "referrer-policy", "server", "x-powered-by", "cache-control",
)  # fmt: skip
"""The headers that are stored."""
