"""The words of a pack in its language: results, kinds, rights, times and lists. Pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from audit_core.model import (
    Conclusion,
    Coverage,
    Message,
    Result,
    SessionInfo,
    Severity,
    Status,
    Value,
    Verdict,
    msg,
)
from audit_core.model.names import Named, SystemObject
from audit_core.model.results import Clause, Evidence, PackSource, TargetState

RESULTS = {
    Result.CONFORMING: msg("Conforming"),
    Result.PARTLY_CONFORMING: msg("Partly conforming"),
    Result.NONCONFORMING: msg("Nonconforming"),
    Result.NOT_APPLICABLE: msg("Not applicable"),
    Result.NOT_ASSESSED: msg("Not assessed"),
}
_VERDICTS = {
    Verdict.PASS: msg("pass"),
    Verdict.FAIL: msg("fail"),
    Verdict.NOT_APPLICABLE: msg("not applicable"),
    Verdict.UNDETERMINED: msg("not determined"),
}
_SEVERITIES = {
    Severity.HIGH: msg("High"),
    Severity.MEDIUM: msg("Medium"),
    Severity.LOW: msg("Low"),
}
_COVERAGES = {
    Coverage.FULL: msg("in full"),
    Coverage.PARTIAL: msg("in part"),
    Coverage.SUPPORTS: msg("supporting only"),
    Coverage.NONE: msg("none"),
}

_CONFIDENCES = {
    "by numbering rule": msg("number follows from the numbering rule"),
    "draft for comment, numbering may change": msg("draft for comment, numbering may change"),
    "recalled": msg("from memory"),
    "unverified": msg("source not read"),
    "unknown": msg("not in the catalog"),
}
_STATUSES = {
    Status.ANSWERED: msg("answered"),
    Status.NOT_PRESENT: msg("not present"),
    Status.NOT_PERMITTED: msg("not permitted"),
    Status.NOT_REGULAR: msg("not a regular file"),
    Status.CHANGED: msg("changed while it was read"),
    Status.TIMED_OUT: msg("timed out"),
    Status.UNREACHABLE: msg("not reachable"),
    Status.NO_REPLY: msg("no reply"),
    Status.MALFORMED: msg("malformed reply"),
    Status.FAULT: msg("fault of the tool"),
    Status.UNSUPPORTED: msg("not supported on this platform"),
}
_BY_STATUS = {status.value: label.id for status, label in _STATUSES.items()}
_RIGHTS = {"user": msg("login user"), "root": msg("root")}
_METHODS = {
    "interview": msg("interview"),
    "examine": msg("examine"),
    "test": msg("test"),
}

_EMPTY: tuple[Value, ...] = ((), None, "-", ("-",))
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_BEIJING = datetime.timezone(datetime.timedelta(hours=8))

_MOST_MADE = 4_096
"""Texts that are remembered: some 300 findings of a host, and as many of others like it."""

Counts = dict[Result, int]
T = TypeVar("T")


class Words:
    """Says in the language of `source` what the results hold as codes."""

    def __init__(self, source: PackSource) -> None:
        self.source = source
        self.zh = source.lang == "zh"
        self._fixed: dict[tuple[str, str], str] = {}
        self._coded: dict[tuple[type, Enum], str] = {}
        self._sessions: dict[SessionInfo, str] = {}
        self._made: dict[bytes, Any] = {}
        index = source.results.index
        self._kinds = {kind.id: kind.title for kind in index.kinds}
        self._evidence_kinds = {kind.id: kind.title for kind in index.evidence_kinds}
        self._types = {t.id: t for t in source.results.index.object_types}
        self.everywhere_unverified = self._everywhere()

    def text(self, source: str) -> str:
        """A fixed text of this package in the pack's language."""
        return self._without_values("audit_excel", source)

    def _without_values(self, domain: str, id: str) -> str:
        key = (domain, id)
        if key not in self._fixed:
            self._fixed[key] = self.source.say(Message(id=id, domain=domain))
        return self._fixed[key]

    def once(self, about: object, make: Callable[[], T]) -> T:
        """What `make` returns, made once for all that is `about` the same: hosts are much alike."""
        key = msgspec.msgpack.encode(about)
        found: T | None = self._made.get(key)
        if found is None:
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            self._made[key] = found = make()
        return found

    def _word(self, code: Enum, words: Mapping[Any, Message]) -> str:
        key = (type(code), code)  # codes of two kinds may be equal as texts
        if key not in self._coded:
            self._coded[key] = self.say(words[code])
        return self._coded[key]

    def say(self, message: Message) -> str:
        """`message` in the pack's language; what is empty is `none`, never a bare dash."""
        if not message.args:
            return self._without_values(message.domain, message.id)
        empty = {name: self.text("none") for name, v in message.args.items() if v in _EMPTY}
        return self.source.say(replace(message, args=message.args | empty) if empty else message)

    def moment(self, text: str) -> str:
        """A time of the results without the marks of ISO 8601; whatever else, as it stands."""
        hit = _MOMENT.fullmatch(text)
        return f"{hit[1]} {hit[2]}" if hit else text

    def local_moment(self, text: str) -> str:
        """A time of the results in UTC; in Chinese with the time in Beijing beside it."""
        if not self.zh or not _MOMENT.fullmatch(text):
            return self.moment(text)
        try:
            there = datetime.datetime.fromisoformat(text).astimezone(_BEIJING)
        except (ValueError, OverflowError):
            return self.moment(text)
        return f"{self.moment(text)}（北京时间 {there:%Y-%m-%d %H:%M:%S}）"

    @property
    def comma(self) -> str:
        """Between the items of a list."""
        return "、" if self.zh else ", "

    @property
    def semicolon(self) -> str:
        """Between the parts of a sentence."""
        return "；" if self.zh else "; "

    @property
    def disclaimer(self) -> str:
        """The line that every pack carries."""
        return self.text(
            "Self-assessment for reference; no substitute for the assessment body's conclusion"
        )

    def result(self, result: Result) -> str:
        """The word for `result` in the language of the workbook."""
        return self._word(result, RESULTS)

    def conclusion(self, conclusion: Conclusion) -> str:
        """The word of `conclusion`, marked where answers of people may still better it."""
        word = self.result(conclusion.conclusion)
        return self.say(msg("{word} (pending)", word=word)) if conclusion.pending else word

    def verdict(self, verdict: Verdict) -> str:
        """The word for `verdict` in the language of the workbook."""
        return self._word(verdict, _VERDICTS)

    def severity(self, severity: Severity) -> str:
        """The word for `severity` in the language of the workbook."""
        return self._word(severity, _SEVERITIES)

    def coverage(self, coverage: Coverage) -> str:
        """The word for `coverage` in the language of the workbook."""
        return self._word(coverage, _COVERAGES)

    def kind(self, kind: str) -> str:
        """`kind` as its plugin calls it; one that no plugin offered is its id."""
        return self.say(self._kinds[kind]) if kind in self._kinds else kind

    def object_type(self, type: str) -> str:
        """`type` as the catalogs name it; one that they do not know is its id."""
        known = self._types.get(type)
        return type if known is None else self.name_of(known)

    def name_of(self, named: Named | SystemObject) -> str:
        """The name of `named` in the pack's language."""
        return named.zh if self.zh else named.en

    def status(self, evidence: Evidence) -> str:
        """How asking ended, in words."""
        known = _BY_STATUS.get(evidence.status)
        return self.text(known) if known else evidence.status

    def asked(self, evidence: Evidence) -> str:
        """What kind of question it was, in words."""
        title = self._evidence_kinds.get(evidence.kind)
        return evidence.kind if title is None else self.say(title)

    def session(self, evidence: Evidence) -> str:
        """Over what, as whom and where it was asked; record sheets have the session in full."""
        if evidence.how not in self._sessions:
            short = replace(evidence.how, identity="", server="")
            self._sessions[evidence.how] = self.say(short.as_message())
        return self._sessions[evidence.how]

    def rights(self, evidence: Evidence) -> str:
        """With which rights it was asked, in words."""
        if not evidence.how.user and evidence.how.uid is None:
            return self.text("without login")
        known = _RIGHTS.get(evidence.privilege)
        return self.text(known.id) if known else evidence.privilege

    def listed(self, value: object) -> str:
        """A setting or a parameter as text: lists as lists are written, whole numbers whole."""
        if isinstance(value, list | tuple | set | frozenset):
            return self.comma.join(self.listed(v) for v in value) or self.text("none")
        if isinstance(value, bool):
            return self.text("yes") if value else self.text("no")
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value) if isinstance(value, str | int | float) else repr(value)

    def says(self, messages: Sequence[Message]) -> str:
        """`messages` in the language of the workbook, joined by semicolons."""
        return self.semicolon.join(self.say(m) for m in messages)

    def methods(self, clause: Clause) -> str:
        """By which methods a person assesses `clause`, in words; empty where nothing says it."""
        return self.comma.join(self.say(_METHODS[m]) for m in clause.methods if m in _METHODS)

    def method(self, method: str) -> str:
        """A method of assessment in words."""
        return self.say(_METHODS[method]) if method in _METHODS else method

    def layer(self, clause: Clause) -> str:
        """The name of the layer that `clause` belongs to."""
        name = (clause.layer if self.zh else clause.layer_en) or clause.layer
        return name or self.text("Other items")

    def control_point(self, clause: Clause) -> str:
        """The control point of `clause`."""
        return (clause.control_point if self.zh else clause.control_point_en) or (
            clause.control_point
        )

    def unverified(self, clause: Clause) -> str:
        """The note that a clause carries unless its row was read in a source; else empty."""
        if clause.confidence == "read":
            return ""
        known = _CONFIDENCES.get(clause.confidence)
        how = self.say(known) if known else clause.confidence
        return self.say(msg("Unverified ({confidence})", confidence=how))

    def _everywhere(self) -> str:
        """The note that every clause carries; it stands on the cover, and the mark ※ elsewhere."""
        notes = {self.unverified(clause) for clause in self.source.results.clauses}
        return notes.pop() if len(notes) == 1 else ""

    def unverified_line(self, clause: Clause) -> str:
        """The line that a text about `clause` has below, where the cover does not have it."""
        note = self.unverified(clause)
        return f"※ {note}" if note and note != self.everywhere_unverified else ""

    def item(self, clause: Clause) -> tuple[str, ...]:
        """The item as lines: its id and unit code, its gist, and whether it is unverified."""
        gist = (clause.gist if self.zh else clause.gist_en) or clause.gist
        line = self.unverified_line(clause)
        mark = "※" if self.unverified(clause) and not line else ""
        head = "  ".join(part for part in (clause.id, clause.unit, mark) if part)
        return tuple(part for part in (head, gist, line) if part)

    def tally(self, counts: Counts) -> str:
        """How often each result occurs, in one line."""
        return self.semicolon.join(f"{self.result(r)} {counts[r]}" for r in Result)


TARGET_STATES: dict[str, Message] = {
    TargetState.REACHED: msg("reached"),
    TargetState.PARTLY_ANSWERED: msg("answered in part"),
    TargetState.NOT_REACHED: msg("not reached"),
    TargetState.NOTHING_ASKED: msg("nothing to request"),
}
"""How far a target was reached."""
