"""What the engine gives, a check may not make up: each need is an argument without a default."""

from __future__ import annotations

import inspect

import pytest

from audit_core.api import plugins

CHECKS = sorted(plugins.load().checks.values(), key=lambda check: check.id)


def test_no_need_has_a_default(subtests: pytest.Subtests) -> None:
    for check in CHECKS:
        with subtests.test(check.id):
            parameters = inspect.signature(check.judge).parameters.values()
            given = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
            assert [p.name for p in given if p.default is not inspect.Parameter.empty] == []
