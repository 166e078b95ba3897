"""What is told of files that can be read and are not as they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_core.model import Check
from audit_core.model.errors import InputError
from audit_core.policy import load_policy
from audit_core.text.translate import Translator
from core.policy.small_policy import (
    CHECKS,
    MAPPING,
    length,
    profile,
)


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


def test_lint_reports_a_mapping_that_is_not_used(folder: Path) -> None:
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


def test_lint_reports_nothing_on_a_sound_policy(folder: Path) -> None:
    english = "text,en\n" + "".join(f"{text},x\n" for text in ("甲", "乙", "丙", "丁", "甲甲"))
    (folder / "catalogs" / "std" / "en.csv").write_text(english)
    (folder / "mappings" / "std.yaml").write_text(MAPPING.replace("t.gone", "t.length2"))
    checks: dict[str, Check] = {**CHECKS, "t.length2": length}
    assert load_policy([folder]).lint("base", checks) == ()
