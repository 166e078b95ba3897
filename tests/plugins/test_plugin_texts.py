"""Every text of these plugins has its Chinese, with the same places in it."""

from __future__ import annotations

import ast
import gettext
import string
from pathlib import Path
from types import ModuleType

import pytest

import audit_backup
import audit_nmap
import audit_patch
import audit_tls

PACKAGES = [audit_backup, audit_nmap, audit_patch, audit_tls]


def folder(package: ModuleType) -> Path:
    assert package.__file__
    return Path(package.__file__).parent


def msgids(package: ModuleType) -> set[str]:
    """The literal first argument of every call of msg in the package, and every check's title."""
    found = {check.title for check in package.dengbao_checks()}
    for path in folder(package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "msg":
                first = node.args[0]
                assert isinstance(first, ast.Constant), f"{path}:{node.lineno}"
                found.add(first.value)
    return found


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_every_text_has_its_chinese(package: ModuleType) -> None:
    (offered,) = package.dengbao_locales()
    zh = gettext.translation(package.__name__, offered, ["zh"])
    texts = msgids(package)
    assert len(texts) > 20
    for text in texts:
        chinese = zh.gettext(text)
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese), text
        assert places(chinese) == places(text), text


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_no_chinese_is_left_over(package: ModuleType) -> None:
    mo = folder(package) / "locale" / "zh" / "LC_MESSAGES" / f"{package.__name__}.mo"
    with mo.open("rb") as file:
        catalog = gettext.GNUTranslations(file)
    held = {str(key) for key in vars(catalog)["_catalog"]} - {""}
    assert held == msgids(package)
