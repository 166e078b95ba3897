"""The columns that people fill in, as a sheet shows them. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from audit_core.model.forms import FormKind
from audit_excel.cells import cell, cell_of_lines
from audit_excel.fill_in import columns_of, plain
from audit_excel.sheet import Cell, Column
from audit_excel.view import View


def fill_columns(view: View, kind: FormKind, steps: int = 1) -> list[Column]:
    """The columns of `kind` that people fill in; `steps` is the highest number of a step."""
    return [
        Column(view.say(title), field.width,
               tuple(view.say(word) for word in field.choices.values()), field.date)
        for _, title, field in columns_of(kind, steps)
    ]  # fmt: skip


def generated(cells: Iterable[Cell | str | int]) -> list[str]:
    """What a reader finds in cells that dengbao writes."""
    values = (one.value if isinstance(one, Cell) else one for one in cells)
    shown = (cell_of_lines(v) if isinstance(v, tuple) else cell(str(v)) for v in values)
    return [plain(text) for text, _ in shown]


def fill_cells(
    view: View,
    kind: FormKind,
    values: Mapping[str, str],
    steps: int = 1,
    asked: Container[str] = (),
) -> list[Cell]:
    """What stands in these columns: codes in words; of steps, only those in `asked` are asked."""
    return [
        Cell(view.say(field.choices[values[id]])
             if values.get(id) in field.choices else values.get(id, ""),
             "not_asked" if field.per_step and id not in asked else "fill_in")
        for id, _, field in columns_of(kind, steps)
    ]  # fmt: skip
