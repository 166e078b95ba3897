"""Evaluates a run in worker processes, so that a check or parser that hangs costs only itself.

Evaluation is a pure function of bundles and policy, so a group can be begun again: what hung or
killed its worker is left out the next time round and becomes a finding that names the fault. The
parent runs no code of a plugin and stays alive whatever one does. It keeps of each object only what
the index says of it, and counts for the objects of the whole system.
"""

from __future__ import annotations

import select
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec
from msgspec import Struct, structs

from audit_core.api.forks import processors
from audit_core.evaluate.compute import Evaluator, Work
from audit_core.evaluate.retests import Interned, packed
from audit_core.evaluate.roll_ups import EVERYTHING, RolledUp
from audit_core.evaluate.schedule import Schedule
from audit_core.evaluate.skipped import SkippedSteps, Step, can_be_skipped, step_name
from audit_core.evaluate.tally import Totals, tallied
from audit_core.evaluate.workers import Handler, Worker
from audit_core.model import Finding, Message, errors, json_safe, msg
from audit_core.model.errors import ConfigError, DengbaoError
from audit_core.model.results import ObjectEntry, ObjectResults, Results, findings_in
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run

STEP_SECONDS = 10.0
_LOOKS = 20  # how often in STEP_SECONDS the parent checks the progress of a worker
_PATIENCE = 6  # times as long for a phase of ours, such as reading a bundle from a slow disk
# What wrote to the pipe of a worker is known by the step that runs when it is read. A worker that
# is tried again waits between steps, so that it is read before the next one begins. A group whose
# worker dies in a phase of ours is tried once with each pause (s).
_PAUSES = (0.0, 0.02, 0.1, 0.4)
_GROUPS_EACH = 4  # a worker for fewer groups costs more than it saves


class _Order(Struct, frozen=True):
    """What a worker is to make of one group: what others need of it, or its results."""

    number: int
    skipped: tuple[str, ...]
    share: bool
    pause_s: float = 0.0


class _Broken(Struct, frozen=True):
    exit_code: int
    detail: Message


class _Outcome(Struct, frozen=True, kw_only=True):
    """What a worker made of the objects of one group.

    Of each it is the entry or, where findings on others count for it, what was `found`. `counted`
    are their conclusions, `rolled_up` is for which objects the findings on each count. `shared` is
    what others need of the group, `broken` an error of the worker instead.
    """

    shared: bytes = b""
    entries: tuple[ObjectEntry, ...] = ()
    counted: tuple[tuple[msgspec.Raw, ...], ...] = ()
    found: tuple[ObjectResults, ...] = ()
    rolled_up: tuple[RolledUp, ...] = ()
    broken: _Broken | None = None


