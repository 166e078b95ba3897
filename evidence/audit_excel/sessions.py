"""The sessions over which an object was assessed, as text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from audit_core.model import Message, SessionInfo, msg
from audit_core.model.results import Evidence

MAX_SESSIONS = 6
"""Sessions named at the head of a record sheet; the evidence index names that of each answer."""


def sessions(
    observations: Iterable[Evidence], moment: Callable[[str], str], say: Callable[[Message], str]
) -> tuple[str, ...]:
    """A line for each session of `seen`: over what, when, and how many answers; empty for none."""
    by_how: dict[SessionInfo, list[Evidence]] = {}
    for evidence in observations:
        by_how.setdefault(evidence.how, []).append(evidence)
    lines = [_line(how, group, moment, say) for how, group in list(by_how.items())[:MAX_SESSIONS]]
    if len(by_how) > MAX_SESSIONS:
        lines.append(say(msg("… {count} in all", count=len(by_how))))
    return tuple(lines)


def _line(
    how: SessionInfo,
    group: list[Evidence],
    moment: Callable[[str], str],
    say: Callable[[Message], str],
) -> str:
    asked = say(msg("{count} requests", count=len(group)))
    root = sum(e.privilege == "root" for e in group)
    if root:
        asked = say(msg("{asked}, {root} of them as root", asked=asked, root=root))
    return say(
        msg(
            "Collected {start} to {end} (UTC): {session}; {asked}",
            start=moment(min(e.started for e in group)),
            end=moment(max(e.ended for e in group)),
            session=say(how.as_message()), asked=asked,
        )
    )  # fmt: skip
