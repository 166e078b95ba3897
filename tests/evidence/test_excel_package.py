"""The package: loading, translation, errors, the benchmark."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import audit_excel
from audit_core.model.errors import StoreError
from core.pack.workbook import (
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
    assert done.stdout == "excel openpyxl is not installed: pip install openpyxl\n"


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


def test_the_benchmark_runs() -> None:
    paths = os.pathsep.join(str(ROOT / name) for name in ("audit", "evidence"))
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "pack_500.py"), "3"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert re.search(r"peak \d+ MB \(limit 500 MB\)", done.stdout)
