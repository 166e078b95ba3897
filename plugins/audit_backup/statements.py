"""Which statements the SQL dumps of a set hold."""

from __future__ import annotations

import re

from audit_backup import names
from audit_backup.content import SMALL
from audit_backup.model import Inside
from audit_backup.searches import FIND, GREP, LIMIT, command, either, ending, framed, refusal, runs
from audit_core.api.sdk import Absent, Answer, Command, Message, Target

_TAR, _UNZIP = "/usr/bin/tar", "/usr/bin/unzip"
_ZGREP, _XZGREP, _ZSTDGREP = "/usr/bin/zgrep", "/usr/bin/xzgrep", "/usr/bin/zstdgrep"


# -o prints no data: only the words that a statement or a comment of the program begins with.
# pg_dump lists what is in its own format without compression: `TABLE DATA` for each table with it.
ROWS = (
    "^[[:blank:]]*([Ii][Nn][Ss][Ee][Rr][Tt] |[Rr][Ee][Pp][Ll][Aa][Cc][Ee] INTO |UPSERT "
    '|COPY [[:alnum:]_.,"() ]+ FROM stdin)|TABLE DATA'
)
# `.` and a sign before it end the rows of COPY (an argument may hold no backslash, see above).
_STATEMENTS = (
    f"^(-- (MySQL|MariaDB) dump |-- PostgreSQL database )|{ROWS}|^.[.]$"
    "|^CREATE (TABLE|VIEW|FUNCTION|PROCEDURE|SEQUENCE|TYPE|INDEX|ROLE|USER)"
)
_TEXTS = (
    (_ZGREP, (".sql", ".dump", ".dmp", ".bak", *names.OWN_DUMPS, ".gz")),
    (_XZGREP, (".xz", ".bz2")), (_ZSTDGREP, (".zst",)),
)  # fmt: skip
# In a larger dump rows are looked for up to the first one.
_LARGE_TEXTS = (
    (_ZGREP, (".sql", ".sql.gz", *names.OWN_DUMPS, ".dump")), (_XZGREP, (".sql.xz", ".sql.bz2")),
    (_ZSTDGREP, (".sql.zst",)),
)  # fmt: skip
_LARGE = 16 << 20
_TAR_NAMES = (*names.TARS, ".tar.*")


def ask_insides(target: Target) -> Command | Message:
    """List small tar archives, sum zip archives, and find the statements in SQL dumps."""
    small = ("-size", f"-{SMALL + 1}c")
    return command(
        target,
        lambda folder, pattern, depth: (
            FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            "-size", "+0", "-size", f"-{_LARGE + 1}c",
            *either(
                framed(ending(".zip"), _UNZIP, "-Zt"),
                framed((*small, *ending(*_TAR_NAMES)), _TAR, "-tvf"),
                *(framed((*small, *ending(*ends)), *GREP, program, "-anoE", "-m", "500",
                          _STATEMENTS) for program, ends in _TEXTS),
                *(framed(ending(*ends), *GREP, program, "-aoE", "-m", "1", ROWS)
                  for program, ends in _LARGE_TEXTS),
            ),
        ),
        LIMIT * 4,
    )  # fmt: skip


_MEMBER = re.compile(r"[-hl]\S{9}\S? +\S+ +(\d+) ")


def parse_insides(answer: Answer) -> dict[str, Inside] | Absent:
    """What archives and dumps hold, by name."""
    if absent := refusal(answer):
        return absent
    missing = any(name in answer.stderr for name in (b"grep': No such file", b"prlimit'"))
    found = {name: _inside(name, text, ended, missing) for name, text, ended in runs(answer)}
    return {name: inside for name, inside in found.items() if inside is not None}


_SUM = re.compile(r"\d+ files?, (\d+) bytes uncompressed")


def _inside(name: str, text: str, ended: bool, missing: bool) -> Inside | None:
    """None of a file that is no SQL dump as far as is known; `missing`: a program is not there."""
    lines = text.splitlines()
    if name.lower().endswith(".zip"):
        total = _SUM.match(lines[0]) if lines else None
        return Inside(holds=total[1] != "0", readable=True, header=True) if total else None
    if names.is_tar(name):
        sizes = [row for line in lines if (row := _MEMBER.match(line))]
        return Inside(holds=sum(row[1] != "0" for row in sizes), readable=ended, header=True)
    rows = _statements(lines)
    if not rows:
        return None if missing else Inside(holds=0, readable=True)
    headers = sum(line.startswith("-- ") for line in rows)
    statements = [line for line in rows if not line.startswith("-- ")]
    schema = bool(statements) and all(line.startswith("CREATE ") for line in statements)
    return Inside(holds=len(statements), readable=ended, header=headers > 0, schema=schema)


_NUMBERED = re.compile(r"(?:(\d+):)?(.*)")


def _statements(lines: list[str]) -> list[str]:
    """What grep found, without the ends of COPY and without each COPY that ends at once."""
    found = [(int(row[1] or 0), row[2]) for line in lines if (row := _NUMBERED.fullmatch(line))]
    ends = {number for number, text in found if len(text) == 2}
    return [
        text for number, text in found
        if len(text) != 2 and not (text.startswith("COPY ") and number + 1 in ends)
    ]  # fmt: skip
