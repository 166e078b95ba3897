"""The command, with a toy plugin and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.command import Toy
from live.product import environment


@pytest.fixture
def toys(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("home"))
