"""Evaluation in worker processes: the same bytes whatever happens, or what was stored before."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from audit_core import evaluate
from audit_core.api.sdk import check, each, passed
from audit_core.evaluate.compute import Evaluator
from audit_core.model import Judgement, Severity, Target, msg
from audit_core.model.errors import ConfigError
from audit_core.model.results import ObjectResults
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run
from live.product import dengbao

from .command import Toy
from .fakes import blue, collected, colour, reply, work_of

HOSTS = tuple(Target(id=f"web{n}", kind="host", object_type="server") for n in range(13))


@check("fake.alike", needs=each("host", colour), severity=Severity.LOW, kind="host")
def alike(seen: tuple[tuple[Target, object], ...]) -> Judgement:
    """All hosts are known."""
    return passed(msg("{seen}", seen=tuple(target.id for target, _ in seen)))


WORK = work_of(blue, alike)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return collected(tmp_path / "store", reply(), hosts=HOSTS)


def test_several_workers_give_the_bytes_of_one(run: Run, tmp_path: Path) -> None:
    found = []
    for workers in (1, 3):
        folder = ResultsFolder(tmp_path / str(workers))
        results = evaluate.evaluate(run, WORK, folder, workers=workers)
        stated = {
            v for f in results.findings if f.check == alike.id for v in f.detail[0].args.values()
        }
        assert stated == {tuple(target.id for target in HOSTS)}
        found.append(_files(folder.path))
    assert found[0] == found[1]


def test_a_worker_that_dies_in_a_phase_of_the_core(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, once = ResultsFolder(tmp_path / "whole"), ResultsFolder(tmp_path / "once")
    evaluate.evaluate(run, WORK, whole)
    conclude, marker, parent = Evaluator.conclude, tmp_path / "died", os.getpid()

    def dies(self: Evaluator, found: ObjectResults, *more: object) -> object:
        if os.getpid() != parent and found.object == "web3" and not marker.exists():
            marker.touch()
            os._exit(0)
        return conclude(self, found, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Evaluator, "conclude", dies)
    evaluate.evaluate(run, WORK, once)
    assert marker.exists()
    assert _files(once.path) == _files(whole.path)

    monkeypatch.setattr(Path, "touch", lambda self: None)  # it dies each time
    marker.unlink()
    with pytest.raises(ConfigError, match="conclude @web3"):
        evaluate.evaluate(run, WORK, once)
    assert _files(once.path) == _files(whole.path)


def _killed_while_it_evaluates(run: Run, folder: ResultsFolder, after: int) -> None:
    """Another process evaluates `run` and is killed when it has stored `after` objects."""
    reported, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        add, count = ResultsFolder.add, 0

        def held(self: ResultsFolder, object: ObjectResults) -> tuple[str, int]:
            nonlocal count
            count += 1
            if count > after:
                os.write(tell, b"held")
                while os.getppid() == evaluating:
                    time.sleep(0.01)
                os._exit(0)
            return add(self, object)

        evaluating = os.getpid()
        ResultsFolder.add = held  # type: ignore[method-assign]
        evaluate.evaluate(run, work_of(blue), folder, workers=1)
        os._exit(0)
    os.close(tell)
    assert os.read(reported, 4) == b"held"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert os.read(reported, 4) == b""  # its worker is gone as well
    os.close(reported)


def test_sigkill_leaves_the_results_before_or_none(run: Run, tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "results")
    _killed_while_it_evaluates(run, folder, 3)
    assert len(_files(folder.path)) == 3
    assert folder.stored() is None

    before = evaluate.evaluate(run, WORK, folder)
    kept = _files(folder.path)
    assert len(kept) == len(HOSTS) + 2 + 1
    _killed_while_it_evaluates(run, folder, 3)
    there = _files(folder.path)
    assert there.items() > kept.items()
    again = folder.stored()
    assert again is not None
    assert again.index == before.index
    assert list(again.findings) == list(before.findings)

    evaluate.evaluate(run, WORK, folder)
    assert _files(folder.path) == kept


HOSTILE = """
    import os, stat, struct
    for fd in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.write(fd, struct.pack("<I", 5) + b"hello")
        except OSError:
            pass
"""


def test_a_check_that_writes_into_the_pipe_of_its_worker(toys: Toy) -> None:
    module, first = toys.package / "__init__.py", "    return expect(seen"
    module.write_text(module.read_text().replace(first, f"{HOSTILE}{first}", 1))
    toys.colours("blue", "blue")
    words = ("run", "toy", "--store", toys.base / "store", "--format", "json")
    done = dengbao(*words, env=toys.env, fresh=True).ended(0)
    found = {f["check"]: (f["verdict"], f["why"]) for f in done.json["findings"]}
    assert found["toy.blue"] == ("undetermined", "fault")
    # Where the bytes are read only when the next check runs, that one is blamed, too; it never
    # passes on them.
    assert found["toy.second"] in (("pass", ""), ("undetermined", "fault"))


STALE = "The stored results come from other code, another policy or other answers"


def test_stored_results_are_read_until_code_or_policy_changes(toys: Toy) -> None:
    toys.colours("red", "blue")
    toys.run().ended(0)
    store, pack = toys.base / "store", toys.base / "pack.zip"
    (index,) = store.glob("runs/*/results/*/index.json")
    commands = (["results", "latest"], ["pack", "latest", "-o", pack])

    def evaluated(*words: object) -> bool:
        """Whether `words` store results; that it is told then."""
        before = index.stat().st_ino, index.stat().st_mtime_ns
        stated = STALE in toys(*words, "--store", store).stderr
        anew = before != (index.stat().st_ino, index.stat().st_mtime_ns)
        assert stated == anew
        return anew

    for words in commands:
        assert not evaluated(*words)
    changes = {"__init__.py": "# other code\n", "mappings/toy.yaml": "# other policy\n"}
    for name, more in changes.items():
        for words in commands:
            with (toys.package / name).open("a") as handle:
                handle.write(more)
            assert evaluated(*words)
            assert not evaluated(*words)
