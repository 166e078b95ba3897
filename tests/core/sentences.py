"""The sentences that probers, transports and parsers tell as text, found in their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# What is raised with a sentence that ends up in an observation or a finding.
_RAISED = {
    "ParseError", "NotTls", "Declined", "TimeoutError", "ConnectionError", "ConnectionResetError",
    "ValueError",
}  # fmt: skip
# Functions and constants that give such sentences back.
_GIVEN = {"_nothing_heard", "_status", "carry_out", "_unread", "run"}
_CONSTANTS = {"GONE", "NO_TIMEOUT", "NO_SUDO", "NO_TOOLS", "NO_PROCESS", "VANISHED"}


def _text(node: ast.expr) -> str | None:
    """`node` as text, with `{}` where a value stands; None where it is no literal."""
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in parts)
        case ast.BoolOp(values=[*_, last]):
            return _text(last)
    return None


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _of(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        if _name(node.func) in _RAISED and node.args:
            yield node.args[0]
        yield from (k.value for k in node.keywords if k.arg in ("detail", "said"))
    if isinstance(node, ast.Assign):
        names = {t.id for t in node.targets if isinstance(t, ast.Name)}
        if names & (_CONSTANTS | {"detail"}):
            yield node.value
    if isinstance(node, ast.FunctionDef) and node.name in _GIVEN:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Tuple):
                yield inner.value.elts[-1]


def sentences(folder: Path) -> dict[str, str]:
    """Each sentence in the sources below `folder`, `{}` for its values, and where it stands."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for given in _of(node):
                text = _text(given)
                if text is not None and any(c.isalpha() for c in text.replace("{}", "")):
                    found.setdefault(text, f"{path.relative_to(folder)}:{given.lineno}")
    return found
