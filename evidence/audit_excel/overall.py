"""What the overview says of the whole system: conclusions, waivers, settings that loosen. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.model import Message, as_is, cut_to, msg
from audit_core.model.overall import Bounds, SystemConclusion, WaiverResult
from audit_core.model.overrides import Change, OverrideInfo
from audit_core.model.waivers import WaiverFault
from audit_core.views.results_view import grade_word, limits, setting_names
from audit_excel.view import View

_FAULTS = {
    WaiverFault.EXPIRED: msg("expired"),
    WaiverFault.UNUSED: msg("unused"),
    WaiverFault.MATCHES_NOTHING: msg("matches nothing"),
    WaiverFault.TOO_OLD: msg("too old"),
    WaiverFault.NO_MITIGATION: msg("the rule allows no mitigation"),
    WaiverFault.NO_TICKET: msg("no ticket"),
    WaiverFault.NO_APPROVER: msg("no approver"),
}
_CHANGES = {
    Change.TIGHTENS: msg("tightens"),
    Change.LOOSENS: msg("loosens"),
    Change.CHANGES: msg("changes"),
}
SEVERAL = 6
"""Targets of a waiver or of a setting that are named."""


def conclusions(view: View) -> Iterator[tuple[str, ...]]:
    """The lines of each grading, the default one of each catalog first."""
    for system in view.results.index.system:
        yield tuple(_lines(view, system))


def _lines(view: View, system: SystemConclusion) -> Iterator[str]:
    grading = system.grading
    title = (grading.zh if view.zh else grading.en) or grading.id
    word = view.say(grade_word(system, zh=view.zh)) or view.text("no conclusion yet")
    yield view.say(msg("{title}: {word}", title=title, word=word))
    score = grading.score_zh if view.zh else grading.score_en
    known = _range(system.score) if system.score is not None else view.text("none")
    settled = msg("{score}: {range}; items settled: {decided} of {total}", score=score,
                  range=known, decided=system.units_decided, total=system.units_total)  # fmt: skip
    yield view.say(settled)
    yield view.say(
        msg("Items with problems, counted per object: {problems}; high risks: {high}; "
            "major risks: {major}",
            problems=_counted(view, system.problems.first, system.problems.fixed),
            high=_counted(view, system.high_risks, system.high_risks_fixed),
            major=_counted(view, system.major_risks, system.major_risks_fixed))
    )  # fmt: skip
    yield from (view.say(why) for why in system.why)
    if limits_ := limits(grading, zh=view.zh):
        yield view.say(msg("Limits of the score: {limits}", limits=limits_))
    if grading.confidence != "read" or grading.unverified:
        names = view.comma.join(view.say(name) for name in setting_names(grading))
        named = names or grading.confidence
        yield view.say(msg("※ Not checked against the source: {named}", named=named))


def _range(bounds: Bounds) -> str:
    ends = sorted((bounds.worst, bounds.best))
    least, most = (f"{value:.1f}".removesuffix(".0") for value in ends)
    return least if least == most else f"{least}–{most}"


def _counted(view: View, count: Bounds | int, fixed: int) -> str:
    """A number as first found, and how many of them were found fixed."""
    text = str(count) if isinstance(count, int) else _range(count)
    return view.say(msg("{count} ({fixed} fixed)", count=text, fixed=fixed)) if fixed else text


def waivers(view: View) -> list[tuple[str, ...]]:
    """What is waived, of whom, why, by whom, until when, and what is wrong with it."""
    return [_waiver(view, given) for given in view.results.index.waivers]


def waiver_heads(view: View) -> tuple[str, ...]:
    """The column titles of the table of waivers."""
    text = view.text
    return (text("Waived"), text("Objects"), text("Reason"), text("Approved by"),
            text("Ticket"), text("Expires"), text("Faults"))  # fmt: skip


def _waiver(view: View, given: WaiverResult) -> tuple[str, ...]:
    waiver = given.waiver
    step = view.say(msg("step {step}", step=waiver.step)) if waiver.step is not None else ""
    about = " ".join(part for part in (waiver.check, waiver.clause, step) if part)
    faults = view.comma.join(view.say(_FAULTS[fault]) for fault in given.faults)
    whom = _some(view, waiver.targets) if waiver.targets else view.text("all")
    return (about, whom, waiver.reason, waiver.approver, waiver.ticket, waiver.expires,
            faults or view.text("none"))  # fmt: skip


def settings(view: View) -> list[tuple[str, ...]]:
    """The parameters that the profile loosens or sets otherwise, or sets for no object."""
    return [
        _setting(view, info)
        for info in view.results.index.overrides
        if info.change is not Change.TIGHTENS or not info.targets
    ]


def setting_heads(view: View) -> tuple[str, ...]:
    """The column titles of the table of changed settings."""
    text = view.text
    return (text("Setting"), text("Before"), text("After"), text("Effect"), text("Objects"),
            text("Reason"), text("Approved by"))  # fmt: skip


def _setting(view: View, info: OverrideInfo) -> tuple[str, ...]:
    change: Message = _CHANGES[info.change]
    return (f"{info.check} {info.parameter}", view.listed(info.before), view.listed(info.after),
            view.say(change), _some(view, info.targets), info.reason,
            info.approver)  # fmt: skip


def _some(view: View, ids: tuple[str, ...]) -> str:
    return view.say(as_is(cut_to(ids, SEVERAL)))
