"""What systemd, or the older start-up links, start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    Message,
    ParseError,
    Partial,
    fact,
    msg,
    not_present,
    optional,
    partial,
    read_rows,
    verbatim,
)
from audit_core.model import Answer, Optional_, Reason

_NOT_BOOTED = b"System has not been booted with systemd"


class Units(Struct, frozen=True, kw_only=True):
    """Names of service and socket units that are active, and of those that start at boot.

    `failing` are those that are started again and again. `generated` are those that systemd made
    of start-up scripts: their links tell which of them start at boot. `disabled` are those that
    start only when somebody or another unit starts them.
    """

    active: frozenset[str]
    enabled: frozenset[str]
    generated: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()

    def until_restart(self, *names: str) -> tuple[Message, ...]:
        """That services run which nothing starts with the system."""
        some = sorted(self.active & self.disabled & {*names})
        text = msg("{names} is disabled: the next start of the host does not start it",
                   names=tuple(some))  # fmt: skip
        return (text,) if some else ()


def shown_units(lines: Iterable[str]) -> Iterator[str]:
    """The blocks of `systemctl show`, one a unit: lines of `NAME=VALUE` up to an empty line."""
    return (block for block in "\n".join(lines).split("\n\n") if block.strip())


def unit_values(block: str) -> dict[str, str]:
    """The names and values of a block."""
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


_STATES = frozenset({
    "enabled", "enabled-runtime", "linked", "linked-runtime", "alias", "masked", "masked-runtime",
    "static", "indirect", "disabled", "generated", "transient", "bad", "-",
})  # fmt: skip


def is_booted_without_systemd(answer: Answer) -> bool:
    """Whether systemctl says that systemd is not process 1 here."""
    return _NOT_BOOTED in answer.stderr


def parse_units(answers: Answers) -> Units | Partial | Absent:
    """Units from `systemctl list-units` and `list-unit-files`; NOT_PRESENT without systemd."""
    loaded, files = answers["units"], answers["files"]
    if loaded is None or files is None or is_booted_without_systemd(loaded):
        return not_present(msg("systemd is not process 1 here"))
    if loaded.exit_code or files.exit_code or not (loaded.stdout and files.stdout):
        # systemctl ignores the question in a chroot, with status 0
        raise ParseError(msg("the output of systemctl is incomplete"))
    units, unread = read_rows(_numbered_lines(loaded.lines), _unit)
    unit_files, more = read_rows(_numbered_lines(files.lines), _unit_file)
    return partial(_units(units, unit_files), [*unread, *more])


def _units(units: list[tuple[str, str, str]], files: list[tuple[str, str]]) -> Units:
    return Units(
        active=frozenset(n for n, active, _ in units if active in _RUNS),
        failing=frozenset(n for n, _, sub in units if sub.startswith("auto-restart")),
        enabled=frozenset(n for n, state in files if state in ("enabled", "enabled-runtime")),
        generated=frozenset(n for n, state in files if state == "generated"),
        disabled=frozenset(n for n, state in files if state == "disabled"),
    )


_RUNS = ("active", "activating", "reloading")


def _numbered_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines with text and their numbers, without the marks that systemctl puts before them."""
    plain = ((number, line.lstrip("●*× ")) for number, line in enumerate(lines, 1))
    return ((number, line) for number, line in plain if line.strip())


def _unit(line: str) -> tuple[str, str, str]:
    """The name of a unit, whether it is active, and its further state."""
    words = line.split(None, 4)
    if len(words) < 4 or not words[0].endswith((".service", ".socket")):
        raise ParseError(msg("not a unit: {line}", line=verbatim(line)))
    return words[0], words[2], words[3]


def _unit_file(line: str) -> tuple[str, str]:
    """The name of a unit and whether it starts with the system."""
    words = line.split()
    if len(words) < 2 or words[1] not in _STATES:
        raise ParseError(msg("not a unit file: {line}", line=verbatim(line)))
    return words[0], words[1]


def _systemctl(verb: str, *words: str) -> Optional_:
    listing = ("--type=service", "--type=socket", "--no-legend", "--no-pager", "--plain", "--full")
    # No systemctl, hence no systemd.
    return optional(
        Command(
            argv=("systemctl", verb, *words, *listing),
            ok=(0, 1),
            not_found=Reason.NOT_PRESENT,
            limit=2 << 20,
            timeout_s=30,
        )
    )


UNITS = fact(
    "linux.units",
    Units,
    kind="host",
    asks={"units": _systemctl("list-units", "--all"), "files": _systemctl("list-unit-files")},
    parse=parse_units,
)


def parse_links(answer: Answer) -> frozenset[str] | Absent:
    """Names that start-up links (S20name) start in the run levels 2 to 5; empty where none."""
    for line in answer.stderr.decode("utf-8", "replace").splitlines():
        if line.endswith("Permission denied"):
            return Absent(
                reason=Reason.NOT_PERMITTED, detail=msg("Cannot read {paths}", paths=(line[:200],))
            )
        if not line.endswith("No such file or directory"):
            raise ParseError(msg("find: {detail}", detail=verbatim(line)))
    if (answer.text.count("/") == 0 and answer.stdout) or b"[redacted:" in answer.stdout:
        raise ParseError(msg("not a list of links"))
    names = answer.text.split("/")
    if names.pop() != "":
        raise ParseError(msg("the last name is incomplete"))
    return frozenset(name[3:] for name in names)


_RUN_LEVELS = tuple(f"{folder}/rc{n}.d" for folder in ("/etc", "/etc/rc.d") for n in "2345")
LINKS = fact(
    "linux.start-links",
    frozenset[str],
    kind="host",
    ask=Command(
        argv=("find", *_RUN_LEVELS, "-maxdepth", "1", "-name", "S[0-9][0-9]*", "-printf", "%f/"),
        ok=(0, 1),
    ),
    parse=parse_links,
)

FACTS = (UNITS, LINKS)
