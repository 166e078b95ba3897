"""Who becomes root through sudo: without a password, or who should not at all."""

from __future__ import annotations

from typing import Annotated

from audit_core.sdk import (
    Judgement,
    Message,
    Severity,
    Subset,
    check,
    failed,
    listed,
    msg,
    not_applicable,
    optional,
    passed,
    undetermined,
)
from audit_linux.access._text import names
from audit_linux.access.pam import PAM, Pam, Unresolved, stack, ways, wrong_password
from audit_linux.access.sources import LOCAL, SOURCES, Sources, seen_here
from audit_linux.access.sudo_risks import Risk, risk
from audit_linux.access.sudoers import GROUPS, SUDOERS, Grant, Groups, Sudoers

_NO_SUDO = not_applicable(msg("There is no sudoers file: sudo grants nothing"))
_ROOT = frozenset({"root", "#0"})


def _as_root(grant: Grant) -> bool:
    """Whether root is among the users; the last entry about root holds, as sudo reads lists."""
    told = [user for user in grant.runas if user.lstrip("!") in ("root", "ALL", "#0")]
    return bool(told) and not told[-1].startswith("!")


def _of_others(sudoers: Sudoers) -> list[Grant]:
    """What others than root may run as root."""
    return [grant for grant in sudoers.grants if _as_root(grant) and set(grant.who) - _ROOT]


def _told(grant: Grant) -> str:
    return f"{','.join(w for w in grant.who if w not in _ROOT)} = {grant.command}"


def _free(sudoers: Sudoers) -> dict[Risk, list[str]]:
    """What others than root may run as root without a password, by what it gives."""
    found: dict[Risk, list[str]] = {}
    for grant in _of_others(sudoers):
        if grant.no_password:
            what = Risk.ROOT if grant.setenv else risk(grant.command)
            found.setdefault(what, []).append(_told(grant))
    return found


def _granted(pam: Pam | None) -> set[bool]:
    """Whether sudo's PAM stacks let a wrong password pass: surely not, surely, or either."""
    found = {False}
    for service in ("sudo", "sudo-i"):
        if pam is not None and service in pam.services:
            got = {way.granted for way in ways(stack(pam, service, "auth"), wrong_password)}
            found = got if got == {True} else found | got
            if found == {True}:
                break
    return found


def _open(sudoers: Sudoers, free: dict[Risk, list[str]]) -> list[Message]:
    """What surely gives root without a password."""
    preload = sudoers.preload if free else ()
    rows = (
        (sudoers.exempt, msg("Root without a password: {names}", names=names(sudoers.exempt))),
        (
            Risk.ROOT in free,
            msg(
                "Without a password, and a way to a root shell or to any file: {names}",
                names=names(free.get(Risk.ROOT, [])),
            ),
        ),
        (
            Risk.REPLACEABLE in free,
            msg(
                "Without a password, from folders where users may write: {names}",
                names=names(free.get(Risk.REPLACEABLE, [])),
            ),
        ),
        (
            preload,
            msg(
                "Variables such as LD_PRELOAD reach commands that need no password: {names}",
                names=names(preload),
            ),
        ),
    )
    return [said for wanted, said in rows if wanted]


def _doubts(sudoers: Sudoers, free: dict[Risk, list[str]], pam: Pam | None) -> list[Message]:
    """What may give root without a password, and was not looked at."""
    rows = [
        (
            Risk.UNSEEN in free,
            msg(
                "Without a password, and what they do was not looked at: {names}",
                names=names(free.get(Risk.UNSEEN, [])),
            ),
        ),
        (
            Risk.PAGER in free,
            msg(
                "Without a password, and their pager starts a shell before systemd 247: {names}",
                names=names(free.get(Risk.PAGER, [])),
            ),
        ),
        (bool(sudoers.unread), _unread(sudoers)),
    ]
    try:
        perhaps = len(_granted(pam)) == 2
    except Unresolved as error:
        rows.append((True, error.said))
    else:
        said = msg("Whether sudo's PAM stack asks for a password depends on what modules answer")
        rows.append((perhaps, said))
    return [said for wanted, said in rows if wanted]


def _unread(sudoers: Sudoers) -> Message:
    return msg("Not understood or not read: {lines}", lines=names(sudoers.unread))


def _unasked(pam: Pam | None) -> bool:
    try:
        return _granted(pam) == {True}
    except Unresolved:
        return False


@check(
    "linux.sudo-password",
    needs=(optional(SUDOERS), SOURCES, optional(PAM)),
    severity=Severity.HIGH,
    version=2,
    remedy=msg(
        "Remove NOPASSWD from rules for ALL commands and for programs that start a shell or write "
        "any file, and every Defaults !authenticate; give fixed arguments without wildcards"
    ),
)
def sudo_password(
    sudoers: Sudoers | None, sources: Sources = LOCAL, pam: Pam | None = None
) -> Judgement:
    """Nobody becomes root through sudo without giving a password."""
    if sudoers is None:
        return seen_here(_NO_SUDO, sources.sudoers)
    free = _free(sudoers)
    expected = msg("no NOPASSWD for commands that lead to a root shell, no !authenticate")
    opened = _open(sudoers, free)
    if _unasked(pam):
        opened.append(msg("The PAM stack of sudo asks for no password"))
    if opened:
        return failed(*opened, expected=expected)
    seen = msg(
        "{count} rules of sudoers, none gives root without a password", count=len(sudoers.grants)
    )
    fixed = msg(
        "Without a password, with fixed effects: {names}", names=names(free.get(Risk.NONE, []))
    )
    said = (seen, fixed) if Risk.NONE in free else (seen,)
    doubts = _doubts(sudoers, free, pam)
    if doubts:
        return undetermined(*doubts, expected=expected)
    return seen_here(passed(*said, expected=expected), sources.sudoers)


def _any_command(grant: Grant) -> bool:
    return risk(grant.command) is Risk.ROOT


@check(
    "linux.sudo-scope",
    needs=(optional(SUDOERS), optional(GROUPS), SOURCES),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Name the commands that each role needs instead of ALL"),
)
def sudo_scope(
    sudoers: Sudoers | None,
    groups: Groups | None,
    sources: Sources = LOCAL,
    *,
    admins: Annotated[frozenset[str], Subset] = frozenset({"root", "%sudo", "%wheel", "%admin"}),
) -> Judgement:
    """Only root and the administrators' groups may run any command through sudo."""
    if sudoers is None:
        return seen_here(_NO_SUDO, sources.sudoers)
    full = [grant for grant in _of_others(sudoers) if _any_command(grant)]
    others = [_told(g) for g in full if set(g.who) - admins - _ROOT]
    expected = msg("full rights only for {admins}", admins=listed(admins))
    if others:
        said = msg("Others may run any command as root: {names}", names=names(others))
        return failed(said, expected=expected)
    entitled = {who for g in full for who in g.who if who.startswith("%")}
    known = groups.members if groups else {}
    members = [f"{group}: {', '.join(known.get(group[1:], ())) or '-'}" for group in entitled]
    seen = msg("Groups with full rights and their members: {names}", names=names(members) or ("-",))
    if sudoers.unread:
        return undetermined(seen, _unread(sudoers), expected=expected)
    return seen_here(passed(seen, expected=expected), (*sources.sudoers, *sources.passwd))


FACTS = (SUDOERS, GROUPS)
CHECKS = (sudo_password, sudo_scope)
