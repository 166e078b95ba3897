"""Planning: the requests of a run for each target, before anything runs. Pure.

May import `inventory`, `policy`, `api`, `text` and `model`.
"""

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
    root_of,
)

__all__ = [
    "Group",
    "PlannedRequest",
    "Question",
    "discovery_round",
    "everything",
    "groups",
    "holds",
    "main_round",
    "questions",
    "request_of",
    "root_of",
]
