"""Strict YAML: a scalar stays text unless the schema expects another type.

`no` is text, `0640` is text, `1.10` is text: a field of type bool takes `true` or `false`, a field
of type int takes a plain decimal number, and anything else is an error that names file, line and
place. Duplicate keys, anchors, aliases, merge keys and tags are refused. The tree is built from
the parser's events, so that nothing deep or aliased is ever composed.
"""

from __future__ import annotations

import enum
import functools
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union

import msgspec
import yaml

from audit_core.model import Message, as_is, filled, msg
from audit_core.model.errors import InputError
from audit_core.model.schemas import Valid
from audit_core.policy.input_errors import (
    NOTHING,
    SILENT,
    YamlPath,
    as_quoted,
    dotted,
    nearest,
    one_of,
)
from audit_core.policy.yaml_errors import yaml_problem
from audit_core.text.system_errors import os_error

MAX_DEPTH = 40
MAX_BYTES = 2 << 20

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
_NULLS = ("", "~", "null")

T = TypeVar("T")


class Node:
    """A scalar (str), a list (of nodes) or a mapping (key to its line and node), and its line."""

    __slots__ = ("line", "plain", "value")

    def __init__(self, value: Any, line: int, *, plain: bool = False) -> None:
        self.value = value
        self.line = line
        self.plain = plain

    @property
    def is_null(self) -> bool:
        """Whether nothing, `~` or `null` was written, without quotes."""
        return self.plain and self.value in _NULLS

    def quoted_value(self) -> Message:
        """What was written, for an error message: quoted, escaped and cut."""
        if isinstance(self.value, dict):
            return msg("a mapping")
        if isinstance(self.value, list):
            return msg("a list")
        return NOTHING if self.plain and self.value == "" else as_quoted(self.value)


class Entry(typing.NamedTuple):
    """One value of a mapping and the line of its key."""

    line: int
    node: Node


class Document:
    """A parsed file: its nodes, and errors that name their lines."""

    def __init__(self, file: str, root: Node) -> None:
        self.file = file
        self.root = root

    def fail(
        self, place: YamlPath, expected: Message, got: Message, hint: Message = SILENT
    ) -> NoReturn:
        """Raises InputError for `place`: `FILE:LINE: path: expected X, got Y`."""
        self.fail_at(self.line(place), place, expected, got, hint)

    def fail_at(
        self, line: int, place: YamlPath, expected: Message, got: Message, hint: Message = SILENT
    ) -> NoReturn:
        """Raises InputError for `place` with a line that is already known."""
        raise wrong(self.file, line, place, expected, got, hint)

    def line(self, place: YamlPath) -> int:
        """The line of `place`, or of the nearest place around it that was written."""
        node, line = self.root, self.root.line
        for step in place:
            if isinstance(step, str) and isinstance(node.value, dict) and step in node.value:
                line, node = node.value[step]
            elif isinstance(step, int) and isinstance(node.value, list) and step < len(node.value):
                node = node.value[step]
                line = node.line
            else:
                break
        return line

    def at(self, place: YamlPath) -> Node | None:
        """The node at `place`, or None where nothing was written."""
        node = self.root
        for step in place:
            value = node.value
            if isinstance(step, str) and isinstance(value, dict) and step in value:
                node = value[step].node
            elif isinstance(step, int) and isinstance(value, list) and step < len(value):
                node = value[step]
            else:
                return None
        return node

    def convert(self, kind: type[T], node: Node | None = None, place: YamlPath = ()) -> T:
        """The value of `kind` that `node` (the whole document by default) spells."""
        found: T = _convert(self, kind, node or self.root, place)
        return found


def wrong(
    file: str, line: int, place: YamlPath, expected: Message, got: Message, hint: Message = SILENT
) -> InputError:
    """The error `FILE:LINE: path: expected X, got Y`, with the nearest right spelling."""
    return InputError(
        msg(
            "{file}:{line}: {place}: expected {expected}, got {got}{hint}",
            file=file,
            line=line,
            place=dotted(place),
            expected=expected,
            got=got,
            hint=hint,
        )
    )


# --- reading ------------------------------------------------------------------------------------


