"""The keys of rows: what a row is about, the same whenever results are evaluated and packed again.

They stand in a hidden column, so that what people fill in can be matched with a later workbook.
"""

from __future__ import annotations

from audit_core.model import Conclusion, Finding, Target
from audit_core.model.results import Clause, Evidence


def _key(*parts: str) -> str:
    return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)


def of_conclusion(conclusion: Conclusion) -> str:
    """The key of a row of the records: `record|OBJECT|CATALOG|CLAUSE`."""
    return _key("record", conclusion.target, conclusion.catalog, conclusion.clause)


def record_of(key: str) -> str | None:
    """`CATALOG/CLAUSE@OBJECT` of the key of a conclusion; None for anything else."""
    parts = [part.replace("%7C", "|").replace("%25", "%") for part in key.split("|")]
    if len(parts) != 4 or parts[0] != "record":
        return None
    return f"{parts[2]}/{parts[3]}@{parts[1]}"


def of_finding(finding: Finding) -> str:
    """The key of a row about a finding: `finding|CHECK@TARGET`."""
    return _key("finding", finding.id)


def of_clause(clause: Clause) -> str:
    """The key of a row about a clause: `clause|CATALOG|CLAUSE`."""
    return _key("clause", clause.catalog, clause.id)


def of_target(target: Target) -> str:
    """The key of a row about a target: `target|ID`."""
    return _key("target", target.id)


def of_observation(evidence: Evidence) -> str:
    """The key of a row about an observation: `observation|DIGEST`."""
    return _key("observation", evidence.digest)
