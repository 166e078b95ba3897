"""Log files of hosts: what is sensitive in their lines, and which logs were not looked at."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Check,
    Judgement,
    Message,
    Severity,
    Target,
    capped,
    check,
    failed,
    few,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    optional,
    passed,
    settings_of,
    undetermined,
)
from audit_data.certainty import Certainty
from audit_data.kind import Environment
from audit_data.log_requests import (
    FILES,
    JOURNAL,
    LOG_NAMES,
    NAMED_FILES,
    OPEN_FILES,
    READ_BY_NAME,
    READ_WHOLE,
    LogSettings,
)
from audit_data.sample import Held, gaps, held
from audit_data.sensitive_checks import PERSONAL
from audit_data.storage_form import Outcome, password
from audit_database.data.answer import Column, Sampled, State, Table
from audit_database.data.identify import Data

_MOST = 30
_NEEDS = (
    TARGET, FILES, known_or_absent(OPEN_FILES), known_or_absent(optional(JOURNAL)),
    known_or_absent(NAMED_FILES),
)  # fmt: skip
# Below these lie programs and their data, no logs; what settings name there is something else.
_NO_LOGS = ("/usr/", "/etc/", "/bin/", "/sbin/", "/lib", "/dev/", "/run/", "/proc/", "/sys/")

More = Sampled | Absent | None
Paths = tuple[str, ...] | Absent


def _joined(files: Sampled, *more: More) -> Sampled:
    """What was read by several requests, each file once."""
    known = {table.name for table in files.tables}
    tables, columns = list(files.tables), list(files.columns)
    for other in more:
        if isinstance(other, Sampled):
            fresh = {table.name for table in other.tables} - known
            tables += [table for table in other.tables if table.name in fresh]
            columns += [column for column in other.columns if column.table in fresh]
            known |= fresh
    return Sampled(overview=files.overview, tables=tuple(tables), columns=tuple(columns))


def _read(found: Sampled) -> Message:
    read = [table for table in found.tables if table.state in (State.READ, State.EMPTY)]
    return msg(
        "Sample: the last {lines} lines of {files} log files, the journal included",
        lines=sum(table.rows for table in read), files=len(read),
    )  # fmt: skip


def _doubts(logs: Logs) -> list[Message]:
    """Why nothing found does not mean that nothing is there."""
    found, named = logs.found, logs.named
    doubts = list(gaps(found, found.tables))
    parts = [part for part in (found, *logs.more) if isinstance(part, Sampled)]
    if not all(part.overview.whole for part in parts):
        doubts.append(msg("There are more log files than one request reads; the rest was left out"))
    declared = settings_of(logs.target, LogSettings).paths
    absent = [path for path in declared if not _below(path, found.tables)]
    if absent:
        doubts.append(msg("Declared, but not there or empty: {paths}", paths=listed(absent)))
    if isinstance(named, tuple):
        unread = _unread(named, (*READ_WHOLE, *declared), found.tables)
        if unread:
            doubts.append(msg("Settings on the host name logs that were not looked at; declare "
                              "those that are used in paths: {paths}",
                              paths=capped(unread)))  # fmt: skip
    return doubts


def _below(path: str, tables: Iterable[Table]) -> bool:
    return any(table.name == path or table.name.startswith(f"{path}/") for table in tables)


def _unread(named: Iterable[str], whole: Iterable[str], tables: Iterable[Table]) -> list[str]:
    """Which of the `named` paths no search looked for."""
    tops = tuple(f"{path.rstrip('/')}/" for path in whole)
    found = []
    for path in sorted({posixpath.normpath(path) for path in named}):
        by_name = path.startswith(tuple(f"{top}/" for top in READ_BY_NAME)) and any(
            fnmatchcase(posixpath.basename(path), name) for name in LOG_NAMES
        )
        if not (f"{path}/".startswith(tops + _NO_LOGS) or by_name or _below(path, tables)):
            found.append(path)
    return found


def _texts(found: Iterable[Held]) -> tuple[Message, ...]:
    return few([each.as_message for each in found], _MOST)


def _of_kinds(found: Sampled, kinds: Iterable[Data], *, sure: bool) -> list[Held]:
    return [
        each for each in held(found.columns, kinds)
        if (each.certainty is Certainty.CERTAIN) is sure
    ]  # fmt: skip


class Logs(Struct, frozen=True, kw_only=True):
    """What the lines of the logs of a host hold; `more` was read where the login may."""

    target: Target
    found: Sampled
    more: tuple[More, ...]
    named: Paths

    @property
    def of_production(self) -> bool:
        """Whether the host is declared as one of production."""
        return settings_of(self.target, LogSettings).environment is Environment.PRODUCTION


def _concluded(logs: Logs, kinds: Iterable[Data], clean: Message) -> Judgement:
    """Fails on what is certain; passes where nothing was found and every log was looked at."""
    wanted, found = tuple(kinds), logs.found
    sure = _of_kinds(found, wanted, sure=True)
    if sure:
        return failed(*_texts(sure), _read(found))
    doubts = _doubts(logs)
    perhaps = _of_kinds(found, wanted, sure=False)
    if perhaps:
        person = msg("A person has to check whether these are real")
        return undetermined(person, *_texts(perhaps), *doubts, _read(found))
    if doubts:
        return undetermined(*doubts, _read(found))
    return passed(clean, _read(found))


def _log_check(id: str, *, remedy: Message) -> Callable[[Callable[[Logs], Judgement]], Check]:
    """Make a look at what the logs of a host hold a check."""

    def make(look: Callable[[Logs], Judgement]) -> Check:
        @functools.wraps(look)
        def judge(
            target: Target, files: Sampled, opened: Sampled | Absent,
            journal: Sampled | Absent | None, named: Paths,
        ) -> Judgement:  # fmt: skip
            found = _joined(files, opened, journal)
            return look(Logs(target=target, found=found, more=(opened, journal), named=named))

        # A signature that follows `look` would hide the needs.
        del judge.__wrapped__
        return check(id, needs=_NEEDS, severity=Severity.HIGH, version=2, remedy=remedy)(judge)

    return make


@_log_check(
    "data.log-files",
    remedy=msg("Mask personal data before they are logged, and delete or mask what is there"),
)  # fmt: skip
def log_files(logs: Logs) -> Judgement:
    """Log files of production hosts hold no personal data in clear."""
    if not logs.of_production:
        return not_applicable(msg("Not production data"))
    return _concluded(logs, PERSONAL, msg("No line holds personal data in clear"))


@_log_check(
    "data.log-files-real-values",
    remedy=msg("Replace the data by masked or generated ones before they leave production"),
)  # fmt: skip
def log_files_real_values(logs: Logs) -> Judgement:
    """Log files of development and test hosts hold no values that look like real personal data."""
    if logs.of_production:
        return not_applicable(msg("Production data"))
    found = logs.found
    telling = _of_kinds(found, (Data.ID_CARD, Data.BANK_CARD, Data.TRACK), sure=True)
    if telling:
        return failed(*_texts(telling), _read(found))
    every = list(held(found.columns, PERSONAL))
    if every:
        # no check digit tells names and phone numbers of persons from invented ones
        person = msg("A person has to check whether these are real")
        return undetermined(person, *_texts(every), _read(found))
    return _concluded(logs, PERSONAL, msg("No value looks like real personal data"))


@_log_check(
    "data.log-files-secrets",
    remedy=msg("Do not log passwords, magnetic stripe data and card verification numbers; "
               "change the passwords that were logged"),
)  # fmt: skip
def log_files_secrets(logs: Logs) -> Judgement:
    """Log files hold neither passwords nor magnetic stripe data nor card verification numbers."""
    found = logs.found
    bad, open_ = _passwords(found.columns)
    sure = _of_kinds(found, (Data.TRACK, Data.CVN), sure=True)
    if bad or sure:
        return failed(*_texts(sure), *few(bad, _MOST), _read(found))
    if open_:
        return undetermined(*few(open_, _MOST), _read(found))
    return _concluded(logs, (Data.TRACK, Data.CVN),
                      msg("None was found"))  # fmt: skip


def _passwords(columns: Iterable[Column]) -> tuple[list[Message], list[Message]]:
    """Passwords that are in clear for certain, and that may be."""
    outcomes = [password(column) for column in columns if column.schemes]
    return (
        [each.text for each in outcomes if each.outcome is Outcome.BAD],
        [each.text for each in outcomes if each.outcome is Outcome.OPEN],
    )


CHECKS = (log_files, log_files_real_values, log_files_secrets)
