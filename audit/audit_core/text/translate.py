"""Messages rendered in English or Chinese. Values are never templates."""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from audit_core.model import Message, Value

LANGUAGES = ("en", "zh")
OWN = Path(__file__).parent / "locale"
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
# Places whose values are words of ours where a translation knows them. In the first two they are
# else those of a library or a target, and quoted as they came in.
_QUOTED = ("detail", "error")
_WORDS = (*_QUOTED, "how", "words")
_CONTEXT = "detail\x04"  # how a .mo file writes `msgctxt "detail"`
_DEEP = 3  # sentences within sentences: a target may write as many as it likes
_LONG = 2000


def default_language(env: dict[str, str] | None = None) -> str:
    """`zh` where the locale is Chinese, else `en`."""
    seen = os.environ if env is None else env
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if seen.get(name):
            return "zh" if seen[name].lower().startswith("zh") else "en"
    return "en"


def show(value: Value, *, sep: str = ", ") -> str:
    """`value` as text: a tuple is listed, a float that is whole has no fraction."""
    if isinstance(value, tuple):
        return sep.join(show(item) for item in value) if value else "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "-" if value is None else str(value)


class Translator:
    """Translates fixed texts and renders messages in one language."""

    def __init__(self, lang: str, dirs: Iterable[Path] = ()) -> None:
        self.lang = lang
        self._texts: dict[str, str] = {}
        if lang == "en":
            return
        for folder in (OWN, *dirs):
            for file in sorted((folder / lang / "LC_MESSAGES").glob("*.mo")):
                with file.open("rb") as handle:
                    catalog = gettext.GNUTranslations(handle)
                table: dict[object, str] = vars(catalog)["_catalog"]
                self._texts.update({k: v for k, v in table.items() if isinstance(k, str) and v})

    @cached_property
    def _sentences(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """The sentences of ours, what says most first, and their translations."""
        known = [key.removeprefix(_CONTEXT) for key in self._texts if key.startswith(_CONTEXT)]
        known.sort(key=lambda text: (-len(_PLACE.sub("", text)), text))
        return tuple((_pattern(text), self._texts[_CONTEXT + text]) for text in known)

    def text(self, source: str) -> str:
        """`source` in this language; itself where there is no translation."""
        return self._texts.get(source, source) if source else ""

    def say(self, message: Message) -> str:
        """`message` in this language, with its values put in their places, literally."""
        return self._filled(self.text(message.id), message.args, 0)

    def sentence(self, told: str) -> str:
        """`told`, stored in English, in this language; quoted as it is where nobody of us said it.

        What probers, transports and parsers say is stored as text. The locale folders know their
        sentences by the context `detail`.
        """
        return self._told("detail", told, 0)

    def ours(self, how: str) -> str:
        """`how` something is or was asked, in this language; as it is where that is not known."""
        return self._told("how", how, 0)

    def _sentence(self, told: str, deep: int) -> str | None:
        """`told` in this language, or None where it is no sentence of ours."""
        if self.lang == "en" or not told:
            return told
        exact = self._texts.get(_CONTEXT + told) or self._texts.get(told)
        if exact:
            return exact
        if len(told) <= _LONG and deep < _DEEP:
            for pattern, translated in self._sentences:
                if hit := pattern.fullmatch(told):
                    return self._filled(translated, hit.groupdict(), deep + 1)
        return None

    def _filled(self, text: str, args: Mapping[str, Value], deep: int) -> str:
        sep = "、" if self.lang == "zh" else ", "
        values = {name: self._value(name, value, sep, deep) for name, value in args.items()}
        return _PLACE.sub(lambda hit: values.get(hit[1], hit[0]), text)

    def _value(self, name: str, value: Value, sep: str, deep: int) -> str:
        if name == "strerror" and isinstance(value, str):
            return self.text(value)  # words of the system, not a value that was seen
        if name in _WORDS and isinstance(value, str | tuple):
            told = value if isinstance(value, tuple) else (value,)
            return sep.join(self._told(name, show(item), deep) for item in told)
        if isinstance(value, bool):
            return self.text("yes") if value else self.text("no")
        return show(value, sep=sep)

    def _told(self, name: str, value: str, deep: int) -> str:
        known = self._sentence(value, deep)
        if known is not None:
            return known
        return f"“{value}”" if name in _QUOTED else value


def _pattern(text: str) -> re.Pattern[str]:
    parts = _PLACE.split(text)
    found = [f"(?P<{part}>.*?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)]
    return re.compile("".join(found), re.DOTALL)
