"""A plugin that a third party wrote gives findings; `test_connectors` tries its connector."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.case import PASSWORD
from contract.connector_cases import ExampleDatabase
from core import toy
from live.product import dengbao, environment

pytestmark = pytest.mark.live


class Roles(ExampleDatabase):
    """The plugin with a profile of its own checks."""

    def install(self, site: Path, *checks: str) -> Path:
        package = self.copy(site)
        for path, text in toy.policy([f"postgres_plugin.{name}" for name in checks]).items():
            (package / path).parent.mkdir(parents=True, exist_ok=True)
            (package / path).write_text(text)
        return site


@pytest.fixture
def case() -> Iterator[Roles]:
    with contextlib.ExitStack() as stack:
        yield Roles(Path(stack.enter_context(tempfile.TemporaryDirectory())), stack)


def test_a_run_gives_findings(case: Roles, tmp_path: Path) -> None:
    env = environment(tmp_path, (case.install(tmp_path / "site", "superusers"),), GOOD=PASSWORD)
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(f"targets:\n{case.target('db')}")
    done = dengbao("run", "toy", "-i", inventory, "--store", tmp_path / "store", "-o",
                   tmp_path / "pack.zip", "--format", "json", env=env).ended(0)  # fmt: skip
    (found,) = done.json["findings"]
    assert (found["check"], found["verdict"]) == ("postgres_plugin.superusers", "pass")
    assert "audit" in found["detail"]
    (seen,) = done.json["observations"]
    assert "PostgreSQL" in seen["how"]
