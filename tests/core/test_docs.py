"""The pages against the program: links, exit codes, commands, hooks and targets of make."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from audit_core.api import hooks
from audit_core.api.plugins import load
from audit_core.cli import parser
from audit_core.inventory import System, load_inventory
from audit_core.model.kinds import COMMON_KEYS
from audit_core.store.redact import redact
from audit_core.text.translate import Translator
from installed import registry

ROOT = Path(__file__).parents[2]
READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_COMMAND = re.compile(r"^(?:\.venv/bin/)?dengbao (?P<words>.*)")


def shown(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, kind: str) -> list[str]:
    """The blocks of `kind` on a page, without comments."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"\s+#.*", "", "\n" + block).strip() for block in found]


def lines(page: Path) -> list[str]:
    """What a reader types, as the console blocks of a page show it."""
    typed = "\n".join(blocks(page, "console")).split("\n")
    return [line.removeprefix("$ ") for line in typed if line.startswith("$ ")]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each shown call of dengbao, without what the shell takes away."""
    for line in lines(page):
        if hit := _COMMAND.match(line):
            yield shlex.split(hit["words"].split(">")[0])


def links(page: Path) -> set[str]:
    return set(re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")))


def built() -> argparse.ArgumentParser:
    return parser._build(Translator("en"))


def names() -> set[str]:
    """Every command that the parser knows."""
    (choices,) = (a.choices for a in built()._actions if isinstance(a, argparse._SubParsersAction))
    return set(choices)


def anchor(heading: str) -> str:
    """The anchor that a heading gets on a page."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# --- links ----------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {anchor(heading) for heading in headings}


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in links(page):
            if link.startswith("https://"):
                continue
            path, _, place = link.partition("#")
            led = (page.parent / path).resolve() if path else page
            assert led.exists(), (shown(page), link)
            assert led.is_relative_to(ROOT), (shown(page), link)
            assert not place or place in anchors(led), (shown(page), link)


def test_blocks_are_closed() -> None:
    for page in PAGES:
        assert page.read_text(encoding="utf-8").count("```") % 2 == 0, shown(page)


# --- both languages -------------------------------------------------------------------------------


def written(lang: str) -> dict[str, Path]:
    """The pages of a language by their path within it."""
    return {p.relative_to(DOCS / lang).as_posix(): p for p in (DOCS / lang).rglob("*.md")}


def test_both_languages_have_the_same_pages_commands_examples_and_links() -> None:
    english, chinese = written("en"), written("zh")
    assert set(english) == set(chinese) > {"quickstart.md", "checks/README.md"}
    for name, page in english.items():
        other = chinese[name]
        assert lines(page) == lines(other), name
        for kind in ("yaml", "sh"):
            assert blocks(page, kind) == blocks(other, kind), (name, kind)
        texts = [p.read_text(encoding="utf-8") for p in (page, other)]
        assert len({text.count("\n## ") for text in texts}) == 1, name
        files = [
            {link.partition("#")[0].replace("README.zh-CN.md", "README.md") for link in links(p)}
            for p in (page, other)
        ]
        assert files[0] == files[1], name


def test_every_page_is_in_the_index_and_the_readmes_lead_to_it() -> None:
    index = DOCS / "README.md"
    listed = {(DOCS / link).resolve() for link in links(index) if not link.startswith("https://")}
    pages = {p.resolve() for p in PAGES if p.is_relative_to(DOCS) and p != index}
    generated = {p for p in pages if p.parent.name == "checks" and p.name != "README.md"}
    assert pages - generated <= listed
    for lang, readme in READMES.items():
        assert f"docs/{lang}/quickstart.md" in links(readme)
        assert "docs/README.md" in links(readme)


# --- the readmes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", READMES)
def test_the_exit_codes_are_those_of_the_program(lang: str) -> None:
    text = READMES[lang].read_text(encoding="utf-8")
    reported = re.findall(r"^\| (\d+) \| (.*) \|$", text.replace("`", ""), re.MULTILINE)
    say = Translator(lang).say
    assert reported == [(str(code), say(words)) for code, words in parser.EXIT_CODES]


