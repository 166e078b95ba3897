"""Alpine: what apk's cached indexes know. They do not tell which updates mend security."""

from __future__ import annotations

import re

from audit_core.api.sdk import Answer, Command, ParseError
from audit_patch.model import Pending, Security, Update

UPDATES = Command(argv=("apk", "--no-network", "version", "-l", "<"), timeout_s=60)

_ROW = re.compile(
    r"(?P<name>[a-z0-9][\w.+-]*?)-(?P<old>\d[\w.]*-r\d+) +< +(?P<new>\d[\w.]*-r\d+).*"
)


def parse_pending(answer: Answer) -> Pending:
    """Every package that the cached index has a newer version of."""
    if answer.stderr.strip():
        raise ParseError(f"complaint: {answer.stderr[:200]!r}")
    lines = [line.rstrip() for line in answer.lines if line.strip()]
    if lines and not lines[0].startswith("Installed:"):
        raise ParseError("no `Installed:` line")
    rows = [_ROW.fullmatch(line) for line in lines[1:]]
    if None in rows or not lines:
        raise ParseError("not the output of apk version")
    found = (r for r in rows if r)
    return Pending(
        updates=tuple(Update(name=r["name"], candidate=r["new"], installed=r["old"]) for r in found)
    )


def parse_security(answer: Answer) -> Security:
    """Nothing is labelled as security; that the index could be read is all that is known."""
    parse_pending(answer)
    return Security(updates=(), labelled=False)
