"""Issues (问题清单), what people must bring (待补充材料), check results, assets, evidence index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from audit_core.model import Finding, Severity, Target, msg
from audit_core.model.results import Evidence
from audit_excel import row_keys
from audit_excel.issues import Issue
from audit_excel.plan import Plan
from audit_excel.record_text import seen
from audit_excel.sheet import Book, Cell, Column, Link, Row, table
from audit_excel.view import View
from audit_excel.wanted import Wanted, of_whom, to_answer

_RED_TAB, _GREY_TAB = "C00000", "7F7F7F"


# --- issues ---------------------------------------------------------------------------------------


def _issue_columns(view: View) -> list[Column]:
    text = view.text
    severities = tuple(view.severity(s) for s in (Severity.HIGH, Severity.MEDIUM, Severity.LOW))
    states = (text("open"), text("in progress"), text("awaiting retest"), text("closed"))
    retests = (text("fixed"), text("partly fixed"), text("not fixed"), text("risk accepted"))
    return [
        Column(text("Issue no."), 9),
        Column(text("Security problem"), 56),
        Column(text("Object"), 18),
        Column(text("Related items"), 22),
        Column(text("Severity"), 10, severities),
        Column(text("High-risk rule"), 18),
        Column(text("Advice"), 36),
        Column(text("Responsible"), 12),
        Column(text("Due date"), 12, date=True),
        Column(text("Status"), 11, states),
        Column(text("Result of retest"), 12, retests),
    ]


def _rules(view: View, issue: Issue) -> tuple[str, ...]:
    rules = [r for c in issue.conclusions for r in view.clause(c).high_risk_rule.split(";")]
    listed = sorted({rule.strip() for rule in rules if rule.strip()})
    # That a rule names the clause does not say that its case is given here.
    return (view.comma.join(listed), view.text("(to be decided manually)")) if listed else ("—",)


def _items(view: View, issue: Issue) -> tuple[str, ...]:
    """The items it bears on, each once, also where it bears on several objects."""
    items, notes = [], []
    for conclusion in issue.conclusions:
        note = view.unverified(view.clause(conclusion))
        parts = (conclusion.clause, conclusion.unit, "※" if note else "")
        items.append(" ".join(part for part in parts if part))
        notes += [f"※ {note}"] if note else []
    return tuple(dict.fromkeys((*items, *notes))) or (view.text("none"),)


def _issue_row(view: View, plan: Plan, number: int, issue: Issue) -> Row:
    first = issue.conclusions[0] if issue.conclusions else None
    link = plan.record_rows[first.catalog, first.clause, first.target] if first else None
    finding = issue.finding
    part = finding.target if finding and finding.target != issue.object else ""
    check = [f"〔{finding.check}〕" if view.zh else f"[{finding.check}]"] if finding else []
    remedy = view.say(finding.remedy) if finding and finding.remedy else ""
    cells: list[Cell | str | int] = [
        Cell(f"T{number:03d}", "link_centre" if link else "centre", link),
        Cell((*issue.problem, *check), "record"),
        Cell((view.name(issue.object), *([part] if part else []))),
        Cell(_items(view, issue)),
        Cell(view.severity(issue.severity), issue.severity.value),
        Cell(_rules(view, issue), "centre"),
        Cell((remedy,)),
        *[Cell("", "fill_in")] * 2,
        Cell(view.text("open"), "fill_in"),
        Cell("", "fill_in"),
    ]
    return Row(_issue_key(issue), cells)


def _issue_key(issue: Issue) -> str:
    if issue.finding is not None:
        return row_keys.of_finding(issue.finding, "issue")
    return row_keys.of_conclusion(issue.conclusions[0], "issue")


def issue_sheet(book: Book, view: View, plan: Plan) -> None:
    """The issue list, its last four columns left to people."""
    table(
        book, plan.issues,
        title=view.text("Issues"),
        info=[view.text("One row for each problem of an object; click the number to open its "
                        "record"),
              view.text("High-risk rules are numbered as in the 2025 guide on determining high "
                        "risks (trial)"),
              view.disclaimer],
        columns=_issue_columns(view),
        rows=(_issue_row(view, plan, n, i) for n, i in enumerate(plan.issue_list, 1)),
        frozen=1,
        tab=_RED_TAB,
    )  # fmt: skip


# --- what people must bring -----------------------------------------------------------------------


def _missing_rows(view: View, plan: Plan) -> Iterator[Row]:
    for number, row in enumerate(plan.wanted, 1):
        clause, first = row.clause, row.conclusions[0]
        record = plan.record_rows[first.catalog, first.clause, first.target]
        cells: list[Cell | str | int] = [
            Cell(number, "centre"),
            Cell(of_whom(view, row), "link" if len(row.conclusions) == 1 else "text",
                 record if len(row.conclusions) == 1 else None),
            view.control_point(clause),
            Cell(view.item(clause)),
            Cell(view.methods(clause), "centre"),
            Cell(to_answer(view, row)),
            _conformity(view, row),
            Cell(tuple(dict.fromkeys(view.coverage(c.coverage) for c in row.conclusions)),
                 "centre"),
            *[Cell("", "fill_in")] * 3,
            Cell(tuple(question.id for question in row.questions), "digest"),
        ]  # fmt: skip
        yield Row(row_keys.of_questions(clause, row.selector), cells)


def _conformity(view: View, row: Wanted) -> Cell:
    """The word of all its objects, or how many have which."""
    words = Counter((view.conclusion(c), c.conclusion.value) for c in row.conclusions)
    if len(words) == 1:
        ((word, style),) = words
        return Cell(word, style)
    return Cell(tuple(f"{word} {count}" for (word, _), count in words.items()), "centre")


def missing_sheet(book: Book, view: View, plan: Plan) -> None:
    """What a person has to bring, once for everything that one answer holds for."""
    text = view.text
    columns = [
        Column(text("No."), 6), Column(text("Object"), 18), Column(text("Control point"), 16),
        Column(text("Item"), 34), Column(text("Method"), 12), Column(text("What to provide"), 44),
        Column(text("Conformity"), 14), Column(text("Covered by checks"), 12),
        Column(text("Answer or document"), 24), Column(text("Provided by"), 12),
        Column(text("Date"), 12, date=True), Column(text("Question no."), 28),
    ]  # fmt: skip
    table(
        book, plan.missing,
        title=text("To be provided"),
        info=[text("Checks alone cannot conclude these items; the conformity shown is that "
                   "before manual input"),
              text("Each question stands here once, for all objects that one answer holds for"),
              view.disclaimer],
        columns=columns, rows=_missing_rows(view, plan), frozen=2, tab=_RED_TAB,
    )  # fmt: skip


# --- check results --------------------------------------------------------------------------------


def _params(view: View, finding: Finding) -> tuple[str, ...]:
    params = finding.params
    return tuple(f"{name} = {view.listed(params[name])}" for name in sorted(params))


def _check_row(view: View, plan: Plan, number: int, finding: Finding) -> Row:
    check = view.checks.get(finding.check)
    numbers = view.evidence_numbers([finding])
    lines = view.evidence_lines([finding])
    one = len(lines) == 1 and bool(numbers)
    link = plan.evidence.row(view.evidence_row(min(numbers))) if one else None
    title = view.say(check.title) if check else ""
    style = {"pass": "conforming", "fail": "nonconforming", "not_applicable": "not_applicable"}
    cells: list[Cell | str | int] = [
        Cell(number, "centre"),
        view.name(finding.target),
        Cell((title, f"{finding.check} v{finding.check_version}")),
        Cell(view.verdict(finding.verdict), style.get(finding.verdict.value, "not_assessed")),
        Cell(view.severity(finding.severity), "centre"),
        Cell((seen(view, finding),), "record"),
        Cell(_params(view, finding), "record"),
        Cell(tuple(view.items_of.get(finding.id, ())), "record"),
        Cell(lines, "link_centre" if link else "centre", link),
    ]
    return Row(row_keys.of_finding(finding), cells)


def check_sheet(book: Book, view: View, plan: Plan) -> None:
    """Every finding, also those that no clause rests on."""
    text = view.text
    columns = [
        Column(text("No."), 7), Column(text("Object"), 20), Column(text("Check"), 40),
        Column(text("Verdict"), 12), Column(text("Severity"), 9), Column(text("Record"), 70),
        Column(text("Parameters"), 28), Column(text("Items"), 14), Column(text("Evidence"), 16),
    ]  # fmt: skip
    rows = (_check_row(view, plan, n, f) for n, f in enumerate(view.found, 1))
    table(
        book, plan.checks, title=text("Check results"),
        info=[text("Record of each check; conclusions on items are in the record sheets")],
        columns=columns, rows=rows, frozen=2, tab=_GREY_TAB,
    )  # fmt: skip


# --- assets ---------------------------------------------------------------------------------------


def _asset_row(view: View, plan: Plan, number: int, target: Target) -> Row:
    sheets = plan.objects.get(target.id)
    link = Link(sheet=sheets.names[0]) if sheets else None
    declared = (target.address, target.zone, target.business_system, target.owner)
    settings = tuple(f"{k} = {view.listed(v)}" for k, v in sorted(target.settings.items()))
    cells: list[Cell | str | int] = [
        Cell(number, "centre"),
        Cell(view.name(target.id), "link" if link else "text", link),
        view.kind(target.kind),
        view.object_type(target.object_type),
        target.parent or "",
        Cell(view.reached(target.id), "text" if view.carried_out(target.id) else "nonconforming"),
        *[Cell(told or "", "text" if told else "fill_in") for told in declared],
        Cell(settings),
    ]
    return Row(row_keys.of_target(target), cells)


def asset_sheet(book: Book, view: View, plan: Plan) -> None:
    """Every target, parts included, with what the inventory declares."""
    text = view.text
    columns = [
        Column(text("No."), 6), Column(text("Object"), 26), Column(text("Kind"), 12),
        Column(text("Object type"), 16), Column(text("Part of"), 16), Column(text("Status"), 24),
        Column(text("Address"), 22),
        Column(text("Zone"), 14), Column(text("Business system"), 18), Column(text("Owner"), 14),
        Column(text("Declared settings"), 50),
    ]  # fmt: skip
    rows = (_asset_row(view, plan, n, t) for n, t in enumerate(view.targets.values(), 1))
    table(
        book, plan.assets, title=text("Assets"),
        info=[text("What was audited; declared or discovered parts are listed with the object "
                   "they belong to"),
              text("Yellow: not declared in the inventory")],
        columns=columns, rows=rows, frozen=2, tab=_GREY_TAB,
    )  # fmt: skip


# --- evidence -------------------------------------------------------------------------------------


def _answered(view: View, seen: Evidence) -> tuple[str, ...]:
    exit_code = [] if seen.exit_code is None else [
        view.say(msg("exit code {code}", code=seen.exit_code))
    ]  # fmt: skip
    cut = [view.text("truncated at the size limit")] if seen.truncated else []
    rules = [view.say(msg("redacted: {rules}", rules=view.comma.join(seen.redactions)))]
    detail = [] if seen.detail is None else [view.say(seen.detail)]
    sizes = [f"{name} {size} B" for name, _, size in _streams(seen)]
    return (
        view.status(seen),
        *exit_code,
        *sizes,
        *cut,
        *(rules if seen.redactions else []),
        *detail,
    )


def _streams(seen: Evidence) -> list[tuple[str, str, int]]:
    streams = [("stdout", seen.stdout_sha256, seen.stdout_size),
               ("stderr", seen.stderr_sha256, seen.stderr_size)]  # fmt: skip
    return [stream for stream in streams if stream[2]]


def _digests(view: View, seen: Evidence) -> tuple[str, ...]:
    shown = [(name, digest) for name, digest, _ in _streams(seen)]
    shown.append((view.text("record"), seen.digest.removeprefix("sha256:")))
    return tuple(f"{name} {digest}" for name, digest in shown)


def _evidence_row(view: View, number: int, seen: Evidence) -> Row:
    path = view.source.evidence_path(number, seen)
    cells: list[Cell | str | int] = [
        Cell(view.evidence_number(number), "centre"),
        seen.target,
        Cell((view.asked(seen), seen.asked), "record"),
        Cell(view.rights(seen), "centre"),
        Cell((view.moment(seen.started), view.moment(seen.ended)), "digest"),
        Cell(_answered(view, seen)),
        Cell(view.session(seen), "digest"),
        Cell(_digests(view, seen), "digest"),
        Cell(path, "digest_link", Link(file=path)),
    ]  # fmt: skip
    return Row(row_keys.of_observation(seen), cells)


def evidence_sheet(book: Book, view: View, plan: Plan) -> None:
    """Every observation: target, request, account, time, answer and digest."""
    text = view.text
    columns = [
        Column(text("No."), 9), Column(text("Object"), 18), Column(text("Request"), 40),
        Column(text("As user"), 10), Column(text("From / to (UTC)"), 19),
        Column(text("Answer"), 18), Column(text("How, over which session"), 30),
        Column("SHA-256", 60), Column(text("Evidence file"), 38),
    ]  # fmt: skip
    rows = (_evidence_row(view, n, o) for n, o in view.observations)
    table(
        book, plan.evidence, title=text("Evidence index"),
        info=[text("As answered by each object at the given time, over the given session")],
        columns=columns, rows=rows, frozen=2, tab=_GREY_TAB,
    )  # fmt: skip
