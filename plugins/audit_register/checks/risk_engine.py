"""Whether the risk engine works: its last event, and what it decided in thirty days."""

from __future__ import annotations

import datetime
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
    undetermined,
)
from audit_register.columns import CHINA, same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import judged, unrecorded

RISK = BY_REGISTER["risk"]
_AHEAD = datetime.timedelta(minutes=15)  # of clocks


@check(
    "register.risk-engine-alive",
    needs=(complete(RISK), COLLECTED_AT),
    severity=Severity.HIGH,
    remedy=msg("Find out why the risk engine records nothing, and switch its rules on"),
)
def alive(table: Table, now: str, *, max_hours: Annotated[int, Down] = 24) -> Judgement:
    """Each risk engine recorded an event in the period (ours: 24 h), and decided on some."""
    engines: dict[str, list[Row]] = {}
    for row in table.rows:
        engines.setdefault(same(str(row["engine"])), []).append(row)
    if not engines:
        return unrecorded(msg("No risk engine is in the register"))
    moment = datetime.datetime.fromisoformat(now).astimezone(CHINA).replace(tzinfo=None)
    found = [_engine(rows, moment, max_hours) for rows in engines.values()]
    expected = msg("an event at most {hours} hours ago", hours=max_hours)
    wrong = [text for ok, text in found if ok is False]
    open_ = [text for ok, text in found if ok is None]
    if wrong or not open_:
        summary = msg("{engines}", engines=tuple(text for _, text in found))
        return judged(wrong, summary, expected)
    return undetermined(*open_, expected=expected)


def _engine(rows: list[Row], now: datetime.datetime, hours: int) -> tuple[bool | None, Message]:
    """Whether one engine is alive, None where it cannot be told, and its figures."""
    last = max((str(row["last_event"]) for row in rows if row["last_event"]), default=None)
    figures = tuple(msg("{decision} {count}", decision=str(row["decision"]),
                        count=f"{row['events'] or 0:g}") for row in rows)  # fmt: skip
    text = msg("{engine}: last event at {last}; events of 30 days: {figures}",
               engine=str(rows[0]["engine"]), last=last or "-", figures=figures)  # fmt: skip
    if any(row["rules"] == 0 for row in rows):
        return False, msg("{text}; no rule is enabled", text=text)
    if last is None or not any(row["events"] for row in rows):
        return False, msg("{text}; nothing was decided", text=text)
    return _in_time(datetime.datetime.fromisoformat(last), now, hours), text


def _in_time(last: datetime.datetime, now: datetime.datetime, hours: int) -> bool | None:
    """None for one that is late only where its time is that of UTC, or that is to come."""
    limit, offset = datetime.timedelta(hours=hours), datetime.timedelta(hours=8)
    if last > now + _AHEAD:
        return None
    if now - last > limit + offset:
        return False
    return True if now - last <= limit else None


CHECKS = (alive,)
