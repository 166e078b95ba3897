"""/etc/shadow as the request reads it, and as glibc and crypt(3) of this machine do."""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model import Answer, Partial
from audit_linux.accounts.account_checks import WEAK_SCHEMES
from audit_linux.passwd import SHADOW, Secret, parse_shadow

Make = Callable[..., Answer]
_DAYS = ("changed", "minimum", "maximum", "warned", "inactive", "expires")


class _Entry(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("secret", ctypes.c_char_p),
        *((name, ctypes.c_long) for name in _DAYS), ("flag", ctypes.c_ulong),
    )  # fmt: skip


def _by_glibc(path: Path) -> list[tuple[object, ...]]:
    """Names and days of the entries that fgetspent(3) finds in a file."""
    libc = ctypes.CDLL(None)
    libc.fopen.restype, libc.fgetspent.restype = ctypes.c_void_p, ctypes.POINTER(_Entry)
    stream = ctypes.c_void_p(libc.fopen(str(path).encode(), b"r"))
    found: list[tuple[object, ...]] = []
    while entry := libc.fgetspent(stream):
        days = [getattr(entry.contents, name) for name in _DAYS if name != "warned"]
        found.append((entry.contents.name.decode(), *(d if d >= 0 else None for d in days)))
    libc.fclose(stream)
    return found


def _asked(path: Path, make: Make) -> tuple[Secret, ...]:
    argv: tuple[str, ...] = getattr(SHADOW.providers[0].ask, "argv")  # noqa: B009
    done = subprocess.run([*argv[:-1], str(path)], capture_output=True, check=True)
    got = parse_shadow(make(done.stdout))
    return got.value if isinstance(got, Partial) else got


_LINES = (
    "1:2:3:4:5:6:", "1:2:3:4:5:6", "1:2:3:4:5", "1:2:3:4", "1:2:3", "1:2:3:", "1:2", "1", "",
    "::::::", "::::::\r", "1:2:3\r", " 1: 2:+3:4:5:6:", "1 :2:3:4:5:6:", "-1:2:3:4:5:6:",
    "1:2:-1:4:5:6:", "1:2:99999999999:4:5:6:", "1:2:4294967295:4:5:6:", "0x1:2:3:4:5:6:",
    "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6: ", "1:2:3 ",
)  # fmt: skip


def test_lines_are_read_as_glibc_reads_them(answer: Make, tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    lines = [f"u{at}:*:{days}" for at, days in enumerate(_LINES)]
    more = ["# a:b", "", "  #", "\tz1:!:1::::::", "pc$:*:1::::::", "z2", "last:*:1::::::"]
    path.write_text("\n".join([*lines, *more]) + "\n", newline="\n")
    read = [(s.name, s.changed, s.minimum, s.maximum, s.inactive, s.expires)
            for s in _asked(path, answer)]  # fmt: skip
    assert read == _by_glibc(path)


_SECRET = b"Secret-longer-than-8"
# Salts that crypt_gensalt(3) does not make.
_SALTS = (b"$md5$abcdefgh$", b"$md5,rounds=904$abcdefgh$", b"$2x$05$KBCwKxOzLha2MUDgW0PjXe",
          b"$5$rounds=5000$abcdefgh", b"$6$rounds=5000$abcdefgh", b"ab")  # fmt: skip
_PREFIXES = (b"$y$", b"$gy$", b"$7$", b"$2b$", b"$2a$", b"$2y$", b"$6$", b"$5$", b"$sha1$", b"$md5",
             b"$1$", b"_", b"", b"$3$", b"$sm3$", b"$sm3y$")  # fmt: skip
_NO_HASHES = (b"x", b"NP", b"LK", b"NOLOGIN", b" ", b"##bob", b"{SSHA}abcdefghijk",
              b"$argon2id$v=19$a", b"$scrypt$ln=1$a$b", b"ACCOUNTDISABLED", b"$", _SECRET,
              b"*LK*", b"!*", b"*NP*", b"!!",
              b"$sm3crypt$a$b", b"nologin,ab")  # fmt: skip


@pytest.mark.skipif(not ctypes.util.find_library("crypt"), reason="there is no libcrypt")
def test_a_field_is_usable_where_crypt_takes_it(answer: Make, tmp_path: Path) -> None:
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = library.crypt_gensalt.restype = ctypes.c_char_p
    given = (library.crypt_gensalt(prefix, 0, b"0123456789abcdef", 16) for prefix in _PREFIXES)
    salts = [salt for salt in (*given, *_SALTS) if salt]
    hashes = [made for salt in salts if (made := library.crypt(_SECRET, salt))[:1] != b"*"]
    assert len(hashes) > 15
    path = tmp_path / "shadow"
    fields = [*hashes, *(b"!" + one for one in hashes), b"abSKr1ma7u6Yc,ab", *_NO_HASHES, b""]
    path.write_bytes(b"".join(b"%d:%s:1:0:90:7:::\n" % pair for pair in enumerate(fields)))
    for secret, field in zip(_asked(path, answer), fields, strict=True):
        if library.crypt(_SECRET, field) == field:
            weak = field[:1] != b"$" or field[:3] in (b"$1$", b"$3$", b"$sh", b"$md", b"$2x")
            assert (secret.usable, secret.scheme in WEAK_SCHEMES) == (True, weak), field
        elif field in _NO_HASHES or field[:1] == b"!":
            assert secret.locked or secret.scheme not in WEAK_SCHEMES, field
        else:  # pam_unix cuts off the comma; without a field no password is needed
            assert (secret.usable, secret.scheme) == (True, "DES" if field else ""), field
