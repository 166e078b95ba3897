"""The package: loading, translation, errors, the benchmark."""

from __future__ import annotations

import gettext
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import audit_excel
from audit_core.model.errors import StoreError
from core.pack.workbook import (
    PACKAGE,
    ROOT,
    MakeSource,
)


def test_the_plugin_loads_without_openpyxl() -> None:
    script = (
        "import sys; sys.modules['openpyxl'] = None; import audit_excel;"
        "from audit_core.model.errors import ToolMissing\n"
        "(exporter,) = audit_excel.dengbao_exporters()\n"
        "try: exporter.write(None, None)\n"
        "except ToolMissing as error: print(exporter.name, error)"
    )
    paths = os.pathsep.join(str(ROOT / name) for name in ("audit", "evidence"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          check=True, env={**os.environ, "PYTHONPATH": paths})  # fmt: skip
    assert done.stdout == "excel openpyxl is not installed: pip install 'dengbao[excel]'\n"


def test_the_exporter_writes_into_the_folder(make_source: MakeSource, tmp_path: Path) -> None:
    (exporter,) = audit_excel.dengbao_exporters()
    assert list(exporter.write(make_source(), tmp_path)) == [tmp_path / "workbook.xlsx"]
    assert list(tmp_path.iterdir()) == [tmp_path / "workbook.xlsx"]


def test_a_folder_that_cannot_be_written_is_one_clear_line(
    make_source: MakeSource, tmp_path: Path
) -> None:
    (exporter,) = audit_excel.dengbao_exporters()
    with pytest.raises(StoreError, match=r"cannot write the workbook: .*absent"):
        exporter.write(make_source(), tmp_path / "absent")


def test_every_text_is_translated() -> None:
    (folder,) = audit_excel.dengbao_locales()
    keywords = {"msg": None, "text": None}
    wanted = {m[2] for m in extract_from_dir(PACKAGE, keywords=keywords)}
    with (folder / "zh/LC_MESSAGES/audit_excel.po").open("rb") as file:
        catalog = read_po(file)
    known = {str(m.id): str(m.string or "") for m in catalog if m.id}
    assert set(known) == wanted
    assert all(known.values())
    for english, chinese in known.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))


def test_the_compiled_texts_are_those_of_the_source() -> None:
    (folder,) = audit_excel.dengbao_locales()
    with (folder / "zh/LC_MESSAGES/audit_excel.po").open("rb") as file:
        catalog = read_po(file)
    texts = gettext.translation("audit_excel", folder, ["zh"])
    assert all(texts.gettext(str(m.id)) == m.string for m in catalog if m.id)


def test_the_benchmark_runs() -> None:
    paths = os.pathsep.join(str(ROOT / name) for name in ("audit", "evidence"))
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "pack_500.py"), "3"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert re.search(r"peak \d+ MB \(limit 500 MB\)", done.stdout)
