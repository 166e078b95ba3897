"""How the files of a set are looked at: one find for each question, and how its answer is read.

Every request has a fixed shape; only what the inventory declares goes into it. The folder begins
and ends with a slash, so that find can take it neither for an option nor for a plain file. No
argument holds a backslash: sudoers reads it as an escape twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from audit_backup import declared
from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Message,
    ParseError,
    Privilege,
    Reason,
    Target,
    msg,
    verbatim,
)

FIND = "/usr/bin/find"
LIMIT = 1 << 20  # some 12,000 files
# A line without an end would fill the memory; 5 s of the processor read some 500 MB.
GREP = ("/usr/bin/prlimit", "--as=1073741824", "--cpu=5")


def command(
    target: Target,
    make: Callable[[str, str, str], tuple[str, ...]],
    limit: int,
    timeout_s: int = 60,
) -> Command | Message:
    """A command made from folder, pattern and depth, or what the inventory has to declare."""
    folder, pattern = declared.folder(target), declared.pattern(target)
    depth, root = declared.depth(target), declared.as_root(target)
    for value in (folder, pattern, depth, root):
        if isinstance(value, Message):
            return value
    return Command(
        argv=make(str(folder), str(pattern), str(depth)),
        privilege=Privilege.ROOT if root else Privilege.USER,
        timeout_s=timeout_s, limit=limit, ok=(0, 1), partial_ok=True,
    )  # fmt: skip


def files_in(folder: str, pattern: str, depth: str) -> tuple[str, ...]:
    """find with the expression for the files of the set."""
    return (
        FIND, "-H", folder, "-maxdepth", depth, "-regextype", "posix-extended", "-xdev",
        "-type", "f", "-name", pattern,
    )  # fmt: skip


# A number of a rotation or a day behind the name: db.sql.gz.1, db.sql.gz-20261128.
_ROTATED = "([-_.]([1-9]|20[0-9]{2}.*|old|prev|orig))?"


def ending(*ends: str) -> tuple[str, ...]:
    """The expression of find for names with one of `ends`, also where a rotation numbers them.

    `ends` are parts of an extended regular expression, but a dot is a dot.
    """
    names = "|".join(ends).replace(".", "[.]")
    return ("-iregex", f".*({names}){_ROTATED}")


# By what reads them: the ends of packed names.
_READ_BY = {
    "/usr/bin/zgrep": {"gz", "tgz", "taz", "tar", "cpio", "sql", "dump", "dmp", "bak", "ldif"},
    "/usr/bin/xzgrep": {"xz", "txz", "bz2", "tbz", "tbz2", "lzma", "lz", "lzo"},
    "/usr/bin/zstdgrep": {"zst", "tzst", "lz4"},
    "/usr/bin/unzip": {"zip", "7z", "rar", "iso"},
}
_LITERAL_END = re.compile(r".*[.]([a-z0-9]+)", re.IGNORECASE | re.DOTALL)


def may_match(pattern: str, program: str) -> bool:
    """Whether names that fit the declared pattern can be those of files that `program` reads.

    A line of sudoers is shorter without the others.
    """
    found = _LITERAL_END.fullmatch(pattern)
    end = found[1].lower() if found else ""
    known = any(end in ends for ends in _READ_BY.values())
    return not known or end in _READ_BY[program]


# The expression of find for names that are not those of tar archives.
NO_TAR = ("!", "-iregex", ".*[.](tar([-_.].*)?|t(gz|xz|bz2?|zst|az))")


class Step(NamedTuple):
    """What is run on a file, and the letter that stands for its success with all of `then`.

    `only` is the expression for the files on which it is run.
    """

    letter: str
    run: tuple[str, ...]
    then: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


def stepped(select: tuple[str, ...], *steps: Step) -> tuple[str, ...]:
    """For each file that `select` takes: its path, what was printed, a letter, its path.

    The letter is that of the first step that ended well, `n` where none did.
    """
    tried = (
        word for step in steps
        for word in (*step.only, *ran(*step.run), *step.then, "-printf", step.letter, "-o")
    )  # fmt: skip
    return ("(", *select, "-print0", "(", *tried, "-printf", "n", ")", "-print0", ")")


def ran(*run: str) -> tuple[str, ...]:
    """The expression that is true where `run` ends well; the file stands for `{}` or at the end."""
    return ("-exec", *run, *(() if any("{}" in word for word in run) else ("{}",)), ";")


def framed(select: tuple[str, ...], *run: str, then: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The same for one program, with the letter `y`."""
    return stepped(select, Step("y", run, then))


def either(*parts: tuple[str, ...]) -> tuple[str, ...]:
    """The expression that is true where one of `parts` is, and of none of them false."""
    if not parts:
        return ("-false",)
    words = tuple(word for part in parts for word in ("-o", *part))
    return ("(", *words[1:], ")")


def records(answer: Answer) -> list[str]:
    """What stands before each NUL; a cut answer loses its last record, any other must be whole."""
    *whole, rest = answer.text.split("\0")
    if rest and not answer.truncated:
        raise ParseError(msg("the last record of the listing is incomplete"))
    return whole


def below(path: str, answer: Answer) -> str:
    """`path` as seen from the set's folder; empty for the folder itself."""
    folder = str(declared.folder(answer.target))
    if not path.startswith(folder):
        raise ParseError(msg("a path outside the directory: {path}", path=verbatim(path)))
    return path.removeprefix(folder)


def refusal(answer: Answer) -> Absent | None:
    """The errors of find as an absence; files that were removed meanwhile do not matter.

    What the programs that find starts say is for the parser of their output.
    """
    folder = str(declared.folder(answer.target))
    lines = answer.stderr.decode("utf-8", "backslashreplace").splitlines()
    for line in lines:
        if answer.truncated and line.endswith(": Broken pipe"):
            continue
        if not line.startswith(("find: ", f"{FIND}: ")) or "'/usr/bin/" in line:
            continue
        if line.endswith("/lost+found': Permission denied"):
            continue  # of the file system, and closed to all but root
        if line.endswith(": Permission denied"):
            detail = msg(
                "The account may not read it ({error}): grant it read access to the directory, "
                "or declare `privilege: root` for this backup set",
                error=verbatim(line),
            )
            return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
        if not line.endswith(": No such file or directory"):
            raise ParseError(msg("find: {detail}", detail=verbatim(line)))
        if not answer.stdout:
            detail = msg("The declared backup directory {folder} does not exist", folder=folder)
            return Absent(reason=Reason.NOT_PRESENT, detail=detail)
    return None


def runs(answer: Answer, letters: str = "yn") -> Iterator[tuple[str, str, str]]:
    """Name, output and letter of each file on which `stepped` ran programs."""
    cells = records(answer)
    for first, second in zip(cells[::2], cells[1::2], strict=False):
        text = second.removesuffix(first)
        if text == second or not text or text[-1] not in letters:
            raise ParseError(msg("not a record of tests: {record}", record=verbatim(second)))
        yield below(first, answer), text[:-1], text[-1]
