"""Each check of a database server passes and fails on a real one in some test, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_core.api import plugins
from live.database_verdicts import MYSQL, POSTGRESQL, REDIS, Shown
from recorded.databases import states

_TESTS = Path(__file__).parents[1] / "plugins"


@pytest.mark.parametrize(
    ("product", "shown"), [("postgresql", POSTGRESQL), ("mysql", MYSQL), ("redis", REDIS)]
)
def test_pass_and_fail_of_each_check(product: str, shown: Shown) -> None:
    checks = {
        id.removeprefix(f"{product}.") for id in plugins.load().checks
        if id.startswith(f"{product}.")
    }  # fmt: skip
    recorded = states(shown.recording) if shown.recording else {}
    assert shown.missing(checks, recorded) == set(shown.never)
    named = {check for check, _ in (*shown.alone, *shown.never)}
    assert named | {*shown.good, *shown.bad, *shown.plain} <= checks
    text = "".join(file.read_text() for file in (_TESTS / product).glob("test_*.py"))
    for test in shown.alone.values():
        assert f"def {test}(" in text
