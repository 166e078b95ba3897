"""Checks that a profile declares: nine comparisons, and what cannot be compared."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, field

from audit_core.api.sdk import fact
from audit_core.model import Command, Fact, Judgement, Role, Severity, Verdict
from audit_core.model.errors import InputError
from audit_core.policy import Comparator, DeclaredCheck, build_check, load_profile
from audit_core.policy.declared import _is_tame
from audit_core.policy.model import Bilingual


class Mode(enum.StrEnum):
    ON = "on"
    OFF = "off"


class Deep(Struct, frozen=True, kw_only=True):
    size: int | None = None


class Thing(Struct, frozen=True, kw_only=True):
    word: str = "abc"
    number: int = 5
    ratio: float = 0.5
    flag: bool = True
    mode: Mode = Mode.ON
    words: tuple[str, ...] = ("a", "b")
    ports: frozenset[int] = frozenset({22, 443})
    maybe: str | None = None
    deep: Deep = Deep(size=3)
    table: dict[str, int] = field(default_factory=lambda: {"k": 1, "k.with.dots": 2})


THING = fact(
    "t.thing", Thing, kind="host", ask=Command(argv=("true",)), parse=lambda answer: Thing()
)
FACTS: dict[str, Fact] = {THING.id: THING}


TITLE = Bilingual(zh="正常", en="Fine").message()


def declared(field: str, comparator: str, operand: Any = True) -> DeclaredCheck:
    return DeclaredCheck(
        id="mine.check", title=TITLE, fact="t.thing", field=field,
        comparator=Comparator(comparator), operand=operand, severity=Severity.LOW, where="p.yaml:7",
    )  # fmt: skip


def judge(
    field: str, comparator: str, operand: Any = True, thing: Thing | None = None
) -> Judgement:
    return build_check(declared(field, comparator, operand), FACTS).judge(thing or Thing())


A_COMPARISON = [
    ("word", "equals", "abc", Verdict.PASS),
    ("word", "equals", "abd", Verdict.FAIL),
    ("number", "equals", 5, Verdict.PASS),
    ("number", "equals", 6, Verdict.FAIL),
    ("flag", "equals", True, Verdict.PASS),
    ("flag", "equals", False, Verdict.FAIL),
    ("mode", "equals", "on", Verdict.PASS),
    ("mode", "equals", "off", Verdict.FAIL),
    ("word", "one_of", ("abc", "x"), Verdict.PASS),
    ("word", "one_of", ("x",), Verdict.FAIL),
    ("word", "one_of", (), Verdict.FAIL),
    ("word", "none_of", ("x",), Verdict.PASS),
    ("word", "none_of", ("abc", "x"), Verdict.FAIL),
    ("words", "none_of", ("c",), Verdict.PASS),
    ("words", "none_of", ("b", "c"), Verdict.FAIL),
    ("ports", "none_of", (23,), Verdict.PASS),
    ("ports", "none_of", (22,), Verdict.FAIL),
    ("number", "at_least", 5, Verdict.PASS),
    ("number", "at_least", 6, Verdict.FAIL),
    ("number", "at_most", 5, Verdict.PASS),
    ("number", "at_most", 4.5, Verdict.FAIL),
    ("ratio", "at_most", 0.5, Verdict.PASS),
    ("deep.size", "at_least", 3, Verdict.PASS),
    ("table.k", "equals", 1, Verdict.PASS),
    ("table.k.with.dots", "equals", 2, Verdict.PASS),
    ("word", "matches", "[a-c]+", Verdict.PASS),
    ("word", "matches", "ab", Verdict.FAIL),
    ("words", "matches", "[ab]", Verdict.PASS),
    ("words", "matches", "a", Verdict.FAIL),
    ("words", "subset_of", ("a", "b", "c"), Verdict.PASS),
    ("words", "subset_of", ("a",), Verdict.FAIL),
    ("ports", "subset_of", (22, 443), Verdict.PASS),
    ("ports", "subset_of", (22,), Verdict.FAIL),
    ("words", "contains", "a", Verdict.PASS),
    ("words", "contains", "c", Verdict.FAIL),
    ("word", "contains", "bc", Verdict.PASS),
    ("word", "contains", "cb", Verdict.FAIL),
    ("maybe", "absent", "true", Verdict.PASS),
    ("word", "absent", "true", Verdict.FAIL),
]


def test_a_comparison(subtests: pytest.Subtests) -> None:
    for name, comparator, operand, verdict in A_COMPARISON:
        with subtests.test(f"{name} {comparator} {operand}"[:80]):
            found = judge(name, comparator, operand)
            assert found.verdict is verdict
            assert found.detail
            assert found.expected is not None


@pytest.mark.parametrize("comparator", ["equals", "contains"])
def test_what_is_not_set_settles_nothing(comparator: str) -> None:
    assert judge("maybe", comparator, "x").verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("comparator", "operand"), [("one_of", ("x",)), ("none_of", ("x",)), ("matches", "x")]
)
def test_none_is_never_compared(comparator: str, operand: Any) -> None:
    assert judge("maybe", comparator, operand).verdict is Verdict.UNDETERMINED


def test_a_number_that_is_not_set_settles_nothing() -> None:
    thing = Thing(deep=Deep(size=None))
    assert judge("deep.size", "at_most", 3, thing).verdict is Verdict.UNDETERMINED
    assert judge("table.z", "equals", 3, thing).verdict is Verdict.UNDETERMINED


def test_a_very_long_text_is_not_matched() -> None:
    thing = Thing(word="a" * 1001)
    assert judge("word", "matches", "a*", thing).verdict is Verdict.UNDETERMINED
    assert judge("word", "matches", "a*", Thing(word="a" * 1000)).verdict is Verdict.PASS


def test_nan_settles_nothing() -> None:
    thing = Thing(ratio=float("nan"))
    assert judge("ratio", "at_most", 1, thing).verdict is Verdict.UNDETERMINED


def test_what_was_seen_and_expected_is_said() -> None:
    found = judge("words", "subset_of", ("b",))
    assert found.detail[0].args == {"field": "words", "value": ("a", "b")}
    assert found.expected is not None
    assert (found.expected.id, found.expected.args) == (
        "contains only {operand}",
        {"operand": ("b",)},
    )


def test_long_lists_are_cut() -> None:
    thing = Thing(words=tuple(f"{n:03}" for n in range(500)))
    value = judge("words", "subset_of", ("b",), thing).detail[0].args["value"]
    assert isinstance(value, tuple)
    assert (len(value), value[-1]) == (21, "…")


def test_a_fact_that_is_not_there_passes_only_absent() -> None:
    assert build_check(declared("", "absent", "true"), FACTS).when_absent is not None
    assert build_check(declared("word", "none_of", ("x",)), FACTS).when_absent is None


def test_the_check_is_like_any_other() -> None:
    check = build_check(declared("word", "equals", "abc"), FACTS)
    assert (check.id, check.kind, check.needs, check.parameters) == (
        "mine.check", "host", (THING,), ()
    )  # fmt: skip
    assert check.title == TITLE


@pytest.mark.parametrize(
    ("field", "comparator", "operand", "message"),
    [
        ("wrod", "equals", "x", "field: expected one of word, number, ratio, flag, mode, words, "
         "ports, maybe, deep, table, got 'wrod'; did you mean 'word'?"),
        ("word.x", "equals", "x", "field: expected no further field, got 'x'"),
        ("number", "equals", "x", "equals: expected a whole number, got 'x'"),
        ("number", "equals", True, "equals: expected a number, got 'true'"),
        ("flag", "equals", "yes", "equals: expected true or false, got 'yes'"),
        ("mode", "equals", "onn", "equals: expected one of on, off, got 'onn'; did you mean 'on'?"),
        ("words", "equals", "a", "equals: expected a field with one value"),
        ("words", "at_least", 1, "at_least: expected a field with one value"),
        ("word", "at_least", 1, "at_least: expected a field with a number, got 'word'"),
        ("word", "subset_of", ("a",), "subset_of: expected a field with a list, got 'word'"),
        ("number", "matches", "a", "matches: expected a field with text, got 'number'"),
        ("word", "matches", "(", "matches: expected a regular expression"),
        ("word", "matches", "(a+)+", "matches: expected a pattern with at most two repeats"),
        ("ports", "contains", "x", "contains: expected a whole number, got 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_where_it_stands(
    field: str, comparator: str, operand: Any, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        build_check(declared(field, comparator, operand), FACTS)
    assert str(caught.value).startswith(f"p.yaml:7: checks.mine.check.{message}")


def test_an_unknown_fact_is_refused() -> None:
    with pytest.raises(InputError, match=r"got 't\.thing'"):
        build_check(declared("word", "equals", "x"), {})


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(a|aa)*", "a*b*c*", r"(a)\1", "(?P<x>a)(?P=x)", "(a){2,}", "(a)?b", r"a*[*]b*c+"],
)
def test_patterns_that_can_run_away_are_refused(pattern: str) -> None:
    assert not _is_tame(pattern)


@pytest.mark.parametrize(
    "pattern", [r"a\*b\+c\*", "[*+]x*", "a{2}b{3}", "(a|b)c*", "v[0-9]+", r"\d+"]
)
def test_usual_patterns_are_taken(pattern: str) -> None:
    assert _is_tame(pattern)


@given(st.text(max_size=50), st.sampled_from(["one_of", "none_of"]))
def test_one_of_and_none_of_are_opposites(word: str, comparator: str) -> None:
    found = judge("word", comparator, ("abc", word), Thing(word=word))
    assert found.verdict is (Verdict.PASS if comparator == "one_of" else Verdict.FAIL)


# --- as written in a profile --------------------------------------------------------------------

CATALOG = """\
id: std
title: {zh: 标准, en: Standard}
edition: "1"
source: made up for this test
confidence: read
licence: none
object_types:
  - {id: server, zh: 服务器, en: Server}
  - {id: database, zh: 数据库, en: Database}
  - {id: organisation, zh: 机构, en: Organisation}
