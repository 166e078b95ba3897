"""Cuts secrets out of bytes before they are stored.

May import `model`.

PURE; the store calls it at one place. A rule is exact enough that what a verdict rests on stays:
account databases, PAM stacks, mount options, paths. Where a secret and its neighbour cannot be told
apart, both are cut.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import html
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from audit_core.model import Message, RedactionRule, with_texts
from audit_core.store.redact._assigned import STEMS, without_assigned
from audit_core.store.redact._shapes import RULES, Cut

_SHORTEST = 4
_MOST_TEXTS = 256
_MOST_KNOWN = 16384
_MOST_BYTES = 4 << 20
_ELLIPSES = ("…", "...")


class Redacted(Struct, frozen=True, kw_only=True):
    """The bytes that may be stored, and the names of the rules that cut something."""

    data: bytes
    rules: tuple[str, ...]


class Part(Struct, frozen=True):
    """Bytes to redact. `cut` says that they may end in the middle: of a secret, too."""

    data: bytes
    cut: bool = False


class _Known(Struct, kw_only=True):
    """What was searched while `secrets` were those of the run; None for what held no secret."""

    secrets: tuple[bytes, ...]
    found: dict[bytes, Redacted | None] = {}
    held: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to begin anew."""
        return len(self.found) > _MOST_KNOWN or self.held > _MOST_BYTES

    def keep(self, digest: bytes, redacted: Redacted) -> None:
        """Keeps what is left of the part of that digest."""
        self.found[digest] = redacted if redacted.rules else None
        self.held += len(redacted.data) if redacted.rules else 0


class Redactor:
    """Redacts everything before it is stored or shown.

    `secrets` are those of this run, asked for each time: one may be resolved later. `rules` are
    those that plugins offer.

    What was found is kept by the digest of what was searched, without what was cut: hosts of one
    owner have mostly equal files.
    """

    def __init__(
        self,
        secrets: Callable[[], tuple[bytes, ...]] = tuple,
        rules: tuple[RedactionRule, ...] = (),
    ) -> None:
        self._secrets = secrets
        self._every = (*RULES, *rules)
        self._texts: dict[tuple[str, tuple[bytes, ...]], str] = {}
        self._known = _Known(secrets=())
        self._one = threading.Lock()

    def __call__(self, data: bytes, *, cut: bool = False) -> Redacted:
        """`data` without secrets; `cut` as for `redact`."""
        return self.each((Part(data, cut),))[0]

    def each(self, parts: Sequence[Part]) -> list[Redacted]:
        """Each of `parts` without secrets. Those of one answer together cost less."""
        secrets = self._secrets()
        digests = [_digest(part) for part in parts]
        with self._one:  # hosts that are asked at once answer at once, and mostly the same
            if self._known.secrets != secrets or self._known.is_full:
                self._known = _Known(secrets=secrets)
            known = self._known
            left = {d: p for d, p in zip(digests, parts, strict=True) if d not in known.found}
            if left:
                found = _redacted(tuple(left.values()), secrets, self._every)
                for digest, redacted in zip(left, found, strict=True):
                    known.keep(digest, redacted)
            return [
                known.found[digest] or Redacted(data=part.data, rules=())
                for digest, part in zip(digests, parts, strict=True)
            ]

    def text(self, text: str) -> str:
        """`text` without secrets; one that ends with an ellipsis was cut, perhaps within one.

        Texts come again with each answer (how it was asked), so that the last ones are kept.
        """
        key = (text, self._secrets())
        clean = self._texts.get(key)
        if clean is None:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            clean = self._texts[key] = self._text(text)
        return clean

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

    `rules` are looked for beside those of the core. `cut` is as in `Part`.
    """
    return _redacted([Part(data, cut)], secrets, (*RULES, *rules))[0]


def _digest(part: Part) -> bytes:
    return hashlib.sha256(part.data).digest() + (b"cut" if part.cut else b"")


def _redacted(
    parts: Sequence[Part], secrets: tuple[bytes, ...], every: tuple[RedactionRule, ...]
) -> list[Redacted]:
    """Each of `parts` without `secrets`, and without what a rule or the name of a value tells.

    What is to be looked for in each is found out for all together first: most parts are small, and
    almost none holds a secret.
    """
    codes = [_wide(part.data) for part in parts]
    texts = [_narrow(part, code) for part, code in zip(parts, codes, strict=True)]
    held = _held(secrets, b"\n".join(texts))
    known = [
        _without_known(text, secrets if part.cut else held, cut=part.cut)
        for part, text in zip(parts, texts, strict=True)
    ]
    likely = _likely(b"\n".join(one.data for one in known).lower(), every)
    done = (_without_likely(one, likely) for one in known)
    return [_widened(*one) for one in zip(parts, codes, done, strict=True)]


def _narrow(part: Part, code: str | None) -> bytes:
    """The bytes of `part` as UTF-8 where they are text of that other `code`."""
    if code is None:
        return part.data
    return part.data.decode(code, "surrogatepass").encode("utf-8", "surrogatepass")


def _widened(part: Part, code: str | None, done: Redacted) -> Redacted:
    """`done` in the code of `part`; its very bytes where nothing was cut."""
    if code is None or not done.rules:
        return Redacted(data=done.data if done.rules else part.data, rules=done.rules)
    text = done.data.decode("utf-8", "surrogatepass")
    return Redacted(data=text.encode(code, "surrogatepass"), rules=done.rules)


def _wide(data: bytes) -> str | None:
    """`utf-16-le` or `-be` where the data is such text, by its mark; None for other data."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark) and len(data) % 2 == 0:
            return name
    return None


