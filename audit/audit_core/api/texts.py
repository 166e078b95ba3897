"""Missing translations of a package, for contract tests."""

from __future__ import annotations

import re
from pathlib import Path

from audit_core.text.message_sources import texts_and_computed
from audit_core.text.translate import read_catalog

_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_ENGLISH = re.compile("^[^\u4e00-\u9fff]*[a-z]{2,} [a-z]{2,}[^\u4e00-\u9fff]*$")


def text_problems(package: Path, locale: Path) -> tuple[str, ...]:
    """What is wrong with the texts of `package` and their Chinese in `locale`, a line each.

    A text without Chinese, Chinese of no text, places that differ, a message whose id is no
    literal.
    """
    texts, computed = texts_and_computed(package)
    known = read_catalog(locale, "zh", package.stem)
    found = [f"{where}: its id is no literal" for where in computed]
    found += [f"Chinese of no text: {text!r}" for text in known if text not in texts]
    for text, where in texts.items():
        if problem := _problem(text, known.get(text)):
            found.append(f"{where}: {problem}: {text!r}")
    return tuple(found)


def _problem(text: str, chinese: str | None) -> str:
    letters = re.search("[A-Za-z]", _PLACE.sub("", text))
    if chinese is None:
        return "no Chinese" if letters else ""
    # What data holds in both languages has two places, such as `detail` and `detail_zh`.
    places = {place.removesuffix("_zh") for place in _PLACE.findall(chinese)}
    if places != set(_PLACE.findall(text)):
        return "its Chinese has other places"
    return "its Chinese is English" if _ENGLISH.search(chinese) else ""
