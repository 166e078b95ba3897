"""The keys of rows: what a row is about, the same whenever results are evaluated and packed again.

They stand in a hidden column, so that what people fill in can be matched with a later workbook.
"""

from __future__ import annotations

from audit_core.model import Conclusion, Finding, Target
from audit_core.model.results import Clause, Evidence


def _key(*parts: str) -> str:
    return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)


def of_conclusion(conclusion: Conclusion, what: str = "record") -> str:
    """`WHAT|OBJECT|CATALOG|CLAUSE`; `what` is `record` or `issue`."""
    return _key(what, conclusion.target, conclusion.catalog, conclusion.clause)


def of_questions(clause: Clause, selector: str) -> str:
    """`bring|SELECTOR|CATALOG|CLAUSE`; the selector of the whole system is empty."""
    return _key("bring", selector, clause.catalog, clause.id)


def of_finding(finding: Finding, what: str = "finding") -> str:
    """`WHAT|CHECK@TARGET`; `what` is `finding` or `issue`."""
    return _key(what, finding.id)


def of_clause(clause: Clause) -> str:
    """`clause|CATALOG|CLAUSE`."""
    return _key("clause", clause.catalog, clause.id)


def of_target(target: Target) -> str:
    """`target|ID`."""
    return _key("target", target.id)


def of_observation(seen: Evidence) -> str:
    """`observation|DIGEST`."""
    return _key("observation", seen.digest)
