"""Which statements the SQL dumps of a set hold."""

from __future__ import annotations

from audit_backup import names
from audit_backup.content import SMALL
from audit_backup.model import Inside
from audit_backup.searches import (
    GREP,
    LIMIT,
    NO_TAR,
    Step,
    command,
    either,
    ending,
    files_in,
    may_match,
    ran,
    refusal,
    runs,
    stepped,
)
from audit_core.api.sdk import Absent, Answer, Command, Message, Target

_ZGREP, _XZGREP, _ZSTDGREP = "/usr/bin/zgrep", "/usr/bin/xzgrep", "/usr/bin/zstdgrep"


_ENTRY = "^dn::? ."  # of LDIF; the first is the directory itself
# Statements that no other bytes hold by chance: one with rows, a row of XML, and COPY with rows
# behind it. Each has 55 bits at least (a test counts them).
_STATEMENT = (
    "^[[:blank:]]*(?:[Ii][Nn][Ss][Ee][Rr][Tt] |[Rr][Ee][Pp][Ll][Aa][Cc][Ee] INTO |UPSERT )"
    "|^[[:blank:]]+<row>$"
)
_COPY = "^COPY (?=.* FROM stdin)"
# A row of COPY begins with a number, a date or a UUID; a long one is no chance, a short one may be.
_ROW = "^[0-9][0-9a-f:.-]*+[[:cntrl:]][ -~[:blank:]]"
SURE_ROWS = f"{_STATEMENT}|{_ROW}{{32}}"
# The rows of a table in pg_dump's own format, packed by zlib or not: pieces behind their lengths.
# Of a table without rows only the end mark is packed.
_OWN_ROWS = (
    "[[:cntrl:]]{5}.{2}[[:cntrl:]]{3}.{2}[[:cntrl:]]{2}x[^ -~]"
    "(?![^ -~[:cntrl:]]{5}[[:cntrl:]])"
    "|^[[:cntrl:]].[[:cntrl:]]{3}[ -~]+[[:cntrl:]][ -~]{6}"
)
# What has rows by these is a dump only where one of the marks of dumps is in it, too.
ROWS = f"{_STATEMENT}|{_ROW}{{10}}|{_OWN_ROWS}"
DUMP = f"{_STATEMENT}|{_COPY}|PGDMP[[:cntrl:]]{{6}}"
# Where each COPY of a plain dump begins and where one ends: `.` and a sign before it.
_COPIES = ("-anoP", "-m", "400", f"{_COPY}|^.[.]$")
# -o prints no data: only the words that a statement or a comment of the program begins with.
_STATEMENTS = (
    f"^(-- (MySQL|MariaDB) dump |-- PostgreSQL database |<mysqldump )|{_ENTRY}"
    "|^CREATE (TABLE|VIEW|FUNCTION|PROCEDURE|SEQUENCE|TYPE|INDEX|ROLE|USER"
    "|DATABASE|SCHEMA|TRIGGER|EVENT)"
)
# By program: what is searched up to a first row, and what is read whole where it is small.
_DUMPS = (
    "sql",
    "mysql",
    "pgsql",
    "psql",
    "dump",
    "dmp",
    "bck",
    *(end[1:] for end in names.OWN_DUMPS),
)
_TEXTS = (
    (_ZGREP, (*(f".{end}" for end in _DUMPS), ".sql.(gz|z)"), (".ldif", ".xml", ".gz", ".z")),
    (_XZGREP, (".sql.(xz|bz2|lz|lzma|lzo)",), (".xz", ".bz2", ".lz", ".lzma", ".lzo")),
    (_ZSTDGREP, (".sql.(zst|lz4)",), (".zst", ".lz4")),
)
_LARGE = 16 << 20


def _unnamed(program: str) -> tuple[tuple[str, ...], ...]:
    """The expression for names without an end, which may be those of plain texts."""
    return (("!", "-name", "*.*"),) if program == _ZGREP else ()


def rows(program: str, letter: str) -> tuple[Step, ...]:
    """The steps that find a row in a dump, with `letter`, or else each COPY, with `k`."""
    grep = (*GREP, program)
    return (
        Step(letter, (*grep, "-aqP", ROWS), ran(*grep, "-aqP", DUMP)),
        Step("k", (*grep, *_COPIES), only=ran(*grep, "-aqP", _COPY)),
    )


def has_rows(text: str) -> bool:
    """Whether one of the COPY that step `k` found does not end at once; the last may be cut."""
    found = [line.split(":", 1) for line in text.splitlines()]
    ends = {int(number) for number, word in found if len(word) == len("..")}
    return any(word == "COPY " and int(number) + 1 not in ends for number, word in found[:-1])


def ask_insides(target: Target) -> Command | Message:
    """Find the statements in SQL dumps: all of a small one, the first row of a larger one."""
    small = ("-size", f"-{SMALL + 1}c")
    return command(
        target,
        lambda folder, pattern, depth: (
            *files_in(folder, pattern, depth), "-size", "+0", "-size", f"-{_LARGE + 1}c", *NO_TAR,
            *either(*(
                stepped(
                    either(ending(*large), (*small, *ending(*others)), *_unnamed(program)),
                    *rows(program, "r"),
                    Step("y", (*GREP, program, "-aoE", "-m", "500", _STATEMENTS), only=small),
                )
                for program, large, others in _TEXTS if may_match(pattern, program)
            )),
        ),
        LIMIT * 4, timeout_s=180,
    )  # fmt: skip


def parse_insides(answer: Answer) -> dict[str, Inside] | Absent:
    """What dumps hold, by name."""
    if absent := refusal(answer):
        return absent
    missing = any(name in answer.stderr for name in (b"grep': No such file", b"prlimit'"))
    found = {name: _inside(text, letter, missing) for name, text, letter in runs(answer, "yrkn")}
    return {name: inside for name, inside in found.items() if inside is not None}


def _inside(text: str, letter: str, missing: bool) -> Inside | None:
    """None of a file that is no SQL dump as far as is known; `missing`: a program is not there.

    The letter is `r` for a row, `k` for each COPY, `y` where all of a small dump was read.
    """
    if letter in "rk":
        return Inside(holds=1, readable=True, schema=letter == "k" and not has_rows(text))
    lines = text.splitlines()
    if not lines:
        return None if missing else Inside(holds=0, readable=True)
    if all(line.startswith("dn:") for line in lines):
        return Inside(holds=len(lines) - 1, readable=True)
    made = [line for line in lines if line.startswith("CREATE ")]
    return Inside(holds=len(made), readable=True, header=len(lines) > len(made), schema=bool(made))
