"""Which requests a run puts to which target, before anything runs. Pure.

May import `inventory`, `policy`, `api`, `text` and `model`.
"""

from audit_core.plan.rounds import (
    Group,
    PlannedRequest,
    discovery_round,
    everything,
    groups,
    holds,
    main_round,
    request_of,
    root_of,
    sudoers,
)

__all__ = [
    "Group",
    "PlannedRequest",
    "discovery_round",
    "everything",
    "groups",
    "holds",
    "main_round",
    "request_of",
    "root_of",
    "sudoers",
]
