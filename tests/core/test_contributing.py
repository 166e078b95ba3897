"""The plugin that CONTRIBUTING shows is taken as it stands there, installed and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FILE = re.compile(
    r"^`([a-z_]+\.(?:toml|py|yaml))`\n\n```[a-z]+\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def shown(folder: Path) -> dict[str, Path]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    made = {}
    for name, body in _FILE.findall(text):
        made[name] = folder / name
        made[name].write_text(body, encoding="utf-8")
    return made


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    roots = [str(folder), *(str(ROOT / r) for r in ("audit", "plugins", "evidence", "profiles"))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "DENGBAO_STORE": str(folder / "s")}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip


def test_its_own_tests_pass(tmp_path: Path) -> None:
    assert set(shown(tmp_path)) == {
        "pyproject.toml", "dengbao_tmux.py", "test_dengbao_tmux.py", "tmux.yaml",
    }  # fmt: skip
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_dengbao_tmux.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_it_installs_and_its_check_is_judged(tmp_path: Path) -> None:
    shown(tmp_path)
    installed = tmp_path / "dengbao_tmux-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: dengbao-tmux\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[dengbao.plugins]\ntmux = dengbao_tmux\n")
    command = "from audit_core.cli import entry; entry()"
    listed = run(tmp_path, "-c", command, "plugin", "list", "--format", "json")
    assert '"tmux"' in listed.stdout, listed.stdout + listed.stderr
    done = run(tmp_path, "-c", command, "run", "tmux.yaml", "--format", "json", "--quiet")
    assert done.returncode in (1, 2, 3), done.stderr
    assert '"site.tmux-locks@localhost"' in done.stdout
