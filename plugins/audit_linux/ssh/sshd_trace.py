"""How the SSH server itself reads its files: what `sshd -T -ddd` reports on the way.

It tells each file that an Include stands for, wherever that lies, each setting outside of Match
blocks with its file and line, and each Match line; what stands inside of a block it does not tell.
An ordinary account is told the same of files that it may read: a missing host key ends the program
only after that. Tried with OpenSSH 9.2p1 and 10.6p1 (servconf.c).
"""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import Answer, Command, Privilege


class Trace(Struct, frozen=True, kw_only=True):
    """What the server read.

    `includes`: each pattern with the files that it stood for; `lines`: each file with its settings
    and includes outside of Match blocks; `whole`: the files that were read outside of them, or are
    empty; `matches`: the criteria of every Match line that was met. `by_root`: no folder was closed
    to the server. `version`: its release without the patch level, such as OpenSSH_10.6.
    """

    includes: dict[str, tuple[str, ...]]
    lines: dict[str, tuple[str, ...]]
    whole: frozenset[str]
    matches: tuple[str, ...] = ()
    by_root: bool = False
    version: str = ""


# Behind the files of settings come the host keys; behind those they are read a second time.
_END = re.compile(
    r"(?:debug\d: )?(?:private host key #|[Uu]nable to load host key|Could not load host key"
    r"|sshd: no hostkeys available)|debug2: parse_server_config(?:_depth)?: config reprocess config"
)
_NEW = re.compile(r"debug2: (/.{0,4096}) line (\d{1,9}): new include (/.*)")
_TAKEN = re.compile(r"debug2: /.{0,4096} line \d{1,9}: including (/.*)")
_READ = re.compile(r"debug2: parse_server_config(?:_depth)?: config (/.*) len (\d{1,9})( \[.*\])?")
_SET = re.compile(r"debug3: (/.{0,4096}?):(\d{1,9}) setting (.*)")
_MATCH = re.compile(r"debug3: checking syntax for 'Match (.*)'(?: on line \d{1,9})?")
_VERSION = re.compile(r"debug1: sshd version (\S+),.*")
_EMPTY = 2  # bytes: the program adds a line end, a directory is read as an empty file


def read_trace(answer: Answer) -> Trace | None:
    """The trace of an answer; None where the server did not read its files to their end."""
    text = answer.stderr.decode("utf-8", "surrogateescape")
    lines = text.replace("\r\n", "\n").split("\n")
    end = next((at for at, line in enumerate(lines) if _END.match(line)), None)
    if end is None:
        return None
    read = _Read()
    for line in lines[:end]:
        read.line(line)
    return Trace(
        includes={pattern: tuple(paths) for pattern, paths in read.includes.items()},
        lines={path: tuple(text for _, text in sorted(rows.items()))
               for path, rows in read.rows.items()},
        whole=frozenset(read.whole), matches=tuple(read.matches), version=read.version,
    )  # fmt: skip


class _Read:
    """The lines of a trace so far; `rows` has the lines of each file by their number."""

    def __init__(self) -> None:
        self.includes: dict[str, dict[str, None]] = {}
        self.rows: dict[str, dict[int, str]] = {}
        self.whole: set[str] = set()
        self.matches: list[str] = []
        self.version = ""
        self._pattern = ""

    def line(self, line: str) -> None:
        if found := _NEW.fullmatch(line):
            self._pattern = found[3]
            self.includes.setdefault(self._pattern, {})
            self._row(found, f'Include "{self._pattern}"')
        elif found := _TAKEN.fullmatch(line):
            self.includes.setdefault(self._pattern, {})[found[1]] = None
        elif found := _READ.fullmatch(line):
            if found[3] is None or int(found[2]) < _EMPTY:
                self.whole.add(found[1])
        elif found := _SET.fullmatch(line):
            self._row(found, found[3])
        elif found := _MATCH.fullmatch(line):
            self.matches.append(found[1])
        elif found := _VERSION.fullmatch(line):
            self.version = found[1]

    def _row(self, found: re.Match[str], text: str) -> None:
        rows, number = self.rows.setdefault(found[1], {}), int(found[2])
        # one line may name several patterns
        rows[number] = text if number not in rows else _joined(rows[number], text)


def _joined(before: str, text: str) -> str:
    pattern = text.removeprefix("Include ")
    return before if text == before or pattern in before else f"{before} {pattern}"


TRACE = Command(
    argv=("/usr/sbin/sshd", "-T", "-ddd"), ok=(0, 1, 255), privilege=Privilege.ROOT, aside=True,
)  # fmt: skip
