"""Lock-out after failed logins: faillock or pam_tally2, where it takes effect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Down,
    Judgement,
    Message,
    ReadFile,
    Severity,
    Up,
    capped,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    present,
    shortened,
    undetermined,
)
from audit_linux.accounts.new_password_ways import SETTINGS_UNREAD
from audit_linux.accounts.security_conf import (
    Settings,
    faillock_settings,
    parse_faillock,
    scanned,
)
from audit_linux.closed_files import SECURITY, also_as_root
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import (
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
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_server import SSHD_SETTINGS

FAILLOCK = fact(
    "linux.faillock",
    Settings,
    kind="host",
    providers=also_as_root(
        ReadFile(path="/etc/security/faillock.conf"), SECURITY, parse_faillock, vendor=True
    ),
)

_TALLY = ("pam_tally2.so", "pam_tally.so")


# pam_faillock makes the folder of its counts, but not those above it.
_ABOVE = ("/run", "/var/log", "/var/lib")
_DEFAULTS = {"deny": "3", "unlock_time": "600", "fail_interval": "900", "dir": "/var/run/faillock"}
_NO_DEFAULTS = {"deny": "0", "unlock_time": "0"}


class Lock(Struct, frozen=True, kw_only=True):
    """After how many failures an account is locked, and for how many seconds.

    `deny` 0 never locks; `unlock` 0 is until an administrator unlocks. Only failures within
    `interval` seconds count; None where none is ever forgotten. `admins` is the group whose members
    are treated like root, `root_unlock` how long those are locked, None if they are not.
    """

    module: str
    deny: int
    unlock: int
    interval: int | None = None
    root_unlock: int | None = None
    admins: str = ""
    local: bool = False


def _seconds(name: str, text: str) -> int:
    value = 0 if text == "never" else scanned(text)
    if value is None or text.lstrip().startswith("-"):
        raise Unresolved(
            msg("{name} is {value}, which is not a number", name=name, value=shortened(text))
        )
    return value


def _word(rule: Rule, conf: dict[str, str], name: str) -> str:
    given = [arg.partition("=")[::2] for arg in rule.args]
    arguments = faillock_settings(given) if rule.module == "pam_faillock.so" else dict(given)
    return arguments.get(name, conf.get(name, ""))


def _option(rule: Rule, conf: dict[str, str], name: str) -> int:
    return _seconds(name, _word(rule, conf, name))


def _shortest(times: list[int]) -> int:
    """The shortest of these times; 0 stands for ever."""
    return min((time for time in times if time), default=0)


def _lock(rules: list[Rule], conf: dict[str, str]) -> Lock:
    """The lock of the first of `rules`, which refuses; the others count and reset.

    Tried with pam_faillock 1.5.2: the rule with the shorter time unlocks or resets.
    """
    rule, faillock = rules[0], "fail_interval" in conf
    words = {arg.partition("=")[0] for arg in rule.args} | set(conf)
    # pam_tally2(8) and faillock.conf(5) say that root_unlock_time locks root; of pam_faillock
    # 1.5.2 it does not.
    denies_root = {"even_deny_root"} | ({"root_unlock_time"} if not faillock else set())
    unlock = _shortest([_option(one, conf, "unlock_time") for one in rules])
    root = [_option(one, conf, "root_unlock_time") for one in rules
            if _word(one, conf, "root_unlock_time")]  # fmt: skip
    return Lock(
        module=rule.module,
        deny=_option(rule, conf, "deny") & 0xFFFF,  # an unsigned short in both modules
        unlock=unlock,
        interval=min(_option(one, conf, "fail_interval") for one in rules) if faillock else None,
        root_unlock=(_shortest(root) if root else unlock)
        if words & denies_root else None,
        admins=_word(rule, conf, "admin_group") if faillock else "",
        local="local_users_only" in words,
    )  # fmt: skip


def _folder(rule: Rule, conf: dict[str, str]) -> str:
    """Where this rule keeps or seeks the counts; raises Unresolved where that may not be there."""
    written = _word(rule, conf, "dir").rstrip("/")
    folder = (
        "/run/" + written.removeprefix("/var/run/") if written.startswith("/var/run/") else written
    )
    if folder.rpartition("/")[0] not in _ABOVE:
        detail = msg("faillock keeps its counts in {path}; whether it can write there is not "
                     "known",
                   path=shortened(written))  # fmt: skip
        raise Unresolved(detail)
    return folder


def _counted(way: Reached, modules: tuple[str, ...]) -> bool:
    """Whether a failed login that went this way is counted, and not forgotten at once."""
    rules = [rule for rule in way if rule.module in modules]
    if any(r.module not in _TALLY and r.faillock == "authsucc" for r in rules):
        return False  # it would reset the count
    counting = [rule for rule in rules if _counts(rule)]
    for rule in counting:
        installed(rule)
    return bool(counting)


def _counts(rule: Rule) -> bool:
    """Whether this rule counts failures; pam_tally with magic_root does not for what root runs."""
    if rule.module in _TALLY:
        return "magic_root" not in rule.args
    return rule.faillock == "authfail"


def _denies(rule: Rule) -> bool:
    """Whether this rule refuses a locked account even with the right password."""
    return rule.module not in _TALLY or "magic_root" not in rule.args


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
    failing = paths(rules, wrong_password)
    counted = {_counted(way, modules) for way in failing}
    if counted == {False}:
        return {None}
    locked = list(ways(rules, _when_locked(modules)))
    granted = {way.granted for way in locked}
    first = [r for way in locked if not way.granted for r in _first_refusal(way.rules, modules)]
    if not first:
        return {None}
    counting = [r for way in failing for r in way if r.module in modules and _counts(r)]
    found = {_placed([rule, *counting], conf) for rule in first}
    return found | {None} if True in granted or False in counted else found


def _first_refusal(reached: Iterable[Rule], modules: tuple[str, ...]) -> list[Rule]:
    """The rule of `modules` that refuses a locked account on this way, if one does."""
    return [rule for rule in reached if rule.module in modules and _denies(rule)][:1]


def _placed(rules: list[Rule], conf: dict[str, str]) -> Lock | None:
    """The lock of these rules; None where they do not look at the same counts."""
    installed(rules[0])
    if any(rule.option("conf") is not None for rule in rules):
        raise Unresolved(msg("faillock reads another configuration file (conf=)"))
    if rules[0].module != "pam_faillock.so":
        return _lock(rules, _NO_DEFAULTS)
    values = _DEFAULTS | conf
    return _lock(rules, values) if len({_folder(rule, values) for rule in rules}) == 1 else None


def locks_of(pam: Pam, service: str, conf: dict[str, str]) -> set[Lock | None]:
    """The locks of an account that failed logins through `service` put on it; None for no lock."""
    rules = stack(pam, service, "auth")
    found = _of(("pam_faillock.so",), rules, conf)
    return _of(_TALLY, rules, conf) if found == {None} else found


def _details(service: str, lock: Lock | None) -> tuple[Message, ...]:
    if lock is None:
        return (msg("{service}: failed logins never lock an account", service=service),)
    how = msg(
        "{service}: {module}, deny = {deny}, unlock_time = {unlock} s (0: until unlocked by hand)",
        service=service,
        module=lock.module,
        deny=lock.deny,
        unlock=lock.unlock,
    )
    within = msg(
        "{service}: only failures within fail_interval = {interval} s are counted",
        service=service,
        interval=lock.interval,
    )
    local = msg(
        "{service}: only accounts in the host's own files are locked (local_users_only)",
        service=service,
    )
    return (
        how,
        *((within,) if lock.interval is not None else ()),
        *((local,) if lock.local else ()),
        _of_root(service, lock),
    )


def _of_root(service: str, lock: Lock) -> Message:
    if lock.root_unlock is None:
        return msg("{service}: root itself is not locked", service=service)
    return msg("{service}: root is locked for {unlock} s (0: until unlocked by hand)",
               service=service, unlock=lock.root_unlock)  # fmt: skip


def _long(time: int | None, least: int) -> bool:
    return time is not None and (time == 0 or time >= least)


def _good(lock: Lock | None, max_deny: int, min_unlock: int, min_interval: int) -> bool:
    if lock is None or not 0 < lock.deny <= max_deny:
        return False
    kept = lock.interval is None or lock.interval >= min_interval
    return kept and _long(lock.unlock, min_unlock)


def _spared(lock: Lock | None, min_unlock: int) -> bool:
    """Whether a group is locked like root, and root is not, or not for long."""
    return lock is not None and bool(lock.admins) and not _long(lock.root_unlock, min_unlock)


def _over_ssh(sshd: Sshd | None) -> Message | None:
    """Why a lock of PAM does not act over SSH; None where it does, or where there is no server."""
    if sshd is None or sshd.one("usepam").lower() == "yes":
        return None
    if not sshd.one("usepam") and (sshd.unread or sshd.from_files):
        return None
    return msg(
        "The SSH server does not use PAM (UsePAM is {value}): failed logins over SSH never lock",
        value=shortened(sshd.one("usepam") or "-"),
    )


def _elsewhere(sshd: Sshd | None) -> Message | None:
    """That sshd may not use PAM, or another PAM service (PAMServiceName, OpenSSH 9.8)."""
    if sshd and sshd.from_files and not sshd.one("usepam"):
        return msg("Whether the SSH server uses PAM is not known: no file sets UsePAM")
    name = sshd.one("pamservicename") if sshd else ""
    if name in ("", "sshd"):
        return None
    return msg("The SSH server uses the PAM service {name}, which was not checked",
               name=shortened(name))  # fmt: skip


def _without(pam: Pam | None, over_ssh: Message | None, expected: Message) -> Judgement:
    """The judgement that holds without the settings of faillock, or without the PAM stacks."""
    try:
        never = [service for service in entrances(pam) if _never(pam, service)] if pam else []
    except Unresolved:
        never = []
    detail = present(*(_details(service, None)[0] for service in never), over_ssh)
    if detail:
        return failed(*detail, expected=expected)
    return undetermined(SETTINGS_UNREAD if pam else _STACKS_UNREAD, expected=expected)


_STACKS_UNREAD = msg("It depends on the PAM stacks, which were not read")


def _never(pam: Pam, service: str) -> bool:
    """Whether no failed login through `service` is ever counted, whatever the settings are."""
    ways_in = list(paths(stack(pam, service, "auth"), wrong_password))
    return not any(_counted(way, one) for way in ways_in for one in (("pam_faillock.so",), _TALLY))


@check(
    "linux.login-lockout",
    needs=(
        known_or_absent(PAM),
        known_or_absent(optional(FAILLOCK)),
        known_or_absent(optional(SSHD_SETTINGS)),
        ELSEWHERE,
    ),
    severity=Severity.HIGH,
    version=8,
    remedy=msg(
        "Enable faillock (authselect enable-feature with-faillock, or pam-auth-update) and set "
        "deny, unlock_time and fail_interval in /etc/security/faillock.conf"
    ),
)
def login_lockout(
    pam: Pam | Absent,
    conf: Settings | Absent | None,
    sshd: Sshd | Absent | None,
    sources: Sources | Absent,
    *,
    max_deny: Annotated[int, Down] = 5,
    min_unlock: Annotated[int, Up] = 300,
    min_interval: Annotated[int, Up] = 300,
) -> Judgement:
    """Repeated failed logins lock an account, on the console and over SSH."""
    expected = msg(
        "locked after at most {deny} failures within at least {interval} s, "
        "for at least {unlock} s",
        deny=max_deny,
        interval=min_interval,
        unlock=min_unlock,
    )
    without = _over_ssh(known(sshd))
    if isinstance(pam, Absent) or isinstance(conf, Absent):
        return _without(known(pam), without, expected)
    try:
        values = conf.values if conf else {}
        found = {service: locks_of(pam, service, values) for service in entrances(pam)}
    except Unresolved as error:
        return undetermined(error.detail, expected=expected)
    least = _Least(deny=max_deny, unlock=min_unlock, interval=min_interval)
    elsewhere = _elsewhere(known(sshd))
    judgement = _by_locks(found, least, present(without), present(elsewhere), expected)
    return unless_more_sources(judgement, sources, "passwd")


class _Least(Struct, frozen=True, kw_only=True):
    """What a lock has to be like: at most `deny`, at least the others."""

    deny: int
    unlock: int
    interval: int


def _by_locks(
    found: dict[str, set[Lock | None]],
    least: _Least,
    bad: tuple[Message, ...],
    doubts: tuple[Message, ...],
    expected: Message,
) -> Judgement:
    """What the locks of each service come to, beside what else is `bad` or doubtful."""
    detail = _all_details(found)
    verdicts = [
        {_good(k, least.deny, least.unlock, least.interval) for k in locks}
        for locks in found.values()
    ]
    if {False} in verdicts or bad:
        return failed(*detail, *bad, expected=expected)
    if {True, False} in verdicts:
        depends = msg("Whether the lock takes effect depends on the results of other PAM modules")
        return undetermined(*detail, depends, expected=expected)
    spared = {k.admins for locks in found.values() for k in locks if k and _spared(k, least.unlock)}
    spares = msg(
        "Members of these groups are exempt from the lock, as root is: {names}",
        names=capped(spared),
    )
    if spared or doubts:
        return undetermined(*detail, *present(spares if spared else None), *doubts,
                            expected=expected)  # fmt: skip
    return passed(*detail, expected=expected)


def _all_details(found: dict[str, set[Lock | None]]) -> list[Message]:
    return [
        detail
        for service, locks in found.items()
        for lock in sorted(locks, key=lambda k: (k is not None, str(k)))
        for detail in _details(service, lock)
    ]


FACTS = (FAILLOCK,)
CHECKS = (login_lockout,)
