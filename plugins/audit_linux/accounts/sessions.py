"""The settings of a login session: idle time-out and umask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Answer,
    Down,
    FileStatus,
    Judgement,
    Message,
    ModeBits,
    Partial,
    Platform,
    ReadFiles,
    Severity,
    Up,
    Values,
    Verdict,
    capped,
    check,
    expect,
    fact,
    failed,
    known_or_absent,
    msg,
    optional,
    partial,
    passed,
    shortened,
    undetermined,
)
from audit_linux.accounts.login_defs import ANY_LOGIN_DEFS, LoginDefs
from audit_linux.accounts.shell_startup import (
    ENVIRONMENT,
    Setting,
    mask_of,
    seconds,
    timeouts,
    umasks,
)
from audit_linux.accounts.startup_files import STARTUP, Startup
from audit_linux.config_files import systemd_paths, systemd_value, unreadable
from audit_linux.pam import (
    PAM,
    Pam,
    Reached,
    Rule,
    Unresolved,
    accepted,
    entrances,
    paths,
    stack,
)
from audit_linux.passwd import ACCOUNTS, Account, Accounts


def _detail(found: tuple[Setting, ...]) -> Values:
    sure = {True: "", False: " ?"}
    return capped(f"{s.path}: {s.runs or s.text}{sure[s.sure]}" for s in found)


def parse_logind(answer: Answer) -> str | Partial:
    """StopIdleSessionSec of logind.conf(5) and its drop-ins; empty where nothing sets it."""
    there = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    unread = [f.path for f in there if f.status is not FileStatus.READ]
    value = systemd_value(answer.files, "logind.conf", "Login", "StopIdleSessionSec")
    return partial(value, [unreadable(capped(unread))] if unread else [])


LOGIND = fact(
    "linux.logind-idle",
    str,
    kind="host",
    ask=ReadFiles(paths=systemd_paths("logind.conf"), depth=1, names=("*.conf",)),
    parse=parse_logind,
)


@check(
    "linux.session-timeout",
    needs=(
        STARTUP, known_or_absent(ACCOUNTS), PLATFORM, known_or_absent(ENVIRONMENT),
        known_or_absent(PAM), known_or_absent(LOGIND),
    ),
    severity=Severity.MEDIUM,
    version=9,
    remedy=msg("Put `TMOUT=600; readonly TMOUT; export TMOUT` into /etc/profile.d/tmout.sh"),
)  # fmt: skip
def session_timeout(
    startup: Startup,
    accounts: Accounts | Absent,
    platform: Platform,
    environment: tuple[str, ...] | Absent,
    pam: Pam | Absent,
    logind: str | Absent,
    *,
    max_seconds: Annotated[int, Down] = 600,
    require_readonly: Annotated[bool, Up] = False,
) -> Judgement:
    """Idle login shells are logged out automatically."""
    expected = msg("TMOUT of 1 to {seconds} seconds", seconds=max_seconds)
    deaf = _all_deaf(accounts, platform)
    if found := timeouts(startup):
        least = _Limit(seconds=max_seconds, readonly=require_readonly)
        judged = _by_settings(found, deaf, least, expected)
        return _if_unset(judged, environment) if startup.if_unset else judged
    given = _by_environment(environment, pam, deaf, max_seconds, expected)
    return _or_stopped(_unless_passed(given) if require_readonly else given, logind)


class _Limit(Struct, frozen=True, kw_only=True):
    """What TMOUT must be: at most so many seconds, and read-only where that is wanted."""

    seconds: int
    readonly: bool

    def good(self, setting: Setting) -> bool:
        value = seconds(setting.text)
        short = value is not None and 0 < value <= self.seconds
        return short and (setting.readonly or not self.readonly)


def _by_settings(
    found: tuple[Setting, ...], deaf: Values, wanted: _Limit, expected: Message
) -> Judgement:
    detail = msg("TMOUT is set (? where a condition decides): {settings}", settings=_detail(found))
    good = {wanted.good(setting) for setting in found}
    hold = _HELD if all(s.readonly for s in found) else _NOT_HELD
    if good == {False} and not any(seconds(s.text) is None for s in found):
        return failed(detail, hold, expected=expected)
    if good == {True} and found[0].sure and not deaf:
        return passed(detail, hold, expected=expected)
    return undetermined(detail, hold, *_deaf_shells(deaf), expected=expected)


def _if_unset(judgement: Judgement, environment: tuple[str, ...] | Absent) -> Judgement:
    """`judgement` of start-up files that keep a TMOUT of the environment."""
    if judgement.verdict is not Verdict.PASS or environment == ():
        return judgement
    lines = () if isinstance(environment, Absent) else environment
    kept = msg("Start-up files keep a TMOUT that /etc/environment sets ({lines}; - where it was "
               "not read)", lines=capped(lines or ("-",)))  # fmt: skip
    return undetermined(*judgement.detail, kept, expected=judgement.expected)


def _or_stopped(judgement: Judgement, stops: str | Absent) -> Judgement:
    """`judgement`, but no fail where systemd-logind stops idle sessions."""
    value = "?" if isinstance(stops, Absent) else stops
    if judgement.verdict is not Verdict.FAIL or value in ("", "0", "infinity"):
        return judgement
    by_logind = msg("systemd-logind stops idle sessions from 252 on (StopIdleSessionSec={value}); "
                    "confirm that it does", value=shortened(value))  # fmt: skip
    return undetermined(*judgement.detail, by_logind, expected=judgement.expected)


def _deaf_shells(deaf: Values) -> tuple[Message, ...]:
    others = msg("Accounts whose shell ignores TMOUT in /etc/profile: {names}", names=deaf)
    return (others,) if deaf else ()


def _by_environment(
    environment: tuple[str, ...] | Absent, pam: Pam | Absent, deaf: Values, most: int,
    expected: Message,
) -> Judgement:  # fmt: skip
    """The judgement where no start-up file sets TMOUT, and /etc/environment may."""
    if isinstance(environment, Absent):
        return undetermined(_NO_ENVIRONMENT, expected=expected)
    if not environment:
        return failed(msg("TMOUT is not set for login shells"), expected=expected)
    detail = msg("TMOUT is set in /etc/environment only: {lines}", lines=capped(environment))
    value = seconds(environment[-1])
    if value is not None and not 0 < value <= most:
        return failed(detail, expected=expected)
    if value is not None and not deaf and _sets_environment(pam):
        return passed(detail, _NOT_HELD, expected=expected)
    return undetermined(detail, *_deaf_shells(deaf), expected=expected)


def _unless_passed(judgement: Judgement) -> Judgement:
    """`judgement`, but no pass: users can change what is not read-only."""
    if judgement.verdict is not Verdict.PASS:
        return judgement
    return failed(*judgement.detail, expected=judgement.expected)


def _sets_environment(pam: Pam | Absent) -> bool:
    """Whether pam_env surely reads /etc/environment at logins on the console and over SSH."""
    if isinstance(pam, Absent):
        return False
    try:
        return all(any(_on_every_way(pam, service, kind) for kind in ("auth", "session"))
                   for service in entrances(pam))  # fmt: skip
    except Unresolved:
        return False


def _on_every_way(pam: Pam, service: str, kind: str) -> bool:
    found = paths(stack(pam, service, kind), accepted)
    return bool(found) and all(any(map(_reads_environment, way)) for way in found)


def _reads_environment(rule: Rule) -> bool:
    other = rule.option("envfile") not in (None, "/etc/environment")
    return rule.module == "pam_env.so" and rule.option("readenv") in (None, "1") and not other


_NO_ENVIRONMENT = msg("No start-up file sets TMOUT; /etc/environment was not read")
_HELD = msg("TMOUT is read-only: users cannot change it")
_NOT_HELD = msg("TMOUT is not read-only: users can change it")
_OBEYS = frozenset({"bash", "rbash", "ksh", "ksh93", "mksh", "rksh"})
_SH_IS_BASH = frozenset({"rhel", "suse", "arch"})


def _rows(accounts: Accounts | Absent) -> tuple[Account, ...]:
    return () if isinstance(accounts, Absent) else accounts.rows


def _all_deaf(accounts: Accounts | Absent, platform: Platform) -> Values:
    return capped(f"{a.name} ({a.shell or '-'})" for a in _rows(accounts) if _deaf(a, platform))


def _deaf(account: Account, platform: Platform) -> bool:
    """Whether the shell of the account ignores TMOUT (dash) or reads other files (zsh, csh).

    /bin/sh is bash on RHEL, SUSE and their kin, dash on Debian and Ubuntu.
    """
    shell = account.shell.rsplit("/", 1)[-1] or "sh"
    bash = platform["os_family"] in _SH_IS_BASH
    return account.has_shell and shell not in _OBEYS and not (shell == "sh" and bash)


def pam_mask(text: str) -> int | None:
    """The mask that pam_umask reads in a value, None where it leaves the umask as it is.

    strtoul(3) with base 8: what follows the digits does not matter. Compared with pam_umask 1.5.2.
    """
    found = re.match(r"[ \t\r]*[+]?([0-7]{1,12})", text)
    return int(found[1], 8) & 0o777 if found else None


def _grouped(mask: int) -> int:
    """The mask of pam_umask's usergroups: the group is masked as the owner is."""
    return (mask & ~0o070) | ((mask >> 3) & 0o070)


