"""Inserts parts into the text of an inventory; everything else stays unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from audit_core.text.escape import show

Parts = Mapping[str, Sequence[tuple[Mapping[str, Any], str]]]
"""What is to be written under each key of a target: items, and the remark on each."""

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off"}


def flow(value: Any) -> str:
    """`value` as YAML on one line, which strict YAML reads as the same value."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(held)}" for key, held in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)


def fragment(target: str, parts: Parts, *, indent: int = 4) -> str:
    """The lines to write at `target`, with its id as a remark above them."""
    return f"{' ' * indent}# {show(target)}\n" + _block(parts, " " * indent)


def _block(parts: Parts, space: str) -> str:
    return "".join(f"{space}{key}:\n{_items(items, space + '  ')}" for key, items in parts.items())


def _items(items: Iterable[tuple[Mapping[str, Any], str]], space: str) -> str:
    return "".join(f"{space}- {flow(item)}{_remark(why)}\n" for item, why in items)


def _remark(why: str) -> str:
    return f"  # {show(why)}" if why else ""


def inserted(text: str, wanted: Mapping[str, Parts]) -> str:
    """`text`, an inventory, with the parts that are `wanted` for each target id.

    A target that it does not hold is left out: whoever calls reads the result again.
    """
    if not text.endswith("\n"):
        text += "\n"
    changes: list[tuple[int, str]] = []
    for target in _targets(yaml.compose(text, Loader=yaml.SafeLoader)):
        parts = wanted.get(_value(target, "id"))
        for key, items in (parts or {}).items():
            changes.append(_change(text, target, key, items))
    for at, new in _last_first(changes):
        text = text[:at] + new + text[at:]
    return text


def _last_first(changes: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """`changes` from the last place on, so that the others hold; the last one of a place first."""
    numbered = sorted(enumerate(changes), key=lambda pair: (pair[1][0], pair[0]), reverse=True)
    return [change for _, change in numbered]


def _targets(root: Any) -> list[Any]:
    found = _child(root, "targets")
    return [] if found is None else list(found.value)


def _child(node: Any, key: str) -> Any:
    return next((held for name, held in node.value if name.value == key), None)


def _value(node: Any, key: str) -> str:
    held = _child(node, key)
    return "" if held is None else str(held.value)


def _change(
    text: str, target: Any, key: str, items: Sequence[tuple[Mapping[str, Any], str]]
) -> tuple[int, str]:
    held = _child(target, key)
    inline = ", ".join(flow(item) for item, _ in items)
    if held is not None and held.flow_style:
        before = ", " if held.value else ""
        return held.end_mark.index - 1, before + inline
    if held is not None:
        return _end(text, held), _items(items, " " * held.start_mark.column)
    if target.flow_style:
        before = ", " if target.value else ""
        return target.end_mark.index - 1, f"{before}{key}: [{inline}]"
    return _end(text, target), _block({key: items}, " " * target.start_mark.column)


def _end(text: str, node: Any) -> int:
    """Where the line after the last one of `node` begins.

    The parser ends a block where the next one begins: remarks and blank lines between them are
    taken for those of the next one.
    """
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    at = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        at = len(text[:at].rstrip("\n"))
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
