"""Lock-out after failed logins: faillock or pam_tally2, counted only where it really acts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from audit_core.sdk import (
    Down,
    Judgement,
    Message,
    ReadFile,
    Severity,
    Up,
    check,
    fact,
    failed,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.access._text import number, shown
from audit_linux.access.pam import (
    PAM,
    Outcomes,
    Pam,
    Reached,
    Rule,
    Unresolved,
    entrances,
    installed,
    paths,
    right_password,
    stack,
    ways,
    wrong_password,
)
from audit_linux.access.passwords import Settings, parse_settings
from audit_linux.access.sources import SOURCES, Sources, seen_here
from audit_linux.access.sshd import SSHD, Sshd

FAILLOCK = fact(
    "linux.faillock",
    Settings,
    ask=ReadFile(path="/etc/security/faillock.conf"),
    parse=parse_settings,
)

_TALLY = ("pam_tally2.so", "pam_tally.so")


class Lock(Struct, frozen=True, kw_only=True):
    """After how many failures an account is locked, and for how many seconds.

    `deny` 0 never locks; `unlock` 0 is until an administrator unlocks.
    """

    module: str
    deny: int
    unlock: int
    root: bool


def _seconds(name: str, text: str) -> int:
    value = 0 if text == "never" else number(text)
    if value is None or value < 0:
        raise Unresolved(msg("{name} is {value}, which is no number", name=name, value=shown(text)))
    return value


def _option(rule: Rule, conf: dict[str, str], name: str, default: str) -> int:
    told = rule.option(name)
    return _seconds(name, conf.get(name, default) if told is None else told)


def _lock(rule: Rule, conf: dict[str, str], deny: str, unlock: str) -> Lock:
    words = {arg.partition("=")[0] for arg in rule.args} | set(conf)
    return Lock(
        module=rule.module,
        deny=_option(rule, conf, "deny", deny),
        unlock=_option(rule, conf, "unlock_time", unlock),
        root=bool(words & {"even_deny_root", "root_unlock_time"}),
    )


def _counted(way: Reached, modules: tuple[str, ...]) -> bool:
    """Whether a failed login that went this way is counted, and not forgotten at once."""
    rules = [rule for rule in way if rule.module in modules]
    if any("authsucc" in rule.args for rule in rules):  # it would set the count back to nought
        return False
    counting = [rule for rule in rules if rule.module in _TALLY or "authfail" in rule.args]
    for rule in counting:
        installed(rule)
    return bool(counting)


def _denies(rule: Rule) -> bool:
    """Whether this rule refuses a locked account, however right the password is."""
    if rule.module == "pam_faillock.so":
        return bool({"preauth", "authsucc", "authfail"} & set(rule.args))
    return rule.module in _TALLY


def _when_locked(modules: tuple[str, ...]) -> Outcomes:
    """What modules return to the right password of an account that `modules` have locked."""

    def outcomes(rule: Rule) -> tuple[str, ...]:
        locked = rule.module in modules and _denies(rule)
        return ("auth_err",) if locked else right_password(rule)

    return outcomes


def _of(
    modules: tuple[str, ...], rules: tuple[Rule, ...], conf: dict[str, str]
) -> set[Lock | None]:
    """The locks that `modules` put on an account; None for a way on which they never act.

    A lock acts where each wrong password is counted, and where a locked account is refused even
    with the right one: a stack that ends before the module is asked has no lock.
    """
    counted = {_counted(way, modules) for way in paths(rules, wrong_password)}
    if counted == {False}:
        return {None}
    locked = ways(rules, _when_locked(modules))
    granted = {way.granted for way in locked}
    refusing = [
        rule for way in locked if not way.granted
        for rule in way.seen if rule.module in modules and _denies(rule)
    ]  # fmt: skip
    if not refusing:
        return {None}
    rule = refusing[0]
    installed(rule)
    if rule.option("conf") is not None:
        raise Unresolved(msg("faillock reads a settings file of its own (conf=)"))
    lock = (
        _lock(rule, conf, "3", "600")
        if rule.module == "pam_faillock.so"
        else _lock(rule, {}, "0", "0")
    )
    return {lock, None} if True in granted or False in counted else {lock}


def _locks(pam: Pam, service: str, conf: dict[str, str]) -> set[Lock | None]:
    rules = stack(pam, service, "auth")
    found = _of(("pam_faillock.so",), rules, conf)
    return _of(_TALLY, rules, conf) if found == {None} else found


def _told(service: str, lock: Lock | None) -> tuple[Message, ...]:
    if lock is None:
        return (msg("{service}: failed logins never lock an account", service=service),)
    how = msg(
        "{service}: {module}, deny = {deny}, unlock_time = {unlock} s (0: until unlocked by hand)",
        service=service,
        module=lock.module,
        deny=lock.deny,
        unlock=lock.unlock,
    )
    if lock.root:
        return (how,)
    return how, msg("{service}: root itself is not locked", service=service)


def _good(lock: Lock | None, max_deny: int, min_unlock: int) -> bool:
    if lock is None or not 0 < lock.deny <= max_deny:
        return False
    return lock.unlock == 0 or lock.unlock >= min_unlock


def _over_ssh(sshd: Sshd | None) -> Message | None:
    """Why a lock of PAM does not act over SSH; None where it does, or where there is no server."""
    if sshd is None or sshd.one("usepam").lower() == "yes":
        return None
    return msg(
        "The SSH server does not use PAM (UsePAM is {value}): failed logins over SSH never lock",
        value=shown(sshd.one("usepam") or "-"),
    )


@check(
    "linux.login-lockout",
    needs=(PAM, optional(FAILLOCK), optional(SSHD), SOURCES),
    severity=Severity.HIGH,
    version=2,
    remedy=msg(
        "Enable faillock (authselect enable-feature with-faillock, or pam-auth-update) and set "
        "deny and unlock_time in /etc/security/faillock.conf"
    ),
)
def login_lockout(
    pam: Pam,
    conf: Settings | None,
    sshd: Sshd | None,
    sources: Sources,
    *,
    max_deny: Annotated[int, Down] = 5,
    min_unlock: Annotated[int, Up] = 300,
) -> Judgement:
    """Repeated failed logins lock an account, on the console and over SSH."""
    expected = msg(
        "locked after at most {deny} failures for at least {unlock} s",
        deny=max_deny,
        unlock=min_unlock,
    )
    try:
        values = conf.values if conf else {}
        found = {service: _locks(pam, service, values) for service in entrances(pam)}
    except Unresolved as error:
        return undetermined(error.said, expected=expected)
    said = [
        told
        for service, locks in found.items()
        for lock in sorted(locks, key=lambda k: (k is not None, str(k)))
        for told in _told(service, lock)
    ]
    verdicts = [{_good(k, max_deny, min_unlock) for k in locks} for locks in found.values()]
    without = _over_ssh(sshd)
    if {False} in verdicts or without:
        return failed(*said, *((without,) if without else ()), expected=expected)
    if {True, False} in verdicts:
        said.append(msg("Whether the lock acts depends on what other modules answer"))
        return undetermined(*said, expected=expected)
    return seen_here(passed(*said, expected=expected), sources.passwd)


FACTS = (FAILLOCK,)
CHECKS = (login_lockout,)
