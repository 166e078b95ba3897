"""The folder of the small policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.policy.small_policy import write_policy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_policy(tmp_path)