def read_bytes(path: Path) -> bytes:
    """The bytes of `path`, one more than the limit at most; raises InputError."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        detail = msg("{path}: cannot be read: {error}",
                   path=str(path), error=os_error(error))  # fmt: skip
        raise InputError(detail) from error


def load_bytes(raw: bytes, file: str) -> Document:
    """The document in `raw`; raises InputError that names `file`."""
    if len(raw) > MAX_BYTES:
        raise wrong(file, 1, (), msg("at most {count} bytes", count=MAX_BYTES), msg("more"))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise wrong(file, line, (), msg("text in UTF-8"), msg("other bytes")) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise wrong(file, line, (), msg("text"), msg("a NUL byte"))
    try:
        return Document(file, _Builder(file).build(yaml.parse(text, Loader=_LOADER)))
    except yaml.YAMLError as error:
        raise _syntax(file, text, error) from error


def _syntax(file: str, text: str, error: yaml.YAMLError) -> InputError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 1
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return wrong(file, line, (), msg("printable text"), msg("a control character"))
    detail = msg("{file}:{line}: {place}: invalid YAML: {problem}",
               file=file, line=line)  # fmt: skip
    problem = yaml_problem(getattr(error, "problem", None))
    return InputError(filled(detail, place=dotted(()), problem=problem))


class _Builder:
    """Makes nodes from parser events, and refuses what strict YAML does not have."""

    def __init__(self, file: str) -> None:
        self._file = file

    def build(self, events: Iterator[Any]) -> Node:
        """The one document's root node."""
        roots: list[Node] = []
        stack: list[_Open] = []
        for event in events:
            node = self._node(event, stack)
            if isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
            if node is None:
                continue
            if stack:
                stack[-1].add(node, self)
            else:
                roots.append(node)
            if isinstance(event, yaml.CollectionStartEvent):
                stack.append(_Open(node, self._place(stack, node)))
        if len(roots) != 1:
            self.refuse(1, msg("one document"), as_is(str(len(roots))))
        return roots[0]

    def _node(self, event: Any, stack: list[_Open]) -> Node | None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self.refuse(line, msg("no anchors and aliases"), as_quoted(event.anchor))
        if getattr(event, "tag", None) is not None:
            self.refuse(line, msg("no tags"), as_quoted(event.tag))
        if isinstance(event, yaml.DocumentStartEvent) and (event.tags or event.version):
            self.refuse(line, msg("no directives"), msg("one"))
        if isinstance(event, yaml.ScalarEvent):
            return Node(event.value, line, plain=event.style is None or event.style == "")
        if isinstance(event, yaml.CollectionStartEvent):
            if len(stack) >= MAX_DEPTH:
                self.refuse(line, msg("at most {count} levels", count=MAX_DEPTH), msg("more"))
            return Node([] if isinstance(event, yaml.SequenceStartEvent) else {}, line)
        return None

    def _place(self, stack: list[_Open], node: Node) -> YamlPath:
        return stack[-1].place_of(node) if stack else ()

    def refuse(self, line: int, expected: Message, got: Message, place: YamlPath = ()) -> NoReturn:
        raise wrong(self._file, line, place, expected, got)


class _Open:
    """A list or mapping that is being read."""

    __slots__ = ("_key", "_node", "_place")

    def __init__(self, node: Node, place: YamlPath) -> None:
        self._node = node
        self._key: Node | None = None
        self._place = place

    def add(self, node: Node, builder: _Builder) -> None:
        held = self._node.value
        if isinstance(held, list):
            held.append(node)
        elif self._key is None:
            self._take_key(node, builder)
        else:
            held[self._key.value] = Entry(self._key.line, node)
            self._key = None

    def place_of(self, node: Node) -> YamlPath:
        held = self._node.value
        if isinstance(held, list):
            return (*self._place, len(held) - 1)
        last = next(reversed(held), None)
        return (*self._place, last) if last is not None and held[last].node is node else self._place

    def _take_key(self, node: Node, builder: _Builder) -> None:
        if not isinstance(node.value, str):
            builder.refuse(node.line, msg("a plain key"), node.quoted_value(), self._place)
        if node.plain and node.value == "<<":
            builder.refuse(node.line, msg("no merge keys"), as_quoted("<<"), self._place)
        if node.value in self._node.value:
            first = self._node.value[node.value].line
            place = (*self._place, node.value)
            expected = msg("each key once (first on line {first})", first=first)
            builder.refuse(node.line, expected, msg("it again"), place)
        self._key = node


# --- converting ---------------------------------------------------------------------------------


def _convert(doc: Document, kind: Any, node: Node, place: YamlPath) -> Any:
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return _narrowed(doc, kind, node, place)
    if isinstance(kind, typing.NewType):
        return _convert(doc, kind.__supertype__, node, place)
    if origin in (Union, types.UnionType):
        return _union(doc, typing.get_args(kind), node, place)
    if origin is Literal:
        return _choice(doc, node, place, {str(a): a for a in typing.get_args(kind)})
    if origin in (tuple, list, frozenset, set):
        return _sequence(doc, kind, origin, node, place)
    if origin is dict or origin is Mapping:
        return _mapping(doc, typing.get_args(kind)[1], node, place)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(doc, kind, node, place)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _choice(doc, node, place, {str(m.value): m for m in kind})
    return _plain(doc, kind, node, place)


def _narrowed(doc: Document, kind: Any, node: Node, place: YamlPath) -> Any:
    value = _convert(doc, typing.get_args(kind)[0], node, place)
    for rule in typing.get_args(kind)[1:]:
        if isinstance(rule, Valid) and not rule.holds(value):
            got = rule.got(value) if rule.got is not None else None
            shown = as_is(str(value)) if isinstance(value, int | float) else node.quoted_value()
            doc.fail_at(node.line, place, rule.expected, got or shown)
    return value


