"""Which statements the SQL dumps of a set hold."""

from __future__ import annotations

import re

from audit_backup import names
from audit_backup.content import SMALL
from audit_backup.model import Inside
from audit_backup.searches import (
    FIND,
    GREP,
    LIMIT,
    Step,
    command,
    either,
    ending,
    framed,
    refusal,
    runs,
    stepped,
)
from audit_core.api.sdk import Absent, Answer, Command, Message, Target

_ZGREP, _XZGREP, _ZSTDGREP = "/usr/bin/zgrep", "/usr/bin/xzgrep", "/usr/bin/zstdgrep"


_ROW = (
    "^[[:blank:]]*([Ii][Nn][Ss][Ee][Rr][Tt] |[Rr][Ee][Pp][Ll][Aa][Cc][Ee] INTO |UPSERT "
    '|COPY [[:alnum:]_.,"() ]+ FROM stdin)'
)
_ENTRY = "^dn::? ."  # of LDIF; the first is the directory itself
# pg_dump lists what is in its own format without compression: `TABLE DATA` for each table with
# it, behind the bytes of a number. A plain dump has these words in comments.
ROWS = f"{_ROW}|[[:cntrl:]]TABLE DATA"
_COMMENT = "TABLE DATA; Schema"
# -o prints no data: only the words that a statement or a comment of the program begins with.
# `.` and a sign before it end the rows of COPY (an argument may hold no backslash).
_STATEMENTS = (
    f"^(-- (MySQL|MariaDB) dump |-- PostgreSQL database )|{_ROW}|TABLE DATA|{_COMMENT}|^.[.]$"
    f"|{_ENTRY}|^CREATE (TABLE|VIEW|FUNCTION|PROCEDURE|SEQUENCE|TYPE|INDEX|ROLE|USER"
    "|DATABASE|SCHEMA|TRIGGER|EVENT)"
)
_TEXTS = (
    (_ZGREP, (".sql", ".dump", ".dmp", ".bak", ".ldif", *names.OWN_DUMPS, ".gz")),
    (_XZGREP, (".xz", ".bz2")), (_ZSTDGREP, (".zst",)),
)  # fmt: skip
# In a larger dump rows are looked for up to the first one.
_LARGE_TEXTS = (
    (_ZGREP, (".sql", ".sql.gz", *names.OWN_DUMPS, ".dump")), (_XZGREP, (".sql.xz", ".sql.bz2")),
    (_ZSTDGREP, (".sql.zst",)),
)  # fmt: skip
_LARGE = 16 << 20
_NO_TAR = ("!", *ending(*names.TARS, ".tar.*"))


def ask_insides(target: Target) -> Command | Message:
    """Find the statements in SQL dumps: all of a small one, the first row of a larger one."""
    small = ("-size", f"-{SMALL + 1}c")
    return command(
        target,
        lambda folder, pattern, depth: (
            FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            "-size", "+0", "-size", f"-{_LARGE + 1}c",
            *_NO_TAR,
            *either(
                *(framed((*small, *ending(*ends)), *GREP, program, "-anoE", "-m", "500",
                          _STATEMENTS) for program, ends in _TEXTS),
                *(stepped(ending(*ends), Step("r", (*GREP, program, "-aqE", ROWS)))
                  for program, ends in _LARGE_TEXTS),
            ),
        ),
        LIMIT * 4,
    )  # fmt: skip


def parse_insides(answer: Answer) -> dict[str, Inside] | Absent:
    """What dumps hold, by name."""
    if absent := refusal(answer):
        return absent
    missing = any(name in answer.stderr for name in (b"grep': No such file", b"prlimit'"))
    found = {name: _inside(text, letter, missing) for name, text, letter in runs(answer, "yrn")}
    return {name: inside for name, inside in found.items() if inside is not None}


def _inside(text: str, letter: str, missing: bool) -> Inside | None:
    """None of a file that is no SQL dump as far as is known; `missing`: a program is not there.

    The letter is `r` for a row in a larger dump, `y` where all of a small one was read.
    """
    if letter == "r":
        return Inside(holds=1, readable=True)
    rows = _statements(text.splitlines())
    if not rows:
        return None if missing else Inside(holds=0, readable=True)
    if all(line.startswith("dn:") for line in rows):
        return Inside(holds=len(rows) - 1, readable=letter == "y")
    headers = sum(line.startswith("-- ") for line in rows)
    statements = [line for line in rows if not line.startswith("-- ")]
    schema = bool(statements) and all(line.startswith("CREATE ") for line in statements)
    return Inside(holds=len(statements), readable=letter == "y", header=headers > 0, schema=schema)


_NUMBERED = re.compile(r"(?:(\d+):)?(.*)")


def _statements(lines: list[str]) -> list[str]:
    """What grep found, without the ends of COPY and without each COPY that ends at once."""
    found = [(int(row[1] or 0), row[2]) for line in lines if (row := _NUMBERED.fullmatch(line))]
    ends = {number for number, text in found if len(text) == 2}
    return [
        text for number, text in found
        if len(text) != 2 and text != _COMMENT
        and not (text.startswith("COPY ") and number + 1 in ends)
    ]  # fmt: skip
