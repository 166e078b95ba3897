"""Memory that is left behind in core dumps of crashed programs."""

from __future__ import annotations

from msgspec import structs

from audit_core.api.sdk import (
    Absent,
    Judgement,
    Message,
    Severity,
    capped,
    check,
    failed,
    known_or_absent,
    msg,
    passed,
    undetermined,
)
from audit_linux.pam import PAM, Pam, Rule, Unresolved, accepted, entrances, paths, stack
from audit_linux.system import core_dumps as dumps
from audit_linux.system.core_dumps import DUMP_SETTINGS, DumpSettings
from audit_linux.system.kernel import SYSCTL

# An empty pattern is none: with kernel.core_uses_pid the kernel writes hidden files (core(5)).
_NOWHERE = ("|/bin/false", "|/usr/bin/false", "|/bin/true", "|/usr/bin/true", "/dev/null")


@check(
    "linux.core-dumps",
    needs=(SYSCTL, known_or_absent(DUMP_SETTINGS), known_or_absent(PAM)),
    severity=Severity.LOW,
    version=7,
    remedy=msg(
        "Set fs.suid_dumpable=0 and kernel.core_pattern=|/bin/false, or Storage=none in "
        "coredump.conf"
    ),
)
def core_dumps(
    sysctl: dict[str, str], settings: DumpSettings | Absent, pam: Pam | Absent
) -> Judgement:
    """Programs that handle credentials leave no memory dump on disk."""
    pattern, suid = sysctl.get("kernel.core_pattern"), sysctl.get("fs.suid_dumpable")
    expected = msg("fs.suid_dumpable 0 and a core_pattern that keeps no dump")
    if pattern is None or suid is None:
        return undetermined(
            msg("This kernel does not provide its dump settings"), expected=expected
        )
    detail = msg("fs.suid_dumpable {suid}, core_pattern {pattern}", suid=suid, pattern=pattern)
    if suid != "0":
        return failed(detail, expected=expected)
    if pattern in _NOWHERE:
        return passed(detail, expected=expected)
    if isinstance(settings, Absent):
        return undetermined(detail, expected=expected)
    return _kept(pattern, _in_force(settings, pam), detail, expected)


def _in_force(settings: DumpSettings, pam: Pam | Absent) -> DumpSettings:
    """The settings without the limits of logins where PAM does not surely set them."""
    if settings.logins and not (isinstance(pam, Pam) and _limited(pam)):
        return structs.replace(settings, logins=_NO_MODULE)
    return settings


_NO_MODULE = "- (no pam_limits)"


def _limited(pam: Pam) -> bool:
    """Whether pam_limits runs in each session over SSH and on the console, with its usual files."""
    try:
        every = [w for s in entrances(pam) for w in paths(stack(pam, s, "session"), accepted)]
    except Unresolved:
        return False
    return all(any(map(_is_limits, way)) for way in every)


def _is_limits(rule: Rule) -> bool:
    return rule.module == "pam_limits.so" and rule.option("conf") is None


def _kept(pattern: str, settings: DumpSettings, detail: Message, expected: Message) -> Judgement:
    """The judgement where the kernel hands dumps on, or writes them."""
    by_systemd = pattern.startswith("|") and "systemd-coredump" in pattern.split()[0]
    if by_systemd and settings.storage == "none":
        none = msg("systemd-coredump keeps none (Storage=none)")
        return passed(detail, none, expected=expected)
    unset = msg("not set")
    limits = msg("Size limit of dumps: logins {logins}, services {services}",
                 logins=settings.logins or unset,
                 services=settings.services or unset)  # fmt: skip
    others = settings.others
    if others:
        more = msg("Accounts and groups with other limits: {names}", names=capped(others))
        return undetermined(detail, limits, more, expected=expected)
    no_logins, no_services = settings.logins == "0", dumps.none_at_all(settings.services)
    if no_logins and no_services and (by_systemd or not pattern.startswith("|")):
        # `*` is everybody but root.
        root = msg("Dumps are limited to nothing, but for logins of root")
        return passed(detail, limits, root, expected=expected)
    if by_systemd and not no_logins and not no_services:
        kept = msg("systemd-coredump keeps them (Storage={value})",
                   value=settings.storage or "external")  # fmt: skip
        return failed(detail, kept, limits, expected=expected)
    return undetermined(detail, limits, expected=expected)


CHECKS = (core_dumps,)
