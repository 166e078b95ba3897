"""The steps of clauses and the unit rules over them: `steps.csv` and `unit-rules.csv`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, Protocol

from audit_core.model import Message, msg
from audit_core.model.errors import InputError
from audit_core.model.results import Clause
from audit_core.model.units import LIMITS, Scope, SettledBy, Step, StepRef, UnitRule
from audit_core.policy.input_errors import SILENT, nearest, one_of, quoted

ANSWERS = ("yes_no", "value", "date", "file")
METHODS = ("interview", "examine", "test")
STEP_COLUMNS = (
    "level", "unit", "clause", "step", "method", "question_zh", "question_en", "bring_zh",
    "bring_en", "answer", "settles", "scope", "applies_to", "probe_hint", "source", "note",
    "freshness_days", "threshold", "limit", "affirmed_if_zh", "affirmed_if_en",
)  # fmt: skip
_OPTIONAL = ("scope", "applies_to", "freshness_days", "threshold", "limit")
STEP_REQUIRED = tuple(c for c in STEP_COLUMNS if c not in _OPTIONAL)
RULE_COLUMNS = (
    "level", "unit", "clause", "steps", "distinct_steps", "conforms_if", "partial_possible", "note",
)  # fmt: skip
_BOTH_LANGUAGES = ("question", "bring", "affirmed_if")
_NUMBER = re.compile(r"[1-9][0-9]?")
_DAYS = re.compile(r"[1-9][0-9]{0,4}")
_RULE = re.compile(r"[1-9][0-9]?(?:[&|][1-9][0-9]?)*")
_SAME = re.compile(r"same question as (\S+) step ([1-9][0-9]?)")
_DUPLICATE = re.compile(r"dup_of=([1-9][0-9]?)")
_HIGH_RISK = re.compile(r"high-risk rule ([0-9]+(?:\.[0-9]+)*)")
_RULE_IN_WORDS = re.compile(r"unit conforms if [1-9or and]+")


class Row(Protocol):
    """A row of a table with its file and line."""

    where: str

    def __getitem__(self, column: str) -> str: ...

    def get(self, column: str, default: str) -> str:
        """The cell in `column`, or `default` where it is empty."""
        ...


def parse_rule(text: str) -> tuple[tuple[int, ...], ...] | None:
    """The alternatives that `text` spells, as in `1&3|2&3` (& before |); None for anything else.

    A step twice in an alternative, or an alternative that holds another one whole, is a slip.
    """
    if not _RULE.fullmatch(text):
        return None
    found = [tuple(int(n) for n in part.split("&")) for part in text.split("|")]
    sets = [frozenset(steps) for steps in found]
    if any(len(steps) != len(set_) for steps, set_ in zip(found, sets, strict=True)):
        return None
    if any(a <= b for n, a in enumerate(sets) for m, b in enumerate(sets) if n != m):
        return None
    return tuple(found)


# --- steps --------------------------------------------------------------------------------------


def read_steps(rows: Iterable[Row], clauses: Mapping[str, Clause]) -> dict[str, tuple[Step, ...]]:
    """The steps by clause, numbered from 1; raises InputError with file, line and column."""
    found: dict[str, tuple[Step, ...]] = {}
    places: dict[tuple[str, int], Row] = {}
    for row in rows:
        clause = _clause_of(row, clauses)
        step = _step(row, len(found.get(clause.id, ())) + 1, clause)
        places[clause.id, step.number] = row
        found[clause.id] = (*found.get(clause.id, ()), step)
    units = {c.unit: found[c.id] for c in clauses.values() if c.id in found and c.unit}
    for (clause_id, number), row in places.items():
        _references(row, found[clause_id], number, units)
    return found


def _clause_of(row: Row, clauses: Mapping[str, Clause]) -> Clause:
    id = row["clause"]
    if id not in clauses:
        _refuse(row, "clause", msg("a clause of this catalog"), id, nearest(id, clauses))
    clause = clauses[id]
    if clause.unit is not None and row["unit"] != clause.unit:
        _refuse(row, "unit", msg("the clause's unit {unit}", unit=clause.unit), row["unit"])
    if clause.level is not None and row["level"] != f"L{clause.level}":
        level = msg("the clause's level {level}", level=f"L{clause.level}")
        _refuse(row, "level", level, row["level"])
    return clause


def _step(row: Row, number: int, clause: Clause) -> Step:
    if row["step"] != str(number):
        expected = msg("step {number}, the next of this clause", number=number)
        _refuse(row, "step", expected, row["step"])
    for column in (f"{name}_{lang}" for name in _BOTH_LANGUAGES for lang in ("zh", "en")):
        if not row[column].strip():
            _refuse(row, column, msg("a text"), row[column])
    return Step(
        number=number,
        methods=tuple(_word(row, "method", word, METHODS) for word in row["method"].split("+")),
        question=row["question_zh"], question_en=row["question_en"],
        bring=row["bring_zh"], bring_en=row["bring_en"],
        affirmed_if=row["affirmed_if_zh"], affirmed_if_en=row["affirmed_if_en"],
        answer=_word(row, "answer", row["answer"], ANSWERS),
        settles=SettledBy(_word(row, "settles", row["settles"], tuple(SettledBy))),
        scope=_scope(row),
        applies_to=_applies_to(row, clause),
        probe_hint=row["probe_hint"], threshold=row.get("threshold", ""),
        limit=_limit(row),
        freshness_days=_days(row), source=row["source"], **_note(row),
    )  # fmt: skip


def _applies_to(row: Row, clause: Clause) -> tuple[str, ...]:
    """The object types that the step is asked of; those of its clause where the cell is empty."""
    known = clause.applies_to
    return tuple(
        _word(row, "applies_to", word, known) for word in row.get("applies_to", "").split()
    )


def _limit(row: Row) -> str:
    text = row.get("limit", "")
    if text and not LIMITS.fullmatch(text):
        _refuse(row, "limit", msg("age<=365d, gaps<=92d*4, reach>=180d, or nothing"), text)
    return text


def _scope(row: Row) -> Scope:
    """For how much one answer holds; each object is asked about where the column is left out."""
    text = row.get("scope", Scope.TARGET)
    return Scope(_word(row, "scope", text, tuple(Scope)))


def _days(row: Row) -> int | None:
    text = row.get("freshness_days", "")
    if text and not _DAYS.fullmatch(text):
        _refuse(row, "freshness_days", msg("a number of days, or nothing"), text)
    return int(text) if text else None


def _word(row: Row, column: str, word: str, known: tuple[str, ...]) -> str:
    if word not in known:
        _refuse(row, column, one_of(known), word, nearest(word, known))
    return word


def _note(row: Row) -> dict[str, Any]:
    """The remark of a row, and what its note says for programs, as fields of a step.

    The rule in words is left out: `unit-rules.csv` has it.
    """
    remarks: list[str] = []
    rules: list[str] = []
    fields: dict[str, Any] = {}
    for part in filter(None, row["note"].split("; ")):
        if hit := _SAME.fullmatch(part):
            fields["repeats"] = StepRef(unit=hit[1], step=int(hit[2]))
        elif hit := _DUPLICATE.fullmatch(part):
            fields["duplicate_of"] = int(hit[1])
        elif hit := _HIGH_RISK.fullmatch(part):
            rules.append(hit[1])
        elif part.startswith(("same question as", "dup_of", "high-risk rule")):
            expected = msg("same question as UNIT step N, dup_of=N or high-risk rule N.N")
            _refuse(row, "note", expected, part)
        elif not _RULE_IN_WORDS.fullmatch(part):
            remarks.append(part)
    return {**fields, "note": "; ".join(remarks), "high_risk_rules": tuple(rules)}


def _references(
    row: Row, own: tuple[Step, ...], number: int, units: Mapping[str, tuple[Step, ...]]
) -> None:
    """Refuses a step that repeats what is not there, itself, or a repetition."""
    step = own[number - 1]
    first = step.duplicate_of
    if first is not None and (first >= number or own[first - 1].duplicate_of is not None):
        _refuse(row, "note", msg("dup_of an earlier step of this clause"), f"dup_of={first}")
    if step.repeats is None:
        return
    unit, there = step.repeats.unit, units.get(step.repeats.unit, ())
    if unit not in units:
        _refuse(row, "note", msg("the code of a unit"), unit, nearest(unit, units))
    if step.repeats.step > len(there) or there is own:
        expected = msg("a step of another unit (this one has {count})", count=len(there))
        _refuse(row, "note", expected, f"{unit} step {step.repeats.step}")


# --- rules --------------------------------------------------------------------------------------


def read_rules(
    rows: Iterable[Row], clauses: Mapping[str, Clause], steps: Mapping[str, tuple[Step, ...]]
) -> dict[str, UnitRule]:
    """The unit rules by clause; each clause with steps has one that names exactly its steps."""
    found: dict[str, UnitRule] = {}
    last: Row | None = None
    for row in rows:
        clause, last = _clause_of(row, clauses), row
        if clause.id in found:
            _refuse(row, "clause", msg("each clause once"), clause.id)
        found[clause.id] = _rule(row, steps.get(clause.id, ()))
    lacking = [id for id in steps if id not in found]
    if last is not None and lacking:
        _refuse(last, "clause", msg("a rule for each clause with steps"), lacking[0])
    return found


def _rule(row: Row, steps: tuple[Step, ...]) -> UnitRule:
    distinct = tuple(s.number for s in steps if s.duplicate_of is None)
    for column, count in (("steps", len(steps)), ("distinct_steps", len(distinct))):
        if row[column] != str(count):
            _refuse(row, column, msg("{count}, as in steps.csv", count=count), row[column])
    alternatives = parse_rule(row["conforms_if"])
    if alternatives is None:
        expected = msg("steps joined by & (and) and | (or), such as 1&3|2&3")
        _refuse(row, "conforms_if", expected, row["conforms_if"])
    partial = _word(row, "partial_possible", row["partial_possible"], ("yes", "no")) == "yes"
    rule = UnitRule(alternatives=alternatives, partial_possible=partial)
    if rule.steps != distinct:
        expected = msg("each of the steps {steps}", steps=tuple(map(str, distinct)))
        _refuse(row, "conforms_if", expected, row["conforms_if"])
    return rule


def every_step(steps: tuple[Step, ...]) -> UnitRule:
    """The rule where a standard gives none: every step counts."""
    numbers = tuple(s.number for s in steps if s.duplicate_of is None)
    return UnitRule(alternatives=(numbers,), partial_possible=len(numbers) > 1)


def _refuse(row: Row, column: str, expected: Message, got: str, hint: Message = SILENT) -> NoReturn:
    detail = msg("{where}: {column}: expected {expected}, got {word}{hint}",
               where=row.where, column=column, expected=expected, word=quoted(got),
               hint=hint)  # fmt: skip
    raise InputError(detail)
