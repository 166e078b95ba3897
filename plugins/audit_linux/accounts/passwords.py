"""Effective password rules: the PAM stack of passwd(1) together with its settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from msgspec import Struct, structs

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Answer,
    Down,
    FileStatus,
    Judgement,
    Message,
    Partial,
    Platform,
    ReadFile,
    ReadFiles,
    Severity,
    Up,
    Verdict,
    c_integer,
    capped,
    check,
    derive,
    expect,
    fact,
    failed,
    first_of,
    integer,
    known,
    known_or_absent,
    msg,
    not_present,
    optional,
    partial,
    passed,
    shortened,
    undetermined,
    verbatim,
)
from audit_linux.accounts.security_conf import (
    Settings,
    parse_pwhistory,
    parse_pwquality,
    pwquality_option,
    scanned,
    search_keys,
)
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import (
    LOCAL_PROOF,
    PAM,
    Pam,
    Reached,
    Rule,
    Unresolved,
    accepted,
    enforced,
    installed,
    paths,
    stack,
)


class LoginDefs(Struct, frozen=True, kw_only=True):
    """login.defs(5): the value of each key as the programs of shadow read it: the last one holds.

    `searched` are those that PAM modules find, by key in lower case: there the first one holds.
    """

    values: dict[str, str]
    searched: dict[str, str] = {}

    def integer(self, key: str) -> int | None:
        """The number of `key` as shadow reads it; None where it is missing or no int."""
        value = c_integer(self.values.get(key, ""))
        return value if value is not None and abs(value) < 1 << 31 else None

    def raw(self, key: str) -> str:
        """The text of `key` for a reader, `-` where it is not set."""
        return shortened(self.values.get(key, "-"))


def parse_login_defs(answer: Answer) -> LoginDefs:
    """The keys of /etc/login.defs.

    getdef.c of shadow: a key ends at a blank or tab, a comment is a whole line, a value is what
    stands between quotes or to the end of the line, and of a key that stands twice the last holds.
    """
    values = {}
    for raw in answer.lines:
        line = raw.strip(" \t\r\n\v\f")
        found = re.match(r"([^ \t]+)[ \t]+", line)
        if found and not line.startswith("#"):
            value = line[found.end() :].lstrip(' "\t').split('"', 1)[0]
            values[found[1]] = value
    return LoginDefs(values=values, searched=search_keys(answer.lines))


def parse_login_defs_drop_ins(
    answer: Answer,
) -> tuple[tuple[str, LoginDefs], ...] | Partial | Absent:
    """The drop-ins in the order of their names; one in /etc hides the vendor's of its name."""
    there = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    if not there:
        return not_present(msg("There are no drop-ins of login.defs"))
    unread = [f.path for f in there if f.status is not FileStatus.READ]
    by_name = {f.path.rpartition("/")[2]: f for f in reversed(there)
               if f.status is FileStatus.READ}  # fmt: skip
    found = tuple(
        (by_name[name].path, parse_login_defs(structs.replace(answer, stdout=by_name[name].data)))
        for name in sorted(by_name)
    )
    return partial(found, [msg("Cannot read {paths}", paths=capped(unread))] if unread else [])


def _with_drop_ins(
    own: LoginDefs | Absent | None, vendor: LoginDefs, drop_ins: tuple[tuple[str, LoginDefs], ...]
) -> LoginDefs | Absent:
    """The file with its drop-ins, as shadow built with libeconf reads them (openSUSE).

    That is where the vendor has a file of its own; other builds read /etc/login.defs alone.
    """
    if isinstance(own, Absent):
        return own
    values: dict[str, str] = {}
    searched: dict[str, str] = {}
    for one in (own or vendor, *(defs for _, defs in drop_ins)):
        values |= one.values
        searched |= one.searched
    return LoginDefs(values=values, searched=searched)


LOGIN_DEFS = fact(
    "linux.login-defs",
    LoginDefs,
    kind="host",
    ask=ReadFile(path="/etc/login.defs"),
    parse=parse_login_defs,
)


# openSUSE keeps that of the vendor here; it counts as a whole, and only where there is no other.
_VENDOR_DEFS = fact(
    "linux.vendor-login-defs-file",
    LoginDefs,
    kind="host",
    ask=ReadFile(path="/usr/etc/login.defs"),
    parse=parse_login_defs,
)


def _of_vendor(own: LoginDefs | Absent | None, vendor: LoginDefs) -> LoginDefs | Absent:
    if own is None:
        return vendor
    return own if isinstance(own, Absent) else not_present(msg("/etc/login.defs is there"))


VENDOR_LOGIN_DEFS = derive(
    "linux.vendor-login-defs",
    LoginDefs,
    needs=(known_or_absent(optional(LOGIN_DEFS)), _VENDOR_DEFS),
    make=_of_vendor,
)


