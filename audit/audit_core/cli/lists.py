"""The commands that show what there is: catalogs, profiles, checks, plugins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from audit_core.cli.context import Context
from audit_core.cli.output import print_json, print_table, say
from audit_core.errors import InputError, UsageError
from audit_core.evaluate import profile_checks
from audit_core.model import Check, msg
from audit_core.policy.words import nearest
from audit_core.results import Clause
from audit_core.views import catalog_view


def _listed(
    context: Context, title: str, heads: Sequence[str], rows: list[tuple[Any, ...]], right: int = 0
) -> int:
    if context.args.format == "json":
        keys = [head.replace(" ", "_") for head in heads]
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        shown = [context.text(head) for head in heads]
        print_table(context.text(title), shown, rows, right=right)
    return 0


def _zh(context: Context, zh: str, en: str) -> str:
    return zh if context.lang == "zh" or not en else en


def catalogs(context: Context) -> int:
    """Every catalog with its number of clauses."""
    rows = [
        (c.id, _zh(context, c.title, c.title_en), c.edition, c.confidence, len(c.clauses))
        for c in context.policy.catalogs()
    ]
    return _listed(
        context, "Catalogs", ("id", "title", "edition", "confidence", "clauses"), rows, 1
    )


def catalog(context: Context) -> int:
    """One catalog, every clause."""
    found = context.policy.catalog(context.args.name)
    if context.args.format == "json":
        print_json(catalog_view(found))
        return 0
    rows = [_clause(context, c) for c in found.clauses]
    heads = ("clause", "unit", "scope", "layer", "control point", "gist")
    return _listed(context, found.title, heads, rows)


def _clause(context: Context, c: Clause) -> tuple[str, ...]:
    return (
        c.id,
        c.unit or "",
        c.scope,
        _zh(context, c.layer, c.layer_en),
        _zh(context, c.control_point, c.control_point_en),
        _zh(context, c.gist, c.gist_en),
    )


def profiles(context: Context) -> int:
    """Every profile."""
    rows = [
        (p.id, _zh(context, p.title, p.title_en), p.extends or "")
        for p in context.policy.profiles()
    ]
    return _listed(context, "Profiles", ("id", "title", "extends"), rows)


def profile(context: Context) -> int:
    """One profile: each clause with the checks bound to it."""
    found = context.profile(context.args.name)
    bound: dict[tuple[str, str], list[str]] = {}
    for b in found.bindings:
        bound.setdefault((b.catalog, b.clause), []).append(f"{b.check} ({b.coverage})")
    rows = [
        (c.catalog, c.id, c.unit or "", _zh(context, c.gist, c.gist_en),
         ", ".join(bound.get((c.catalog, c.id), [])))
        for c in found.clauses
    ]  # fmt: skip
    return _listed(context, found.title, ("catalog", "clause", "unit", "gist", "checks"), rows)


def lint(context: Context) -> int:
    """What is wrong with the policy, a line each; 65 where something is."""
    given = context.args.name
    names = [given] if given is not None else list(context.policy.profile_ids())
    for name in names:  # what cannot be built at all is an error with its line
        profile_checks(context.profile(name), context.registry)
    found = [p for name in names for p in context.policy.lint(name, context.registry.checks)]
    said = [f"{p.file}:{p.line}: {context.translator.say(p.said)}" for p in found]
    problems = list(dict.fromkeys(said))
    for problem in problems:
        say(problem)
    if problems:
        return InputError.exit_code
    say(context.text("No problems"))
    return 0


def checks(context: Context) -> int:
    """Every check that a plugin offers."""
    rows = [
        (c.id, c.kind.value, context.text(c.severity.value), c.version, context.text(c.title))
        for c in sorted(context.registry.checks.values(), key=lambda c: c.id)
    ]
    return _listed(context, "Checks", ("id", "kind", "severity", "version", "title"), rows)


def check(context: Context) -> int:
    """One check with its knobs."""
    known = context.registry.checks
    name = context.args.name
    if name not in known:
        raise UsageError(msg("no check {name}{hint}", name=repr(name)), hint=nearest(name, known))
    c = known[name]
    # JSON is for programs: its words are the same in both languages.
    text = str if context.args.format == "json" else context.text
    heads = ("id", "title", "kind", "severity", "version", "plugin", "facts")
    values = (
        c.id, context.text(c.title), c.kind.value, text(c.severity.value), c.version,
        context.registry.owner.get(c.id, ""), ", ".join(_facts(c)),
    )  # fmt: skip
    rows: list[tuple[Any, ...]] = [(text(h), v) for h, v in zip(heads, values, strict=True)]
    rows += [
        (f"{text('parameter')} {k.name}", f"{_shown(k.default)} ({text(k.tightens or '-')})")
        for k in c.knobs
    ]
    return _listed(context, c.id, ("field", "value"), rows)


def _facts(c: Check) -> list[str]:
    from audit_core.plugins import facts_of

    return [f.id for f in facts_of(c)]


def _shown(value: Any) -> str:
    if isinstance(value, frozenset | set | tuple | list):
        return ", ".join(sorted(str(v) for v in value))
    return str(value)


def plugins(context: Context) -> int:
    """Every plugin with its number of offers, and every fault."""
    registry = context.registry
    rows: list[tuple[Any, ...]] = [
        (p.name, p.version, "", p.facts, p.checks, p.probers, p.exporters) for p in registry.plugins
    ]
    rows += [(f.plugin, "", context.translator.say(f.said), 0, 0, 0, 0) for f in registry.faults]
    heads = ("name", "version", "fault", "facts", "checks", "probers", "exporters")
    return _listed(context, "Plugins", heads, rows, 4)


COMMANDS: dict[tuple[str, str], Callable[[Context], int]] = {
    ("catalog", "list"): catalogs,
    ("catalog", "show"): catalog,
    ("profile", "list"): profiles,
    ("profile", "show"): profile,
    ("profile", "lint"): lint,
    ("check", "list"): checks,
    ("check", "show"): check,
    ("plugin", "list"): plugins,
}
