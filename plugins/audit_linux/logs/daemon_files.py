"""Which configuration file a log daemon was started with.

rsyslogd(8) and syslog-ng(8) take the usual one unless `-f FILE` names another; `-fFILE`, flags in
front (`-nf FILE`) and `--cfgfile=FILE` of syslog-ng are the same. The last one counts.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Fact,
    ParseError,
    Partial,
    Reason,
    derive,
    fact,
    msg,
    partial,
    read_rows,
    verbatim,
    whole_number,
)
from audit_linux.logs.forwards import Forwards
from audit_linux.processes import PROCESSES, Process


class Started(Struct, frozen=True, kw_only=True):
    """A log daemon that runs, and the words it was started with, cut at blanks."""

    pid: int
    words: tuple[str, ...]


def parse_started(answer: Answer) -> tuple[Started, ...] | Partial:
    """Log daemons from `ps -ww -C … -o pid=,args=`; none where it lists none."""
    if answer.stderr.strip() and not answer.stdout:
        raise ParseError(msg("ps does not list processes by name"))
    rows, problems = read_rows(enumerate(answer.lines, 1), _started)
    return partial(tuple(rows), problems)


def _started(line: str) -> Started:
    words = line.split()
    if len(words) < 2:
        raise ParseError(msg("not a process: {line}", line=verbatim(line)))
    return Started(pid=whole_number(words[0]), words=tuple(words[1:]))


STARTED = fact(
    "linux.log-daemon-arguments",
    tuple[Started, ...],
    kind="host",
    ask=Command(
        argv=("ps", "-ww", "-C", "rsyslogd", "-C", "syslog-ng", "-o", "pid=,args="), ok=(0, 1)
    ),
    parse=parse_started,
)

_FLAGS = re.compile(r"-[46AdDFhnoqQvwxCest]*f(.*)")


def _named(words: tuple[str, ...]) -> str:
    """The configuration file that the command line names; empty where it names none."""
    found = ""
    for word, following in pairwise((*words[1:], "")):
        flag = _FLAGS.fullmatch(word)
        if flag or word == "--cfgfile":
            found = (flag[1] if flag else "") or following
        elif word.startswith("--cfgfile="):
            found = word.partition("=")[2]
    return found


def rules_in_use(
    rules: Forwards,
    started: tuple[Started, ...],
    processes: tuple[Process, ...],
    *,
    program: str,
    usual: str,
) -> Forwards | Absent:
    """`rules` if `program` was started with the file `usual`; else Absent, with the other file."""
    inside = {p.pid for p in processes if p.contained}
    own = (s.words for s in started if s.pid not in inside)
    named = {_named(words) for words in own if words[0].rpartition("/")[2] == program}
    other = sorted(named - {"", usual})
    if not other:
        return rules
    detail = msg("{program} was started with the configuration file {path}, which was not read: "
                 "look at it on the host", program=program, path=other[0])  # fmt: skip
    return Absent(reason=Reason.UNSUPPORTED, detail=detail)


def in_use(id: str, files: Fact, program: str, usual: str) -> Fact:
    """The fact of `files`, the rules of `program`, as far as it runs with the file `usual`."""
    make = functools.partial(rules_in_use, program=program, usual=usual)
    return derive(id, Forwards, needs=(files, STARTED, PROCESSES), make=make)
