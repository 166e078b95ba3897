"""How far each target of a run was reached. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from audit_core import plan
from audit_core.model import Message, Observation, Reason, Status, Target, msg
from audit_core.model.results import TargetState, TargetStatus
from audit_core.store.bundles import Bundle, FaultFrame

_ANSWERED = {
    Status.ANSWERED,
    Status.NOT_PRESENT,
    Status.NOT_PERMITTED,
    Status.NOT_REGULAR,
    Status.CHANGED,
}
_AGAIN = msg("Collect this target again, when it is less busy or with a longer time limit")
_WAY_THERE = msg(
    "Check that the target runs, its address and port, and the way there (name, route, firewall, "
    "jump host), then collect again"
)
_WHOLE_AGAIN = msg("Collect again")
_NAMED = msg("Provide what the reason names, then collect again")
# The remedy where nothing more exact is known.
_HELPS: dict[str, Message] = {
    Reason.UNREACHABLE: _WAY_THERE,
    Reason.NOT_PERMITTED: msg(
        "Check the account and its key or password on the target, then collect again"
    ),
    Reason.NOT_COLLECTED: _NAMED,
    Reason.UNSUPPORTED: _NAMED,
    Reason.FAULT: msg("Collect again; report it where it happens again"),
    Reason.TIMED_OUT: _AGAIN,
    Status.NO_REPLY: _AGAIN,
}
_WORST_FIRST = (TargetState.NOT_REACHED, TargetState.PARTLY_ANSWERED, TargetState.REACHED)


def target_statuses(
    group: plan.Group, bundle: Bundle | None, *, sealed: bool
) -> tuple[TargetStatus, ...]:
    """The status of every target of `group`, in its order.

    A part that nothing was asked of by itself has the status of what it is a part of.
    """
    found: dict[str, TargetStatus] = {}
    for member in group.members:
        own = None if bundle is None else _own(member, bundle, cut=not (sealed or bundle.complete))
        above = found.get(member.parent or "")
        if own is None and above is not None:
            own = structs.replace(above, target=member.id)
        found[member.id] = own or _nothing(member, sealed=sealed)
    return tuple(found.values())


def _nothing(target: Target, *, sealed: bool) -> TargetStatus:
    if sealed:
        return TargetStatus(target=target.id, state=TargetState.NOTHING_ASKED)
    return TargetStatus(
        target=target.id,
        state=TargetState.NOT_REACHED,
        why=Reason.NOT_COLLECTED.value,
        detail=msg("The collection was cut off before this target"),
        remedy=_WHOLE_AGAIN,
    )


def _own(target: Target, bundle: Bundle, *, cut: bool) -> TargetStatus | None:
    """What `bundle` says of `target` itself; None where it says nothing."""
    asked: dict[str, list[Observation]] = {}
    for observation in bundle.observations.values():
        if observation.target == target.id:
            asked.setdefault(observation.how.connector, []).append(observation)
    faults = {f.connector: f for f in bundle.faults.values() if f.target == target.id}
    ways = [_over(target, asked.get(c, ()), faults.get(c)) for c in {**asked, **faults}]
    if not ways:
        return None
    if cut:
        detail = msg("The collection of this target was cut off")
        ways.append(
            _status(target, TargetState.PARTLY_ANSWERED, Reason.NOT_COLLECTED, detail, _WHOLE_AGAIN)
        )
    return _worst(ways, log_in_failed=any(_nothing_came(asked, f) for f in faults.values()))


def _worst(ways: Sequence[TargetStatus], *, log_in_failed: bool) -> TargetStatus:
    """The status of the target as a whole, from that over each connector.

    A login that failed outweighs a scan that succeeded; a scan that failed does not outweigh a
    login that succeeded.
    """
    worst = min(ways, key=lambda way: _WORST_FIRST.index(way.state))
    reached_once = any(way.state is not TargetState.NOT_REACHED for way in ways)
    if worst.state is TargetState.NOT_REACHED and reached_once and not log_in_failed:
        return structs.replace(worst, state=TargetState.PARTLY_ANSWERED)
    return worst


def _nothing_came(asked: dict[str, list[Observation]], fault: FaultFrame) -> bool:
    return not any(o.status in _ANSWERED for o in asked.get(fault.connector, ()))


def _over(target: Target, asked: Iterable[Observation], fault: FaultFrame | None) -> TargetStatus:
    """The status of `target` over one connector."""
    observations = tuple(asked)
    lost = [o for o in observations if o.status not in _ANSWERED]
    state = (
        TargetState.PARTLY_ANSWERED if len(lost) < len(observations) else TargetState.NOT_REACHED
    )
    if fault is not None:
        return _status(target, state, fault.reason, fault.detail, fault.remedy)
    if not lost:
        return TargetStatus(target=target.id, state=TargetState.REACHED)
    first = lost[0]
    detail = first.detail or msg("no answer")
    if state is TargetState.PARTLY_ANSWERED:
        detail = msg(
            "{count} of {all} requests got no answer, the first of them {asked}",
            count=len(lost), all=len(observations), asked=first.asked,
        )  # fmt: skip
    return _status(target, state, first.status, detail)


def _status(
    target: Target,
    state: TargetState,
    why: Reason | Status,
    detail: Message,
    remedy: Message | None = None,
) -> TargetStatus:
    remedy = remedy or _HELPS.get(why)
    return TargetStatus(target=target.id, state=state, why=why.value, detail=detail, remedy=remedy)
