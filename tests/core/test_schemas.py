"""The published JSON Schemas are those of the code, and real documents hold to them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from audit_core import i18n, schemas, views
from audit_core.pack import keys
from audit_core.pack.writer import write_pack
from audit_core.policy import Catalog
from audit_core.results import decode, encode
from audit_core.store.runs import Store
from core.pack import making

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas"
AGAIN = "run: PYTHONPATH=audit python -m audit_core.schemas docs/schemas"


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
        results,
        encode(results),
        exporters={},
        lang="en",
        translator=i18n.Translator("en"),
        out=folder / "pack.zip",
        key=keys.of_store(store.root),
    )
    with zipfile.ZipFile(folder / "pack.zip") as pack:
        found = {n: json.loads(pack.read(n)) for n in ("manifest.json", "run.json", "seal.json")}
        stored = pack.read("results.json")
    view = views.results_view(decode(stored), i18n.Translator("zh"))
    return {
        **found,
        "results-stored.json": json.loads(stored),
        "results.json": json.loads(msgspec.json.encode(view)),
        "catalog.json": json.loads(msgspec.json.encode(views.catalog_view(_catalog()))),
    }


def _catalog() -> Catalog:
    from audit_core.plugins import load
    from audit_core.policy import Policy

    return Policy(load().policy_dirs).catalog("gbt22239-2019")


def _schema(name: str) -> dict[str, Any]:
    document = json.loads((PUBLISHED / name).read_bytes())
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("name", sorted(schemas.schemas()))
def test_what_is_written_holds_to_its_schema(documents: dict[str, Any], name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema(name))
    jsonschema.Draft202012Validator(_schema(name)).validate(documents[name])


@pytest.mark.parametrize("name", sorted(schemas.schemas()))
def test_a_schema_refuses_what_is_not_its_document(documents: dict[str, Any], name: str) -> None:
    validator = jsonschema.Draft202012Validator(_schema(name))
    for key in documents[name]:
        if key in _schema(name)["$defs"][_schema(name)["$ref"].rpartition("/")[2]]["required"]:
            less = {k: v for k, v in documents[name].items() if k != key}
            assert not validator.is_valid(less), key
    assert not validator.is_valid({**documents[name], "schema": "dengbao/other/1"})
