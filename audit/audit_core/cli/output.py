"""Printing: text from outside is escaped, so that no terminal interprets it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from audit_core.text.escape import show

if TYPE_CHECKING:
    from rich.console import Console

COLOR = "auto"
"""What `--color` asks for: auto, always or never. Set once, when a command begins."""

_NARROWEST = 40
_STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan"}
_UNSEEN = re.compile("[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


class Colored(str):
    """A cell of a table in the colour of a severity."""

    severity: str

    def __new__(cls, text: str, severity: str) -> Colored:
        """`text` in the colour of `severity`."""
        made = super().__new__(cls, text)
        made.severity = severity
        return made


def tty(text: object) -> str:
    """`text` on one line, safe to print: no byte of it moves a cursor or sets a title."""
    return show(str(text)).replace("\t", "\u2409")


def complain(line: str) -> None:
    """Prints one line on stderr."""
    with contextlib.suppress(OSError):  # a closed terminal, a full disk: it cannot be reported
        note(f"dengbao: {line}")


def note(line: str) -> None:
    """Prints one line of information on stderr, so that stdout stays data.

    The line and its end are one write: hosts are worked on at once, and stderr may be unbuffered.
    """
    print(tty(line) + "\n", end="", file=sys.stderr)


def print_json(document: Any) -> None:
    """`document` as JSON on stdout."""
    from audit_core.model.results import encode

    print_pieces((encode(document),))


def print_pieces(pieces: Iterable[bytes]) -> None:
    """JSON on stdout, piece by piece; no piece ends within a character."""
    for piece in pieces:
        # JSON does not escape these; a terminal would interpret them.
        text = _UNSEEN.sub(lambda hit: f"\\u{ord(hit[0]):04x}", piece.decode())
        sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: int = 0
) -> None:
    """A table on stdout; the last `right` columns are numbers. Cells are plain text, no markup."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(tty(title), style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,  # the table per layer fits 80 columns in both languages
        pad_edge=False,
        show_header=any(columns),
    )
    for index, name in enumerate(columns):
        numeric = index >= len(columns) - right
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(tty(cell), style=_style(cell)) for cell in row))
    _console().print(table)


def _style(cell: object) -> str:
    return _STYLES.get(cell.severity, "") if isinstance(cell, Colored) else ""


def _colors() -> bool:
    """Whether what is printed may hold colours (https://no-color.org)."""
    if COLOR != "auto":
        return COLOR == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdout.isatty() and not plain


def _width() -> int:
    """COLUMNS, else that of the terminal; a file or a pipe without either gets long lines.

    With a width of 0, which some shells and CI systems set, rich prints no table at all.
    """
    return max(shutil.get_terminal_size((160, 24)).columns, _NARROWEST)


def _console() -> Console:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with 1, which has another meaning

    colors: Any = {"force_terminal": True, "color_system": "standard"}
    if not _colors():
        colors = {"no_color": True, "color_system": None}
    return Plain(highlight=False, markup=False, emoji=False, width=_width(), **colors)


def say(line: str = "") -> None:
    """Prints one line on stdout; a terminal, or COLUMNS, gets it in lines of that width."""
    shown = tty(line) if line else ""
    narrow = "COLUMNS" in os.environ or sys.stdout.isatty()
    for part in wrapped(shown, _width()) if narrow and len(shown) * 2 > _width() else (shown,):
        print(part)


def say_command(line: str, command: str) -> None:
    """Prints a line that ends with a command; where both are too wide the command is whole, on a
    line of its own, so that it can be copied."""
    from rich.cells import cell_len

    if cell_len(f"{line} {command}") <= _width():
        say(f"{line} {command}")
        return
    say(line)
    print(f"  {tty(command)}")


def wrapped(line: str, width: int) -> list[str]:
    """`line` in parts of at most `width` cells; only a word without a blank can be wider.

    Chinese characters take two cells, and a line may end behind each of them.
    """
    from rich.cells import cell_len

    indent = line[: len(line) - len(line.lstrip(" "))]
    parts = [indent]
    for word in _WORDS.findall(line[len(indent) :]):
        full = cell_len(parts[-1] + word.rstrip()) > width
        if full and parts[-1].strip():
            parts[-1] = parts[-1].rstrip()
            parts.append(indent + "  ")
        parts[-1] += word
    return [part.rstrip() for part in parts]


# A Chinese character with the punctuation that may not begin a line, or a word; blanks behind it.
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f"
_CLOSING = "，。；：、！？）》」』”’"
_WORDS = re.compile(rf"(?:[{_WIDE}“‘][{_CLOSING}]*|[^ {_WIDE}]+[{_CLOSING}]*) *| +")
