"""Parameters of profiles, which overlays only tighten, and overrides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from audit_core.model import Check, Target
from audit_core.model.errors import InputError
from audit_core.policy import Profile
from audit_core.policy.overrides import tightens, values_on
from core.policy.small_policy import (
    CHECKS,
    error,
    profile,
)


def test_parameters_have_their_declared_types(folder: Path) -> None:
    text = "extends: base\nparams: {t.length: {allowed: [a], days: 90, strict: true}}"
    assert profile(folder, text).params == {
        "t.length": {"minimum": 10, "allowed": frozenset({"a"}), "days": 90, "strict": True}
    }


def test_a_profile_without_a_base_loosens_no_default_either(folder: Path) -> None:
    taken = "catalogs: [{catalog: std, level: 3}]\n"
    assert profile(folder, taken + "params: {t.length: {minimum: 9}}").params == {
        "t.length": {"minimum": 9}
    }
    with pytest.raises(InputError, match="needs a reason and an approver, under overrides"):
        profile(folder, taken + "params: {t.length: {minimum: 1}}")
    with pytest.raises(InputError, match=r"expected 'x' .*needs a reason, under overrides"):
        profile(folder, taken + "params: {t.length: {word: y}}")


def on(found: Profile, checks: Mapping[str, Check], **target: Any) -> dict[str, Any]:
    made = Target(**{"id": "h", "kind": "host", "object_type": "server"} | target)
    return values_on(found, checks["t.length"], made)


def test_overrides_tighten_freely_and_loosen_with_reason_and_approver(folder: Path) -> None:
    def made(*overrides: str) -> Profile:
        lines = "".join(f"  - {{{o}}}\n" for o in overrides)
        return profile(folder, f"extends: base\noverrides:\n{lines}")

    dmz = made("zones: [dmz], params: {t.length: {minimum: 14}}",
               "targets: [h], params: {t.length: {minimum: 12}}")  # fmt: skip
    assert on(dmz, CHECKS, zone="dmz")["minimum"] == 14  # the stricter of two
    assert on(dmz, CHECKS, zone="lan")["minimum"] == 12
    assert on(dmz, CHECKS, id="h/part")["minimum"] == 12  # a target stands for its parts
    assert on(dmz, CHECKS, id="h2")["minimum"] == 10
    old = made("tags: [old], params: {t.length: {minimum: 8, word: y}}, reason: legacy, "
               "approver: 李四")  # fmt: skip
    assert on(old, CHECKS, tags=("old",))["minimum"] == 8
    assert [c.change.value for c in old.overrides[0].changes] == ["loosens", "changes"]
    for text, wanted in (
        ("params: {t.length: {minimum: 8}}", "overrides[0].reason: expected the reason for loos"),
        ("params: {t.length: {minimum: 8}}, reason: a", "overrides[0].approver: expected who app"),
        ("params: {t.length: {word: y}}", "overrides[0].reason: expected the reason for changing"),
        ("zones: [], params: {t.length: {minimum: 12}}", "overrides[0].zones: expected at least"),
        ("zones: [dmz], params: {}", "overrides[0].params: expected at least one parameter"),
        ("zone: dmz, params: {t.length: {minimum: 12}}", "did you mean 'zones'?"),
    ):
        with pytest.raises(InputError, match=re.escape(wanted)):
            made(text)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("{minimum: 9}", "mine.yaml:4: params.t.length.minimum: expected a value that tightens "
         "'10' (no less), got '9'"),
        ("{allowed: [a, c]}", "mine.yaml:4: params.t.length.allowed: expected a value that "
         "tightens 'a, b' (nothing added), got 'a, c'"),
        ("{word: y}", "mine.yaml:4: params.t.length.word: "
         "expected 'x' (this parameter has no stricter direction), got 'y'"),
        ("{minimum: ten}", "mine.yaml:4: params.t.length.minimum: expected a whole number, "
         "got 'ten'"),
        ("{minimum: 010}", "mine.yaml:4: params.t.length.minimum: expected a whole number"),
        ("{minimun: 12}", "mine.yaml:4: params.t.length.minimun: expected one of allowed, days, "
         "minimum, strict, word, got 'minimun'; did you mean 'minimum'?"),
        ("{strict: yes}", "mine.yaml:4: params.t.length.strict: expected true or false, got 'yes'"),
        ("{allowed: a}", "mine.yaml:4: params.t.length.allowed: expected a list, got 'a'"),
    ],
)  # fmt: skip
def test_a_parameter_that_loosens_or_does_not_fit_is_refused(
    folder: Path, params: str, message: str
) -> None:
    assert error(folder, f"extends: base\nparams: {{t.length: {params}}}").startswith(message)


def test_tightening_holds_over_every_step(folder: Path) -> None:
    profile(folder, "extends: base\nparams: {t.length: {minimum: 12}}", "middle")
    line = error(folder, "extends: middle\nparams: {t.length: {minimum: 11}}")
    assert "tightens '12' (no less), got '11'" in line
    found = profile(folder, "extends: middle\nparams: {t.length: {minimum: 14}}")
    assert found.params == {"t.length": {"minimum": 14}}


@pytest.mark.parametrize(
    ("direction", "before", "after", "tighter"),
    [
        ("up", 8, 8, True), ("up", 8, 9, True), ("up", 8, 7, False),
        ("down", 8, 7, True), ("down", 8, 9, False),
        ("down", None, 9, True), ("down", 9, None, False), (None, None, "x", False),
        ("subset", ("a", "b"), ("b",), True), ("subset", ("a",), (), True),
        ("subset", ("a",), ("a", "b"), False),
        ("superset", ("a",), ("a", "b"), True), ("superset", ("a", "b"), ("a",), False),
        ("up", False, True, True), ("up", True, False, False), (None, "x", "x", True),
    ],
)  # fmt: skip
def test_what_tightens(direction: str | None, before: Any, after: Any, tighter: bool) -> None:
    assert tightens(direction, before, after) is tighter


def test_an_unknown_check_is_an_error_unless_a_mapping_names_it(folder: Path) -> None:
    line = error(folder, "extends: base\nparams: {t.lenght: {minimum: 12}}")
    assert line == (
        "mine.yaml:4: params.t.lenght: expected the id of a check, got 't.lenght'; "
        "did you mean 't.length'?"
    )
    found = profile(folder, "extends: base\nparams: {t.gone: {minimum: 12}}")
    assert found.params == {"t.length": {"minimum": 10}}
