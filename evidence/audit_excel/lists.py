"""Issues (问题清单), what people must bring (待补充材料), check results, assets, evidence index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from audit_core.model import Finding, Target, msg
from audit_core.model.attestations import IssueNote
from audit_core.model.forms import FormKind
from audit_core.model.results import Evidence
from audit_excel import proposals, row_keys
from audit_excel.fill_in import FIELDS, PROPOSED, head_mark, in_order, row_mark, step_field
from audit_excel.form_cells import fill_cells, fill_columns, generated
from audit_excel.issues import Issue, retest_word, retested
from audit_excel.plan import Plan
from audit_excel.questions import QuestionEntry, filled_in, marked, of_whom, to_answer
from audit_excel.record_text import finding_text
from audit_excel.sheet import Book, Cell, Column, Link, Row, table
from audit_excel.view import View

_RED_TAB, _GREY_TAB = "C00000", "7F7F7F"


# --- issues ---------------------------------------------------------------------------------------


def _issue_columns(view: View) -> list[Column]:
    text = view.text
    return [
        Column(text("Issue no."), 7),
        Column(text("Security problem"), 56),
        Column(text("Object"), 18),
        Column(text("Related items"), 20),
        Column(text("Risk level"), 8),
        Column(text("High-risk rule"), 14),
        *fill_columns(view, FormKind.ISSUE),
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
        clause = view.clause(conclusion)
        parts = (conclusion.clause, conclusion.unit, "※" if view.unverified(clause) else "")
        items.append(" ".join(part for part in parts if part))
        notes += [line] if (line := view.unverified_line(clause)) else []
    return tuple(dict.fromkeys((*items, *notes))) or (view.text("none"),)


NAMED_OBJECTS = 12
"""Objects of an issue that its row names; the check results have them all."""

MOST_PLACES = 8
"""Ways in which an issue shows that its row tells."""


def _issue_row(
    view: View, plan: Plan, number: int, issue: Issue, known: Mapping[str, IssueNote]
) -> Row:
    first = issue.conclusions[0] if issue.conclusions else None
    link = plan.record_rows[first.catalog, first.clause, first.target] if first else None
    check = [f"〔{issue.check}〕" if view.zh else f"[{issue.check}]"] if issue.check else []
    values = _recorded(view, issue, known.get(issue.key))
    proposed = {"advice": "\n".join(proposals.advice(view, issue)),
                "harm": proposals.harm(view, issue)}  # fmt: skip
    written = {**values, **{name: values.get(name) or proposed[name] for name in PROPOSED}}
    cells: list[Cell | str | int] = [
        Cell(f"T{number:03d}", "link_centre" if link else "centre", link),
        Cell((issue.problem, *_place_lines(view, issue), *check), "record"),
        view.comma.join(_named(view, issue.objects)),
        Cell(_items(view, issue)),
        Cell(view.severity(issue.severity), issue.severity.value),
        Cell(_rules(view, issue), "centre"),
    ]
    own = [in_order(FormKind.ISSUE, values), *([proposed[name]] for name in PROPOSED)]
    key = row_mark(issue.key, *own, generated=generated(cells[1:]))
    return Row(key, [*cells, *fill_cells(view, FormKind.ISSUE, written)])


def _recorded(view: View, issue: Issue, note: IssueNote | None) -> dict[str, str]:
    """What people recorded of an issue, by field: in the workbook, else by re-tests in files."""
    if note is None:
        values = {"status": "open"}
    else:
        values = {field.id: getattr(note, field.id) for field in FIELDS[FormKind.ISSUE]}
    tested = retested(issue, view.results.index.retests)
    if tested and not values.get("retest"):
        lines = (
            msg("{object}: {text} ({by}, {date})", object=view.name(one.target), text=one.text,
                by=one.by, date=one.date)
            for one in tested[:MOST_PLACES]
        )  # fmt: skip
        values["retest"] = retest_word(issue, tested)
        values["note"] = values.get("note") or view.semicolon.join(map(view.say, lines))
    return values


def _place_lines(view: View, issue: Issue) -> list[str]:
    """What was found, with the objects it was found on."""
    lines = [
        f"[{view.comma.join(_named(view, targets))}] {text}"
        for text, targets in issue.places[:MOST_PLACES]
    ]
    if (more := len(issue.places) - MOST_PLACES) > 0:
        lines.append(view.say(msg("{count} more are in the check results", count=more)))
    return lines


def _named(view: View, targets: Sequence[str]) -> tuple[str, ...]:
    names = tuple(map(view.name, targets[:NAMED_OBJECTS]))
    if len(targets) <= NAMED_OBJECTS:
        return names
    return (*names, view.say(msg("… {count} in all", count=len(targets))))


def issue_sheet(book: Book, view: View, plan: Plan) -> None:
    """The issue list, its last columns left to people."""
    known = {retest.issue: retest for retest in view.results.index.issue_notes}
    table(
        book, plan.issues,
        title=view.text("Issues"),
        info=[view.text("One row for each problem, with all its objects; click the number to open "
                        "a record"),
              view.text("High-risk rules are numbered as in the 2025 guide on determining high "
                        "risks (trial)"),
              view.text("What is marked as a proposal comes from data of the standards: change it, "
                        "or delete the mark to adopt it"),
              view.disclaimer],
        columns=_issue_columns(view),
        rows=(_issue_row(view, plan, n, i, known) for n, i in enumerate(plan.issue_list, 1)),
        frozen=1,
        tab=_RED_TAB,
        key=head_mark(FormKind.ISSUE, view.run.id, view.source.lang),
    )  # fmt: skip


# --- what people must bring -----------------------------------------------------------------------


def _question_rows(view: View, plan: Plan, steps: int) -> Iterator[Row]:
    for number, row in enumerate(plan.wanted, 1):
        clause, first = row.clause, row.conclusions[0]
        record = plan.record_rows[first.catalog, first.clause, first.target]
        alone = len(row.conclusions) == 1
        asked = {step_field("answer", one.step.number) for one in row.steps}
        methods = dict.fromkeys(view.method(m) for one in row.steps for m in one.step.methods)
        cells: list[Cell | str | int] = [
            Cell(number, "centre"),
            Cell(of_whom(view, row), "link" if alone else "text", record if alone else None),
            view.control_point(clause),
            Cell(view.item(clause)),
            Cell(tuple(methods), "centre"),
            Cell(to_answer(view, row)),
            _conformity(view, row),
        ]
        last = Cell(tuple(one.question for one in row.steps), "digest")
        fill = fill_cells(view, FormKind.QUESTION, filled_in(row), steps, asked)
        yield Row(marked(row, generated([*cells[1:], last])), [*cells, *fill, last])


def _conformity(view: View, row: QuestionEntry) -> Cell:
    """The word of all its objects, or how many have which."""
    words = Counter((view.conclusion(c), c.conclusion.value) for c in row.conclusions)
    if len(words) == 1:
        ((word, style),) = words
        return Cell(word, style)
    return Cell(tuple(f"{word} {count}" for (word, _), count in words.items()), "centre")


def questions_sheet(book: Book, view: View, plan: Plan) -> None:
    """The questions to people, each once for everything that one answer holds for."""
    text = view.text
    steps = max((one.step.number for row in plan.wanted for one in row.steps), default=1)
    columns = [
        Column(text("No."), 5), Column(text("Object"), 16), Column(text("Control point"), 13),
        Column(text("Item"), 28), Column(text("Method"), 7), Column(text("What to provide"), 56),
        Column(text("Conformity"), 11),
        *fill_columns(view, FormKind.QUESTION, steps),
        Column(text("Question no."), 22),
    ]  # fmt: skip
    table(
        book, plan.missing,
        title=text("To be provided"),
        info=[text("One row for each item, for all objects that one answer holds for; answers "
                   "that count stand at the end and can be changed"),
              text("Each step of a row has a column for its answer; the words are for all of them. "
                   "Steps in grey are not asked"),
              text("Fill in the yellow columns; dengbao import takes them back. Rows may be "
                   "sorted, filtered and hidden"),
              view.disclaimer],
        columns=columns, rows=_question_rows(view, plan, steps), frozen=2, tab=_RED_TAB,
        printed=len(columns) - 1,
        key=head_mark(FormKind.QUESTION, view.run.id, view.source.lang),
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
        Cell((finding_text(view, finding),), "record"),
        Cell(_params(view, finding), "digest"),
        Cell(tuple(view.items_of.get(finding.id, ())), "record"),
        Cell(view.comma.join(lines), "digest_link" if link else "digest", link),
    ]
    return Row(row_keys.of_finding(finding), cells)


def check_sheet(book: Book, view: View, plan: Plan) -> None:
    """Every finding, also those that no clause rests on."""
    text = view.text
    columns = [
        Column(text("No."), 7), Column(text("Object"), 16), Column(text("Check"), 36),
        Column(text("Verdict"), 12), Column(text("Severity"), 9), Column(text("Record"), 76),
        Column(text("Parameters"), 34), Column(text("Items"), 12), Column(text("Evidence"), 26),
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
        *[Cell(text or "", "text" if text else "fill_in") for text in declared],
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


def _answered(view: View, evidence: Evidence) -> tuple[str, ...]:
    exit_code = [] if evidence.exit_code is None else [
        view.say(msg("exit code {code}", code=evidence.exit_code))
    ]  # fmt: skip
    sizes = [f"{name} {size} B" for name, size in _sizes(evidence)]
    cut = [view.text("truncated at the size limit")] if evidence.truncated else []
    rules = [view.say(msg("redacted: {rules}", rules=view.comma.join(evidence.redactions)))]
    detail = [] if evidence.detail is None else [view.say(evidence.detail)]
    numbers = view.comma.join((*exit_code, *sizes))
    lines = (view.status(evidence), numbers, *cut, *(rules if evidence.redactions else []), *detail)
    return tuple(line for line in lines if line)


def _sizes(evidence: Evidence) -> list[tuple[str, int]]:
    sizes = [("stdout", evidence.stdout_size), ("stderr", evidence.stderr_size)]
    return [(name, size) for name, size in sizes if size]


def _digests(view: View, evidence: Evidence) -> tuple[str, ...]:
    """The digest of the record, which has those of all of the answer, and of its main part."""
    stdout = [f"stdout {evidence.stdout_sha256}"] if evidence.stdout_size else []
    return (*stdout, f"{view.text('record')} {evidence.digest.removeprefix('sha256:')}")


def _evidence_row(view: View, number: int, evidence: Evidence) -> Row:
    path = view.source.evidence_path(number, evidence)
    cells: list[Cell | str | int] = [
        Cell(view.evidence_number(number), "centre"),
        evidence.target,
        Cell((view.asked(evidence), evidence.asked), "record"),
        Cell(view.rights(evidence), "centre"),
        Cell((view.moment(evidence.started), view.moment(evidence.ended)), "digest"),
        Cell(_answered(view, evidence), "digest"),
        Cell(view.session(evidence), "digest"),
        Cell(_digests(view, evidence), "digest"),
        Cell(path, "digest_link", Link(file=path)),
    ]  # fmt: skip
    return Row(row_keys.of_observation(evidence), cells)


PRINTED_OF_EVIDENCE = 7
"""The columns over which its head is printed."""


def evidence_sheet(book: Book, view: View, plan: Plan) -> None:
    """Every observation: target, request, account, time, answer and digest."""
    text = view.text
    columns = [
        Column(text("No."), 9), Column(text("Object"), 16), Column(text("Request"), 72),
        Column(text("As user"), 10), Column(text("From / to (UTC)"), 17),
        Column(text("Answer"), 24), Column(text("How, over which session"), 30),
        Column("SHA-256", 60), Column(text("Evidence file"), 38),
    ]  # fmt: skip
    rows = (_evidence_row(view, n, o) for n, o in view.observations)
    table(
        book, plan.evidence, title=text("Evidence index"),
        info=[text("As answered by each object at the given time, over the given session"),
              view.say(msg("{count} answers, to be read in this file; they are not printed",
                           count=len(view.observations)))],
        columns=columns, rows=rows, frozen=2, tab=_GREY_TAB, printed=PRINTED_OF_EVIDENCE,
        only_head=True,
    )  # fmt: skip
