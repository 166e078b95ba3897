"""JSON Schemas of every document that dengbao writes or prints, made from its own types.

`python -m audit_core.schemas docs/schemas` writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from audit_core import results, views
from audit_core.pack import documents
from audit_core.store import runs

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# File name: the type, the value of its field `schema`.
_DOCUMENTS: dict[str, tuple[type, str]] = {
    "results.json": (views.ResultsView, views.RESULTS_VIEW),
    "catalog.json": (views.CatalogView, views.CATALOG_VIEW),
    "results-stored.json": (results.Results, results.SCHEMA),
    "manifest.json": (documents.Manifest, documents.SCHEMA),
    "run.json": (runs.RunFile, runs.RUN_SCHEMA),
    "seal.json": (runs.Seal, runs.SEAL_SCHEMA),
}


def schema(type: type, id: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of documents whose field `schema` is `id`."""
    made = msgspec.json.schema(type, ref_template="#/$defs/{name}")
    body = made["$defs"][type.__name__]
    body["properties"]["schema"] = {"const": id}
    return {"$schema": _DIALECT, "$id": f"urn:{id.replace('/', ':')}", **made}


def schemas() -> dict[str, bytes]:
    """Every schema as the bytes of its file, by file name."""
    return {name: results.encode(schema(*about)) for name, about in _DOCUMENTS.items()}


def main(folder: Path) -> None:
    """Every schema stands in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in schemas().items():
        (folder / name).write_bytes(raw)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
