"""Three people finish a pack: one audits, one fills in the workbook, one takes it over."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook

from core.command import Toy, one_line
from core.conftest import toys as toys

TO_FILL = "To be provided"
ANSWER = {
    "Step 1": "fulfilled",
    "What was found, or why it does not apply": "=it is blue",
    "Answered by": "李四",
    "Evidence (file or document)": "photo.png; plan B",
}


def workbook(toys: Toy, pack: Path) -> Path:
    path = toys.base / "workbook.xlsx"
    with zipfile.ZipFile(pack) as archive:
        path.write_bytes(archive.read("workbook.xlsx"))
    return path


def fill(path: Path, sheet: str, row: int, values: dict[str, str]) -> None:
    book: Any = load_workbook(path)
    heads = {c.value: c.column for c in book[sheet][3]}
    for name, value in values.items():
        cell = book[sheet].cell(row, heads[name])
        cell.value = value
        cell.data_type = "s"
    book.save(path)


def own_template(toys: Toy) -> Path:
    """A workbook of an organisation, beside the map of it."""
    book: Any = Workbook()
    book.active.title = "Records"
    book.active.append(["Clause", "Word"])
    book.save(toys.base / "template.xlsx")
    (toys.base / "map.yaml").write_text(
        "output: own.xlsx\n"
        "tables:\n"
        "- {sheet: Records, header: 1, columns: {Clause: clause, Word: conformity}}\n"
    )
    return toys.base / "template.xlsx"


def concluded(toys: Toy, *words: object) -> dict[str, Any]:
    done = toys("evaluate", "latest", "--store", toys.base / "store", "--format", "json", *words)
    assert done.code == 0, done.stderr
    found = json.loads(done.out)["conclusions"]
    return {c["clause"]: (c["conclusion"], c["range"], c["steps"][0]["answer"]) for c in found}


def test_the_workbook_narrows_ranges_and_closes_issues_and_so_does_yaml(toys: Toy) -> None:
    toys.colours("red", None)
    pack, store = toys.base / "p.zip", toys.base / "store"
    assert toys.run("-o", pack, "--quiet").code == 0
    path = workbook(toys, pack)
    fresh = path.read_bytes()
    (toys.base / "photo.png").write_bytes(b"\x89PNG")
    fill(path, TO_FILL, 4, ANSWER)
    fill(path, "Issues", 4, {"Responsible": "王五", "Result of retest": "fixed"})

    def imports(*words: object) -> Any:
        return toys("import", path, "--by", "赵六", "--store", store, *words)

    dry = imports()
    assert dry.code == 0, dry.stderr
    assert "Nothing was stored" in dry.out.decode()
    assert not list(store.rglob("in-use.json"))
    done = imports("--run", "latest", "--yes")
    assert "Stored." in done.out.decode()
    again = imports("--yes")
    assert "Nothing differs" in again.out.decode()

    after = concluded(toys)
    result, possible, answer = after["1.1"]
    assert (result, possible) == ("conforming", ["conforming"])
    assert (answer["by"], answer["state"]) == ("李四", "counts")
    assert answer["text"] == "=it is blue〔plan B〕"
    assert [f["name"] for f in answer["attachments"]] == ["photo.png"]
    assert after["1.0"][0] == "nonconforming"

    template = ("--template", own_template(toys), "--map", toys.base / "map.yaml")
    assert toys("pack", "latest", "--store", store, "-o", pack, *template).code == 0
    assert toys("verify", pack).code == 0
    with zipfile.ZipFile(pack) as archive:
        own = load_workbook(io.BytesIO(archive.read("own.xlsx")))["Records"]
    assert [[c.value for c in row] for row in own] == [
        ["Clause", "Word"], ["1.0", "Nonconforming"], ["1.1", "Conforming"]
    ]  # fmt: skip
    next_book = load_workbook(workbook(toys, pack))
    issue = {
        h.value: c.value
        for h, c in zip(next_book["Issues"][3], next_book["Issues"][4], strict=True)
    }
    assert (issue["Responsible"], issue["Result of retest"]) == ("王五", "fixed")
    row = {
        h.value: c.value for h, c in zip(next_book[TO_FILL][3], next_book[TO_FILL][4], strict=True)
    }
    assert (row["Step 1"], row["Answered by"]) == ("fulfilled", "李四")
    assert "Nothing differs" in imports().out.decode()

    # An older workbook that nobody touched takes nothing back.
    path.write_bytes(fresh)
    assert "Nothing differs" in imports().out.decode()
    # What contradicts a check is told; without words it is refused.
    key = "toy/1.0/1@localhost"
    from audit_excel.fill_in import row_mark

    book = load_workbook(path)
    book[TO_FILL].cell(4, book[TO_FILL].max_column).value = row_mark(key, [""] * 5)
    book.save(path)
    fill(path, TO_FILL, 4, ANSWER)
    assert "CONTRADICTION" in imports().out.decode()
    fill(path, TO_FILL, 4, {"What was found, or why it does not apply": ""})
    assert "To be provided!I4: " in one_line(imports(), 65)
    book[TO_FILL].cell(4, book[TO_FILL].max_column).value = row_mark("toy/9/1", [""] * 5)
    book.save(path)
    fill(path, TO_FILL, 4, ANSWER)
    assert "the run has no question toy/9/1" in one_line(imports(), 65)

    # The host is mended and audited again; the same answers as YAML conclude it as well.
    toys.colours("blue", None)
    assert toys.run("--quiet").code == 0
    assert "is of the run" in one_line(imports("--run", "latest"), 65)
    answers = toys.base / "answers.yaml"
    answers.write_text(
        "answers:\n- {question: toy/1.1/1@localhost, verdict: affirmed, text: it is blue, by: 李四,"
        " date: 2026-11-20, entered: 2026-11-21}\n",
        encoding="utf-8",
    )
    final = concluded(toys, "--answers", answers)
    assert {clause: c[0] for clause, c in final.items()} == {
        "1.0": "conforming",
        "1.1": "conforming",
    }
    assert toys("pack", "latest", "--store", store, "-o", pack).code == 0
    assert [
        r[0].value for r in load_workbook(workbook(toys, pack))["Issues"].iter_rows(min_row=4)
    ] == []
    shutil.rmtree(store)
    assert "this store does not hold" in one_line(imports(), 65)
