"""The report of verifying a pack or a run."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.model import Message, msg
from audit_core.pack.zips import Problem
from audit_core.text.translate import Translator


class Report(Struct, frozen=True, kw_only=True):
    """What was checked, the problems, and further notes.

    It is whole exactly where `problems` is empty. `signer` is the fingerprint of the key whose
    signature holds; `trusted` says that it is the key that the reader asked for. A signature by a
    key from the pack itself shows that nothing was changed since, not who made the pack.
    """

    subject: str
    checked: tuple[Message, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Message, ...] = ()
    signer: str | None = None
    trusted: bool = False

    @property
    def whole(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


REPORT_VIEW = "dengbao/report-view/1"


class ProblemView(Struct, frozen=True, kw_only=True):
    """One problem in the JSON output of `dengbao verify`."""

    where: str
    detail: str


class ReportView(Struct, frozen=True, kw_only=True):
    """A report as printed by `dengbao verify --format json`, in the language of the command."""

    schema: str
    lang: str
    subject: str
    whole: bool
    signer: str | None
    trusted: bool
    checked: tuple[str, ...]
    problems: tuple[ProblemView, ...]
    notes: tuple[str, ...]


def report_view(report: Report, translator: Translator) -> ReportView:
    """`report` with every message rendered in the translator's language."""
    say = translator.say
    return ReportView(
        schema=REPORT_VIEW,
        lang=translator.lang,
        subject=report.subject,
        whole=report.whole,
        signer=report.signer,
        trusted=report.trusted,
        checked=tuple(say(m) for m in report.checked),
        problems=tuple(ProblemView(where=p.where, detail=say(p.detail)) for p in report.problems),
        notes=tuple(say(m) for m in report.notes),
    )


MOST = 1000


class ReportBuilder:
    """Builds a report; keeps the first thousand problems and counts the others."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._more = 0
        self.checked: list[Message] = []
        self.notes: list[Message] = []

    def wrong(self, detail: Message, where: str = "") -> None:
        """Adds a problem to the report; `where` names the file or part."""
        self.extend((Problem(where=where, detail=detail),))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Adds several problems; those above the limit are only counted."""
        for problem in problems:
            if len(self._problems) < MOST:
                self._problems.append(problem)
            else:
                self._more += 1

    def report(self, subject: str, signer: str | None = None, trusted: bool = False) -> Report:
        """The finished report on `subject`."""
        problems = tuple(self._problems)
        if self._more:
            detail = msg("{count} more problems are not listed", count=self._more)
            problems += (Problem(where="", detail=detail),)
        return Report(
            subject=subject,
            checked=tuple(self.checked),
            problems=problems,
            notes=tuple(self.notes),
            signer=signer,
            trusted=trusted,
        )
