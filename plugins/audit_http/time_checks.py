"""Checks of response times and errors against the targets that the institution declares.

A few calls are a sample. More of them are slow, or fail, than a target allows only where chance
alone would hardly (in less than `chance_percent` of cases) give so many.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Judgement,
    Message,
    Severity,
    Target,
    Up,
    Verdict,
    check,
    failed,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_http.facts import TIMES, Times, calls_of
from audit_http.kind import Call, WebSettings
from audit_http.urls import shown

_SLOW = 0.05  # the share that may be slower than a 95th percentile


def chance(hits: int, of: int, share: float) -> float:
    """The probability of `hits` or more among `of`, each with the probability `share`."""
    below = sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(hits))
    return max(1 - below, 0.0)


_One = Callable[[Times, Call], tuple[Verdict, Message]]


def _judged(target: Target, times: tuple[Times, ...], one: _One) -> Judgement:
    """The worst of what `one` says of each call."""
    calls = calls_of(settings_of(target, WebSettings))
    found = [one(seen, call) for seen, call in zip(times, calls, strict=True)]
    for verdict, made in ((Verdict.FAIL, failed), (Verdict.UNDETERMINED, undetermined)):
        reported = tuple(detail for of, detail in found if of is verdict)
        if reported:
            return made(*reported)
    return passed(*(detail for _, detail in found))


def _name(seen: Times) -> str:
    return f"{seen.method} {shown(seen.url)}"


@check(
    "http.response-times", needs=(TARGET, TIMES), kind="web", severity=Severity.MEDIUM,
    remedy=msg("Find what slows the call down; or correct p95_ms, the institution's own target"),
)  # fmt: skip
def response_times(
    target: Target, times: tuple[Times, ...],
    *, chance_percent: Annotated[float, Up] = 1.0, min_answers: Annotated[int, Up] = 5,
) -> Judgement:  # fmt: skip
    """95 % of calls are within the institution's target (5 answers, chance below 1 %: ours)."""
    return _judged(
        target, times,
        lambda seen, call: _in_time(seen, call, chance_percent / 100, min_answers),
    )  # fmt: skip


def _in_time(seen: Times, call: Call, by_chance: float, fewest: int) -> tuple[Verdict, Message]:
    good = seen.good
    if len(good) < fewest:
        return Verdict.UNDETERMINED, msg("{call}: {count} of {made} calls were answered",
                                         call=_name(seen), count=len(good),
                                         made=len(seen.made))  # fmt: skip
    p95 = seen.percentile(95)
    reported = msg(
        "{call}: {count} answers, median {p50} ms, 95th percentile {p95} ms, slowest {most} ms",
        call=_name(seen), count=len(good), p50=f"{seen.percentile(50):g}", p95=f"{p95:g}",
        most=f"{seen.percentile(100):g}",
    )  # fmt: skip
    if call.p95_ms is None:
        return Verdict.UNDETERMINED, msg(
            "{reported}; no target is declared (p95_ms)", reported=reported
        )
    reported = msg("{reported}; target {target} ms", reported=reported, target=f"{call.p95_ms:g}")
    slow = sum(one.ms > call.p95_ms for one in good)
    if p95 <= call.p95_ms:
        return Verdict.PASS, reported
    if chance(slow, len(good), _SLOW) < by_chance:
        return Verdict.FAIL, reported
    return Verdict.UNDETERMINED, msg(
        "{reported}; so few slow answers may be chance", reported=reported
    )


@check(
    "http.error-rate", needs=(TARGET, TIMES), kind="web", severity=Severity.MEDIUM,
    remedy=msg("Find why calls fail; or correct errors_percent, the institution's own target"),
)  # fmt: skip
def error_rate(
    target: Target, times: tuple[Times, ...],
    *, chance_percent: Annotated[float, Up] = 1.0, min_calls: Annotated[int, Up] = 5,
) -> Judgement:  # fmt: skip
    """No more calls fail than the institution's target allows (5 calls, chance below 1 %: ours)."""
    return _judged(
        target, times,
        lambda seen, call: _few_errors(seen, call, chance_percent / 100, min_calls),
    )  # fmt: skip


def _few_errors(seen: Times, call: Call, by_chance: float, fewest: int) -> tuple[Verdict, Message]:
    made, bad = len(seen.made), len(seen.made) - len(seen.good)
    share = f"{100 * (made - bad) / made:.4g}" if made else "-"
    reported = msg("{call}: {bad} of {made} calls failed, available {share} %", call=_name(seen),
               bad=bad, made=made, share=share)  # fmt: skip
    if call.errors_percent is None:
        return Verdict.UNDETERMINED, msg("{reported}; no target is declared (errors_percent)",
                                         reported=reported)  # fmt: skip
    reported = msg(
        "{reported}; target at most {target} %",
        reported=reported,
        target=f"{call.errors_percent:g}",
    )
    if made < fewest and not bad:
        return Verdict.UNDETERMINED, msg("{reported}; too few calls", reported=reported)
    if 100 * bad <= call.errors_percent * made:
        return Verdict.PASS, reported
    if chance(bad, made, call.errors_percent / 100) < by_chance:
        return Verdict.FAIL, reported
    return Verdict.UNDETERMINED, msg("{reported}; so few failures may be chance", reported=reported)


CHECKS = (response_times, error_rate)
