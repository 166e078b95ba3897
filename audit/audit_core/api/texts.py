"""The texts in a package's source, and what its Chinese lacks: for contract tests and editors.

A text is the literal first argument of a call of `msg` or `text`, or the first docstring line of a
function decorated with `check` or a wrapper of it (`…_check`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from audit_core.text.translate import read_catalog

_CALLS = ("msg", "text")
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_ENGLISH = re.compile("^[^\u4e00-\u9fff]*[a-z]{2,} [a-z]{2,}[^\u4e00-\u9fff]*$")


def source_texts(package: Path) -> dict[str, str]:
    """Each text in the package `package` (a folder or one module), and where it first stands."""
    found: dict[str, str] = {}
    for path in _modules(package):
        for node in _nodes(path):
            if (text := _text(node)) is not None:
                found.setdefault(text, _where(package, path))
    return found


def text_problems(package: Path, locale: Path) -> tuple[str, ...]:
    """What is wrong with the texts of `package` and their Chinese in `locale`, a line each.

    A text without Chinese, Chinese of no text, places that differ, a message whose id is no
    literal.
    """
    texts, known = source_texts(package), read_catalog(locale, "zh", package.stem)
    found = [*_computed(package)]
    found += [f"Chinese of no text: {text!r}" for text in known if text not in texts]
    for text, where in texts.items():
        if problem := _problem(text, known.get(text)):
            found.append(f"{where}: {problem}: {text!r}")
    return tuple(found)


def _modules(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py")) if package.is_dir() else [package]


def _where(package: Path, path: Path) -> str:
    return path.relative_to(package).as_posix() if package.is_dir() else path.name


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _text(node: ast.AST) -> str | None:
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


def _computed(package: Path) -> Iterator[str]:
    for path in _modules(package):
        for node in _nodes(path):
            match node:
                case ast.Call(func=ast.Name(id="msg"), args=[ast.Constant(value=str()), *_]):
                    pass
                case ast.Call(func=ast.Name(id="msg")):
                    yield f"{_where(package, path)}:{node.lineno}: its id is no literal"


def _problem(text: str, chinese: str | None) -> str:
    letters = re.search("[A-Za-z]", _PLACE.sub("", text))
    if chinese is None:
        return "no Chinese" if letters else ""
    # What data holds in both languages has two places, such as `said` and `said_zh`.
    places = {place.removesuffix("_zh") for place in _PLACE.findall(chinese)}
    if places != set(_PLACE.findall(text)):
        return "its Chinese has other places"
    return "its Chinese is English" if _ENGLISH.search(chinese) else ""
