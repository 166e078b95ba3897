"""Profiles: clauses, bindings with their roles, parameters that overlays only tighten."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest

import audit_profiles
from audit_core.api.plugins import load as load_plugins
from audit_core.api.sdk import Command as Ask
from audit_core.api.sdk import Down, Subset, Up, check, fact, passed
from audit_core.model import Check, Judgement, Role, Severity, Target
from audit_core.model.errors import ConfigError, InputError, UsageError
from audit_core.policy import Binding, Policy, Profile, load_policy, load_profile
from audit_core.policy.overrides import tightens, values_on
from audit_core.policy.profiles import ProfileFile
from audit_core.policy.selecting import taken
from audit_core.policy.strict_yaml import load_bytes
from audit_core.text.translate import Translator

SHIPPED = Path(audit_profiles.__file__).parent
FACT = fact("t.fact", int, kind="host", ask=Ask(argv=("true",)), parse=lambda answer: 1)


@check("t.length", needs=FACT, severity=Severity.HIGH)
def length(
    value: int,
    *,
    minimum: Annotated[int, Up] = 8,
    days: Annotated[int | None, Down] = None,
    allowed: Annotated[frozenset[str], Subset] = frozenset({"a", "b"}),
    word: str = "x",
    strict: Annotated[bool, Up] = False,
) -> Judgement:
    """Long enough."""
    return passed()


CHECKS = {length.id: length}

CATALOG = """\
id: std
title: {zh: 标准, en: Standard}
edition: "1"
source: made up for this test
confidence: read
licence: none
scopes: [{id: general, zh: 通用, en: General}, {id: cloud, zh: 云, en: Cloud}]
object_types:
  - {id: server, zh: 服务器, en: Server}
  - {id: database, zh: 数据库, en: Database}
  - {id: organisation, zh: 机构, en: Organisation}
"""
CLAUSES = """\
id,level,scope,gist,methods,applies_to,objects,twin,twin_fit
2.1,2,general,甲,examine,server,服务器,3.1,same
2.2,2,general,乙,examine,server,服务器,3.2,weaker
3.1,3,general,甲,examine test,server database,服务器/数据库,,
3.2,3,general,乙,interview,server,,,
3.3,3,cloud,丙,,server,,,
4.1,4,general,甲甲,examine,server,服务器,3.1,stronger
4.2,4,general,丁,examine,server,服务器,,
"""
OTHER = """\
id,gist,attribute,applies_to,methods
o1,子,auto,server,examine
o2,丑,attest,organisation,interview
o3,寅,both,organisation,interview
"""
CROSSWALK = """\
clause,catalog,other
o1,std,3.1
o1,std,3.2
o2,std,3.1
o3,std,3.1
"""
MAPPING = """\
- clause: 3.1
  checks:
    - {check: t.length, role: settles}
    - {check: t.gone, role: supports}
- clause: 3.2
  checks: [{check: t.length, role: can_deny}]
"""
PROFILE = """\
id: base
title: {zh: 基, en: Base}
catalogs:
  - {catalog: std, level: 3}
params:
  t.length: {minimum: 10}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    std, other = tmp_path / "catalogs" / "std", tmp_path / "catalogs" / "other"
    for path in (std, other, tmp_path / "profiles", tmp_path / "mappings"):
        path.mkdir(parents=True)
    (std / "catalog.yaml").write_text(CATALOG)
    (std / "clauses.csv").write_text(CLAUSES)
    (std / "en.csv").write_text("text,en\n甲,first\n")
    (other / "catalog.yaml").write_text(CATALOG.replace("id: std", "id: other"))
    (other / "clauses.csv").write_text(OTHER)
    (other / "crosswalk.csv").write_text(CROSSWALK)
    (tmp_path / "mappings" / "std.yaml").write_text(MAPPING)
    (tmp_path / "profiles" / "base.yaml").write_text(PROFILE)
    return tmp_path


def profile(folder: Path, text: str | None = None, name: str = "mine") -> Profile:
    if text is None:
        return load_profile(name, CHECKS, [folder])
    path = folder / "profiles" / f"{name}.yaml"
    path.write_text(f"id: {name}\ntitle: {{zh: 我, en: Mine}}\n{text}")
    return load_profile(name, CHECKS, [folder])


