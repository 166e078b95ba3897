"""What a person reads at the end of a run: counts per layer, the worst findings."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sys
from pathlib import Path

from audit_core.cli.context import Context
from audit_core.cli.output import print_table, say
from audit_core.inventory import THIS_MACHINE
from audit_core.model import Finding, Result, Severity, Verdict, msg
from audit_core.model.results import Results, total
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


def print_summary(context: Context, results: Results, run: Run) -> None:
    """The counts per layer, the findings, the worst of them, and what could not be seen."""
    _layers(context, results)
    _findings(context, results)
    _blind(context, results, run)
    say(context.translator.say(DISCLAIMER))
    say(context.text("Run: {id}", id=results.run.id))


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
        line = "Pending, and can become better by what people bring: {count}"
        say(context.text(line, count=pending))


def worst(results: Results, most: int = _WORST) -> list[Finding]:
    """The `most` worst failed findings, the worst first; reads only the objects that have one."""
    found: list[Finding] = []
    for severity in sorted(Severity, key=lambda s: s.rank):
        for entry in results.entries if len(found) < most else ():
            if entry.failed.get(severity) and len(found) < most:
                failed = (f for f in results.findings_of(entry) if f.verdict is Verdict.FAIL)
                found += (f for f in failed if f.severity is severity)
    return found[:most]


def _findings(context: Context, results: Results) -> None:
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
    heads = [text("severity"), text("target"), text("check"), text("seen")]
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
            "What needs root would be allowed by an /etc/sudoers.d/dengbao that this prints:"
        )
        say(f"{told} {_grants(context, run)}")


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
