"""JSON Schemas of the YAML files that people write, for editors; reading the files checks more.

`dengbao schema` writes them with the kinds and connectors of the installed plugins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.api.hooks import Connector
from audit_core.api.plugins import Registry
from audit_core.attest import reading, waiver_file
from audit_core.inventory.model import System
from audit_core.model import Kind
from audit_core.model.kinds import COMMON_KEYS
from audit_core.policy import catalogs, gradings, mappings, profiles
from audit_core.policy.cases import CasesFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = ".dengbao/schemas"
"""Where editors look for the schemas, beside the files that name them."""
INVENTORY = "inventory-file.json"

# File name: the type of the file, the id.
_FILES: dict[str, tuple[Any, str]] = {
    "answers.json": (reading.WrittenAnswers, "dengbao/answers-file/1"),
    "waivers.json": (waiver_file.WrittenWaivers, "dengbao/waivers-file/1"),
    "profile-file.json": (profiles.ProfileFile, "dengbao/profile-file/1"),
    "profile-test-file.json": (CasesFile, "dengbao/profile-test-file/1"),
    "mapping-file.json": (mappings.MappingFile, "dengbao/mapping-file/1"),
    "gradings-file.json": (gradings.GradingsFile, "dengbao/gradings-file/1"),
    "catalog-file.json": (catalogs.CatalogFile, "dengbao/catalog-file/1"),
}
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_ANYTHING: dict[str, Any] = {}


def modeline(name: str) -> str:
    """The comment that names the schema `name` to an editor, as the first line of a file."""
    return f"# yaml-language-server: $schema={FOLDER}/{name}\n"


def file_schemas(registry: Registry) -> dict[str, dict[str, Any]]:
    """The schema of every kind of YAML file, by file name."""
    made = {name: _file(kind, id) for name, (kind, id) in _FILES.items()}
    for name, exporter in registry.exporters.items():
        if exporter.template_map is not None:
            id = f"dengbao/{name}-map-file/1"
            made[f"{name}-map-file.json"] = _file(exporter.template_map, id)
    return made | {INVENTORY: _inventory(registry)}


def _file(kind: Any, id: str) -> dict[str, Any]:
    made = msgspec.json.schema(kind, ref_template="#/$defs/{name}")
    _close(made.get("$defs", {}).values())
    return {"$schema": DIALECT, "$id": urn(id), **made}


def urn(id: str) -> str:
    """The name of the schema of documents of `id`."""
    return f"urn:{id.replace('/', ':')}"


def _close(bodies: Iterable[dict[str, Any]]) -> None:
    for body in bodies:
        if "properties" in body:
            body["additionalProperties"] = False


# --- inventories --------------------------------------------------------------------------------


def _inventory(registry: Registry) -> dict[str, Any]:
    kinds = registry.kinds
    defs: dict[str, Any] = {
        f"kind_{kind.id}": _target(registry, kind) for kind in kinds.by_id.values()
    }
    defs["access"] = {"anyOf": [_access(c) for c in registry.connectors.values()]}
    alone = [_standing(registry, kind) for kind in kinds.by_id.values() if not kind.is_part]
    defs["system"] = _bare(System)
    return {
        "$schema": DIALECT,
        "$id": urn("dengbao/inventory-file/1"),
        "type": "object",
        "required": ["targets"],
        "additionalProperties": False,
        "properties": {
            "system": {"$ref": "#/$defs/system"},
            "scope": _TEXTS,
            "defaults": {"type": "object"},
            "targets": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "anyOf": alone,
                },
            },
        },
        "$defs": defs,
    }


def _target(registry: Registry, kind: Kind) -> dict[str, Any]:
    """A target of `kind`: what every target has, its settings, the parts it may have."""
    settings: dict[str, Any] = {}
    for schema in registry.kinds.schemas[kind.id]:
        settings |= _bare(schema)["properties"]
    parts = registry.kinds.parts_of(kind)
    properties: dict[str, Any] = dict.fromkeys(COMMON_KEYS, _TEXT)
    properties |= {"tags": _TEXTS, "access": {"$ref": "#/$defs/access"},
                   "settings": {"type": "object", "properties": settings,
                                "additionalProperties": False},
                   "object_type": {"enum": list(kind.object_types)}}  # fmt: skip
    properties["kind"] = {"const": kind.id}
    properties |= settings
    properties |= {
        key: {"type": "array", "items": {"$ref": f"#/$defs/kind_{part.id}"}}
        for key, part in parts.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _standing(registry: Registry, kind: Kind) -> dict[str, Any]:
    """A target of `kind` that stands by itself; as a part of another its list tells the kind."""
    default = registry.kinds.default
    named = default is None or kind.id != default.id
    return {"$ref": f"#/$defs/kind_{kind.id}", "required": ["kind"] if named else []}


def _access(connector: Connector) -> dict[str, Any]:
    known = {"via": {"const": connector.name}}
    fields = _bare(connector.access)["properties"] if connector.access is not None else {}
    return {"type": "object", "properties": known | fields, "additionalProperties": False}


def _bare(schema: type[Struct]) -> dict[str, Any]:
    """The schema of a Struct whose fields refer to no other, in place."""
    made = msgspec.json.schema(schema, ref_template="#/$defs/{name}")
    defs = made.get("$defs", {})
    body = _inlined(made, defs)
    if "properties" in body:
        body["additionalProperties"] = False
    return dict(body)


def _inlined(node: Any, defs: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(defs[node["$ref"].rpartition("/")[2]], defs)
        return {key: _inlined(value, defs) for key, value in node.items() if key != "$defs"}
    return [_inlined(one, defs) for one in node] if isinstance(node, list) else node
