"""Messages rendered in English or Chinese. Values are never templates."""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping
from pathlib import Path

from audit_core.model import Message
from audit_core.model.messages import render

LANGUAGES = ("en", "zh")
CORE = "audit_core"
OWN = Path(__file__).parent / "locale"


def default_language(env: dict[str, str] | None = None) -> str:
    """`zh` where the locale is Chinese, else `en`."""
    variables = os.environ if env is None else env
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if variables.get(name):
            return "zh" if variables[name].lower().startswith("zh") else "en"
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
        return render(message, self._translated, sep=self.comma)

    @property
    def comma(self) -> str:
        """Between the items of a list."""
        return "、" if self.lang == "zh" else ", "

    def _translated(self, domain: str, id: str) -> str:
        return self.text(id, domain)
