"""Exports of security consoles compared with the inventory, and with each other."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Down,
    Judgement,
    Known,
    Message,
    Others,
    Severity,
    Target,
    check,
    each,
    msg,
    not_applicable,
    undetermined,
)
from audit_register.columns import same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import (
    UNREAD,
    Registers,
    date_of,
    day_of,
    each_row,
    is_older,
    judged,
    outdated,
    rows_in,
    unrecorded,
)

AGENTS = BY_REGISTER["agents"]
_HOST = ("host_antivirus", "hids")
_TERMINAL = ("admission", "terminal_management", "terminal_antivirus")
_REMEDY = msg("Install the agent where it is missing, bring it online, and export the list again")
_WORDS = {
    "host_antivirus": msg("anti-virus of hosts"), "hids": msg("host intrusion detection"),
    "admission": msg("admission"), "terminal_management": msg("management of terminals"),
    "terminal_antivirus": msg("anti-virus of terminals"),
}  # fmt: skip


def _online(rows: Iterable[Row], today: datetime.date, most: int) -> dict[str, bool]:
    """Whether each host or terminal of `rows`, by its name, was online in the last `most` days."""
    found: dict[str, bool] = {}
    for row in rows:
        day, name = date_of(row, "online"), same(str(row["host"]))
        here = day is not None and day <= today and not is_older(day, today, most)
        found[name] = found.get(name, False) or here
    return found


def _missing(category: str, name: str, online: dict[str, bool], names: Iterable[str]
             ) -> Message | None:  # fmt: skip
    mine = [online[key] for key in map(same, names) if key in online]
    if not mine:
        return msg("{host} is not in the console of {category}", host=name,
                   category=_WORDS[category])  # fmt: skip
    return None if any(mine) else msg("{host} is offline in the console of {category}", host=name,
                                      category=_WORDS[category])  # fmt: skip


def _names(target: Target, declared: Known) -> tuple[str, ...]:
    """The names by which a console may list a host."""
    every = (target.id, declared.value.address, target.address, target.host_name)
    return tuple(dict.fromkeys(name for name in every if name))


@check(
    "register.agents-on-hosts",
    needs=(each("agents_register", AGENTS), each("host", "service.host"), COLLECTED_AT),
    kind="agents_register",
    severity=Severity.HIGH,
    remedy=_REMEDY,
)
def on_hosts(
    registers: Registers, hosts: Others, now: str, *, max_days: Annotated[int, Down] = 7
) -> Judgement:
    """Each host of the inventory is in the consoles of anti-virus and HIDS, online (ours: 7 d)."""
    rows, today = rows_in(registers), day_of(now)
    if rows is None:
        return undetermined(UNREAD)
    if not hosts:
        return not_applicable(msg("No host is declared"))
    there = {str(row["category"]) for row in rows}
    lacking = [_WORDS[category] for category in _HOST if category not in there]
    if lacking:
        return unrecorded(msg("There is no export of: {consoles}", consoles=tuple(lacking)))
    wrong = []
    for category in _HOST:
        online = _online((r for r in rows if r["category"] == category), today, max_days)
        found = (_missing(category, t.id, online, _names(t, got)) for t, got in hosts
                 if isinstance(got, Known))  # fmt: skip
        wrong += [text for text in found if text is not None]
    return judged(wrong, msg("{count} hosts, all online in both consoles", count=len(hosts)))


@check(
    "register.agents-on-terminals",
    needs=(AGENTS, COLLECTED_AT),
    severity=Severity.HIGH,
    remedy=_REMEDY,
)
def on_terminals(table: Table, now: str, *, max_days: Annotated[int, Down] = 7) -> Judgement:
    """A terminal that one console knows is online (ours: 7 days) in those of the others."""
    rows = [row for row in table.rows if row["category"] in _TERMINAL]
    there = {str(row["category"]) for row in rows}
    lacking = [_WORDS[category] for category in _TERMINAL if category not in there]
    if lacking:
        return unrecorded(msg("There is no export of: {consoles}", consoles=tuple(lacking)))
    every = {same(str(row["host"])): str(row["host"]) for row in rows}
    wrong = []
    for category in _TERMINAL:
        mine = (row for row in rows if row["category"] == category)
        online = _online(mine, day_of(now), max_days)
        found = (_missing(category, name, online, (name,)) for name in every.values())
        wrong += [text for text in found if text is not None]
    return judged(wrong, msg("{count} terminals, all online in all consoles", count=len(every)))


@check(
    "register.agents-current",
    needs=(AGENTS, COLLECTED_AT),
    severity=Severity.HIGH,
    remedy=msg("Update the signatures, and switch real-time protection on"),
)
def current(table: Table, now: str, *, max_days: Annotated[int, Down] = 30) -> Judgement:
    """Signatures of each agent are current (2025 guide: 30 days), real-time protection is on."""
    today = day_of(now)
    rows = [r for r in table.rows if str(r["category"]).endswith("antivirus")]
    if not rows:
        return unrecorded(msg("No agent of an anti-virus is in the register"))

    def wrong(row: Row) -> Message | None:
        if row["protected"] is False:
            return msg("real-time protection is off")
        return outdated(row, "signatures", today, max_days, msg("no date of signatures"),
                        msg("signatures"))  # fmt: skip

    summary = msg("{count} agents, all current", count=len(rows))
    return judged(each_row(table, rows, wrong), summary)


CHECKS = (on_hosts, on_terminals, current)
