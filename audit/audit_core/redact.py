"""Cuts secrets out of bytes before they are stored. PURE; the store calls it at one place."""

from __future__ import annotations

import re

from msgspec import Struct


class Redacted(Struct, frozen=True, kw_only=True):
    """The bytes that may be stored, and the names of the rules that cut something."""

    data: bytes
    rules: tuple[str, ...]


_RULES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    (
        "private-key",
        re.compile(
            rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s:,.]|-(?!----))*+"
            rb"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
        ),
    ),
    (
        "crypt-hash",
        re.compile(rb"\$(?:1|2[abxy]?|5|6|7|y|gy|md5|sha1|sm3)\$[./A-Za-z0-9$=,]{8,200}"),
    ),
    (
        "assigned-secret",
        re.compile(
            rb"(?i)(?<![a-z0-9])((?:[a-z0-9]{1,20}[_-]){0,3}"
            rb"(?:password|passphrase|pwd|secret|token|api[_-]?key|secret[_-]?key|access[_-]?key)"
            # NUL ends a record: the next one stays whole
            rb"[\"']?[ \t]{0,4}[=:][ \t]{0,4})(?!\[redacted)[^\s,;\0]{1,400}"
        ),
    ),
    (
        "url-credential",
        re.compile(rb"([a-z][a-z0-9+.-]{1,20}://[^/\s:@\0]{1,100}:)[^/\s@\0]{1,200}(?=@)"),
    ),
    ("bearer", re.compile(rb"(?i)(bearer[ ]{1,4})[A-Za-z0-9._~+/=-]{8,2000}")),
    ("access-key", re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA|LTAI)[A-Za-z0-9]{12,40}")),
)
_SHORTEST = 4


def redact(data: bytes, secrets: tuple[bytes, ...] = ()) -> Redacted:
    """`data` without the `secrets` this run holds and without what looks like one."""
    used = []
    for secret in secrets:
        if len(secret) >= _SHORTEST and secret in data:
            data = data.replace(secret, b"[redacted:known-secret]")
            used.append("known-secret")
    for name, pattern in _RULES:
        mark = b"[redacted:%s]" % name.encode()
        keep = rb"\1" if pattern.groups else b""
        data, count = pattern.subn(keep + mark, data)
        if count:
            used.append(name)
    return Redacted(data=data, rules=tuple(dict.fromkeys(used)))
