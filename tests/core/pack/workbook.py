"""A workbook written and read back, and the words to look for in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
from msgspec.structs import replace

import audit_excel
from audit_core.model import Finding, Result
from audit_core.model.results import PackSource
from audit_excel import book as book_module
from core.whole import Whole

MakeSource = Callable[..., PackSource]
ROOT = Path(__file__).parents[3]
PACKAGE = Path(audit_excel.__file__).parent
WORDS = {
    "zh": ("符合", "部分符合", "不符合", "不适用", "未测"),
    "en": ("Conforming", "Partly conforming", "Nonconforming", "Not applicable", "Not assessed"),
}
SHEETS = {
    "zh": ["封面", "总览", "测评项矩阵", "全系统测评项矩阵", "问题清单", "待补充材料",
           "安全物理环境", "web1", "db1", "app2", "lan", "org", "检查明细", "资产清单", "证据索引",
           "确认单"],
    "en": ["Cover", "Overview", "Clause matrix", "Matrix of the whole system", "Issues",
           "To be provided", "Physical environment", "web1", "db1", "app2", "lan", "org",
           "Check results", "Assets", "Evidence index", "Confirmation"],
}  # fmt: skip
LAYER_OF_SITE = {"zh": "安全物理环境", "en": "Physical environment"}


def called(id: str, lang: str = "zh") -> str:
    """What the workbook calls the object `id`; only the site stands under its kind."""
    return {"zh": "机房", "en": "Machine room"}[lang] if id == "site" else id


def written(source: PackSource, folder: Path, **more: int) -> Any:
    """The workbook of `source`, read back."""
    (path,) = book_module.write(source, folder, **more)
    return openpyxl.load_workbook(path)


def word(result: Result, lang: str) -> str:
    return WORDS[lang][list(Result).index(result)]


def rows(sheet: Any, first: int = 4) -> list[tuple[Any, ...]]:
    """The values below the head."""
    return [tuple(row) for row in sheet.iter_rows(min_row=first, values_only=True)]


def texts(book: Any) -> Iterator[tuple[str, str]]:
    """Every text of the workbook with its sheet."""
    for sheet in book:
        for row in sheet.iter_rows(values_only=True):
            yield from ((sheet.title, v) for v in row if isinstance(v, str))


def records(book: Any, target: str) -> dict[str, tuple[str, str, str]]:
    """Clause id → record, conformity, evidence; those of a layer name their object before."""
    return {r[2].split("  ")[0]: r[-8:-5] for r in rows(book[target])}


def with_findings(results: Whole, *changed: Finding) -> Whole:
    """`results` with the findings of the same ids replaced."""
    known = {f.id: f for f in changed}
    return replace(results, findings=tuple(known.get(f.id, f) for f in results.findings))