def error(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        profile(folder, text)
    line = str(caught.value)
    assert line.isprintable()
    return line.removeprefix(f"{folder}/profiles/")


def roles(found: Profile) -> dict[tuple[str, str], Role]:
    return {(b.clause, b.check): b.role for b in found.bindings}


# --- clauses and bindings -----------------------------------------------------------------------


def test_a_profile_takes_the_clauses_of_its_level_and_scopes(folder: Path) -> None:
    assert [c.id for c in profile(folder, name="base").clauses] == ["3.1", "3.2"]
    found = profile(folder, "catalogs: [{catalog: std, level: 3, scopes: [general, cloud]}]")
    assert [c.id for c in found.clauses] == ["3.1", "3.2", "3.3"]


def test_extensions_that_the_system_declares_come_on_top(folder: Path) -> None:
    found = load_policy([folder]).profile("base", CHECKS, ("cloud",))
    assert [c.id for c in found.clauses] == ["3.1", "3.2", "3.3"]


def test_a_mapping_binds_checks_with_their_roles(folder: Path) -> None:
    assert roles(profile(folder, name="base")) == {
        ("3.1", "t.length"): Role.SETTLES,
        ("3.1", "t.gone"): Role.SUPPORTS,
        ("3.2", "t.length"): Role.CAN_DENY,
    }


def test_a_check_that_no_plugin_offers_keeps_its_binding(folder: Path) -> None:
    found = load_profile("base", {}, [folder])
    gone = Binding(catalog="std", clause="3.1", check="t.gone", step=1, role=Role.SUPPORTS)
    assert gone in found.bindings
    assert found.params == {}


def test_a_twin_that_asks_the_same_is_covered_alike(folder: Path) -> None:
    found = roles(profile(folder, "catalogs: [{catalog: std, level: 2}]"))
    assert found[("2.1", "t.length")] is Role.SETTLES


def test_a_twin_that_asks_more_or_less_is_never_settled_in_full(folder: Path) -> None:
    found = roles(profile(folder, "catalogs: [{catalog: std, level: 4}]"))
    assert found[("4.1", "t.length")] is Role.CAN_DENY
    assert found[("4.1", "t.gone")] is Role.SUPPORTS
    found = roles(profile(folder, "catalogs: [{catalog: std, level: 2}]"))
    assert found[("2.2", "t.length")] is Role.SUPPORTS


def test_a_mapping_of_its_own_comes_before_that_of_the_twin(folder: Path) -> None:
    text = MAPPING + "- clause: 2.1\n  checks: [{check: t.own, role: can_deny}]\n"
    (folder / "mappings" / "std.yaml").write_text(text + "- {clause: 2.2, checks: []}\n")
    found = roles(profile(folder, "catalogs: [{catalog: std, level: 2}]"))
    assert found == {("2.1", "t.own"): Role.CAN_DENY}


def test_a_clause_without_twin_and_mapping_has_no_checks_but_is_there(folder: Path) -> None:
    found = profile(folder, "catalogs: [{catalog: std, level: 4}]")
    assert [c.id for c in found.clauses] == ["4.1", "4.2"]
    assert not [b for b in found.bindings if b.clause == "4.2"]


def test_a_crosswalk_supports_and_never_what_people_attest(folder: Path) -> None:
    found = profile(folder, "catalogs: [{catalog: other}]")
    assert roles(found) == {
        ("o1", "t.length"): Role.SUPPORTS,
        ("o1", "t.gone"): Role.SUPPORTS,
        ("o3", "t.length"): Role.SUPPORTS,
        ("o3", "t.gone"): Role.SUPPORTS,
    }
    assert {b.step for b in found.bindings} == {None}


def test_mappings_of_several_files_and_folders_are_joined(folder: Path, tmp_path: Path) -> None:
    (folder / "mappings" / "std").mkdir()
    more = "- clause: 3.2\n  checks: [{check: t.more, role: supports}]\n"
    (folder / "mappings" / "std" / "more.yaml").write_text(more)
    second = tmp_path / "second"
    (second / "mappings").mkdir(parents=True)
    (second / "mappings" / "std.yaml").write_text(more.replace("t.more", "t.third"))
    found = roles(load_profile("base", CHECKS, [folder, second]))
    assert found[("3.2", "t.more")] is found[("3.2", "t.third")] is Role.SUPPORTS


def test_of_two_claims_the_lesser_stands(folder: Path) -> None:
    text = MAPPING + "- clause: 3.1\n  checks: [{check: t.length, role: supports}]\n"
    (folder / "mappings" / "std.yaml").write_text(text)
    assert roles(profile(folder, name="base"))[("3.1", "t.length")] is Role.SUPPORTS


STEPS = """\
level,unit,clause,step,method,question_zh,question_en,bring_zh,bring_en,answer,settles,probe_hint,\
source,note,affirmed_if_zh,affirmed_if_en
L2,U2,2.1,1,examine,问,Ask,带,Bring,yes_no,both,,found,same question as U3 step 2,好,good
L2,U2,2.1,2,examine,问,Ask,带,Bring,yes_no,machine,,found,,好,good
L3,U3,3.1,1,examine,问,Ask,带,Bring,yes_no,machine,,found,,好,good
L3,U3,3.1,2,examine,问,Ask,带,Bring,yes_no,machine,,found,,好,good
L3,U3,3.1,3,examine,问,Ask,带,Bring,yes_no,person,,found,,好,good
"""
STEP_MAPPING = """\
- clause: 3.1
  checks:
    - {check: t.first, step: 1, role: settles}
    - {check: t.second, step: 2, role: settles}
    - {check: t.third, role: supports}
"""


def with_steps(folder: Path, mapping: str = STEP_MAPPING) -> None:
    rows = CLAUSES.replace("id,", "id,unit,").splitlines()
    units = {"2.1": "U2", "3.1": "U3"}
    rows[1:] = [row.replace(",", f",{units.get(row[:3], '')},", 1) for row in rows[1:]]
    (folder / "catalogs" / "std" / "clauses.csv").write_text("\n".join(rows) + "\n")
    (folder / "catalogs" / "std" / "steps.csv").write_text(STEPS)
    (folder / "mappings" / "std.yaml").write_text(mapping)


def by_step(folder: Path, level: int) -> set[tuple[str, int | None, str, Role]]:
    found = profile(folder, f"catalogs: [{{catalog: std, level: {level}}}]")
    return {(b.clause, b.step, b.check, b.role) for b in found.bindings}


def test_a_step_that_asks_the_same_has_the_checks_of_that_step(folder: Path) -> None:
    with_steps(folder)
    assert by_step(folder, 2) == {
        # step 1 of level 2 asks what step 2 of level 3 asks, but needs a person here
        ("2.1", 1, "t.second", Role.CAN_DENY),
        ("2.1", None, "t.first", Role.SUPPORTS),
        ("2.1", None, "t.third", Role.SUPPORTS),
    }
    # level 4 has no step data: what settles one step of the twin settles no whole clause
    assert by_step(folder, 4) == {
        ("4.1", 1, "t.first", Role.CAN_DENY),
        ("4.1", 1, "t.second", Role.CAN_DENY),
        ("4.1", 1, "t.third", Role.SUPPORTS),
    }


def test_a_step_that_cannot_be_meant_is_refused_with_its_line(folder: Path) -> None:
    for change, message in {
        "step: 4, role: supports": "3: [0].checks[0].step: expected one of 1, 2, 3, got '4'",
        "role: can_deny": "3: [0].checks[0].step: expected one of 1, 2, 3, got nothing",
        "step: 3, role: settles": "3: [0].checks[0].role: expected can_deny or supports (this step "
        "needs a person), got 'settles'",
        "step: 1, role: settle": "3: [0].checks[0].role: expected one of settles, can_deny, "
        "supports, got 'settle'; did you mean 'settles'?",
        "step: x, role: settles": "3: [0].checks[0].step: expected a whole number, got 'x'",
    }.items():
        with_steps(folder, f"- clause: 3.1\n  checks:\n    - {{check: t.first, {change}}}\n")
        with pytest.raises(InputError) as caught:
            profile(folder, name="base")
        assert str(caught.value).startswith(f"{folder}/mappings/std.yaml:{message}")


# --- parameters ---------------------------------------------------------------------------------


def test_parameters_have_the_types_of_their_knobs(folder: Path) -> None:
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


def test_an_unknown_check_is_a_slip_unless_a_mapping_names_it(folder: Path) -> None:
    line = error(folder, "extends: base\nparams: {t.lenght: {minimum: 12}}")
    assert line == (
        "mine.yaml:4: params.t.lenght: expected the id of a check, got 't.lenght'; "
        "did you mean 't.length'?"
    )
    found = profile(folder, "extends: base\nparams: {t.gone: {minimum: 12}}")
    assert found.params == {"t.length": {"minimum": 10}}


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("catalogs: [{catalog: sdt, level: 3}]", "mine.yaml:3: catalogs[0].catalog: expected the "
         "id of a catalog, got 'sdt'; did you mean 'std'?"),
        ("catalogs: [{catalog: std}]", "mine.yaml:3: catalogs[0].level: expected one of 2, 3, 4, "
         "got nothing"),
        ("catalogs: [{catalog: std, level: 1}]", "mine.yaml:3: catalogs[0].level: expected one of "
         "2, 3, 4, got '1'"),
        ("catalogs: [{catalog: other, level: 3}]", "mine.yaml:3: catalogs[0].level: expected no "
         "level (this catalog has none), got '3'"),
        ("catalogs: [{catalog: std, level: 2, scopes: [ics]}]", "mine.yaml:3: catalogs[0]."
         "scopes[0]: expected one of general, cloud, got 'ics'"),
        ("catalogs: []", "mine.yaml:3: catalogs: expected at least one clause"),
        ("extends: bas", "mine.yaml:3: extends: expected the id of a profile, got 'bas'; did you "
         "mean 'base'?"),
        ("extends: mine", "mine.yaml:3: extends: expected a profile that does not "
         "extend itself, got 'mine.yaml -> mine.yaml'"),
        ("catalog: []", "mine.yaml:3: catalog: expected one of the keys"),
    ],
)  # fmt: skip
def test_a_broken_profile_is_refused_with_its_line(folder: Path, text: str, message: str) -> None:
    assert error(folder, text).startswith(message)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("- {clause: 3.9, checks: []}", "std.yaml:1: [0].clause: expected a clause of this "
         "catalog, got '3.9'; did you mean '3.3'?"),
        ("- clause: 3.1", "std.yaml:1: [0].checks: expected a value, got nothing"),
        ("clause: 3.1", "std.yaml:1: (top): expected a list, got a mapping"),
    ],
)  # fmt: skip
def test_a_broken_mapping_is_refused_with_its_line(
    folder: Path, mapping: str, message: str
) -> None:
    (folder / "mappings" / "std.yaml").write_text(mapping)
    with pytest.raises(InputError) as caught:
        profile(folder, name="base")
    assert str(caught.value).removeprefix(f"{folder}/mappings/").startswith(message)


