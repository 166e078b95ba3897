"""Strict YAML: scalars stay as written, and every error names its line."""

from __future__ import annotations

import enum
import json
import re
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from audit_core.model.errors import InputError
from audit_core.policy import strict_yaml
from audit_core.policy.strict_yaml import Document, as_written, load_bytes, read_bytes


class Colour(enum.StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(Struct, frozen=True, kw_only=True):
    name: str
    size: int = 0


class Outer(Struct, frozen=True, kw_only=True):
    text: str = ""
    flag: bool = False
    number: int = 0
    ratio: float = 0.0
    colour: Colour = Colour.RED
    via: Literal["local", "ssh"] = "local"
    maybe: str | None = "x"
    several: tuple[str, ...] = ()
    pair: tuple[int, str] = (0, "")
    names: frozenset[str] = frozenset()
    table: dict[str, int] = {}
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    either: tuple[str, ...] | str = ""
    free: Any = None


@pytest.fixture(params=["libyaml", "python"])
def both_parsers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with the C parser and with the pure Python one."""
    if request.param == "python":
        monkeypatch.setattr(strict_yaml, "_LOADER", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")


def read(text: str) -> Outer:
    return load_bytes(text.encode(), "f.yaml").convert(Outer)


def error(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(InputError) as caught:
        load_bytes(raw, "f.yaml").convert(Outer)
    line = str(caught.value)
    assert "\n" not in line
    assert line.isprintable()
    return line


@pytest.mark.parametrize(
    "written",
    ["no", "yes", "on", "NO", "0640", "0o640", "1.10", "1:30", "1_000", "0x1f", "2026-01-01", "~",
     "null", "true", "1e3", ".inf", "=", "+1"],
)  # fmt: skip
@pytest.mark.usefixtures("both_parsers")
def test_text_stays_what_was_written(written: str) -> None:
    assert read(f"text: {written}").text == written


@pytest.mark.parametrize(
    ("yaml_text", "field", "value"),
    [
        ("flag: true", "flag", True),
        ("flag: false", "flag", False),
        ("number: 640", "number", 640),
        ("number: -3", "number", -3),
        ("number: 0", "number", 0),
        ("ratio: 1.10", "ratio", 1.1),
        ("ratio: 3", "ratio", 3.0),
        ("colour: green", "colour", Colour.GREEN),
        ("via: ssh", "via", "ssh"),
        ("maybe: null", "maybe", None),
        ("maybe:", "maybe", None),
        ("maybe: ~", "maybe", None),
        ("maybe: 'null'", "maybe", "null"),
        ("several: [no, 0640, 1.10]", "several", ("no", "0640", "1.10")),
        ("pair: [3, 3]", "pair", (3, "3")),
        ("names: [b, a]", "names", frozenset({"a", "b"})),
        ("table: {a: 1}", "table", {"a": 1}),
        ("inner: {name: x, size: 2}", "inner", Inner(name="x", size=2)),
        ("either: a", "either", "a"),
        ("either: [a]", "either", ("a",)),
        ("free: [1, no, true, '1', 1.10, 007]", "free", (1, "no", True, "1", "1.10", "007")),
        ("free: {a: {b: }}", "free", {"a": {"b": None}}),
        ("\ufefftext: bom", "text", "bom"),
    ],
)
@pytest.mark.usefixtures("both_parsers")
def test_a_type_gets_what_it_asks_for(yaml_text: str, field: str, value: object) -> None:
    found = getattr(read(yaml_text), field)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flag: no", "f.yaml:1: flag: expected true or false, got 'no'"),
        ("flag: True", "f.yaml:1: flag: expected true or false, got 'True'"),
        ("flag: 'true'", "f.yaml:1: flag: expected true or false, got 'true'"),
        ("flag:", "f.yaml:1: flag: expected true or false, got nothing"),
        ("number: 0640", "f.yaml:1: number: expected a whole number, got '0640'"),
        ("number: 1:30", "f.yaml:1: number: expected a whole number, got '1:30'"),
        ("number: 1.0", "f.yaml:1: number: expected a whole number, got '1.0'"),
        ("number: '5'", "f.yaml:1: number: expected a whole number, got '5'"),
        ("number: 1_0", "f.yaml:1: number: expected a whole number, got '1_0'"),
        ("ratio: .inf", "f.yaml:1: ratio: expected a number, got '.inf'"),
        ("ratio: 1e5", "f.yaml:1: ratio: expected a number, got '1e5'"),
        ("text:", "f.yaml:1: text: expected text, got nothing"),
        ("text: [a]", "f.yaml:1: text: expected text, got a list"),
        ("\ntext: {a: b}", "f.yaml:2: text: expected text, got a mapping"),
        (
            "colour: gren",
            "f.yaml:1: colour: expected one of red, green, got 'gren'; did you mean 'green'?",
        ),
        ("via: scp", "f.yaml:1: via: expected one of local, ssh, got 'scp'"),
        ("several: a", "f.yaml:1: several: expected a list, got 'a'"),
        ("pair: [1]", "f.yaml:1: pair: expected 2 values, got 1"),
        ("table: {a: b}", "f.yaml:1: table.a: expected a whole number, got 'b'"),
        (
            "inners:\n  - name: a\n  - nam: b",
            "f.yaml:3: inners[1].nam: expected one of the keys name, size, got 'nam'"
            "; did you mean 'name'?",
        ),
        ("inners:\n  - size: 1", "f.yaml:2: inners[0].name: expected a value, got nothing"),
        ("inner: x", "f.yaml:1: inner: expected a mapping, got 'x'"),
        ("either: {a: b}", "f.yaml:1: either: expected text, got a mapping"),
        ("either: [[a]]", "f.yaml:1: either[0]: expected text, got a list"),
        ("- a", "f.yaml:1: (top): expected a mapping, got a list"),
        ("", "f.yaml:1: (top): expected one document, got 0"),
        ("text: a\n---\ntext: b", "f.yaml:1: (top): expected one document, got 2"),
        (
            "text: a\nflag: true\ntext: b",
            "f.yaml:3: text: expected each key once (first on line 1), got it again",
        ),
        (
            "inner:\n  name: a\n  name: a",
            "f.yaml:3: inner.name: expected each key once (first on line 2), got it again",
        ),
        (
            "inners: [{name: a}, {name: b,\n name: c}]",
            "f.yaml:2: inners[1].name: expected each key once (first on line 1), got it again",
        ),
        ("? [a]\n: b", "f.yaml:1: (top): expected a plain key, got a list"),
        ("inner: {<<: {a: b}}", "f.yaml:1: inner: expected no merge keys, got '<<'"),
        ("text: &a x", "f.yaml:1: (top): expected no anchors and aliases, got 'a'"),
        ("several: &a [x]", "f.yaml:1: (top): expected no anchors and aliases, got 'a'"),
        ("text: *a", "f.yaml:1: (top): expected no anchors and aliases, got 'a'"),
        ("text: !!str 5", "f.yaml:1: (top): expected no tags, got 'tag:yaml.org,2002:str'"),
        ("text: ! 5", "f.yaml:1: (top): expected no tags, got '!'"),
        ("%YAML 1.1\n---\ntext: a", "f.yaml:1: (top): expected no directives, got one"),
        (b"a: b\ntext: \xff", "f.yaml:2: (top): expected text in UTF-8, got other bytes"),
        (b"a: b\ntext: \0", "f.yaml:2: (top): expected text, got a NUL byte"),
        (b"a: b\ntext: \x1b[2J", "f.yaml:2: (top): expected printable text, got a control"),
        ('text: "\\e[2J"\ncolour: "\\e[2J"', "f.yaml:2: colour: expected one of red, green, "
         "got '\\x1b[2J'"),
        ('"\\u202Etxt": a', "f.yaml:1: '\\u202etxt': expected one of the keys"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("both_parsers")
def test_a_refusal_names_file_line_place_and_what_was_expected(
    text: str | bytes, message: str
) -> None:
    assert error(text).startswith(message)


@pytest.mark.usefixtures("both_parsers")
def test_python_objects_are_never_made() -> None:
    line = error("text: !!python/object/apply:os.system ['touch /tmp/owned']")
    assert line.startswith("f.yaml:1: (top): expected no tags")


@pytest.mark.usefixtures("both_parsers")
def test_an_alias_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(9))
    assert error(bomb).startswith("f.yaml:1: (top): expected no anchors")


@pytest.mark.parametrize(
    "deep",
    ["free: " + "[" * 40 + "]" * 40, "{a: " * 41 + "}" * 41,
     "\n".join(" " * i + "a:" for i in range(42)), "- " * 41 + "a"],
)  # fmt: skip
@pytest.mark.usefixtures("both_parsers")
def test_depth_has_a_limit(deep: str) -> None:
    assert "expected at most 40 levels, got more" in error(deep)


@pytest.mark.parametrize(
    "deep",
    ["[" * 5000 + "]" * 5000, "{a: " * 5000 + "}" * 5000,
     "\n".join(" " * i + "a:" for i in range(900)), "- " * 5000 + "a"],
)  # fmt: skip
@pytest.mark.usefixtures("both_parsers")
def test_depth_far_over_the_limit_is_refused_in_one_line(deep: str) -> None:
    # libyaml 0.2.6 looks ahead and meets a limit of its own, in its own words, before ours
    assert re.match(r"f\.yaml:\d+: .*: (expected at most 40 levels|invalid YAML)", error(deep))


def test_the_limit_itself_is_allowed() -> None:
    found = read("free: " + "[" * 39 + "]" * 39).free
    for _ in range(38):
        (found,) = found
    assert found == ()


def test_size_has_a_limit() -> None:
    line = error(b"text: " + b"a" * (2 << 20))
    assert line == f"f.yaml:1: (top): expected at most {2 << 20} bytes, got more"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Any) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read: No such file"):
        read_bytes(tmp_path / "none.yaml")


def test_a_broken_file_is_one_line_with_its_line() -> None:
    assert error("a: b\nc: [").startswith("f.yaml:")
    assert error("a: b\n\tc: d").startswith("f.yaml:2: (top): invalid YAML")


def test_a_long_value_is_cut_in_the_message() -> None:
    assert len(error("flag: " + "x" * 5000)) < 150


def test_lines_are_known_after_conversion() -> None:
    document = load_bytes(b"inners:\n  - name: a\n  - name: b\n    size: 3\n", "f.yaml")
    assert document.line(("inners", 1, "size")) == 4
    assert document.line(("inners", 1, "nothing")) == 3
    assert document.line(("inners", 7)) == 1
    assert document.at(("inners", 1, "nothing")) is None


@given(st.binary(max_size=300))
def test_any_bytes_give_a_document_or_one_line(raw: bytes) -> None:
    _document_or_line(raw)


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`,? \n\t~0", max_size=80))
def test_any_yaml_like_text_gives_a_document_or_one_line(text: str) -> None:
    _document_or_line(text.encode())


def _document_or_line(raw: bytes) -> None:
    try:
        document = load_bytes(raw, "f.yaml")
        assert isinstance(document, Document)
        document.convert(Outer)
    except InputError as caught:
        line = str(caught)
        assert line.startswith("f.yaml:")
        assert line.isprintable()


KEYS = st.text(alphabet="abcxyz", min_size=1, max_size=6)
SCALARS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=9
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=4), max_leaves=12
)


@given(VALUES)
def test_quoted_text_comes_back_exactly(value: Any) -> None:
    # JSON is YAML with every text in double quotes
    raw = json.dumps(value, ensure_ascii=False).encode()
    assert as_written(load_bytes(raw, "f.yaml").root) == _tuples(value)


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
