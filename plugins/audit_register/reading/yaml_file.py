"""Registers in YAML: a list of mappings from heads to values, read strictly."""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.api.declared_files import Unreadable
from audit_core.api.sdk import Message, msg
from audit_core.model.errors import InputError
from audit_core.policy.strict_yaml import Node, load_bytes
from audit_register.reading.grid import Grid, Row


def grid_of(raw: bytes, name: str) -> Grid:
    """The list in `raw`; its first row are all the heads."""
    try:
        document = load_bytes(raw, name)
        root = document.at(())
    except InputError as error:
        raise Unreadable(error.detail) from error
    items = root.value if root is not None and isinstance(root.value, list) else None
    if items is None or not all(isinstance(item.value, dict) for item in items):
        raise Unreadable(msg("it is no list of mappings"))
    heads = list(dict.fromkeys(str(key) for item in items for key in item.value))
    return Grid(sheet="", rows=_rows(heads, items), place=_place)


def _place(row: int, column: int) -> Message:
    return msg("line {row}", row=row)


def _rows(heads: list[str], items: list[Node]) -> Iterator[Row]:
    yield 1, list(heads)
    for item in items:
        yield item.line, [_value(item, head) for head in heads]


def _value(item: Node, head: str) -> object:
    entry = item.value.get(head)
    if entry is None or entry.node.is_null:
        return None
    held = entry.node.value
    if isinstance(held, list):
        return ", ".join(str(one.value) for one in held)
    return str(held).strip() or None
