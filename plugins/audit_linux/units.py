"""What systemd, or the older start-up links, start."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import Absent, ParseError, fact, msg, not_present
from audit_core.model import Answer, Reason
from audit_linux.shell_scripts import script

NOT_BOOTED = "System has not been booted with systemd"


class Units(Struct, frozen=True, kw_only=True):
    """Names of service and socket units that are active, and of those that start at boot.

    `failing` are those that are started again and again. `generated` are those that systemd made
    of start-up scripts: their links tell which of them start at boot.
    """

    active: frozenset[str]
    enabled: frozenset[str]
    generated: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()


_STATES = frozenset({
    "enabled", "enabled-runtime", "linked", "linked-runtime", "alias", "masked", "masked-runtime",
    "static", "indirect", "disabled", "generated", "transient", "bad", "-",
})  # fmt: skip


def parse_units(answer: Answer) -> Units | Absent:
    """Units from `systemctl list-units` and `list-unit-files`; NOT_PRESENT without systemd."""
    text = answer.text
    if NOT_BOOTED in text.split("\n== files")[0]:
        return not_present(msg("systemd is not process 1 here"))
    head, mark, tail = text.partition("\n== files\n")
    lines, end, last = tail.rpartition("\n== end 0")
    if not mark or not end or last.strip() or not head.startswith("== units\n"):
        raise ParseError("systemctl did not list to the end")
    active, failing = set(), set()
    for line in head.split("\n")[1:]:
        words = line.lstrip("●*× ").split(None, 4)
        # systemctl says in words, and with status 0, that it ignores the question in a chroot
        if words and (len(words) < 4 or not words[0].endswith((".service", ".socket"))):
            raise ParseError(f"not a unit: {line[:80]!r}")
        if words and words[2] in ("active", "activating", "reloading"):
            active.add(words[0])
        if words and words[3].startswith("auto-restart"):
            failing.add(words[0])
    enabled, generated = set(), set()
    for line in lines.split("\n"):
        words = line.split()
        if words and (len(words) < 2 or words[1] not in _STATES):
            raise ParseError(f"not a unit file: {line[:80]!r}")
        if len(words) >= 2 and words[1] in ("enabled", "enabled-runtime"):
            enabled.add(words[0])
        if len(words) >= 2 and words[1] == "generated":
            generated.add(words[0])
    return Units(active=frozenset(active), enabled=frozenset(enabled),
                 generated=frozenset(generated), failing=frozenset(failing))  # fmt: skip


# 127 from the shell's own lookup: no systemctl, hence no systemd.
UNITS = fact(
    "linux.units",
    Units,
    ask=script(
        "command -v systemctl >/dev/null || "
        "{ echo 'System has not been booted with systemd: no systemctl'; exit 0; }; "
        "o='--type=service --type=socket --no-legend --no-pager --plain --full'; "
        "echo '== units'; systemctl list-units --all $o 2>&1; r=$?; "
        "echo; echo '== files'; systemctl list-unit-files $o 2>&1; s=$?; "
        'echo; echo "== end $((r + s))"',
        limit=2 << 20,
        timeout_s=30,
    ),
    parse=parse_units,
)


def parse_links(answer: Answer) -> frozenset[str] | Absent:
    """Names that start-up links (S20name) start in the run levels 2 to 5; empty where none."""
    for line in answer.stderr.decode("utf-8", "replace").splitlines():
        if line.endswith("Permission denied"):
            return Absent(
                reason=Reason.NOT_PERMITTED, said=msg("Cannot read {paths}", paths=(line[:200],))
            )
        if not line.endswith("No such file or directory"):
            raise ParseError(f"find: {line[:200]}")
    if (answer.text.count("/") == 0 and answer.stdout) or b"[redacted:" in answer.stdout:
        raise ParseError("not a list of links")
    names = answer.text.split("/")
    if names.pop() != "":
        raise ParseError("the last name is not whole")
    return frozenset(name[3:] for name in names)


LINKS = fact(
    "linux.start-links",
    frozenset[str],
    ask=script(
        "find /etc/rc[2-5].d /etc/rc.d/rc[2-5].d -maxdepth 1 -name 'S[0-9][0-9]*' -printf '%f/'",
        ok=(0, 1),
    ),
    parse=parse_links,
)

FACTS = (UNITS, LINKS)
