"""What is kept of an answer: some headers, cookies without values, the kind of text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from audit_http.model import KEPT, Cookie

Headers = Iterable[tuple[str, str]]
_MOST_COOKIES = 50
_LONGEST = 500


def kept_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    """The headers of `KEPT`, each value shortened."""
    return tuple((name, _plain(value)) for name, value in headers if name in KEPT)


def cookies_in(headers: Headers) -> tuple[Cookie, ...]:
    """The cookies that are set (RFC 6265 5.2: attributes in any case), without their values."""
    lines = [value for name, value in headers if name == "set-cookie"]
    return tuple(_cookie(line) for line in lines[:_MOST_COOKIES])


def _cookie(line: str) -> Cookie:
    pair, *rest = line.split(";")
    given = {}
    for part in rest:
        name, _, value = part.partition("=")
        given[name.strip().lower()] = value.strip()
    name, equals, _ = pair.partition("=")
    return Cookie(
        name=_plain(name.strip())[:100] if equals else "", secure="secure" in given,
        http_only="httponly" in given, same_site=_plain(given.get("samesite", ""))[:20],
    )  # fmt: skip


def _plain(text: str) -> str:
    """`text` as printable characters, shortened."""
    return "".join(c if c.isprintable() else "�" for c in text[:_LONGEST])


_DENIES = re.compile(
    r"un-?auth|not.?log|log.?in|sign.?in|token|forbidden|denied|expired|error|fail|invalid|"
    r"登录|未授权|无权|失效|令牌|错误|失败|过期|拒绝|非法",
    re.IGNORECASE,
)
_CODES = ("code", "status", "errcode", "err_code", "errno", "ret", "retcode", "resultcode")
_FINE = ("0", "200", "00", "0000", "000000", "ok", "success")


def opened_text(headers: Headers, body: bytes) -> tuple[str, bool]:
    """What kind of text came, and whether it is JSON that tells of an error or asks for a login.

    Many interfaces answer 200 and say in the text that nobody is logged in.
    """
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return "", False
    kind = next((v for n, v in headers if n == "content-type"), "").lower()
    if "html" in kind or text[:200].lower().lstrip("\ufeff").startswith(("<!doctype", "<html")):
        return "html", False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "other", False
    return "json", _denies(found)


def _denies(value: Any) -> bool:
    """Whether an answer as JSON may say that it was refused."""
    if not isinstance(value, dict):
        return False
    small = {str(k).lower(): v for k, v in value.items()}
    if any(small.get(name) in (False, 0, "false") for name in ("success", "ok", "succeed")):
        return True
    if any(name in small and not _fine(small[name]) for name in _CODES):
        return True
    words = [str(k) for k in small] + [v for v in small.values() if isinstance(v, str)]
    return any(_DENIES.search(word[:200]) for word in words)


def _fine(code: object) -> bool:
    if isinstance(code, (bool, dict, list)) or code is None:
        return code is not False
    return str(code).lower() in _FINE
