"""Why a request has no answer is told in the reader's language, wherever it is shown."""

from __future__ import annotations

import io
import os
import zipfile

import openpyxl

from core.command import Toy


def test_an_observation_is_told_in_chinese_in_json_and_workbook(toys: Toy) -> None:
    (toys.package / "colour").mkdir()
    pack = toys.base / "pack.zip"
    done = toys.run("--lang", "zh", "--format", "json", "-o", pack).ended(0)
    reported = {(o["status"], o["detail"]) for o in done.json["observations"]}
    assert ("not_regular", "是目录") in reported
    assert {o["how"] for o in done.json["observations"]} == {f"经 local、uid {os.geteuid()}"}
    with zipfile.ZipFile(pack) as zipped:
        book = openpyxl.load_workbook(io.BytesIO(zipped.read("workbook.xlsx")))
        objects = [n for n in zipped.namelist() if n.startswith("results/objects/")]
        stored = b"".join(map(zipped.read, objects))
    cells = [str(c.value) for row in book["证据索引"].iter_rows() for c in row]
    assert [cell for cell in cells if "是目录" in cell]
    assert not [cell for cell in cells if "a directory" in cell]
    assert b'"a directory"' in stored
