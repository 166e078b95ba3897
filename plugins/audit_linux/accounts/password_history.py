"""Whether recent passwords can be used again."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Judgement,
    Message,
    Platform,
    ReadFile,
    Severity,
    Up,
    check,
    expect,
    fact,
    integer,
    known_or_absent,
    msg,
    optional,
    undetermined,
)
from audit_linux.accounts.new_password_ways import (
    EVALUATED,
    STRICTEST,
    argument_number,
    more_rules,
    only_failing,
    unresolved,
    ways_to_change,
)
from audit_linux.accounts.security_conf import Settings, parse_pwhistory, scanned
from audit_linux.closed_files import SECURITY, also_as_root
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import PAM, Pam, Reached, Unresolved, enforced, installed

PWHISTORY = fact(
    "linux.pwhistory",
    Settings,
    kind="host",
    providers=also_as_root(
        ReadFile(path="/etc/security/pwhistory.conf"), SECURITY, parse_pwhistory, vendor=True
    ),
)


def _of_file(settings: dict[str, str]) -> int:
    """How many passwords pwhistory.conf has remembered; a negative number is none at all."""
    text = settings.get("remember", "")
    number = scanned(text)
    if number is not None and text.startswith("-"):
        return 0
    return 10 if number is None else number


# Linux-PAM before 1.5.3 reads no pwhistory.conf: the first releases that do. Red Hat brought it
# to older ones.
_READ_SINCE = {"debian": 13, "ubuntu": 24, "sles": 16, "opensuse-leap": 16}


def _reads_file(platform: Platform) -> bool:
    release = integer(platform["version_id"].partition(".")[0])
    return release is None or release >= _READ_SINCE.get(platform["os_id"], 0)


_FILE = "/etc/security/opasswd"


def _by_history(reached: Reached, settings: dict[str, str]) -> dict[str, int]:
    """How many passwords pam_pwhistory keeps, by the file in which it keeps them."""
    found: dict[str, int] = {}
    for at, rule in enumerate(reached):
        if rule.module == "pam_pwhistory.so" and enforced(reached, at):
            installed(rule)
            if rule.option("conf") is not None:
                raise Unresolved(
                    msg("{module} reads another configuration file (conf=)", module=rule.module)
                )
            kept = argument_number(rule, {}, "remember", _of_file(settings))
            file = rule.option("file") or settings.get("file", "") or _FILE
            found[file] = max(kept, found.get(file, 0))
    return found


def _remembered(reached: Reached, settings: dict[str, str]) -> int:
    """How many earlier passwords are refused on this way.

    pam_pwhistory and pam_unix add each password to one file, so that half as many are in it where
    both do: tried with Linux-PAM 1.5.2.
    """
    by_history = _by_history(reached, settings)
    unix = [argument_number(rule, {}, "remember", 0) for rule in reached
            if rule.module == "pam_unix.so"]  # fmt: skip
    by_unix, shared = max(unix, default=0), by_history.get(_FILE, 0)
    if by_unix > 0 and shared > 0:
        by_history[_FILE], by_unix = min(by_unix, shared) // 2, 0
    return max(by_unix, *by_history.values(), 0)


@check(
    "linux.password-history",
    needs=(PAM, known_or_absent(optional(PWHISTORY)), PLATFORM, ELSEWHERE),
    severity=Severity.MEDIUM,
    version=7,
    remedy=msg("Add pam_pwhistory.so remember=5 as required before pam_unix.so in the stack"),
)
def password_history(
    pam: Pam,
    settings: Settings | Absent | None,
    platform: Platform,
    sources: Sources | Absent,
    *,
    remember: Annotated[int, Up] = 5,
) -> Judgement:
    """Recent passwords cannot be used again."""
    if not _reads_file(platform):
        settings = None
    assumed = STRICTEST if isinstance(settings, Absent) else settings
    expected = msg("at least {count} earlier passwords", count=remember)
    try:
        ways = ways_to_change(pam)
    except Unresolved as error:
        return unresolved(error)
    counts = [_kept(way, assumed.values if assumed else {}) for way in ways]
    least = min((kept for kept, more in counts if more is None), default=None)
    unknown = next((more for kept, more in counts if more is not None and kept < remember), None)
    if unknown is not None and (least is None or least >= remember):
        return undetermined(unknown, expected=expected)
    kept = min(kept for kept, _ in counts) if least is None else least
    judged = expect(
        kept >= remember,
        detail=msg("{count} earlier passwords are remembered", count=kept),
        expected=expected,
    )
    return unless_more_sources(only_failing(judged, settings), sources, "passwd")


def _kept(reached: Reached, values: dict[str, str]) -> tuple[int, Message | None]:
    """How many passwords are surely remembered on this way, and why it may be more."""
    try:
        return _remembered(reached, values), more_rules(reached, EVALUATED | {"pam_passwdqc.so"})
    except Unresolved as error:
        return 0, error.detail


FACTS = (PWHISTORY,)
CHECKS = (password_history,)
