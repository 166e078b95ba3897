"""What one value of a column is: sensitive in clear, masked, opaque, or none of these. Pure.

A value is looked at and forgotten. Of what is found, only its kind and a specimen with almost
everything masked are kept.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct, structs

from audit_core.api.check_digits import id_check_holds, luhn_holds
from audit_database.data import numbers
from audit_database.data.surnames import DOUBLE, SINGLE

LONGEST = 4096
"""Of a value, as many characters are looked at."""


class Data(enum.StrEnum):
    """Kinds of data that are looked for."""

    ID_CARD = "id_card"
    BANK_CARD = "bank_card"
    PHONE = "phone"
    NAME = "name"
    ADDRESS = "address"
    EMAIL = "email"
    CREDIT_CODE = "credit_code"
    PASSWORD = "password"  # noqa: S105 (a kind of data)
    TRACK = "track"
    CVN = "cvn"


class Look(enum.StrEnum):
    """What a value that is not sensitive in clear looks like.

    `OPAQUE`: bytes without structure, as ciphertext has. `DIGEST`: a text of the length of an MD5
    or SHA-1 digest, or of one block. `OTHER`: none of the others.
    """

    EMPTY = "empty"
    MASKED = "masked"
    OPAQUE = "opaque"
    DIGEST = "digest"
    OTHER = "other"


class Hit(Struct, frozen=True, kw_only=True):
    """One thing found in a value. `whole`: it is all of the value. `number`: which it is, to count
    different ones, as a hash of this process.
    """

    kind: Data
    whole: bool
    specimen: str
    number: int


class ValueTraits(Struct, frozen=True, kw_only=True):
    """What one value looks like, and which kinds of data it may be.

    `candidates` are kinds whose length a number in it has; of those in `shaped` it has all but the
    check digit, which may be right by chance.
    """

    hits: tuple[Hit, ...] = ()
    look: Look = Look.OTHER
    candidates: tuple[Data, ...] = ()
    shaped: tuple[Data, ...] = ()


_RUN = re.compile(r"(?<![0-9A-Za-z_.*])[0-9]{11,19}[Xx]?(?![0-9A-Za-z_*]|\.[0-9])")
_GROUPED = re.compile(r"\+?[0-9]{2,6}(?:[ -][0-9]{2,6}){2,5}")
_PHONE = re.compile(
    r"(?:\+?0{0,2}86[ -]?)?(1(?:3[0-9]|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])[0-9]{8})"
)
_LONG, _PHONE_DIGITS = re.compile(r"[0-9]{11}"), 11
# In groups, as people write the numbers of cards and phones.
_SPACED = re.compile(
    r"(?<![0-9A-Za-z_.*-])(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"
    r"|1[3-9][0-9]([ -])[0-9]{4}\2[0-9]{4}|[0-9]{6}([ -])[0-9]{8}\3[0-9]{3}[0-9Xx])"
    r"(?![0-9A-Za-z_*-])"
)
_FLOAT = re.compile(r"([1-9])\.([0-9]{9,18})[eE]\+?([0-9]{2})")
_WHOLE_NUMBER = re.compile(r"[0-9]{11,19}\.0{1,6}")
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9A-Z]{18}(?![0-9A-Za-z])")
_EMAIL = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}"
    # user@1000.service and the like are units of systemd, not addresses
    r"(?!(?:service|socket|target|timer|slice|scope|mount|device|swap|path)(?![A-Za-z0-9]))"
    r"[A-Za-z]{2,12}(?![A-Za-z0-9])"
)
_TRACK = re.compile(r"(?<![0-9])([0-9]{13,19})[=D]([0-9]{2})(0[1-9]|1[0-2])[0-9]{3,}")
_TRACK_1 = re.compile(r"%?B([0-9]{13,19})\^[^^]{2,26}\^[0-9]{4}")
_HAN = re.compile(r"[\u4e00-\u9fa5·]{2,6}")
_ADDRESS = re.compile(
    r"(?:省|市|自治区|特别行政区|[\u4e00-\u9fa5]区|县|旗).{0,20}?(?:路|街|道|巷|弄|村|镇|乡|小区|大厦|花园)"
    r".{0,20}?[0-9一二三四五六七八九十]+ ?(?:号|栋|幢|单元|室|楼|组|弄)"
)
_MASK = re.compile(r"[*＊•●█]+|(?<=[0-9])[Xx#]{4,}(?=[0-9]|$)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){16,}|(?:[0-9A-F]{2}){16,}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_WRAPPED = re.compile(
    r"(?:ENC\(|\{cipher\}|\{[A-Za-z0-9_-]{2,16}\}|vault:v[0-9]+:|[A-Za-z0-9_]{2,12}:)?(.*?)\)?"
)
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"GIF8", b"RIFF")
_TITLES = ("先生", "女士", "小姐", "某", "某某")  # a family name with one of these hides the name
_DIGESTS = frozenset((32, 40))
_BLOCK = 16
_VISIBLE = 4


def look_at(value: object) -> ValueTraits:
    """What `value`, as the driver gives it, is."""
    if value is None:
        return ValueTraits(look=Look.EMPTY)
    if isinstance(value, bytes | bytearray | memoryview):
        return _of_bytes(bytes(value[:LONGEST]))
    text = as_text(value)
    return _of_text(text) if text else ValueTraits(look=Look.EMPTY)


def as_text(value: object) -> str:
    """`value` as the text that is looked at: a number as its digits, wide digits as narrow ones.

    A floating point number has 15 digits or more, enough for the number of a card.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value[:LONGEST])
        return _readable(raw) or raw.hex()
    text = str(value)[:LONGEST].strip()
    if not text.isascii():
        return unicodedata.normalize("NFKC", text)
    if found := _FLOAT.fullmatch(text):
        more = int(found[3]) - len(found[2])
        return found[1] + found[2] + "0" * more if 0 <= more < _VISIBLE else text
    return text.partition(".")[0] if _WHOLE_NUMBER.fullmatch(text) else text


