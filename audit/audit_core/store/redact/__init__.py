"""Cuts secrets out of bytes before they are stored. PURE; the store calls it at one place.

A rule is exact enough that what a verdict rests on stays: account databases, PAM stacks, mount
options, paths. Where a secret and its neighbour cannot be told apart, both are cut.
"""

from __future__ import annotations

import base64
import codecs
import html
import json
import urllib.parse
from collections.abc import Callable, Iterator
from functools import lru_cache

from msgspec import Struct

from audit_core.model import Message, RedactionRule, with_texts
from audit_core.store.redact._assigned import without_assigned
from audit_core.store.redact._shapes import RULES, Cut

_SHORTEST = 4
_MOST_TEXTS = 256
_ELLIPSES = ("…", "...")


class Redacted(Struct, frozen=True, kw_only=True):
    """The bytes that may be stored, and the names of the rules that cut something."""

    data: bytes
    rules: tuple[str, ...]


class Redactor:
    """Redacts everything before it is stored or shown.

    `secrets` are those of this run, asked for each time: one may be resolved later. `rules` are
    those that plugins offer.
    """

    def __init__(
        self,
        secrets: Callable[[], tuple[bytes, ...]] = tuple,
        rules: tuple[RedactionRule, ...] = (),
    ) -> None:
        self._secrets = secrets
        self._rules = rules
        self._texts: dict[tuple[str, tuple[bytes, ...]], str] = {}

    def __call__(self, data: bytes, *, cut: bool = False) -> Redacted:
        """`data` without secrets; `cut` as for `redact`."""
        return redact(data, self._secrets(), self._rules, cut=cut)

    def text(self, text: str) -> str:
        """`text` without secrets; one that ends with an ellipsis was cut, perhaps within one.

        Texts come again with each answer (how it was asked), so that the last ones are kept.
        """
        key = (text, self._secrets())
        if key not in self._texts:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            self._texts[key] = self._text(text)
        return self._texts[key]

    def _text(self, text: str) -> str:
        mark = next((mark for mark in _ELLIPSES if text.endswith(mark)), "")
        raw = text.removesuffix(mark).encode("utf-8", "backslashreplace")
        return self(raw, cut=bool(mark)).data.decode("utf-8", "replace") + mark

    def message(self, message: Message) -> Message:
        """`message` without secrets in any of its values."""
        return with_texts(message, self.text)


def redact(
    data: bytes,
    secrets: tuple[bytes, ...] = (),
    rules: tuple[RedactionRule, ...] = (),
    *,
    cut: bool = False,
) -> Redacted:
    """`data` without the `secrets` this run holds and without what looks like one.

    `rules` are looked for beside those of the core. `cut` says that `data` may end in the middle:
    of a secret, too.
    """
    if not data:  # most complaints of programs
        return Redacted(data=data, rules=())
    wide = _wide(data)
    if wide is not None:
        inner = redact(data.decode(wide, "surrogatepass").encode("utf-8", "surrogatepass"),
                       secrets, rules, cut=cut)  # fmt: skip
        if not inner.rules:
            return Redacted(data=data, rules=())
        text = inner.data.decode("utf-8", "surrogatepass")
        return Redacted(data=text.encode(wide, "surrogatepass"), rules=inner.rules)
    data, used = _without_known(data, secrets, cut=cut)
    return _without_likely(data, used, (*RULES, *rules))


def _wide(data: bytes) -> str | None:
    """`utf-16-le` or `-be` where the data is such text, by its mark; None for other data."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark) and len(data) % 2 == 0:
            return name
    return None


def _without_known(
    data: bytes, secrets: tuple[bytes, ...], *, cut: bool
) -> tuple[bytes, tuple[str, ...]]:
    found = False
    for secret in secrets:
        for form in _forms(secret) if len(secret) >= _SHORTEST else ():
            if form in data:
                data, found = data.replace(form, b"[redacted:known-secret]"), True
    for form in (form for secret in secrets for form in _forms(secret)) if cut else ():
        size = _begun(data, form)
        if size:
            data, found = data[:-size] + b"[redacted:known-secret]", True
    return data, ("known-secret",) if found else ()


def _begun(data: bytes, secret: bytes) -> int:
    """With how many first bytes of `secret` `data` ends; 0 where they are too few to tell."""
    most = min(len(secret) - 1, len(data))
    sizes = range(most, _SHORTEST - 1, -1)
    return next((size for size in sizes if data.endswith(secret[:size])), 0)


@lru_cache(maxsize=256)
def _forms(secret: bytes) -> tuple[bytes, ...]:
    """`secret` as it is, and as it stands in a URL, in JSON, in markup, in other encodings."""
    return tuple(dict.fromkeys(form for form in _encodings(secret) if len(form) >= _SHORTEST))


def _encodings(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield urllib.parse.quote(secret, safe="").encode()
    yield urllib.parse.quote_plus(secret).encode()
    yield from _in_base64(secret)
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield html.escape(text).encode()
    yield ascii(text)[1:-1].encode()
    for code in ("gb18030", "utf-16-le", "utf-16-be"):
        yield text.encode(code)


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """The letters that `secret` has in base64 wherever it begins, `user:secret` included."""
    if (
        len(secret) < 2 * _SHORTEST
    ):  # a shorter secret has too few characters that depend on it alone
        return
    for shift in range(3):
        letters = base64.b64encode(bytes(shift) + secret)
        yield letters[(0, 2, 3)[shift] : len(letters) - (0, 4, 4)[len(bytes(shift) + secret) % 3]]


def _without_likely(
    data: bytes, used: tuple[str, ...], every: tuple[RedactionRule, ...]
) -> Redacted:
    rules, small = list(used), data.lower()
    for rule in every:
        if any(sign in small for sign in rule.signs):
            data, count = rule.pattern.subn(Cut(rule), data)
            if count:
                rules.append(rule.name)
    rest = without_assigned(data, data.lower() if rules else small)
    if rest is not data:
        rules.append("assigned-secret")
    return Redacted(data=rest, rules=tuple(dict.fromkeys(rules)))
