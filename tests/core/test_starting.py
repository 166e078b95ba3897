"""`dengbao init` writes files to begin with, and never over others."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from audit_core.cli import main
from audit_core.cli.starter_files import dated


def test_dates_in_starter_files_are_relative_to_today() -> None:
    today = datetime.date(2026, 3, 1)
    text = "a,{today},{today-1},{today+31},{tomorrow}"
    assert dated(text, today) == "a,2026-03-01,2026-02-28,2026-04-01,{tomorrow}"


def test_init_writes_what_a_run_takes_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for lang, folder in (("zh", "smart-finance"), ("en", "bank")):
        given = [] if folder == "smart-finance" else [folder]
        assert main(["init", "smart-finance", *given, "--lang", lang]) == 0
        assert f"-i {folder}/inventory.yaml" in capsys.readouterr().out
        assert main(["inventory", "check", f"{folder}/inventory.yaml"]) == 0
        capsys.readouterr()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(before) == 46
    assert not [path for path, text in before.items() if b"{today" in text]
    assert main(["init", "smart-finance", "bank"]) == 64
    assert main(["init", "smart-fiance", "--lang", "en"]) == 64
    assert "did you mean 'smart-finance'?" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
