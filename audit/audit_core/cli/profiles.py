"""The commands about one or two profiles: what they resolve to, what differs, and their tests."""

from __future__ import annotations

from pathlib import Path

from audit_core.cli.context import Context
from audit_core.cli.lists import listed
from audit_core.cli.output import print_json, say
from audit_core.cli.parser import PROFILE_TEST_FAILED
from audit_core.evaluate import evaluate, profile_checks
from audit_core.model.results import Results
from audit_core.policy.cases import Cases, Outcome, outcomes, read_cases
from audit_core.policy.diff import cell_text, differences, settings, where_text
from audit_core.policy.model import Profile
from audit_core.policy.overrides import plain
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run, Store, default_store
from audit_core.views.cli_views import (
    PROFILE_TEST_VIEW,
    DifferenceRow,
    OutcomeRow,
    ProfileTestView,
    SettingRow,
)
from audit_core.views.results_view import joined


def resolved(context: Context) -> int:
    """Every parameter of the checks of a profile: its value, and who or what set it."""
    found = context.profile(context.args.name)
    rows = [
        SettingRow(
            check=s.check, parameter=s.parameter, value=cell_text(s.value),
            stricter=s.tightens or "none", where="*", source="profile" if s.set else "default",
            reason="", approver="",
        )
        for s in settings(found, context.registry.checks)
    ]  # fmt: skip
    rows += _overridden(found)
    return listed(context, context.text("Parameters of {profile}", profile=found.id), rows)


def _overridden(profile: Profile) -> list[SettingRow]:
    return [
        SettingRow(
            check=c.check, parameter=c.parameter, value=cell_text(plain(c.after)),
            stricter=c.tightens or "none", where=where_text(o), source=c.change.value,
            reason=o.reason, approver=o.approver,
        )
        for o in profile.overrides
        for c in o.changes
    ]  # fmt: skip


def diff(context: Context) -> int:
    """What two profiles differ in."""
    a, b = (context.profile(name) for name in (context.args.name, context.args.other))
    rows = [
        DifferenceRow(part=d.part.value, name=d.name, left=d.left, right=d.right)
        for d in differences(a, b, context.registry.checks, context.lang)
    ]
    if not rows and context.args.format != "json":
        say(context.text("No differences"))
        return 0
    return listed(context, f"{a.id} / {b.id}", rows)


def test(context: Context) -> int:
    """Whether a profile says of recorded runs what a file expects; the difference is printed."""
    cases = read_cases(Path(context.args.name))
    profile = context.profile(_profile_name(cases))
    profile_checks(profile, context.registry)
    rows: list[OutcomeRow] = []
    for number, case in enumerate(cases.file.cases):
        found = _evaluated(context, cases, _run(context, cases, case.run))
        made = outcomes(cases, number, found.findings, found.conclusions)
        rows += [_row(context, cases, case.run, outcome) for outcome in made]
    failed = sum(not row.holds for row in rows)
    if context.args.format == "json":
        print_json(ProfileTestView(schema=PROFILE_TEST_VIEW, profile=profile.id,
                                   expectations=tuple(rows)))  # fmt: skip
    else:
        _print(context, rows)
        say(context.text("Expectations: {count}, not met: {failed}",
                         count=len(rows), failed=failed))  # fmt: skip
    return PROFILE_TEST_FAILED if failed else 0


def _profile_name(cases: Cases) -> str:
    name = cases.file.profile
    return str(cases.path(name)) if name.endswith((".yaml", ".yml")) else name


def _run(context: Context, cases: Cases, name: str) -> Run:
    """The run that a case names: its folder, or an id in the store of the file."""
    if "/" in name:
        return Run(cases.path(name))
    written = cases.file.store
    if context.args.store is not None or written is None:
        return Store(context.args.store or default_store()).find(name)
    return Store(cases.path(written)).find(name)


def _evaluated(context: Context, cases: Cases, run: Run) -> Results:
    # never beside the run: a test stores nothing in what it tests
    extensions = run.file.extensions
    work = context.work(context.profile(_profile_name(cases), extensions))
    return evaluate(run, work, ResultsFolder(context.temporary_folder()))


def _row(context: Context, cases: Cases, run: str, outcome: Outcome) -> OutcomeRow:
    detail = joined(outcome.detail, context.translator.say, context.lang)
    return OutcomeRow(
        file=cases.document.file, line=outcome.line, run=run, what=outcome.what,
        expected=outcome.expected, got=outcome.got, holds=outcome.holds, detail=detail,
    )  # fmt: skip


def _print(context: Context, rows: list[OutcomeRow]) -> None:
    for row in (row for row in rows if not row.holds):
        got = context.code(row.got) if row.got else context.text("nothing of that name")
        line = context.text(
            "{file}:{line}: {what}: expected {expected}, got {got}",
            file=row.file, line=row.line, what=row.what, expected=context.code(row.expected),
            got=got,
        )  # fmt: skip
        say(f"{line}: {row.detail}" if row.detail else line)


def show(context: Context) -> int:
    """One profile: its clauses, or with `--resolved` its parameters."""
    from audit_core.cli import lists

    return resolved(context) if context.args.resolved else lists.profile(context)