"""
HEAD = """\
id: mine
title: {zh: 我, en: Mine}
catalogs: [{catalog: std}]
checks:
  - id: mine.check
    title: {zh: 正常, en: Fine}
    fact: t.thing
    clauses: [{clause: "1.1", role: supports}]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "catalogs" / "std").mkdir(parents=True)
    (folder / "catalogs" / "std" / "catalog.yaml").write_text(CATALOG)
    (folder / "catalogs" / "std" / "clauses.csv").write_text("id,gist,applies_to\n1.1,x,server\n")
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_a_declared_check_is_bound_and_built(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "    field: word\n    one_of: [no, abc]\n")
    found = load_profile(str(path), {}, [tmp_path])
    (check,) = found.declared_checks
    assert check.operand == ("no", "abc")
    assert check.where == f"{path}:5"
    assert build_check(check, FACTS).judge(Thing()).verdict is Verdict.PASS
    (binding,) = found.bindings
    assert (binding.clause, binding.check, binding.role) == (
        "1.1", "mine.check", Role.SUPPORTS
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "5: checks[0]: expected exactly one of equals, one_of,"),
        (HEAD + "    equals: a\n    matches: a\n", "5: checks[0]: expected exactly one of"),
        (HEAD + "    one_of: a\n", "9: checks[0].one_of: expected a list, got 'a'"),
        (HEAD + "    at_least: many\n", "9: checks[0].at_least: expected a number, got 'many'"),
        (HEAD + "    absent: yes\n", "9: checks[0].absent: expected one of true, got 'yes'"),
        (HEAD + "    equals:\n", "9: checks[0].equals: expected a text, number, true or false"),
        (HEAD + "    equals: {a: b}\n", "9: checks[0].equals: expected a text, number, true"),
        (HEAD + "    equal: a\n", "9: checks[0].equal: expected one of the keys"),
        (HEAD.replace('"1.1"', '"1.2"') + "    equals: a\n",
         "8: checks[0].clauses[0].clause: expected a clause of this profile, got '1.2'"),
        (HEAD + "    equals: a\n" + HEAD[HEAD.index("  - id") :] + "    equals: a\n",
         "10: checks[1].id: expected each check once, got 'mine.check'"),
    ],
)  # fmt: skip
def test_a_broken_declaration_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_profile(str(path), {}, [tmp_path])
    assert str(caught.value).startswith(f"{path}:{message}")
