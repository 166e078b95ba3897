"""The live display of a collection, on stderr; plain lines where there is no terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from audit_core.cli.context import Context
from audit_core.cli.output import note, tty
from audit_core.collect import Event
from audit_core.model import filled, msg

_REDRAW_S = 0.1
_STAGES = {
    "connect": msg("connecting"),
    "ask": msg("sending {total} requests"),
    "network": msg("probing from outside"),
    "done": msg("done"),
}


@contextmanager
def display(context: Context, targets: list[str]) -> Iterator[Callable[[Event], None]]:
    """The function to call with each event while the display is active."""
    if context.args.quiet:
        yield lambda event: None
    elif _is_live():
        with _live(context, targets) as on_event:
            yield on_event
    else:
        yield lambda event: _line(context, event)


def _is_live() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextmanager
def counted(context: Context, what: str) -> Iterator[Callable[[int, int], None]]:
    """A function that shows progress, called with the number done and the total.

    The line is removed at the end. No thread draws it, because processes are forked meanwhile.
    """
    if getattr(context.args, "quiet", False) or not _is_live():
        yield lambda done, total: None
        return
    shown = 0.0

    def on_done(done: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > _REDRAW_S:
            shown = time.monotonic()
            print(f"\r\x1b[K{what} {done}/{total}", end="", file=sys.stderr, flush=True)

    print(f"\r\x1b[K{what} …", end="", file=sys.stderr, flush=True)
    try:
        yield on_done
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _stage(context: Context, event: Event) -> str:
    known = _STAGES.get(event.stage)
    return (
        event.stage if known is None else context.translator.say(filled(known, total=event.total))
    )


def _line(context: Context, event: Event) -> None:
    note(f"{event.target}: {_stage(context, event)}")


@contextmanager
def _live(context: Context, targets: list[str]) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        overall = progress.add_task(context.text("targets"), total=len(targets))

        def on_event(event: Event) -> None:
            done = 1 if event.stage == "done" else 0
            line = tty(f"{event.target[:40]}: {_stage(context, event)}")
            progress.update(overall, description=line, advance=done)

        yield on_event