_DROP_IN_FOLDERS = ("/etc/login.defs.d", "/usr/etc/login.defs.d")
_DROP_INS = fact(
    "linux.login-defs-drop-ins-files",
    tuple[tuple[str, LoginDefs], ...],
    kind="host",
    ask=ReadFiles(paths=_DROP_IN_FOLDERS, names=("*.defs",), depth=1),
    parse=parse_login_defs_drop_ins,
)
LOGIN_DEFS_IN_FORCE = derive(
    "linux.login-defs-in-force",
    LoginDefs,
    needs=(known_or_absent(optional(LOGIN_DEFS)), _VENDOR_DEFS, _DROP_INS),
    make=_with_drop_ins,
)

ANY_LOGIN_DEFS = first_of(LOGIN_DEFS_IN_FORCE, LOGIN_DEFS, VENDOR_LOGIN_DEFS)


PWQUALITY = fact(
    "linux.pwquality",
    Settings,
    kind="host",
    ask=ReadFiles(
        paths=("/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d"),
        depth=1,
        names=("*.conf",),
    ),
    parse=parse_pwquality,
)
PWHISTORY = fact(
    "linux.pwhistory",
    Settings,
    kind="host",
    ask=ReadFile(path="/etc/security/pwhistory.conf"),
    parse=parse_pwhistory,
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


def _value(rule: Rule, settings: dict[str, str], name: str, default: int) -> int:
    text = rule.option(name)
    return _number(settings if text is None else {name: text}, name, default)


def _number(settings: dict[str, str], name: str, default: int) -> int:
    text = settings.get(name)
    if text is None:
        return default
    value = integer(text)
    if value is None:
        raise Unresolved(
            msg("{name} is {value}, which is not a number", name=name, value=shortened(text))
        )
    return value


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
    credits = [_number(options, name, int(old)) for name in _CREDITS]
    length = _number(options, "minlen", 9 if old else 8) - sum(c for c in credits if c > 0)
    needed = sum(-c for c in credits if c < 0)
    classes = max(_number(options, "minclass", 0), sum(c < 0 for c in credits))
    return Quality(
        module=rule.module,
        length=max(length, needed, 6),  # 6 is PWQ_BASE_MIN_LENGTH, and cracklib's own floor
        classes=min(classes, 4),  # PWQ_NUM_CLASSES
        for_root="enforce_for_root" in options,
    )


def _acts(reached: Reached, at: int, settings: dict[str, str]) -> bool:
    rule = reached[at]
    on = rule.module == "pam_cracklib.so" or _number(_options(rule, settings), "enforcing", 1) != 0
    if not on or not enforced(reached, at):
        return False
    installed(rule)
    return True


def _own(rule: Rule, platform: Platform) -> Quality:
    """What pam_unix itself asks: minlen=, else six characters in Debian's build and none else."""
    length = _value(rule, {}, "minlen", 6 if platform["os_family"] == "debian" else 0)
    return Quality(module=rule.module, length=length, classes=0, for_root=False)


# Modules of a password stack that ask nothing of the strength of a new password, or whose rules are
# evaluated here: those of Linux-PAM 1.7, and those that Debian 12, RHEL 9 and openSUSE bring.
_EVALUATED = frozenset({
    "pam_unix.so", "pam_unix2.so", "pam_pwdb.so", "pam_tcb.so", "pam_pwquality.so",
    "pam_cracklib.so", "pam_pwhistory.so", "pam_sss.so", "pam_ldap.so", "pam_winbind.so",
    "pam_krb5.so", "pam_permit.so", "pam_deny.so", "pam_gnome_keyring.so", "pam_kwallet.so",
    "pam_kwallet5.so", "pam_localuser.so", "pam_succeed_if.so", "pam_usertype.so", "pam_env.so",
    "pam_warn.so", "pam_echo.so", "pam_debug.so", "pam_cap.so", "pam_faillock.so", "pam_tally.so",
    "pam_tally2.so", "pam_systemd_home.so", "pam_selinux.so", "pam_rootok.so", "pam_ecryptfs.so",
    "pam_mount.so", "pam_mkhomedir.so", "pam_umask.so", "pam_limits.so", "pam_nologin.so",
    "pam_fprintd.so", "pam_smbpass.so", "pam_wheel.so", "pam_access.so", "pam_time.so",
    "pam_listfile.so", "pam_shells.so", "pam_securetty.so", "pam_loginuid.so", "pam_keyinit.so",
})  # fmt: skip


def _more(reached: Reached, evaluated: frozenset[str] = _EVALUATED) -> Message | None:
    """A message that modules on this way have rules that are not evaluated; None without any."""
    others = {rule.module for rule in reached if rule.module not in evaluated}
    if not others:
        return None
    return msg(
        "These PAM modules may require more of a new password, which is not evaluated; look at "
        "their settings: {names}",
        names=capped(others),
    )


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
        unknown=_more(reached),
    )


def _on_way(reached: Reached, settings: dict[str, str], platform: Platform) -> Quality:
    """What is asked on this way; nothing, with the reason, where that is not certain."""
    try:
        return _strictest(reached, settings, platform)
    except Unresolved as error:
        return Quality(module="-", length=0, classes=0, for_root=False, unknown=error.detail)


