"""The public API, the command line and the translations use one word for each concept.

The table names, for each term of the design, the words that must not stand for it. A new word for
an old concept makes the tests fail; a use with another meaning is listed in `ALLOWED`.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from audit_core.api import format as formats
from audit_core.api import hooks, sdk, sessions, testkit
from audit_core.cli.parser import _build
from audit_core.text.translate import Translator

ROOT = Path(__file__).parents[2]

# term: (synonyms that are not used in English, the term in Chinese, synonyms not used in Chinese)
TERMS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "catalog": (("library", "framework"), "标准", ()),
    "clause": (("rule", "requirement", "control"), "测评项", ("条款",)),
    "profile": (("baseline", "ruleset", "benchmark"), "测评指标", ("测评方案",)),
    "target": (("asset", "machine", "node", "endpoint"), "测评对象", ("检查对象", "目标")),
    "inventory": (("roster", "hostfile"), "资产清单", ("主机清单",)),
    "check": (("probe",), "检查项", ("检测项", "检查点")),
    "plugin": (("extension", "addon"), "插件", ("外挂",)),
    "run": (("session", "job", "scan"), "核查", ("本次运行", "次运行")),
    "pack": (("archive", "evidence bag"), "证据包", ("证据袋",)),
    "parameter": (("knob", "tunable"), "参数", ()),
    "detail": (("said", "told", "seen"), "", ()),
}

# names that were given up, because nobody knew from them what they hold
RETIRED = {
    "rests", "meanings", "Knob", "Asked", "Asking", "Seen", "Chosen", "Raw", "Box", "LeftOut",
    "Gathering", "Gatherings", "Slim", "spelt", "own_words", "Twin", "Crossing", "told", "said",
    "Looks", "LookedAt", "Standing", "Waived", "Way", "Place", "Matter", "Became", "Wanted",
}  # fmt: skip

# what an assessor writes as conclusion of a clause, and where it stands
RESULTS = ("符合", "部分符合", "不符合", "不适用", "未测", "测评单元", "结果记录")

# words of the API with another meaning than that of the term
ALLOWED = {
    "OneByOne", "Requirement", "RedactionRule", "Session", "SessionInfo",
    "ReplaySession", "ScriptSession", "session", "sessions",
}  # fmt: skip
# sentences of the help in which a synonym has its ordinary meaning
HELP_ALLOWED = ("high-risk rules", "this machine", "本机", "运行中")


def identifiers() -> Iterator[str]:
    """Every public name of the API, of its fields and of its parameters."""
    for module in (sdk, hooks, testkit, sessions, formats):
        for name, value in vars(module).items():
            home = getattr(value, "__module__", None)
            exported = name in getattr(module, "__all__", ()) or home == module.__name__
            if not name.startswith("_") and exported:
                yield name
                yield from members(value)


def members(value: Any) -> Iterator[str]:
    """The public fields, methods and parameters of an exported value."""
    if inspect.isclass(value):
        if issubclass(value, Struct):
            yield from value.__struct_fields__
        for name, method in vars(value).items():
            if not name.startswith("_"):
                yield name
                if inspect.isfunction(method):
                    yield from inspect.signature(method).parameters
    elif inspect.isfunction(value):
        yield from inspect.signature(value).parameters


def defined() -> Iterator[str]:
    """The modules, classes, functions and variables of the project that have a retired name."""
    names = "|".join(sorted(RETIRED))
    named = re.compile(
        rf"^ *(?:(?:class|def|async def) _?({names})\b"
        rf"|(?:self\.)?_?({names})(?:, \w+)* ?(?::|=[^=]))",
        re.MULTILINE,
    )
    tops = ("audit", "plugins", "evidence", "profiles", "benchmarks", "tests")
    for path in (p for top in tops for p in (ROOT / top).rglob("*.py")):
        hits = [one or other for one, other in named.findall(path.read_text(encoding="utf-8"))]
        hits += [path.stem] if path.stem in RETIRED else []
        yield from (f"{path.relative_to(ROOT)}: {name}" for name in hits)


def words_in(identifier: str) -> set[str]:
    """`rootLogin_check` as root, login and check."""
    return {w.lower() for w in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", identifier)}


def synonyms(index: int) -> list[tuple[str, str]]:
    """Each synonym that is not used, with its term; `index` 0 is English, 2 Chinese."""
    return [(bad, term) for term, row in TERMS.items() for bad in row[index]]


def helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The help of a command and of all commands below it."""
    yield parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield from helps(each)


def help_text(lang: str) -> str:
    """All help in `lang`, without the sentences of `HELP_ALLOWED`."""
    text = re.sub(r"\s+", " ", " ".join(helps(_build(Translator(lang)))))
    for sentence in HELP_ALLOWED:
        text = text.replace(sentence, "")
    return text


def test_the_api_uses_the_terms() -> None:
    names = set(identifiers()) - ALLOWED
    assert {"Target", "Check", "detail", "when_absent", "argv"} <= names
    bad = [
        f"{name}: say {term}, not {word}"
        for name in sorted(names)
        for word, term in synonyms(0)
        if word in words_in(name)
    ]
    assert not bad


def test_names_that_explained_nothing_are_not_used_again() -> None:
    assert not list(defined())


def test_the_command_line_uses_the_terms() -> None:
    english, chinese = help_text("en").lower(), help_text("zh")
    assert not [b for b in synonyms(0) if re.search(rf"\b{b[0]}s?\b", english)]
    assert not [b for b in synonyms(2) if b[0] in chinese]
    for term in ("clause", "profile", "target", "inventory", "check", "plugin", "run", "pack"):
        assert term in english
        assert TERMS[term][1] in chinese


def test_the_translations_use_the_terms() -> None:
    files = [p for top in ("audit", "plugins", "evidence") for p in (ROOT / top).rglob("*.po")]
    assert len(files) > 5
    bad = [
        f"{path.name}: {line.strip()}: say {TERMS[term][1]}"
        for path in files
        for line in path.read_text().split("\n")
        for word, term in synonyms(2)
        if word in line.replace("恢复点目标", "")
    ]
    assert not bad


def test_the_chinese_pages_use_the_terms() -> None:
    pages = [ROOT / "README.zh-CN.md", *sorted((ROOT / "docs/zh").rglob("*.md"))]
    texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
    bad = [
        f"{name}: {line.strip()}: say {TERMS[term][1]}, not {word}"
        for name, text in texts.items()
        for line in text.split("\n")
        for word, term in synonyms(2)
        if word in line.replace("恢复点目标", "")
    ]
    assert not bad
    for word in (*RESULTS, *(row[1] for row in TERMS.values())):
        assert any(word in text for text in texts.values()), word