def _of_bytes(raw: bytes) -> ValueTraits:
    text = _readable(raw)
    if text is not None:
        return look_at(text)
    if raw.startswith(_MAGIC):
        return ValueTraits()
    return ValueTraits(look=Look.OPAQUE if _is_random(raw) else Look.OTHER)


def _of_text(text: str) -> ValueTraits:
    found = _found(text)
    if found.hits:
        return found
    inner = _decoded(text)
    if inner is not None:
        return inner
    return structs.replace(found, look=Look.MASKED if _is_masked(text) else Look.OTHER)


class _Finds:
    """What is found in one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.hits: list[Hit] = []
        self.candidates: list[Data] = []
        self.shaped: list[Data] = []

    def hit(self, kind: Data, found: str, shown: int) -> None:
        self.hits.append(Hit(
            kind=kind, whole=found.upper() == self.text.upper(), specimen=_hidden(found, shown),
            number=hash(found),
        ))  # fmt: skip


def _found(text: str) -> ValueTraits:
    if _GROUPED.fullmatch(text):
        text = text.replace(" ", "").replace("-", "")
    else:
        text = _SPACED.sub(lambda found: found[0].replace(" ", "").replace("-", ""), text)
    finds = _Finds(text)
    if len(finds.text) >= 11:
        if _LONG.search(finds.text):
            _tracks(finds)
            runs = [run[0] for run in _RUN.finditer(finds.text)]
            for run in runs:
                _number(run.upper(), finds)
            _phones(runs, finds)
        _codes(finds)
    _emails(finds)
    _han(finds)
    return ValueTraits(
        hits=tuple(finds.hits), candidates=tuple(finds.candidates), shaped=tuple(finds.shaped)
    )


def _hidden(text: str, shown: int) -> str:
    return text[:shown] + "*" * min(len(text) - shown, 20)


def _number(run: str, finds: _Finds) -> None:
    if len(run) == 18 and run[:17].isdecimal():
        finds.candidates.append(Data.ID_CARD)
        if numbers.has_birth_date(run):
            finds.shaped.append(Data.ID_CARD)
            if id_check_holds(run):
                finds.hit(Data.ID_CARD, run, 2)
                return
    if run.isdecimal() and numbers.has_issuer(run):
        finds.candidates.append(Data.BANK_CARD)
        finds.shaped.append(Data.BANK_CARD)
        if luhn_holds(run):
            finds.hit(Data.BANK_CARD, run, 4)


def _tracks(finds: _Finds) -> None:
    for pattern in (_TRACK, _TRACK_1):
        for found in pattern.finditer(finds.text):
            if numbers.has_issuer(found[1]) and luhn_holds(found[1]):
                finds.hit(Data.TRACK, found[0], 0)


def _codes(finds: _Finds) -> None:
    for found in _CODE.finditer(finds.text):
        code = found[0]
        if code[:17].isdecimal() and numbers.is_id_card(code):
            continue
        finds.candidates.append(Data.CREDIT_CODE)
        if numbers.looks_like_credit_code(code):
            finds.shaped.append(Data.CREDIT_CODE)
            if numbers.code_check_holds(code):
                finds.hit(Data.CREDIT_CODE, code, 2)


def _phones(runs: Sequence[str], finds: _Finds) -> None:
    whole = _PHONE.fullmatch(finds.text)
    found_all = [whole] if whole else [found for run in runs if (found := _PHONE.fullmatch(run))]
    shaped = sum(len(run) == _PHONE_DIGITS for run in runs)
    finds.shaped += [Data.PHONE] * max(shaped, len(found_all))
    for found in found_all:
        finds.hit(Data.PHONE, found[0], 3 if found[0] == found[1] else 0)


def _emails(finds: _Finds) -> None:
    if "@" in finds.text:
        for found in _EMAIL.finditer(finds.text):
            finds.hit(Data.EMAIL, found[0], 1)


def _han(finds: _Finds) -> None:
    if finds.text.isascii():
        return
    if _HAN.fullmatch(finds.text) and is_name(finds.text):
        finds.hit(Data.NAME, finds.text, 1)
    elif found := _ADDRESS.search(finds.text):
        finds.hit(Data.ADDRESS, found[0], 0)


def is_name(text: str) -> bool:
    """Whether a text of Han characters begins with a family name and has the length of a name."""
    if text.endswith(_TITLES):
        return False
    if text.startswith(DOUBLE):
        return 3 <= len(text) <= 4
    return 2 <= len(text) <= 4 and text[0] in SINGLE


def _is_masked(text: str) -> bool:
    if text.endswith(_TITLES) and len(text) <= 5:
        return True
    hidden = sum(len(run) for run in _MASK.findall(text))
    return hidden >= 3 or (hidden >= 1 and len(text) <= 6)


# --- what could be ciphertext -------------------------------------------------------------------


def _decoded(text: str) -> ValueTraits | None:
    """What a text in hexadecimal or base 64 holds; None for one that is neither."""
    inner = _WRAPPED.fullmatch(text)
    body = inner[1] if inner else text
    if _HEX.fullmatch(body):
        inside = _inside(bytes.fromhex(body))
        if inside is None or inside.hits:
            return inside
        if body.isdecimal():  # of 32 random digits one is a letter, but for 3 in ten million
            return None
        return ValueTraits(look=Look.DIGEST) if len(body) in _DIGESTS else inside
    if not _BASE64.fullmatch(body) or body.isdecimal() or _UUID.fullmatch(body):
        return None
    try:
        raw = base64.b64decode(body.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _inside(raw)


def _inside(raw: bytes) -> ValueTraits | None:
    """A text that was only written otherwise is still in clear."""
    text = _readable(raw)
    if text is not None:
        found = _found(text.strip())
        return found if found.hits else None
    return ValueTraits(look=Look.OPAQUE) if _is_random(raw) else None


def _readable(raw: bytes) -> str | None:
    # random bytes are almost never characters of the small set of GB 2312
    wide = 3 * raw.count(0) >= len(raw)
    for encoding in ("utf-16-le", "utf-16-be") if wide else ("utf-8", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "gb18030" and not _is_common(text):
            return None
        return text if all(c.isprintable() or c.isspace() for c in text) else None
    return None


def _is_common(text: str) -> bool:
    """Whether most of what is not ASCII is in GB 2312; half of it where it is short."""
    wide = [char for char in text if not char.isascii()]
    common = sum(bool(char.encode("gb2312", "ignore")) for char in wide)
    return common * 2 >= len(wide) if len(wide) < _BLOCK // 4 else common * 10 >= len(wide) * 9


def _is_random(raw: bytes) -> bool:
    """Whether bytes have no structure: at least a block, no repetition, and of all values."""
    if len(raw) < _BLOCK:
        return False
    head = raw[:256]
    high = sum(byte > 127 for byte in head)
    # half of random bytes are above 127, give or take 4 standard deviations
    near = abs(high - len(head) / 2) <= min(2 * len(head) ** 0.5, len(head) / 2 - 1)
    return near and len(set(head)) >= min(len(head) // 2, 100)
