"""Which objects stand in which workbook."""

from __future__ import annotations

from audit_core.model import Target
from audit_core.model.results import INDEX_SCHEMA, ObjectEntry, Results, ResultsIndex
from audit_excel.parts import parts
from core.whole import Whole


def test_many_objects_are_split_by_business_system(small_results: Whole) -> None:
    systems = ("网上银行", "手机银行", None)
    named = [(f"h{n}", systems[n % 3]) for n in range(15)]
    index = ResultsIndex(
        schema=INDEX_SCHEMA, run=small_results.run, title="", title_en="", clauses=(), checks=(),
        targets=tuple(
            Target(id=id, kind="host", object_type="server", business_system=system)
            for id, system in named
        ),
        objects=(
            *(ObjectEntry(object=id, sha256="", size=0, observations=2) for id, _ in named),
            ObjectEntry(object="site", sha256="", size=0, whole=True),
        ),
    )  # fmt: skip
    made = parts(Results(index, lambda entry: b""), 3)
    reported = [(p.name, p.system, [e.object for e in p.entries]) for p in made]
    assert reported == [
        ("workbook.xlsx", "", ["site"]),
        ("workbook-01.xlsx", "网上银行", ["h0", "h3", "h6"]),
        ("workbook-02.xlsx", "网上银行", ["h9", "h12"]),
        ("workbook-03.xlsx", "手机银行", ["h1", "h4", "h7"]),
        ("workbook-04.xlsx", "手机银行", ["h10", "h13"]),
        ("workbook-05.xlsx", "", ["h2", "h5", "h8"]),
        ("workbook-06.xlsx", "", ["h11", "h14"]),
    ]
    assert made[2].before == (18, 24)
    assert [p.name for p in parts(Results(index, lambda entry: b""), 16)] == ["workbook.xlsx"]
