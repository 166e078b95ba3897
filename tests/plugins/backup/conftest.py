"""Random content of these tests, the same in every run."""

from __future__ import annotations

import os
from random import Random

import pytest


@pytest.fixture(autouse=True)
def _same_content(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`os.urandom` without chance: random bytes may begin like a known format."""
    monkeypatch.setattr(os, "urandom", Random(request.node.name).randbytes)
