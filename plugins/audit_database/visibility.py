"""Rows that a server leaves out, without saying so, for an account with fewer rights. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from audit_core.api.sdk import Partial, msg, partial

T = TypeVar("T")


def shown_whole(found: T, *, whole: bool, what: str, grants: Sequence[str]) -> T | Partial:
    """`found` of the view `what`, which is incomplete unless the account is shown the `whole`.

    `grants` are the statements that would let it see the rest, as in `Query.grants`.
    """
    needed = "; ".join(grants).replace("{user}", "…")
    problem = msg(
        "the account may be shown only a part of {what}; to see all it needs: {grants}",
        what=what, grants=needed,
    )  # fmt: skip
    return partial(found, () if whole else (problem,))
