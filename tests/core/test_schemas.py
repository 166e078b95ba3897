"""The published JSON Schemas are those of the code, and real documents hold to them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import installed
from audit_core.cli import main
from audit_core.pack import keys
from audit_core.pack.writer import write_pack
from audit_core.policy import Catalog
from audit_core.store.runs import Store
from audit_core.text import translate
from audit_core.views import common_field_docs, field_docs, results_view, schemas
from audit_core.views.file_schemas import file_schemas
from core.pack import making
from core.whole import in_memory

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas"
AGAIN = "run: make docs"


def test_the_published_schemas_are_those_of_the_code() -> None:
    published = {path.name: path.read_bytes() for path in PUBLISHED.glob("*.json")}
    made = schemas.schemas()
    assert published.keys() == made.keys(), AGAIN
    for name, raw in made.items():
        assert published[name] == raw, f"{name} is out of date; {AGAIN}"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Documents as the product writes and prints them, by the name of their schema."""
    folder = tmp_path_factory.mktemp("schemas")
    store = Store(folder / "store")
    seen = making.collect(store, making.RUN_ID)
    run = store.find(making.RUN_ID)
    store.seal(run, "2026-11-23T10:16:00Z")
    results = making.results_of(run, seen)
    write_pack(
        run,
        in_memory(results),
        exporters={},
        lang="en",
        translator=translate.Translator("en"),
        out=folder / "pack.zip",
        key=keys.of_store(store.root),
    )
    with zipfile.ZipFile(folder / "pack.zip") as pack:
        found = {n: json.loads(pack.read(n)) for n in ("manifest.json", "run.json", "seal.json")}
        index = pack.read("results/index.json")
        (object, *_) = [pack.read(n) for n in pack.namelist() if n.startswith("results/objects/")]
    printed = b"".join(results_view.json_pieces(in_memory(results), translate.Translator("zh")))
    return {
        **found,
        "store": folder / "store",
        "pack": folder / "pack.zip",
        "results-index.json": json.loads(index),
        "object-results.json": json.loads(object),
        "results.json": json.loads(printed),
        "catalog.json": json.loads(msgspec.json.encode(results_view.catalog_view(_catalog()))),
    }


def _catalog() -> Catalog:
    from audit_core.api.plugins import load
    from audit_core.policy import Policy

    return Policy(load().policy_dirs).catalog("gbt22239-2019")


PRINTED = {
    "catalog.json": ("catalog", "show", "gbt22239-2019"),
    "catalog-list.json": ("catalog", "list"),
    "check.json": ("check", "show", "linux.home-modes"),
    "check-list.json": ("check", "list"),
    "doctor.json": ("doctor",),
    "plan.json": ("plan", "gbt22239-l3"),
    "plugin-list.json": ("plugin", "list"),
    "questions.json": ("questions", "gbt22239-l3"),
    "profile.json": ("profile", "show", "gbt22239-l3"),
    "profile-list.json": ("profile", "list"),
    "profile-lint.json": ("profile", "lint"),
    "profile-settings.json": ("profile", "show", "gbt22239-l3", "--resolved"),
    "profile-diff.json": ("profile", "diff", "gbt22239-l3", "gbt22239-l3-finance"),
    "catalog-crosswalk.json": ("catalog", "crosswalk", "smart-finance", "gbt22239-2019"),
    "explain.json": ("explain", "8.1.4.1a"),
}
"""The commands that print without a run, by the schema of what they print."""

WITH_A_RUN = {
    "record-lint.json": ("lint",),
    "results.json": ("results", "evaluate"),
    "verify.json": ("verify",),
}
ELSEWHERE = {
    "inventory-check.json",
    "inventory-suggest.json",
    "run-list.json",
    "hostkey-list.json",
    "profile-test-result.json",
}  # test_profile_commands, test_inventory_commands, test_live_preflight
WITH_ANSWERS = {
    "waivers.json",
    "answers.json",
    "answer-set.json",
    "answers-in-use.json",
}  # test_answers_of_a_run
WRITTEN = {"manifest.json", "run.json", "seal.json", "results-index.json", "object-results.json"}