def test_both_readmes_show_the_same_commands_and_the_same_inventory() -> None:
    english, chinese = READMES["en"], READMES["zh"]
    assert lines(english) == lines(chinese)
    assert lines(english)
    assert blocks(english, "yaml") == blocks(chinese, "yaml")


def test_both_readmes_have_the_same_sections_links_and_figures() -> None:
    english, chinese = (page.read_text(encoding="utf-8") for page in READMES.values())
    assert english.count("\n## ") == chinese.count("\n## ")
    to = [{link.replace("docs/zh/", "docs/en/").replace("-en.png", ".png") for link in links(p)}
          for p in READMES.values()]  # fmt: skip
    assert to[0] - {"README.zh-CN.md"} == to[1] - {"README.md"}
    rows = [re.findall(r"^ +\S.*?((?: +\d+){5})$", text, re.MULTILINE)
            for text in (english, chinese)]  # fmt: skip
    assert [r.split() for r in rows[0]] == [r.split() for r in rows[1]]
    assert len(rows[0]) == 11


@pytest.mark.parametrize("lang", READMES)
def test_the_table_adds_up(lang: str) -> None:
    text = READMES[lang].read_text(encoding="utf-8")
    found = re.findall(r"^ +\S.*?((?: +\d+){5})$", text, re.MULTILINE)
    *layers, total = [[int(n) for n in row.split()] for row in found]
    assert [sum(column) for column in zip(*layers, strict=True)] == total
    assert sum(total) >= 211


@pytest.mark.parametrize("lang", READMES)
def test_the_inventory_of_the_readme_is_one(lang: str, tmp_path: Path) -> None:
    text, database = blocks(READMES[lang], "yaml")
    path = tmp_path / "inventory.yaml"
    path.write_text(f"{text}\n  {database}\n", encoding="utf-8")
    ids = [t.id for t in load_inventory(path, registry()).targets]
    assert ids[:3] == ["web1", "web1/tls:443", "web1/backup:db"]
    assert "core-db1/core/data:core_test" in ids


def test_nothing_is_left_to_fill_in_and_no_conflict_of_a_merge() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"@@[A-Z]+@@|^(<{7}|={7}$|>{7})", text, re.MULTILINE), shown(page)


# --- commands -------------------------------------------------------------------------------------


def test_every_command_shown_is_one_that_the_program_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = built()
    for page in PAGES:
        for words in commands(page):
            if words == ["--help"]:
                continue
            try:
                program.parse_args(words)
            except SystemExit:
                pytest.fail(f"{shown(page)}: {words}: {capsys.readouterr().err}")


def test_every_command_named_is_in_the_help() -> None:
    known, helped = names(), built().format_help()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"`(?:\.venv/bin/)?dengbao ([a-z]+)[^`]*`", text))
        named |= {w for words in commands(page) for w in words if w in known}
        assert named <= known, shown(page)
        for name in named:
            assert re.search(rf"^ +{name} +\S", helped, re.MULTILINE), (shown(page), name)


def test_the_readme_names_the_main_commands() -> None:
    text = READMES["en"].read_text(encoding="utf-8")
    assert {w for words in commands(READMES["en"]) for w in words} >= {"plan", "doctor", "run"}
    assert all(f"`{name}`" in text for name in ("run", "collect", "evaluate", "pack"))


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", text, re.MULTILINE))
        assert named <= targets, shown(page)


def test_the_messages_of_the_troubleshooting_table_are_those_of_the_program() -> None:
    files = (p for top in ("audit", "plugins", "evidence") for p in (ROOT / top).rglob("*.po"))
    texts = "".join(path.read_text(encoding="utf-8") for path in files)
    texts = texts.replace('"\n"', "").replace('\\"', '"')
    page = (DOCS / "en/operations.md").read_text(encoding="utf-8")
    reported = re.findall(r"^\| `(.+?)` \|", page.partition("## Troubleshooting")[2], re.MULTILINE)
    assert len(reported) > 15
    for line in reported:
        # without what stands in the place of values, and without the word that joins two messages
        parts = re.split(r"…|\d+|“.*?”|'.*?'|\(.*?\)|env:NAME: |^dengbao run |^expected ", line)
        for part in (piece.strip(" :,") for piece in parts):
            assert len(part) <= 10 or part in texts, part


