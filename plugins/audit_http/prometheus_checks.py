"""Response times, errors, availability and peak use as Prometheus measured them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Down,
    Judgement,
    Message,
    Severity,
    Target,
    Verdict,
    check,
    failed,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
    verbatim,
)
from audit_http.prometheus import FIGURES, MOST_CALLS, Figures, MeasuredCall, PrometheusSettings

_HOURS = 24
_NEARLY = 0.9  # of the hours: the server may have been restarted
One = tuple[Verdict, Message]


def _judged(found: Iterable[One], nothing: Message) -> Judgement:
    """The worst of what was found."""
    listed = tuple(found)
    for verdict, made in ((Verdict.FAIL, failed), (Verdict.UNDETERMINED, undetermined)):
        texts = [text for of, text in listed if of is verdict]
        if texts:
            return made(*texts[:MOST_CALLS])
    if not listed:
        return not_applicable(nothing)
    return passed(*(text for _, text in listed))


def _each(
    target: Target, figures: Figures, has: Callable[[MeasuredCall], object],
    judge: Callable[[int, MeasuredCall, Figures], One],
) -> Iterable[One]:  # fmt: skip
    settings = settings_of(target, PrometheusSettings)
    for number, call in enumerate(settings.measured[:MOST_CALLS]):
        if not has(call):
            continue
        verdict, text = judge(number, call, figures)
        short = _too_short(number, figures, settings.days)
        if short is not None and verdict is Verdict.PASS:
            verdict, text = Verdict.UNDETERMINED, msg("{text}; {more}", text=text, more=short)
        yield verdict, text


def _too_short(number: int, figures: Figures, days: int) -> Message | None:
    """That there were no values in many of the hours; None where there were."""
    hours = figures.one(f"{number}.hours")
    if hours is None:
        return msg("in how many hours there were values is not known")
    if hours >= days * _HOURS * _NEARLY:
        return None
    return msg("there are values of {hours} of {all} hours only", hours=int(hours),
               all=days * _HOURS)  # fmt: skip


def _against(text: Message, value: float, most: float | None, unit: str, *, least: bool) -> One:
    """`value` against the target of the institution: at most, or at `least`."""
    if most is None:
        return Verdict.UNDETERMINED, msg("{text}; no target is declared", text=text)
    target = f"{most:g} {unit}"
    if least:
        shown = msg("{text}; target at least {target}", text=text, target=target)
    else:
        shown = msg("{text}; target at most {target}", text=text, target=target)
    kept = value >= most if least else value <= most
    return (Verdict.PASS if kept else Verdict.FAIL), shown


def _no_value(call: MeasuredCall, figures: Figures, name: str) -> One:
    figure = figures.by_name.get(name)
    if figure is not None and figure.error:
        return Verdict.UNDETERMINED, msg("{call}: Prometheus answers: {error}", call=call.name,
                                         error=verbatim(figure.error))  # fmt: skip
    return Verdict.UNDETERMINED, msg("{call}: Prometheus has no values", call=call.name)


def _in_time(number: int, call: MeasuredCall, figures: Figures) -> One:
    p50, p95 = figures.one(f"{number}.p50"), figures.one(f"{number}.p95")
    if p95 is None:
        return _no_value(call, figures, f"{number}.p95")
    text = msg("{call}: median {p50} ms, 95th percentile {p95} ms", call=call.name,
               p50="-" if p50 is None else f"{p50:.4g}", p95=f"{p95:.4g}")  # fmt: skip
    return _against(text, p95, call.p95_ms, "ms", least=False)


def _few_errors(number: int, call: MeasuredCall, figures: Figures) -> One:
    name = f"{number}.requests"
    counts = figures.by_label(name, call.status)
    if counts is None:
        if figures.by_name.get(name) is not None and figures.by_name[name].series:
            return Verdict.UNDETERMINED, msg("{call}: the series have no label {label}",
                                             call=call.name, label=call.status)  # fmt: skip
        return _no_value(call, figures, name)
    strange = sorted(code for code in counts if len(code) != 3 or not code.isdecimal())
    if strange:
        return Verdict.UNDETERMINED, msg("{call}: the label {label} is no status of HTTP: {values}",
                                         call=call.name, label=call.status,
                                         values=tuple(map(verbatim, strange[:5])))  # fmt: skip
    whole = sum(counts.values())
    if whole <= 0:
        return Verdict.UNDETERMINED, msg("{call}: no calls were counted", call=call.name)
    share = 100 * sum(n for code, n in counts.items() if code[0] == "5") / whole
    text = msg("{call}: {share} % of {count} calls failed (status 5xx)", call=call.name,
               share=f"{share:.4g}", count=round(whole))  # fmt: skip
    return _against(text, share, call.errors_percent, "%", least=False)


def _available(number: int, call: MeasuredCall, figures: Figures) -> One:
    share = figures.one(f"{number}.up")
    if share is None:
        return _no_value(call, figures, f"{number}.up")
    text = msg("{call}: available {share} %", call=call.name, share=f"{share:.6g}")
    return _against(text, share, call.available_percent, "%", least=True)


@check(
    "prometheus.response-times", needs=(TARGET, FIGURES), kind="prometheus",
    severity=Severity.MEDIUM,
    remedy=msg("Find what slows the call down; or correct p95_ms, the institution's own target"),
)  # fmt: skip
def response_times(target: Target, figures: Figures) -> Judgement:
    """Of the calls of the week 95 percent were answered within the institution's own target."""
    found = _each(target, figures, lambda call: call.duration, _in_time)
    return _judged(found, msg("No duration is declared"))


@check(
    "prometheus.error-rate", needs=(TARGET, FIGURES), kind="prometheus", severity=Severity.MEDIUM,
    remedy=msg("Find why calls fail; or correct errors_percent, the institution's own target"),
)  # fmt: skip
def error_rate(target: Target, figures: Figures) -> Judgement:
    """Of the calls of the week no more failed than the institution's own target allows."""
    found = _each(target, figures, lambda call: call.requests, _few_errors)
    return _judged(found, msg("No counter of requests is declared"))


@check(
    "prometheus.availability", needs=(TARGET, FIGURES), kind="prometheus",
    severity=Severity.MEDIUM,
    remedy=msg("Find why the service was down; or correct available_percent, the own target"),
)  # fmt: skip
def availability(target: Target, figures: Figures) -> Judgement:
    """The services were available in the week as often as the institution's own target says."""
    found = _each(target, figures, lambda call: call.up, _available)
    return _judged(found, msg("No series of availability is declared"))


@check(
    "prometheus.peak-use", needs=(TARGET, FIGURES), kind="prometheus", severity=Severity.MEDIUM,
    remedy=msg("Add capacity, or spread the load"),
)  # fmt: skip
def peak_use(
    target: Target, figures: Figures, *, max_percent: Annotated[int, Down] = 50
) -> Judgement:
    """At peak there is room left (JR/T 0071.2: at most half is used)."""
    settings = settings_of(target, PrometheusSettings)
    found = []
    for number, item in enumerate(settings.capacity[:MOST_CALLS]):
        used = figures.one(f"{number}.used")
        if used is None:
            found.append(_no_value(MeasuredCall(name=item.name), figures, f"{number}.used"))
            continue
        text = msg("{name}: 95th percentile {used} %", name=item.name, used=f"{used:.4g}")
        found.append(_against(text, used, max_percent, "%", least=False))
    return _judged(found, msg("No capacity is declared"))


CHECKS = (response_times, error_rate, availability, peak_use)
