"""Finds the texts in a package's source. Imports nothing: `make messages` runs it on its own.

A text is the literal first argument of a call of `msg` or `text`, or the first docstring line of a
function decorated with `check` or a wrapper of it (`…_check`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_CALLS = ("msg", "text")


def source_texts(package: Path) -> dict[str, str]:
    """Each text in the package `package` (a folder or one module), and where it first stands."""
    return texts_and_computed(package)[0]


def texts_and_computed(package: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """What `source_texts` finds, and where `msg` is called with no literal, `MODULE:LINE`."""
    found: dict[str, str] = {}
    computed: list[str] = []
    for path in _modules(package):
        where = _where(package, path)
        for node in _nodes(path):
            if (text := _text(node)) is not None:
                found.setdefault(text, where)
            if _is_computed(node):
                computed.append(f"{where}:{node.lineno}")
    return found, tuple(computed)


def _is_computed(node: ast.Call | ast.FunctionDef) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="msg"), args=[ast.Constant(value=str()), *_]):
            return False
        case ast.Call(func=ast.Name(id="msg")):
            return True
    return False


def _modules(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py")) if package.is_dir() else [package]


def _where(package: Path, path: Path) -> str:
    return path.relative_to(package).as_posix() if package.is_dir() else path.name


def _nodes(path: Path) -> Iterator[ast.Call | ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call | ast.FunctionDef):
            yield node


def _text(node: ast.Call | ast.FunctionDef) -> str | None:
    match node:
        case ast.Call(args=[ast.Constant(value=str() as text), *_]) if _name(node.func) in _CALLS:
            return text or None
        case ast.FunctionDef(decorator_list=[ast.Call(func=called), *_]) if _is_check(called):
            return (ast.get_docstring(node) or "").split("\n")[0] or None
    return None


def _is_check(called: ast.expr) -> bool:
    return _name(called).endswith("check")


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
