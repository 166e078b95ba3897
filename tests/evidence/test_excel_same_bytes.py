"""The same source is always the same bytes, whatever the clock, the seed and the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from msgspec.structs import replace

from audit_excel import book as book_module
from core.pack.workbook import (
    ROOT,
    SHEETS,
    MakeSource,
    written,
)
from core.whole import Whole


def test_the_same_source_is_the_same_bytes(make_source: MakeSource, tmp_path: Path) -> None:
    (path,) = book_module.write(make_source(), tmp_path)
    first = path.read_bytes()
    time.sleep(2.1)  # a zip tells time in steps of two seconds
    (path,) = book_module.write(make_source(), tmp_path)
    assert path.read_bytes() == first


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util as u; from pathlib import Path;"
        "s = u.spec_from_file_location('made', sys.argv[1]); m = u.module_from_spec(s);"
        "s.loader.exec_module(m); import hashlib;"
        "from audit_excel.book import write;"
        "(p,) = write(m._source(), Path(sys.argv[2]));"
        "print(hashlib.sha256(p.read_bytes()).hexdigest())"
    )
    paths = os.pathsep.join(str(ROOT / name) for name in ("audit", "evidence", "tests"))
    digests = {
        subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).with_name("conftest.py")), tmp_path],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_bytes_do_not_depend_on_whether_lxml_is_installed(tmp_path: Path) -> None:
    # openpyxl prefers lxml where it finds it, and its bytes differ. This one has only a version.
    (tmp_path / "lxml").mkdir()
    (tmp_path / "lxml" / "__init__.py").write_text("")
    (tmp_path / "lxml" / "etree.py").write_text("LXML_VERSION = (6, 0, 0, 0)\n")
    script = "import audit_excel, lxml.etree, openpyxl.xml; print(openpyxl.xml.LXML)"
    paths = os.pathsep.join((str(tmp_path), *(str(ROOT / name) for name in ("audit", "evidence"))))
    env = {k: v for k, v in os.environ.items() if k != "OPENPYXL_LXML"}
    done = subprocess.run([sys.executable, "-c", script], env={**env, "PYTHONPATH": paths},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "False\n"


def test_the_file_carries_the_time_of_the_run_only(make_source: MakeSource, tmp_path: Path) -> None:
    (path,) = book_module.write(make_source(), tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = archive.read("docProps/core.xml").decode()
    assert re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", core) == ["2026-11-23T08:03:12Z"] * 2


def test_a_run_with_a_broken_clock_is_still_written(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    for ended in ("", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00+14:00", "yesterday"):
        odd = replace(small_results, run=replace(small_results.run, ended=ended))
        assert written(make_source(odd), tmp_path).sheetnames == SHEETS["zh"]