def _changes(pam: Pam) -> list[Reached]:
    """The ways to set a new password: passwd(1), and a login with an expired one."""
    found = list(paths(stack(pam, "passwd", "password"), accepted))
    for service in ("login", "sshd"):
        if service in pam.services:
            ways = paths(stack(pam, service, "password"), accepted)
            found += [way for way in ways if any(rule.module in LOCAL_PROOF for rule in way)]
    return found


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
    found = [_on_way(way, values, platform) for way in _changes(pam)]
    sure = [quality for quality in found if quality.unknown is None]
    apart = [_least(sure)] if sure and len(sure) < len(found) else []
    return [*apart, _least(found)]


SETTINGS_UNREAD = msg("It depends on a configuration file in /etc/security that was not read")

# The strictest possible configuration file: what is too weak with it is too weak with any.
_STRICTEST = Settings(values={
    "minlen": "9999", "minclass": "4", "enforcing": "1", "enforce_for_root": "", "remember": "400",
})  # fmt: skip


def _qualities(
    pam: Pam, settings: Settings | Absent | None, platform: Platform
) -> list[list[Quality]]:
    """What is asked of a new password: one answer, or each that a platform not known leaves open.

    Defaults are those of the distribution's build: debian and RHEL 7 are the two ends. Where the
    settings are not known, the most that they could bring is taken.
    """
    settings = _STRICTEST if isinstance(settings, Absent) else settings
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


def _sure(judgement: Judgement, settings: Settings | Absent | None, *bound: Message) -> Judgement:
    """`judgement`, but with settings that are not known only a fail, and of it only `bound`."""
    if not isinstance(settings, Absent):
        return judgement
    if judgement.verdict is Verdict.FAIL:
        return failed(*(bound or judgement.detail), expected=judgement.expected)
    return undetermined(SETTINGS_UNREAD, expected=judgement.expected)


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


def _unresolved(error: Unresolved) -> Judgement:
    return undetermined(error.detail)


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
        return _unresolved(error)
    judged = _agreed([_on_weakest(each, lambda q: _long(q, minimum), settings) for each in found])
    return unless_more_sources(_sure(judged, settings, *_bound(found)), sources, "passwd")


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
        return _unresolved(error)

    def judge(quality: Quality) -> Judgement:
        return _mixed(quality, min_length, min_classes)

    judged = _agreed([_on_weakest(each, judge, settings) for each in found])
    return unless_more_sources(_sure(judged, settings, *_bound(found)), sources, "passwd")


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
            most = max(most, _value(rule, {}, "remember", 10 if number is None else number))
        if rule.module == "pam_unix.so":
            most = max(most, _value(rule, {}, "remember", 0))
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
    assumed = _STRICTEST if isinstance(settings, Absent) else settings
    expected = msg("at least {count} earlier passwords", count=remember)
    try:
        ways = _changes(pam)
    except Unresolved as error:
        return _unresolved(error)
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
    return unless_more_sources(_sure(judged, settings), sources, "passwd")


def _kept(reached: Reached, values: dict[str, str]) -> tuple[int, Message | None]:
    """How many passwords are surely remembered on this way, and why it may be more."""
    try:
        return _remembered(reached, values), _more(reached, _EVALUATED | {"pam_passwdqc.so"})
    except Unresolved as error:
        return 0, error.detail


@check(
    "linux.password-age-default",
    needs=ANY_LOGIN_DEFS,
    severity=Severity.MEDIUM,
    version=4,
    remedy=msg("Set PASS_MAX_DAYS 90 and PASS_MIN_DAYS 1 in /etc/login.defs"),
)
def password_age_default(
    defs: LoginDefs,
    *,
    max_days: Annotated[int, Down] = 90,
    min_days: Annotated[int, Up] = 1,
) -> Judgement:
    """New accounts get a minimum and a maximum password age."""
    longest, shortest = defs.integer("PASS_MAX_DAYS"), defs.integer("PASS_MIN_DAYS")
    good = longest is not None and 0 < longest <= max_days
    detail = msg(
        "PASS_MAX_DAYS {longest}, PASS_MIN_DAYS {shortest} (for accounts created from now on)",
        longest=defs.raw("PASS_MAX_DAYS"),
        shortest=defs.raw("PASS_MIN_DAYS"),
    )
    expected = msg(
        "PASS_MAX_DAYS of 1 to {longest}, PASS_MIN_DAYS of at least {shortest}",
        longest=max_days,
        shortest=min_days,
    )
    if good and (shortest or 0) >= min_days:
        return passed(detail, expected=expected)
    return failed(detail, expected=expected)


FACTS = (
    LOGIN_DEFS,
    _VENDOR_DEFS,
    VENDOR_LOGIN_DEFS,
    _DROP_INS,
    LOGIN_DEFS_IN_FORCE,
    PWQUALITY,
    PWHISTORY,
)
CHECKS = (password_length_floor, password_quality, password_history, password_age_default)
