"""Values assigned to the name of a secret: `password = x`, `"token": "x"`. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_core.model.redaction import DONE, QUOTED

_MARK = b"[redacted:assigned-secret]"
# Each begins with a letter, or looking for them takes ten times as long.
_KEYS = (b"api", b"access", b"secret", b"private", b"account", b"shared", b"auth", b"encryption",
         b"signing", b"master", b"session", b"pre[_-]?shared")  # fmt: skip
_LONG = (
    b"password", b"passphrase", b"passcode", b"passwort", b"secret", b"token", b"credentials?",
    b"bindpw", b"rootpw", b"authtok", b"wep_key[0-9]?",
    *(word + b"[_-]?(?:access[_-]?)?key" for word in _KEYS),
)  # fmt: skip
# `passwd:` is a database of nsswitch.conf(5), `PSK:` stands in lists of ciphers.
_NAMES = (*_LONG, rb"p(?:asswd|sk)(?=[\"']|[ \t]{0,8}=)", b"pass", b"pwd")
_WORDS = tuple(
    word + b"pass" for word in (b"com", b"by", b"tres", b"sur", b"over", b"under", b"im")
)


def _by_letter(names: tuple[bytes, ...]) -> bytes:
    """One of `names`, the first that holds; by their first letters, which takes half as long."""
    rest: dict[bytes, list[bytes]] = {}
    for name in names:
        rest.setdefault(name[:1], []).append(name[1:])
    return b"|".join(letter + b"(?:" + b"|".join(ends) + b")" for letter, ends in rest.items())


# Looked for in small letters: where one of these stands, one of `_ASSIGNED` may hold.
_ASSIGNMENT = re.compile(
    rb"(?:" + _by_letter(_NAMES) + rb")(?=[\"']?\]?[ \t]{0,8}[=:,(>]|[\"'][ \t\r\n]{1,8}value)"
)
STEMS = (b"pass", b"secret", b"token", b"credential", b"bindpw", b"rootpw", b"authtok", b"key",
         b"psk", b"pwd")  # fmt: skip
"""One of these stands in every name that is looked for."""
# Not a secret: the second field of an account whose name this is (passwd(5), group(5), shadow(5)),
# the rights in an access list (getfacl(1)), a path, nothing, a switch.
_HARMLESS = (
    rb"(?!(?:x|\*|!{1,2}\*?|\*LK\*|\*NP\*|NP)?:[0-9]{0,10}:)(?![r-][w-][xX-](?:[\s,]|$))"
    rb"(?![\"']?/(?:etc|var|usr|opt|home|root|run|srv|data|app|mnt|tmp|proc|dev|lib|s?bin|secrets)"
    rb"(?:/[\w.-]{1,100}){1,20}[\"']?(?:[\s,;:)]|$))"
    rb"(?![\"']{2}(?:[\s,;)}]|$))"
    rb"(?![\"']?(?i:yes|no|true|false|on|off|none|null|nil|y|n|enabled|disabled|required|optional)"
    rb"[\"']?(?:[\s,;)}]|$))"
)
# Up to a blank; what follows a comma, a semicolon or & and is itself assigned stays.
_PLAIN = rb"(?:[^\s\0,;&]|[,;&](?![A-Za-z_][\w. -]{0,40}=))+"
_BLOCK = rb"[|>][0-9+-]{0,2}[ \t]*\r?(?=\n)"
_ASSIGNED = (
    # key: two words   key = two words
    re.compile(
        rb"[ \t]{0,8}(?::[ \t]++|[ \t]+=[ \t]++|=[ \t]++)" + DONE + _HARMLESS
        + rb"(?!" + _BLOCK + rb")((?![\"'])[^\s\0][^\r\n\0]*)", re.MULTILINE
    ),
    # key=value   "key": "value"   'key' => 'value'   $a['key']='value'   key:=value
    re.compile(
        rb"[\"']?\]?[ \t]{0,8}(?::=|=>|==|=(?![=>])|:(?!=))[ \t]{0,8}+" + DONE + _HARMLESS
        + rb"(?!" + _BLOCK + rb")(" + QUOTED + rb"|" + _PLAIN + rb")", re.MULTILINE
    ),
    # setPassword("value")   PASSWORD('value')
    re.compile(rb"[\"']?[ \t]{0,4}\([ \t]{0,4}+" + DONE + rb"(" + QUOTED + rb")"),
    # <key>value</key>   <key><![CDATA[value]]></key>   <property name="key" value="value"/>
    re.compile(
        rb"[ \t]{0,4}>[ \t]{0,4}+" + DONE
        + rb"([^<\s\0][^<\0]{0,4000}|<!\[CDATA\[[^\]\0]{0,4000})"
    ),
    re.compile(
        rb"[\"'][ \t\r\n]{1,8}value[ \t]{0,4}=[ \t]{0,4}+" + DONE + rb"(" + QUOTED + rb")"
    ),
)  # fmt: skip
# define('KEY', 'value'): the name is the first word in a bracket
_FIRST = re.compile(rb"\([ \t]*[\"'][\w.-]*\Z")
_SECOND = re.compile(rb"[\"'][ \t]{0,4},[ \t]{0,4}+" + DONE + rb"(" + QUOTED + rb")")
# YAML: the value is the block below, as far as that stands further in than its key.
_YAML = re.compile(rb"[\"']?[ \t]*:[ \t]*" + _BLOCK)


def without_assigned(data: bytes, small: bytes) -> bytes:
    """`data` without such values, or `data` itself; `small` is the same in small letters."""
    kept, end = [], 0
    for start, stop in _assigned(data, small):
        kept += [data[end:start], _MARK]
        end = stop
    return b"".join((*kept, data[end:])) if kept else data


def _assigned(data: bytes, small: bytes) -> Iterator[tuple[int, int]]:
    """The spans of values that are assigned to the name of a secret, in order."""
    end = 0
    for hit in _ASSIGNMENT.finditer(small):
        if hit.start() < end or small.endswith(_WORDS, max(0, hit.start() - 8), hit.end()):
            continue
        span = _value(data, hit)
        if span is not None:
            yield span
            end = span[1]


def _value(data: bytes, hit: re.Match[bytes]) -> tuple[int, int] | None:
    block = _YAML.match(data, hit.end())
    if block is not None and (below := _block(data, hit.start(), block.end())) is not None:
        return below
    named = _FIRST.search(data, max(0, hit.start() - 80), hit.start())
    if named is not None and (second := _SECOND.match(data, hit.end())) is not None:
        return second.span(1)
    found = (pattern.match(data, hit.end()) for pattern in _ASSIGNED)
    return next((match.span(1) for match in found if match is not None), None)


def _block(data: bytes, name: int, at: int) -> tuple[int, int] | None:
    """The lines below `at` that stand further in than the line of `name`, if there are any."""
    line = data.rfind(b"\n", 0, name) + 1
    depth, end = _depth(data, line), at
    while end < len(data):
        stop = data.find(b"\n", end + 1)
        stop = len(data) if stop < 0 else stop
        below = data[end + 1 : stop]
        if b"\0" in below or (below.strip() and _depth(data, end + 1) <= depth):
            break
        end = stop
    return (at + 1, end) if end > at else None


def _depth(data: bytes, at: int) -> int:
    start = at
    while data[at : at + 1] in (b" ", b"\t"):
        at += 1
    return at - start
