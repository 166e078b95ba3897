"""How long and how mixed a new password must be: the PAM stacks together with their settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Judgement,
    Message,
    Platform,
    ReadFiles,
    Severity,
    Up,
    Verdict,
    check,
    expect,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
    verbatim,
)
from audit_linux.accounts.new_password_ways import (
    STRICTEST,
    argument_number,
    more_rules,
    number_of,
    only_failing,
    unresolved,
    ways_to_change,
)
from audit_linux.accounts.security_conf import Settings, parse_pwquality, pwquality_option
from audit_linux.closed_files import SECURITY, also_as_root
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import PAM, Pam, Reached, Rule, Unresolved, enforced, installed

PWQUALITY = fact(
    "linux.pwquality",
    Settings,
    kind="host",
    providers=also_as_root(
        ReadFiles(
            paths=("/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d"),
            depth=1,
            names=("*.conf",),
        ),
        SECURITY,
        parse_pwquality,
    ),
)

_QUALITY = ("pam_pwquality.so", "pam_cracklib.so")
_CREDITS = ("dcredit", "ucredit", "lcredit", "ocredit")


class Quality(Struct, frozen=True, kw_only=True):
    """The shortest password and the classes of characters that a user's new password must have.

    `unknown` says why more may be required; None where nothing else is.
    """

    module: str
    length: int
    classes: int
    for_root: bool
    unknown: Message | None = None


def _options(rule: Rule, settings: dict[str, str]) -> dict[str, str]:
    """What the module goes by: arguments before files. pam_pwquality passes over those it refuses,
    pam_cracklib reads no file."""
    given = [arg.partition("=")[::2] for arg in rule.args]
    if rule.module == "pam_cracklib.so":
        return dict(given)
    taken = (pwquality_option(*pair) for pair in given)
    return settings | dict(pair for pair in taken if pair)


def _old(platform: Platform, module: str) -> bool:
    """Whether credits are on and the length is 9 by default: cracklib, libpwquality before 1.4."""
    release = platform["version_id"].split(".")[0]
    dated = (platform["os_family"] == "rhel" and release in ("6", "7")) or (
        platform["os_id"] == "amzn" and release == "2"
    )
    return dated or module == "pam_cracklib.so"


def quality_of(rule: Rule, settings: dict[str, str], platform: Platform) -> Quality:
    """What this quality module asks of a password; Unresolved for a value that is no number."""
    old, options = _old(platform, rule.module), _options(rule, settings)
    credits = [number_of(options, name, int(old)) for name in _CREDITS]
    length = number_of(options, "minlen", 9 if old else 8) - sum(c for c in credits if c > 0)
    needed = sum(-c for c in credits if c < 0)
    classes = max(number_of(options, "minclass", 0), sum(c < 0 for c in credits))
    return Quality(
        module=rule.module,
        length=max(length, needed, 6),  # 6 is PWQ_BASE_MIN_LENGTH, and cracklib's own floor
        classes=min(classes, 4),  # PWQ_NUM_CLASSES
        for_root="enforce_for_root" in options,
    )


def _acts(reached: Reached, at: int, settings: dict[str, str]) -> bool:
    rule = reached[at]
    on = (
        rule.module == "pam_cracklib.so" or number_of(_options(rule, settings), "enforcing", 1) != 0
    )
    if not on or not enforced(reached, at):
        return False
    installed(rule)
    return True


def _own(rule: Rule, platform: Platform) -> Quality:
    """What pam_unix itself asks: minlen=, else six characters in Debian's build and none else."""
    length = argument_number(rule, {}, "minlen", 6 if platform["os_family"] == "debian" else 0)
    return Quality(module=rule.module, length=length, classes=0, for_root=False)


def _strictest(reached: Reached, settings: dict[str, str], platform: Platform) -> Quality:
    found = [_own(rule, platform) for rule in reached if rule.module == "pam_unix.so"]
    for at, rule in enumerate(reached):
        if rule.module in _QUALITY and _acts(reached, at, settings):
            found.append(quality_of(rule, settings, platform))
    if not found:
        raise Unresolved(msg("No PAM module that sets local passwords was found"))
    best = max(found, key=lambda q: (q.length, q.classes))
    return Quality(
        module=best.module,
        length=best.length,
        classes=max(q.classes for q in found),
        for_root=best.for_root,
        unknown=more_rules(reached),
    )


def _on_way(reached: Reached, settings: dict[str, str], platform: Platform) -> Quality:
    """What is asked on this way; nothing, with the reason, where that is not certain."""
    try:
        return _strictest(reached, settings, platform)
    except Unresolved as error:
        return Quality(module="-", length=0, classes=0, for_root=False, unknown=error.detail)


def _least(found: list[Quality]) -> Quality:
    """What the weakest of these ways asks for."""
    shortest = min(found, key=lambda q: q.length)
    return Quality(
        module=shortest.module,
        length=shortest.length,
        classes=min(q.classes for q in found),
        for_root=all(q.for_root for q in found),
        unknown=next((q.unknown for q in found if q.unknown), None),
    )


def effective_quality(pam: Pam, settings: Settings | None, platform: Platform) -> list[Quality]:
    """What is asked of a user's new password on the weakest way to one.

    Where more may be asked for on some ways, what the weakest of the others asks comes first.
    """
    values = settings.values if settings else {}
    found = [_on_way(way, values, platform) for way in ways_to_change(pam)]
    sure = [quality for quality in found if quality.unknown is None]
    apart = [_least(sure)] if sure and len(sure) < len(found) else []
    return [*apart, _least(found)]


