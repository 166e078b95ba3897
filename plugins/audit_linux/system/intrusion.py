"""Agents for intrusion detection and file integrity monitoring, and whether they run."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    DAY,
    TARGET,
    Absent,
    Answers,
    Command,
    Down,
    ParseError,
    Severity,
    capped,
    capped_messages,
    check,
    complete,
    days_text,
    decimal_number,
    fact,
    failed,
    msg,
    not_present,
    optional,
    passed,
    undetermined,
    verbatim,
)
from audit_core.model import Judgement, Target
from audit_linux.clock import CLOCK, seconds
from audit_linux.find_errors import refused
from audit_linux.processes import PROCESSES, Process, process_labels, running
from audit_linux.system.agents import SHOWN_BY, Booted, Packages, Programs, judged
from audit_linux.system.products import INTRUSION


@check(
    "linux.intrusion-agent",
    needs=(TARGET, complete(PROCESSES), *SHOWN_BY),
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg("Install a host intrusion detection agent; declare intrusion_agents if its name "
               "differs"),
)  # fmt: skip
def intrusion_agent(
    target: Target,
    processes: tuple[Process, ...],
    packages: Packages,
    units: Booted,
    programs: Programs,
) -> Judgement:
    """A host intrusion detection agent is running."""
    return judged(target, processes, INTRUSION, "intrusion_agents", packages, units, programs)


class Baseline(Struct, frozen=True, kw_only=True):
    """The databases of AIDE or Tripwire by path with time of change, and the host's time."""

    now: int
    files: tuple[tuple[str, int], ...]


def parse_baseline(answers: Answers) -> Baseline | Absent:
    """Databases of file integrity checkers; NOT_PRESENT when there is none."""
    found = answers["files"]
    # Files in a directory without access must not count as missing.
    denied = refused(found.stderr)
    if denied is not None:
        return denied
    parts = found.text.split("\0")
    if parts.pop():
        raise ParseError(msg("the last entry is incomplete"))
    files = tuple(_database(part) for part in parts)
    if not files:
        return not_present(msg("No AIDE or Tripwire database"))
    return Baseline(now=seconds(answers["clock"]), files=files)


def _database(part: str) -> tuple[str, int]:
    changed, space, path = part.partition(" ")
    if not space or not path.startswith("/"):
        raise ParseError(msg("not a file: {line}", line=verbatim(part)))
    return path, int(decimal_number(changed))


BASELINE = fact(
    "linux.integrity-baseline",
    Baseline, kind="host",
    asks={
        "clock": CLOCK,
        "files": Command(
            argv=(
                "find", "-L", "/var/lib/aide", "/var/lib/tripwire", "-mindepth", "1", "-maxdepth",
                "1", "(", "-name", "aide.db", "-o", "-name", "aide.db.gz", "-o", "-name", "*.twd",
                ")", "-size", "+0", "-printf", "%T@ %p\\0",
            ),
            ok=(0, 1),
        ),
    },
    parse=parse_baseline,
)  # fmt: skip

MONITORS = ("wazuh-syscheckd", "ossec-syscheckd", "samhain")
# Watches files only where its set-up tells it to.
MAY_WATCH = ("osqueryd",)


@check(
    "linux.file-integrity",
    needs=(complete(PROCESSES), optional(BASELINE)),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Initialise AIDE and run it daily, or run an agent that monitors files"),
)
def file_integrity(
    processes: tuple[Process, ...],
    baseline: Baseline | None,
    *,
    max_age_days: Annotated[int, Down] = 365,
) -> Judgement:
    """A file integrity checker has a baseline or monitors file changes."""
    expected = msg("an AIDE or Tripwire database at most {days} days old, or a process that "
                   "monitors files",
                   days=max_age_days)  # fmt: skip
    monitors = running(processes, MONITORS)
    if monitors:
        detail = msg("Found: {processes}", processes=capped(process_labels(monitors)))
        return passed(detail, expected=expected)
    if maybe := running(processes, MAY_WATCH):
        detail = msg("{processes} is running; whether it monitors files is not known",
                   processes=capped(process_labels(maybe)))  # fmt: skip
        return undetermined(detail, expected=expected)
    if baseline is None:
        detail = msg("No AIDE or Tripwire database and no process that monitors files")
        return failed(detail, expected=expected)
    ages = [(path, (baseline.now - changed) // DAY) for path, changed in baseline.files]
    details = (msg("{path}: {age} old", path=path, age=days_text(age)) for path, age in ages)
    detail = msg("Baselines: {baselines}", baselines=capped_messages(details))
    if min(age for _, age in ages) > max_age_days:
        return failed(detail, expected=expected)
    # A database alone does not show that anything is compared with it.
    return undetermined(detail, msg("Whether files are checked against it regularly is not known"),
                        expected=expected)  # fmt: skip


FACTS = (BASELINE,)
CHECKS = (intrusion_agent, file_integrity)
