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
    Up,
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
from audit_http.prometheus import (
    FIGURES,
    MOST_CALLS,
    UP_STEP_M,
    Figures,
    MeasuredCall,
    PrometheusSettings,
)

_DAY_H = 24
_DAY_M = 24 * 60
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
    target: Target, has: Callable[[MeasuredCall], object],
    judge: Callable[[int, MeasuredCall], One],
) -> Iterable[One]:  # fmt: skip
    settings = settings_of(target, PrometheusSettings)
    for number, call in enumerate(settings.measured[:MOST_CALLS]):
        if has(call):
            yield judge(number, call)


def _long_enough(found: One, hours: float | None, days: int, percent: int) -> One:
    """`found`; a pass is undetermined where values of too many hours are missing."""
    if found[0] is not Verdict.PASS or (
        hours is not None and 100 * hours >= percent * days * _DAY_H
    ):
        return found
    if hours is None:
        short = msg("in how many hours there were values is not known")
    else:
        short = msg("there are values of {hours} of {all} hours only", hours=int(hours),
                    all=days * _DAY_H)  # fmt: skip
    return Verdict.UNDETERMINED, msg("{text}; {more}", text=found[1], more=short)


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


def _available(number: int, call: MeasuredCall, figures: Figures, days: int) -> One:
    """Where a value is missing the service may have been up, or down."""
    share = figures.one(f"{number}.up")
    if share is None:
        return _no_value(call, figures, f"{number}.up")
    text = msg("{call}: available {share} %", call=call.name, share=f"{share:.6g}")
    points, every = figures.one(f"{number}.up-points"), days * _DAY_M // UP_STEP_M
    if points is None:
        unknown = msg("{text}; how often there were values is not known", text=text)
        return Verdict.UNDETERMINED, unknown
    measured = min(points / every, 1.0)
    worst, best = share * measured, share * measured + 100 * (1 - measured)
    least = call.available_percent
    if least is None or worst >= least or best < least:
        return _against(text, share, least, "%", least=True)
    more = msg("{text}; of {percent} % of the time there are values only", text=text,
               percent=f"{100 * measured:.4g}")  # fmt: skip
    return Verdict.UNDETERMINED, more


@check(
    "prometheus.response-times", needs=(TARGET, FIGURES), kind="prometheus",
    severity=Severity.MEDIUM, version=2,
    remedy=msg("Find what slows the call down; or correct p95_ms, the institution's own target"),
)  # fmt: skip
def response_times(
    target: Target, figures: Figures, *, min_hours_percent: Annotated[int, Up] = 90
) -> Judgement:
    """95 % of calls are within the institution's target (values of 90 % of hours: ours)."""
    days = settings_of(target, PrometheusSettings).days

    def judge(number: int, call: MeasuredCall) -> One:
        hours = figures.one(f"{number}.duration-hours")
        return _long_enough(_in_time(number, call, figures), hours, days, min_hours_percent)

    return _judged(_each(target, lambda call: call.duration, judge),
                   msg("No duration is declared"))  # fmt: skip


@check(
    "prometheus.error-rate", needs=(TARGET, FIGURES), kind="prometheus", severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Find why calls fail; or correct errors_percent, the institution's own target"),
)  # fmt: skip
def error_rate(
    target: Target, figures: Figures, *, min_hours_percent: Annotated[int, Up] = 90
) -> Judgement:
    """No more calls fail than the institution's target allows (values of 90 % of hours: ours)."""
    days = settings_of(target, PrometheusSettings).days

    def judge(number: int, call: MeasuredCall) -> One:
        hours = figures.one(f"{number}.requests-hours")
        return _long_enough(_few_errors(number, call, figures), hours, days, min_hours_percent)

    return _judged(_each(target, lambda call: call.requests, judge),
                   msg("No counter of requests is declared"))  # fmt: skip


@check(
    "prometheus.availability", needs=(TARGET, FIGURES), kind="prometheus",
    severity=Severity.MEDIUM, version=2,
    remedy=msg("Find why the service was down; or correct available_percent, the own target"),
)  # fmt: skip
def availability(target: Target, figures: Figures) -> Judgement:
    """The services were available in the week as often as the institution's own target says."""
    days = settings_of(target, PrometheusSettings).days
    found = _each(target, lambda call: call.up,
                  lambda number, call: _available(number, call, figures, days))  # fmt: skip
    return _judged(found, msg("No series of availability is declared"))


@check(
    "prometheus.peak-use", needs=(TARGET, FIGURES), kind="prometheus", severity=Severity.MEDIUM,
    version=2, remedy=msg("Add capacity, or spread the load"),
)  # fmt: skip
def peak_use(
    target: Target, figures: Figures, *, max_percent: Annotated[int, Down] = 50,
    min_hours_percent: Annotated[int, Up] = 90,
) -> Judgement:  # fmt: skip
    """There is room at peak (JR/T 0071.2: half is used at most; values of 90 % of hours: ours)."""
    settings = settings_of(target, PrometheusSettings)
    found = []
    for number, item in enumerate(settings.capacity[:MOST_CALLS]):
        used = figures.one(f"{number}.used")
        if used is None:
            found.append(_no_value(MeasuredCall(name=item.name), figures, f"{number}.used"))
            continue
        text = msg("{name}: 95th percentile {used} %", name=item.name, used=f"{used:.4g}")
        one = _against(text, used, max_percent, "%", least=False)
        hours = figures.one(f"{number}.used-hours")
        found.append(_long_enough(one, hours, settings.days, min_hours_percent))
    return _judged(found, msg("No capacity is declared"))


CHECKS = (response_times, error_rate, availability, peak_use)
