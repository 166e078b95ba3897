"""How `defaults` get into each target that does not say otherwise."""

from __future__ import annotations

from audit_core.inventory.keys import Keys, fields
from audit_core.model import AccessSchema, Kind
from audit_core.policy.input_errors import YamlPath
from audit_core.policy.strict_yaml import Document, Entry, Node

_COMMON = ("kind", "object_type", "zone", "business_system", "owner", "tags")
Entries = dict[str, Entry]


def merge_defaults(document: Document, keys: Keys) -> None:
    """Puts what `defaults` says into the targets whose kind knows it; access key by key."""
    defaults, targets = document.at(("defaults",)), document.at(("targets",))
    if defaults is not None and targets is not None:
        merging = _Merging(document, keys, defaults.value)
        for target in targets.value:
            merging.fill(target.value)


class _Merging:
    def __init__(self, document: Document, keys: Keys, written: Entries) -> None:
        self._document = document
        self._keys = keys
        self._access = written.get("access")
        self._common = {key: written[key] for key in _COMMON if key in written}
        self._settings = self._checked(written)
        self._connector = self._default_connector()
        if self._access is not None:
            self._check_access(self._access.node)

    def _checked(self, written: Entries) -> Entries:
        """The settings among `written`, each of the type that it has in some kind."""
        types = {
            name: field.type
            for id in self._keys.standing_alone
            for name, field in self._keys.settings(self._keys.kinds[id]).items()
        }
        found: Entries = {}
        beside = {k: e for k, e in written.items() if k not in (*_COMMON, "access", "settings")}
        under = written["settings"].node if "settings" in written else Node({}, 0)
        self._document.convert(dict[str, object], under, ("defaults", "settings"))
        places: tuple[tuple[YamlPath, Entries], ...] = (
            (("defaults",), beside), (("defaults", "settings"), under.value),
        )  # fmt: skip
        for place, entries in places:
            for name, entry in entries.items():
                if name not in types:
                    known = (*types, *((*_COMMON, "access", "settings") if len(place) == 1 else ()))
                    self._keys.unknown(entry.line, place, name, known)
                self._document.convert(types[name], entry.node, (*place, name))
                found.setdefault(name, entry)
        return found

    def _kind(self, own: Entries) -> Kind | None:
        entry = own.get("kind", self._common.get("kind"))
        if entry is None:
            return self._keys.registry.kinds.default
        id = entry.node.value
        return self._keys.kinds.get(id) if isinstance(id, str) else None

    def _default_connector(self) -> str | None:
        """The connector that `defaults.access` is about."""
        kind = self._kind({})
        return _via(self._access, None) or (kind.access if kind is not None else None)

    def _check_access(self, node: Node) -> None:
        place: YamlPath = ("defaults", "access")
        self._document.convert(dict[str, object], node, place)
        connector = self._keys.registry.connectors.get(self._connector or "")
        if connector is None or connector.access is None:
            return  # reported at the first target that uses it
        known = fields(connector.access)
        for name, entry in node.value.items():
            if name in known:
                self._document.convert(known[name].type, entry.node, (*place, name))
            elif name != "via":
                self._keys.unknown(entry.line, place, name, (*known, "via"))

    def fill(self, own: Entries) -> None:
        kind = self._kind(own)
        if kind is None:
            return
        self._fill_access(own, kind)
        under = own["settings"].node.value if "settings" in own else {}
        for name, entry in self._settings.items():
            if name in self._keys.settings(kind) and name not in under:
                own.setdefault(name, entry)
        for name, entry in self._common.items():
            if not (name == "object_type" and "kind" in own):
                own.setdefault(name, entry)

    def _fill_access(self, own: Entries, kind: Kind) -> None:
        if self._access is None or not isinstance(self._access.node.value, dict):
            return
        connector = self._keys.registry.connectors.get(self._connector or "")
        reached = connector is not None and kind.id in connector.kinds
        mine = own.get("access")
        if mine is None:
            if reached:
                own["access"] = self._access
        elif isinstance(mine.node.value, dict) and connector is not None:
            via = _via(mine, self._connector if reached else kind.access)
            if via == self._connector:
                schema = connector.access
                own["access"] = mine._replace(node=_under(mine.node, self._access.node, schema))


def _via(access: Entry | None, otherwise: str | None) -> str | None:
    if access is None or not isinstance(access.node.value, dict):
        return otherwise
    via = access.node.value.get("via")
    return str(via.node.value) if via is not None else otherwise


def _under(own: Node, defaults: Node, schema: object) -> Node:
    """`own` over `defaults`; one alternative that is its own replaces those of the defaults."""
    either = set()
    if isinstance(schema, type) and issubclass(schema, AccessSchema):
        either = set(schema.alternatives)
    replaced = either if set(own.value) & either else set()
    kept = {k: v for k, v in defaults.value.items() if k not in replaced}
    return Node({**kept, **own.value}, own.line)
