"""What the name of a column says that it holds. Pure."""

from __future__ import annotations

import functools
import itertools
import re

# Whole words of a name, which is split at everything that is no letter and before capitals.
_WORDS = {
    "password": "password passwd pwd pswd pass passcode passphrase pin loginpwd paypwd 口令 密码",
    "cvn": "cvn cvn2 cvv cvv2 cvc cvc2 安全码",
    "track": "track track1 track2 track3 trackdata magstripe magnetic 磁道",
    "id_card": "idcard idno identity certno sfz sfzh idnumber idnum 身份证 证件号 证件号码",
    "bank_card": "card cardno cardnum pan bankcard acctno 卡号 银行卡 账号",
    "phone": "phone mobile tel telephone cellphone msisdn mobileno phoneno sjh 手机 电话 手机号",
    "name": "name xm fullname realname username custname customername 姓名 户名 客户名称",
    "address": "address addr dizhi 地址 住址",
    "email": "email mail 邮箱",
    "credit_code": "uscc creditcode orgcode 信用代码",
}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPLIT = re.compile(r"[\W_]+")
_LOGS = re.compile(r"(?:^|_)(?:logs?|journal|audit|trace)(?:_|$|[0-9])|日志")
_PAIRS = {("id", "no"): "id_card", ("id", "card"): "id_card", ("cert", "no"): "id_card",
          ("id", "number"): "id_card", ("credit", "code"): "credit_code"}  # fmt: skip
_ABOUT_OTHERS = frozenset({
    "file", "table", "column", "host", "product", "app", "schema", "index", "event", "class",
    "type", "updated", "changed", "expires", "expiry", "date", "at", "time", "count", "flag",
    "policy", "length", "hint", "reset", "history", "strength", "rule", "url", "link", "attempts",
    "error", "errors", "failed", "algorithm", "method", "encoder", "salt", "status", "state",
})  # fmt: skip


@functools.lru_cache(maxsize=4096)
def held_by(name: str) -> frozenset[str]:
    """The kinds of data that the name of a column suggests, `created_at` none, `cust_name` name."""
    words = _SPLIT.split(_CAMEL.sub("_", name).lower())
    found = {
        kind for kind, known in _BY_KIND.items()
        if any(word in known or _in_chinese(word, known) for word in words)
    }  # fmt: skip
    found |= {_PAIRS[pair] for pair in itertools.pairwise(words) if pair in _PAIRS}
    if found and _ABOUT_OTHERS & set(words):
        return frozenset()
    return frozenset(found)


def is_log(table: str) -> bool:
    """Whether a table is a log by its name."""
    return _LOGS.search(_CAMEL.sub("_", table).lower()) is not None


_BY_KIND = {kind: frozenset(words.split()) for kind, words in _WORDS.items()}


def _in_chinese(word: str, known: frozenset[str]) -> bool:
    return not word.isascii() and any(k in word for k in known if not k.isascii())


def chinese_word(name: str) -> str:
    """The longest known word in a name in Chinese; empty where there is none."""
    return max((word for word in _CHINESE if word in name), key=len, default="")


_CHINESE = tuple(
    word for words in _BY_KIND.values() for word in sorted(words) if not word.isascii()
)
