"""Profiles: which clauses, bound to which checks, with which parameters; overlays only tighten."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, Struct

from audit_core.model import Check, Message, Parameter, Role, Severity, as_is, msg
from audit_core.model.results import Clause
from audit_core.policy.model import Bilingual, Catalog, Comparator, DeclaredCheck
from audit_core.policy.strict_yaml import Document, load_bytes, read_bytes
from audit_core.policy.words import (
    NOTHING,
    Place,
    nearest,
    one_of,
    quoted,
    seen,
    wrong_id,
    wrong_text,
)

_TITLE_MAX = 200


class CatalogUse(Struct, frozen=True, kw_only=True):
    """The clauses of a catalog that a profile takes: of one level, of some scopes.

    Without scopes those of the catalog's first one.
    """

    catalog: str
    level: int | None = None
    scopes: tuple[str, ...] | None = None


class DeclaredFor(Struct, frozen=True, kw_only=True):
    """A clause that a declared check speaks for; without `step` its only one."""

    clause: str
    catalog: str | None = None
    step: int | None = None
    role: Role = Role.CAN_DENY


class Declaration(Struct, frozen=True, kw_only=True):
    """A declared check as written; exactly one of the comparators is there."""

    id: str
    title: Bilingual
    fact: str
    field: str = ""
    severity: Severity = Severity.MEDIUM
    clauses: tuple[DeclaredFor, ...]
    equals: Any = UNSET
    one_of: Any = UNSET
    none_of: Any = UNSET
    at_least: Any = UNSET
    at_most: Any = UNSET
    matches: Any = UNSET
    subset_of: Any = UNSET
    contains: Any = UNSET
    absent: Any = UNSET


class ProfileFile(Struct, frozen=True, kw_only=True):
    """A profile file as written; `params` are read again by the types of their parameters."""

    id: str
    title: Bilingual
    extends: str | None = None
    catalogs: tuple[CatalogUse, ...] = ()
    params: dict[str, dict[str, Any]] = {}
    checks: tuple[Declaration, ...] = ()


class Layer(Struct, frozen=True, kw_only=True):
    """One profile file with the lines it was read from."""

    document: Document
    file: ProfileFile
    raw: bytes


def read_layer(path: Path) -> Layer:
    """The profile file at `path`; raises InputError."""
    raw = read_bytes(path)
    document = load_bytes(raw, str(path))
    file = document.convert(ProfileFile)
    _named(document, (), file.id, file.title)
    return Layer(document=document, file=file, raw=raw)


def _named(document: Document, place: Place, id: str, title: Bilingual) -> None:
    wrong = wrong_id(id)
    if wrong is not None:
        document.fail((*place, "id"), wrong, seen(id))
    for lang in ("zh", "en"):
        text = getattr(title, lang)
        wrong = wrong_text(text, _TITLE_MAX)
        if wrong is not None:
            document.fail((*place, "title", lang), wrong, seen(text))


# --- clauses ------------------------------------------------------------------------------------


def taken(
    layer: Layer, index: int, use: CatalogUse, catalog: Catalog, extensions: tuple[str, ...]
) -> tuple[Clause, ...]:
    """The clauses that one `catalogs` entry takes; raises InputError when there are none."""
    place: Place = ("catalogs", index)
    _check_level(layer, place, use, catalog)
    known = tuple(scope.id for scope in catalog.scopes)
    for at, scope in enumerate(use.scopes or ()):
        if scope not in known:
            hint = nearest(scope, known)
            layer.document.fail((*place, "scopes", at), one_of(known), seen(scope), hint)
    scopes = {*(known[:1] if use.scopes is None else use.scopes), *extensions}
    return tuple(c for c in catalog.clauses if c.level == use.level and c.scope in scopes)


def _check_level(layer: Layer, place: Place, use: CatalogUse, catalog: Catalog) -> None:
    levels = sorted({str(c.level) for c in catalog.clauses if c.level is not None})
    written = str(use.level) if use.level is not None else None
    if levels and written not in levels:
        got = seen(written) if written else NOTHING
        layer.document.fail((*place, "level"), one_of(levels), got)
    if not levels and written:
        expected = msg("no level (this catalog has none)")
        layer.document.fail((*place, "level"), expected, seen(written))


# --- parameters ---------------------------------------------------------------------------------


def merged_params(
    layers: tuple[Layer, ...], checks: Mapping[str, Check], mapped: frozenset[str]
) -> dict[str, dict[str, Any]]:
    """The parameters that `layers` (base first) set; raises InputError for a loosening one."""
    found: dict[str, dict[str, Any]] = {}
    for depth, layer in enumerate(layers):
        for id in layer.file.params:
            check = checks.get(id)
            if check is None:
                _must_be_mapped(layer, id, checks, mapped)
                continue
            held = found.setdefault(id, {})
            for name in layer.file.params[id]:
                parameter = _parameter(layer, check, name)
                held[name] = _value(layer, check, parameter, held if depth else None)
    return found


def _must_be_mapped(
    layer: Layer, id: str, checks: Mapping[str, Check], mapped: frozenset[str]
) -> None:
    # a mapped check without a plugin stays undetermined; any other name is a mistake, and
    # its limit would not be applied
    if id not in mapped:
        known = {*checks, *mapped}
        expected = msg("the id of a check")
        layer.document.fail(("params", id), expected, seen(id), nearest(id, known))


def _parameter(layer: Layer, check: Check, name: str) -> Parameter:
    parameters = {parameter.name: parameter for parameter in check.parameters}
    if name not in parameters:
        expected = one_of(sorted(parameters)) if parameters else msg("no parameters")
        place = ("params", check.id, name)
        layer.document.fail(place, expected, seen(name), nearest(name, parameters))
    return parameters[name]


def _value(layer: Layer, check: Check, parameter: Parameter, held: dict[str, Any] | None) -> Any:
    place = ("params", check.id, parameter.name)
    node = layer.document.at(place)
    value: Any = layer.document.convert(parameter.type, node, place)
    if isinstance(value, int | float) and value < 0:  # all are counts, ages and lengths
        layer.document.fail(place, msg("a number that is not negative"), as_is(str(value)))
    if held is not None:
        before = held.get(parameter.name, parameter.default)
        if not tightens(parameter.tightens, before, value):
            layer.document.fail(place, _tighter(parameter.tightens, before), as_is(_shown(value)))
    return value


def tightens(direction: str | None, before: Any, after: Any) -> bool:
    """Whether `after` asks at least as much as `before`; without a direction only equality does.

    None stands for no demand, so that anything tightens it.
    """
    if before == after or (before is None and direction is not None):
        return True
    if after is None or direction is None:
        return False
    if direction == "subset":
        return set(after) <= set(before)
    if direction == "superset":
        return set(after) >= set(before)
    return bool(after >= before if direction == "up" else after <= before)


def _tighter(direction: str | None, before: Any) -> Message:
    held = _shown(before)
    match direction:
        case "up":
            return msg("a value that tightens {held} (no less)", held=held)
        case "down":
            return msg("a value that tightens {held} (no more)", held=held)
        case "subset":
            return msg("a value that tightens {held} (nothing added)", held=held)
        case "superset":
            return msg("a value that tightens {held} (nothing left out)", held=held)
    return msg("{held} (the profile that is extended fixes this parameter)", held=held)


def _shown(value: Any) -> str:
    if isinstance(value, frozenset | set | tuple | list):
        items = sorted(str(v) for v in value)
        return quoted(", ".join(items))
    return quoted(str(value))


def check_target(
    layer: Layer, place: Place, target: DeclaredFor, clauses: tuple[Clause, ...]
) -> None:
    """Refuses a catalog that the profile does not take from."""
    catalogs = sorted({c.catalog for c in clauses})
    if target.catalog is not None and target.catalog not in catalogs:
        hint = nearest(target.catalog, catalogs)
        expected = one_of(catalogs)
        layer.document.fail((*place, "catalog"), expected, seen(target.catalog), hint)


# --- declared checks ----------------------------------------------------------------------------

_LISTS = (Comparator.ONE_OF, Comparator.NONE_OF, Comparator.SUBSET_OF)


def declared(layer: Layer, index: int, checks: Mapping[str, Check]) -> DeclaredCheck:
    """The declared check at `index`; raises InputError unless it has exactly one comparator."""
    document, written = layer.document, layer.file.checks[index]
    place: Place = ("checks", index)
    _named(document, place, written.id, written.title)
    if written.id in checks:
        document.fail((*place, "id"), msg("an id that no plugin uses"), seen(written.id))
    given = [c for c in Comparator if getattr(written, c.value) is not UNSET]
    if len(given) != 1:
        expected = msg("exactly one of {known}", known=tuple(Comparator))
        document.fail(place, expected, as_is(", ".join(given)) if given else msg("none"))
    return DeclaredCheck(
        id=written.id, title=written.title.message(), fact=written.fact,
        field=written.field, comparator=given[0], operand=_operand(document, place, given[0]),
        severity=written.severity, where=f"{document.file}:{document.line(place)}",
    )  # fmt: skip


def _operand(document: Document, place: Place, comparator: Comparator) -> Any:
    place = (*place, comparator.value)
    node = document.at(place)
    kinds: dict[Comparator, Any] = {
        Comparator.AT_LEAST: int | float,
        Comparator.AT_MOST: int | float,
        Comparator.MATCHES: str,
        Comparator.ABSENT: Literal["true"],
    }
    kind = kinds.get(comparator, tuple[Any, ...] if comparator in _LISTS else Any)
    value = document.convert(kind, node, place)
    _plain_operand(document, place, value)
    if comparator in (Comparator.ONE_OF, Comparator.NONE_OF) and not value:
        # compared with nothing, a value is always none of it
        document.fail(place, msg("at least one value"), msg("none"))
    return value


def _plain_operand(document: Document, place: Place, value: Any) -> None:
    """Refuses what no value can be compared with: nothing, a mapping, a list in a list."""
    items = value if isinstance(value, tuple) else (value,)
    for index, item in enumerate(items):
        if item is None or isinstance(item, dict | tuple):
            at = (*place, index) if isinstance(value, tuple) else place
            node = document.at(at)
            expected = msg("a text, number, true or false")
            document.fail(at, expected, node.shown() if node else NOTHING)
