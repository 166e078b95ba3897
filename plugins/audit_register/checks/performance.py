"""How fast the services answer, how full systems are, and whether promised times are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Down,
    Judgement,
    Message,
    Severity,
    check,
    complete,
    msg,
)
from audit_register.columns import same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import day_of, each_row, judged, newest, outdated, unrecorded

PERFORMANCE = BY_REGISTER["performance"]
_NO_TARGET = msg("no target is declared")
_NO_FIGURE = msg("no figure")


def _newest(table: Table, kind: str, now: str) -> list[Row]:
    """The newest row of each name; any where none has a day in the past."""
    by_name: dict[str, list[Row]] = {}
    for row in table.rows:
        if row["kind"] == kind:
            by_name.setdefault(same(str(row["name"])), []).append(row)
    return [newest(rows, "date", day_of(now)) or rows[-1] for rows in by_name.values()]


def _judged(
    table: Table, kind: str, now: str, most: int, wrong: Callable[[Row], Message | None]
) -> Judgement:
    rows = _newest(table, kind, now)
    if not rows:
        return unrecorded(msg("No such figure is in the register"))
    today = day_of(now)

    def problem(row: Row) -> Message | None:
        late = outdated(row, "date", today, most, msg("no day of the figure"),
                        msg("the newest figure"))  # fmt: skip
        return wrong(row) if late is None else late

    names = tuple(str(row["name"]) for row in rows)
    expected = msg("figures at most {days} days old, within their targets", days=most)
    summary = msg("Targets met: {names}", names=names)
    return judged(each_row(table, rows, problem), summary, expected)


def _above(row: Row, figure: str, target: str) -> Message | None:
    if row[figure] is None:
        return _NO_FIGURE
    if row[target] is None:
        return _NO_TARGET
    if row[figure] <= row[target]:
        return None
    return msg("{figure}, the target is {target}", figure=f"{row[figure]:g}",
               target=f"{row[target]:g}")  # fmt: skip


@check(
    "register.responses-in-time",
    needs=(complete(PERFORMANCE), COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Find the cause of slow or failed answers, and measure again"),
)
def responses(table: Table, now: str, *, max_days: Annotated[int, Down] = 7) -> Judgement:
    """Interfaces answer within the institution's targets, as measured in a week (ours)."""
    return _judged(
        table, "interface", now, max_days,
        lambda row: _above(row, "p95_ms", "p95_target_ms")
        or _above(row, "errors", "errors_target"),
    )  # fmt: skip


@check(
    "register.capacity-left",
    needs=(complete(PERFORMANCE), COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Add capacity, or spread the load"),
)
def capacity(
    table: Table,
    now: str,
    *,
    max_percent: Annotated[int, Down] = 50,
    max_days: Annotated[int, Down] = 30,
) -> Judgement:
    """Systems and lines have room at peak (JR/T 0071.2: half is used), as of 30 days (ours)."""

    def full(row: Row) -> Message | None:
        if row["peak"] is None:
            return _NO_FIGURE
        over = row["peak"] > max_percent
        return msg("{percent} % are used at peak", percent=f"{row['peak']:g}") if over else None

    return _judged(table, "capacity", now, max_days, full)


@check(
    "register.service-times-kept",
    needs=(complete(PERFORMANCE), COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Find what takes too long, and publish times that can be met"),
)
def service_times(table: Table, now: str, *, max_days: Annotated[int, Down] = 90) -> Judgement:
    """Promised times are kept to the institution's share, as measured in 90 days (ours)."""

    def short(row: Row) -> Message | None:
        if row["kept"] is None:
            return _NO_FIGURE
        if row["kept_target"] is None:
            return _NO_TARGET
        below = row["kept"] < row["kept_target"]
        return msg("kept in {percent} %, the target is {target} %", percent=f"{row['kept']:g}",
                   target=f"{row['kept_target']:g}") if below else None  # fmt: skip

    return _judged(table, "service_time", now, max_days, short)


CHECKS = (responses, capacity, service_times)
