"""What was made of equal content before, so that equal files of many hosts are read once. PURE.

Parsers, derived facts and checks are pure functions. A result is used again where everything that
it was made of is the same:

- Of a parser: the requests, how each was answered, and the digests of the bytes. Of an answer of
  several files the times of the files are left out, unless the parser looks at them.
- Values that are equal although they were made of different texts are made the very same.
- Of a derived fact and of a check: the very same values and absences (`is`), kept here from
  parsers, and equal parameters. One that needs the target has all of it in its key but the id and
  the address, unless it looks at these.

Whether one looks is tried, not declared: before a result is kept, it is made once more of the same
content, with stand-ins that have other times, another target and another address, and that tell
when these are read (`looks`). Where they are read, nothing that this parser or check makes is kept;
nor is a result that differs.

What is stored of a kept value, its JSON, is kept with it (`Memo.json`).

Only what is made for the second time is kept, the least recently used goes first, and the size of
the texts that it was made of is bounded: memory does not grow with the number of hosts.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from audit_core.evaluate.inputs import Inputs
from audit_core.evaluate.read_fields import ReadFields
from audit_core.model import Absent, Finding, Known, Reason

_MOST_RESULTS = 6000
_MOST_BYTES = 6 << 20
_MOST_SEEN = 50_000
_MOST_SHARED = 16 << 10
_NONE: Mapping[str, Any] = {}
_CONSTANTS: tuple[Any, ...] = (None, True, False, ())
_encode = msgspec.json.Encoder(order="deterministic").encode


class Work(Struct, frozen=True, kw_only=True):
    """What makes a result, by name, and what it is made of.

    `make` is given None, or `ReadFields`: then it makes the result of stand-ins. `key` is None for
    what may not be kept; the objects in `used` stand in it by identity. `size` is that of the text.
    """

    maker: Hashable
    key: Hashable | None
    make: Callable[[ReadFields | None], Any]
    used: tuple[Any, ...] = ()
    size: int = 0


class _Kept(Struct, frozen=True, kw_only=True):
    result: Any
    objects: tuple[Any, ...]
    size: int


class Memo:
    """Keeps results by what they were made of. `most_bytes` bounds the text; 0 keeps nothing."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._size = 0
        self._seen: set[int] = set()
        self._same: Counter[int] = Counter(map(id, _CONSTANTS))  # how many results hold them
        self._never: set[Hashable] = set()
        self._json: dict[int, msgspec.Raw] = {}
        self._json_size = 0

    def recalled(self, work: Work, begin: Callable[[], None]) -> Any:
        """The result of `work`, made where it is not kept; `begin` is called before."""
        begin()
        if work.key is None:
            return self._shared(work.maker, work.make(None))
        kept = self.kept(work.key)
        if kept is not None:
            return kept
        result = self._shared(work.maker, work.make(None))
        if self._wants(work) and not _is_fault(result):
            begin()
            self._try(work, result)
        return result

    def kept(self, key: Hashable | None) -> Any:
        """The result that is kept under `key`; None where there is none."""
        kept = None if key is None else self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept.result

    def json(self, value: Any, make: Callable[[Any], msgspec.Raw]) -> msgspec.Raw:
        """What `make` makes of `value`: once, as long as the value is kept here."""
        known = self._json.get(id(value))
        if known is not None:
            return known
        made = make(value)
        if id(value) in self._same and 8 * len(made) <= self._most_bytes:
            if self._json_size + len(made) > self._most_bytes:
                self._json, self._json_size = {}, 0
            self._json[id(value)] = made
            self._json_size += len(made)
        return made

    def may(self, maker: Hashable) -> bool:
        """Whether anything that `maker` makes may be kept."""
        return bool(self._most_bytes) and maker not in self._never

    def key(
        self, maker: Hashable, inputs: Inputs, params: Mapping[str, Any] = _NONE
    ) -> Hashable | None:
        """The key of what `maker` makes of `inputs`; None where one of them is not kept here."""
        ids = tuple(map(id, inputs.objects))
        if not self.may(maker) or not self._same.keys() >= set(ids):
            return None
        try:
            return (maker, ids, inputs.signs, _encode(params))
        except (TypeError, ValueError, msgspec.MsgspecError):
            return None

    def _shared(self, maker: Hashable, result: Any) -> Any:
        """`result` with the very value of an equal one that is kept, if any.

        So what is made of it is found again, although its own text is another on each host.
        """
        if not isinstance(result, Known | Absent) or not self._most_bytes:
            return result
        found = _written(result)
        if not 0 < len(found) <= _MOST_SHARED:
            return result
        key = ("value", maker, found)
        kept = self._kept.get(key)
        if kept is None:
            if self._again(key):
                self._keep(key, _Kept(result=result, objects=_parts(result), size=len(found)))
            return result
        self._kept.move_to_end(key)
        return _with_parts(result, kept.result)

    def _wants(self, work: Work) -> bool:
        """Whether the result is made for the second time, and of a text that is not too long."""
        return 8 * work.size <= self._most_bytes and self._again(work.key)

    def _again(self, key: Hashable) -> bool:
        """Whether that key is met for the second time."""
        mark = hash(key)
        if mark in self._seen:
            return True
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(mark)
        return False

    def _try(self, work: Work, result: Any) -> None:
        """Keeps `result`, unless it is made of what is not in the key."""
        looks = ReadFields()
        again = work.make(looks)
        if looks.at:
            self._never.add(work.maker)
        elif _equal(again, result):
            objects = (*work.used, *_parts(result))
            self._keep(work.key, _Kept(result=result, objects=objects, size=work.size))

    def _keep(self, key: Hashable, kept: _Kept) -> None:
        self._kept[key] = kept
        self._size += kept.size
        self._same.update(map(id, kept.objects))
        while len(self._kept) > _MOST_RESULTS or self._size > self._most_bytes:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.size
            self._let_go(gone.objects)

    def _let_go(self, objects: Iterable[Any]) -> None:
        for one in map(id, objects):
            self._same[one] -= 1
            if not self._same[one]:
                del self._same[one]
                self._json_size -= len(self._json.pop(one, b""))


NOTHING_KEPT = Memo(0)


def _parts(result: Any) -> tuple[Any, ...]:
    """The objects of a result that others may be made of."""
    match result:
        case Known():
            return (result.value, result.incomplete, *result.incomplete)
        case Absent():
            return (result.detail,)
    return ()


def _written(result: Known | Absent) -> bytes:
    """What tells a value or an absence from others of one maker; empty where that is not known.

    The order of a mapping is in it: `==` would pass over it, and a check may list by it.
    """
    value = result.value if isinstance(result, Known) else result.reason
    detail = result.incomplete if isinstance(result, Known) else result.detail
    try:
        return msgspec.json.encode((value, detail))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return b""


def _with_parts(result: Any, kept: Any) -> Any:
    """`result` with the objects of `kept`, unless these are not the same after all."""
    match result, kept:
        case Known(), Known() if _equal(result.value, kept.value):
            return structs.replace(result, value=kept.value, incomplete=kept.incomplete)
        case Absent(), Absent():
            return structs.replace(result, detail=kept.detail)
    return result


def _is_fault(result: Any) -> bool:
    """Whether it may be something else the next time, such as for want of memory."""
    match result:
        case Absent():
            return result.reason is Reason.FAULT
        case Finding():
            return result.why == Reason.FAULT.value
    return False


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 (what a plugin's values raise)
        return False
