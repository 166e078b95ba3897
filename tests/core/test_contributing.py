"""The plugin that CONTRIBUTING shows is taken as it stands there, installed and run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FILE = re.compile(
    r"^`([a-z0-9_/-]+\.(?:toml|py|yaml))`\n\n```[a-z]+\n(.*?)^```", re.MULTILINE | re.DOTALL
)
_ENTRY = "from audit_core.cli import entry; entry()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as they are shown, and beside them what pip would write of the plugin."""
    made = tmp_path_factory.mktemp("plugin")
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name, body in _FILE.findall(text):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(body, encoding="utf-8")
    project = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    info = made / "dengbao_tmux-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    ((group, entries),) = project["entry-points"].items()
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    return made


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    roots = [str(folder), *(str(ROOT / r) for r in ("audit", "plugins", "evidence", "profiles"))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "DENGBAO_STORE": str(folder / "s")}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False,
        timeout=900,
    )  # fmt: skip


def test_every_file_is_shown() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert {name for name, _ in _FILE.findall(text)} == {
        "pyproject.toml", "dengbao_tmux/__init__.py", "test_dengbao_tmux.py",
        "dengbao_tmux/mappings/gbt22239-2019.yaml",
    }  # fmt: skip


def test_its_own_tests_pass(folder: Path) -> None:
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_dengbao_tmux.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_its_check_is_judged_for_its_clause(folder: Path) -> None:
    listed = run(folder, "-c", _ENTRY, "plugin", "list", "--format", "json")
    assert '"tmux"' in listed.stdout, listed.stdout + listed.stderr
    words = ("run", "gbt22239-l3", "--format", "json", "--quiet")
    done = run(folder, "-c", _ENTRY, *words)
    assert done.returncode in (1, 2, 3), done.stderr
    (found,) = [
        c
        for c in json.loads(done.stdout)["conclusions"]
        if (c["clause"], c["target"]) == ("8.1.4.1b", "localhost")
    ]
    assert "tmux.lock@localhost" in found["findings"]
