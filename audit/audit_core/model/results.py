"""What evaluation produces, what `results` prints and exporters read.

An index and, for each object, a file of its own: nothing has to hold all of a large run at once.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from audit_core.model import (
    AboutLine,
    Conclusion,
    Finding,
    Message,
    SessionInfo,
    Target,
    msg,
    root_of,
    verbatim,
)
from audit_core.model.attestations import IssueNote, Retest
from audit_core.model.errors import InputError
from audit_core.model.names import Named, SystemObject
from audit_core.model.overall import SystemConclusion, WaiverResult
from audit_core.model.overrides import OverrideInfo
from audit_core.model.review import IssueBefore, RecordProblem
from audit_core.model.units import WHOLE_CLAUSE, Step, UnitRule

INDEX_SCHEMA = "dengbao/results-index/1"
OBJECT_SCHEMA = "dengbao/object-results/1"


class RunStamp(Struct, frozen=True, kw_only=True):
    """Which run this is and with what it was made. Times are UTC, ISO 8601.

    `plugins` maps plugin name to version, `policy` catalog or profile id to its SHA-256. `code` is
    one SHA-256 over the files of program, plugins and policy. `sealed` says that the collection
    came to its end. `answers` is the digest (hex) of the answers of people, empty for none;
    `judged` the day (UTC) on which they are judged: that of the collection, or one that was given.
    """

    id: str
    started: str
    ended: str
    profile: str
    dengbao: str
    plugins: dict[str, str]
    policy: dict[str, str]
    sealed: bool
    bundles: dict[str, str]
    faults: tuple[Message, ...] = ()
    system: str = ""
    code: str = ""
    answers: str = ""
    judged: str = ""


class RelatedClause(Struct, frozen=True, kw_only=True):
    """A clause of another catalog that has to do with one, and the checks that speak for both."""

    catalog: str
    clause: str
    checks: tuple[str, ...] = ()


class Clause(Struct, frozen=True, kw_only=True):
    """One requirement item (测评项) as data. Texts are gists in own words, never the standard's.

    `layer`, `control_point` and `gist` are Chinese; the `_en` twins are translations. `methods`
    are of interview, examine, test. `objects` is the object list of GB/T 28448 as data. The clause
    has a conclusion on objects of the types in `concerns`; those not in `applies_to` never have
    the item. `related` are clauses of other catalogs whose evidence counts here, too. `confidence`
    says how sure the source of the row is; anything but `read` must be shown as unverified. `harm`
    is what may happen where it is not met: a proposal of ours, for people to review.
    """

    catalog: str
    id: str
    unit: str | None = None
    level: int | None = None
    scope: str = "general"
    layer: str = ""
    layer_id: str = ""
    layer_en: str = ""
    control_point: str = ""
    control_point_en: str = ""
    gist: str = ""
    gist_en: str = ""
    harm: str = ""
    harm_en: str = ""
    attribute: str = ""
    methods: tuple[str, ...] = ()
    objects: str = ""
    applies_to: tuple[str, ...] = ()
    concerns: tuple[str, ...] = ()
    steps: tuple[Step, ...] = (Step(),)
    rule: UnitRule = WHOLE_CLAUSE
    high_risk_rule: str = ""
    related: tuple[RelatedClause, ...] = ()
    confidence: str = "read"
    note: str = ""


class CheckInfo(Struct, frozen=True, kw_only=True):
    """The description of a check for readers of results."""

    id: str
    title: Message
    severity: str
    version: int


class KindInfo(Struct, frozen=True, kw_only=True):
    """A kind of target, or of evidence, as its plugin calls it.

    `unverified` says what of it was never tried on a real system.
    """

    id: str
    title: Message
    unverified: Message | None = None


class Evidence(Struct, frozen=True, kw_only=True):
    """One observation as the evidence index lists it; `digest` is what findings refer to."""

    digest: str
    target: str
    kind: str
    asked: str
    privilege: str
    status: str
    exit_code: int | None
    started: str
    ended: str
    how: SessionInfo
    detail: Message | None
    truncated: bool
    redactions: tuple[str, ...]
    stdout_sha256: str
    stderr_sha256: str
    stdout_size: int
    stderr_size: int


class FactValue(Struct, frozen=True, kw_only=True):
    """A fact about one target: its value as JSON, or why there is none. `detail` is for the reader.

    `reason` is empty where `value` holds; `incomplete` then says what is missing of it, `sources`
    from which facts it was taken.
    """

    target: str
    fact: str
    value: Any = None
    reason: str = ""
    detail: Message | None = None
    incomplete: tuple[Message, ...] = ()
    sources: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


class TargetState(enum.StrEnum):
    """How far a target was reached. NOTHING_ASKED: no check puts a request to it."""

    REACHED = "reached"
    PARTLY_ANSWERED = "partly_answered"
    NOT_REACHED = "not_reached"
    NOTHING_ASKED = "nothing_asked"


class TargetStatus(Struct, frozen=True, kw_only=True):
    """How far `target` was reached; `why` is a code, `detail` says it, `remedy` what helps."""

    target: str
    state: TargetState
    why: str = ""
    detail: Message | None = None
    remedy: Message | None = None

    @property
    def carried_out(self) -> bool:
        """Whether everything that was to be asked of it was asked and answered."""
        return self.state in (TargetState.REACHED, TargetState.NOTHING_ASKED)


class ObjectResults(Struct, frozen=True, kw_only=True):
    """Everything that evaluation says about one object and its parts, language-free.

    A part that is an object of its own has results of its own.

    `about` says what the object is, as plugins tell it from facts.

    `cited` are the findings on other objects that its conclusions name: those of an object of the
    whole system rest on what was found anywhere. `targets` are the object and its parts.
    """

    schema: str
    object: str
    findings: tuple[Finding, ...]
    cited: tuple[Finding, ...] = ()
    conclusions: tuple[Conclusion, ...]
    observations: tuple[Evidence, ...]
    facts: tuple[FactValue, ...] = ()
    targets: tuple[TargetStatus, ...] = ()
    about: tuple[AboutLine, ...] = ()


class ObjectEntry(Struct, frozen=True, kw_only=True):
    """One object in the index: the digest and size of its file, and what is counted in it.

    `verdicts` counts findings by verdict, `failed` those that failed by severity, `undetermined`
    those by their reason, `conclusions` by layer (in Chinese) and result,
    `pending` those that answers of people may still better. `whole` says that its
    conclusions rest on what was found on any object. `targets` are the object and its parts.
    """

    object: str
    sha256: str
    size: int
    whole: bool = False
    targets: tuple[TargetStatus, ...] = ()
    verdicts: dict[str, int] = {}
    failed: dict[str, int] = {}
    undetermined: dict[str, int] = {}
    conclusions: dict[str, dict[str, int]] = {}
    pending: int = 0
    observations: int = 0
    root_refused: int = 0


class ResultsIndex(Struct, frozen=True, kw_only=True):
    """The index of the results of one run; the results of each object are in files of their own.

    `kinds` are those of the targets, `evidence_kinds` those of the evidence, as far as a plugin
    offers them. `object_types` and `system_objects` are the names that the catalogs give.
    `overrides` are the parameters that the profile changes for some targets, or loosens. `system`
    is what each grading says of the whole, the default one of each catalog first. `waivers` are
    those that were given with the run, `issue_notes` what people recorded of issues, `retests` the
    newest re-test of each clause on each object since the collection.
    """

    schema: str
    run: RunStamp
    title: str
    title_en: str
    targets: tuple[Target, ...]
    clauses: tuple[Clause, ...]
    checks: tuple[CheckInfo, ...]
    objects: tuple[ObjectEntry, ...]
    kinds: tuple[KindInfo, ...] = ()
    evidence_kinds: tuple[KindInfo, ...] = ()
    object_types: tuple[Named, ...] = ()
    system_objects: tuple[SystemObject, ...] = ()
    overrides: tuple[OverrideInfo, ...] = ()
    system: tuple[SystemConclusion, ...] = ()
    waivers: tuple[WaiverResult, ...] = ()
    issue_notes: tuple[IssueNote, ...] = ()
    retests: tuple[Retest, ...] = ()


class _Findings(Struct):
    findings: tuple[Finding, ...]


class _Conclusions(Struct):
    conclusions: tuple[Conclusion, ...]


class _Observations(Struct):
    observations: tuple[Evidence, ...]


class _Facts(Struct):
    facts: tuple[FactValue, ...] = ()


_ButFacts = msgspec.defstruct(
    "_ButFacts",
    [(f.name, f.type, f.default) for f in structs.fields(ObjectResults) if f.name != "facts"],
    kw_only=True,
)


T = TypeVar("T")


def findings_in(raw: bytes) -> tuple[Finding, ...]:
    """The findings in the file of one object, and nothing else of it; raises InputError."""
    return _decoded(raw, _Findings).findings


def _decoded(raw: bytes, part: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=part)
    except msgspec.MsgspecError as error:
        raise InputError(
            msg("The stored results cannot be read: {error}; dengbao evaluate makes them anew",
                error=verbatim(str(error)))
        ) from error  # fmt: skip


class Results:
    """The results of one run. Of the objects only what is being looked at is in memory.

    `load` gives the bytes of the file of an object; it raises InputError where they are not those
    that the index names.
    """

    def __init__(self, index: ResultsIndex, load: Callable[[ObjectEntry], bytes]) -> None:
        self.index = index
        self.load = load
        self.run = index.run
        self.title, self.title_en = index.title, index.title_en
        self.targets, self.clauses, self.checks = index.targets, index.clauses, index.checks
        self.entries = index.objects
        self.system, self.waivers = index.system, index.waivers

    @property
    def statuses(self) -> Iterator[TargetStatus]:
        """The status of every target."""
        return (status for entry in self.entries for status in entry.targets)

    @property
    def complete(self) -> bool:
        """Whether the run was carried out in full: every target was reached and answered."""
        return self.run.sealed and all(status.carried_out for status in self.statuses)

    @cached_property
    def object_of(self) -> Mapping[str, str]:
        """The id of the object that each target counts for, by the id of the target."""
        return {s.target: entry.object for entry in self.entries for s in entry.targets}

    def bundle_of(self, entry: ObjectEntry) -> str:
        """The target whose bundle holds what was observed of that object.

        A database on a host is reached through the host, and so is in its bundle.
        """
        return root_of(self._by_id[entry.object], self._by_id).id

    @cached_property
    def _by_id(self) -> dict[str, Target]:
        return {target.id: target for target in self.targets}

    def object(self, entry: ObjectEntry) -> ObjectResults:
        """Everything about the object of `entry` but its facts.

        They are two thirds of its file, and who writes or checks records needs none of them.
        """
        return ObjectResults(**structs.asdict(self._part(entry, _ButFacts)))

    @property
    def findings(self) -> Iterator[Finding]:
        """All findings, object by object."""
        return (f for e in self.entries for f in findings_in(self.load(e)))

    @property
    def conclusions(self) -> Iterator[Conclusion]:
        """All conclusions, object by object."""
        return (c for e in self.entries for c in self._part(e, _Conclusions).conclusions)

    @property
    def observations(self) -> Iterator[Evidence]:
        """All observations, object by object."""
        return (o for e in self.entries for o in self.observations_of(e))

    def findings_of(self, entry: ObjectEntry) -> tuple[Finding, ...]:
        """The findings on one object and its parts."""
        return findings_in(self.load(entry))

    def observations_of(self, entry: ObjectEntry) -> tuple[Evidence, ...]:
        """What was observed of one object and its parts."""
        return self._part(entry, _Observations).observations

    def facts_of(self, entry: ObjectEntry) -> tuple[FactValue, ...]:
        """What is known of one object and its parts."""
        return self._part(entry, _Facts).facts

    def _part(self, entry: ObjectEntry, part: type[T]) -> T:
        return _decoded(self.load(entry), part)


def number_width(results: Results) -> int:
    """The digits of the number of an observation, the same for all of a run."""
    return max(5, len(str(sum(entry.observations for entry in results.entries))))


def total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """The counts of all of `counts`, added up by result."""
    added: Counter[str] = Counter()
    for more in counts:
        added.update(more)
    return added


class PackSource:
    """What an exporter is given: the results, the language, and a way to read evidence bytes.

    `evidence_path(number, seen)` is where the pack puts that observation, relative to the workbook;
    observations are numbered from 1 in the order of the results. `say(message)` renders a Message.

    `digests(object)` are the names of the files of the evidence on that object, each with its MD5,
    SHA-256 and, where there is one, SM3; those that belong to no object are given for an empty
    name. `files` is their number, and `root_digest` the one digest that stands for them all.

    `problems()` are what a reviewer would reject in the records. `last_time` are the issues of the
    run `last_run`, the one before, and what became of them; empty where there is none.
    """

    def __init__(
        self,
        results: Results,
        *,
        lang: str,
        evidence_path: Callable[[int, Evidence], str],
        say: Callable[..., str],
        root_digest: str,
        digests: Callable[[str], Iterable[tuple[str, dict[str, str]]]],
        files: int,
        problems: Callable[[], Iterable[RecordProblem]] = tuple,
        last_time: tuple[IssueBefore, ...] = (),
        last_run: str = "",
    ) -> None:
        self.results = results
        self.lang = lang
        self.evidence_path = evidence_path
        self.say = say
        self.root_digest = root_digest
        self.digests = digests
        self.files = files
        self.problems = problems
        self.last_time, self.last_run = last_time, last_run


def encode_pieces(
    document: Struct, rows: Mapping[str, Callable[[], Iterable[Struct]]]
) -> Iterator[bytes]:
    """`document` as `encode` gives it, with `rows` in the fields that they name, in pieces.

    Only some of the rows are in memory.
    """
    for number, name in enumerate(sorted(document.__struct_fields__)):
        yield b'%s\n "%s": ' % (b"," if number else b"{", name.encode())
        if name in rows:
            yield from _array(rows[name]())
        else:
            yield _shifted(getattr(document, name), b"\n ")
    yield b"\n}\n"


_AT_ONCE = 64
"""Rows that are formatted together: a large pack has 300,000."""


def _array(rows: Iterable[Struct]) -> Iterator[bytes]:
    left, before = iter(rows), b"["
    while some := tuple(islice(left, _AT_ONCE)):
        yield before + _shifted(some, b"\n ").removeprefix(b"[").removesuffix(b"\n ]")
        before = b","
    yield b"[]" if before == b"[" else b"\n ]"


def _shifted(value: Any, newline: bytes) -> bytes:
    # No string in JSON holds a newline.
    return encode(value).rstrip(b"\n").replace(b"\n", newline)


def encode(document: Any) -> bytes:
    """`document` as canonical JSON: the same value is always the same bytes, newline at the end."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=1) + b"\n"
