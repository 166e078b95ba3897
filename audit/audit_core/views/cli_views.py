"""What the listing commands print with `--format json`, as types: stable for other programs. PURE.

Lists are arrays of rows; what is one thing is an object that carries its `schema`. Titles and
sentences are in the language of the command, all else is code and never translated.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

CHECK_VIEW = "dengbao/check-view/1"
LINT_VIEW = "dengbao/lint-view/1"
RECORD_LINT_VIEW = "dengbao/record-lint-view/1"
PROFILE_TEST_VIEW = "dengbao/profile-test-view/1"
PLAN_VIEW = "dengbao/plan-view/1"
SUGGEST_VIEW = "dengbao/suggest-view/1"


class CatalogRow(Struct, frozen=True, kw_only=True):
    """A catalog, as `dengbao catalog list` prints it."""

    id: str
    title: str
    edition: str
    confidence: str
    clauses: int


class RunRow(Struct, frozen=True, kw_only=True):
    """A stored run, as `dengbao runs list` prints it.

    `status` is `complete` (carried out in full), `not_in_full`, `not_evaluated` or `cut_off`.
    """

    id: str
    started: str
    profile: str
    status: str
    targets: int | None


class ProfileRow(Struct, frozen=True, kw_only=True):
    """A profile, as `dengbao profile list` prints it; `extends` is empty where it extends none."""

    id: str
    title: str
    extends: str


class BoundCheck(Struct, frozen=True, kw_only=True):
    """A check that a profile binds to a step of a clause, and what it decides of it."""

    check: str
    step: int | None
    role: str


class ClauseRow(Struct, frozen=True, kw_only=True):
    """A clause of a profile, as `dengbao profile show` prints it."""

    catalog: str
    clause: str
    unit: str
    gist: str
    checks: tuple[BoundCheck, ...]


class SettingRow(Struct, frozen=True, kw_only=True):
    """A parameter of a check, as `dengbao profile show --resolved` prints it."""

    check: str
    parameter: str
    value: str
    stricter: str
    where: str
    source: str
    reason: str
    approver: str


class DifferenceRow(Struct, frozen=True, kw_only=True):
    """A difference between two profiles, as `dengbao profile diff` prints it."""

    part: str
    name: str
    left: str
    right: str


class OutcomeRow(Struct, frozen=True, kw_only=True):
    """An expectation of a profile test with what came out."""

    file: str
    line: int
    run: str
    what: str
    expected: str
    got: str
    holds: bool
    detail: str


class ProfileTestView(Struct, frozen=True, kw_only=True):
    """The expectations of a file of profile tests, as `dengbao profile test` prints them."""

    schema: str
    profile: str
    expectations: tuple[OutcomeRow, ...]


class RecordProblemRow(Struct, frozen=True, kw_only=True):
    """A problem in the records of a run."""

    kind: str
    target: str
    catalog: str
    clause: str
    detail: str


class RecordLintView(Struct, frozen=True, kw_only=True):
    """What `dengbao lint` found, with the day on which the age of evidence was judged."""

    schema: str
    run: str
    as_of: str
    problems: tuple[RecordProblemRow, ...]


class CrosswalkRow(Struct, frozen=True, kw_only=True):
    """Two clauses that have to do with each other, as `dengbao catalog crosswalk` prints them."""

    clause: str
    gist: str
    other: str
    other_gist: str


class CheckRow(Struct, frozen=True, kw_only=True):
    """A check, as `dengbao check list` prints it."""

    id: str
    kind: str
    severity: str
    version: int
    title: str


class ParameterRow(Struct, frozen=True, kw_only=True):
    """A parameter that a profile may set; `tightens` says in which direction an overlay may."""

    name: str
    default: str
    tightens: str | None


class CheckView(Struct, frozen=True, kw_only=True):
    """A check with all its properties, as `dengbao check show` prints it.

    `code` is where its function is written, `PACKAGE/FILE.py:LINE`.
    """

    schema: str
    id: str
    title: str
    kind: str
    severity: str
    version: int
    plugin: str
    facts: tuple[str, ...]
    code: str
    parameters: tuple[ParameterRow, ...]


class PluginRow(Struct, frozen=True, kw_only=True):
    """A plugin with its number of offers, as `dengbao plugin list` prints it."""

    name: str
    version: str
    fault: str
    facts: int
    checks: int
    connectors: int
    exporters: int


class LintProblem(Struct, frozen=True, kw_only=True):
    """Something that is wrong with the policy, and where."""

    file: str
    line: int
    detail: str


class LintView(Struct, frozen=True, kw_only=True):
    """What `dengbao profile lint` found; nothing is wrong exactly where `problems` is empty."""

    schema: str
    problems: tuple[LintProblem, ...]


class RequestRow(Struct, frozen=True, kw_only=True):
    """A request that would run."""

    target: str
    privilege: str
    kind: str
    asked: str
    timeout_s: int


class PlanView(Struct, frozen=True, kw_only=True):
    """Every request that `dengbao plan` foresees; each is made at most once."""

    schema: str
    profile: str
    requests: tuple[RequestRow, ...]


class HostKeyRow(Struct, frozen=True, kw_only=True):
    """A key that a server shows, as `dengbao hostkeys` prints it.

    `state` is `known`, `unknown`, `changed`, `unreachable` or `waits` (for a host in between);
    `bits` is 0 and `type` and `fingerprint` are empty where no key was shown. `written`: the key
    was unknown and is in `file` now.
    """

    targets: tuple[str, ...]
    place: str
    state: str
    type: str
    bits: int
    fingerprint: str
    file: str
    written: bool
    detail: str


class DoctorRow(Struct, frozen=True, kw_only=True):
    """What is installed or missing here, or what a target allows, as `dengbao doctor` prints it."""

    what: str
    state: str
    detail: str


class TargetRow(Struct, frozen=True, kw_only=True):
    """A target that an inventory declares, as `dengbao inventory check` prints it."""

    id: str
    kind: str
    object_type: str
    address: str
    access: str


class SuggestedPart(Struct, frozen=True, kw_only=True):
    """A part of a target that what a run learned suggests to declare."""

    target: str
    kind: str
    id: str
    key: str
    written: dict[str, Any]
    why: str


class SuggestView(Struct, frozen=True, kw_only=True):
    """What `dengbao inventory suggest` found."""

    schema: str
    run: str
    parts: tuple[SuggestedPart, ...]
