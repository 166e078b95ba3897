"""Whether recent passwords can be used again."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    Absent,
    Judgement,
    Message,
    ReadFile,
    Severity,
    Up,
    check,
    expect,
    fact,
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
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import PAM, Pam, Reached, Unresolved, enforced, installed

PWHISTORY = fact(
    "linux.pwhistory",
    Settings,
    kind="host",
    ask=ReadFile(path="/etc/security/pwhistory.conf"),
    parse=parse_pwhistory,
)


def _remembered(reached: Reached, settings: dict[str, str]) -> int:
    most = 0
    for at, rule in enumerate(reached):
        if rule.module == "pam_pwhistory.so" and enforced(reached, at):
            installed(rule)
            if rule.option("conf") is not None:
                raise Unresolved(
                    msg("{module} reads another configuration file (conf=)", module=rule.module)
                )
            number = scanned(settings.get("remember", ""))
            most = max(
                most, argument_number(rule, {}, "remember", 10 if number is None else number)
            )
        if rule.module == "pam_unix.so":
            most = max(most, argument_number(rule, {}, "remember", 0))
    return most


@check(
    "linux.password-history",
    needs=(PAM, known_or_absent(optional(PWHISTORY)), ELSEWHERE),
    severity=Severity.MEDIUM,
    version=4,
    remedy=msg("Add pam_pwhistory.so remember=5 as required before pam_unix.so in the stack"),
)
def password_history(
    pam: Pam,
    settings: Settings | Absent | None,
    sources: Sources | Absent,
    *,
    remember: Annotated[int, Up] = 5,
) -> Judgement:
    """Recent passwords cannot be used again."""
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
