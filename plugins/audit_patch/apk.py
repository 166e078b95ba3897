"""Alpine: the cached indexes of apk, which do not mark security updates."""

from __future__ import annotations

import re

from audit_core.api.sdk import (
    Answer,
    Command,
    ParseError,
    Partial,
    msg,
    partial,
    read_rows,
    verbatim,
)
from audit_patch.model import Pending, Security, Update

UPDATES = Command(argv=("apk", "--no-network", "version", "-l", "<"), timeout_s=60)
# Prints the name where it is installed.
OWN = Command(argv=("apk", "--no-network", "info", "-e", "apk-tools"), ok=(0, 1))

_ROW = re.compile(
    r"(?P<name>[a-z0-9][\w.+-]*?)-(?P<old>\d[\w.]*-r\d+) +< +(?P<new>\d[\w.]*-r\d+).*"
)


def _update(line: str) -> Update:
    row = _ROW.fullmatch(line)
    if row is None:
        raise ParseError(msg("not a line of apk version: {line}", line=verbatim(line)))
    return Update(name=row["name"], candidate=row["new"], installed=row["old"])


def parse_pending(answer: Answer) -> Pending | Partial:
    """Every package that the cached index has a newer version of.

    apk warns of an index that it could not read, and goes on with the others.
    """
    warnings = answer.stderr.decode("utf-8", "replace").splitlines()
    complaints = [msg("error output: {detail}", detail=verbatim(w)) for w in warnings if w.strip()]
    lines = [(n, line.rstrip()) for n, line in enumerate(answer.lines, 1) if line.strip()]
    if not lines or not lines[0][1].startswith("Installed:"):
        raise ParseError(complaints[0] if complaints else msg("no `Installed:` line"))
    updates, problems = read_rows(lines[1:], _update)
    if complaints and not updates:
        raise ParseError(complaints[0])
    return partial(Pending(updates=tuple(updates)), [*complaints, *problems])


def parse_security(answer: Answer) -> Security | Partial:
    """Nothing is labelled as security; that the index could be read is all that is known."""
    pending = parse_pending(answer)
    problems = pending.problems if isinstance(pending, Partial) else ()
    return partial(Security(updates=(), labelled=False), problems)
