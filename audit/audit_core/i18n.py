"""Messages rendered in English or Chinese. Values are never templates."""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Iterable
from pathlib import Path

from audit_core.model import Message, Value

LANGUAGES = ("en", "zh")
OWN = Path(__file__).parent / "locale"
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


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

    def text(self, source: str) -> str:
        """`source` in this language; itself where there is no translation."""
        return self._texts.get(source, source) if source else ""

    def say(self, message: Message) -> str:
        """`message` in this language, with its values put in their places, literally."""
        sep = "、" if self.lang == "zh" else ", "
        values = {name: self._value(name, value, sep) for name, value in message.args.items()}
        return _PLACE.sub(lambda hit: values.get(hit[1], hit[0]), self.text(message.id))

    def _value(self, name: str, value: Value, sep: str) -> str:
        if name == "strerror" and isinstance(value, str):
            return self.text(value)  # words of the system, not a value that was seen
        if isinstance(value, bool):
            return self.text("yes") if value else self.text("no")
        return show(value, sep=sep)