def test_a_profile_can_be_a_file_anywhere(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.yml"
    path.write_text("id: site\ntitle: {zh: 我, en: Mine}\nextends: base\n")
    found = load_profile(str(path), CHECKS, [folder])
    assert (found.id, len(found.clauses)) == ("site", 2)
    path.with_name("next.yaml").write_text(
        "id: next\ntitle: {zh: 我, en: Mine}\nextends: elsewhere.yml\n"
    )
    assert len(load_profile(str(path.with_name("next.yaml")), CHECKS, [folder]).clauses) == 2
    with pytest.raises(InputError, match="cannot be read"):
        load_profile(str(tmp_path / "none.yaml"), CHECKS, [folder])


@pytest.mark.parametrize("name", ["bse", "", "../profiles/base", ".", "a\0b", "base/"])
def test_an_unknown_name_is_wrong_use(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no profile"):
        load_profile(name, CHECKS, [folder])


def test_two_folders_with_one_profile_are_refused(folder: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    (second / "profiles").mkdir(parents=True)
    (second / "profiles" / "base.yaml").write_text(PROFILE)
    with pytest.raises(ConfigError, match="is in two policy directories"):
        load_profile("base", CHECKS, [folder, second])


def test_the_digest_changes_with_everything_a_profile_rests_on(folder: Path) -> None:
    text = "extends: base\nparams: {t.length: {minimum: 12}}"
    digests = [profile(folder, text).sha256, profile(folder, text + "\n#").sha256]
    (folder / "profiles" / "base.yaml").write_text(PROFILE + "#")
    digests.append(profile(folder, text).sha256)
    (folder / "mappings" / "std.yaml").write_text(MAPPING + "#")
    digests.append(profile(folder, text).sha256)
    (folder / "catalogs" / "std" / "clauses.csv").write_text(CLAUSES.replace("丁", "戊"))
    digests.append(profile(folder, text).sha256)
    assert len(set(digests)) == 5
    assert profile(folder, text).sha256 == digests[-1]


def test_the_digest_does_not_know_where_the_files_are(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    for name in ("catalogs", "profiles", "mappings"):
        shutil.copytree(folder / name, moved / name)
    first, second = (load_profile("base", CHECKS, [d]).sha256 for d in (folder, moved))
    assert first == second


# --- lint ---------------------------------------------------------------------------------------


def lint(folder: Path, name: str = "base") -> list[str]:
    found = load_policy([folder]).lint(name, CHECKS)
    say = Translator("en").say
    return [f"{p.file}:{p.line}: {say(p.detail)}".removeprefix(f"{folder}/") for p in found]


def test_lint_names_file_and_line(folder: Path) -> None:
    text = MAPPING + "- clause: 3.1\n  checks: [{check: t.length, role: settles}]\n"
    (folder / "mappings" / "std.yaml").write_text(text)
    wide = "catalogs: [{catalog: std, level: 3, scopes: [general, cloud]}]"
    profile(folder, wide, "wide")
    found = lint(folder, "wide")
    assert "mappings/std.yaml:4: 3.1: no plugin offers check 't.gone'" in found
    assert "mappings/std.yaml:8: t.length is mapped to 3.1 twice" in found
    assert "catalogs/std/clauses.csv:3: 2.2: gist has no English text in en.csv" in found
    assert (
        "catalogs/std/clauses.csv:6: 3.3: neither objects nor methods of assessment are given"
        in found
    )


def test_lint_tells_of_a_mapping_that_nobody_reads(folder: Path) -> None:
    (folder / "mappings" / "sdt.yaml").write_text(MAPPING)
    detail = "this mapping belongs to no catalog: there is no catalog 'sdt'; did you mean 'std'?"
    assert f"mappings/sdt.yaml:1: {detail}" in lint(folder)
    (folder / "mappings" / "sdt.yaml").unlink()
    assert not [line for line in lint(folder) if "no catalog" in line]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("- clause: 3.1\n  checks: [{check: '', role: settles}]\n", "2: [0].checks[0].check: "),
        ("- clause: 3.1\n  checks: [{check: 'a b', role: settles}]\n", "2: [0].checks[0].check: "),
        ("clause: 3.1\n", "1: (top): expected a list, got a mapping"),
    ],
)  # fmt: skip
def test_an_empty_word_in_a_mapping_is_refused(folder: Path, mapping: str, message: str) -> None:
    (folder / "mappings" / "std.yaml").write_text(mapping)
    with pytest.raises(InputError) as caught:
        load_policy([folder]).profile("base", CHECKS)
    assert str(caught.value).startswith(f"{folder}/mappings/std.yaml:{message}")


def test_a_shipped_profile_has_the_name_of_its_file(folder: Path) -> None:
    (folder / "profiles" / "base.yaml").rename(folder / "profiles" / "basis.yaml")
    with pytest.raises(InputError, match="id: expected the name of the file, 'basis', got 'base'"):
        load_policy([folder]).profile("basis", CHECKS)


def test_lint_has_nothing_to_say_of_what_is_whole(folder: Path) -> None:
    english = "text,en\n" + "".join(f"{text},x\n" for text in ("甲", "乙", "丙", "丁", "甲甲"))
    (folder / "catalogs" / "std" / "en.csv").write_text(english)
    (folder / "mappings" / "std.yaml").write_text(MAPPING.replace("t.gone", "t.length2"))
    checks: dict[str, Check] = {**CHECKS, "t.length2": length}
    assert load_policy([folder]).lint("base", checks) == ()


# --- what is shipped ----------------------------------------------------------------------------


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
        for written in (b"x", b"1", b"true", b"[x]", b"[1]"):
            document = load_bytes(written, id)
            try:
                document.convert(knob.type)
            except InputError:
                continue
            break
        else:
            pytest.fail(f"{id}: nothing can be written for {knob.name}: {knob.type}")


def test_loading_the_level_3_profile_is_no_burden() -> None:
    assert min(_seconds() for _ in range(5)) < 1  # 0.03 s of CPU were measured


def _seconds() -> float:
    started = time.process_time()
    Policy([SHIPPED]).profile("gbt22239-l3", {})
    return time.process_time() - started
