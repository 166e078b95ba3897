"""Steps of an evaluation that hung or died, and are left out the next time round. Pure."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from audit_core.model import Message, Target, msg

SAME = 5
"""On so many targets may one parser or check hang; then it is left out everywhere."""

Step = Callable[[str], None]


class SkippedSteps(Struct, frozen=True):
    """The steps at which an evaluation hung or died, such as `check linux.umask@web1`."""

    steps: frozenset[str] = frozenset()

    def __contains__(self, step: str) -> bool:
        return step in self.steps

    def of(self, kind: str, id: str, target: Target) -> Message | None:
        """Why the `kind` (`check`, `fact`) called `id` is not tried on `target`; None where it is.

        Without it a step that hangs everywhere would cost a restart on every host.
        """
        if not self.steps:
            return None
        if step_name(kind, id, target) in self.steps:
            return _HERE[kind](id)
        hung = sum(1 for step in self.steps if step_id(step) == f"{kind} {id}")
        return _ELSEWHERE[kind](id, hung) if hung >= SAME else None


_HERE = {
    "check": lambda id: msg("The check {check} hung or crashed", check=id),
    "fact": lambda id: msg("The parser of {fact} hung or crashed", fact=id),
}
_ELSEWHERE = {
    "check": lambda id, count: msg(
        "The check {check} hung or crashed on {count} other targets and was skipped here",
        check=id, count=count,
    ),
    "fact": lambda id, count: msg(
        "The parser of {fact} hung or crashed on {count} other targets and was skipped here",
        fact=id, count=count,
    ),
}  # fmt: skip


def step_name(kind: str, id: str, target: Target) -> str:
    """The name of a step of an evaluation, such as `check linux.umask@web1`."""
    return f"{kind} {id}@{target.id}"


def step_id(step: str) -> str:
    """The step `step` on whatever target, such as `check linux.umask`."""
    return step.partition("@")[0]


def can_be_skipped(step: str) -> bool:
    """Whether `step` runs code of a plugin: then the evaluation can go on without it."""
    return step.partition(" ")[0] in _HERE
