"""Fixtures for all tests: they do not depend on the machine."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# No example has a time limit, for a busy machine has none either; and every run tries the same
# ones, so that one that fails has something to do with what was changed. To search for more:
# `pytest --hypothesis-profile=default`.
settings.register_profile(
    "anywhere",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("all", settings.get_profile("anywhere"), max_examples=400)
settings.load_profile("anywhere")

# Files that tests write for other accounts must be readable to them.
os.umask(0o022)


def pytest_configure(config: pytest.Config) -> None:
    """Ends the run in one line where translations are not compiled: many tests would fail."""
    homes = config.getini("pythonpath")
    texts = (p for home in homes for p in home.glob("**/locale/*/LC_MESSAGES/*.po"))
    if missing := [p for p in texts if not p.with_suffix(".mo").exists()]:
        raise pytest.UsageError(f"{len(missing)} .po files are not compiled: run make messages")
    if config.getoption("all"):
        settings.load_profile("all")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end; to look through it for garbage took 3 s a worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all` leaves out no crash point and tries more examples; without it a sample is tried."""
    parser.addoption("--all", action="store_true", help="try every crash point, not a sample")
