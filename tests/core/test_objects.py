"""Objects (测评对象): what is concluded by itself, and what with a target that it is part of."""

from __future__ import annotations

import itertools
from pathlib import Path

from audit_core import evaluate
from audit_core.api.sdk import check, each_part, fact, failed, passed
from audit_core.cli.context import selected
from audit_core.evaluate.compute import Evaluator
from audit_core.evaluate.tally import tallied
from audit_core.model import Command, Judgement, Result, Role, Severity, Target, msg, objects_in
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run, Store
from installed import registry

from .fakes import (
    COLOUR,
    HOST,
    STAMP,
    blue,
    clause,
    new_run,
    profile_of,
    read_colour,
    registry_of,
    reply,
)  # fmt: skip

SERVER = Target(id="web1/db", kind="store", object_type="database", parent="web1")
SHADE = Command(argv=("cat", "/shade"))
shade = fact("fake.shade", str, kind="store", ask=SHADE, parse=read_colour)


@check("fake.dark", needs=shade, severity=Severity.HIGH)
def dark(seen: str) -> Judgement:
    """The database is dark."""
    return passed(msg("{seen}", seen=seen)) if seen == "dark" else failed(msg("{seen}", seen=seen))


@check("fake.parts", needs=each_part(shade), severity=Severity.LOW, kind="host")
def parts(seen: tuple[tuple[Target, str], ...]) -> Judgement:
    """The parts are known."""
    return passed(msg("{seen}", seen=str(seen)))


CLAUSES = tuple(clause(id, applies_to=("server", "database")) for id in ("1.0", "1.1"))
BINDINGS = [
    ("1.0", blue.id, Role.SETTLES),
    ("1.0", dark.id, Role.SETTLES),
    ("1.1", dark.id, Role.SETTLES),
    ("1.1", parts.id, Role.SUPPORTS),
]
WORK = evaluate.Work(
    profile=profile_of(BINDINGS, CLAUSES),
    registry=registry_of(blue, dark, parts),
    policy={"cat": "1" * 64},
)


def test_what_may_stand_by_itself_is_an_object_where_its_type_is_another() -> None:
    made = {
        "h": ("host", "server", None),
        "h/tls": ("endpoint", "server", "h"),
        "h/backup": ("backup_set", "business_data", "h"),  # of another type, but always a part
        "h/pg": ("postgresql", "database", "h"),
        "h/pg/tls": ("endpoint", "database", "h/pg"),
        "h/pg/core": ("database_data", "personal_information", "h/pg"),
        "h/pg2": ("postgresql", "server", "h"),  # the inventory says so
        "h/pg2/core": ("database_data", "business_data", "h/pg2"),
        "h/away": ("of a plugin that is missing", "database", "h"),
        "db": ("redis", "database", None),
    }
    targets = [Target(id=i, kind=k, object_type=t, parent=p) for i, (k, t, p) in made.items()]
    found = objects_in(targets, registry().kinds.only_parts)
    assert {o.root.id: {m.id for m in o.members} for o in found} == {
        "h": {"h", "h/tls", "h/backup", "h/pg2", "h/pg2/core"},
        "h/pg": {"h/pg", "h/pg/tls", "h/pg/core"},
        "h/away": {"h/away"},
        "db": {"db"},
    }


def test_a_chosen_target_comes_with_its_parts_and_all_that_it_is_part_of() -> None:
    made = {"h": None, "h/tls": "h", "h/pg": "h", "h/pg/core": "h/pg", "i": None, "site": None,
            "h/site": "h"}  # fmt: skip
    targets = tuple(
        # a path of a host has the type of the whole network
        Target(id=id, kind="x", object_type="site" if "site" in id else "x", parent=parent)
        for id, parent in made.items()
    )
    for wanted, expected in (
        ("h/pg/core", {"h", "h/pg", "h/pg/core"}),
        ("h/pg", {"h", "h/pg", "h/pg/core"}),
        ("h", {"h", "h/tls", "h/pg", "h/pg/core", "h/site"}),
        ("i", {"i"}),
    ):
        found = {target.id for target in selected(targets, (wanted,), {"site"})}
        assert found == {*expected, "site"}


def run_with(folder: Path, *, host: bytes | None, database: bytes | None) -> Run:
    """A run over a host and the database on it, in one bundle; None for what was not asked."""
    run = new_run(folder, (HOST, SERVER))
    writer = run.writer(HOST.id)
    for target, asked, answer in ((HOST, COLOUR, host), (SERVER, SHADE, database)):
        if answer is not None:
            writer.add(target.id, reply(asked, answer), STAMP)
    writer.finish()
    Store(folder).seal(run, "2026-01-02T03:05:00.000Z")
    return run


def test_a_database_on_a_host_has_results_of_its_own(tmp_path: Path) -> None:
    run = run_with(tmp_path / "store", host=b"blue", database=b"light")
    results = evaluate.evaluate(run, WORK, ResultsFolder(tmp_path / "results"), workers=1)
    on_host, on_database = map(results.object, results.entries)
    assert [f.id for f in on_host.findings] == ["fake.blue@web1", "fake.parts@web1"]
    assert [f.id for f in on_database.findings] == ["fake.dark@web1/db"]
    stated = {(c.target, c.clause): c.conclusion for c in results.conclusions}
    assert stated == {
        ("web1", "1.0"): Result.CONFORMING,  # what failed on the database counts there alone
        ("web1", "1.1"): Result.NOT_ASSESSED,
        ("web1/db", "1.0"): Result.NONCONFORMING,
        ("web1/db", "1.1"): Result.NONCONFORMING,
    }
    assert results.object_of == {"web1": "web1", "web1/db": "web1/db"}
    for entry, found in zip(results.entries, (on_host, on_database), strict=True):
        assert results.bundle_of(entry) == "web1"
        assert [o.target for o in found.observations] == [s.target for s in found.targets]
        assert {v.target for v in results.facts_of(entry)} == {entry.object}
    # A check of the host may look at the database: the evidence is listed there.
    assert on_host.findings[1].evidence == (on_database.observations[0].digest,)


def test_invariant_3_losing_an_observation_widens_the_ranges_of_both(tmp_path: Path) -> None:
    answers = [(a, b) for a in (b"blue", b"red") for b in (b"dark", b"light")]
    for n, (host, database) in enumerate(answers):
        before = _ranges(run_with(tmp_path / f"{n}", host=host, database=database))
        for lost in itertools.product((False, True), repeat=2):
            kept = [None if gone else a for gone, a in zip(lost, (host, database), strict=True)]
            folder = tmp_path / f"{n}-{lost}"
            after = _ranges(run_with(folder, host=kept[0], database=kept[1]))
            assert before.keys() == after.keys()
            for (target, clause_), words in before.items():
                assert words <= after[target, clause_]
                # what was lost of one object changes nothing about the other
                assert lost[target == SERVER.id] or words == after[target, clause_]


def _ranges(run: Run) -> dict[tuple[str, str], set[Result]]:
    evaluator = Evaluator(run, WORK)
    found = evaluator.evaluate_group(0, evaluate.SkippedSteps(), lambda step: None)
    concluded = (evaluator.conclude(one, tallied(one.findings)) for one in found)
    return {(c.target, c.clause): set(c.range) for one in concluded for c in one.conclusions}
