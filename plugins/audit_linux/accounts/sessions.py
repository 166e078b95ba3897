"""The settings of a login session: idle time-out and umask."""

from __future__ import annotations

import re
from typing import Annotated

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Down,
    Judgement,
    Message,
    Platform,
    Severity,
    Up,
    capped,
    check,
    expect,
    failed,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.accounts.passwords import LOGIN_DEFS, LoginDefs
from audit_linux.accounts.shell_startup import (
    ENVIRONMENT,
    Setting,
    mask_of,
    seconds,
    timeouts,
    umasks,
)
from audit_linux.accounts.startup_files import STARTUP, Startup
from audit_linux.pam import (
    PAM,
    Pam,
    Reached,
    Unresolved,
    accepted,
    entrances,
    paths,
    stack,
)
from audit_linux.passwd import ACCOUNTS, Account, Accounts


def _detail(found: tuple[Setting, ...]) -> tuple[str, ...]:
    sure = {True: "", False: " ?"}
    return capped(f"{s.path}: {s.runs or s.text}{sure[s.sure]}" for s in found)


@check(
    "linux.session-timeout",
    needs=(STARTUP, known_or_absent(ACCOUNTS), PLATFORM, known_or_absent(ENVIRONMENT)),
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg("Put `TMOUT=600; readonly TMOUT; export TMOUT` into /etc/profile.d/tmout.sh"),
)
def session_timeout(
    startup: Startup,
    accounts: Accounts | Absent,
    platform: Platform,
    environment: tuple[str, ...] | Absent,
    *,
    max_seconds: Annotated[int, Down] = 600,
    require_readonly: Annotated[bool, Up] = False,
) -> Judgement:
    """Idle login shells are logged out automatically."""
    found = timeouts(startup)
    expected = msg("TMOUT of 1 to {seconds} seconds", seconds=max_seconds)
    if not found:
        return _no_timeout(environment, expected)
    detail = msg("TMOUT is set (? where a condition decides): {settings}", settings=_detail(found))
    good = {_short(s, max_seconds) and (s.readonly or not require_readonly) for s in found}
    hold = _HELD if all(s.readonly for s in found) else _NOT_HELD
    if good == {False} and not any(seconds(s.text) is None for s in found):
        return failed(detail, hold, expected=expected)
    deaf = _all_deaf(accounts, platform)
    if good == {True} and found[0].sure and not deaf:
        return passed(detail, hold, expected=expected)
    others = (msg("Accounts whose shell ignores TMOUT in /etc/profile: {names}", names=deaf),)
    return undetermined(detail, hold, *(others if deaf else ()), expected=expected)


def _no_timeout(environment: tuple[str, ...] | Absent, expected: Message) -> Judgement:
    if isinstance(environment, Absent):
        return undetermined(_NO_ENVIRONMENT, expected=expected)
    if environment:
        detail = msg("TMOUT is set in /etc/environment only: {lines}", lines=capped(environment))
        return undetermined(detail, expected=expected)
    return failed(msg("TMOUT is not set for login shells"), expected=expected)


_NO_ENVIRONMENT = msg("No start-up file sets TMOUT; /etc/environment was not read")
_HELD = msg("TMOUT is read-only: users cannot change it")
_NOT_HELD = msg("TMOUT is not read-only: users can change it")
_OBEYS = frozenset({"bash", "rbash", "ksh", "ksh93", "mksh", "rksh"})
_SH_IS_BASH = frozenset({"rhel", "suse", "arch"})


def _rows(accounts: Accounts | Absent) -> tuple[Account, ...]:
    return () if isinstance(accounts, Absent) else accounts.rows


def _all_deaf(accounts: Accounts | Absent, platform: Platform) -> tuple[str, ...]:
    return capped(f"{a.name} ({a.shell or '-'})" for a in _rows(accounts) if _deaf(a, platform))


def _deaf(account: Account, platform: Platform) -> bool:
    """Whether the shell of the account ignores TMOUT (dash) or reads other files (zsh, csh).

    /bin/sh is bash on RHEL, SUSE and their kin, dash on Debian and Ubuntu.
    """
    shell = account.shell.rsplit("/", 1)[-1] or "sh"
    bash = platform["os_family"] in _SH_IS_BASH
    return account.has_shell and shell not in _OBEYS and not (shell == "sh" and bash)


def _short(setting: Setting, most: int) -> bool:
    value = seconds(setting.text)
    return value is not None and 0 < value <= most


def _mask(text: str) -> int | None:
    return int(text, 8) if re.fullmatch("[0-7]{1,4}", text) else None


def _grouped(mask: int) -> int:
    """The mask of pam_umask's usergroups: the group is masked as the owner is."""
    return (mask & ~0o070) | ((mask >> 3) & 0o070)


def _by_pam(seen: Reached, told: int | None) -> set[int | None]:
    """The masks that pam_umask sets on this way; without it 022 of init, or nobody knows."""
    rules = [rule for rule in seen if rule.module == "pam_umask.so"]
    if not rules:
        return {told if told == 0o022 else None}
    own = rules[-1].option("umask")
    mask = told if own is None else _mask(own)
    grouped = mask is not None and "usergroups" in rules[-1].args
    return {mask, _grouped(mask or 0)} if grouped else {mask}


@check(
    "linux.umask",
    needs=(STARTUP, known_or_absent(optional(LOGIN_DEFS)), known_or_absent(PAM)),
    severity=Severity.LOW,
    version=6,
    remedy=msg("Set `umask 027` in /etc/profile and UMASK 027 in /etc/login.defs"),
)
def umask(
    startup: Startup,
    defs: LoginDefs | Absent | None,
    pam: Pam | Absent,
    *,
    masked: int = 0o027,
) -> Judgement:
    """New files of users are not accessible to others by default."""
    expected = msg("umask that masks {bits}", bits=f"{masked:04o}")
    found = umasks(startup)
    values = [mask_of(s.text) for s in found]
    detail = [msg("umask in start-up files (? where a condition decides): {settings}",
                settings=_detail(found))] if found else []  # fmt: skip
    if not isinstance(defs, Absent):
        default = defs.raw("UMASK") if defs else "-"
        detail.append(msg("UMASK in /etc/login.defs: {value}", value=default))
    if not (found and found[0].sure):
        values.extend(_defaults(defs, pam))
    if any(value is None for value in values):
        return undetermined(*detail, expected=expected)
    good = {(value or 0) & masked == masked for value in values}
    if len(good) == 2:
        return undetermined(*detail, expected=expected)
    return expect(good == {True}, detail=tuple(detail), expected=expected)


def _defaults(defs: LoginDefs | Absent | None, pam: Pam | Absent) -> set[int | None]:
    """The umasks before any start-up file, over SSH and on the console; None for an unknown one."""
    if isinstance(pam, Absent):
        return {None}
    told: int | None = 0o022
    if defs is not None:
        told = (
            None if isinstance(defs, Absent) else _mask(defs.searched.get("umask", "022").strip())
        )
    try:
        ways = [w for s in entrances(pam) for w in paths(stack(pam, s, "session"), accepted)]
    except Unresolved:
        return {told if told == 0o022 else None}
    return {mask for way in ways for mask in _by_pam(way, told)}


FACTS = (STARTUP, ENVIRONMENT)
CHECKS = (session_timeout, umask)
