"""A risk engine that tells its figures as JSON over HTTP: its last event, what it decided.

Only the values at the declared places (JSON pointers, RFC 6901) are kept of an answer.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Struct

from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Answer,
    Down,
    Judgement,
    Kind,
    Message,
    Schema,
    Severity,
    Target,
    Valid,
    check,
    fact,
    failed,
    json_as,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_http.kind import Url
from audit_http.request import HttpRequest

_CHINA = datetime.timezone(datetime.timedelta(hours=8))
_AHEAD_S = 900  # of clocks
_HOUR_S = 3600
_MOST = 20
Value = str | float | int | None


def _is_pointer(text: str) -> bool:
    return text.startswith("/") and text.isprintable() and len(text) <= 200


Pointer = Annotated[
    str, Valid(holds=_is_pointer, expected=msg("a JSON pointer like /stats/last_event"))
]


class RiskEngineSettings(Schema, frozen=True, kw_only=True):
    """Where a risk engine tells its figures.

    `last_event` is the time of the last event (ISO 8601 or seconds since 1970), `counts` what it
    decided in thirty days, by words of the institution; `rules` how many rules are enabled.
    """

    url: Url
    last_event: Pointer
    counts: dict[str, Pointer]
    rules: Pointer | None = None


class RiskFigures(HttpRequest, frozen=True, kw_only=True, tag="http-risk"):
    """The values at `places` (name and pointer) of the JSON at `url`; a line of `Figures`."""

    url: str
    places: tuple[tuple[str, str], ...]
    timeout_s: int = 30

    def describe(self) -> str:
        """The method, the URL and what is kept."""
        return f"GET {self.url}: " + ", ".join(place for _, place in self.places)

    def short(self) -> str:
        """The method and the URL."""
        return f"GET {self.url}"

    def as_message(self) -> Message:
        """What is sent and kept, in words."""
        return msg("GET {url}; of the JSON only {places} is kept", url=self.url,
                   places=tuple(place for _, place in self.places))  # fmt: skip


class Figures(Struct, frozen=True, kw_only=True):
    """The status, and the values by name; None where there is none. `json`: it was JSON."""

    status: int
    json: bool = False
    values: dict[str, Value] = {}


def ask(target: Target) -> RiskFigures:
    """The request for what the inventory declares."""
    settings = settings_of(target, RiskEngineSettings)
    places = [("last_event", settings.last_event)]
    places += [(f"count {name}", place) for name, place in list(settings.counts.items())[:_MOST]]
    if settings.rules is not None:
        places.append(("rules", settings.rules))
    return RiskFigures(url=settings.url, places=tuple(places))


def figures(request: RiskFigures, status: int, document: Any) -> Figures:
    """What is kept of an answer."""
    values = {name: _at(document, place) for name, place in request.places}
    return Figures(status=status, json=document is not None, values=values)


def _at(document: Any, pointer: str) -> Value:
    """The text or number at `pointer`; None where there is none."""
    held = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(held, Mapping):
            held = held.get(key)
        elif isinstance(held, list) and key.isascii() and key.isdigit() and len(key) < 6:
            held = held[int(key)] if int(key) < len(held) else None
        else:
            return None
    if isinstance(held, str):
        return held[:100]
    is_number = isinstance(held, int | float) and not isinstance(held, bool)
    return held if is_number and math.isfinite(held) else None


def parse(answer: Answer) -> Figures:
    """The figures of an answer."""
    return json_as(answer.stdout, Figures, _NOT_ASKED)


_NOT_ASKED = msg("not the answer that was asked for")
FIGURES = fact("http.risk-figures", Figures, kind="risk_engine", ask=ask, parse=parse)
FACTS = (FIGURES,)


@check(
    "http.risk-engine-alive", needs=(TARGET, FIGURES, COLLECTED_AT), kind="risk_engine",
    severity=Severity.HIGH,
    remedy=msg("Find out why the risk engine records nothing, and switch its rules on"),
)  # fmt: skip
def alive(
    target: Target, found: Figures, now: str, *, max_hours: Annotated[int, Down] = 24
) -> Judgement:
    """The risk engine recorded an event in the period (ours: 24 h), and decided on some."""
    settings = settings_of(target, RiskEngineSettings)
    expected = msg("an event at most {hours} hours ago", hours=max_hours)
    if found.status != 200 or not found.json:
        return undetermined(msg("{url}: status {status}, no JSON with figures", url=settings.url,
                                status=found.status), expected=expected)  # fmt: skip
    counts = {name: found.values.get(f"count {name}") for name in settings.counts}
    last = found.values.get("last_event")
    detail = msg("Last event: {last}; decided: {counts}", last="-" if last is None else str(last),
                 counts=tuple(f"{name} {value}" for name, value in counts.items()))  # fmt: skip
    ages = _ages(last, datetime.datetime.fromisoformat(now))
    late = [age > max_hours * _HOUR_S for age in ages]
    if not ages or min(ages) < -_AHEAD_S or not all(map(_is_number, counts.values())):
        return undetermined(detail, msg("These are no time in the past and no numbers"),
                            expected=expected)  # fmt: skip
    if found.values.get("rules") == 0:
        return failed(detail, msg("No rule is enabled"), expected=expected)
    if all(late) or not any(counts.values()):
        return failed(detail, expected=expected)
    doubt = _doubt(settings, found, late)
    if doubt is not None:
        return undetermined(detail, doubt, expected=expected)
    return passed(detail, expected=expected)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float)


def _doubt(settings: RiskEngineSettings, found: Figures, late: list[bool]) -> Message | None:
    """Why an engine with a recent event is not certainly alive."""
    if any(late):
        return msg("Its time has no zone")
    if settings.rules is not None and not _is_number(found.values.get("rules")):
        return msg("How many rules are enabled is not known")
    return None


def _ages(value: Value, now: datetime.datetime) -> tuple[float, ...]:
    """How old a time is in seconds; two values where it has no zone: in China, and in UTC."""
    moment = _moment(value)
    if moment is None:
        return ()
    if moment.tzinfo is not None:
        return ((now - moment).total_seconds(),)
    zones = (_CHINA, datetime.UTC)
    ages = [(now - moment.replace(tzinfo=zone)).total_seconds() for zone in zones]
    return tuple(age for age in ages if age >= -_AHEAD_S) or tuple(ages)


def _moment(value: Value) -> datetime.datetime | None:
    try:
        if isinstance(value, int | float):
            seconds = value / 1000 if value > 10**11 else value
            return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        return datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


CHECKS = (alive,)
RISK_ENGINE = Kind(
    id="risk_engine",
    title=msg("Risk engine"),
    object_types=("management_platform", "application"),
    settings=RiskEngineSettings,
    example={
        "url": "https://localhost/risk/summary", "last_event": "/last_event",
        "counts": {"blocked": "/blocked"},
    },
    identity=("url",),
    needs_access=True,
    needs_address=True,
    access="http",
)  # fmt: skip
