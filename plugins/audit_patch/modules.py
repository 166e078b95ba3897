"""Enabled streams of modules (dnf) with packages installed: whether updates of them still come.

A repository keeps the packages of a retired stream, and nothing marks its end of support. So a
stream counts as alive where it is offered and was built of late. A stream that was reset or
disabled hides its packages: they are among those that no repository holds.
"""

from __future__ import annotations

from datetime import UTC, datetime

from audit_core.api.sdk import (
    DAY,
    Absent,
    Answer,
    Answers,
    Command,
    Message,
    ParseError,
    capped,
    msg,
    verbatim,
)
from audit_core.model import NamedAsk
from audit_patch import rpm
from audit_patch.model import Stream
from audit_patch.repo_files import refused_by

# rpm older than 4.15 has no labels: it ends with 0 and prints nothing.
STREAMS: dict[str, NamedAsk] = {
    "states": Command(
        argv=(
            "grep", "-rhE", "--include=*.module", "-e", r"^(\[|stream|state)",
            "/etc/dnf/modules.d",
        ),
        ok=(0, 1, 2),
    ),
    "packages": Command(
        argv=("rpm", "-qa", "--qf", "%{NAME}\\t%{MODULARITYLABEL}\\n"),
        limit=4 << 20,
    ),
    "offered": rpm.MODULES,
}  # fmt: skip
_NOBODY = "@modulefailsafe"  # dnf keeps a copy of an enabled stream for when no repository has it


def parse_streams(answers: Answers) -> tuple[Stream, ...] | Absent:
    """The enabled streams of which packages are installed."""
    if refused := refused_by(answers["states"]):
        return refused
    enabled = _enabled(answers["states"].lines)
    if not enabled:
        return ()
    rpm.complaints(answers["offered"], listed=False)
    rows = [_package(line) for line in answers["packages"].lines]
    if not rows:
        raise ParseError(msg("The packages and their modules are not known"))
    gone = _without_repository(answers["offered"])
    found = ((module, stream, _labels(rows, module, stream)) for module, stream in enabled.items())
    return tuple(
        Stream(
            name=f"{module}:{stream}",
            built=max(map(_built, labels), default=0),
            offered=(module, stream) not in gone,
        )
        for module, stream, labels in found
        if labels or _unlabelled(rows, module)
    )


def _enabled(lines: list[str]) -> dict[str, str]:
    """The stream of each module whose state is enabled."""
    settings: dict[str, dict[str, str]] = {}
    module = ""
    for line in lines:
        if line.startswith("["):
            module = line[1:].partition("]")[0]
            continue
        key, _, value = line.partition("=")
        settings.setdefault(module, {})[key.strip()] = value.strip()
    return {m: s.get("stream", "") for m, s in settings.items() if s.get("state") == "enabled"}


def _package(line: str) -> tuple[str, str]:
    name, tab, label = line.partition("\t")
    if not tab:
        raise ParseError(msg("not a package: {line}", line=verbatim(line)))
    return name, label


def _labels(rows: list[tuple[str, str]], module: str, stream: str) -> list[str]:
    return [label for _, label in rows if label.startswith(f"{module}:{stream}:")]


def _unlabelled(rows: list[tuple[str, str]], module: str) -> bool:
    """Whether a package is by its name one of the module, and no package has its label."""
    if any(label.startswith(f"{module}:") for _, label in rows):
        return False
    return any(f"{name}-".startswith(f"{module}-") for name, _ in rows)


def _built(label: str) -> float:
    """When a module was built by its version, as 8090020240301110609; 0 where that is no time."""
    digits = label.split(":")[2][-14:]
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _without_repository(answer: Answer) -> set[tuple[str, str]]:
    """The module and stream of each row below the heading of dnf's own copies."""
    found: set[tuple[str, str]] = set()
    heading = ""
    for line in answer.lines:
        words = line.split()
        if len(words) == 1:
            heading = words[0]
        elif heading == _NOBODY and words and words[0] != "Name":
            found.add((words[0], words[1]))
    return found


def retired(
    streams: tuple[Stream, ...] | None, declared: frozenset[str], now: float, max_days: int
) -> tuple[Message, ...]:
    """Why the updates of some streams are not known; `declared` are those known as supported."""
    gone = tuple(s.name for s in streams or () if not s.offered)
    old = tuple(
        s.name
        for s in streams or ()
        if s.offered and s.name not in declared and now - s.built > max_days * DAY
    )
    found: list[Message] = []
    if gone:
        found.append(msg("No repository offers these enabled module streams any more, so their "
                         "updates are not known: {names}", names=capped(gone)))  # fmt: skip
    if old:
        found.append(msg("No build of these enabled module streams of the last {days} days is "
                         "known: they may be retired. Declare those that the vendor supports in "
                         "supported_streams: {names}",
                         days=max_days, names=capped(old)))  # fmt: skip
    return tuple(found)
