"""Names with values inside of a text: JSON, XML, `key=value` as programs log it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_database.data import names

_KEY = r"[A-Za-z_\u4e00-\u9fff][\w.-]{0,39}"
_PAIR = re.compile(
    rf"(?<![\w./-])[\"']?({_KEY})[\"']? ?(?:=>|[:=：]) ?"
    r"(?:\"([^\"]{1,200})\"|'([^']{1,200})'|([^\s\"'&;,|(){}\[\]<>，；]{1,200}))"
)
_ELEMENT = re.compile(rf"<({_KEY})>([^<]{{1,200}})</")
_SIGNS = ("=", ":", "：", "</")
_SHORTEST_PASSWORD = 4
# What programs write where a password would be, and what they say of one.
_NO_PASSWORD = frozenset({
    "null", "none", "true", "false", "required", "expired", "invalid", "incorrect", "changed",
    "unchanged", "empty", "unset", "failed", "hidden", "redacted", "protected", "masked",
    "filtered", "secret", "user", "root", "disabled", "enabled",
})  # fmt: skip


def named_values(text: str) -> Iterator[tuple[str, str]]:
    """Each name in `text` that suggests sensitive data, with its value.

    Of a name in Chinese only the word that is known: before it may stand whom it is about.
    """
    if not any(sign in text for sign in _SIGNS):
        return
    text = text.replace('\\"', '"')
    for pattern in (_PAIR, _ELEMENT) if "</" in text else (_PAIR,):
        for found in pattern.finditer(text):
            value = next(filter(None, found.groups()[1:]), "")
            key = found[1] if found[1].isascii() else names.chinese_word(found[1])
            if _tells(names.held_by(key), value):
                yield key, value


def _tells(kinds: frozenset[str], value: str) -> bool:
    """Whether `value` says something under a name that suggests `kinds`."""
    if "password" in kinds:  # PWD is a directory in the records of sudo
        word = value.lower().rstrip(".")
        return (
            len(value) >= _SHORTEST_PASSWORD and word not in _NO_PASSWORD and value[0] not in "/~"
        )
    return bool(kinds)
