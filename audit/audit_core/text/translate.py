"""Messages rendered in English or Chinese. Values are never templates."""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from audit_core.model import Message, Value
from audit_core.model.messages import render

LANGUAGES = ("en", "zh")
CORE = "audit_core"
OWN = Path(__file__).parent / "locale"
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
# Being replaced by messages within messages: places whose values are stored English sentences.
_QUOTED = ("detail", "error")
_WORDS = (*_QUOTED, "how", "words")
_CONTEXT = "detail\x04"
_DEEP = 3
_LONG = 2000


def default_language(env: dict[str, str] | None = None) -> str:
    """`zh` where the locale is Chinese, else `en`."""
    seen = os.environ if env is None else env
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if seen.get(name):
            return "zh" if seen[name].lower().startswith("zh") else "en"
    return "en"


def read_catalog(folder: Path, lang: str, domain: str) -> dict[str, str]:
    """The compiled translations of `domain` in `folder`; empty where there are none."""
    path = folder / lang / "LC_MESSAGES" / f"{domain}.mo"
    if not path.exists():
        return {}
    with path.open("rb") as handle:
        table: dict[object, str] = vars(gettext.GNUTranslations(handle))["_catalog"]
    return {k: v for k, v in table.items() if isinstance(k, str) and k and v}


class Translator:
    """Renders messages in one language; `locales` is the folder of each domain but the core's.

    A text without a translation is shown in English.
    """

    def __init__(self, lang: str, locales: Mapping[str, Path] | None = None) -> None:
        self.lang = lang
        self._folders = {**(locales or {}), CORE: OWN}
        self._tables: dict[str, dict[str, str]] = {}

    def text(self, source: str, domain: str = CORE) -> str:
        """`source` in this language; itself where there is no translation."""
        if self.lang == "en" or domain not in self._folders:
            return source
        if domain not in self._tables:
            self._tables[domain] = read_catalog(self._folders[domain], self.lang, domain)
        return self._tables[domain].get(source, source)

    def say(self, message: Message) -> str:
        """`message` in this language, with its values put in their places, literally."""
        if self.lang != "en":
            message = self._old(message)
        return render(message, self._translated, sep="、" if self.lang == "zh" else ", ")

    def _translated(self, domain: str, id: str) -> str:
        return self.text(id, domain)

    # --- stored English, until every sentence is a message ---------------------------------------

    def _old(self, message: Message) -> Message:
        args = {name: self._old_value(name, value) for name, value in message.args.items()}
        return Message(id=message.id, args=args, domain=message.domain)

    def _old_value(self, name: str, value: Value) -> Value:
        if name == "strerror" and isinstance(value, str):
            return self.text(value)
        if name not in _WORDS:
            return value
        if isinstance(value, str):
            return self._told(name, value, 0)
        if isinstance(value, tuple):
            return tuple(self._told(name, v, 0) if isinstance(v, str) else v for v in value)
        return value

    @cached_property
    def _details(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for domain, folder in self._folders.items():
            for name in (f"{domain}_sentences", domain):
                found.update(read_catalog(folder, self.lang, name))
        return found

    @cached_property
    def _sentences(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        known = [k.removeprefix(_CONTEXT) for k in self._details if k.startswith(_CONTEXT)]
        known.sort(key=lambda text: (-len(_PLACE.sub("", text)), text))
        return tuple((_pattern(text), self._details[_CONTEXT + text]) for text in known)

    def sentence(self, told: str) -> str:
        """`told`, stored in English, in this language; quoted where none of us said it."""
        return self._told("detail", told, 0)

    def ours(self, how: str) -> str:
        """`how` something is or was asked, in this language; as it is where that is not known."""
        return self._told("how", how, 0)

    def _sentence(self, told: str, deep: int) -> str | None:
        if self.lang == "en" or not told:
            return told
        exact = self._details.get(_CONTEXT + told) or self._details.get(told)
        if exact:
            return exact
        if len(told) <= _LONG and deep < _DEEP:
            for pattern, translated in self._sentences:
                if hit := pattern.fullmatch(told):
                    return self._filled(translated, hit.groupdict(), deep + 1)
        return None

    def _filled(self, text: str, args: Mapping[str, str], deep: int) -> str:
        values = {n: self._found(n, v, deep) for n, v in args.items()}
        return _PLACE.sub(lambda hit: values.get(hit[1], hit[0]), text)

    def _found(self, name: str, value: str, deep: int) -> str:
        if name == "strerror":
            return self._details.get(value, value)
        return self._told(name, value, deep) if name in _WORDS else value

    def _told(self, name: str, value: str, deep: int) -> str:
        known = self._sentence(value, deep)
        if known is not None:
            return known
        return f"“{value}”" if name in _QUOTED else value


def _pattern(text: str) -> re.Pattern[str]:
    parts = _PLACE.split(text)
    found = [f"(?P<{part}>.*?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)]
    return re.compile("".join(found), re.DOTALL)
