"""Which clauses of a catalog a profile takes: by level or grade, scope, layer, tag, object type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from audit_core.model import msg
from audit_core.model.results import Clause
from audit_core.policy.input_errors import NOTHING, YamlPath, as_quoted, nearest, one_of
from audit_core.policy.model import Catalog, CatalogUse
from audit_core.policy.strict_yaml import Document

_GRADE = re.compile(r"S([1-5])A([1-5])G([1-5])")


def taken(
    document: Document,
    place: YamlPath,
    use: CatalogUse,
    catalog: Catalog,
    extensions: tuple[str, ...],
) -> tuple[Clause, ...]:
    """The clauses that one `catalogs` entry takes; raises InputError where it names what is not.

    `extensions` are scopes that the system declares; they come on top of the entry's scopes.
    """
    levels = _levels(document, place, use, catalog)
    known = tuple(scope.id for scope in catalog.scopes)
    _each(document, (*place, "scopes"), use.scopes, known)
    _each(document, (*place, "layers"), use.layers, [layer.id for layer in catalog.layers])
    types = [type.id for type in catalog.object_types]
    _each(document, (*place, "object_types"), use.object_types, types)
    tags = {tag for clause in catalog.clauses for tag in clause_tags(clause)}
    _each(document, (*place, "tags"), use.tags, sorted(tags))
    scopes = {*(known[:1] if use.scopes is None else use.scopes), *extensions}
    return tuple(c for c in catalog.clauses if levels(c) and c.scope in scopes and _wanted(use, c))


def _wanted(use: CatalogUse, clause: Clause) -> bool:
    """Whether the layers, object types and tags of the entry take `clause`."""
    return (
        (use.layers is None or clause.layer_id in use.layers)
        and (use.object_types is None or bool(set(use.object_types) & set(clause.applies_to)))
        and (use.tags is None or bool(set(use.tags) & clause_tags(clause)))
    )


def clause_tags(clause: Clause) -> set[str]:
    """The words a profile can select `clause` by: attribute, methods, `high_risk`, `unverified`."""
    tags = {clause.attribute, *clause.methods} - {""}
    tags |= {"high_risk"} if clause.high_risk_rule else set()
    return tags | (set() if clause.confidence == "read" else {"unverified"})


def _each(
    document: Document, place: YamlPath, given: tuple[str, ...] | None, known: Iterable[str]
) -> None:
    names = tuple(known)
    if given == ():
        document.fail(place, msg("at least one value"), msg("none"))
    for at, word in enumerate(given or ()):
        if word not in names:
            document.fail((*place, at), one_of(names), as_quoted(word), nearest(word, names))


def _levels(
    document: Document, place: YamlPath, use: CatalogUse, catalog: Catalog
) -> Callable[[Clause], bool]:
    """Whether a clause is of the level, or of the grade, that `use` names."""
    there = sorted({str(c.level) for c in catalog.clauses if c.level is not None})
    if use.grade is not None:
        wanted = _grade(document, place, use, there)
        return lambda clause: clause.level == wanted.get(clause.attribute, wanted["G"])
    written = str(use.level) if use.level is not None else None
    if there and written not in there:
        got = as_quoted(written) if written else NOTHING
        document.fail((*place, "level"), one_of(there), got)
    if not there and written:
        document.fail(
            (*place, "level"), msg("no level (this catalog has none)"), as_quoted(written)
        )
    return lambda clause: clause.level == use.level


def _grade(
    document: Document, place: YamlPath, use: CatalogUse, there: list[str]
) -> dict[str, int]:
    """The level of the clauses of each attribute: S (data), A (service), G (general)."""
    place, text = (*place, "grade"), use.grade or ""
    hit = _GRADE.fullmatch(text)
    if hit is None:
        document.fail(place, msg("a grade like S3A3G3"), as_quoted(text))
    levels = dict(zip("SAG", map(int, hit.groups()), strict=True))
    if levels["G"] != max(levels["S"], levels["A"]):
        expected = msg("G as the higher of S and A, which is the level of the system")
        document.fail(place, expected, as_quoted(text))
    for level in levels.values():
        if str(level) not in there:
            document.fail(place, msg("levels of this catalog: {levels}", levels=tuple(there)),
                          as_quoted(text))  # fmt: skip
    if use.level not in (None, levels["G"]):
        expected = msg("the level that the grade gives, {level}", level=levels["G"])
        document.fail((*place[:-1], "level"), expected, as_quoted(str(use.level)))
    return levels
