"""Cover (封面), overview with charts (总览) and confirmation sheet (确认单)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from openpyxl.chart import BarChart, Reference
from openpyxl.chart.label import DataLabelList
from openpyxl.chart.legend import Legend
from openpyxl.chart.marker import DataPoint

from audit_core.model import Result, Severity, msg
from audit_core.model.results import ObjectEntry
from audit_excel import overall
from audit_excel.labels import Counts
from audit_excel.parts import NAME
from audit_excel.plan import Plan
from audit_excel.sheet import Book, Cell, Link, Sheet
from audit_excel.styles import COLOURS
from audit_excel.view import View, added

FILES_ON_ONE_PAGE = 12
MAX_FILES = 1_000_000
POINTS_PER_CM = 28.35
MAX_BARS = 20
"""Objects in the chart; the table below it lists them all."""

SECOND_PAGE = 880.0
"""Points from the top of an overview of many objects at which its second page has begun.

With Calibri it begins at 640 and ends at 1280, with a wider font it begins near 870.
"""

LANDSCAPE = 800.0
"""Points from the top of an overview that are still read on one page of A4, lying; its width needs
a scale near 0.8."""

PORTRAIT = 1400.0
"""The same for one that stands upright; its width needs a scale near 0.55."""


def _system(view: View) -> str:
    named = (view.results.run.system,) if view.results.run.system else ()
    declared = (view.part.system,) if view.part.system else _systems(view)
    return view.comma.join(dict.fromkeys((*named, *declared)))


def _systems(view: View) -> Iterable[str]:
    """The business systems that the inventory declares, those of all workbooks in the first."""
    targets = view.results.targets if view.part.name == NAME else view.targets.values()
    return (t.business_system for t in targets if t.business_system)


def _facts(view: View) -> Iterable[tuple[str, str]]:
    text, run = view.text, view.run
    yield text("Business system"), _system(view)
    if not view.part.only:
        yield text("Part"), _part(view)
    yield text("Audited against"), view.title
    yield text("Profile"), run.profile
    yield text("Run id"), run.id
    yield text("Started (UTC)"), view.local_moment(run.started)
    yield text("Ended (UTC)"), view.local_moment(run.ended)
    yield text("Tool version"), f"dengbao {run.dengbao}"
    yield text("Plugins"), view.comma.join(f"{n} {v}" for n, v in sorted(run.plugins.items()))
    for name, digest in sorted(run.policy.items()):
        yield text("Catalog or profile"), f"{name}  sha256:{digest}"
    yield text("Completed"), text("yes") if view.results.complete else view.alarm
    yield text("Root digest"), view.source.root_digest


def _part(view: View) -> str:
    """Which objects of the run stand in this workbook."""
    names = [view.name(entry.object) for entry in view.part.entries]
    all = len(view.results.entries)
    if not names:
        return view.text("no objects: they are in the other workbooks")
    return view.say(
        msg("{count} of {all} objects: {first} to {last}; {main} has the overview of all",
            count=len(names), all=all, first=names[0], last=names[-1], main=NAME)
    )  # fmt: skip


def _warnings(view: View, sheet: Sheet) -> None:
    if view.alarm:
        sheet.wide(Cell(view.alarm, "alarm"))
    sheet.wide(Cell(view.disclaimer, "disclaimer"))
    if any(c.confidence != "read" for c in view.results.clauses):
        note = view.text(
            "Items marked ※ come from a catalog row that has not yet been checked against the "
            "standard"
        )
        notes = tuple(part for part in (note, view.everywhere_unverified) if part)
        sheet.wide(Cell(view.semicolon.join(notes), "note"))


def cover(book: Book, view: View, plan: Plan) -> None:
    """The cover: title, run and versions; an incomplete run is marked first."""
    sheet = Sheet(book, plan.cover.names[0], (26, 104), tab="1F3864")
    sheet.raw.sheet_view.showGridLines = False
    sheet.raw.print_options.horizontalCentered = True
    sheet.one_page()
    sheet.gap()
    heading = view.text("Security self-assessment: evidence workbook")
    sheet.wide(Cell(heading, "cover"))
    sheet.wide(Cell(view.title, "subtitle"))
    sheet.gap()
    _warnings(view, sheet)
    sheet.gap()
    for name, value in _facts(view):
        sheet.row([Cell(name, "label"), Cell(value, "text" if value else "fill_in")])
    for fault in view.run.faults:
        text = view.say(fault)
        sheet.row([Cell(view.text("Fault during the run"), "label"), Cell(text, "nonconforming")])
    _contents(view, plan, sheet)


def _contents(view: View, plan: Plan, sheet: Sheet) -> None:
    sheet.gap()
    sheet.wide(Cell(view.text("Contents"), "section"))
    text = view.text
    listed = (
        (plan.overview, text("Counts and charts per layer and object")),
        *((block.sheets, text("Every item on every object")) for block in plan.matrix),
        (
            plan.issues,
            text(
                "Items that do not conform, with columns for the person responsible "
                "and the due date"
            ),
        ),
        (plan.last_time, text("What became of the issues of the run before")),
        (plan.missing, text("Material needed before these items can be concluded")),
        (plan.shared, text("What the evidence of another standard covers, and what is left")),
        *((sheets, text("Records of this layer")) for sheets in plan.layers.values()),
        (plan.checks, text("The verdict of every check on every object")),
        (plan.problems, text("What a reviewer would reject in the records")),
        (plan.assets, text("What was audited and how it was reached")),
        (plan.evidence, text("Every request with the digest of its answer")),
        (plan.confirmation, text("Files with digests, and signatures")),
    )
    for sheets, about in listed:
        if sheets is not None:
            name = sheets.names[0]
            sheet.row([Cell(name, "link", Link(sheet=name)), about])
    about = view.say(msg("One record sheet for each of {count} objects; click a name in the "
                         "overview to open it", count=len(plan.objects)))  # fmt: skip
    sheet.row([Cell(view.text("Record sheets"), "label"), about])


# --- overview -------------------------------------------------------------------------------------


def _count_row(name: Cell, counts: Counts) -> list[Cell]:
    numbers = [Cell(counts[r], "number") for r in Result]
    return [name, Cell(sum(counts.values()), "number"), *numbers]


def _count_head(view: View, first: str) -> list[Cell]:
    heads = [Cell(view.result(r), r.value) for r in Result]
    return [Cell(first, "head"), Cell(view.text("Items"), "head"), *heads]


def _coloured(series: Any, result: Result) -> None:
    series.graphicalProperties.solidFill = COLOURS[result.value]
    series.graphicalProperties.line.solidFill = "7F7F7F"


def _bars(sheet: Sheet, head: int, rows: int, title: str) -> BarChart:
    chart = BarChart()
    chart.type, chart.grouping, chart.overlap, chart.gapWidth = "bar", "stacked", 100, 60
    chart.title = title
    data = Reference(sheet.raw, min_col=3, max_col=7, min_row=head, max_row=head + rows)
    chart.add_data(data, titles_from_data=True)
    chart.set_categories(Reference(sheet.raw, min_col=1, min_row=head + 1, max_row=head + rows))
    for series, result in zip(chart.series, Result, strict=True):
        _coloured(series, result)
    chart.x_axis.scaling.orientation = "maxMin"  # the first row of the table on top
    chart.x_axis.tickLblSkip = 1  # each layer and object is named
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.y_axis.crosses = "max"  # the numbers below, since the first row is on top
    chart.y_axis.majorGridlines = None
    chart.y_axis.number_format = "0"
    chart.legend = Legend()
    chart.legend.position = "b"
    chart.width, chart.height = 19, max(7.5, 3.2 + 0.6 * rows)
    return chart


def _totals(sheet: Sheet, head: int, total: int, title: str) -> BarChart:
    # No pie chart: small counts would not be readable.
    chart = BarChart()
    chart.type, chart.grouping, chart.gapWidth = "col", "clustered", 60
    chart.title = title
    data = Reference(sheet.raw, min_col=3, max_col=7, min_row=total)
    chart.add_data(data, from_rows=True)
    chart.set_categories(Reference(sheet.raw, min_col=3, max_col=7, min_row=head))
    for index, result in enumerate(Result):
        point = DataPoint(idx=index)
        _coloured(point, result)
        chart.series[0].data_points.append(point)
    chart.dataLabels = DataLabelList(showVal=True, showPercent=False, showCatName=False,
                                     showSerName=False, showLegendKey=False)  # fmt: skip
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.y_axis.majorGridlines = None
    chart.y_axis.number_format = "0"
    chart.legend = None
    chart.width, chart.height = 19, 7.5
    return chart


def _count_table(
    view: View, sheet: Sheet, first: str, rows: Sequence[tuple[Cell, Counts]], total: Counts
) -> int:
    sheet.row(_count_head(view, first))
    head = sheet.last_row
    for name, counts in rows:
        sheet.row(_count_row(name, counts))
    sheet.row(_count_row(Cell(view.text("Total"), "label"), total))
    return head


def overview(book: Book, view: View, plan: Plan) -> None:
    """Counts per layer and per object, and the same as charts."""
    sheet = Sheet(book, plan.overview.names[0], (34, 10, 14, 14, 14, 14, 14, 3, 60), tab="1F3864")
    sheet.wide(Cell(view.text("Overview"), "title"), columns=7)
    if view.alarm:
        sheet.wide(Cell(view.alarm, "alarm"), columns=7)
    sheet.wide(Cell(view.disclaimer, "disclaimer"), columns=7)
    sheet.wide(Cell(_severity_line(plan, view), "plain"), columns=7)
    if view.part.name == NAME:
        _conclusions(view, sheet)
    counted = _counted(view)
    total = added(counts for entry in counted for counts in entry.conclusions.values())
    sheet.wide(Cell(view.text("Items per layer"), "section"), columns=7)
    layers = _layers(view, plan, counted)
    by_layer = _count_table(view, sheet, view.text("Layer"), layers, total)
    by_object = _objects(view, plan, sheet, counted, total)
    if view.part.name == NAME:
        _exceptions(view, sheet)
    if layers:
        _charts(view, sheet, (by_layer, len(layers)), (by_object, len(counted)))
    if sheet.height <= PORTRAIT:
        sheet.one_page(upright=sheet.height > LANDSCAPE)  # a chart must not be cut in two


def _conclusions(view: View, sheet: Sheet) -> None:
    """What each grading says of the whole system."""
    rows = list(overall.conclusions(view))
    if rows:
        sheet.wide(Cell(view.text("Conclusion on the system"), "section"), columns=7)
    for lines in rows:
        sheet.wide(Cell(lines, "text"), columns=7)


def _exceptions(view: View, sheet: Sheet) -> None:
    """Waivers, and settings of the profile that loosen."""
    text = view.text
    for title, heads, rows in (
        (text("Waivers: they change no result"), overall.waiver_heads(view),
         overall.waivers(view)),
        (text("Settings that the profile loosens or changes"), overall.setting_heads(view),
         overall.settings(view)),
    ):  # fmt: skip
        if rows:
            sheet.gap()
            sheet.wide(Cell(title, "section"), columns=7)
            sheet.row([Cell(head, "head") for head in heads])
            for row in rows:
                sheet.row([Cell((cell,)) for cell in row])


def _severity_line(plan: Plan, view: View) -> str:
    found = [i.severity for i in plan.issue_list]
    high, medium, low = (found.count(s) for s in (Severity.HIGH, Severity.MEDIUM, Severity.LOW))
    left = [row for row in plan.wanted if row.answer is None]
    return view.say(
        msg(
            "Rows in the issue list: {all} (high {high}, medium {medium}, low {low}); "
            "questions that people still have to answer: {questions} in {rows} rows",
            all=len(found), high=high, medium=medium, low=low,
            questions=sum(len(row.steps) for row in left), rows=len(left),
        )
    )  # fmt: skip


def _counted(view: View) -> list[ObjectEntry]:
    """The objects that the overview counts: its own, in the first workbook those of all."""
    entries = view.results.entries if view.part.name == NAME else view.part.entries
    return [entry for entry in entries if entry.conclusions]


def _layers(view: View, plan: Plan, counted: Sequence[ObjectEntry]) -> list[tuple[Cell, Counts]]:
    """The counts of each layer, in the order of the clauses."""
    rows = []
    for layer, name in view.layers().items():
        counts = [e.conclusions[layer] for e in counted if layer in e.conclusions]
        sheets = plan.layers.get(name)
        link = Link(sheet=(sheets or plan.matrix[0].sheets).names[0])
        if counts:
            rows.append((Cell(name, "link", link), added(counts)))
    return rows


def _objects(
    view: View, plan: Plan, sheet: Sheet, counted: Sequence[ObjectEntry], total: Counts
) -> int:
    sheet.gap()
    sheet.wide(Cell(view.text("Items per object"), "section"), columns=7)
    objects = [
        (
            Cell(view.name(e.object), "link", _record_sheet(view, plan, e.object)),
            added(e.conclusions.values()),
        )
        for e in counted
    ]
    return _count_table(view, sheet, view.text("Object"), objects, total)


def _record_sheet(view: View, plan: Plan, object: str) -> Link:
    """Where the records of `object` begin."""
    if object not in view.by_object:
        return Link(file=view.home[object])
    first = view.by_object[object][0]
    if object in plan.objects:
        return Link(sheet=plan.objects[object].names[0])
    return plan.record_rows[first.catalog, first.clause, first.target]


def _charts(
    view: View, sheet: Sheet, layer_rows: tuple[int, int], object_rows: tuple[int, int]
) -> None:
    by_layer, layers = layer_rows
    by_object, objects = object_rows
    shown = min(objects, MAX_BARS)
    title = view.text("Items per object")
    if shown < objects:
        title = view.say(msg("Items per object (first {shown} of {all})", shown=shown, all=objects))
    down = 24.0
    for chart, at_least in (
        (_totals(sheet, by_layer, by_layer + layers + 1, view.text("All items")), 0.0),
        (_bars(sheet, by_layer, layers, view.text("Items per layer")), 0.0),
        (
            _bars(sheet, by_object, shown, title),
            SECOND_PAGE if sheet.height > PORTRAIT else 0.0,
        ),
    ):
        down = max(down, at_least)
        row, down = sheet.row_at(down)
        sheet.raw.add_chart(chart, f"I{row}")
        down += chart.height * POINTS_PER_CM + 24


# --- confirmation ---------------------------------------------------------------------------------


def _amounts(view: View, plan: Plan) -> Iterable[tuple[str, int]]:
    text = view.text
    yield text("Files in all"), view.source.files
    yield text("Objects"), len(view.by_object)
    yield text("Conclusions (items × objects)"), len(view.conclusions)
    yield text("Checks judged"), len(view.found)
    yield text("Observations (evidence)"), len(view.observations)
    yield text("Issues listed"), len(plan.issue_list)


def confirmation(book: Book, view: View, plan: Plan) -> None:
    """What the client signs: the files with their digests, the counts and the root digest."""
    sheet = Sheet(book, plan.confirmation.names[0], (44, 36, 56, 56), tab="7F7F7F")
    text = view.text
    if view.source.files <= FILES_ON_ONE_PAGE:
        sheet.one_page()
    sheet.wide(Cell(text("Confirmation of the evidence handed over"), "title"))
    run = view.run
    lead = msg("Run {run}, {started} to {ended} (UTC), profile {profile}",
               run=run.id, started=view.moment(run.started), ended=view.moment(run.ended),
               profile=run.profile)  # fmt: skip
    sheet.wide(Cell(view.say(lead), "plain"))
    _warnings(view, sheet)
    system = _system(view)
    shown = Cell(system, "text" if system else "fill_in")
    sheet.row([Cell(text("Business system"), "label"), shown])
    sheet.wide(Cell(text("Counts"), "section"))
    for label, number in _amounts(view, plan):
        sheet.row([Cell(label, "label"), str(number)])
    sheet.row([Cell(text("Root digest"), "label"), view.source.root_digest,
               Cell(text("SHA-256 over the list of all files, as in SHA256SUMS; dengbao verify "
                         "prints it"), "note")])  # fmt: skip
    _returned(view, sheet)
    _signatures(view, sheet)
    _files(view, sheet)


def _files(view: View, sheet: Sheet) -> None:
    # Last: people sign above them. Evidence has thousands: nobody reads a list of them.
    text = view.text
    if view.source.files > FILES_ON_ONE_PAGE:
        sheet.new_page(sheet.last_row + 5)
    sheet.wide(Cell(text("Files"), "section"))
    sheet.wide(Cell(text("MD5 is listed because the form requires it; integrity is protected "
                         "by SHA-256 and SM3"),
                   "note"))  # fmt: skip
    after = text(
        "The digests of this workbook and of the files written after it (manifest, signature) "
        "are in SHA256SUMS"
    )
    sheet.wide(Cell(after, "note"))
    joined = text(
        "Evidence has one row for each object: the digests of its list of files, a line "
        '"digest  name" for each in the order of names, as md5sum and sha256sum print it'
    )
    sheet.wide(Cell(joined, "note"))
    sheet.row([Cell(h, "head") for h in (text("File name"), "MD5", "SHA-256", "SM3")])
    for about, digests in _evidence(view):
        sheet.row([Cell(about), *_three(digests)])
    files = iter(view.source.digests("") if view.part.name == NAME else ())
    for name, digests in islice(files, MAX_FILES):
        sheet.row([Cell(name, "digest"), *_three(digests)])
    if left := sum(1 for _ in files):
        more = msg("{count} more files are listed in SHA256SUMS", count=left)
        sheet.wide(Cell(view.say(more), "alarm"))
    if not view.part.only:
        value = text(
            "The files of the other objects are listed in their workbooks, all files in SHA256SUMS"
        )
        sheet.wide(Cell(value, "note"))


_KINDS = ("md5", "sha256", "sm3")


def _three(digests: Mapping[str, str]) -> list[Cell]:
    return [Cell(digests.get(kind, ""), "digest") for kind in _KINDS]


def _evidence(view: View) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """The evidence of each object: who, how many files with which names, and their digests."""
    for entry in view.part.entries:
        files = sorted(view.source.digests(entry.object))
        if files:
            first, last = files[0][0], files[-1][0]
            about = msg("{object}: {count} files", object=view.name(entry.object), count=len(files))
            yield (view.say(about), first, last), _joined(files)


def _joined(files: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, str]:
    """The digests over the lines `DIGEST  NAME`; none of a kind that a file lacks."""
    return {
        kind: hashlib.new(kind, _lines(files, kind), usedforsecurity=False).hexdigest()
        for kind in _KINDS
        if kind in hashlib.algorithms_available and all(kind in d for _, d in files)
    }


def _lines(files: Sequence[tuple[str, Mapping[str, str]]], kind: str) -> bytes:
    return "".join(f"{digests[kind]}  {name}\n" for name, digests in files).encode()


def _returned(view: View, sheet: Sheet) -> None:
    text = view.text
    sheet.wide(Cell(text("Returned or deleted after the assessment"), "section"))
    heads = (text("Document, account or data"), text("Received from / kept at"),
             text("Returned or deleted"), text("Date and signature"))  # fmt: skip
    sheet.row([Cell(h, "head") for h in heads])
    first = sheet.last_row + 1
    for _ in range(6):
        sheet.row([Cell("", "fill_in")] * 4, height=24)
    choices = (text("returned"), text("deleted"), text("kept by agreement"))
    sheet.choose(3, first, sheet.last_row, choices)


def _signatures(view: View, sheet: Sheet) -> None:
    text = view.text
    sheet.wide(Cell(text("Signatures"), "section"))
    sheet.wide(Cell(text("The undersigned confirm that the files listed below, with the digests "
                        "given there, are what was handed over"), "plain"))  # fmt: skip
    heads = ("", text("Printed name"), text("Signature"), text("Date"))
    sheet.row([Cell(h, "head") for h in heads])
    for who in (text("Audited organisation"), text("Auditor"), text("Witness")):
        sheet.row([Cell(who, "label"), *[Cell("", "fill_in")] * 3], height=36)
