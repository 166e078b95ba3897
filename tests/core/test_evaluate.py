"""Evaluation: the time that checks see, and that the sealed bundles are evaluated."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from audit_core.api.sdk import COLLECTED_AT, check, msg, passed
from audit_core.model import Judgement, Severity

from .fakes import HOST, STAMP, collected, colour, new_run, reply, work_of
from .whole import judged


@check("fake.when", needs=(COLLECTED_AT, colour), severity=Severity.LOW)
def when(moment: str, seen: str) -> Judgement:
    """The moment is said."""
    return passed(msg("{moment}", moment=moment))


def test_a_judge_sees_when_the_target_was_asked_not_when_the_run_began(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    writer = run.writer(HOST.id)
    writer.add(HOST.id, reply(), structs.replace(STAMP, started="2026-01-05T00:00:00.000Z"))
    writer.finish()
    (finding,) = judged(run, work_of(when)).findings
    assert finding.detail == (msg("{moment}", moment="2026-01-05T00:00:00.000Z"),)


def test_an_unsealed_run_is_told_to_be_incomplete(tmp_path: Path) -> None:
    results = judged(collected(tmp_path, reply(), sealed=False), work_of(when))
    assert not results.run.sealed
