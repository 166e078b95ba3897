"""Whether archives pass their own test, and dumps end as they should."""

from __future__ import annotations

import math
import re
from datetime import date

from audit_backup import declared
from audit_backup.dates import days
from audit_backup.model import Tested
from audit_backup.searches import (
    GREP,
    LIMIT,
    Step,
    command,
    either,
    ending,
    files_in,
    framed,
    ran,
    refusal,
    runs,
    stepped,
)
from audit_core.api.sdk import Absent, Answer, Command, Message, Target

_TAR, _UNZIP = "/usr/bin/tar", "/usr/bin/unzip"
_ZGREP, _XZGREP, _ZSTDGREP = "/usr/bin/zgrep", "/usr/bin/xzgrep", "/usr/bin/zstdgrep"
_GZIP, _XZ, _BZIP2 = "/usr/bin/gzip", "/usr/bin/xz", "/usr/bin/bzip2"
_ZSTD, _LZ4 = "/usr/bin/zstd", "/usr/bin/lz4"


# What mysqldump, mariadb-dump, pg_dump, pg_dumpall, their relatives and sqlite3 write first and
# last.
_MARKS = (
    "^(-- [[:alnum:]]+ dump [0-9]|-- Dump completed( on [-0-9]+)?|</?mysqldump[ >]"
    "|-- [[:alnum:] ]+ database( cluster)? dump( complete)?$|PRAGMA foreign_keys=OFF;|COMMIT;$)"
)
_READ_TAR = (_TAR, "-t", "--exclude=*", "-f")  # read to its end, and no name is printed
_SEVENZIP = ("/usr/bin/7z", "t", "-bso0", "-bsp0", "-p-")
# What was packed may be a tar archive that was cut before it was packed.
_TARS = (
    (_GZIP, ("-tq",), (".tar.gz", ".tgz"), _READ_TAR),
    (_XZ, ("-tq",), (".tar.xz", ".txz"), _READ_TAR),
    (_BZIP2, ("-tq",), (".tar.bz2", ".tbz2", ".tbz"), _READ_TAR),
    (_ZSTD, ("-tq",), (".tar.zst", ".tzst"), _READ_TAR),
    (_LZ4, ("-tq",), (".lz4",), ()),
    (*_SEVENZIP[:1], _SEVENZIP[1:], (".7z", ".7z.001", ".zip.001"), ()),
    (*_READ_TAR[:1], _READ_TAR[1:], (".tar",), ()),
)  # fmt: skip
# unzip reads no archive of several volumes.
_ZIPS = stepped(ending(".zip"), Step("y", (_UNZIP, "-tqq")), Step("y", _SEVENZIP))
_PACKED = (
    (_GZIP, _ZGREP, ".gz"), (_XZ, _XZGREP, ".xz"), (_BZIP2, _XZGREP, ".bz2"),
    (_ZSTD, _ZSTDGREP, ".zst"),
)  # fmt: skip
_PLAIN_TEXT = (".sql", ".dump", ".dmp")
_LARGEST = 256 << 20  # bytes that are tested; more would load the host


def ask_tests(target: Target) -> Command | Message:
    """Test each archive that is younger than the objective, and find the marks of SQL dumps."""
    hours = declared.rpo_hours(target)
    if isinstance(hours, Message):
        return hours
    young = ("-mmin", f"-{math.ceil(hours * 60)}", "-size", "+0", "-size", f"-{_LARGEST + 1}c")
    return command(
        target,
        lambda folder, pattern, depth: (
            *files_in(folder, pattern, depth), *young,
            *either(
                *(framed(ending(*ends), program, *words, then=ran(*more) if more else ())
                  for program, words, ends, more in _TARS),
                _ZIPS,
                *(framed(ending(end), program, "-tq", then=_marks(grep))
                  for program, grep, end in _PACKED),
                framed(ending(*_PLAIN_TEXT), "/usr/bin/true", then=_marks(_ZGREP)),
            ),
        ),
        LIMIT * 4, timeout_s=180,
    )  # fmt: skip


def _marks(grep: str) -> tuple[str, ...]:
    """The expression that prints the marks of a dump, and is true whether there are any or not."""
    return ("(", *ran(*GREP, grep, "-aoE", _MARKS), "-o", "-true", ")")


def parse_tests(answer: Answer) -> tuple[Tested, ...] | Absent:
    """The outcome for each young archive and dump; what was not tested is not in it."""
    if absent := refusal(answer):
        return absent
    errors = answer.stderr.decode("utf-8", "surrogateescape").splitlines()
    folder = str(declared.folder(answer.target))
    return tuple(
        _tested(name, folder, text.splitlines(), letter == "y", errors)
        for name, text, letter in runs(answer)
    )


_END = re.compile("Dump completed|dump complete$|^</")
_COMMIT, _PRAGMA = "COMMIT;", "PRAGMA foreign_keys=OFF;"  # only of sqlite3 one is the last line
_MARK = ("-- ", "<", _COMMIT, _PRAGMA)
_DATED = re.compile(r"Dump completed on (\d{4}-\d{2}-\d{2})$", re.M)
_SEALED = re.compile("unable to get password|incorrect password")  # as unzip prints it
_NOT_RUN = re.compile(
    "Wrong password|No such file or directory|not found|memory exhausted|[Pp]ermission denied"
    "|not permitted|not look like a tar archive|trailing (garbage|zero)"
)


def _tested(name: str, folder: str, lines: list[str], ended: bool, errors: list[str]) -> Tested:
    """A program that could not be run, or could not open the file, found nothing wrong."""
    path = folder + name
    complaints = [line for line in errors if path in line or folder not in line]
    not_run = any(map(_NOT_RUN.search, complaints)) or any(map(_SEALED.search, lines))
    headers, ends = _ends(lines)
    last = ends >= max(headers, 1)  # pg_dumpall writes one more pair around all
    text = name.lower().endswith(_PLAIN_TEXT)
    return Tested(
        name=name,
        passed=ended and not not_run and (last or not text),
        error="" if ended or not_run else next((x for x in complaints if path in x), name),
        dump=not not_run and headers > 0,
        ended=last,
        begun=headers >= ends,
        dumped=_last_day(lines),
    )


def _ends(lines: list[str]) -> tuple[int, int]:
    """How many first and last lines of dumps there are; other lines are of unzip."""
    commits = _COMMIT in lines and _PRAGMA in lines
    marks = [line for line in lines if line.startswith(_MARK) and line != _COMMIT]
    ends = sum(bool(_END.search(line)) for line in marks)
    return len(marks) - ends, ends + commits


def _last_day(lines: list[str]) -> date | None:
    """The last day that a dump says it was made on; None where it says none."""
    found = filter(None, map(_DATED.search, lines))
    return max((day for row in found for day in days(row[1])), default=None)
