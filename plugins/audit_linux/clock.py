"""The clock of the host, for comparison with the times of its files."""

from __future__ import annotations

from audit_core.api.sdk import Answer, Command, fact, whole_number

CLOCK = Command(argv=("date", "+%s"), aside=True)


def seconds(answer: Answer) -> int:
    """The seconds since 1970 in an answer to `CLOCK`; raises ParseError for anything else."""
    return whole_number(answer.text.strip(), most=1 << 40)


HOST_CLOCK = fact("linux.clock", int, kind="host", ask=CLOCK, parse=seconds)