# --- hooks ----------------------------------------------------------------------------------------


def test_every_hook_that_is_named_exists() -> None:
    offered = {name for name in vars(hooks) if name.startswith("dengbao_")}
    pages = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    # The worked plugin of CONTRIBUTING is a module `dengbao_tmux`.
    named = set(re.findall(r"\bdengbao_[a-z]+", text)) - {"dengbao_tmux"}
    assert named <= offered


# --- inventory ----------------------------------------------------------------------------------


def test_every_key_of_an_inventory_is_on_its_page() -> None:
    text = (DOCS / "en/inventory.md").read_text(encoding="utf-8")
    reported = set(re.findall(r"`([a-z_]+)`", text)) | set(re.findall(r"\b([a-z_]+):", text))
    offered = registry()
    schemas: list[type[Struct]] = [s for each in offered.kinds.schemas.values() for s in each]
    schemas += [c.access for c in offered.connectors.values() if c.access is not None]
    schemas.append(System)
    keys = {name for schema in schemas for name in schema.__struct_fields__}
    keys |= {*COMMON_KEYS, *offered.kinds.by_part_key, "targets", "defaults", "scope", "system"}
    assert {"data_mounts", "starttls", "backups", "jump"} <= keys
    assert keys <= reported
    kinds = {id for id, kind in offered.kinds.by_id.items() if not kind.is_part}
    assert kinds <= reported


def test_every_setting_that_a_plugin_reads_is_in_a_schema() -> None:
    sources = (ROOT / "plugins").rglob("*.py")
    calls = r"declared\(\w+(?:\.target)?|target\.settings\.get\(|judged\(\w+, \w+, \w+"
    asked = rf'(?:{calls}),? ?"([a-z_]+)"'
    read = {s for path in sources for s in re.findall(asked, path.read_text(encoding="utf-8"))}
    assert {"data_mounts", "malware_agents", "starttls"} <= read
    schemas = [s for each in registry().kinds.schemas.values() for s in each]
    assert read <= {name for schema in schemas for name in schema.__struct_fields__}


# --- security -------------------------------------------------------------------------------------

# Put together here, so that nobody who looks for secrets finds some in this repository.
_CUT = {
    "private-key": "-----BEGIN PRIVATE " + "KEY-----\nMIIE\n-----END PRIVATE " + "KEY-----\n",
    "crypt-hash": "root:$6" + "$saltsalt$" + "a1B2" * 20 + ":19000:0:99999:7:::",
    "assigned-secret": "密码：" + "hunter2hunter2",
    "command-line": "mysql -u root -p" + "hunter2hunter2 db",
    "url-credential": "https://u:" + "hunter2@example.com/",
    "bearer": "bearer " + "abcdefghijklmnop",
    "authorization": "Authorization: Basic " + "dXNlcjpodW50ZXIy",
    "access-key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "access-token": "ghp_" + "a1B2" * 9,
    "snmp-community": "rocommunity " + "hunter2hunter2 10.0.0.0/8",
}


def test_the_rules_that_cut_are_those_of_the_code() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    reported = set(re.findall(r"^  \| `([a-z-]+)` \|", text, re.MULTILINE))
    assert reported == {"known-secret", *_CUT}
    rules = registry().redaction
    assert redact(b"x hunter2 x", (b"hunter2",)).rules == ("known-secret",)
    for rule, sample in _CUT.items():
        assert redact(sample.encode(), rules=rules).rules == (rule,), rule
    source = "".join(p.read_text() for p in (ROOT / "audit/audit_core/store").glob("redact/*.py"))
    made = set(re.findall(r'_rule\(\s*"([a-z-]+)"', source))
    assert made
    assert made | {rule.name for rule in rules} <= reported


