"""A Prometheus server: what it measured of the calls of a week. Source: its HTTP API, version 1.

Selectors come from the inventory; the expressions around them are built here. The share of errors
is taken from the values of one label, so that a label that is not there cannot look like no errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Kind,
    Message,
    ParseError,
    PositiveFloat,
    Schema,
    Target,
    Valid,
    fact,
    json_as,
    msg,
    settings_of,
)
from audit_http.kind import Percent, Url
from audit_http.request import HttpRequest

_METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SELECTOR = re.compile(rf"{_METRIC}(\{{[^{{}}]*\}})?")
_LONGEST = 500
MOST_CALLS = 20
UP_STEP_M = 5
"""Minutes: Prometheus takes a value for the present for as long."""


def _is_selector(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable() and bool(_SELECTOR.fullmatch(text))


def _is_expression(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and text.isprintable()


def _is_label(text: str) -> bool:
    return bool(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", text)) and len(text) <= 64


Selector = Annotated[
    str,
    Valid(holds=_is_selector, expected=msg('a selector like http_requests_total{{job="pay"}}')),
]
Expression = Annotated[str, Valid(holds=_is_expression, expected=msg("an expression of PromQL"))]
Label = Annotated[str, Valid(holds=_is_label, expected=msg("the name of a label"))]
Days = Annotated[
    int, Valid(holds=lambda n: 1 <= n <= 31, expected=msg("a whole number from 1 to 31"))
]


class MeasuredCall(Schema, frozen=True, kw_only=True):
    """A call, or all of a service: its series, and the targets of the institution.

    `requests` is a counter with the status in the label `status`, `duration` the buckets of a
    histogram in seconds, `up` a series that is 1 while the service is available.
    """

    name: str
    requests: Selector | None = None
    status: Label = "code"
    duration: Selector | None = None
    up: Selector | None = None
    p95_ms: PositiveFloat | None = None
    errors_percent: Percent | None = None
    available_percent: Percent | None = None


class Capacity(Schema, frozen=True, kw_only=True):
    """What is used at peak: an expression that gives percent."""

    name: str
    used: Expression


class PrometheusSettings(Schema, frozen=True, kw_only=True):
    """A Prometheus server: its URL, and what is taken from it, over `days`."""

    url: Url
    days: Days = 7
    measured: tuple[MeasuredCall, ...] = ()
    capacity: tuple[Capacity, ...] = ()


class PrometheusQuery(HttpRequest, frozen=True, kw_only=True, tag="http-prometheus"):
    """Instant queries, one after the other; a line of JSON (`Figure`) for each."""

    base: str
    queries: tuple[tuple[str, str], ...]
    timeout_s: int = 120

    def describe(self) -> str:
        """The queries."""
        return "; ".join(query for _, query in self.queries)

    def short(self) -> str:
        """The first query."""
        return self.queries[0][1] + (" …" if len(self.queries) > 1 else "")

    def as_message(self) -> Message:
        """The queries, in words."""
        queries = tuple(query for _, query in self.queries)
        return msg("Prometheus at {url}: {queries}", url=self.base, queries=queries)


class Figure(Struct, frozen=True, kw_only=True):
    """What one query gave: its series with their labels and values, or why there is none."""

    name: str
    status: int = 0
    error: str = ""
    series: tuple[tuple[dict[str, str], str], ...] = ()


class Figures(Struct, frozen=True, kw_only=True):
    """What was measured, by the name of the query."""

    by_name: dict[str, Figure]

    def one(self, name: str) -> float | None:
        """The single value of a query; None where there is none."""
        figure = self.by_name.get(name)
        if figure is None or len(figure.series) != 1:
            return None
        return _number(figure.series[0][1])

    def by_label(self, name: str, label: str) -> dict[str, float] | None:
        """The values of a query by a label; None where a series does not have it."""
        figure = self.by_name.get(name)
        if figure is None or not figure.series:
            return None
        found = {labels.get(label, ""): _number(value) for labels, value in figure.series}
        if "" in found or None in found.values():
            return None
        return {key: value for key, value in found.items() if value is not None}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _queries(settings: PrometheusSettings) -> Iterator[tuple[str, str]]:
    week = f"{settings.days}d"
    for n, call in enumerate(settings.measured[:MOST_CALLS]):
        if call.requests:
            yield f"{n}.requests-hours", _points(call.requests, week, "1h")
            yield (f"{n}.requests",
                   f"sum by ({call.status}) (increase({call.requests}[{week}]))")  # fmt: skip
        if call.duration:
            rate = f"sum by (le) (rate({call.duration}[{week}]))"
            yield f"{n}.duration-hours", _points(call.duration, week, "1h")
            yield f"{n}.p50", f"1000 * histogram_quantile(0.5, {rate})"
            yield f"{n}.p95", f"1000 * histogram_quantile(0.95, {rate})"
        if call.up:
            yield f"{n}.up-points", _points(call.up, week, f"{UP_STEP_M}m")
            yield f"{n}.up", f"100 * avg(avg_over_time({call.up}[{week}]))"
    for n, item in enumerate(settings.capacity[:MOST_CALLS]):
        yield f"{n}.used-hours", _points(item.used, week, "1h")
        yield f"{n}.used", f"max(quantile_over_time(0.95, ({item.used})[{week}:1h]))"


def _points(of: str, week: str, step: str) -> str:
    """At how many of the steps there were values; of several series one is enough."""
    return f"count_over_time(count(({of}))[{week}:{step}])"


def ask(target: Target) -> PrometheusQuery | Message:
    """The queries for what the inventory declares."""
    settings = settings_of(target, PrometheusSettings)
    queries = tuple(_queries(settings))
    if not queries:
        return msg("Declare what is measured at {target}: measured, capacity", target=target.id)
    return PrometheusQuery(base=settings.url, queries=queries)


def parse(answer: Answer) -> Figures:
    """The figures by the name of their query."""
    if answer.truncated or not answer.stdout:
        raise ParseError(msg("not the answer that was asked for"))
    wrong = msg("not the answer that was asked for")
    found = [json_as(line, Figure, wrong) for line in answer.stdout.splitlines()]
    return Figures(by_name={figure.name: figure for figure in found})


FIGURES = fact("prometheus.figures", Figures, kind="prometheus", ask=ask, parse=parse)
FACTS = (FIGURES,)


def read(name: str, status: int, document: Any) -> Figure:
    """What Prometheus answers to a query: `data.result` of a vector or a scalar."""
    match document:
        case {"status": "success", "data": {"resultType": "vector", "result": list(result)}}:
            return Figure(name=name, status=status, series=tuple(_series(result)))
        case {"status": "error", "error": str(error)}:
            return Figure(name=name, status=status, error=error[:200])
    return Figure(name=name, status=status, error="no answer of Prometheus")


def _series(result: list[Any]) -> Iterator[tuple[dict[str, str], str]]:
    for one in result[:1000]:
        match one:
            case {"metric": dict(metric), "value": [_, str(value)]}:
                yield {str(k): str(v)[:200] for k, v in metric.items()}, value[:40]


PROMETHEUS = Kind(
    id="prometheus",
    title=msg("Prometheus server"),
    object_types=("management_platform", "application"),
    settings=PrometheusSettings,
    example={"url": "https://localhost:9090/"},
    identity=("url",),
    needs_access=True,
    needs_address=True,
    access="http",
)