def wanted(kind: Any) -> Message:
    """What is expected where a value of the type `kind` has to be and nothing is written."""
    rules = typing.get_args(kind)[1:] if typing.get_origin(kind) is Annotated else ()
    return next((rule.expected for rule in rules if isinstance(rule, Valid)), msg("a value"))


def _plain(doc: Document, kind: Any, node: Node, place: YamlPath) -> Any:
    reader = _READERS.get(kind)
    if reader is None:
        raise TypeError(f"{dotted(place)}: no YAML form for {kind!r}")
    expected, read = reader
    try:
        return read(node)
    except ValueError:
        doc.fail_at(node.line, place, expected, node.quoted_value())


def _text(node: Node) -> str:
    if not isinstance(node.value, str) or (node.plain and node.value == ""):
        raise ValueError
    return node.value


def _matched(pattern: re.Pattern[str], node: Node) -> str:
    if not (isinstance(node.value, str) and node.plain and pattern.fullmatch(node.value)):
        raise ValueError
    return node.value


def _bool(node: Node) -> bool:
    if not node.plain or node.value not in ("true", "false"):
        raise ValueError
    return bool(node.value == "true")


def as_written(node: Node) -> Any:
    """`node` without a schema: true, false, null and canonical whole numbers, else the text."""
    value = node.value
    if isinstance(value, dict):
        return {key: as_written(entry.node) for key, entry in value.items()}
    if isinstance(value, list):
        return tuple(as_written(child) for child in value)
    if not node.plain:
        return value
    if node.is_null:
        return None
    if value in ("true", "false"):
        return value == "true"
    return int(value) if _INT.fullmatch(value) and value != "-0" else value


_READERS: dict[Any, tuple[Message, Callable[[Node], Any]]] = {
    str: (msg("text"), _text),
    bool: (msg("true or false"), _bool),
    int: (msg("a whole number"), lambda node: int(_matched(_INT, node))),
    float: (msg("a number"), lambda node: float(_matched(_FLOAT, node))),
    Any: (msg("a value"), as_written),
    object: (msg("a value"), as_written),
}


def _union(doc: Document, kinds: tuple[Any, ...], node: Node, place: YamlPath) -> Any:
    if type(None) in kinds and node.is_null:
        return None
    rest = [k for k in kinds if k is not type(None)]
    fitting = [k for k in rest if _shape(k) is _shape_of(node)] or rest
    # text last, so that `5` is a number where a number is allowed
    fitting.sort(key=lambda k: 1 if k is str else 0)
    for kind in fitting[:-1]:
        try:
            return _convert(doc, kind, node, place)
        except InputError:
            continue
    return _convert(doc, fitting[-1], node, place)


def _shape_of(node: Node) -> type:
    return type(node.value)


def _shape(kind: Any) -> type:
    """Which of str, list and dict a node must hold to spell `kind`."""
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return _shape(typing.get_args(kind)[0])
    if origin in (tuple, list, frozenset, set):
        return list
    struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return dict if struct or origin in (dict, Mapping) else str


def _choice(doc: Document, node: Node, place: YamlPath, known: dict[str, Any]) -> Any:
    if not isinstance(node.value, str) or node.value not in known:
        hint = nearest(node.value, known) if isinstance(node.value, str) else SILENT
        doc.fail_at(node.line, place, one_of(known), node.quoted_value(), hint)
    return known[node.value]


def _sequence(doc: Document, kind: Any, origin: Any, node: Node, place: YamlPath) -> Any:
    if not isinstance(node.value, list):
        doc.fail_at(node.line, place, msg("a list"), node.quoted_value())
    args = typing.get_args(kind)
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        if len(node.value) != len(args):
            expected = msg("{count} values", count=len(args))
            doc.fail_at(node.line, place, expected, as_is(str(len(node.value))))
        pairs = zip(args, node.value, strict=True)
    else:
        pairs = zip([args[0]] * len(node.value), node.value, strict=True)
    return origin(_convert(doc, k, child, (*place, i)) for i, (k, child) in enumerate(pairs))


def _mapping(doc: Document, kind: Any, node: Node, place: YamlPath) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        doc.fail_at(node.line, place, msg("a mapping"), node.quoted_value())
    return {
        key: _convert(doc, kind, entry.node, (*place, key)) for key, entry in node.value.items()
    }


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _struct(doc: Document, kind: type[msgspec.Struct], node: Node, place: YamlPath) -> Any:
    if not isinstance(node.value, dict):
        doc.fail_at(node.line, place, msg("a mapping"), node.quoted_value())
    fields, values = _fields(kind), {}
    for key, entry in node.value.items():
        field = fields.get(key)
        if field is None:
            known = msg("one of the keys {keys}", keys=tuple(sorted(fields)))
            doc.fail_at(entry.line, (*place, key), known, as_quoted(key), nearest(key, fields))
        values[field.name] = _convert(doc, field.type, entry.node, (*place, key))
    for name, field in fields.items():
        if field.required and field.name not in values:
            doc.fail_at(node.line, (*place, name), wanted(field.type), NOTHING)
    return kind(**values)
