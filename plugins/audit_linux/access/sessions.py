"""What a login session starts with: an idle time-out, and modes that keep others out."""

from __future__ import annotations

import re
from typing import Annotated

from audit_core.sdk import (
    Down,
    Judgement,
    Severity,
    Up,
    check,
    expect,
    failed,
    msg,
    optional,
    undetermined,
)
from audit_linux.access._shell import STARTUP, Setting, Startup, timeouts, umasks
from audit_linux.access._text import names, number
from audit_linux.access.pam import PAM, Pam, Unresolved, accepted, entrances, paths, stack
from audit_linux.access.passwords import LOGIN_DEFS, LoginDefs


def _said(found: tuple[Setting, ...]) -> tuple[str, ...]:
    sure = {True: "", False: " ?"}
    return names(f"{s.path}: {s.text}{sure[s.sure]}" for s in found)


@check(
    "linux.session-timeout",
    needs=STARTUP,
    severity=Severity.MEDIUM,
    remedy=msg("Put `TMOUT=600; readonly TMOUT; export TMOUT` into /etc/profile.d/tmout.sh"),
)
def session_timeout(
    startup: Startup,
    *,
    max_seconds: Annotated[int, Down] = 600,
    require_readonly: Annotated[bool, Up] = False,
) -> Judgement:
    """An idle login shell ends by itself."""
    found = timeouts(startup)
    expected = msg("TMOUT of 1 to {seconds} seconds", seconds=max_seconds)
    if not found:
        return failed(msg("TMOUT is not set for login shells"), expected=expected)
    said = msg("TMOUT is set (? where a condition decides): {settings}", settings=_said(found))
    good = {_short(s, max_seconds) and (s.readonly or not require_readonly) for s in found}
    hold = (
        msg("TMOUT is read-only: users cannot change it")
        if all(s.readonly for s in found)
        else msg("TMOUT is not read-only: users can change it")
    )
    if good == {False} and not any(number(s.text) is None for s in found):
        return failed(said, hold, expected=expected)
    if good == {True} and found[0].sure:
        return expect(True, said=(said, hold), expected=expected)
    return undetermined(said, hold, expected=expected)


def _short(setting: Setting, most: int) -> bool:
    value = number(setting.text)
    return value is not None and 0 < value <= most


def _mask(text: str) -> int | None:
    return int(text, 8) if re.fullmatch("[0-7]{1,4}", text) else None


def _pam_umask(pam: Pam) -> bool:
    """Whether pam_umask applies login.defs in every session over SSH and on the console."""
    services = entrances(pam)
    ways = [w for s in services for w in paths(stack(pam, s, "session"), accepted)]
    rules = [[rule for rule in way if rule.module == "pam_umask.so"] for way in ways]
    if any(rule.option("umask") is not None for found in rules for rule in found):
        raise Unresolved(msg("pam_umask has a value of its own"))
    return all(rules)


@check(
    "linux.umask",
    needs=(STARTUP, optional(LOGIN_DEFS), PAM),
    severity=Severity.LOW,
    remedy=msg("Set `umask 027` in /etc/profile and UMASK 027 in /etc/login.defs"),
)
def umask(startup: Startup, defs: LoginDefs | None, pam: Pam, *, masked: int = 0o027) -> Judgement:
    """Files that users make are closed to others from the start."""
    expected = msg("umask that masks {bits}", bits=f"{masked:04o}")
    found = umasks(startup)
    default = defs.raw("UMASK") if defs else "-"
    values = [_mask(s.text) for s in found]
    said = [msg("umask in start-up files (? where a condition decides): {settings}",
                settings=_said(found))] if found else []  # fmt: skip
    said.append(msg("UMASK in /etc/login.defs: {value}", value=default))
    if not (found and found[0].sure):
        values.append(_default(defs, pam))
    if any(value is None for value in values):
        return undetermined(*said, expected=expected)
    good = {(value or 0) & masked == masked for value in values}
    if len(good) == 2:
        return undetermined(*said, expected=expected)
    return expect(good == {True}, said=tuple(said), expected=expected)


def _default(defs: LoginDefs | None, pam: Pam) -> int | None:
    """The umask before any start-up file: UMASK where pam_umask applies it, else 022 of init."""
    told = _mask(defs.values.get("UMASK", "022")) if defs else 0o022
    try:
        return told if told == 0o022 or _pam_umask(pam) else None
    except Unresolved:
        return None


FACTS = (STARTUP,)
CHECKS = (session_timeout, umask)
