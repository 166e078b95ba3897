"""What readers see: every text has its Chinese, every check its id, its places and its remedy."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_core.api.sdk import Down, Subset, Superset, Up
from audit_core.model import Check, Command, Kind
from audit_linux import access, dengbao_checks, dengbao_facts

PACKAGE = Path(access.__file__).parent
LOCALE = PACKAGE.parent / "locale/zh/LC_MESSAGES"


def _literal(node: ast.expr) -> str:
    value = ast.literal_eval(node)
    assert isinstance(value, str)
    return value


def _messages() -> Iterator[str]:
    for path in sorted(PACKAGE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "msg":
                yield _literal(node.args[0])


TEXTS = sorted({*_messages(), *(check.title for check in access.CHECKS)})


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    """The compiled translations."""
    with (LOCALE / "audit_linux_access.mo").open("rb") as handle:
        catalog = gettext.GNUTranslations(handle)
    return {text: catalog.gettext(text) for text in TEXTS}


def _places(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_has_its_chinese(text: str, chinese: dict[str, str]) -> None:
    told = chinese[text]
    bare = re.sub(r"\{\w+\}", "", text)
    assert told != text or not re.search("[a-z]{2}", bare)
    assert _places(told) == _places(text)
    if re.search(r"(?<![A-Za-z./])[a-z]{3,}\b", bare):
        assert re.search("[\u4e00-\u9fff]", told)


def test_the_compiled_file_is_of_the_source() -> None:
    source = (LOCALE / "audit_linux_access.po").read_text(encoding="utf-8")
    entries = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', source, re.MULTILINE)
    with (LOCALE / "audit_linux_access.mo").open("rb") as handle:
        catalog = gettext.GNUTranslations(handle)
    assert len(entries) == len(TEXTS)
    for english, chinese in entries:
        plain = english.replace('\\"', '"').replace("\\\\", "\\")
        assert catalog.gettext(plain) == chinese.replace('\\"', '"').replace("\\\\", "\\")


def test_ids_are_unique_and_ours() -> None:
    checks, facts = access.CHECKS, access.FACTS
    assert len({c.id for c in checks}) == len(checks) >= 22
    assert len({f.id for f in facts}) == len(facts)
    assert all(re.fullmatch(r"linux\.[a-z0-9-]+", x.id) for x in (*checks, *facts))
    assert set(checks) <= set(dengbao_checks())
    assert set(facts) <= set(dengbao_facts())


@pytest.mark.parametrize("check", access.CHECKS, ids=lambda c: str(c.id))
def test_every_check_is_complete(check: Check) -> None:
    assert check.kind is Kind.HOST
    assert check.remedy is not None
    assert check.title.endswith(".")
    for knob in check.parameters:
        assert knob.tightens in (Up, Down, Subset, Superset, None)
        assert isinstance(knob.default, (int, frozenset))


def test_what_find_and_grep_end_with_when_something_is_missing_is_an_answer() -> None:
    asked = [p.ask for fact in access.FACTS for p in fact.providers]
    commands = [a for a in asked if isinstance(a, Command)]
    codes = {(c.argv[0].rsplit("/", 1)[-1], c.ok) for c in commands}
    assert codes == {
        ("find", (0, 1)), ("grep", (0, 1, 2)), ("sed", (0,)), ("ss", (0,)), ("lastlog", (0,)),
        ("lastlog2", (0, 1)), ("ps", (0, 1)), ("sshd", (0,)), ("sh", (0,)),
    }  # fmt: skip


def test_every_fact_that_a_check_needs_is_offered() -> None:
    offered = {fact.id for fact in access.FACTS}
    for check in access.CHECKS:
        needed = [getattr(need, "fact", need) for need in check.needs]
        assert {n.id for n in needed if hasattr(n, "id")} <= offered
    used = {getattr(getattr(n, "fact", n), "id", "") for c in access.CHECKS for n in c.needs}
    assert offered <= used