def _held(secrets: tuple[bytes, ...], data: bytes) -> tuple[bytes, ...]:
    """All `secrets` where one of them stands in `data`, else none."""
    forms = (form for secret in secrets for form in _forms(secret))
    return secrets if any(form in data for form in forms) else ()


def _without_known(data: bytes, secrets: tuple[bytes, ...], *, cut: bool) -> Redacted:
    found = False
    for secret in secrets:
        for form in _forms(secret) if len(secret) >= _SHORTEST else ():
            if form in data:
                data, found = data.replace(form, b"[redacted:known-secret]"), True
    for form in (form for secret in secrets for form in _forms(secret)) if cut else ():
        size = _begun(data, form)
        if size:
            data, found = data[:-size] + b"[redacted:known-secret]", True
    return Redacted(data=data, rules=("known-secret",) if found else ())


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


class _Likely(Struct, frozen=True, kw_only=True):
    """The rules of which a sign was seen, with those signs, and the stems of names of secrets."""

    rules: tuple[tuple[RedactionRule, tuple[bytes, ...]], ...]
    stems: tuple[bytes, ...]


def _likely(small: bytes, every: tuple[RedactionRule, ...]) -> _Likely:
    """What may be in texts that are `small` together, in small letters."""
    seen = {sign for sign in {sign for rule in every for sign in rule.signs} if sign in small}
    rules = ((rule, tuple(sign for sign in rule.signs if sign in seen)) for rule in every)
    return _Likely(
        rules=tuple(rule for rule in rules if rule[1]),
        stems=tuple(stem for stem in STEMS if stem in small),
    )


def _without_likely(known: Redacted, likely: _Likely) -> Redacted:
    data, rules, small = known.data, list(known.rules), known.data.lower()
    for rule, signs in likely.rules:
        if any(sign in small for sign in signs) and _may_hold(rule, data):
            data, count = rule.pattern.subn(Cut(rule), data)
            if count:
                rules.append(rule.name)
    # Marks of what was cut have names of secrets in them, too.
    if rules or any(stem in small for stem in likely.stems):
        rest = without_assigned(data, data.lower() if rules else small)
        if rest is not data:
            rules.append("assigned-secret")
            data = rest
    return Redacted(data=data, rules=tuple(dict.fromkeys(rules)))


def _may_hold(rule: RedactionRule, data: bytes) -> bool:
    return rule.first is None or rule.first.search(data) is not None
