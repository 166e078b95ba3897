"""The sheet that says which evidence of another standard covers which item, and what is left."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from audit_core.model.results import RelatedClause
from core.pack.workbook import MakeSource, rows, written
from core.whole import Whole


def test_what_another_standard_covers_and_what_is_left(
    make_source: MakeSource, small_results: Whole, tmp_path: Path
) -> None:
    checks = {"8.1.4.1c": ("ssh.root-login",), "8.1.4.1a": ("password.length",)}
    clauses = tuple(
        replace(c, related=(RelatedClause(catalog="other", clause="9", checks=checks[c.id]),))
        if c.id in checks else c
        for c in small_results.clauses
    )  # fmt: skip
    made = written(make_source(replace(small_results, clauses=clauses), lang="en"), tmp_path)
    sheet = made["Shared evidence"]
    found = {row[0]: row[1:7] for row in rows(sheet)}
    assert len(found) == len(clauses)  # also those that nothing else covers
    _, results, related, theirs, own, left = found["8.1.4.1c"]
    assert results == "Conforming: 2\nNonconforming: 1"
    assert related == "other:\n9"
    # the worst verdict on any object; checks of its own apart
    assert theirs == "Failed (1): Root cannot log in over SSH with a password"
    assert own.split("\n")[0] == "Failed (1): TLS offers no weak protocol"
    assert left == "nothing"
    assert found["8.1.4.1a"][5] == "0 of 1 question is answered\n1. The record of resets"
    assert found["8.1.4.2c"][2:5] == ("—", "—", "—")
