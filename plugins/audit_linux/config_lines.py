"""Configuration files of a few paths and folders, read in one request."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import Absent, Answer, Command, ParseError, Reason, capped, msg
from audit_linux.shell_scripts import script


class ConfFile(Struct, frozen=True, kw_only=True):
    """One set-up file: its path and its lines without line ends (CR LF counts as one)."""

    path: str
    lines: tuple[str, ...]


def conf_request(files: tuple[str, ...], folders: tuple[tuple[str, str], ...] = ()) -> Command:
    """A request for `files` and for each glob in `folders` (folder, pattern), read in one go.

    Each line of a file comes with a space before it, so no content can pose as a heading:
    `F path` a file follows, `U path` it is there and cannot be read.
    """
    names = " ".join((*files, *(f"{folder}/{pattern}" for folder, pattern in folders)))
    closed = [
        f"[ ! -d {folder} ] || {{ [ -r {folder} ] && [ -x {folder} ]; }} || echo 'U {folder}'"
        for folder, _ in folders
    ]
    # Behind a closed folder, and behind a link into one, a file looks as if it were missing.
    above = {path.rpartition("/")[0] for path in (*files, *(folder for folder, _ in folders))}
    closed += [f"[ ! -d {path} ] || [ -x {path} ] || echo 'U {path}'" for path in sorted(above)]
    return script(
        f'for f in {names}; do if [ -L "$f" ] && [ ! -e "$f" ] && [ "$(id -u)" != 0 ]; '
        'then printf \'U %s\\n\' "$f"; fi; [ -f "$f" ] || continue; '
        'if [ ! -r "$f" ]; then printf \'U %s\\n\' "$f"; continue; fi; '
        "printf 'F %s\\n' \"$f\"; sed 's/^/ /' \"$f\" || exit 3; echo; done"
        + "".join(f"; {line}" for line in closed)
        + "; exit 0",
        limit=2 << 20,
    )


def parse_conf(answer: Answer) -> tuple[ConfFile, ...] | Absent:
    """The files of a `conf_request`; NOT_PERMITTED when one is unreadable, NOT_PRESENT for none.

    A file that is told twice, as a name with a line end in it can do, is a ParseError.
    """
    found: dict[str, list[str]] = {}
    closed: list[str] = []
    last: list[str] | None = None
    for line in answer.lines:
        if line.startswith("F /"):
            if line[2:] in found:
                raise ParseError(f"{line[2:82]!r} was told twice")
            last = found[line[2:]] = []
        elif line.startswith("U /"):
            closed.append(line[2:])
        elif line.startswith(" ") and last is not None:
            last.append(line[1:].removesuffix("\r"))
        elif line:
            raise ParseError(f"unexpected line {line[:80]!r}")
    if closed:
        said = msg("Cannot read {paths}", paths=capped(closed))
        return Absent(reason=Reason.NOT_PERMITTED, said=said)
    if not found:
        return Absent(reason=Reason.NOT_PRESENT, said=msg("None of the set-up files is there"))
    return tuple(ConfFile(path=path, lines=tuple(lines)) for path, lines in found.items())
