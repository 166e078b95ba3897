"""The shipped profiles: every clause is there, and clauses can be selected."""

from __future__ import annotations

import re
import time

import pytest

from audit_core.api.plugins import load as load_plugins
from audit_core.model.errors import InputError
from audit_core.policy import Policy, load_policy
from audit_core.policy.profiles import ProfileFile
from audit_core.policy.selecting import taken
from audit_core.policy.strict_yaml import load_bytes
from core.policy.small_policy import (
    SHIPPED,
)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gbt22239-l2", 135),
        ("gbt22239-l3", 211),
        ("gbt22239-l3-finance", 211 + 38),
        ("gbt39786-l3", 41),
        ("smart-finance", 47),
    ],
)
def test_every_clause_is_in_the_shipped_profile(name: str, count: int) -> None:
    found = load_policy([SHIPPED]).profile(name, {})
    assert len(found.clauses) == len({c.id for c in found.clauses}) == count
    assert all(step.question and step.question_en for c in found.clauses for step in c.steps)


def test_the_shipped_profiles_are_listed() -> None:
    found = load_policy([SHIPPED]).profiles()
    assert [p.id for p in found] == [
        "gbt22239-l2",
        "gbt22239-l3",
        "gbt22239-l3-finance",
        "gbt39786-l3",
        "smart-finance",
    ]


def test_every_parameter_of_every_shipped_check_has_a_form_in_yaml() -> None:
    parameters = [(c.id, k) for c in load_plugins().checks.values() for k in c.parameters]
    assert parameters
    for id, knob in parameters:
        for written in (b"x", b"1", b"true", b"[x]", b"[1]", b"'027'"):
            document = load_bytes(written, id)
            try:
                document.convert(knob.type)
            except InputError:
                continue
            break
        else:
            pytest.fail(f"{id}: nothing can be written for {knob.name}: {knob.type}")


def test_loading_the_level_3_profile_is_fast() -> None:
    assert min(_seconds() for _ in range(5)) < 1  # 0.03 s of CPU were measured


def _seconds() -> float:
    started = time.process_time()
    Policy([SHIPPED]).profile("gbt22239-l3", {})
    return time.process_time() - started


def test_clauses_are_selected_by_grade_layer_object_type_and_tag() -> None:
    policy = load_policy([SHIPPED])

    def ids(more: str) -> list[str]:
        head = "id: mine\ntitle: {zh: 我, en: me}\n"
        text = f"{head}catalogs: [{{catalog: gbt22239-2019, {more}}}]"
        document = load_bytes(text.encode(), "mine.yaml")
        use = document.convert(ProfileFile).catalogs[0]
        found = taken(document, ("catalogs", 0), use, policy.catalog("gbt22239-2019"), ())
        return [clause.id for clause in found]

    assert ids("grade: S3A3G3") == ids("level: 3")
    mixed = policy.catalog("gbt22239-2019").clauses
    by_id = {c.id: c for c in mixed}
    found = [by_id[id] for id in ids("grade: S2A3G3")]
    assert {(c.attribute, c.level) for c in found} == {("S", 2), ("A", 3), ("G", 3)}
    assert len(found) == 15 + 6 + 181
    computing = ids("level: 3, layers: [computing]")
    assert len(computing) == 34
    assert ids("level: 3, object_types: [site]") == ids("level: 3, layers: [physical]")
    assert "8.1.4.1a" in ids("level: 3, tags: [high_risk]")
    for more, wanted in (
        ("grade: S3A2G2", "catalogs[0].grade: expected G as the higher of S and A"),
        ("grade: S3", "catalogs[0].grade: expected a grade like S3A3G3, got 'S3'"),
        ("grade: S1A3G3", "catalogs[0].grade: expected levels of this catalog"),
        ("grade: S3A3G3, level: 2", "catalogs[0].level: expected the level that the grade gives"),
        ("level: 3, layers: [computin]", "did you mean 'computing'?"),
        ("level: 3, tags: []", "catalogs[0].tags: expected at least one value"),
    ):
        with pytest.raises(InputError, match=re.escape(wanted)):
            ids(more)