_AT_START = 0o022  # of processes that systemd and init start


def _by_pam(reached: Reached, defs: LoginDefs | Absent | None) -> set[int | None]:
    """The masks that pam_umask sets on this way; None where nobody knows.

    Without it that of init holds, unless login(1) itself goes by login.defs.
    """
    rules = [rule for rule in reached if rule.module == "pam_umask.so"]
    own = rules[-1].option("umask") if rules else None
    if own is None and (isinstance(defs, Absent) or (rules and defs is None)):
        return {None}
    text = own if own is not None else _declared_umask(defs)
    mask = _AT_START if text is None else pam_mask(text)
    given = _AT_START if mask is None else mask
    if not rules:
        return {given if given == _AT_START else None}
    return {given, _grouped(given)} if "usergroups" in rules[-1].args else {given}


def _declared_umask(defs: LoginDefs | Absent | None) -> str | None:
    return defs.searched.get("umask") if isinstance(defs, LoginDefs) else None


@check(
    "linux.umask",
    needs=(
        STARTUP, known_or_absent(optional(ANY_LOGIN_DEFS)),
        known_or_absent(PAM),
        known_or_absent(ACCOUNTS),
    ),
    severity=Severity.LOW,
    version=12,
    remedy=msg("Set `umask 027` in /etc/profile and UMASK 027 in /etc/login.defs"),
)  # fmt: skip
def umask(
    startup: Startup,
    defs: LoginDefs | Absent | None,
    pam: Pam | Absent,
    accounts: Accounts | Absent,
    *,
    masked: ModeBits = "0027",
) -> Judgement:
    """New files of users are not accessible to others by default."""
    expected = msg("umask that masks {bits}", bits=masked)
    found = umasks(startup)
    defaults = _defaults(defs, pam)
    detail = [*_mask_doubts(found, defs)]
    if open_to_all := _open(defs, defaults):
        return failed(*detail, *open_to_all, expected=expected)
    values = {mask_of(s.text) for s in found}
    deaf = _other_shells(accounts)
    if deaf or not (found and found[0].sure):
        values |= defaults
    bits = int(masked, 8)
    good = {value is not None and value & bits == bits for value in values}
    if deaf and good != {True}:
        detail.append(msg("Accounts whose shell does not read /etc/profile: {names}", names=deaf))
        values |= {None}
    if None in values or len(good) == 2:
        return undetermined(*detail, expected=expected)
    return expect(good == {True}, detail=tuple(detail), expected=expected)


