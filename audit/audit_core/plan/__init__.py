"""Planning: the requests of a run for each target, before anything runs.

May import `inventory`, `attest`, `policy`, `api`, `text` and `model`.

Pure.
"""

from audit_core.plan.needed_facts import checks_by_fact
from audit_core.plan.rounds import (
    Group,
    PlannedRequest,
    Question,
    discovery_round,
    everything,
    groups,
    holds,
    main_round,
    questions,
    request_of,
)

__all__ = [
    "Group",
    "PlannedRequest",
    "Question",
    "checks_by_fact",
    "discovery_round",
    "everything",
    "groups",
    "holds",
    "main_round",
    "questions",
    "request_of",
]
