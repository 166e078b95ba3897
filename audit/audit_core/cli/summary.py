"""The summary at the end of a run: counts per layer, the worst findings."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from audit_core.cli.context import Context
from audit_core.cli.output import print_table, say
from audit_core.inventory import THIS_MACHINE
from audit_core.model import Finding, Result, Severity, Verdict, msg
from audit_core.model.results import Results, TargetState, total
from audit_core.store.runs import Run
from audit_core.views.results_view import DISCLAIMER, joined

_WORST = 12
_ORDER = tuple(Result)
NAMES = {
    Result.CONFORMING: msg("conforming"),
    Result.PARTLY_CONFORMING: msg("partly"),
    Result.NONCONFORMING: msg("nonconforming"),
    Result.NOT_APPLICABLE: msg("n/a"),
    Result.NOT_ASSESSED: msg("not assessed"),
}


def print_summary(
    context: Context, results: Results, run: Run, print_findings: Callable[[], None]
) -> None:
    """The counts per layer, findings, what could not be seen, and what to do next."""
    _layers(context, results)
    print_findings()
    _blind(context, results, run)
    _targets(context, results)
    say(context.translator.say(DISCLAIMER))
    say(context.text("Run {id} in {store}", id=results.run.id, store=context.store.root))
    if context.args.command == "results":
        json = _next(context, "results", results.run.id, "--format", "json")
        options = "--target, --clause, --severity, --verdict, --status"
        line = "Filters: {options}; everything: {command}"
        say(context.text(line, options=options, command=json))
    else:
        command = _next(context, "results", results.run.id)
        say(context.text("All findings: {command}", command=command))


def _layers(context: Context, results: Results) -> None:
    names = {
        c.layer: c.layer if context.lang == "zh" else c.layer_en or c.layer for c in results.clauses
    }
    counts = {
        layer: total(entry.conclusions.get(layer, {}) for entry in results.entries)
        for layer in names
    }
    rows = [(names[n], *(c[r] for r in _ORDER)) for n, c in counts.items() if c]
    whole = total(counts.values())
    rows.append((context.text("total"), *(whole[r] for r in _ORDER)))
    heads = [context.text("layer"), *(context.translator.say(NAMES[r]) for r in _ORDER)]
    title = results.title if context.lang == "zh" else results.title_en or results.title
    print_table(title, heads, rows, right=len(_ORDER))
    pending = sum(entry.pending for entry in results.entries)
    if pending:
        say(context.text("Pending until people answer the open steps: {count}", count=pending))


def worst(results: Results, most: int = _WORST) -> list[Finding]:
    """The `most` worst failed findings, the worst first; reads only the objects that have one."""
    found: list[Finding] = []
    for severity in sorted(Severity, key=lambda s: s.rank):
        for entry in results.entries if len(found) < most else ():
            if entry.failed.get(severity) and len(found) < most:
                failed = (f for f in results.findings_of(entry) if f.verdict is Verdict.FAIL)
                found += (f for f in failed if f.severity is severity)
    return found[:most]


def print_worst(context: Context, results: Results) -> None:
    """The worst failed findings."""
    failed, say_ = worst(results), context.translator.say
    rows = [
        (
            context.code(f.severity.value),
            f.target,
            f.check,
            _short(joined(f.detail, say_, context.lang)),
        )
        for f in failed
    ]
    text = context.text
    heads = [text("severity"), text("target"), text("check"), text("record")]
    count = total(entry.failed for entry in results.entries).total()
    title = context.text("Worst findings ({shown} of {count})", shown=len(rows), count=count)
    if rows:
        print_table(title, heads, rows)


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"


def _blind(context: Context, results: Results, run: Run) -> None:
    why = total(entry.undetermined for entry in results.entries)
    if not why:
        return
    sep = "、" if context.lang == "zh" else ", "
    parts = sep.join(f"{context.code(w)} {n}" for w, n in sorted(why.items()))
    say(context.text("Not determined: {count} ({parts})", count=why.total(), parts=parts))
    if any(entry.root_refused for entry in results.entries):
        told = context.text(
            "Requests that need root can be allowed in /etc/sudoers.d/dengbao on the targets; "
            "this command prints the file:"
        )
        say(f"{told} {_grants(context, run)}")


def _targets(context: Context, results: Results) -> None:
    """Which targets were not reached or did not answer everything, and what helps."""
    statuses = [s for s in results.statuses if s.state is not TargetState.NOTHING_ASKED]
    lacking = [s for s in statuses if not s.carried_out]
    if not lacking:
        say(context.text("Reached: all {count} targets", count=len(statuses)))
        return
    say_, text = context.translator.say, context.text
    rows = [
        (s.target, context.code(s.state.value), "" if s.detail is None else say_(s.detail),
         "" if s.remedy is None else say_(s.remedy))
        for s in lacking[:_WORST]
    ]  # fmt: skip
    title = text(
        "NOT CARRIED OUT IN FULL: {count} of {all} targets were not reached or answered in part",
        count=len(lacking), all=len(statuses),
    )  # fmt: skip
    print_table(title, [text("target"), text("status"), text("why"), text("what helps")], rows)
    if len(lacking) > _WORST:
        say(text("{count} more with --format json", count=len(lacking) - _WORST))


def _next(context: Context, *words: str) -> str:
    """A command about the same store, as this user would type it."""
    store = getattr(context.args, "store", None)
    return shlex.join([_command(), *words, *(() if store is None else ("--store", str(store)))])


def _grants(context: Context, run: Run) -> str:
    """The command that prints what has to be granted for `run`, as this user would type it."""
    file = run.file
    here = file.inventory_sha256 == THIS_MACHINE
    given = getattr(context.args, "inventory", None) or "INVENTORY"
    words = [_command(), "plan", file.profile, *(() if here else ("-i", str(given)))]
    return shlex.join([*words, "--grants", _user() if here else "USER"])


def _command() -> str:
    called = Path(sys.argv[0])
    if called.name != "dengbao":
        return "dengbao"
    found = shutil.which("dengbao")
    return "dengbao" if found and called.exists() and called.samefile(found) else str(called)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "USER"