def printed(capsysbinary: pytest.CaptureFixture[bytes], *words: str) -> Any:
    """What the command prints as JSON, in Chinese, which must not change what programs read."""
    code = main([*words, "--format", "json", "--lang", "zh"])
    assert code < 64 or words[0] == "doctor"  # a tool may be missing on this machine
    return json.loads(capsysbinary.readouterr().out)


def test_every_schema_is_of_something_that_is_written_or_printed() -> None:
    assert schemas.schemas().keys() == WRITTEN | PRINTED.keys() | WITH_A_RUN.keys() | (
        ELSEWHERE | WITH_ANSWERS | file_schemas(installed.registry()).keys()
    )


def short(document: dict[str, Any]) -> dict[str, Any]:
    """`document` with one element of each list: a whole catalog takes a second to validate."""
    return {k: v[:1] if isinstance(v, list) else v for k, v in document.items()}


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_what_is_printed_holds_to_its_schema(
    capsysbinary: pytest.CaptureFixture[bytes], name: str
) -> None:
    schema = _schema(name)
    document = printed(capsysbinary, *PRINTED[name])
    assert document
    jsonschema.Draft202012Validator(schema).validate(document)
    row = document[0] if isinstance(document, list) else document
    body = schema["$defs"][(schema.get("$ref") or schema["items"]["$ref"]).rpartition("/")[2]]
    assert row.keys() == body["properties"].keys()
    assert set(body["required"]) <= row.keys()
    row = short(row)
    assert jsonschema.Draft202012Validator(schema).is_valid(
        [row] if isinstance(document, list) else row
    )
    for key in body["required"]:
        broken = {k: v for k, v in row.items() if k != key}
        less = [broken] if isinstance(document, list) else broken
        assert not jsonschema.Draft202012Validator(schema).is_valid(less), key


def test_what_is_printed_of_a_run_holds_to_its_schema(
    documents: dict[str, Any], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    store = ("--store", str(documents["store"]))
    for name, commands in WITH_A_RUN.items():
        for command in commands:
            document = printed(capsysbinary, command, "latest", *store)
            jsonschema.Draft202012Validator(_schema(name)).validate(document)
    document = printed(capsysbinary, "verify", str(documents["pack"]))
    jsonschema.Draft202012Validator(_schema("verify.json")).validate(document)
    assert document["whole"]
    assert {"signer", "trusted", "problems", "notes"} < document.keys()


def _described() -> dict[str, set[str]]:
    fields: dict[str, set[str]] = {}
    for raw in schemas.schemas().values():
        for name, body in json.loads(raw)["$defs"].items():
            fields.setdefault(name, set()).update(body.get("properties", {}))
    return fields


def test_every_field_says_what_it_means() -> None:
    for file, raw in schemas.schemas().items():
        if file == "inventory-file.json":
            continue  # the pages of plugins document their settings
        for name, body in json.loads(raw)["$defs"].items():
            if "properties" in body:
                assert body["description"], name
            for field, about in body.get("properties", {}).items():
                assert about["description"].endswith((".", ")")), (name, field)


def test_no_description_is_left_of_a_removed_field() -> None:
    fields = _described()
    known = {field for names in fields.values() for field in names}
    assert common_field_docs.ANYWHERE.keys() <= known
    assert field_docs.HERE.keys() <= {f"{t}.{f}" for t, names in fields.items() for f in names}


def _schema(name: str) -> dict[str, Any]:
    document = json.loads((PUBLISHED / name).read_bytes())
    assert isinstance(document, dict)
    return document


KEPT = sorted(WRITTEN | {"results.json", "catalog.json"})


@pytest.mark.parametrize("name", KEPT)
def test_what_is_written_holds_to_its_schema(documents: dict[str, Any], name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema(name))
    jsonschema.Draft202012Validator(_schema(name)).validate(documents[name])


@pytest.mark.parametrize("name", KEPT)
def test_a_schema_refuses_what_is_not_its_document(documents: dict[str, Any], name: str) -> None:
    schema, document = _schema(name), short(documents[name])
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(document)
    for key in schema["$defs"][schema["$ref"].rpartition("/")[2]]["required"]:
        less = {k: v for k, v in document.items() if k != key}
        assert not validator.is_valid(less), key
    assert not validator.is_valid({**document, "schema": "dengbao/other/1"})
