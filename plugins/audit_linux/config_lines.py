"""What the modules of this package share: short lists, set-up files read in one request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.api.sdk import Absent, ParseError, msg
from audit_core.model import Answer, Command, Message, Reason, Target

SHOWN = 20
DAY = 86400


def capped(values: Iterable[object]) -> tuple[str, ...]:
    """The first 20 of `values` in order, each once; a last `…` when there are more."""
    every = sorted({str(v) for v in values})
    return (*every[:SHOWN], "…") if len(every) > SHOWN else tuple(every)


def script(text: str, **options: Any) -> Command:
    """A request that runs the fixed POSIX sh `text` with the rights of the login user."""
    return Command(argv=("sh", "-c", text), **options)


def declared(target: Target, name: str) -> tuple[str, ...] | None:
    """What the inventory lists for `target` under `name`; None when it does not declare it.

    Raises TypeError for anything but a list of text or numbers: the engine reports the fault.
    """
    value = target.settings.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise TypeError(f"settings.{name} of target {target.id} must be a list")
    return tuple(str(item) for item in value)


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


def json_document(raw: bytes) -> Any:
    """The value that `raw` holds as JSON; ParseError for what is none, or too deep."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ParseError(f"not JSON: {error}") from error


def whole_number(text: str, *, most: int = 1 << 62) -> int:
    """`text` as a number of 1 to 19 ASCII digits, at most `most`; anything else is a ParseError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > most:
        raise ParseError(f"not a number: {text[:40]!r}")
    return int(text)


def joined(*messages: Message | None) -> tuple[Message, ...]:
    """`messages` without the Nones."""
    return tuple(m for m in messages if m is not None)
