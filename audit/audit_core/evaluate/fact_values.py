"""Values of facts as JSON: to be stored, and for another process of a run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from audit_core.evaluate.inputs import Got
from audit_core.model import Absent, Fact, Known, Reason, json_safe, msg, utf8
from audit_core.model.results import FactValue

_LARGEST = 1 << 63


def json_value(value: Any) -> msgspec.Raw:
    """`value` as JSON; equal values give equal bytes.

    Structs are objects, tuples and sets arrays (sets sorted), bytes Base64. Bytes of the target
    that were not UTF-8 are spelt `\\xff`; integers beyond 64 bits and keys that are no text are
    written as text. Raises TypeError for a value that is no data, such as a function.
    """
    try:  # much faster than encoding it piece by piece
        return msgspec.Raw(msgspec.json.encode(value, order="deterministic"))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
        return msgspec.Raw(msgspec.json.encode(_plain(value), order="deterministic"))


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _plain(v) for name, v in structs.asdict(value).items()}
    if isinstance(value, Mapping):
        return {_key(k): _plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=msgspec.json.encode)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return str(value)
    return msgspec.to_builtins(value)


def _key(key: Any) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def stored(
    fact: str, target: str, got: Got, as_json: Callable[[Any], msgspec.Raw] = json_value
) -> FactValue:
    """What is known of `fact` about `target`, as it is stored.

    A value that is no data costs only itself. `as_json` does as `json_value`.
    """
    if isinstance(got, Absent):
        return _no_value(fact, target, got)
    try:
        value = as_json(got.value)
    except (TypeError, ValueError, RecursionError) as error:
        return _no_value(fact, target, _unstorable(got.evidence, error))
    return FactValue(
        target=target,
        fact=fact,
        value=value,
        incomplete=tuple(map(json_safe, got.incomplete)),
        sources=got.sources,
        evidence=got.evidence,
    )


def _no_value(fact: str, target: str, why: Absent) -> FactValue:
    detail = json_safe(why.detail)
    return FactValue(
        target=target, fact=fact, reason=why.reason.value, detail=detail, evidence=why.evidence
    )


def _unstorable(evidence: tuple[str, ...], error: Exception) -> Absent:
    detail = msg("The value cannot be stored ({error})", error=type(error).__name__)
    return Absent(reason=Reason.FAULT, detail=detail, evidence=evidence)


def read_back(value: FactValue, fact: Fact) -> Got:
    """What `stored` stored of `fact`, its value as the type that the fact declares.

    Another value than that type takes is an Absent: what a process wrote that had hostile input
    before it is not believed.
    """
    if value.reason or value.detail is not None:
        detail = value.detail or msg("No fact was obtained")
        reason = Reason(value.reason) if value.reason in set(Reason) else Reason.FAULT
        return Absent(reason=reason, detail=detail, evidence=value.evidence)
    try:
        typed = msgspec.convert(value.value, fact.type, str_keys=True)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        return _unstorable(value.evidence, error)
    return Known(
        value=typed, evidence=value.evidence, incomplete=value.incomplete, sources=value.sources
    )


def packed(facts: Mapping[tuple[str, str], Got]) -> bytes:
    """`facts` by (fact id, target id), for another process of this run."""
    return msgspec.json.encode([stored(*key, got) for key, got in facts.items()])


def unpacked(packs: Iterable[bytes], facts: Iterable[Fact]) -> dict[tuple[str, str], Got]:
    """What is known of `facts` in `packs` of `packed`."""
    known = {fact.id: fact for fact in facts}
    return {
        (value.fact, value.target): read_back(value, known[value.fact])
        for pack in packs
        for value in msgspec.json.decode(pack, type=tuple[FactValue, ...])
        if value.fact in known
    }
