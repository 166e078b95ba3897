"""The fixed texts of audit_core that a reader may see, found in its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import audit_core

ROOT = Path(audit_core.__file__).parent
# Tables of texts: module-level names, or arguments by keyword or place, that hold nothing else.
_TABLES = {"EXIT_CODES", "NAMES", "_STAGES", "_LIBRARIES", "DISCLAIMER"}
_CALLS = {"msg": 0, "text": 0, "_command": 1, "_one_run": 1}
# What argparse looks up while it prints and complains.
ARGPARSE = (
    "usage: ", "options", "positional arguments", "show this help message and exit",
    "unrecognized arguments: %s", "the following arguments are required: %s",
    "expected one argument", "argument %(argument_name)s: %(message)s",
    "invalid choice: %(value)r (choose from %(choices)s)", "invalid %(type)s value: %(value)r",
)  # fmt: skip


def _strings(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _of_call(call: ast.Call) -> Iterator[str]:
    place = _CALLS.get(_name(call))
    if place is not None and len(call.args) > place:
        yield from _texts(call.args[place])
    if _name(call) == "_listed":  # (context, title, heads, rows)
        for given in call.args[1:3]:
            yield from _texts(given)
    for keyword in call.keywords:
        if keyword.arg == "help":
            yield from _texts(keyword.value)


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that `node` may be: a literal, a choice of literals, or a tuple of them."""
    match node:
        case ast.Constant(value=str() as value):
            yield value
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body)
            yield from _texts(orelse)
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            for item in elts:
                yield from _texts(item)


def _of_assign(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = {t.id for t in targets if isinstance(t, ast.Name)}
    if node.value is not None and names & _TABLES:
        values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
        for value in values:
            yield from _strings(value)
    if node.value is not None and names & {"line", "text", "heads", "title"}:
        yield from _texts(node.value)


def _of_loop(node: ast.For | ast.comprehension, body: ast.AST) -> Iterator[str]:
    """`… text(h) … for h in ("a", "b")`: the tuple, where its loop variable is translated."""
    if not isinstance(node.target, ast.Name):
        return
    for call in ast.walk(body):
        if isinstance(call, ast.Call) and _name(call) == "text" and call.args:
            used = call.args[0]
            if isinstance(used, ast.Name) and used.id == node.target.id:
                yield from _texts(node.iter)


def _of_for(node: ast.For) -> Iterator[str]:
    """`for noun, verbs, text in (…)`: the last of each tuple, where it is called text."""
    match node.target:
        case ast.Tuple(elts=[*_, ast.Name(id="text")]) if isinstance(node.iter, ast.Tuple):
            for row in node.iter.elts:
                if isinstance(row, ast.Tuple):
                    yield from _texts(row.elts[-1])


def literals() -> dict[str, str]:
    """Every text, and the module where it stands."""
    found: dict[str, str] = {}
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            texts: list[str] = []
            if isinstance(node, ast.Call):
                texts += _of_call(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                texts += _of_assign(node) if "cli" in path.parts or "views" in path.name else []
            elif isinstance(node, ast.For):
                texts += _of_for(node)
            elif isinstance(node, ast.ListComp | ast.GeneratorExp):
                for loop in node.generators:
                    texts += _of_loop(loop, node.elt)
            for text in texts:
                if any(c.isalpha() for c in re.sub(r"{\w+}", "", text)):
                    found.setdefault(text, path.relative_to(ROOT).as_posix())
    return found


_ERRORS = {"UsageError", "InputError", "ToolMissing", "StoreError", "ConfigError"}


def english_for_good() -> list[str]:
    """Where an error is raised in plain English, or a message carries English among its values."""
    return [
        f"{path.relative_to(ROOT).as_posix()}:{call.lineno}"
        for path in sorted(ROOT.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and any(_stays_english(call))
    ]


def _stays_english(call: ast.Call) -> Iterator[bool]:
    if _name(call) in _ERRORS and call.args:
        yield isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
    if _name(call) == "msg":
        for keyword in call.keywords:
            yield any(re.search("[a-z] [a-z]", text) for text in _strings(keyword.value))
