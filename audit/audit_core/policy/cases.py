"""Profile tests: what a profile has to say of recorded runs. A YAML file, strictly read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from audit_core.model import Conclusion, Finding, Message, Result, StepState, Verdict, msg
from audit_core.policy.input_errors import NOTHING, YamlPath
from audit_core.policy.strict_yaml import Document, load_bytes, read_bytes


class Expectation(Struct, frozen=True, kw_only=True):
    """One expected verdict of a check, conclusion on a clause, or state of a step, on a target."""

    target: str
    check: str | None = None
    verdict: Verdict | None = None
    catalog: str | None = None
    clause: str | None = None
    conclusion: Result | None = None
    step: int | None = None
    state: StepState | None = None


class Case(Struct, frozen=True, kw_only=True):
    """A recorded run, by its folder or its id in the store, and what is expected of it."""

    run: str
    expect: tuple[Expectation, ...]


class CasesFile(Struct, frozen=True, kw_only=True):
    """A file of profile tests. Paths are relative to the file."""

    profile: str
    store: str | None = None
    cases: tuple[Case, ...]


class Cases(Struct, frozen=True, kw_only=True):
    """A file of profile tests that was read."""

    document: Document
    file: CasesFile

    def line(self, case: int, expectation: int) -> int:
        """The line of an expectation."""
        return self.document.line(("cases", case, "expect", expectation))

    def path(self, written: str) -> Path:
        """A path of the file, from where this program runs."""
        return Path(self.document.file).parent / written


class Outcome(Struct, frozen=True, kw_only=True):
    """An expectation with what came out. `got` says why where there is no such thing."""

    line: int
    what: str
    expected: str
    got: str
    detail: tuple[Message, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether what came out is what was expected."""
        return self.expected == self.got


def read_cases(path: Path) -> Cases:
    """The tests in the file at `path`; raises InputError with file, line and place."""
    document = load_bytes(read_bytes(path), str(path))
    file = document.convert(CasesFile)
    if not file.cases:
        document.fail(("cases",), msg("at least one"), msg("none"))
    for at, case in enumerate(file.cases):
        if not case.expect:
            document.fail(("cases", at, "expect"), msg("at least one"), msg("none"))
        for number, one in enumerate(case.expect):
            _check(document, ("cases", at, "expect", number), one)
    return Cases(document=document, file=file)


def _check(document: Document, place: YamlPath, one: Expectation) -> None:
    """Refuses an expectation of nothing, or of two things at once."""
    if (one.check is None) == (one.clause is None):
        document.fail(place, msg("either check or clause"), _given(one.check, one.clause))
    if one.check is not None:
        _only(document, place, one, "verdict", ("catalog", "conclusion", "step", "state"))
    elif one.step is not None:
        _only(document, place, one, "state", ("verdict", "conclusion"))
    else:
        _only(document, place, one, "conclusion", ("verdict", "state"))


def _given(check: str | None, clause: str | None) -> Message:
    return NOTHING if check is None and clause is None else msg("both")


def _only(
    document: Document, place: YamlPath, one: Expectation, wanted: str, others: Iterable[str]
) -> None:
    for name in others:
        if getattr(one, name) is not None:
            document.fail((*place, name), msg("only {wanted} here", wanted=wanted), msg("both"))
    if getattr(one, wanted) is None:
        document.fail((*place, wanted), msg("a value"), NOTHING)


def outcomes(
    cases: Cases, case: int, findings: Iterable[Finding], conclusions: Iterable[Conclusion]
) -> Iterator[Outcome]:
    """Each expectation of a case, with what the findings and conclusions of its run say."""
    found = {(f.check, f.target): f for f in findings}
    concluded: dict[tuple[str, str], list[Conclusion]] = {}
    for made in conclusions:
        concluded.setdefault((made.clause, made.target), []).append(made)
    for number, one in enumerate(cases.file.cases[case].expect):
        line = cases.line(case, number)
        if one.check is not None:
            yield _of_check(line, one, found.get((one.check, one.target)))
        else:
            of_clause = concluded.get((one.clause or "", one.target), [])
            fitting = [c for c in of_clause if one.catalog in (None, c.catalog)]
            yield _of_clause(line, one, fitting)


def _of_check(line: int, one: Expectation, found: Finding | None) -> Outcome:
    return Outcome(
        line=line,
        what=f"{one.check} @ {one.target}",
        expected=str(one.verdict),
        got="" if found is None else found.verdict.value,
        detail=() if found is None else found.detail,
    )


def _of_clause(line: int, one: Expectation, found: list[Conclusion]) -> Outcome:
    step = "" if one.step is None else f" {one.step}"
    what = f"{one.clause}{step} @ {one.target}"
    if len(found) != 1:
        return Outcome(line=line, what=what, expected=_wanted(one), got="")
    if one.step is None:
        got = found[0].conclusion.value
    else:
        got = next((s.state.value for s in found[0].steps if s.number == one.step), "")
    return Outcome(line=line, what=what, expected=_wanted(one), got=got, detail=found[0].why)


def _wanted(one: Expectation) -> str:
    return str(one.conclusion if one.step is None else one.state)
