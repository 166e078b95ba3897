"""Earlier runs of a store: what is read of them, and what they say of scans and assessments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from audit_core.api.sdk import Absent, Answer, Known, Reason, Target, msg
from audit_core.model import Status, Verdict
from audit_core.model.gradings import Grade, Grading
from audit_core.model.overall import SystemConclusion
from audit_core.model.results import (
    INDEX_SCHEMA,
    ObjectEntry,
    ResultsIndex,
    RunStamp,
    TargetState,
    TargetStatus,
    encode,
)
from audit_core.store.runs import Run, RunFile, Store
from audit_scan.facts import Location, ScanResult
from audit_scan.history.checks import assessed_in_time, reached_in_time, scans_without_gap
from audit_scan.history.facts import HISTORY, History
from audit_scan.history.model import Concluded, EarlierRun, EarlierTarget, StoreHead
from audit_scan.history.request import RunHistory
from audit_scan.history.session import answered
from audit_scan.model import Head

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
NOW = "2026-11-29T12:00:00Z"
SINCE = "2025-01-01"


def target(**settings: Any) -> Target:
    given = {"covers": ["dmz"], **settings}
    return Target(id="history", kind="run_history", object_type="register", settings=given)


HOSTS = tuple(
    Target(id=id, kind="host", object_type="server", address=f"10.1.0.{n}", zone="dmz")
    for n, id in enumerate("abc", 1)
)


def keep(store: Store, id: str, missed: str = "", *, system: str = "Bank", sealed: bool = True,
         results: bool = True) -> Run:  # fmt: skip
    day = f"{id[:4]}-{id[4:6]}-{id[6:8]}T00:00:00Z"
    run = store.create(RunFile(
        schema="dengbao/run/1", id=id, started=day, profile="/home/li/own.yaml", system=system,
        profile_sha256="", inventory_sha256="", dengbao="0", plugins={}, targets=HOSTS,
    ))  # fmt: skip
    (run.folder / "bundles" / "b.bundle").write_bytes(id.encode())
    if not sealed:
        return run
    seal = store.seal(run, day)
    states = {True: TargetState.NOT_REACHED, False: TargetState.REACHED}
    entries = tuple(
        ObjectEntry(object=h.id, sha256="", size=0,
                    targets=(TargetStatus(target=h.id, state=states[h.id in missed]),))
        for h in HOSTS
    )  # fmt: skip
    grading = Grading(id="2025", catalog="gbt22239-2019",
                      grades=(Grade(id="conforming", zh="符合", en="conforming"),))  # fmt: skip
    index = ResultsIndex(
        schema=INDEX_SCHEMA, title="", title_en="", targets=HOSTS, clauses=(), checks=(),
        objects=entries, system=(SystemConclusion(grading=grading, word="conforming"),),
        run=RunStamp(id=id, started=day, ended=day, profile="own", dengbao="0", plugins={},
                     policy={}, sealed=True, bundles=seal.bundles),
    )  # fmt: skip
    if results:
        run.results_path("own").mkdir()
        (run.results_path("own") / "index.json").write_bytes(encode(index))
    return run


def read(store: Store, **more: Any) -> History:
    reply = answered(RunHistory(system="Bank", **more), store.root)
    assert reply.status is Status.ANSWERED, reply
    answer = Answer(stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False,
                    collected_at=NOW, target=target())  # fmt: skip
    (provider,) = HISTORY.providers
    found = provider.parse(answer)
    assert isinstance(found, History), found
    return found


def test_what_is_read_of_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    whole = keep(store, "20260101T000000Z-000001")
    keep(store, "20260201T000000Z-000002", "b")
    keep(store, "20260301T000000Z-000003", system="Another")
    keep(store, "20260401T000000Z-000004", sealed=False)
    keep(store, "20260501T000000Z-000005", results=False)
    altered = keep(store, "20260601T000000Z-000006")
    path = altered.folder / "run.json"
    path.write_bytes(path.read_bytes().replace(b"10.1.0.1", b"10.1.0.9"))
    found = read(store)
    doubtful = ("2026-04-01", "2026-06-01")
    assert found.head == StoreHead(read=3, others=1, doubtful=doubtful)
    assert [(r.day, r.profile, r.evaluated, r.complete) for r in found.runs] == [
        ("2026-05-01", "own.yaml", False, False), ("2026-02-01", "own", True, False),
        ("2026-01-01", "own", True, True),
    ]  # fmt: skip
    assert [(s.id, s.reached) for s in found.runs[1].targets] == [
        ("a", True), ("b", False), ("c", True),
    ]  # fmt: skip
    (concluded,) = found.runs[2].conclusions
    assert (concluded.catalog, concluded.word) == ("gbt22239-2019", "conforming")
    assert "Another" not in str(found)
    assert (read(store, runs=1).head.read, read(store, runs=1).head.older) == (1, 2)
    # results that rest on other evidence than the sealed say nothing
    index = whole.results_path("own") / "index.json"
    index.write_bytes(index.read_bytes().replace(b"b.bundle", b"c.bundle"))
    assert not read(store).runs[2].evaluated
    index.write_bytes(b"{" * 100_000)
    assert not read(store).runs[2].evaluated
    for place, status in (("none", Status.UNREACHABLE), ("store", Status.ANSWERED)):
        assert answered(RunHistory(), tmp_path / place).status is status
    assert answered(RunHistory(timeout_s=0), store.root).status is Status.TIMED_OUT


def run(day: str, reached: str = "abc", word: str = "conforming", **more: Any) -> EarlierRun:
    seen = tuple(
        EarlierTarget(id=h.id, kind="host", names=(h.address or "",), reached=h.id in reached)
        for h in HOSTS
    )
    concluded = (Concluded(catalog="gbt22239-2019", word=word),)
    made = EarlierRun(run=day, started=f"{day}T00:00:00Z", ended=f"{day}T01:00:00Z", profile="p",
                      evaluated=True, complete=reached == "abc", targets=seen,
                      conclusions=concluded)  # fmt: skip
    return msgspec.structs.replace(made, **more)


def history(*runs: EarlierRun, **head: Any) -> History:
    return History(head=StoreHead(read=len(runs), **head), runs=runs)


PLACES: Any = tuple(
    (h, Known(value=Location(zone="dmz", names=frozenset({h.address or ""})))) for h in HOSTS
)
BESIDE: Any = ((Target(id="q4", kind="scan_report", object_type="register"), Known(value=None)),)
OLD, NEW = run("2026-06-01"), run("2026-10-01")


def test_a_run_reaches_each_host_in_time() -> None:
    full, part = target(complete_since=SINCE), target()
    missed = run("2026-10-01", "ab")
    moved = run("2026-10-01", "ab", targets=(
        *missed.targets[:2], EarlierTarget(id="c", kind="host", names=("10.9.0.9",), reached=True),
    ))  # fmt: skip
    for own, seen, beside, expected in (
        (part, history(NEW), (), P),
        (part, history(missed, run("2026-09-15", "c")), (), P),  # by two runs together
        (part, history(OLD), (), U),  # other stores may hold others
        (part, history(), (), U),
        (full, history(OLD), (), F),
        (full, history(), (), F),
        (full, history(missed, OLD), (), F),  # it did not reach c
        (full, history(missed), (), U),  # c may be new
        (full, history(moved, OLD), (), U),  # perhaps c under another address
        (full, history(others=3), (), U),  # the name of the system may be wrong
        (full, history(OLD), BESIDE, U),
        (full, history(OLD, doubtful=("2026-10-01",)), (), U),
        (full, history(OLD, doubtful=("2026-03-01", "2026-11-29")), (), F),  # this run
        (full, history(run("2026-10-01", evaluated=False, targets=()), OLD), (), U),
        (full, history(run("2026-06-01", ended="2026-10-01T00:00:00Z"), OLD), (), U),  # resumed
        (target(complete_since="2026-10-01"), history(OLD), (), U),
        (full, history(run("2027-01-01")), (), U),  # a clock was wrong
        (target(covers=[]), history(NEW), (), U),
    ):
        made = reached_in_time.judge(own, seen, PLACES, (), beside, (), NOW)
        assert made.verdict is expected, (own.settings, seen, made)
    made = reached_in_time.judge(full, history(missed, OLD), PLACES, (), (), (), NOW)
    assert "c (2026-06-01)" in str(made.detail)
    assert "b (" not in str(made.detail)


def test_gaps_between_the_last_four_scans() -> None:
    full, part = target(complete_since=SINCE), target()
    quarterly = [run(day) for day in ("2026-01-20", "2026-04-15", "2026-07-10", "2026-10-01")]
    missed = [*quarterly[:2], run("2026-07-10", "ab"), quarterly[3]]
    report = Target(id="q3", kind="scan_report", object_type="register")
    scan = ScanResult(
        head=Head(format="nessus", file="q3", sha256="", size=1, ended="2026-07-12T00:00:00Z"),
        reached=frozenset({"10.1.0.3"}), hosts=1,
    )  # fmt: skip
    filled: Any = ((report, Known(value=scan)),)
    unread: Any = ((report, Absent(reason=Reason.NOT_PRESENT, detail=msg("gone"))),)
    for own, runs, reports, expected in (
        (part, quarterly, (), P),
        (full, quarterly[1:], (), U),  # three are no four
        (full, missed, (), F),
        (part, missed, (), U),  # other stores may hold others
        (full, missed, filled, P),
        (full, missed, unread, U),
        (full, quarterly[:3], (), F),  # none since July
        (full, [], (), U),
        (full, [run("2026-04-15", ended="2026-07-10T00:00:00Z"), quarterly[3]], (), U),  # resumed
        (target(complete_since="2026-05-01"), missed, (), U),
        (target(covers=[]), quarterly, (), U),
    ):
        made = scans_without_gap.judge(own, history(*runs), PLACES, (), reports, (), NOW)
        assert made.verdict is expected, (own.settings, [r.day for r in runs], made)
    made = scans_without_gap.judge(full, history(*missed), PLACES, (), (), (), NOW)
    assert [str(line) for line in made.detail] == ["c: 169 days from 2026-04-15 to 2026-10-01"]


def test_the_last_assessment() -> None:
    full, part = target(complete_since=SINCE), target()
    old = run("2025-06-01")
    for own, seen, beside, expected in (
        (part, history(NEW), (), P),
        (part, history(old), (), U),
        (full, history(old), (), F),
        (full, history(), (), F),
        (full, history(run("2026-10-01", "ab"), old), (), U),  # not carried out in full
        (full, history(run("2026-10-01", word=""), old), (), U),  # no conclusion
        (full, history(run("2025-06-01", ended="2026-01-01T00:00:00Z")), (), U),  # resumed
        (full, history(old), BESIDE, U),
        (full, history(run("2026-10-01", conclusions=(Concluded(catalog="x", word="y"),)), old),
         (), F),  # of another standard
        (full, history(NEW, older=5), (), P),
        (full, history(run("2026-10-01", conclusions=()), older=5), (), U),
    ):  # fmt: skip
        made = assessed_in_time.judge(own, seen, beside, NOW)
        assert made.verdict is expected, (own.settings, seen, made)
