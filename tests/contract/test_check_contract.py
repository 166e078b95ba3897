"""What the engine gives, a check may not make up: each need is an argument without a default."""

from __future__ import annotations

import inspect

import pytest

from audit_core.api import plugins
from audit_core.model import Check

CHECKS = sorted(plugins.load().checks.values(), key=lambda check: check.id)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_need_has_a_default(check: Check) -> None:
    parameters = inspect.signature(check.judge).parameters.values()
    given = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [p.name for p in given if p.default is not inspect.Parameter.empty] == []
