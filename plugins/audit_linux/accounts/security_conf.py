"""Files in /etc/security, each read as the program reads it that they are for.

| file | name | value | unknown name | twice |
|---|---|---|---|---|
| pwquality.conf | ends at white space or `=`; case does not matter | rest | ends reading | last |
| faillock.conf | ends at white space or `=`; case matters | rest | passed over | last |
| pwhistory.conf | ends at blank, tab or `=`; case does not matter | rest | passed over | first |

In all three `#` begins a comment wherever it stands, nothing is quoted and no line goes on in the
next. White space is that of isspace(3) in the C locale, carriage return among it; a byte order mark
is part of the first name.

Sources: settings.c of libpwquality 1.4.5, faillock_config.c and pam_modutil_searchkey.c of
Linux-PAM 1.7; the first is compared with the library in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_core.api.sdk import Absent, Answer, FileEntry, shortened
from audit_linux.config_files import whole_files

_SPACE = " \t\n\v\f\r"
_PWQUALITY_LINE = 1023  # bytes with the newline; PWQSETTINGS_MAX_LINELEN
_INT_MAX = 2**31 - 1


class Settings(Struct, frozen=True, kw_only=True):
    """`name = value` settings of a security library; a bare name is set to the empty text.

    `stopped` is the line at which the library stops reading, with its file; empty where it reads
    everything.
    """

    values: dict[str, str]
    stopped: str = ""


def _pair(line: str) -> tuple[str, str] | None:
    """Name and value of a line, at most one `=` between them; None where it holds neither."""
    text = line.split("#", 1)[0].strip(_SPACE)
    if not text:
        return None
    found = re.match(rf"([^{_SPACE}=]*)(?:[{_SPACE}]*=)?[{_SPACE}]*(.*)", text, re.DOTALL)
    return (found[1], found[2]) if found else None


_NUMBERS = frozenset({
    "difok", "minlen", "dcredit", "ucredit", "lcredit", "ocredit", "minclass", "maxrepeat",
    "maxclassrepeat", "maxsequence", "gecoscheck", "dictcheck", "usercheck", "usersubstr",
    "enforcing", "retry",
})  # fmt: skip
_WORDS = frozenset({"badwords", "dictpath", "enforce_for_root", "local_users_only"})


def pwquality_option(name: str, value: str) -> tuple[str, str] | None:
    """A setting as libpwquality takes it, from a file or an argument of its module.

    None where it refuses it: an unknown name, or no number that strtol(3) reads to its end.
    """
    known = name.lower() if name.isascii() else name
    if known in _WORDS:
        return known, value
    number = re.fullmatch(rf"[{_SPACE}]*([+-]?[0-9]{{1,12}})", value)
    if known not in _NUMBERS or number is None or abs(int(number[1])) >= _INT_MAX:
        return None
    return known, str(int(number[1]))


def _pwquality_rows(file: FileEntry) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Each line that sets something, with the setting, None where it ends reading."""
    for line in file.lines:
        if len(line.encode("utf-8", "surrogateescape")) >= _PWQUALITY_LINE:
            yield line, None
        elif pair := _pair(line):
            yield line, pwquality_option(*pair)


def parse_pwquality(answer: Answer) -> Settings | Absent:
    """The settings of libpwquality: drop-ins by name, then the main file, later ones winning.

    It stops at the first line that it refuses, and reads none of the files that follow: what was
    set until then holds, the rest keeps its default.
    """
    files = whole_files(answer)
    if isinstance(files, Absent):
        return files
    values: dict[str, str] = {}
    for file in sorted(files, key=lambda b: (b.path.endswith("/pwquality.conf"), b.path)):
        for line, setting in _pwquality_rows(file):
            if setting is None:
                return Settings(values=values, stopped=f"{file.path}: {shortened(line.strip())}")
            values[setting[0]] = setting[1]
    return Settings(values=values)


def _faillock_accepts(name: str, value: str) -> bool:
    """Whether pam_faillock takes this value; otherwise it keeps the one before."""
    if name == "dir":
        return value.startswith("/")
    if name in ("fail_interval", "unlock_time", "root_unlock_time"):
        number = scanned(value)
        return (value == "never" and name != "fail_interval") or (
            number is not None and number <= _MAX_INTERVAL
        )
    return name != "deny" or scanned(value) is not None


_MAX_INTERVAL = 604_800  # a week: MAX_TIME_INTERVAL of faillock.h
_NUMBER = re.compile(rf"[{_SPACE}]*([+-]?)([0-9]+)")


def scanned(text: str) -> int | None:
    """The number that sscanf(3) reads as %u at the start of `text`; None where none stands there.

    What follows the digits does not matter. A minus sign makes a number so large that it is taken
    for the largest.
    """
    found = _NUMBER.match(text)
    if found is None:
        return None
    value = min(int(found[2][:12]), 2**32 - 1)
    return 2**32 - value if found[1] == "-" and value else value


def faillock_settings(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What pam_faillock takes of these settings, the last value of each name."""
    return {name: value for name, value in given if _faillock_accepts(name, value)}


def parse_faillock(answer: Answer) -> Settings:
    """The settings of faillock.conf(5) as pam_faillock reads them, by name."""
    given = [pair for line in answer.lines if (pair := _pair(line))]
    return Settings(values=faillock_settings(given))


def search_keys(lines: Iterable[str]) -> dict[str, str]:
    """The value of each key in lower case, as pam_modutil_search_key() finds it: the first holds.

    pam_pwhistory reads pwhistory.conf with it, pam_umask and pam_unix read login.defs.
    """
    found: dict[str, str] = {}
    for raw in lines:
        line = raw.split("#", 1)[0].lstrip(_SPACE)
        key, _, value = re.sub("[ \t=]", "\0", line, count=1).partition("\0")
        if line:
            found.setdefault(key.lower(), value.lstrip(f"{_SPACE}="))
    return found


def parse_pwhistory(answer: Answer) -> Settings:
    """The settings of pwhistory.conf(5) as pam_pwhistory reads them, by name."""
    return Settings(values=search_keys(answer.lines))
