"""Invented log files as find lists them, and the moment at which they are looked at."""

from __future__ import annotations

from audit_core.model import Target
from audit_linux.logs import log_files
from invented.answers import answers

NOW = 1_795_434_704
DAY = 86_400
TARGET = Target(id="h", kind="host", object_type="server", address="web1.example.com")


def log_tree(*records: str) -> log_files.LogTree:
    text = "".join(f"{r}//" for r in ("755_d_0_0_4096_1.0_-1.-000000010_", *records))
    found = log_files.parse_log_tree(answers(clock=f"{NOW}\n", filesystem="", files=text))
    assert isinstance(found, log_files.LogTree)
    return found


def log_file(
    path: str, mode: str = "640", age: int = 0, born: int | None = None, size: int = 9
) -> str:
    birth = "-1.-000000010" if born is None else f"{NOW - born * DAY}.5"
    return f"{mode}_f_0_4_{size}_{NOW - age * DAY}.1234567890_{birth}_{path}"


JOURNAL = "journal/" + "0a" * 16 + "/system@" + "0b" * 16 + "-" + "0" * 16 + "-{:016x}.journal"


def journal_file(days: int, age: int = 1) -> str:
    return log_file(JOURNAL.format((NOW - days * DAY) * 1_000_000), age=age)


COPIES = tuple(log_file(f"syslog.{i}.gz", age=30 * i) for i in range(1, 8))