# --- architecture ---------------------------------------------------------------------------------


def test_the_architecture_names_every_package_and_stage() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9_]+)/?`", text))
    core = {p.parent.name for p in (ROOT / "audit/audit_core").glob("*/__init__.py")}
    assert core <= named
    roots = ("audit", "plugins", "evidence", "profiles")
    packages = {f"{r}/{p.parent.name}" for r in roots for p in (ROOT / r).glob("*/__init__.py")}
    assert {p for p in packages if p not in text} == set()


def test_every_stage_has_its_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {stage.strip().split(".")[1] for layer in layers for stage in layer.split("|")}
    assert placed == {p.parent.name for p in (ROOT / "audit/audit_core").glob("*/__init__.py")}


def test_every_package_says_what_it_may_import() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    stages = [{name.strip().split(".")[1] for name in layer.split("|")} for layer in layers]
    for path in sorted((ROOT / "audit/audit_core").glob("*/__init__.py")):
        stage = path.parent.name
        lowest = max(place for place, names in enumerate(stages) if stage in names)
        below = {name for names in stages[lowest + 1 :] for name in names} - {stage}
        reported = doc_of(path).partition("May import ")[2].partition(";")[0]
        assert set(re.findall(r"`([a-z]+)`", reported)) == below, stage
    for root in ("audit", "plugins", "evidence", "profiles", "benchmarks"):
        for path in (ROOT / root).glob("**/__init__.py"):
            what, _, imports = doc_of(path).partition(". ")
            assert what
            assert imports.startswith(("May import ", "Imports ")), path


def doc_of(path: Path) -> str:
    return " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())


def test_every_path_that_the_architecture_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`([a-z_/]+/(?:[a-z_]+\.py)?)`", text))
    homes = (ROOT, ROOT / "audit/audit_core")
    assert {p for p in paths if not any((home / p).exists() for home in homes)} == set()


# --- changelog ------------------------------------------------------------------------------------


def test_every_raised_version_is_listed_under_results_change() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    section = text.partition("### Results change")[2].partition("\n### ")[0]
    entries = [" ".join(entry.split()) for entry in section.split("\n- ")]
    raised = {(id, v) for id, c in load().checks.items() for v in range(2, c.version + 1)}
    missing = {
        (id, version)
        for id, version in raised
        if not any(
            re.search(rf"`(?:{re.escape(id)}|{id.partition('.')[0]}\.\*)`.* {version}[:,]", entry)
            for entry in entries
        )
    }
    assert missing == set()


# --- formats of configuration files ---------------------------------------------------------------


def rows_of_formats(lang: str) -> list[list[str]]:
    """The cells of the tables about formats, without heads."""
    text = (DOCS / lang / "formats.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.split("\n") if line.startswith("| ")]
    return [row for row in rows if row[1].startswith("`")]


def test_formats_name_modules_and_tests_that_exist() -> None:
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    open_rows = {"en": "not compared", "zh": "未对照"}
    named: dict[str, list[list[str]]] = {}
    for lang, unproved in open_rows.items():
        rows = rows_of_formats(lang)
        for row in rows:
            assert len(row) == 4, row
            modules = re.findall(r"`(audit_\w+/[\w/]+\.py)`", row[1])
            assert modules, row
            assert all((ROOT / "plugins" / module).is_file() for module in modules), row
            shown_by = set(re.findall(r"`(test_\w+\.py)`", row[3]))
            assert shown_by <= tests, row
            assert shown_by or unproved in row[3], row
        named[lang] = [sorted(re.findall(r"`(\w+(?:/\w+)*\.py)`", " ".join(row))) for row in rows]
    assert named["en"] == named["zh"]


def test_the_page_of_faults_names_tests_that_exist() -> None:
    text = (DOCS / "truth.md").read_text(encoding="utf-8")
    tests = {path.name for path in (ROOT / "tests").rglob("*.py")}
    named = set(re.findall(r"`(?:live/)?(\w+\.py)`", text))
    assert len(named) > 50
    assert named - tests == set()
