"""Reads the access of targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from audit_core.api.hooks import Connector
from audit_core.inventory.keys import Keys, fields
from audit_core.inventory.model import Access
from audit_core.inventory.values import Values
from audit_core.model import HostName, KeyFile, Kind, Schema, SecretRef, msg
from audit_core.model.schemas import LocalFile, marked
from audit_core.policy.input_errors import NOTHING, SILENT, YamlPath, nearest, one_of
from audit_core.policy.strict_yaml import Document, Node, wanted


class AccessReader:
    """Makes the access of each target of `document`."""

    def __init__(self, document: Document, keys: Keys, values: Values) -> None:
        self._document = document
        self._keys = keys
        self._values = values

    def access(self, place: YamlPath, node: Node | None, kind: Kind, address: str | None) -> Access:
        """What is written under `access` at `place`, for a target at `address`."""
        place = (*place, "access")
        if node is None or node.is_null:
            example = ", ".join(f"{key}: {value}" for key, value in (kind.here or {}).items())
            expected = msg("how to reach it")
            if example:
                expected = msg("how to reach it, e.g. {example}", example=f"{{{example}}}")
            self._document.fail(place, expected, NOTHING)
        self._document.convert(dict[str, object], node, place)
        connector = self._connector(place, node, kind)
        schema = connector.access
        assert schema is not None  # noqa: S101 (only such connectors are chosen)
        settings = schema(**self._fields(place, node, schema, kind))
        return Access(via=connector.name, settings=self._checked(place, settings, address))

    def _connector(self, place: YamlPath, node: Node, kind: Kind) -> Connector:
        known = {
            name: connector
            for name, connector in self._keys.registry.connectors.items()
            if kind.id in connector.kinds and connector.access is not None
        }
        if not known:
            expected = msg("no access (no installed plugin reaches the kind {kind})", kind=kind.id)
            self._document.fail(place, expected, msg("a mapping"))
        via = node.value.get("via")
        name = via.node.value if via is not None else kind.access
        if name is None and len(known) == 1:
            (name,) = known
        if not isinstance(name, str) or name not in known:
            got = via.node.quoted_value() if via is not None else NOTHING
            hint = nearest(name, known) if via is not None and isinstance(name, str) else SILENT
            self._document.fail((*place, "via"), one_of(known), got, hint)
        return known[name]

    def _fields(
        self, place: YamlPath, node: Node, schema: type[Struct], kind: Kind
    ) -> dict[str, Any]:
        known, found = fields(schema), {}
        for key, entry in node.value.items():
            if key == "via":
                continue
            if key not in known:
                self._keys.unknown(entry.line, place, key, (*known, "via"), reached=kind)
            found[key] = self._document.convert(known[key].type, entry.node, (*place, key))
        for name, field in known.items():
            if field.required and name not in found:
                self._document.fail((*place, name), wanted(field.type), NOTHING)
        return found

    def _checked(self, place: YamlPath, settings: Any, address: str | None) -> Any:
        for where, marker, text in marked(settings, (SecretRef, KeyFile, HostName)):
            check = {
                SecretRef: self._values.reference,
                KeyFile: self._values.key,
                HostName: self._values.address,
            }[marker]
            check((*place, *where), text)
        here = Path(self._document.file).parent
        for (name, *_), _, text in marked(settings, (LocalFile,)):
            self._values.plain_text((*place, str(name)), text)
            settings = structs.replace(settings, **{str(name): str(here / Path(text).expanduser())})
        if "address" in fields(type(settings)) and settings.address is None:
            if address is None:
                self._document.fail((*place, "address"), msg("an address to log in to"), NOTHING)
            settings = structs.replace(settings, address=address)
        refuse(self._document, place, settings)
        return settings


def refuse(document: Document, place: YamlPath, settings: Any) -> None:
    """Refuses what the schema of `settings`, or of a Struct in it, finds wrong."""
    for refusal in settings.refusals() if isinstance(settings, Schema) else ():
        where = (*place, *refusal.place)
        node = document.at(where)
        got = refusal.got or (node.quoted_value() if node is not None else NOTHING)
        document.fail(where, refusal.expected, got)
    for name in fields(type(settings)):
        held = getattr(settings, name)
        if isinstance(held, Struct):
            refuse(document, (*place, name), held)
