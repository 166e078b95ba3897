"""Profiles: which clauses, bound to which checks, with which parameters.

What loosens a parameter names its reason and who approved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

from msgspec import UNSET, Struct

from audit_core.model import Check, Message, Parameter, Role, Severity, as_is, msg
from audit_core.model.overrides import Change
from audit_core.model.results import Clause
from audit_core.policy.gradings import GradingSettings
from audit_core.policy.input_errors import (
    NOTHING,
    YamlPath,
    as_quoted,
    nearest,
    one_of,
    quoted,
    wrong_id,
    wrong_text,
)
from audit_core.policy.model import (
    Bilingual,
    CatalogUse,
    Comparator,
    DeclaredCheck,
    Override,
    ParameterChange,
    Where,
)
from audit_core.policy.overrides import change_of, tightens
from audit_core.policy.strict_yaml import Document, load_bytes, read_bytes

_TITLE_MAX = 200
_REASON_MAX = 1000


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


class WrittenOverride(Where, frozen=True, kw_only=True):
    """Parameters for some targets, or for all; loosening ones need `reason` and `approver`."""

    params: dict[str, dict[str, Any]]
    reason: str = ""
    approver: str = ""


class ProfileFile(Struct, frozen=True, kw_only=True):
    """A profile file as written; `params` are read again by the types of their parameters."""

    id: str
    title: Bilingual
    extends: str | None = None
    catalogs: tuple[CatalogUse, ...] = ()
    params: dict[str, dict[str, Any]] = {}
    overrides: tuple[WrittenOverride, ...] = ()
    checks: tuple[Declaration, ...] = ()
    gradings: tuple[GradingSettings, ...] = ()


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


def _named(document: Document, place: YamlPath, id: str, title: Bilingual) -> None:
    wrong = wrong_id(id)
    if wrong is not None:
        document.fail((*place, "id"), wrong, as_quoted(id))
    for lang in ("zh", "en"):
        text = getattr(title, lang)
        wrong = wrong_text(text, _TITLE_MAX)
        if wrong is not None:
            document.fail((*place, "title", lang), wrong, as_quoted(text))


# --- parameters ---------------------------------------------------------------------------------


def merged_params(
    layers: tuple[Layer, ...], checks: Mapping[str, Check], mapped: frozenset[str]
) -> dict[str, dict[str, Any]]:
    """The parameters that `layers` (base first) set; raises InputError for a loosening one."""
    found: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for check, parameter, place in _set(layer, ("params",), layer.file.params, checks, mapped):
            value, held = _value(layer, parameter, place), found.setdefault(check.id, {})
            before = held.get(parameter.name, parameter.default)
            if not tightens(parameter.tightens, before, value):
                _loosens(layer, place, parameter, before, value)
            held[parameter.name] = value
    return found


def merged_overrides(
    layers: tuple[Layer, ...],
    checks: Mapping[str, Check],
    mapped: frozenset[str],
    params: Mapping[str, Mapping[str, Any]],
) -> tuple[Override, ...]:
    """The overrides of `layers` (base first); InputError where one lacks reason or approver."""
    found: list[Override] = []
    for layer in layers:
        for index, written in enumerate(layer.file.overrides):
            at: YamlPath = ("overrides", index)
            _check_where(layer, at, written)
            changes = []
            named = _set(layer, (*at, "params"), written.params, checks, mapped)
            for check, parameter, place in named:
                value = _value(layer, parameter, place)
                before = params.get(check.id, {}).get(parameter.name, parameter.default)
                change = change_of(parameter.tightens, before, value)
                _accounted_for(layer, at, written, check, parameter, change)
                changes.append(
                    ParameterChange(
                        check=check.id, parameter=parameter.name, before=before, after=value,
                        tightens=parameter.tightens, change=change,
                    )
                )  # fmt: skip
            where = Where(**{name: getattr(written, name) for name in Where.__struct_fields__})
            found.append(
                Override(where=where, changes=tuple(changes), reason=written.reason,
                         approver=written.approver)
            )  # fmt: skip
    return tuple(found)


def _check_where(layer: Layer, at: YamlPath, written: WrittenOverride) -> None:
    for name in Where.__struct_fields__:
        if getattr(written, name) == ():
            layer.document.fail((*at, name), msg("at least one value"), msg("none"))
    if not any(written.params.values()):
        layer.document.fail((*at, "params"), msg("at least one parameter"), msg("none"))
    for name in ("reason", "approver"):
        text = getattr(written, name)
        wrong = wrong_text(text, _REASON_MAX)
        if wrong is not None and layer.document.at((*at, name)) is not None:
            layer.document.fail((*at, name), wrong, as_quoted(text))


def _accounted_for(
    layer: Layer,
    at: YamlPath,
    written: WrittenOverride,
    check: Check,
    parameter: Parameter,
    change: Change,
) -> None:
    """Refuses a change without reason, and a loosening one without approver."""
    name = f"{check.id} {parameter.name}"
    if change is not Change.TIGHTENS and not written.reason:
        expected = msg("the reason for changing {name}", name=name)
        if change is Change.LOOSENS:
            expected = msg("the reason for loosening {name}", name=name)
        layer.document.fail((*at, "reason"), expected, NOTHING)
    if change is Change.LOOSENS and not written.approver:
        expected = msg("who approved of loosening {name}", name=name)
        layer.document.fail((*at, "approver"), expected, NOTHING)


def _set(
    layer: Layer,
    place: YamlPath,
    params: Mapping[str, Mapping[str, Any]],
    checks: Mapping[str, Check],
    mapped: frozenset[str],
) -> Iterator[tuple[Check, Parameter, YamlPath]]:
    """Each parameter that is written at `place`, of the checks that a plugin offers."""
    for id, named in params.items():
        check = checks.get(id)
        if check is None:
            _must_be_mapped(layer, (*place, id), checks, mapped)
            continue
        for name in named:
            yield check, _parameter(layer, check, name, (*place, id, name)), (*place, id, name)


def _must_be_mapped(
    layer: Layer, place: YamlPath, checks: Mapping[str, Check], mapped: frozenset[str]
) -> None:
    # a mapped check without a plugin stays undetermined; any other name is a mistake, and
    # its limit would not be applied
    id = str(place[-1])
    if id not in mapped:
        known = {*checks, *mapped}
        expected = msg("the id of a check")
        layer.document.fail(place, expected, as_quoted(id), nearest(id, known))


def _parameter(layer: Layer, check: Check, name: str, place: YamlPath) -> Parameter:
    parameters = {parameter.name: parameter for parameter in check.parameters}
    if name not in parameters:
        expected = one_of(sorted(parameters)) if parameters else msg("no parameters")
        layer.document.fail(place, expected, as_quoted(name), nearest(name, parameters))
    return parameters[name]


def _value(layer: Layer, parameter: Parameter, place: YamlPath) -> Any:
    node = layer.document.at(place)
    value: Any = layer.document.convert(parameter.type, node, place)
    if isinstance(value, int | float) and value < 0:  # all are counts, ages and lengths
        layer.document.fail(place, msg("a number that is not negative"), as_is(str(value)))
    return value


def _loosens(
    layer: Layer, place: YamlPath, parameter: Parameter, before: Any, value: Any
) -> NoReturn:
    hint = msg("; what loosens it needs a reason and an approver, under overrides")
    if parameter.tightens is None:
        hint = msg("; what changes it needs a reason, under overrides")
    layer.document.fail(place, _tighter(parameter.tightens, before), as_is(_shown(value)), hint)


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
    return msg("{held} (this parameter has no stricter direction)", held=held)


def _shown(value: Any) -> str:
    if isinstance(value, frozenset | set | tuple | list):
        items = sorted(str(v) for v in value)
        return quoted(", ".join(items))
    return quoted(str(value))


def check_target(
    layer: Layer, place: YamlPath, target: DeclaredFor, clauses: tuple[Clause, ...]
) -> None:
    """Refuses a catalog that the profile does not take from."""
    catalogs = sorted({c.catalog for c in clauses})
    if target.catalog is not None and target.catalog not in catalogs:
        hint = nearest(target.catalog, catalogs)
        expected = one_of(catalogs)
        layer.document.fail((*place, "catalog"), expected, as_quoted(target.catalog), hint)


# --- declared checks ----------------------------------------------------------------------------

_LISTS = (Comparator.ONE_OF, Comparator.NONE_OF, Comparator.SUBSET_OF)


def declared(layer: Layer, index: int, checks: Mapping[str, Check]) -> DeclaredCheck:
    """The declared check at `index`; raises InputError unless it has exactly one comparator."""
    document, written = layer.document, layer.file.checks[index]
    place: YamlPath = ("checks", index)
    _named(document, place, written.id, written.title)
    if written.id in checks:
        document.fail((*place, "id"), msg("an id that no plugin uses"), as_quoted(written.id))
    given = [c for c in Comparator if getattr(written, c.value) is not UNSET]
    if len(given) != 1:
        expected = msg("exactly one of {known}", known=tuple(Comparator))
        document.fail(place, expected, as_is(", ".join(given)) if given else msg("none"))
    return DeclaredCheck(
        id=written.id, title=written.title.message(), fact=written.fact,
        field=written.field, comparator=given[0], operand=_operand(document, place, given[0]),
        severity=written.severity, where=f"{document.file}:{document.line(place)}",
    )  # fmt: skip


def _operand(document: Document, place: YamlPath, comparator: Comparator) -> Any:
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


def _plain_operand(document: Document, place: YamlPath, value: Any) -> None:
    """Refuses what no value can be compared with: nothing, a mapping, a list in a list."""
    items = value if isinstance(value, tuple) else (value,)
    for index, item in enumerate(items):
        if item is None or isinstance(item, dict | tuple):
            at = (*place, index) if isinstance(value, tuple) else place
            node = document.at(at)
            expected = msg("a text, number, true or false")
            document.fail(at, expected, node.quoted_value() if node else NOTHING)
