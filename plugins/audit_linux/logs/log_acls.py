"""Access lists below /var/log, which modes do not show."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Command,
    ParseError,
    Partial,
    fact,
    msg,
    partial,
    provider,
    read_rows,
    verbatim,
)
from audit_core.model import Answer


class Entry(Struct, frozen=True, kw_only=True):
    """What one named user or group may do (`rw-`), the mask taken off.

    `later`: it holds for what will be made in this folder (a default entry).
    """

    group: bool
    id: int
    rights: str
    later: bool = False

    @property
    def text(self) -> str:
        """The entry for a reader: `uid 1001 rw-`."""
        whose = f"{'gid' if self.group else 'uid'} {self.id} {self.rights}"
        return f"{whose} (default)" if self.later else whose


class Acl(Struct, frozen=True, kw_only=True):
    """The access list of one path; `path` is below /var/log, empty for the folder itself.

    `entries_known` is False where only its presence was seen (without getfacl). `mask` is then the
    most that it can grant on a file.
    """

    path: str
    entries: tuple[Entry, ...] = ()
    entries_known: bool = True
    folder: bool = False
    mask: str = ""


_TOP = "/var/log"
_ENTRY = re.compile(r"(default:)?(user|group|mask|other):([0-9]{0,10}):([r-][w-][x-])(?:\s+#.*)?")
_LS = re.compile(r"([-d])[-rwxsStT]{3}([-rwxsS]{3})[-rwxtT]{3}\+ +[0-9]+ +[0-9]+ +[0-9]+ .*?(/.*)")
_LS_LINE = re.compile(r"[-d][-rwxsStT]{9}[.+]? ")
_HARMLESS = (b": Permission denied", b": No such file or directory")


def _below(path: str) -> str:
    if path != _TOP and not path.startswith(f"{_TOP}/"):
        raise ParseError(msg("not below {path}: {name}", path=_TOP, name=verbatim(path)))
    return path[len(_TOP) + 1 :]


def _common(rights: str, mask: str) -> str:
    return "".join(a if b == a else "-" for a, b in zip(rights, mask, strict=True))


def _list(block: str) -> Acl:
    """One block of getfacl: comments with the path first, then the entries."""
    lines = block.split("\n")
    if not lines[0].startswith("# file: "):
        raise ParseError(msg("not a file of getfacl: {line}", line=verbatim(lines[0])))
    rows = [_ENTRY.fullmatch(line) for line in lines if line and not line.startswith("#")]
    if None in rows or not rows:
        raise ParseError(msg("not an access list"))
    found = [row for row in rows if row]
    masks = {bool(row[1]): row[4] for row in found if row[2] == "mask"}
    entries = tuple(
        Entry(
            group=row[2] == "group",
            id=int(row[3]),
            rights=_common(row[4], masks.get(bool(row[1]), "rwx")),
            later=bool(row[1]),
        )
        for row in found
        if row[2] in ("user", "group") and row[3]
    )
    return Acl(path=_below(lines[0].removeprefix("# file: ")), entries=entries)


def _marked(line: str) -> Acl:
    """One line of ls with the + of an access list; its group bits are the mask."""
    row = _LS.fullmatch(line)
    if row is None:
        raise ParseError(msg("not a line of ls: {line}", line=verbatim(line)))
    return Acl(path=_below(row[3]), entries_known=False, folder=row[1] == "d", mask=row[2])


def parse_getfacl(answer: Answer) -> tuple[Acl, ...] | Partial:
    """The access lists that name somebody besides owner and group; empty where there is none."""
    _check_complaints(answer)
    blocks = [block for block in answer.text.split("\n\n") if block.strip()]
    lists, problems = read_rows(((n, b.strip("\n")) for n, b in enumerate(blocks, 1)), _list)
    return partial(tuple(acl for acl in lists if acl.entries), problems)


def parse_marks(answer: Answer) -> tuple[Acl, ...] | Partial:
    """The paths that ls marks with a + for an access list; empty where there is none."""
    _check_complaints(answer)
    if not answer.lines:
        raise ParseError(msg("not output of ls"))
    rows, problems = read_rows(enumerate(answer.lines, 1), _acl_of_ls)
    return partial(tuple(acl for acl in rows if acl is not None), problems)


def _acl_of_ls(line: str) -> Acl | None:
    """The access list that a line of ls tells of, if it does."""
    if not _LS_LINE.match(line):
        raise ParseError(msg("not a line of ls: {line}", line=verbatim(line)))
    return _marked(line) if line[10] == "+" else None


def _check_complaints(answer: Answer) -> None:
    for line in answer.stderr.split(b"\n"):
        if line and not line.endswith(_HARMLESS):
            raise ParseError(msg("error output: {detail}", detail=verbatim(line)))


# Access lists can be read of what one may not read. Where a folder may not be entered, its own
# list is told all the same. ls -b writes a newline in a name as \n.
LOG_ACLS = fact(
    "linux.log-acls",
    tuple[Acl, ...], kind="host",
    providers=(
        provider(
            Command(
                argv=("getfacl", "-R", "-s", "-n", "-p", "/var/log"), ok=(0, 1), limit=8 << 20
            ),
            parse_getfacl,
        ),
        provider(
            Command(
                argv=(
                    "find", "-H", "/var/log", "-maxdepth", "6", "(", "-type", "f", "-o",
                    "-type", "d", ")", "-exec", "ls", "-dnb", "--time-style=+", "--", "{}", "+",
                ),
                ok=(0, 1),
                limit=8 << 20,
            ),
            parse_marks,
        ),
    ),
)  # fmt: skip
