"""What a page holds: its links, its text, its dates. Pure, and linear in the size of the page.

Nothing is run: what a page writes by script is not seen.
"""

from __future__ import annotations

import datetime
import html
import re
from collections.abc import Iterator

from audit_http.urls import joined

_LINK = re.compile(
    r"<a\b[^<>]{0,2000}?\bhref\s{0,20}=\s{0,20}(\"[^\"<>]{0,2000}\"|'[^'<>]{0,2000}'|[^\s<>\"']{1,2000})",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,5000}>")
_MOST_LINKS = 2000
_MOST_TEXT = 200_000


def links_in(text: str, base: str) -> tuple[str, ...]:
    """The http and https URLs that the page `text` at `base` links to, each once."""
    found: dict[str, None] = {}
    for hit in _LINK.finditer(text):
        url = joined(base, html.unescape(hit[1].strip("\"'")).strip())
        if url is not None:
            found[url] = None
        if len(found) == _MOST_LINKS:
            break
    return tuple(found)


def visible_text(text: str) -> str:
    """The text of a page without scripts, styles and tags; blanks are joined."""
    for name in ("script", "style"):
        text = "".join(_without(text, name))
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())[:_MOST_TEXT]


def _without(text: str, name: str) -> Iterator[str]:
    """`text` without the elements `name`; one that does not end hides the rest."""
    small, at = text.lower(), 0
    while (begin := small.find(f"<{name}", at)) >= 0:
        yield text[at:begin]
        end = small.find(f"</{name}", begin)
        if end < 0:
            return
        at = end
    yield text[at:]


_NUMERALS = {c: str(n) for n, c in enumerate("〇一二三四五六七八九")} | {"零": "0", "○": "0"}
_DATE = re.compile(r"(20\d\d)\s{0,3}[-/.年]\s{0,3}(\d{1,2})\s{0,3}[-/.月]\s{0,3}(\d{1,2})(?!\d)")
_CHINESE = re.compile(
    r"(二[〇零○][〇零○一二三四五六七八九]{2})年([一二三四五六七八九十]{1,3})月([一二三四五六七八九十]{1,3})日"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_ENGLISH = re.compile(rf"\b{_MONTH}\s(\d{{1,2}})(?:st|nd|rd|th)?,?\s(20\d\d)", re.IGNORECASE)
_BRITISH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s{_MONTH},?\s(20\d\d)", re.IGNORECASE)
_NEAR = re.compile(
    r"更新|生效|发布|修订|版本|施行|日期|updated|effective|revis|version|published|dated|modified",
    re.IGNORECASE,
)
_AROUND = 60


def dates_in(text: str) -> tuple[datetime.date, ...]:
    """The days of a version: dates with a word like 更新, 生效 or `updated` near them, in order."""
    found = (day for at, day in _dates(text) if _NEAR.search(text[max(at - _AROUND, 0) : at + 90]))
    return tuple(dict.fromkeys(found))


def _dates(text: str) -> Iterator[tuple[int, datetime.date]]:
    for hit in _DATE.finditer(text):
        yield from _day(hit.start(), hit[1], hit[2], hit[3])
    for hit in _CHINESE.finditer(text):
        yield from _day(hit.start(), _digits(hit[1]), _tens(hit[2]), _tens(hit[3]))
    for hit in _ENGLISH.finditer(text):
        yield from _day(hit.start(), hit[3], _month(hit[1]), hit[2])
    for hit in _BRITISH.finditer(text):
        yield from _day(hit.start(), hit[3], _month(hit[2]), hit[1])


def _day(at: int, year: str, month: str, day: str) -> Iterator[tuple[int, datetime.date]]:
    try:
        yield at, datetime.date(int(year), int(month), int(day))
    except ValueError:
        return


def _month(name: str) -> str:
    return str(_MONTHS.index(name[:3].lower()) + 1)


def _digits(text: str) -> str:
    return "".join(_NUMERALS[c] for c in text)


def _tens(text: str) -> str:
    """A number below 40 in Chinese numerals; 0 for what is none."""
    tens, ten, ones = text.partition("十")
    if not ten:
        return _digits(text) if len(text) == 1 else "0"
    if len(tens) > 1 or len(ones) > 1:
        return "0"
    return (_digits(tens) or "1") + (_digits(ones) or "0")
