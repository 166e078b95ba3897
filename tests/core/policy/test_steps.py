"""Steps and unit rules: read strictly, and those that are shipped are those of their source."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from audit_core.model.errors import InputError
from audit_core.model.results import Clause
from audit_core.model.units import SettledBy, StepRef
from audit_core.policy.catalogs import load_catalog
from audit_core.policy.steps import STEP_COLUMNS, parse_rule
from core.policy.test_catalogs import POLICY

SHIPPED = POLICY / "catalogs"


def test_a_rule_is_alternatives_of_steps() -> None:
    good = {
        "1": ((1,),),
        "1&2": ((1, 2),),
        "1|2": ((1,), (2,)),
        "1&3|2&3": ((1, 3), (2, 3)),
        "1|2&3": ((1,), (2, 3)),
    }
    assert {text: parse_rule(text) for text in good} == good
    junk = ("", "0", "1&", "|1", "1&&2", "1 & 2", "1,2", "a", "1&1", "1|1", "1|1&2", "100", "１")
    assert [text for text in junk if parse_rule(text) is not None] == []


@pytest.fixture(scope="module")
def gbt() -> dict[str, Clause]:
    return {clause.id: clause for clause in load_catalog(SHIPPED / "gbt22239-2019").clauses}


def test_the_shipped_steps_are_those_of_the_source(gbt: dict[str, Clause]) -> None:
    known = [c for c in gbt.values() if c.steps[0].settles is not None]
    counts: dict[tuple[int | None, str], int] = {}
    for clause in known:
        key = (clause.level, clause.scope)
        counts[key] = counts.get(key, 0) + len(clause.steps)
    assert counts == {(3, "general"): 395, (2, "general"): 232, (3, "cloud"): 88}
    assert len(known) == 392
    for clause in known:
        assert clause.rule.steps == tuple(
            s.number for s in clause.steps if s.duplicate_of is None
        ), clause.id
        for s in clause.steps:
            assert all((s.question, s.question_en, s.bring, s.bring_en, s.affirmed_if_en))
    # Four units that an older table of counts lacks or counts too low.
    by_unit = {c.unit: len(c.steps) for c in known}
    low = ("L3-MMS1-08", "L3-MMS1-26", "L3-ABS2-03", "L3-CES2-13")
    absent = ("L3-HRS1-06", "L3-MMS1-16", "L2-ORS1-09", "L2-PSS1-01")
    assert [by_unit[unit] for unit in (*low, *absent)] == [2, 3, 11, 2, 2, 2, 2, 1]


def test_units_that_do_not_need_every_step(gbt: dict[str, Clause]) -> None:
    rules = {c.unit: c.rule.alternatives for c in gbt.values() if len(c.rule.alternatives) > 1}
    assert rules == {
        "L3-CES1-06": ((1,), (2,)),
        "L2-CES1-05": ((1,), (2,)),
        "L3-SMC1-08": ((1,), (2,)),
        "L3-CES1-23": ((1, 3), (2, 3)),
        "L3-MMS1-26": ((1,), (2, 3)),
    }


def test_what_notes_say_for_programs(gbt: dict[str, Clause]) -> None:
    twin = gbt["7.1.4.1a"].steps[3]
    assert twin.repeats == StepRef(unit="L3-CES1-01", step=4)
    assert twin.high_risk_rules == ("6.4.1.1",)
    assert twin.note.startswith("shorter than 6 characters")
    repeated = [s.duplicate_of for c in gbt.values() if c.unit == "L3-HRS1-09" for s in c.steps]
    assert repeated == [None, None, None, 1, 2, 3]


def test_a_clause_without_step_data_is_one_step(gbt: dict[str, Clause]) -> None:
    (step,) = gbt["9.1.4.1a"].steps
    assert (step.number, step.settles) == (1, None)
    assert gbt["9.1.4.1a"].gist in step.question
    assert step.question_en.isascii()
    assert gbt["9.1.4.1a"].rule.alternatives == ((1,),)


def test_questions_of_the_smart_finance_draft() -> None:
    clauses = load_catalog(SHIPPED / "smart-finance").clauses
    steps = [step for clause in clauses for step in clause.steps]
    assert len(steps) == 138
    assert len(clauses) == 47
    assert all(step.freshness_days for step in steps)
    assert sum(step.settles is SettledBy.MACHINE for step in steps) == 35
    assert sum(bool(step.threshold) for step in steps) == 88
    assert all(c.rule.steps == tuple(s.number for s in c.steps) for c in clauses)


def test_steps_that_name_a_period_hold_dates_to_it(gbt: dict[str, Clause]) -> None:
    limits = {
        (id, step.number): step.limit for id, c in gbt.items() for step in c.steps if step.limit
    }
    month, half, year = "age<=30d", "age<=180d", "age<=365d"
    assert limits == {
        ("8.1.3.3a", 2): half, ("8.1.3.3b", 2): half, ("8.2.3.2a", 2): half, ("7.1.3.3", 2): half,
        ("8.1.3.4a", 2): month, ("8.1.4.5", 1): month, ("7.1.3.4", 2): month,
        ("7.1.4.5", 2): month, ("8.1.9.9a", 2): year, ("8.1.5.4d", 3): "reach>=180d",
        ("8.1.9.1d", 1): "age<=1096d", ("7.1.9.1d", 1): "age<=1096d",
    }  # fmt: skip
    assert all(step.threshold for c in gbt.values() for step in c.steps if step.limit)


ABOUT = """\
id: mine
title: {zh: 我的, en: Mine}
edition: "1"
source: me
confidence: read
licence: none
object_types: [{id: server, zh: 服务器, en: Server}]
"""
STEP = {
    "level": "L3", "unit": "L3-A-01", "clause": "1", "step": "1", "method": "examine",
    "question_zh": "问", "question_en": "Ask", "bring_zh": "带", "bring_en": "Bring",
    "answer": "yes_no", "settles": "machine", "probe_hint": "", "source": "found", "note": "",
    "affirmed_if_zh": "好", "affirmed_if_en": "good",
}  # fmt: skip
RULE = {"level": "L3", "unit": "L3-A-01", "clause": "1", "steps": "2", "distinct_steps": "2",
            "conforms_if": "1&2", "partial_possible": "yes", "note": ""}  # fmt: skip


def table(rows: list[dict[str, str]]) -> str:
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(",".join(cells) + "\n" for cells in lines)


def loaded(folder: Path, steps: list[dict[str, str]], rules: list[dict[str, str]]) -> Clause:
    catalog = folder / "mine"
    catalog.mkdir(parents=True)
    (catalog / "catalog.yaml").write_text(ABOUT)
    rows = "1,L3-A-01,3,x,server\n2,L3-A-02,3,y,server\n"
    (catalog / "clauses.csv").write_text("id,unit,level,gist,applies_to\n" + rows)
    (catalog / "steps.csv").write_text(table(steps))
    if rules:
        (catalog / "unit-rules.csv").write_text(table(rules))
    return load_catalog(catalog).clauses[0]


def test_without_rules_every_step_counts(tmp_path: Path) -> None:
    clause = loaded(tmp_path, [STEP, STEP | {"step": "2"}], [])
    assert clause.rule.alternatives == ((1, 2),)
    assert clause.rule.partial_possible
    assert structs.asdict(clause.steps[0])["source"] == "found"


BROKEN = [
    # changes of the second step, of the rule, what is expected
    ({"step": "3"}, {}, "steps.csv:3: step: expected step 2, the next of this clause, got '3'"),
    ({"clause": "12"}, {}, "steps.csv:3: clause: expected a clause of this catalog, got '12'; did "
     "you mean '2'?"),
    ({"unit": "L3-A-9"}, {}, "steps.csv:3: unit: expected the clause's unit L3-A-01, got 'L3-A-9'"),
    ({"level": "L2"}, {}, "steps.csv:3: level: expected the clause's level L3, got 'L2'"),
    ({"question_en": " "}, {}, "steps.csv:3: question_en: expected a text, got ' '"),
    ({"bring_zh": ""}, {}, "steps.csv:3: bring_zh: expected a text, got ''"),
    ({"scope": "all"}, {}, "steps.csv:3: scope: expected one of system, group, target, got 'all'"),
    ({"limit": "age<365"}, {}, "steps.csv:3: limit: expected age<=365d, gaps<=92d*4, "
     "reach>=180d, or nothing, got 'age<365'"),
    ({"method": "examine+tset"}, {}, "steps.csv:3: method: expected one of interview, examine, "
     "test, got 'tset'; did you mean 'test'?"),
    ({"answer": "maybe"}, {}, "steps.csv:3: answer: expected one of yes_no, value, date, file"),
    ({"settles": "machin"}, {}, "steps.csv:3: settles: expected one of machine, both, person, got "
     "'machin'; did you mean 'machine'?"),
    ({"note": "dup_of=2"}, {}, "steps.csv:3: note: expected dup_of an earlier step"),
    ({"note": "dup_of=x"}, {}, "steps.csv:3: note: expected same question as UNIT step N, dup_of"),
    ({"note": "same question as L3-A-03 step 1"}, {}, "steps.csv:3: note: expected the code of a "
     "unit, got 'L3-A-03'; did you mean 'L3-A-01'?"),
    ({"note": "same question as L3-A-01 step 1"}, {}, "steps.csv:3: note: expected a step of "
     "another unit"),
    ({"freshness_days": "soon"}, {}, "steps.csv:3: freshness_days: expected a number of days"),
    ({}, {"steps": "1"}, "unit-rules.csv:2: steps: expected 2, as in steps.csv, got '1'"),
    ({"note": "dup_of=1"}, {}, "unit-rules.csv:2: distinct_steps: expected 1, as in steps.csv"),
    ({}, {"conforms_if": "1&&2"}, "unit-rules.csv:2: conforms_if: expected steps joined by & (and)"
     " and | (or), such as 1&3|2&3, got '1&&2'"),
    ({}, {"conforms_if": "1"}, "unit-rules.csv:2: conforms_if: expected each of the steps 1, 2"),
    ({}, {"conforms_if": "1&3"}, "unit-rules.csv:2: conforms_if: expected each of the steps 1, 2"),
    ({}, {"partial_possible": "maybe"}, "unit-rules.csv:2: partial_possible: expected one of yes"),
    ({}, {"clause": "2", "unit": "L3-A-02"}, "unit-rules.csv:2: steps: expected 0, as in steps"),
]  # fmt: skip


def test_a_broken_table_is_refused_with_its_place(tmp_path: Path) -> None:
    for number, (step, rule, message) in enumerate(BROKEN):
        folder = tmp_path / str(number)
        empty = {"freshness_days": "", "limit": "", "scope": "system"}
        steps = [STEP | empty, STEP | empty | {"step": "2"} | step]
        with pytest.raises(InputError) as caught:
            loaded(folder, steps, [RULE | rule])
        assert str(caught.value).startswith(f"{folder}/mine/{message}")


def test_columns_nobody_knows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"steps\.csv:1: expected known columns, got 'freshnes_d"):
        loaded(tmp_path / "a", [STEP | {"freshnes_days": ""}], [])
    lacking = {name: value for name, value in STEP.items() if name != "affirmed_if_zh"}
    with pytest.raises(InputError, match=r"steps\.csv:1: expected a column 'affirmed_if_zh'"):
        loaded(tmp_path / "b", [lacking], [])
    assert set(STEP) < set(STEP_COLUMNS)
    other = STEP | {"clause": "2", "unit": "L3-A-02"}
    with pytest.raises(InputError, match="expected a rule for each clause with steps, got '2'"):
        loaded(tmp_path / "c", [STEP, STEP | {"step": "2"}, other], [RULE])
