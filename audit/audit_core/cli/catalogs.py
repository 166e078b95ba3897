"""The commands about catalogs: list, show, crosswalk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import structs

from audit_core.cli.context import Context
from audit_core.cli.lists import listed
from audit_core.cli.output import print_json, print_table
from audit_core.model import Message, english, msg
from audit_core.model.errors import UsageError
from audit_core.model.results import Clause
from audit_core.model.units import SettledBy
from audit_core.policy.input_errors import nearest
from audit_core.policy.model import Catalog
from audit_core.views.cli_views import CatalogRow, CrosswalkRow
from audit_core.views.results_view import catalog_view


def catalogs(context: Context) -> int:
    """Every catalog with its number of clauses."""
    rows = [
        CatalogRow(
            id=c.id,
            title=_zh(context, c.title, c.title_en),
            edition=_data(context, c.edition),
            confidence=_data(context, c.confidence),
            clauses=len(c.clauses),
        )
        for c in context.policy.catalogs()
    ]
    return listed(context, context.text("Catalogs"), rows, 1)


def _data(context: Context, detail: Message) -> str:
    """What a catalog says of itself: in English where a program reads it."""
    return english(detail) if context.args.format == "json" else context.translator.say(detail)


def _zh(context: Context, zh: str, en: str) -> str:
    return zh if context.lang == "zh" or not en else en


def catalog(context: Context) -> int:
    """The clauses of one catalog, or those of a level or a layer."""
    found = context.policy.catalog(context.args.name)
    clauses = tuple(_chosen(context, found))
    if context.args.format == "json":
        print_json(catalog_view(structs.replace(found, clauses=clauses)))
        return 0
    text = context.text
    heads = (text("clause"), text("unit"), text("scope"), text("layer"), text("control point"),
             text("gist"), text("steps settled by"))  # fmt: skip
    scopes = {s.id: _zh(context, s.zh, s.en) for s in found.scopes}
    print_table(
        _zh(context, found.title, found.title_en),
        heads,
        [_clause(context, c, scopes) for c in clauses],
    )
    return 0


def _chosen(context: Context, catalog: Catalog) -> Iterator[Clause]:
    level, layer = context.args.level, context.args.layer
    levels = sorted({str(c.level) for c in catalog.clauses if c.level is not None})
    layers = [one.id for one in catalog.layers]
    _known("--level", level, levels)
    _known("--layer", layer, layers)
    for clause in catalog.clauses:
        if level in (None, str(clause.level)) and layer in (None, clause.layer_id):
            yield clause


def _known(option: str, given: str | None, known: Iterable[str]) -> None:
    there = tuple(known)
    if given is not None and given not in there:
        raise UsageError(
            msg("{option} {word}: this catalog has {known}{hint}", option=option, word=repr(given),
                known=there or msg("none"), hint=nearest(given, there))
        )  # fmt: skip


def _clause(context: Context, c: Clause, scopes: Mapping[str, str]) -> tuple[str, ...]:
    return (
        c.id,
        c.unit or "",
        scopes.get(c.scope, c.scope),
        _zh(context, c.layer, c.layer_en),
        _zh(context, c.control_point, c.control_point_en),
        _zh(context, c.gist, c.gist_en),
        _settled(context, c),
    )


def _settled(context: Context, clause: Clause) -> str:
    """How many steps a machine settles, a machine supports, and only a person answers."""
    steps = [s for s in clause.steps if s.duplicate_of is None]
    counts = Counter(s.settles for s in steps)
    names = (
        (SettledBy.MACHINE, context.text("machine")),
        (SettledBy.BOTH, context.text("machine and person")),
        (SettledBy.PERSON, context.text("person")),
        (None, context.text("steps not known")),
    )
    return context.listed(f"{name} {counts[by]}" for by, name in names if counts[by])


def crosswalk(context: Context) -> int:
    """Which clauses of two catalogs have to do with each other, in both directions."""
    a, b = (context.policy.catalog(name) for name in (context.args.name, context.args.other))
    pairs = dict.fromkeys((*_pairs(a, b), *((y, x) for x, y in _pairs(b, a))))
    left, right = ({c.id: c for c in catalog.clauses} for catalog in (a, b))
    rows = [
        CrosswalkRow(
            clause=x,
            gist=_zh(context, left[x].gist, left[x].gist_en),
            other=y,
            other_gist=_zh(context, right[y].gist, right[y].gist_en),
        )
        for x, y in pairs
        if x in left and y in right
    ]
    return listed(context, f"{a.id} / {b.id}", rows)


def _pairs(a: Catalog, b: Catalog) -> Iterator[tuple[str, str]]:
    for clause, crossings in a.crosswalk.items():
        yield from ((clause, c.clause) for c in crossings if c.catalog == b.id)
    if a.id == b.id:
        yield from ((clause, twin.clause) for clause, twin in a.twins.items())
