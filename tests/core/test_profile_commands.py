"""profile show, diff and test, catalog show and crosswalk, explain, schema: on a run of toys."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import audit_profiles
import installed
from audit_core.cli import main
from audit_core.cli.starter_files import dated
from audit_core.model.errors import InputError
from audit_core.model.gradings import Grade, Grading
from audit_core.policy.cases import read_cases
from audit_core.store.runs import Store
from audit_core.text.translate import Translator
from audit_core.views import schemas
from audit_core.views.file_schemas import file_schemas
from audit_core.views.results_view import limits, setting_names
from core.pack import making

SHIPPED = Path(audit_profiles.__file__).parent
DOCS = Path(__file__).parents[2] / "docs"
TEST = """\
profile: {profile}
store: store
cases:
  - run: {run}
    expect:
      - {{target: {target}, check: linux.umask, verdict: {verdict}}}
      - {{target: {target}, clause: 8.1.4.1a, conclusion: not_assessed}}
      - {{target: {target}, clause: 8.1.4.1a, step: 2, state: open}}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run whose targets answered nothing that a check reads."""
    folder = tmp_path_factory.mktemp("profiles") / "store"
    store = Store(folder)
    making.collect(store, making.RUN_ID)
    store.seal(store.find(making.RUN_ID), "2026-11-23T10:16:00Z")
    return folder


def target(store: Path) -> str:
    return next(t.id for t in Store(store).find("latest").file.targets if t.kind == "host")


def test_profile_tests_tell_what_differs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = store.parent / "test.yaml"
    facts = {"profile": "gbt22239-l3", "run": making.RUN_ID, "target": target(store)}
    path.write_text(TEST.format(**facts, verdict="undetermined"))
    assert main(["profile", "test", str(path), "--lang", "en"]) == 0
    assert "Expectations: 3, not met: 0" in capsys.readouterr().out
    path.write_text(TEST.format(**facts | {"run": f"./store/runs/{making.RUN_ID}"}, verdict="pass"))
    before = {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
    assert main(["profile", "test", str(path), "--lang", "en"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert f"test.yaml:6: linux.umask @ {target(store)}: expected pass, got undetermined" in out
    assert before == {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
    assert main(["profile", "test", str(path), "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    schema = json.loads(schemas.schemas()["profile-test-result.json"])
    jsonschema.Draft202012Validator(schema).validate(document)
    assert [e["holds"] for e in document["expectations"]] == [False, True, True]


def test_a_file_of_profile_tests_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    head = "profile: p\ncases:\n  - run: latest\n    expect:\n"
    for line, wanted in (
        ("      - {target: a}", "t.yaml:5: cases[0].expect[0]: expected either check or clause"),
        ("      - {target: a, check: c, clause: d, verdict: pass}", "expect[0]: expected either"),
        ("      - {target: a, check: c}", "cases[0].expect[0].verdict: expected a value"),
        ("      - {target: a, check: c, verdict: passed}", "did you mean 'pass'?"),
        ("      - {target: a, clause: c, verdict: pass}", "expected only conclusion here"),
        ("      - {target: a, clause: c, step: 1}", "expect[0].state: expected a value"),
        ("      []", "cases[0].expect: expected at least one, got none"),
    ):
        path.write_text(f"{head}{line}\n")
        with pytest.raises(InputError) as caught:
            read_cases(path)
        assert wanted in str(caught.value)


def test_explain_goes_from_the_rule_to_the_evidence(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", "8.1.4.1a", "latest", "--store", str(store), "--profile", "gbt22239-l3"]
    newest = [word for word in words if word != "latest"]
    assert main([*newest, "-t", target(store), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "conforms if: 1&2&3&4" in out
    assert "linux.no-empty-password (settles)" in out
    assert f"gbt22239-2019 8.1.4.1a @ {target(store)}: not assessed" in out
    assert "open: " in out
    assert main([*words, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    schema = json.loads(schemas.schemas()["explain.json"])
    jsonschema.Draft202012Validator(schema).validate(document)
    found = [f for t in document["targets"] for s in t["steps"] for f in s["findings"]]
    assert {f["check"] for f in found} >= {"linux.uid-unique", "linux.no-empty-password"}
    assert main(["explain", "8.1.4.1x"]) == 64
    assert main(["explain", "smart-finance/5.1", "--lang", "en"]) == 0
    assert "Which system offers the service" in capsys.readouterr().out


def test_catalog_show_leaves_a_level_or_a_layer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["catalog", "show", "gbt22239-2019", "--level", "3", "--layer", "computing",
                 "--format", "json"]) == 0  # fmt: skip
    clauses = json.loads(capsys.readouterr().out)["clauses"]
    assert {(c["level"], c["layer_id"]) for c in clauses} == {(3, "computing")}
    assert main(["catalog", "show", "gbt22239-2019", "--layer", "computin", "--lang", "en"]) == 64
    assert "did you mean 'computing'?" in capsys.readouterr().err
    assert main(["catalog", "show", "smart-finance", "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    for clause in installed_clauses():
        assert f" {clause} " in shown
    assert "machine 2, machine and person 1" in " ".join(shown.split())  # 4.2


def installed_clauses() -> list[str]:
    from audit_core.policy import load_policy

    return [c.id for c in load_policy([SHIPPED]).catalog("smart-finance").clauses]


def test_both_directions_of_a_crosswalk_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def pairs(*names: str) -> set[tuple[str, str]]:
        assert main(["catalog", "crosswalk", *names, "--format", "json"]) == 0
        return {(r["clause"], r["other"]) for r in json.loads(capsys.readouterr().out)}

    there = pairs("smart-finance", "gbt22239-2019")
    assert len(there) == 134
    assert pairs("gbt22239-2019", "smart-finance") == {(b, a) for a, b in there}


def test_catalogs_without_common_clauses_are_named_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["catalog", "crosswalk", "smart-finance", "gbt39786-2021"]) == 0
    assert capsys.readouterr().out == "smart-finance / gbt39786-2021: none\n"


def test_settings_are_shown_with_their_values() -> None:
    grade = Grade(id="ok", zh="符合", en="conforming", above=90)
    grading = Grading(id="x", grades=(grade,), unverified=("coverage", "inclusive", "grades"))
    named = [Translator("en").say(name) for name in setting_names(grading)]
    assert named[0].endswith("settled: 100 %")
    assert named[1].endswith("grade: no")
    assert limits(grading, zh=True) == "符合 > 90"


def test_diff_and_resolved_show_what_an_overlay_sets(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["gbt22239-l3", "gbt22239-l3-finance", "--format", "json"]
    assert main(["profile", "diff", *words]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {r["name"]: (r["left"], r["right"]) for r in rows if r["part"] == "parameter"} == {
        "backup.fresh max_rpo_hours": ("8760", "24"),
        "backup.restore-tested max_days": ("365", "92"),
    }
    assert sum(r["part"] == "clause" for r in rows) == 38
    assert main(["profile", "diff", "gbt22239-l3", "gbt22239-l3", "--lang", "en"]) == 0
    assert "No differences" in capsys.readouterr().out
    assert main(["profile", "show", "gbt22239-l3-finance", "--resolved", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    set_ = {(r["check"], r["value"]) for r in rows if r["source"] == "profile"}
    assert set_ == {("backup.fresh", "24"), ("backup.restore-tested", "92")}


# --- schemas ------------------------------------------------------------------------------------


def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(file_schemas(installed.registry())[name])


class _Dateless(yaml.SafeLoader):
    """Editors leave dates as text."""


_Dateless.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def loaded(text: str) -> Any:
    """A YAML text as an editor reads it."""
    return yaml.load(text, Loader=_Dateless)


def test_every_file_that_is_shipped_holds_to_the_schema_that_it_names() -> None:
    files = [*SHIPPED.rglob("*.yaml"), *DOCS.rglob("*.yaml")]
    assert len(files) >= 30
    for path in files:
        text = path.read_text(encoding="utf-8")
        head, _, relative = text.partition("\n")[0].partition("$schema=")
        assert head == "# yaml-language-server: ", path
        schema = (path.parent / relative).resolve()
        if "starters" in path.parts:
            # for a folder of the user, where `dengbao schema` writes the schemas
            assert relative.startswith(".dengbao/schemas/"), path
            schema = DOCS / "schemas" / schema.name
            text = dated(text, datetime.date(2026, 11, 29))
        document = loaded(text)
        jsonschema.Draft202012Validator(json.loads(schema.read_bytes())).validate(document)


def test_the_examples_of_the_pages_hold_to_their_schemas() -> None:
    from core.policy.test_policy_docs import blocks

    for lang in ("en", "zh"):
        for page in ("quickstart.md", "inventory.md"):
            for text in blocks(f"{lang}/{page}"):
                found = loaded(text)
                if "targets" not in found:  # the rules of a data set
                    server = {"id": "x", "kind": "postgresql", "data": [found]}
                    found = {"targets": [server]}
                validator("inventory-file.json").validate(found)
        for text in blocks(f"{lang}/policy.md"):
            name = "mapping-file.json" if text.startswith("- ") else "profile-file.json"
            name = "profile-test-file.json" if text.startswith("profile:") else name
            validator(name).validate(loaded(text))
        for page in ("answers.md", "conclusions.md"):
            for text in blocks(f"{lang}/{page}"):
                found = loaded(text)
                name = "waivers.json" if "waivers" in found else "answers.json"
                if "gradings" in found:  # a part of a profile
                    name = "profile-file.json"
                    found |= {"id": "x", "title": {"zh": "甲", "en": "x"}}
                validator(name).validate(found)


def test_schemas_refuse_what_is_misspelt() -> None:
    target = {"id": "a", "access": {"via": "local"}}
    assert validator("inventory-file.json").is_valid({"targets": [target]})
    for broken in (
        {"targets": [{**target, "adress": "x"}]},
        {"targets": [{**target, "endpoints": [{"prt": 443}]}]},
        {"targets": [{**target, "access": {"via": "lokal"}}]},
        {"targets": [{"access": {"via": "local"}}]},
        {"target": [target]},
    ):
        assert not validator("inventory-file.json").is_valid(broken), broken
    profile = {"id": "a", "title": {"zh": "甲", "en": "a"}}
    assert validator("profile-file.json").is_valid(profile)
    assert not validator("profile-file.json").is_valid({**profile, "parms": {}})
    override = {"zones": ["dmz"], "params": {"a.b": {"c": 1}}}
    assert validator("profile-file.json").is_valid({**profile, "overrides": [override]})
    assert not validator("profile-file.json").is_valid(
        {**profile, "overrides": [override | {"zone": "dmz"}]}
    )


def test_schema_writes_what_generated_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from audit_core.attest.writing import _HEAD

    monkeypatch.chdir(tmp_path)
    assert main(["schema", "--lang", "en"]) == 0
    assert "9 schemas in .dengbao/schemas" in capsys.readouterr().out
    name = _HEAD.decode().partition("$schema=")[2].partition("\n")[0]
    assert json.loads((tmp_path / name).read_bytes())["$id"] == "urn:dengbao:answers-file:1"
