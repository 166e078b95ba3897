"""Values of facts as JSON to be stored, and as bytes for another process of a run. Pure."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from audit_core.evaluate.inputs import Got
from audit_core.model import Absent, Reason, msg, utf8

_LARGEST = 1 << 63


def json_value(value: Any) -> msgspec.Raw:
    """`value` as JSON; equal values give equal bytes.

    Structs are objects, tuples and sets arrays (sets sorted), bytes Base64. Bytes of the target
    that were not UTF-8 are spelt `\\xff`; integers beyond 64 bits and keys that are no text are
    written as text. Raises TypeError for a value that is no data, such as a function.
    """
    try:  # much faster than taking it apart
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


Shareable = Mapping[tuple[str, str], Got]


def packed(facts: Shareable) -> bytes:
    """`facts` by (fact id, target id), for another process of this run; nothing is lost.

    A value that cannot be copied costs only itself.
    """
    return pickle.dumps({key: _copyable(got) for key, got in facts.items()})


def _copyable(got: Got) -> bytes:
    try:
        return pickle.dumps(got)
    except Exception as error:  # noqa: BLE001 (a plugin's value may raise anything)
        detail = msg("The value cannot be stored ({error})", error=type(error).__name__)
        return pickle.dumps(Absent(reason=Reason.FAULT, detail=detail, evidence=got.evidence))


def unpacked(packs: Iterable[bytes]) -> dict[tuple[str, str], Got]:
    """The facts in `packs` of `packed`, made by a process that runs the same code."""
    return {
        key: pickle.loads(raw)  # noqa: S301 (made by our own child)
        for pack in packs
        for key, raw in pickle.loads(pack).items()  # noqa: S301
    }
