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
    expect,
    fact,
    msg,
    optional,
    undetermined,
)
from audit_linux.access._text import number, shown
from audit_linux.access.pam import (
    PAM,
    PROOF,
    Pam,
    Rule,
    Unresolved,
    entrances,
    paths,
    stack,
    wrong_password,
)
from audit_linux.access.passwords import Settings, parse_settings

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


def _option(rules: tuple[Rule, ...], conf: dict[str, str], name: str, default: str) -> int:
    told = [value for rule in rules if (value := rule.option(name)) is not None]
    return _seconds(name, told[0] if told else conf.get(name, default))


def _faillock(seen: tuple[Rule, ...], conf: dict[str, str]) -> Lock | None:
    """The lock of faillock: it denies at preauth, counts at authfail, and needs them both."""
    modules = [rule.module for rule in seen]
    proof = min((i for i, module in enumerate(modules) if module in PROOF), default=len(seen))
    rules = [(i, r) for i, r in enumerate(seen) if r.module == "pam_faillock.so"]
    before = tuple(r for i, r in rules if "preauth" in r.args and i < proof)
    after = tuple(r for i, r in rules if "authfail" in r.args and i > proof)
    if not any(r.action("auth_err") in ("bad", "die") for r in before) or not after:
        return None
    if any(r.option("conf") for _, r in rules):
        raise Unresolved(msg("faillock reads a settings file of its own (conf=)"))
    return Lock(
        module="pam_faillock.so",
        deny=_option(before, conf, "deny", "3"),
        unlock=_option(before, conf, "unlock_time", "600"),
        root=_root(before, conf),
    )


def _root(rules: tuple[Rule, ...], conf: dict[str, str]) -> bool:
    words = {arg.partition("=")[0] for rule in rules for arg in rule.args} | set(conf)
    return bool(words & {"even_deny_root", "root_unlock_time"})


def _tally(seen: tuple[Rule, ...]) -> Lock | None:
    rules = tuple(r for r in seen if r.module in _TALLY and r.action("auth_err") in ("bad", "die"))
    if not rules:
        return None
    return Lock(
        module=rules[0].module,
        deny=_option(rules, {}, "deny", "0"),
        unlock=_option(rules, {}, "unlock_time", "0"),
        root=_root(rules, {}),
    )


def _locks(pam: Pam, service: str, conf: dict[str, str]) -> set[Lock | None]:
    ways = paths(stack(pam, service, "auth"), wrong_password)
    return {_faillock(way, conf) or _tally(way) for way in ways}


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


@check(
    "linux.login-lockout",
    needs=(PAM, optional(FAILLOCK)),
    severity=Severity.HIGH,
    remedy=msg(
        "Enable faillock (authselect enable-feature with-faillock, or pam-auth-update) and set "
        "deny and unlock_time in /etc/security/faillock.conf"
    ),
)
def login_lockout(
    pam: Pam,
    conf: Settings | None,
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
    services = entrances(pam)
    values = conf.values if conf else {}
    try:
        found = {service: _locks(pam, service, values) for service in services}
    except Unresolved as error:
        return undetermined(error.said, expected=expected)
    said = tuple(
        told
        for service, locks in found.items()
        for lock in sorted(locks, key=lambda k: (k is not None, str(k)))
        for told in _told(service, lock)
    )
    verdicts = {
        service: {_good(lock, max_deny, min_unlock) for lock in locks}
        for service, locks in found.items()
    }
    if {False} in verdicts.values():
        return expect(False, said=said, expected=expected)
    if {True, False} in verdicts.values():
        unclear = msg("Whether the lock acts depends on what other modules answer")
        return undetermined(*said, unclear, expected=expected)
    return expect(True, said=said, expected=expected)


FACTS = (FAILLOCK,)
CHECKS = (login_lockout,)
