"""Settings of the running kernel that make attacks harder."""

from __future__ import annotations

import re

from audit_core.model import Answer, Judgement
from audit_core.sdk import ParseError, Severity, check, expect, fact, msg, undetermined
from audit_linux.system._common import capped, script

KEYS = (
    "kernel.randomize_va_space", "kernel.dmesg_restrict", "kernel.kptr_restrict",
    "kernel.yama.ptrace_scope", "kernel.core_pattern", "fs.suid_dumpable",
    "fs.protected_hardlinks", "fs.protected_symlinks", "net.ipv4.tcp_syncookies",
    "net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.default.accept_redirects", "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.send_redirects", "net.ipv6.conf.all.accept_redirects",
    "net.ipv6.conf.all.disable_ipv6",
)  # fmt: skip


def parse_sysctl(answer: Answer) -> dict[str, str]:
    """Values by key; a key that this kernel does not have is missing."""
    values: dict[str, str] = {}
    for line in answer.lines:
        match = re.fullmatch(r"(\d) ([a-z0-9_.]{1,80}) ?(.*)", line, re.ASCII)
        if match is None or match[2] not in KEYS or match[2] in values:
            raise ParseError(f"not a setting: {line[:80]!r}")
        if match[1] != "0":
            raise ParseError(f"{match[2]} exists and cannot be read")
        values[match[2]] = match[3].strip()
    if "kernel.randomize_va_space" not in values:
        raise ParseError("the kernel's settings were not read to the end")
    return values


# /proc/sys is what sysctl itself reads; keys hold no `/`, so `.` and `/` map one to one.
SYSCTL = fact(
    "linux.sysctl",
    dict[str, str],
    ask=script(
        f"for k in {' '.join(KEYS)}; do p=/proc/sys/$(echo $k | tr . /); [ -e $p ] || continue; "
        'if v=$(cat $p 2>/dev/null); then printf "0 %s %s\\n" "$k" "$v"; '
        'else echo "1 $k"; fi; done'
    ),
    parse=parse_sysctl,
)

# Value sets from CIS Debian 12 / RHEL 9 sections 1.5 and 3.3; 2 is full randomisation.
WANTED: dict[str, tuple[str, ...]] = {
    "kernel.randomize_va_space": ("2",),
    "fs.protected_hardlinks": ("1",),
    "fs.protected_symlinks": ("1",),
    "net.ipv4.tcp_syncookies": ("1", "2"),
    "net.ipv4.conf.all.accept_redirects": ("0",),
    "net.ipv4.conf.all.accept_source_route": ("0",),
    "net.ipv6.conf.all.accept_redirects": ("0",),
}


@check(
    "linux.kernel-hardening",
    needs=SYSCTL,
    severity=Severity.LOW,
    remedy=msg("Set the values in /etc/sysctl.d and run sysctl --system"),
)
def kernel_hardening(
    sysctl: dict[str, str], *, keys: frozenset[str] = frozenset(WANTED)
) -> Judgement:
    """The kernel randomises addresses and refuses redirects and source routes."""
    unknown = keys - set(WANTED)
    if unknown:
        return undetermined(msg("No value is set down for {keys}", keys=capped(unknown)))
    seen = {key: sysctl[key] for key in keys if key in sysctl}
    wrong = [f"{k} = {v}" for k, v in seen.items() if v not in WANTED[k]]
    said = msg("{settings}; not as expected: {wrong}",
               settings=capped(f"{k} = {v}" for k, v in seen.items()),
               wrong=capped(wrong) or ("-",))  # fmt: skip
    wanted = capped(f"{k} = {'/'.join(WANTED[k])}" for k in keys)
    return expect(not wrong, said=said, expected=msg("{settings}", settings=wanted))


FACTS = (SYSCTL,)
CHECKS = (kernel_hardening,)
