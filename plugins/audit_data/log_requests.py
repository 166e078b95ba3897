"""The log files of a host: which ones, and what they are asked."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

from audit_core.api.sdk import (
    Absent,
    AbsolutePath,
    Answer,
    Command,
    Kind,
    Message,
    ParseError,
    Partial,
    Privilege,
    Provider,
    Reason,
    Refusal,
    Schema,
    Target,
    fact,
    msg,
    partial,
    provider,
    settings_of,
)
from audit_data.kind import Environment
from audit_data.log_reading import HEAD_FORMAT, TAIL, counted_files, counted_journal
from audit_database.data.answer import Sampled, sampled

_DEPTH = "6"
READ_WHOLE = ("/var/log",)
# Where services and applications are installed; only files named as logs are read below these.
READ_BY_NAME = ("/opt", "/srv", "/data", "/app", "/home", "/usr/local", "/u01")
LOG_NAMES = ("*.log", "*.log.*", "*.log-*", "*_log", "*.out", "*.err", "*log.txt")
# Records in a form of their own: of logins, of the journal (asked for its messages), of sysstat.
_BINARY = ("wtmp*", "btmp*", "lastlog*", "faillog*", "tallylog*", "*.journal*", "sa[0-9]*")
_JOURNAL_LINES = "5000"
_MIB = 1 << 20


class LogSample(Command, frozen=True, kw_only=True, tag="log-sample"):
    """How many lines of log files hold sensitive values, of which kind.

    The command reads the end of each file. The session looks at the lines and forgets them: what is
    stored are counts, and specimens in which almost everything is masked.
    """

    evidence_kind: ClassVar[str] = "log_sample"
    evidence_title: ClassVar[Message] = msg("sample of log files, counted")

    of_journal: bool = False

    def kept(self, stdout: bytes, *, truncated: bool) -> bytes:
        """The counts."""
        count = counted_journal if self.of_journal else counted_files
        return count(stdout, truncated=truncated)


class LogSettings(Schema, frozen=True, kw_only=True):
    """The log files of a host: those below /var/log, and below `paths` whatever their names are."""

    environment: Environment
    paths: tuple[AbsolutePath, ...] = ()

    def refusals(self) -> Iterable[Refusal]:
        """A whole file system, and file systems without files."""
        for index, path in enumerate(self.paths):
            top = "/" + path.strip("/").partition("/")[0]
            if top in ("/", "/proc", "/sys", "/dev") or posixpath.normpath(path) != path:
                expected = msg("the directory or the file of a log")
                yield Refusal(place=("paths", index), expected=expected)


LOG_FILES = Kind(
    id="log_data",
    title=msg("Log files of a host"),
    object_types=("business_data", "personal_information", "audit_data"),
    object_type="business_data",
    settings=LogSettings,
    example={"environment": "production"},
    parents=("host",),
    part_key="logs",
    part_name=lambda id, settings: f"logs:{id or settings['environment']}",
    identity=(),
    needs_access=True,
)  # fmt: skip


def _any(option: str, patterns: Iterable[str]) -> tuple[str, ...]:
    words = [word for pattern in patterns for word in ("-o", option, pattern)]
    return ("(", *words[1:], ")")


def _literal(path: str) -> str:
    """`path` as a pattern of find(1) that matches it and what is below."""
    return re.sub(r"([][*?\\])", r"\\\1", path)


def _below(paths: Iterable[str]) -> tuple[str, ...]:
    each = [pattern for path in paths for pattern in (_literal(path), f"{_literal(path)}/*")]
    return _any("-path", each)


def search(whole: Sequence[str], by_name: Sequence[str]) -> tuple[str, ...]:
    """Announces and prints the end of each file below `whole`, and of those named as logs."""
    return (
        "/usr/bin/find", "-H", *whole, *by_name, "-maxdepth", _DEPTH,
        # of containers that lie there
        *_any("-fstype", ("proc", "sysfs")), "-prune", "-o", "-type", "f",
        "-size", "+0", "-not", *_any("-name", _BINARY),
        "(", *_below(whole), "-o", *_any("-name", LOG_NAMES), ")", "-printf", HEAD_FORMAT,
        "(", "-name", "*.gz", "-exec", "/usr/bin/head", "-c", str(TAIL), "{}", ";",
        "-o", "-exec", "/usr/bin/tail", "-c", str(TAIL), "{}", ";", ")",
    )  # fmt: skip


def _files(target: Target) -> LogSample:
    declared = settings_of(target, LogSettings).paths
    return LogSample(
        argv=search((*READ_WHOLE, *declared), READ_BY_NAME), privilege=Privilege.ROOT, ok=(0, 1),
        timeout_s=60, limit=8 * _MIB, partial_ok=True,
    )  # fmt: skip


# The files that running programs hold open: the ones that their settings name, wherever they lie.
_OPEN = LogSample(
    argv=(
        "/usr/bin/find", "/proc", "-mindepth", "3", "-maxdepth", "3",
        "-path", "/proc/[0-9]*/fd/[0-9]*", "-xtype", "f",
        *_any("-lname", ("*/log/*", "*/logs/*", *(f"/{name}" for name in LOG_NAMES))),
        "-not", *_any("-lname", ("/var/log/*", "* (deleted)", *(f"*/{name}" for name in _BINARY))),
        "-printf", r"\0\0", "-exec", "/usr/bin/stat", "-L", "-c", "%s %Y", "{}", ";",
        "-printf", r"%l\0", "-exec", "/usr/bin/tail", "-c", str(TAIL), "{}", ";",
    ),
    privilege=Privilege.ROOT, ok=(0, 1), timeout_s=60, limit=8 * _MIB, partial_ok=True,
)  # fmt: skip


def _journal(program: str, missing: Reason) -> Provider:
    sample = LogSample(
        argv=(program, "-q", "--no-pager", "-o", "cat", "-n", _JOURNAL_LINES),
        privilege=Privilege.ROOT, of_journal=True, not_found=missing, limit=4 * _MIB,
        partial_ok=True,
    )  # fmt: skip
    return provider(sample, _sample)


_PATH = "/[A-Za-z0-9._/-]*"
_NAMED = Command(
    argv=(
        "/usr/bin/find", "-H", "/etc", "/opt", "/srv", "/data", "/app", "/usr/local",
        "-maxdepth", _DEPTH, "-type", "f", "-size", "-512k",
        *_any("-name", ("*.conf", "*.cnf", "*.ini", "*.properties", "*.xml", "*.y*ml", "*.toml",
                        "*.env", "*.service", "*.json")),
        # prints a path that is named as a log, never anything else of the file
        "-exec", "/bin/sed", "-nE", "-e",
        rf"s@^([^#]*[^A-Za-z0-9._/#-])?({_PATH}(/logs?/{_PATH[1:]}|\.log|_log|\.out)).*@\2@p",
        "{}", "+",
    ),
    privilege=Privilege.ROOT, ok=(0, 1), timeout_s=60, partial_ok=True,
)  # fmt: skip


def _sample(answer: Answer) -> Sampled | Partial:
    found = sampled(answer)
    closed = [line for line in answer.stderr.splitlines() if not _is_harmless(line)]
    if not closed:
        return found
    return partial(found, [msg("Some directories or files were not looked into")])


# What ends while it is looked at, and what is not there, hides nothing.
_HARMLESS = (b"No such file or directory", b"No such process", b"File system loop detected")


def _is_harmless(line: bytes) -> bool:
    return not line.strip() or any(words in line for words in _HARMLESS)


def _named_paths(answer: Answer) -> tuple[str, ...] | Partial | Absent:
    lines = answer.stdout.decode("utf-8", "replace").splitlines()
    if any(not line.startswith("/") for line in lines):
        raise ParseError(msg("not the paths that were asked for"))
    found = tuple(sorted(set(lines)))
    hidden = answer.truncated or not all(map(_is_harmless, answer.stderr.splitlines()))
    return partial(found, [msg("Some settings were not looked into")] if hidden else [])


FILES = fact("data.log-files", Sampled, kind="log_data", ask=_files, parse=_sample)
OPEN_FILES = fact("data.open-log-files", Sampled, kind="log_data", ask=_OPEN, parse=_sample)
JOURNAL = fact(
    "data.journal",
    Sampled,
    kind="log_data",
    # /usr was not merged on Debian 11 and before
    providers=(
        _journal("/usr/bin/journalctl", Reason.UNSUPPORTED),
        _journal("/bin/journalctl", Reason.NOT_PRESENT),
    ),
)
NAMED_FILES = fact(
    "data.named-log-files", tuple[str, ...], kind="log_data", ask=_NAMED, parse=_named_paths
)
KINDS = (LOG_FILES,)
FACTS = (FILES, OPEN_FILES, JOURNAL, NAMED_FILES)
