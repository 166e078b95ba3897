"""Profiles: clauses and their bindings, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audit_core.model import Role
from audit_core.model.errors import ConfigError, InputError, UsageError
from audit_core.policy import Binding, load_policy, load_profile
from core.policy.small_policy import (
    CHECKS,
    CLAUSES,
    MAPPING,
    PROFILE,
    error,
    profile,
    roles,
)

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


def test_of_two_roles_the_weaker_counts(folder: Path) -> None:
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
