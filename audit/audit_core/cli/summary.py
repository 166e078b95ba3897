"""The summary at the end of a run: counts per layer, the worst findings."""

from __future__ import annotations

import pwd
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from audit_core.cli.context import Context
from audit_core.cli.output import Colored, print_table, say, say_command
from audit_core.cli.system import NAMES, print_system
from audit_core.inventory import THIS_MACHINE
from audit_core.model import Finding, Result, Severity, Verdict
from audit_core.model.messages import shortened
from audit_core.model.overrides import Change
from audit_core.model.results import Results, TargetState, total
from audit_core.store.runs import Run
from audit_core.views.results_view import DISCLAIMER, joined

_WORST = 12
_NAMED = 3
_LOOKED = 200  # objects whose findings are read for the worst problems
_ORDER = tuple(Result)


def print_summary(
    context: Context,
    results: Results,
    run: Run,
    print_findings: Callable[[], None],
    *,
    filtered: bool = False,
) -> None:
    """The counts per layer, findings, what could not be seen, and what to do next.

    `filtered`: only some findings were asked for, and nothing about the rest is printed.
    """
    if not filtered:
        _layers(context, results)
        print_system(context, results)
    print_findings()
    if not filtered:
        _blind(context, results, run)
    _targets(context, results)
    if not filtered:
        _overrides(context, results)
    say(context.translator.say(DISCLAIMER))
    say(context.text("Run {id} in {store}", id=results.run.id, store=context.store.root))
    if context.args.command == "results":
        json = _next(context, "results", results.run.id, "--format", "json")
        options = "--target, --check, --clause, --severity, --verdict, --status"
        say_command(context.text("Filters: {options}; everything:", options=options), json)
        if not context.args.verbose:
            command = _next(context, "results", results.run.id, "--verbose", "--check", "CHECK")
            say_command(context.text("Why one of them:"), command)
    else:
        say_command(context.text("All findings:"), _next(context, "results", results.run.id))


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


def worst(results: Results, most: int = _LOOKED) -> list[Finding]:
    """Failed findings, the worst first, of at most `most` objects that have one."""
    found: list[Finding] = []
    severities = sorted(Severity, key=lambda s: s.rank)
    failing = [entry for entry in results.entries if any(entry.failed.values())]
    failing.sort(key=lambda entry: [-entry.failed.get(s, 0) for s in severities])
    for entry in failing[:most]:
        found += (f for f in results.findings_of(entry) if f.verdict is Verdict.FAIL)
    return sorted(found, key=lambda f: f.severity.rank)


def print_worst(context: Context, results: Results) -> None:
    """The worst problems, each once with the targets that have it."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in worst(results):
        groups.setdefault((finding.severity.value, finding.check), []).append(finding)
    rows = [
        (
            Colored(context.code(severity), severity),
            context.few(dict.fromkeys(finding.target for finding in found), _NAMED),
            check,
            shortened(joined(found[0].details, context.translator.say, context.lang), 160),
        )
        for (severity, check), found in list(groups.items())[:_WORST]
    ]
    text = context.text
    heads = [text("severity"), text("targets"), text("check"), text("record (of the first)")]
    count = total(entry.failed for entry in results.entries).total()
    title = text("Worst problems ({shown} of {groups}; failed findings: {count})",
                 shown=len(rows), groups=len(groups), count=count)  # fmt: skip
    if rows:
        print_table(title, heads, rows)


def _blind(context: Context, results: Results, run: Run) -> None:
    why = total(entry.undetermined for entry in results.entries)
    if not why:
        return
    sep = "、" if context.lang == "zh" else ", "
    parts = sep.join(f"{context.code(w)} {n}" for w, n in sorted(why.items()))
    say(context.text("Not determined: {count} ({parts})", count=why.total(), parts=parts))
    if any(entry.root_refused for entry in results.entries):
        line = context.text(
            "Requests that need root can be allowed in /etc/sudoers.d/dengbao on the targets; "
            "this command prints the file:"
        )
        say_command(line, _grants(context, run, results))


def _targets(context: Context, results: Results) -> None:
    """Which targets were not reached or did not answer everything, and what helps."""
    statuses = [s for s in results.statuses if s.state is not TargetState.NOTHING_ASKED]
    lacking = [s for s in statuses if not s.carried_out]
    if not lacking:
        say(context.text("Every target was reached: {count}", count=len(statuses)))
        return
    say_, text = context.translator.say, context.text
    rows = [
        (s.target, context.code(s.state.value), "" if s.detail is None else say_(s.detail),
         "" if s.remedy is None else say_(s.remedy))
        for s in lacking[:_WORST]
    ]  # fmt: skip
    title = text(
        "NOT CARRIED OUT IN FULL: targets not reached, or answered in part: {count} of {all}",
        count=len(lacking), all=len(statuses),
    )  # fmt: skip
    print_table(title, [text("target"), text("status"), text("why"), text("what helps")], rows)
    if len(lacking) > _WORST:
        say(text("{count} more with --format json", count=len(lacking) - _WORST))


def _overrides(context: Context, results: Results) -> None:
    """What the profile loosens, with reason and approver, and what it sets for no target."""
    text = context.text
    for made in results.index.overrides:
        what = text("{check} {parameter}: {after} instead of {before}", check=made.check,
                    parameter=made.parameter, after=_shown(made.after),
                    before=_shown(made.before))  # fmt: skip
        if not made.targets:
            say(text("The profile sets this for no target of the run: {what}", what=what))
        elif made.change is not Change.TIGHTENS:
            by = text(", approved by {approver}", approver=made.approver) if made.approver else ""
            targets = context.few(made.targets, _NAMED)
            say(
                text("Not the limit of the standard profile on {targets}: {what} ({reason}{by})",
                     targets=targets, what=what, reason=made.reason, by=by)
            )  # fmt: skip


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _next(context: Context, *words: str) -> str:
    """A command about the same store, as this user would type it."""
    store = getattr(context.args, "store", None)
    return shlex.join([_command(), *words, *(() if store is None else ("--store", str(store)))])


def _grants(context: Context, run: Run, results: Results) -> str:
    """The command that prints what has to be granted for `run`, as this user would type it."""
    file = run.file
    here = file.inventory_sha256 == THIS_MACHINE
    given = getattr(context.args, "inventory", None) or "INVENTORY"
    words = [_command(), "plan", file.profile, *(() if here else ("-i", str(given)))]
    return shlex.join([*words, "--grants", _login(run, results)])


def _login(run: Run, results: Results) -> str:
    """The account of the first target that lacked rights, else USER."""
    for entry in (entry for entry in results.entries if entry.root_refused):
        bundle = run.bundle(results.bundle_of(entry))
        for observation in bundle.observations.values() if bundle is not None else ():
            if name := observation.how.user or _name(observation.how.uid):
                return name
    return "USER"


def _command() -> str:
    called = Path(sys.argv[0])
    if called.name != "dengbao":
        return "dengbao"
    found = shutil.which("dengbao")
    return "dengbao" if found and called.exists() and called.samefile(found) else str(called)


def _name(uid: int | None) -> str:
    """What `uid` is called here; empty where it is called nothing, or not known."""
    try:
        return "" if uid is None else pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
