"""Mandatory access control: SELinux or AppArmor, and whether it is enforced."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Judgement,
    ParseError,
    Privilege,
    Reason,
    Severity,
    check,
    fact,
    failed,
    msg,
    passed,
    provider,
    undetermined,
    verbatim,
)

_SELINUX = "/sys/fs/selinux/enforce"
_CONFIG = "/etc/selinux/config"
_APPARMOR = "/sys/kernel/security/apparmor/profiles"
_LSM = "/sys/kernel/security/lsm"
# Security modules that label nothing, or whose state is read above; any other may be a mandatory
# access control of its own, such as smack, tomoyo or the kysec of Kylin.
_KNOWN = frozenset({
    "capability", "lockdown", "landlock", "yama", "loadpin", "safesetid", "integrity", "ima", "evm",
    "bpf", "ipe", "selinux", "apparmor",
})  # fmt: skip


class Mandatory(Struct, frozen=True, kw_only=True):
    """`selinux` is enforcing, permissive or off; the counts are AppArmor's loaded profiles.

    `configured` is what SELinux starts with, empty where no file was read and `?` where it names no
    mode; `others` are security
    modules of the kernel whose state was not looked at.
    """

    selinux: str
    enforced: int
    loaded: int
    configured: str = ""
    others: tuple[str, ...] = ()


def parse_mandatory(answer: Answer) -> Mandatory | Absent:
    """What the kernel says; a missing file means that this mechanism is not active."""
    for complaint in answer.stderr.split(b"\n"):
        if complaint.endswith(b"Permission denied"):
            detail = msg("The kernel's list of AppArmor profiles needs root to read")
            return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
        if b"grep: /" in complaint and not complaint.endswith(b"No such file or directory"):
            raise ParseError(msg("grep reported an error: {line}", line=verbatim(complaint)))
    return _mandatory(answer.lines)


def _mandatory(lines: list[str]) -> Mandatory:
    selinux, configured, enforced, loaded = "off", "", 0, 0
    others: tuple[str, ...] = ()
    for line in lines:
        path, _, value = line.partition(":")
        if path == _SELINUX and value in ("0", "1"):
            selinux = "enforcing" if value == "1" else "permissive"
        elif path == _CONFIG:
            configured = _configured(value, configured)
        elif path == _LSM:
            others = tuple(sorted(set(value.split(",")) - _KNOWN))
        elif path == _APPARMOR and value.endswith(")"):
            loaded += 1
            enforced += value.endswith((" (enforce)", " (kill)"))
        else:
            raise ParseError(msg("not an answer about access control: {line}", line=verbatim(line)))
    return Mandatory(
        selinux=selinux, enforced=enforced, loaded=loaded, configured=configured, others=others
    )


_MODES = re.compile(r"SELINUX=\s*((?i:enforcing|permissive|disabled))")
_NO_MODE = "?"


def _configured(line: str, before: str) -> str:
    """What the configuration says up to this line: the first mode that libselinux understands.

    The name has no blanks around and its case matters; what stands behind the mode does not.
    """
    found = _MODES.match(line)
    return before if before not in ("", _NO_MODE) else found[1].lower() if found else _NO_MODE


MANDATORY = fact(
    "linux.mandatory-access-control",
    Mandatory,
    kind="host",
    providers=(
        provider(
            Command(argv=("grep", "-H", ".", _SELINUX, _CONFIG, _LSM), ok=(0, 1, 2)),
            parse_mandatory,
            os_family="rhel",
        ),
        *(
            provider(
                Command(
                    argv=(grep, "-H", ".", _SELINUX, _CONFIG, _LSM, _APPARMOR),
                    privilege=Privilege.ROOT,
                    ok=(0, 1, 2),
                ),
                parse_mandatory,
            )
            # /usr was not merged on Debian 11 and before
            for grep in ("/usr/bin/grep", "/bin/grep")
        ),
    ),
)


@check(
    "linux.mandatory-access-control",
    needs=MANDATORY,
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Enable SELinux in enforcing mode, or AppArmor with profiles in enforce mode"),
)
def mandatory_access_control(mandatory: Mandatory) -> Judgement:
    """Mandatory access control is enforced."""
    expected = msg("SELinux enforcing, or AppArmor with enforced profiles")
    detail = msg(
        "SELinux is {selinux}; {enforced} of {loaded} AppArmor profiles are enforced",
        selinux=mandatory.selinux,
        enforced=mandatory.enforced,
        loaded=mandatory.loaded,
    )
    if mandatory.enforced > 0:
        return passed(detail, expected=expected)
    if mandatory.selinux == "enforcing":
        if mandatory.configured in ("", "enforcing"):
            return passed(detail, expected=expected)
        later = msg("SELinux will be {mode} after the next start", mode=mandatory.configured)
        return undetermined(detail, later, expected=expected)
    if mandatory.others:
        more = msg("Security modules that were not checked: {names}", names=mandatory.others)
        return undetermined(detail, more, expected=expected)
    return failed(detail, expected=expected)


FACTS = (MANDATORY,)
CHECKS = (mandatory_access_control,)
