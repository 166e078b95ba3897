"""The time zone, as configured and as it acts."""

from __future__ import annotations

from audit_core.api.hooks import hookimpl
from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    Fact,
    ReadFile,
    fact,
    msg,
    not_present,
    optional,
)


def zone(answers: Answers) -> str | Absent:
    """The configured time zone and the one that date(1) uses: `Etc/UTC (UTC)`."""
    written = answers["file"].text.strip() if answers["file"] else "-"
    acts = answers["date"].text.strip()
    return f"{written} ({acts})" if acts else not_present(msg("date tells no time zone"))


ZONE = fact(
    "zone.name",
    str,
    kind="host",
    asks={
        "file": optional(ReadFile(path="/etc/timezone")),
        "date": Command(argv=("date", "+%Z")),
    },
    parse=zone,
)


@hookimpl
def dengbao_facts() -> list[Fact]:
    return [ZONE]
