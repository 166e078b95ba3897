"""Mandatory access control: SELinux or AppArmor, and whether it is enforced."""

from __future__ import annotations

from msgspec import Struct

from audit_core.sdk import (
    Absent,
    Answer,
    Command,
    Judgement,
    ParseError,
    Privilege,
    Reason,
    Severity,
    check,
    expect,
    fact,
    msg,
    provider,
)

_SELINUX = "/sys/fs/selinux/enforce"
_APPARMOR = "/sys/kernel/security/apparmor/profiles"


class Mandatory(Struct, frozen=True, kw_only=True):
    """`selinux` is enforcing, permissive or off; the counts are AppArmor's loaded profiles."""

    selinux: str
    enforced: int
    loaded: int


def parse_mandatory(answer: Answer) -> Mandatory | Absent:
    """What the kernel says; a missing file means that this mechanism is not active."""
    for complaint in answer.stderr.split(b"\n"):
        if complaint.endswith(b"Permission denied"):
            said = msg("The kernel's list of AppArmor profiles needs root to read")
            return Absent(reason=Reason.NOT_PERMITTED, said=said)
        if b"grep: /" in complaint and not complaint.endswith(b"No such file or directory"):
            raise ParseError(f"grep complained: {complaint[:120]!r}")
    return _mandatory(answer.lines)


def _mandatory(lines: list[str]) -> Mandatory:
    selinux, enforced, loaded = "off", 0, 0
    for line in lines:
        path, _, value = line.partition(":")
        if path == _SELINUX and value in ("0", "1"):
            selinux = "enforcing" if value == "1" else "permissive"
        elif path == _APPARMOR and value.endswith(")"):
            loaded += 1
            enforced += value.endswith((" (enforce)", " (kill)"))
        else:
            raise ParseError(f"not an answer about access control: {line[:120]!r}")
    return Mandatory(selinux=selinux, enforced=enforced, loaded=loaded)


MANDATORY = fact(
    "linux.mandatory-access-control",
    Mandatory,
    providers=(
        provider(
            Command(argv=("grep", "-H", ".", _SELINUX), ok=(0, 1, 2)),
            parse_mandatory,
            os_family="rhel",
        ),
        provider(
            Command(
                argv=("/usr/bin/grep", "-H", ".", _SELINUX, _APPARMOR),
                privilege=Privilege.ROOT,
                ok=(0, 1, 2),
            ),
            parse_mandatory,
        ),
    ),
)


@check(
    "linux.mandatory-access-control",
    needs=MANDATORY,
    severity=Severity.MEDIUM,
    remedy=msg("Enable SELinux in enforcing mode, or AppArmor with profiles in enforce mode"),
)
def mandatory_access_control(mandatory: Mandatory) -> Judgement:
    """Mandatory access control is enforced."""
    return expect(
        mandatory.selinux == "enforcing" or mandatory.enforced > 0,
        said=msg(
            "SELinux is {selinux}; {enforced} of {loaded} AppArmor profiles are enforced",
            selinux=mandatory.selinux,
            enforced=mandatory.enforced,
            loaded=mandatory.loaded,
        ),
        expected=msg("SELinux enforcing, or AppArmor with enforced profiles"),
    )


FACTS = (MANDATORY,)
CHECKS = (mandatory_access_control,)