def _mask_doubts(found: tuple[Setting, ...], defs: LoginDefs | Absent | None) -> Iterator[Message]:
    if found:
        yield msg("umask in start-up files (? where a condition decides): {settings}",
                  settings=_detail(found))  # fmt: skip
    if not isinstance(defs, Absent):
        default = defs.raw("UMASK") if defs else "-"
        yield msg("UMASK in login.defs: {value}", value=default)


_OF_OTHERS = 0o002


def _open(defs: LoginDefs | Absent | None, defaults: set[int | None]) -> list[Message]:
    """What lets everybody change new files, whatever start-up files of shells say.

    Sessions without a login shell, such as those of SFTP, keep the mask that PAM sets. useradd
    makes homes by UMASK where HOME_MODE is not set (shadow 4.13).
    """
    found = []
    if all(mask is not None and not mask & _OF_OTHERS for mask in defaults):
        masks = capped(f"{mask:04o}" for mask in defaults if mask is not None)
        found.append(msg("Sessions without a login shell, as those of SFTP, begin with umask "
                         "{masks}: everybody may change their new files", masks=masks))  # fmt: skip
    if isinstance(defs, LoginDefs) and not defs.integer("HOME_MODE"):
        homes = defs.integer("UMASK")
        if homes is not None and not homes & _OF_OTHERS:
            found.append(msg("useradd makes homes that everybody may change (UMASK {value})",
                             value=defs.raw("UMASK")))  # fmt: skip
    return found


# They run /etc/profile when they are login shells.
_OF_PROFILE = _OBEYS | {"sh", "dash", "ash", "lksh", "pdksh", "yash", "busybox"}


def _other_shells(accounts: Accounts | Absent) -> Values:
    """The accounts whose shell has other start-up files (csh, zsh, fish), or is not known."""
    return capped(
        f"{a.name} ({a.shell})"
        for a in _rows(accounts)
        if a.has_shell and a.shell and a.shell.rsplit("/", 1)[-1] not in _OF_PROFILE
    )


def _defaults(defs: LoginDefs | Absent | None, pam: Pam | Absent) -> set[int | None]:
    """The umasks before any start-up file, over SSH and on the console; None for an unknown one."""
    if isinstance(pam, Absent):
        return {None}
    try:
        ways = [w for s in entrances(pam) for w in paths(stack(pam, s, "session"), accepted)]
    except Unresolved:
        return _by_pam((), defs)
    return {mask for way in ways for mask in _by_pam(way, defs)}


FACTS = (STARTUP, ENVIRONMENT, LOGIND)
CHECKS = (session_timeout, umask)
