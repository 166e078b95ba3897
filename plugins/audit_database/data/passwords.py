"""How a password in a column is kept. Pure."""

from __future__ import annotations

import hashlib
import re

_SALTED = (
    ("bcrypt", re.compile(r"(?:\{bcrypt\})?\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}")),
    ("argon2", re.compile(r"(?:\{argon2\})?\$argon2(?:id|i|d)\$.{20,}")),
    ("scrypt", re.compile(r"(?:\{scrypt\})?\$s(?:crypt|0)?\$.{20,}")),
    ("pbkdf2", re.compile(r"(?:\{pbkdf2[^}]*\}|pbkdf2[_:$]|\$pbkdf2).{20,}", re.IGNORECASE)),
    ("crypt", re.compile(r"\$(?:5|6|7|y|gy|sm3)\$.{20,}")),
    ("salted", re.compile(r"\{(?:SSHA|SMD5|SSHA256|SSHA512)\}.{20,}", re.IGNORECASE)),
)
_WEAK = (
    ("plain", re.compile(r"\{(?:noop|plain|cleartext)\}.*", re.IGNORECASE)),
    ("md5-crypt", re.compile(r"\$(?:1|apr1)\$.{8,}")),
    ("unsalted", re.compile(r"\{(?:SHA|MD5|SHA256|SHA512)\}.+|\*[0-9A-F]{40}", re.IGNORECASE)),
)
_DIGEST = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}"
)
_COMMON = (
    "123456", "password", "12345678", "123456789", "admin", "admin123", "111111", "000000",
    "888888", "666666", "abc123", "123123", "qwerty", "root", "test", "1234", "12345", "Aa123456",
    "a123456", "1qaz2wsx", "P@ssw0rd", "password1", "Admin@123", "1234567890", "654321",
)  # fmt: skip
_SHORTEST, _BLOCK = 4, 16  # below: a mark or flag; from there on: it may be ciphertext
_UNSALTED = frozenset(
    hashlib.new(name, word.encode(), usedforsecurity=False).hexdigest()
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512") for word in _COMMON
)  # fmt: skip

SALTED = frozenset(name for name, _ in _SALTED)
"""Schemes with a salt of their own."""
WEAK = frozenset({"md5-crypt", "unsalted", "plain"})
"""What does not protect a password."""


def scheme(text: str) -> str:
    """The scheme: one of `SALTED` or `WEAK`, `digest` for a bare digest, else `unknown`.

    `unsalted` is certain: the digest of a common password, or a form that has no salt. `unknown`
    may be ciphertext, which is longer than `plain`.
    """
    for name, pattern in (*_SALTED, *_WEAK):
        if pattern.fullmatch(text):
            return name
    if _DIGEST.fullmatch(text.lower()):
        return "unsalted" if text.lower() in _UNSALTED else "digest"
    if text in _COMMON or (_SHORTEST <= len(text) < _BLOCK and text.isprintable()):
        return "plain"
    return "unknown"


def is_common(text: str) -> bool:
    """Whether `text` is one of the passwords that everybody tries first."""
    return text in _COMMON
