"""The earlier runs in a store as a fact."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from audit_core.api.sdk import Answer, ParseError, Partial, Target, fact, msg, partial, settings_of
from audit_scan.history.model import EarlierRun, StoreHead
from audit_scan.history.request import RunHistory
from audit_scan.kind import HistorySettings


class History(Struct, frozen=True, kw_only=True):
    """The runs of the system that were read, the newest first."""

    head: StoreHead
    runs: tuple[EarlierRun, ...] = ()


def parse_history(answer: Answer) -> History | Partial:
    """The earlier runs; incomplete where the answer was cut."""
    head, *lines = answer.stdout.splitlines() or [b""]
    try:
        found = History(
            head=msgspec.json.decode(head, type=StoreHead),
            runs=tuple(
                msgspec.json.decode(line, type=EarlierRun)
                for line in (lines if not answer.truncated else lines[:-1])
            ),
        )
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ParseError(msg("not what a store says of its runs")) from error
    return partial(found, (msg("the list of runs was cut"),) if answer.truncated else ())


def _ask(target: Target) -> RunHistory:
    return RunHistory(system=settings_of(target, HistorySettings).system)


HISTORY = fact("runs.history", History, kind="run_history", ask=_ask, parse=parse_history)
FACTS = (HISTORY,)
