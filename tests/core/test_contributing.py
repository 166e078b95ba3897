"""The plugin that CONTRIBUTING shows is taken as it stands there, installed and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from live.product import dengbao, environment

ROOT = Path(__file__).parents[2]
_FILE = re.compile(
    r"^`([a-z0-9_/-]+\.(?:toml|py|yaml))`\n\n```[a-z]+\n(.*?)^```", re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as they are shown, and beside them what pip would write of the plugin."""
    made = tmp_path_factory.mktemp("plugin")
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name, body in _FILE.findall(text):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(body, encoding="utf-8")
    _installed(made, made)
    return made


def _installed(source: Path, into: Path) -> None:
    """What pip would write of the plugin whose pyproject.toml is in `source`."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    info = into / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    ((group, entries),) = project["entry-points"].items()
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")


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
        "dengbao_tmux/mappings/gbt22239-2019.yaml", "dengbao_tmux/options.py", "test_options.py",
    }  # fmt: skip


def test_its_own_tests_pass(folder: Path) -> None:
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


# This machine, without the search of its file systems, which says nothing here.
HERE = "targets: [{id: localhost, kind: host, access: {via: local}, file_sweep: false}]"


def test_its_check_is_judged_for_its_clause(folder: Path) -> None:
    (folder / "i.yaml").write_text(HERE)
    done = dengbao("run", "gbt22239-l3", "-i", folder / "i.yaml", "--store", folder / "store",
                   "--format", "json", "--quiet", env=environment(folder, (folder,)))  # fmt: skip
    done.ended(0)
    assert "tmux" in done.json["run"]["plugins"]
    (found,) = [
        c
        for c in done.json["conclusions"]
        if (c["clause"], c["target"]) == ("8.1.4.1b", "localhost")
    ]
    assert "tmux.lock@localhost" in found["findings"]


# --- the table of what adding something takes ----------------------------------------------------

ADDING = ROOT / "tests" / "adding"
_ROW = re.compile(r"^\| an? ([a-z]+)[^|]*\| ([0-9]+) \| (.*) \|$", re.MULTILINE)
PROFILE = """\
id: site
title: {zh: 现场, en: Site}
catalogs:
  - {catalog: house}
checks:
  - id: site.zone
    title: {zh: 时区可知, en: The time zone is known}
    fact: zone.name
    matches: ".+"
    clauses: [{clause: H.3, role: settles}]
  - id: site.banner
    title: {zh: 显示警示信息, en: A banner is shown}
    fact: exported.banner
    matches: authorised users only
    clauses: [{clause: H.1, role: settles}]
"""
INVENTORY = """\
targets:
  - {id: here, access: {via: local}, caches: [{port: 7000}]}
  - {id: box, access: {via: exported, file: box.json}}
"""


def _files(name: str) -> list[Path]:
    found = (path for path in (ADDING / name).rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]


def test_the_table_counts_the_files() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## What adding something takes")[2].partition("\n## ")[0]
    rows = {name: (int(count), reported) for name, count, reported in _ROW.findall(table)}
    assert {name: count for name, (count, _) in rows.items()} == {
        folder.name: len(_files(folder.name)) for folder in ADDING.iterdir()
    }
    for name, (_, reported) in rows.items():
        assert all(
            path.name in reported or path.parent.name in reported for path in _files(name)
        ), name


def test_what_is_added_works_together(tmp_path: Path) -> None:
    for folder in ADDING.iterdir():
        _installed(folder, tmp_path)
        for package in folder.glob("dengbao_*"):
            (tmp_path / package.name).symlink_to(package)
    (tmp_path / "site.yaml").write_text(PROFILE)
    (tmp_path / "i.yaml").write_text(INVENTORY.replace("box.json", str(tmp_path / "box.json")))
    (tmp_path / "box.json").write_text('{"banner": "authorised users only"}')
    env = environment(tmp_path, (tmp_path,))
    site, inventory = tmp_path / "site.yaml", tmp_path / "i.yaml"
    dengbao("profile", "lint", env=env).ended(0)
    words = ("-i", inventory, "--store", tmp_path / "store", "-o", tmp_path / "p.zip")
    reported = dengbao("run", site, *words, "--format", "json", "--quiet", env=env).ended(0, 4).json
    seen = {(f["check"], f["target"]): (f["verdict"], f["why"]) for f in reported["findings"]}
    assert seen["site.zone", "here"] == ("pass", "")
    assert seen["site.zone", "box"] == ("undetermined", "unsupported")
    assert seen["site.banner", "box"] == ("pass", "")
    assert seen["site.banner", "here"] == ("undetermined", "unsupported")
    assert seen["cache.limited", "here/cache:7000"] == ("fail", "")
    assert ("banner.ssh", "here") in seen
    with zipfile.ZipFile(tmp_path / "p.zip") as pack:
        (name,) = [name for name in pack.namelist() if name.endswith("findings.csv")]
        assert b"here/cache:7000,cache.limited,fail," in pack.read(name)
