"""What dengbao proposes for an issue: its harm (危害分析), and what would settle it. Pure.

A proposal is made of the catalog's data, and marked as one: people review it, change it or adopt it
by deleting the mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit_core.model import Conclusion, StepState, msg
from audit_core.model.units import Step
from audit_excel.issues import Issue
from audit_excel.view import View

MOST_HARMS = 3
MOST_RULES = 3


def harm(view: View, issue: Issue) -> str:
    """What the problem may lead to, by its clauses and the high-risk rules of denied steps."""
    clauses = [view.clause(c) for c in issue.conclusions]
    harms = dict.fromkeys((c.harm if view.zh else c.harm_en) or c.harm for c in clauses)
    parts = [text for text in harms if text][:MOST_HARMS]
    rules = list(dict.fromkeys(_rules(view, issue.conclusions)))[:MOST_RULES]
    if rules:
        parts.append(view.say(msg("it may be a high risk, to be decided manually: {rules}",
                                  rules=view.comma.join(rules))))  # fmt: skip
    if not parts:
        return ""
    return view.say(msg("[Proposal, to be reviewed] {text}", text=view.semicolon.join(parts)))


def _rules(view: View, conclusions: Iterable[Conclusion]) -> Iterator[str]:
    titles = {r.rule: (r.title if view.zh else r.title_en) or r.title
              for system in view.results.index.system for r in system.risks}  # fmt: skip
    for step in _denied(view, conclusions):
        for rule in step.high_risk_rules:
            yield view.say(msg("{rule} {title}", rule=rule, title=titles.get(rule, "")))


def _denied(view: View, conclusions: Iterable[Conclusion]) -> Iterator[Step]:
    for conclusion in conclusions:
        states = {one.number: one.state for one in conclusion.steps}
        for step in view.clause(conclusion).steps:
            if states.get(step.number) is StepState.DENIED:
                yield step


def advice(view: View, issue: Issue) -> tuple[str, ...]:
    """How the check is met; without one what the denied steps demand and what shows it."""
    if issue.remedy is not None:
        return (view.say(issue.remedy),)
    lines: dict[str, None] = {}
    for step in _denied(view, issue.conclusions):
        aim = (step.affirmed_if if view.zh else step.affirmed_if_en) or step.affirmed_if
        shown = (step.bring if view.zh else step.bring_en) or step.bring
        if aim:
            text = msg("To be reached: {aim}; to show it: {shown}", aim=aim, shown=shown)
            lines[view.say(text)] = None
    return tuple(lines)