def evaluate(
    run: Run,
    work: Work,
    folder: ResultsFolder | None = None,
    *,
    step_seconds: float = STEP_SECONDS,
    workers: int | None = None,
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> Results:
    """The results of `run`, stored in `folder`, by default that of the run.

    `on_done` gets how many groups of how many are evaluated.

    Raises what broken input raises, and StoreError where they cannot be stored; what was stored
    before is then untouched.
    """
    folder = folder or ResultsFolder(run.results_path(work.profile.id))
    folder.begin()
    evaluator = Evaluator(run, work)
    count = len(evaluator.roots)
    most = min(workers or processors(), max(1, -(-count // _GROUPS_EACH)))
    pool = _Pool(partial(_handled, evaluator, folder), run.id, most, step_seconds)
    hung: dict[int, frozenset[str]] = {}
    numbers = evaluator.shared_by()
    shared = list(pool.outcomes(numbers, hung, share=True)) if numbers else []
    evaluator.with_shared(outcome.shared for outcome in shared)
    everything = _Everything(evaluator)
    for done, outcome in enumerate(pool.outcomes(range(count), hung), 1):
        on_done(done, count)
        everything.add(outcome)
    for one in _concluded(evaluator, folder, everything):
        everything.add_concluded(one, evaluator.entry(one, *folder.add(one), whole=True))
    index = evaluator.index([everything.entries[id] for id in evaluator.objects])
    waivers = evaluator.waived(Results(index, folder.load))
    system = everything.overall.concluded()
    return folder.finish(structs.replace(index, system=system, waivers=waivers))


# --- in a worker ----------------------------------------------------------------------------------


def _handled(evaluator: Evaluator, folder: ResultsFolder, raw: bytes, step: Step) -> bytes:
    order = msgspec.json.decode(raw, type=_Order)
    try:
        outcome = _made(evaluator, folder, order, step)
    except DengbaoError as error:
        broken = _Broken(error.exit_code, json_safe(error.detail))
        outcome = _Outcome(broken=broken)
    return msgspec.json.encode(outcome)


def _made(evaluator: Evaluator, folder: ResultsFolder, order: _Order, step: Step) -> _Outcome:
    number, root = order.number, evaluator.roots[order.number]
    if order.pause_s:
        step = _slowed(step, order.pause_s)
    skipped = SkippedSteps(frozenset(order.skipped))
    if order.share:
        return _Outcome(shared=evaluator.share(number, skipped, step))
    every = evaluator.evaluate_group(number, skipped, step)
    rolled_up = tuple(evaluator.rolled_up(number, found) for found in every)
    step(step_name("conclude", "", root))
    concluded = [
        evaluator.conclude(found, counts.get(EVERYTHING) or tallied(found.findings))
        for found, counts in zip(every, rolled_up, strict=True)
        if not evaluator.takes_others(found)
    ]
    step(step_name("store", "", root))
    return _Outcome(
        entries=tuple(evaluator.entry(one, *folder.add(one), whole=False) for one in concluded),
        counted=tuple(packed(evaluator.counted(one)) for one in concluded),
        found=tuple(filter(evaluator.takes_others, every)),
        rolled_up=rolled_up,
    )


def _slowed(step: Step, pause_s: float) -> Step:
    def slowed(name: str) -> None:
        time.sleep(pause_s)
        step(name)

    return slowed


# --- in the parent --------------------------------------------------------------------------------


class _Everything:
    """What is kept of the outcomes of all objects.

    They are added up while the workers go on: reading 10,000 results again took two minutes.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self.entries: dict[str, ObjectEntry] = {}
        self.concluded_last: list[ObjectResults] = []
        self.totals: dict[str, Totals] = {}
        self.overall = evaluator.overall()
        self._interned = Interned()

    def add(self, outcome: _Outcome) -> None:
        self.entries |= {entry.object: entry for entry in outcome.entries}
        for entry, counted in zip(outcome.entries, outcome.counted, strict=True):
            self.overall.add(entry.object, self._interned.read(counted))
        self.concluded_last += outcome.found
        for rolled_up in outcome.rolled_up:
            for object, tallies in rolled_up.items():
                self.totals.setdefault(object, Totals()).add(tallies)

    def add_concluded(self, object: ObjectResults, entry: ObjectEntry) -> None:
        self.entries[entry.object] = entry
        self.overall.add(entry.object, self._evaluator.counted(object))


def _concluded(
    evaluator: Evaluator, folder: ResultsFolder, everything: _Everything
) -> Iterator[ObjectResults]:
    """The objects for which findings on others count: they are concluded last.

    Each comes with the findings on others that its conclusions name.
    """
    concluded = [
        evaluator.conclude(one, evaluator.rolled_up_for(one.object, everything.totals))
        for one in everything.concluded_last
    ]
    named = {id for one in concluded for c in one.conclusions for id in c.findings}
    known = {f.id: f for f in _named(evaluator, folder, everything, named)}
    for one in concluded:
        wanted = {id for c in one.conclusions for id in c.findings}
        wanted -= {finding.id for finding in one.findings}
        yield structs.replace(one, cited=tuple(known[id] for id in sorted(wanted)))


def _named(
    evaluator: Evaluator, folder: ResultsFolder, everything: _Everything, ids: set[str]
) -> Iterator[Finding]:
    """The findings of these ids, wherever they stand."""
    objects = {evaluator.object_of(id) for id in ids}
    for entry in tuple(everything.entries.values()):
        if entry.object in objects:
            yield from (f for f in findings_in(folder.load(entry)) if f.id in ids)
    yield from (f for one in everything.concluded_last for f in one.findings if f.id in ids)


class _Pool:
    """The workers of one evaluation; `most` at once, each begun when there is something to do."""

    def __init__(self, handler: Handler, run: str, most: int, step_seconds: float) -> None:
        self._handler, self._run = handler, run
        self._most, self._seconds = most, step_seconds
        self._schedule: Schedule[_Outcome] = Schedule((), {})
        self._share = False
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._tries: Counter[int] = Counter()
        self._next_look = 0.0

    def outcomes(
        self, numbers: Sequence[int], hung: dict[int, frozenset[str]], *, share: bool = False
    ) -> Iterator[_Outcome]:
        """What is made of the groups of these numbers, in order; every worker is gone at the end.

        `hung` are the steps to leave out from the start, and gets those that hang.
        """
        self._schedule, self._share = Schedule(numbers, dict(hung)), share
        taken = iter(numbers)
        try:
            while not self._schedule.finished:
                self._begin()
                for worker in self._ready():
                    for own, outcome in self._read(worker):
                        number = next(taken)
                        hung |= {number: own} if own else {}
                        yield outcome
                self._look()
        finally:
            for worker in (*self._idle, *self._busy):
                worker.end()
            self._idle, self._busy = [], []

    def _begin(self) -> None:
        """Every worker that may run has something to do."""
        while self._idle or len(self._busy) < self._most:
            number = self._schedule.next()
            if number is None:
                return
            worker = self._idle.pop() if self._idle else Worker(self._handler, self._busy)
            skipped = tuple(self._schedule.skipped(number).steps)
            self._busy.append(worker)
            order = _Order(number, skipped, self._share, _PAUSES[self._tries[number]])
            worker.begin(number, msgspec.json.encode(order))

    def _ready(self) -> list[Worker]:
        """The workers that have sent something or died, waiting for one a little."""
        ready, _, _ = select.select(self._busy, [], [], self._seconds / _LOOKS)
        return ready

    def _read(self, worker: Worker) -> Iterator[tuple[frozenset[str], _Outcome]]:
        try:
            raw = worker.read()
        except EOFError:
            self._lost(worker)
            return
        if raw is None:
            return
        try:
            outcome = msgspec.json.decode(raw, type=_Outcome)
        except msgspec.MsgspecError:  # a check wrote to the pipe: what else did it?
            self._lost(worker)
            return
        if outcome.broken is not None:
            raise _again(outcome.broken)
        number = worker.number
        self._busy.remove(worker)
        self._idle.append(worker)
        self._begin()  # the worker goes on while its outcome is counted
        yield from self._schedule.made(number, outcome)

    def _look(self) -> None:
        """Kills workers that make no progress for too long.

        Checks are counted, not time, so that a suspended machine does not count as a hang.
        """
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + self._seconds / _LOOKS
        for worker in tuple(self._busy):
            looks = _LOOKS if can_be_skipped(worker.step) else _LOOKS * _PATIENCE
            if worker.stood_still() > looks:
                self._lost(worker)

    def _lost(self, worker: Worker) -> None:
        """Starts the group of a hung or crashed worker again, without the step that caused it."""
        number, step = worker.number, worker.step
        self._busy.remove(worker)
        worker.end()
        if can_be_skipped(step) and step not in self._schedule.skipped(number):
            self._schedule.hung(number, step)
            return
        self._tries[number] += 1
        if self._tries[number] >= len(_PAUSES):
            raise ConfigError(
                msg("{name}: the evaluation crashed ({step})", name=self._run, step=step)
            )
        self._schedule.again(number)


def _again(broken: _Broken) -> DengbaoError:
    classes = (errors.UsageError, errors.InputError, errors.StoreError, errors.ConfigError)
    made = next((c for c in classes if c.exit_code == broken.exit_code), ConfigError)
    return made(broken.detail)
