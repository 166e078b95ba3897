"""The results document: what evaluation produces, what `results` prints and exporters read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.model import Conclusion, Finding, Message, Target
from audit_core.model.units import WHOLE_CLAUSE, Step, UnitRule

SCHEMA = "dengbao/results/1"


class RunStamp(Struct, frozen=True, kw_only=True):
    """Which run this is and with what it was made. Times are UTC, ISO 8601.

    `plugins` maps plugin name to version, `policy` catalog or profile id to its SHA-256.
    """

    id: str
    started: str
    ended: str
    profile: str
    dengbao: str
    plugins: dict[str, str]
    policy: dict[str, str]
    complete: bool
    bundles: dict[str, str]
    faults: tuple[str, ...] = ()
    system: str = ""


class Clause(Struct, frozen=True, kw_only=True):
    """One requirement item (测评项) as data. Texts are gists in own words, never the standard's.

    `layer`, `control_point` and `gist` are Chinese; the `_en` twins are translations. `methods`
    are of interview, examine, test. `objects` is the object list of GB/T 28448 as data. The clause
    has a conclusion on objects of the types in `concerns`; those not in `applies_to` never have
    the item. `confidence` says how sure the source of the row is; anything but `read` must be
    shown as unverified.
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
    attribute: str = ""
    methods: tuple[str, ...] = ()
    objects: str = ""
    applies_to: tuple[str, ...] = ()
    concerns: tuple[str, ...] = ()
    steps: tuple[Step, ...] = (Step(),)
    rule: UnitRule = WHOLE_CLAUSE
    high_risk_rule: str = ""
    confidence: str = "read"
    note: str = ""


class CheckInfo(Struct, frozen=True, kw_only=True):
    """What a reader needs to know of a check."""

    id: str
    title: Message
    severity: str
    version: int


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
    how: str
    detail: str
    truncated: bool
    redactions: tuple[str, ...]
    stdout_sha256: str
    stderr_sha256: str
    stdout_size: int
    stderr_size: int


class Results(Struct, frozen=True, kw_only=True):
    """Everything that evaluation says about one run, language-free."""

    schema: str
    run: RunStamp
    title: str
    title_en: str
    targets: tuple[Target, ...]
    clauses: tuple[Clause, ...]
    checks: tuple[CheckInfo, ...]
    findings: tuple[Finding, ...]
    conclusions: tuple[Conclusion, ...]
    observations: tuple[Evidence, ...]


class PackSource:
    """What an exporter is given: the results, the language, and a way to read evidence bytes.

    `blob(sha256)` is the stored bytes of an output. `evidence_path(digest)` is where the pack puts
    that observation, relative to the workbook. `say(message)` renders a Message.
    """

    def __init__(
        self,
        results: Results,
        *,
        lang: str,
        blob: Callable[[str], bytes],
        evidence_path: Callable[[str], str],
        say: Callable[..., str],
        root_digest: str,
        digests: dict[str, dict[str, str]],
    ) -> None:
        self.results = results
        self.lang = lang
        self.blob = blob
        self.evidence_path = evidence_path
        self.say = say
        self.root_digest = root_digest
        self.digests = digests


def encode(document: Any) -> bytes:
    """`document` as canonical JSON: the same value is always the same bytes, newline at the end."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=1) + b"\n"


def decode(raw: bytes) -> Results:
    """The results in `raw`; raises msgspec.DecodeError or ValidationError for anything else."""
    return msgspec.json.decode(raw, type=Results)
