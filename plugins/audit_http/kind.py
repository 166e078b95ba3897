"""The kind of target that is a web entry, and how it is reached."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from audit_core.api.sdk import (
    AccessSchema,
    HostName,
    Kind,
    Message,
    PositiveFloat,
    Refusal,
    Schema,
    SecretRef,
    Valid,
    msg,
)
from audit_http.urls import is_place, is_url, joined, server_of


def _login_in(text: str) -> Message | None:
    return msg("a login") if "@" in text else None  # it may hold a password


def _share(value: float) -> bool:
    return 0 <= value <= 100


def _is_header(name: str) -> bool:
    return name.isascii() and name.replace("-", "").isalnum() and len(name) <= 64


Url = Annotated[
    str, Valid(holds=is_url, expected=msg("a URL like https://pay.example.com/"), got=_login_in)
]
EntryPath = Annotated[
    str, Valid(holds=is_place, expected=msg("a path like /privacy, or a URL"), got=_login_in)
]
Percent = Annotated[float, Valid(holds=_share, expected=msg("a percentage from 0 to 100"))]
Samples = Annotated[
    int, Valid(holds=lambda n: 5 <= n <= 100, expected=msg("a number from 5 to 100"))
]
Rate = Annotated[
    float, Valid(holds=lambda n: 0.1 <= n <= 10, expected=msg("requests a second, 0.1 to 10"))
]
Header = Annotated[str, Valid(holds=_is_header, expected=msg("the name of a header"))]

MOST_PLACES = 20


def _server(url: str) -> tuple[str, str, int]:
    return (url.partition(":")[0].lower(), *server_of(url))


class Call(Schema, frozen=True, kw_only=True):
    """A call that is timed: it has to be safe to repeat. The targets are the institution's own."""

    path: EntryPath
    method: Literal["GET", "HEAD"] = "GET"
    p95_ms: PositiveFloat | None = None
    errors_percent: Percent | None = None


class WebSettings(Schema, frozen=True, kw_only=True):
    """A web entry: where customers or partners enter, and what is expected of it.

    `calls` are timed, `samples` times each and at most `per_second` requests a second. `protected`
    are places that nobody may read without a login. `privacy_notice` and `complaints` are the pages
    of these. `no_service` is why it is the entry of no declared service.
    """

    url: Url
    calls: tuple[Call, ...] = ()
    samples: Samples = 20
    per_second: Rate = 2.0
    protected: tuple[EntryPath, ...] = ()
    privacy_notice: EntryPath | None = None
    complaints: EntryPath | None = None
    no_service: str = ""

    def refusals(self) -> Iterable[Refusal]:
        """Calls and protected places are of this server, and not too many."""
        named: list[tuple[tuple[str | int, ...], str]] = [
            *((("calls", n, "path"), call.path) for n, call in enumerate(self.calls)),
            *((("protected", n), place) for n, place in enumerate(self.protected)),
        ]
        for where, place in named[:MOST_PLACES]:
            url = joined(self.url, place)
            if url is None or _server(url) != _server(self.url):
                yield Refusal(place=where, expected=msg("a place on the server of url"))
        for name in ("calls", "protected"):
            if len(getattr(self, name)) > MOST_PLACES:
                yield Refusal(place=(name,), expected=msg("at most {count} places",
                                                          count=MOST_PLACES))  # fmt: skip


class WebAccess(AccessSchema, frozen=True, kw_only=True):
    """How a web entry is asked: at which address, and with which authorities.

    `token` is a reference to a secret that is sent as the value of `header` with timed calls only;
    over http only with `clear_text`.
    """

    address: HostName | None = None
    tls_ca: str | None = None
    header: Header = "Authorization"
    token: SecretRef | None = None
    clear_text: bool = False


WEB = Kind(
    id="web",
    title=msg("Web entry"),
    object_types=("application", "management_platform"),
    settings=WebSettings,
    example={"url": "https://localhost/"},
    identity=("url",),
    needs_access=True,
    needs_address=True,
    access="http",
)
