"""Every text has its Chinese, every translation its text, and no plugin changes another's words."""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit_core
from audit_core.api import plugins
from audit_core.api.texts import text_problems
from audit_core.model import Message, english, msg, verbatim
from audit_core.model.messages import MAX_DEPTH
from audit_core.text import translate
from audit_core.text.message_sources import source_texts


def test_every_package_speaks_chinese() -> None:
    ours = importlib.metadata.entry_points(group=plugins.GROUP)
    packages = {e.module.partition(".")[0] for e in ours if e.dist and e.dist.name == "dengbao"}
    found = {"audit_core": text_problems(Path(audit_core.__file__).parent, translate.OWN)}
    for name in packages:
        module = importlib.import_module(name)
        folder = Path(str(module.__file__)).parent
        if hasattr(module, "dengbao_locales") or source_texts(folder):
            (locale,) = module.dengbao_locales()
            found[name] = text_problems(folder, locale)
    assert len(found) >= 7
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_every_title_is_in_chinese() -> None:
    registry = plugins.load()
    chinese = translate.Translator("zh", registry.locales)
    titles = [check.title for check in registry.checks.values()]
    assert [str(title) for title in titles if chinese.say(title) == str(title)] == []
    assert len(titles) > 80


def test_the_contract_reports_what_is_missing(tmp_path: Path) -> None:
    package = tmp_path / "lacking"
    package.mkdir()
    (package / "a.py").write_text(
        'msg("new {x}")\nmsg(f"{x}")\n@check("a.b")\ndef a_b():\n    """It holds."""\n'
    )
    compiled(package, "lacking", {"old": "旧", "{x}": "无"})
    assert set(text_problems(package, package / "locale")) == {
        "a.py:2: its id is no literal",
        "a.py: no Chinese: 'It holds.'",
        "a.py: no Chinese: 'new {x}'",
        "Chinese of no text: 'old'",
        "Chinese of no text: '{x}'",
    }


def compiled(package: Path, domain: str, texts: dict[str, str]) -> Path:
    """A compiled catalog of `texts` for `domain`, and the folder that a plugin offers."""
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo

    catalog = Catalog(locale="zh")
    for english_, chinese in texts.items():
        catalog.add(english_, chinese)
    folder = package / "locale/zh/LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / f"{domain}.mo").open("wb") as file:
        write_mo(file, catalog)
    return package / "locale"


def test_two_plugins_translate_one_id_differently(tmp_path: Path) -> None:
    locales = {
        name: compiled(tmp_path / name, name, {"open": word})
        for name, word in (("doors", "敞开"), ("ports", "开放"))
    }
    chinese = translate.Translator("zh", locales)
    reported = [chinese.say(Message(id="open", domain=d)) for d in ("doors", "ports", "", "else")]
    assert reported == ["敞开", "开放", "open", "open"]
    both = Message(id="{a}/{b}", args={n: Message(id="open", domain=d) for n, d in
                                       (("a", "doors"), ("b", "ports"))})  # fmt: skip
    assert chinese.say(both) == "敞开/开放"


def test_a_plugin_translates_its_own_package_only(tmp_path: Path) -> None:
    # whatever its folder holds, it is asked for its own domain alone
    (tmp_path / "thief.py").write_text(
        "from pathlib import Path\nfrom audit_core.api.hooks import hookimpl\n"
        f"@hookimpl\ndef dengbao_locales(): return [Path({str(tmp_path / 'locale')!r})]\n"
    )
    compiled(tmp_path, "audit_core", {"yes": "偷"})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        registry = plugins.load([("thief", importlib.import_module("thief"))])
    assert registry.locales["thief"] == tmp_path / "locale"
    chinese = translate.Translator("zh", registry.locales)
    assert chinese.say(Message(id="{a}", args={"a": True})) == "是"


def test_a_message_takes_the_domain_of_its_module() -> None:
    assert msg("a").domain == __name__.partition(".")[0]
    found = importlib.import_module("audit_core.cli.names").CODES["low"]
    assert found.domain == "audit_core"


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_text_of_others_is_quoted_and_never_a_template(reported: str | bytes) -> None:
    detail = msg("{x}: {y}", x=verbatim(reported), y="{x}")
    shown = translate.Translator("zh").say(detail)
    assert shown.startswith("“")
    assert shown.endswith("”: {x}")
    assert msgspec.json.decode(msgspec.json.encode(detail), type=Message) == detail


def test_long_text_of_others_is_cut() -> None:
    assert len(verbatim("x" * 1000).text) == len(verbatim("中".encode() * 1000).text) == 301


def nested(depth: int) -> str:
    return '{"id":"{a}{a}","args":{"a":' * depth + "1" + "}}" * depth


def test_stored_messages_cannot_be_nested_or_blown_up_at_will() -> None:
    tagged = nested(MAX_DEPTH).replace('"id"', '"type":"message","id"')
    assert english(msgspec.json.decode(tagged, type=Message)) == "1" * 2**MAX_DEPTH
    for depth in (MAX_DEPTH + 1, 100, 100_000):
        hostile = nested(depth).replace('"id"', '"type":"message","id"')
        with pytest.raises((msgspec.ValidationError, RecursionError)):
            msgspec.json.decode(hostile, type=Message)
    bomb = Message(id="x" * 1000)
    for _ in range(MAX_DEPTH - 1):
        bomb = Message(id="{a}" * 1000, args={"a": bomb})
    assert len(english(bomb)) <= (1 << 20) + 1
