"""What rules, figures and declared columns mean beside each other. Counts are invented."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from audit_core.api.sdk import Absent, Known, Target, Verdict, msg
from audit_core.api.testkit import target_of
from audit_core.model import Reason
from audit_data.definitions import same_definitions
from audit_data.kind import DeclaredColumn, Grade, Protection
from audit_data.quality import accurate, current, filled_columns, fresh, linked, same_figures
from audit_data.storage_form import Outcome, stored
from audit_database.data.answer import Column, Overview, Sampled
from audit_database.data.counting import Counter
from audit_database.data.identify import Data
from audit_database.data.rules import Result, State
from live import customers

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
NOT_SEEN = Absent(reason=Reason.NOT_PERMITTED, detail=msg("denied"))


def data_set(name: str = "core", **settings: Any) -> Target:
    made = target_of("database_data", database="core", environment="production", **settings)
    return structs.replace(made, id=name)


def result(name: str, *, bad: int = 0, figure: str | None = None, **more: Any) -> Result:
    return Result(name=name, state=State.APPLIED, checked=9, bad=bad, figure=figure, whole=True,
                  **more)  # fmt: skip


def test_rules() -> None:
    rule = {"table": "t", "column": "c"}
    cases = (
        (accurate, {"rule": "check", "data": "id_card"}), (filled_columns, {"rule": "filled"}),
        (linked, {"rule": "unique"}), (current, {"rule": "current"}),
        (fresh, {"rule": "fresh", "minutes": 5}),
    )  # fmt: skip
    for check, more in cases:
        target = data_set(rules=[{"name": "r", **rule, **more}])
        good, bad = result("r", age_s=1, age_utc_s=1), result("r", bad=9, age_s=1e6, age_utc_s=1e6)
        failed = Result(name="r", state=State.NOT_PERMITTED)
        for found, verdict in (((good,), PASS), ((bad,), FAIL), ((failed,), OPEN), ((), OPEN)):
            assert check.judge(target, found).verdict is verdict, (check.id, found)


def test_figures_beside_statements() -> None:
    figure = {"name": "f", "rule": "count", "table": "t", "figure": "customers"}
    statement = {"name": "s", "rule": "sql", "about": "consistency", "sql": "SELECT 1"}
    here, there = data_set("a", rules=[figure, statement]), data_set("b", rules=[figure])
    third = data_set("c", rules=[figure])

    def verdict(bad: int, other: str, more: Known | Absent | None = None) -> Verdict:
        own = (result("f", figure="7"), result("s", bad=bad))
        every: tuple[tuple[Target, Known | Absent], ...] = (
            (here, Known(value=own)), (there, Known(value=(result("f", figure=other),))),
        )  # fmt: skip
        every += ((third, more),) if more is not None else ()
        return same_figures.judge(here, own, every).verdict

    assert [verdict(0, "7"), verdict(0, "8"), verdict(1, "7")] == [PASS, FAIL, FAIL]
    assert verdict(0, "7", NOT_SEEN) is OPEN
    assert verdict(0, "8", NOT_SEEN) is FAIL
    assert verdict(0, "7", Known(value=(result("f", figure="7"),))) is PASS


def test_elements_that_were_not_seen() -> None:
    columns = [{"table": "t", "column": "id", "element": "customer"}]
    places = [data_set(name, columns=columns) for name in "abc"]

    def sample(type_: str) -> Known:
        column = Column(schema="s", table="t", name="id", type=type_)
        overview = Overview(database="core", whole=True, tables=1)
        return Known(value=Sampled(overview=overview, tables=(), columns=(column,)))

    def verdict(*known: Known | Absent) -> Verdict:
        every = tuple(zip(places, known, strict=False))
        return same_definitions.judge(places[0], every).verdict

    text, number = sample("text"), sample("int")
    assert [verdict(text, text), verdict(text, number), verdict(text)] == [PASS, FAIL, OPEN]
    assert [verdict(text, text, NOT_SEEN), verdict(text, number, NOT_SEEN)] == [OPEN, FAIL]


def test_more_than_what_may_be_in_clear() -> None:
    def outcome(values: list[str], data: Data | None, grade: Grade = Grade.C1) -> Outcome:
        counter = Counter(Column(schema="s", table="t", name="x", type="text"), data)
        for value in values:
            counter.add(value)
        declared = DeclaredColumn(table="t", column="x", data=data, grade=grade,
                                  protection=Protection.PLAIN)  # fmt: skip
        return stored(declared, counter.column()).outcome

    codes, cards = customers.credit_codes(9), customers.bank_cards(9)
    assert outcome(codes, Data.CREDIT_CODE) is Outcome.GOOD
    assert outcome(cards, Data.CREDIT_CODE) is Outcome.BAD
    assert outcome(cards, None) is Outcome.BAD
    assert outcome(cards, Data.BANK_CARD, Grade.C2) is Outcome.BAD
