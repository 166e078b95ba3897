"""The commands that show what there is: profiles, checks, plugins, runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct, structs

from audit_core.cli.context import Context
from audit_core.cli.explain import code_place
from audit_core.cli.names import COLUMNS
from audit_core.cli.output import print_json, print_table, say
from audit_core.evaluate import profile_checks
from audit_core.model import Check, filled, msg
from audit_core.model.errors import InputError, UsageError
from audit_core.model.results import Results, TargetState
from audit_core.policy.input_errors import nearest
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run
from audit_core.views.cli_views import (
    CHECK_VIEW,
    LINT_VIEW,
    BoundCheck,
    CheckRow,
    CheckView,
    ClauseRow,
    LintProblem,
    LintView,
    ParameterRow,
    PluginRow,
    ProfileRow,
    RunRow,
)


def listed(context: Context, title: str, rows: Sequence[Struct], right: int = 0) -> int:
    """The rows as JSON, or as a table whose columns are their fields."""
    if context.args.format == "json":
        print_json(rows)
        return 0
    if not rows:
        say(context.text("{title}: none", title=title))
        return 0
    heads = [context.translator.say(COLUMNS[n]) for n in rows[0].__struct_fields__]
    shown = [tuple(_cell(context, v) for v in structs.astuple(row)) for row in rows]
    print_table(title, heads, shown, right=right)
    return 0


def _cell(context: Context, value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(_bound(context, b) for b in value)
    return value


def _bound(context: Context, bound: BoundCheck) -> str:
    step = "" if bound.step is None else f"{bound.step}: "
    return f"{step}{bound.check} ({context.code(bound.role)})"


def _words(context: Context) -> Callable[[str], str]:
    """Codes as words. JSON is for programs: its codes are the same in both languages."""
    return str if context.args.format == "json" else context.code


def _zh(context: Context, zh: str, en: str) -> str:
    return zh if context.lang == "zh" or not en else en


def profiles(context: Context) -> int:
    """Prints a row for every profile; returns the exit code."""
    rows = [
        ProfileRow(id=p.id, title=_zh(context, p.title, p.title_en), extends=p.extends or "")
        for p in context.policy.profiles()
    ]
    return listed(context, context.text("Profiles"), rows)


def profile(context: Context) -> int:
    """One profile: each clause with the checks bound to it."""
    found = context.profile(context.args.name)
    bound: dict[tuple[str, str], list[BoundCheck]] = {}
    for b in found.bindings:
        made = BoundCheck(check=b.check, step=b.step, role=b.role.value)
        bound.setdefault((b.catalog, b.clause), []).append(made)
    rows = [
        ClauseRow(
            catalog=c.catalog,
            clause=c.id,
            unit=c.unit or "",
            gist=_zh(context, c.gist, c.gist_en),
            checks=tuple(bound.get((c.catalog, c.id), ())),
        )
        for c in found.clauses
    ]
    return listed(context, _zh(context, found.title, found.title_en), rows)


def lint(context: Context) -> int:
    """What is wrong with the policy, a line each; 65 where something is."""
    given = context.args.name
    names = [given] if given is not None else list(context.policy.profile_ids())
    for name in names:  # what cannot be built at all is an error with its line
        profile_checks(context.profile(name), context.registry)
    found = [p for name in names for p in context.policy.lint(name, context.registry.checks)]
    fields = [
        LintProblem(file=str(p.file), line=p.line, detail=context.translator.say(p.detail))
        for p in found
    ]
    problems = tuple(dict.fromkeys(fields))
    if context.args.format == "json":
        print_json(LintView(schema=LINT_VIEW, problems=problems))
    else:
        for p in problems:
            say(f"{p.file}:{p.line}: {p.detail}")
        if not problems:
            say(context.text("No problems"))
    return InputError.exit_code if problems else 0


def checks(context: Context) -> int:
    """Every check that a plugin offers."""
    text = _words(context)
    rows = [
        CheckRow(
            id=c.id,
            kind=text(c.kind),
            severity=text(c.severity.value),
            version=c.version,
            title=context.translator.say(c.title),
        )
        for c in sorted(context.registry.checks.values(), key=lambda c: c.id)
    ]
    return listed(context, context.text("Checks"), rows)


def check(context: Context) -> int:
    """One check with its parameters."""
    known = context.registry.checks
    name = context.args.name
    if name not in known:
        raise UsageError(msg("no check {name}{hint}", name=repr(name), hint=nearest(name, known)))
    view = _check_view(context, known[name])
    if context.args.format == "json":
        print_json(view)
        return 0
    text = context.text
    rows: list[tuple[Any, ...]] = [
        (text("id"), view.id), (text("title"), view.title), (text("kind"), context.code(view.kind)),
        (text("severity"), context.code(view.severity)), (text("version"), view.version),
        (text("plugin"), view.plugin), (text("facts"), ", ".join(view.facts)),
        (text("code"), view.code),
    ]  # fmt: skip
    rows += [(f"{text('parameter')} {p.name}", _tightened(context, p)) for p in view.parameters]
    print_table(view.id, [text("field"), text("value")], rows)
    return 0


_TIGHTENED = {
    "up": msg("{default} (stricter: higher; lowering it needs a reason and an approver)"),
    "down": msg("{default} (stricter: lower; raising it needs a reason and an approver)"),
    "subset": msg("{default} (stricter: fewer values; adding one needs a reason and an approver)"),
    "superset": msg(
        "{default} (stricter: more values; leaving one out needs a reason and an approver)"
    ),
}


def _tightened(context: Context, parameter: ParameterRow) -> str:
    """The default, and which way a profile that extends another may change it."""
    fixed = msg("{default} (no stricter direction; changing it needs a reason)")
    direction = _TIGHTENED.get(parameter.tightens or "", fixed)
    return context.translator.say(filled(direction, default=parameter.default))


def _check_view(context: Context, c: Check) -> CheckView:
    return CheckView(
        schema=CHECK_VIEW,
        id=c.id,
        title=context.translator.say(c.title),
        kind=c.kind,
        severity=c.severity.value,
        version=c.version,
        plugin=context.registry.owner.get(c.id, ""),
        facts=tuple(_facts(c)),
        code=code_place(c.judge),
        parameters=tuple(
            ParameterRow(name=k.name, default=_shown(k.default), tightens=k.tightens)
            for k in c.parameters
        ),
    )


def _facts(c: Check) -> list[str]:
    from audit_core.model import Fact, facts_in

    named = (fact for need in c.needs for fact in facts_in(need))
    return [fact.id for fact in named if isinstance(fact, Fact)]


def _shown(value: Any) -> str:
    if isinstance(value, frozenset | set | tuple | list):
        return ", ".join(sorted(str(v) for v in value))
    return str(value)


def plugins(context: Context) -> int:
    """Every plugin with its number of offers, and every fault."""
    registry = context.registry
    rows = [
        PluginRow(
            name=p.name,
            version=p.version,
            fault="",
            facts=p.facts,
            checks=p.checks,
            connectors=p.connectors,
            exporters=p.exporters,
        )
        for p in registry.plugins
    ]
    rows += [
        PluginRow(
            name=f.plugin,
            version="",
            fault=context.translator.say(f.detail),
            facts=0,
            checks=0,
            connectors=0,
            exporters=0,
        )
        for f in registry.faults
    ]
    return listed(context, context.text("Plugins"), rows, 4)


def stored_runs(context: Context) -> int:
    """Every run in the store, the newest first."""
    words = _words(context)
    runs = [context.store.find(id) for id in reversed(context.store.ids())]
    return listed(context, context.text("Runs in {store}", store=context.store.root),
                  [_run_row(run, words) for run in runs], 1)  # fmt: skip


def _run_row(run: Run, words: Callable[[str], str]) -> RunRow:
    file = run.file
    stored = next((r for f in run.results_folders() if (r := ResultsFolder(f).stored())), None)
    if run.seal is None:
        state = "cut_off"
    elif stored is None:
        state = "not_evaluated"
    else:
        state = "complete" if stored.complete else "not_in_full"
    targets = None if stored is None else _asked(stored)
    return RunRow(id=run.id, started=file.started, profile=file.profile, status=words(state),
                  targets=targets)  # fmt: skip


def _asked(results: Results) -> int:
    """How many targets something was asked of, as the summary of the run counts them."""
    return sum(s.state is not TargetState.NOTHING_ASKED for s in results.statuses)