def _qualities(
    pam: Pam, settings: Settings | Absent | None, platform: Platform
) -> list[list[Quality]]:
    """What is asked of a new password: one answer, or each that a platform not known leaves open.

    Defaults are those of the distribution's build: debian and RHEL 7 are the two ends. Where the
    settings are not known, the most that they could bring is taken.
    """
    settings = STRICTEST if isinstance(settings, Absent) else settings
    assumed = [platform]
    if platform["os_family"] == "unknown":
        ends = {"debian": "12", "rhel": "7"}
        assumed = [
            platform.but(os_family=family, version_id=release) for family, release in ends.items()
        ]
    return [effective_quality(pam, settings, one) for one in assumed]


def _on_weakest(
    found: list[Quality],
    judge: Callable[[Quality], Judgement],
    settings: Settings | Absent | None,
) -> Judgement:
    """The judgement of the weakest way: a fail only where nothing unknown may ask for more."""
    judged = [(quality, judge(quality)) for quality in found]
    stop = known(settings)
    stopped = (_stopped(stop.stopped),) if stop and stop.stopped else ()
    for quality, judgement in judged:
        if judgement.verdict is Verdict.FAIL and quality.unknown is None:
            return failed(*judgement.detail, *stopped, expected=judgement.expected)
    quality, judgement = judged[-1]
    if judgement.verdict is Verdict.FAIL and quality.unknown is not None:
        return undetermined(quality.unknown, *stopped, expected=judgement.expected)
    return passed(*judgement.detail, *stopped, expected=judgement.expected)


def _stopped(line: str) -> Message:
    return msg("libpwquality stops reading its settings at {line}", line=verbatim(line))


def _agreed(judgements: list[Judgement]) -> Judgement:
    """The judgement on any platform, where they agree."""
    if len({j.verdict for j in judgements}) == 1:
        return judgements[0]
    detail = msg("It depends on defaults of the distribution, which was not identified")
    return undetermined(detail, expected=judgements[0].expected)


def _bound(answers: list[list[Quality]]) -> tuple[Message, ...]:
    """The strictest rule that the PAM stack can have, whatever the settings are."""
    found = [quality for each in answers for quality in each if quality.unknown is None]
    if not found:
        return ()
    bound = msg(
        "Whatever its configuration file says, the weakest way to set a new password requires "
        "at most {length} characters and {classes} classes",
        length=min(quality.length for quality in found),
        classes=min(quality.classes for quality in found),
    )
    return (bound,)


_HARDEN = msg(
    "Add pam_pwquality.so as requisite to the password stack and set minlen and minclass in "
    "/etc/security/pwquality.conf"
)


@check(
    "linux.password-length-floor",
    needs=(PAM, known_or_absent(optional(PWQUALITY)), PLATFORM, ELSEWHERE),
    severity=Severity.HIGH,
    version=4,
    remedy=_HARDEN,
)
def password_length_floor(
    pam: Pam,
    settings: Settings | Absent | None,
    platform: Platform,
    sources: Sources | Absent,
    *,
    minimum: Annotated[int, Up] = 6,
) -> Judgement:
    """A new password cannot be shorter than the high-risk threshold."""
    try:
        found = _qualities(pam, settings, platform)
    except Unresolved as error:
        return unresolved(error)
    judged = _agreed([_on_weakest(each, lambda q: _long(q, minimum), settings) for each in found])
    return unless_more_sources(only_failing(judged, settings, *_bound(found)), sources, "passwd")


def _long(quality: Quality, minimum: int) -> Judgement:
    return expect(
        quality.length >= minimum,
        detail=msg(
            "Minimum password length {length}, enforced by {module}",
            length=quality.length,
            module=quality.module,
        ),
        expected=msg("at least {length} characters", length=minimum),
    )


@check(
    "linux.password-quality",
    needs=(PAM, known_or_absent(optional(PWQUALITY)), PLATFORM, ELSEWHERE),
    severity=Severity.MEDIUM,
    version=4,
    remedy=_HARDEN,
)
def password_quality(
    pam: Pam,
    settings: Settings | Absent | None,
    platform: Platform,
    sources: Sources | Absent,
    *,
    min_length: Annotated[int, Up] = 8,
    min_classes: Annotated[int, Up] = 3,
) -> Judgement:
    """A new password must be long enough and mix several classes of characters."""
    try:
        found = _qualities(pam, settings, platform)
    except Unresolved as error:
        return unresolved(error)

    def judge(quality: Quality) -> Judgement:
        return _mixed(quality, min_length, min_classes)

    judged = _agreed([_on_weakest(each, judge, settings) for each in found])
    return unless_more_sources(only_failing(judged, settings, *_bound(found)), sources, "passwd")


def _mixed(quality: Quality, min_length: int, min_classes: int) -> Judgement:
    detail = [
        msg(
            "Minimum password length {length}, {classes} classes of characters required ({module})",
            length=quality.length,
            classes=quality.classes,
            module=quality.module,
        )
    ]
    if not quality.for_root:
        detail.append(msg("Not enforced when root sets a password (no enforce_for_root)"))
    return expect(
        quality.length >= min_length and quality.classes >= min_classes,
        detail=tuple(detail),
        expected=msg(
            "at least {length} characters of {classes} classes",
            length=min_length,
            classes=min_classes,
        ),
    )


FACTS = (PWQUALITY,)
CHECKS = (password_length_floor, password_quality)
