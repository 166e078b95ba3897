"""Over which sessions, as whom and when an object was looked at, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from audit_core.model import Message, msg
from audit_core.model.results import Evidence

# As the collector writes them; whatever else is shown as it stands.
_SSH = re.compile(r"ssh (\S+), host key (\S+?)(?:, through (.+?))?(?:, uid (\d+))?")
_LOCAL = re.compile(r"local process as uid (\d+)(?:, uid \d+)?")
_NETWORK = "from the collector over the network"

MAX_SESSIONS = 6
"""Sessions named at the head of a record sheet; the evidence index names that of each answer."""


def session(how: str, say: Callable[[Message], str]) -> str:
    """`how` in words: SSH or local, with which host key, and as which user id it answered."""
    if how == _NETWORK:
        return say(msg("from the collector over the network"))
    if hit := _LOCAL.fullmatch(how):
        return say(msg("a process on this machine, uid {uid}", uid=hit[1]))
    if hit := _SSH.fullmatch(how):
        return _over_ssh(hit, say)
    return how


def _over_ssh(hit: re.Match[str], say: Callable[[Message], str]) -> str:
    told = say(msg("SSH as {where}, host key {key}", where=hit[1], key=hit[2]))
    if hit[4] is not None:
        told = say(msg("{told}, answered as uid {uid}", told=told, uid=hit[4]))
    if hit[3] is not None:
        told = say(msg("{told}, through: {jump}", told=told, jump=session(hit[3], say)))
    return told


def sessions(
    seen: Iterable[Evidence], moment: Callable[[str], str], say: Callable[[Message], str]
) -> tuple[str, ...]:
    """A line for each session of `seen`: over what, when, and how many answers; empty for none."""
    by_how: dict[str, list[Evidence]] = {}
    for evidence in seen:
        by_how.setdefault(evidence.how, []).append(evidence)
    lines = [_line(how, group, moment, say) for how, group in list(by_how.items())[:MAX_SESSIONS]]
    if len(by_how) > MAX_SESSIONS:
        lines.append(say(msg("… {count} in all", count=len(by_how))))
    return tuple(lines)


def _line(
    how: str, group: list[Evidence], moment: Callable[[str], str], say: Callable[[Message], str]
) -> str:
    asked = say(msg("{count} questions", count=len(group)))
    root = sum(e.privilege == "root" and e.kind != "probe" for e in group)
    if root:
        asked = say(msg("{asked}, {root} of them to be asked as root", asked=asked, root=root))
    return say(
        msg(
            "Seen {start} to {end} (UTC): {session}; {asked}",
            start=moment(min(e.started for e in group)),
            end=moment(max(e.ended for e in group)),
            session=session(how, say), asked=asked,
        )
    )  # fmt: skip
