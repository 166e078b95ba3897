"""What is concluded on layers and the system, what is missing for it, and the waivers, printed."""

from __future__ import annotations

from audit_core.cli.context import Context
from audit_core.cli.output import print_table, say
from audit_core.model import Result, msg
from audit_core.model.overall import Bounds, Count, LayerConclusion, SystemConclusion
from audit_core.model.results import Results
from audit_core.views.results_view import grade_word, joined, limits, setting_names

_MOST_QUESTIONS = 5
NAMES = {
    Result.CONFORMING: msg("conforming"),
    Result.PARTLY_CONFORMING: msg("partly"),
    Result.NONCONFORMING: msg("nonconforming"),
    Result.NOT_APPLICABLE: msg("n/a"),
    Result.NOT_ASSESSED: msg("not assessed"),
}


def print_system(context: Context, results: Results) -> None:
    """The default grading of each catalog, and the waivers that were given with the run."""
    shown: set[str] = set()
    for system in results.system:
        if system.grading.catalog not in shown:
            shown.add(system.grading.catalog)
            _print_layers(context, system)
            _print_words(context, system)
    _print_waivers(context, results)


def _print_layers(context: Context, system: SystemConclusion) -> None:
    text, zh = context.text, context.lang == "zh"
    grading = system.grading
    rows = [
        (
            layer.zh if zh else layer.en,
            _layer_word(context, layer),
            percent(layer.rate),
            f"{layer.decided}/{layer.total}",
        )
        for layer in system.layers
    ]
    score = grading.score_zh if zh else grading.score_en
    title = grading.zh if zh else grading.en
    heads = [text("layer"), text("conclusion"), f"{score} (%)", text("settled clauses")]
    print_table(title, heads, rows, right=2)


def _layer_word(context: Context, layer: LayerConclusion) -> str:
    word = context.translator.say(NAMES[layer.conclusion])
    return context.text("{word} (pending)", word=word) if layer.pending else word


def percent(bounds: Bounds | None) -> str:
    """`bounds` as one number, or as two where they differ; empty for none."""
    if bounds is None:
        return ""
    worst, best = f"{bounds.worst:.1f}", f"{bounds.best:.1f}"
    return worst if worst == best else f"{worst}–{best}"


def _number(bounds: Bounds) -> str:
    worst, best = f"{bounds.worst:g}", f"{bounds.best:g}"
    return worst if worst == best else f"{best}–{worst}"


def _counted(context: Context, count: Count) -> str:
    if not count.fixed:
        return str(count.first)
    return context.text("{first} ({fixed} of them fixed)", first=count.first, fixed=count.fixed)


def _print_words(context: Context, system: SystemConclusion) -> None:
    _print_score(context, system)
    _print_grade(context, system)
    _print_open(context, system)


def _print_score(context: Context, system: SystemConclusion) -> None:
    text, grading = context.text, system.grading
    score = grading.score_zh if context.lang == "zh" else grading.score_en
    say(text("{score}: {bounds}; settled: {decided} of {total} clauses", score=score,
             bounds=percent(system.score) or "-", decided=system.units_decided,
             total=system.units_total))  # fmt: skip


def _print_grade(context: Context, system: SystemConclusion) -> None:
    """The word for the system, those that are still possible, and why."""
    text, zh = context.text, context.lang == "zh"
    word = context.translator.say(grade_word(system, zh=context.lang == "zh"))
    names = {g.id: g.zh if zh else g.en for g in system.grading.grades}
    possible = ("、" if zh else ", ").join(names[id] for id in system.range)
    if word:
        say(text("Conclusion: {word}; possible: {possible}", word=word, possible=possible))
    elif possible:
        say(text("Conclusion: none yet; possible: {possible}", possible=possible))
    if system.why:
        say(joined(system.why, context.translator.say, context.lang))


def _print_open(context: Context, system: SystemConclusion) -> None:
    """Risks, the questions that are missing, and the settings that nobody verified."""
    text, grading = context.text, system.grading
    if system.risks:
        say(text("Major risks: {major}; high risks: {high}; items with problems, "
                 "counted per object: {problems}",
                 major=_number(system.major_risks), high=_number(system.high_risks),
                 problems=_counted(context, system.problems)))  # fmt: skip
    if system.missing:
        asked = context.listed(one.question for one in system.missing[:_MOST_QUESTIONS])
        say(text("Still open, greatest effect first: {asked} ({count} in all)", asked=asked,
                 count=system.missing_count))  # fmt: skip
    if limits_ := limits(grading, zh=context.lang == "zh"):
        say(text("Limits of the score: {limits}", limits=limits_))
    if grading.unverified or grading.confidence != "read":
        names = joined(setting_names(grading), context.translator.say, context.lang)
        say(text("Unverified settings: {keys}", keys=names or "-"))


def _print_waivers(context: Context, results: Results) -> None:
    if not results.waivers:
        return
    text, say_ = context.text, context.translator.say
    rows = [
        (
            w.waiver.id,
            w.waiver.check or w.waiver.clause,
            str(w.count),
            w.waiver.expires,
            joined(w.detail, say_, context.lang),
        )
        for w in results.waivers
    ]
    heads = [text("waiver"), text("about"), text("deviations"), text("expires"),
             text("what is wrong with it")]  # fmt: skip
    print_table(text("Waivers; they change no verdict"), heads, rows)
