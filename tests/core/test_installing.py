"""What an installation takes: translations that are compiled."""

from __future__ import annotations

import gettext
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """The folder of translations of a tree with the program that compiles them."""
    shutil.copy(ROOT / "hatch_build.py", tmp_path)
    folder = tmp_path / "plugins/audit_new/locale/zh/LC_MESSAGES"
    folder.mkdir(parents=True)
    return folder


def compiled(texts: Path) -> subprocess.CompletedProcess[str]:
    program = texts.parents[4] / "hatch_build.py"
    return subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)


def test_translations_are_compiled_and_those_without_a_source_removed(texts: Path) -> None:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entries = 'msgid "a"\nmsgstr "甲"\n\nmsgctxt "detail"\nmsgid "b"\nmsgstr "乙"\n'
    (texts / "new.po").write_text(head + entries, encoding="utf-8")
    (texts / "old.mo").write_bytes(b"")
    assert compiled(texts).returncode == 0
    assert {p.name for p in texts.iterdir()} == {"new.po", "new.mo"}
    with (texts / "new.mo").open("rb") as handle:
        made = gettext.GNUTranslations(handle)
    assert (made.gettext("a"), made.pgettext("detail", "b")) == ("甲", "乙")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n', r".*new\.po.*\"a\".*"),
        ('msgid "a"\nmsgst "b"\n', r".*new\.po.*line 2.*"),
    ],
)
def test_a_broken_translation_is_one_line(texts: Path, text: str, line: str) -> None:
    (texts / "new.po").write_text(text, encoding="utf-8")
    done = compiled(texts)
    assert done.returncode == 1
    assert re.fullmatch(rf"make messages: {line}\n", done.stderr)
