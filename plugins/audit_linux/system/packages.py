"""What is installed that a server does not need."""

from __future__ import annotations

import re
from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    ParseError,
    Severity,
    Superset,
    capped,
    check,
    expect,
    fact,
    msg,
    provider,
    verbatim,
)
from audit_core.model import Answer, Command, Judgement, Target
from audit_linux.declared import declared


def parse_dpkg(answer: Answer) -> frozenset[str]:
    """Names of packages that are unpacked or installed (`ii`, `hi`, `iF` …), without versions."""
    found = set()
    for line in answer.lines:
        match = re.fullmatch(
            r"([a-z])([a-zA-Z])([R ]?) ?\t([A-Za-z0-9.+_-]{1,200})", line, re.ASCII
        )
        if match is None:
            raise ParseError(msg("not a package: {line}", line=verbatim(line)))
        # Second letter n: not installed; c: only set-up files are left.
        if match[2] not in ("n", "c"):
            found.add(match[4])
    if not found:
        raise ParseError(msg("no package is installed"))
    return frozenset(found)


def parse_rpm(answer: Answer) -> frozenset[str]:
    """Names of installed packages."""
    names = set(answer.lines)
    if not names or not all(re.fullmatch(r"[A-Za-z0-9.+_~^-]{1,200}", n, re.ASCII) for n in names):
        raise ParseError(msg("not a list of packages"))
    return frozenset(names)


_RPM = Command(argv=("rpm", "-qa", "--qf", "%{NAME}\\n"), timeout_s=60, limit=4 << 20)
PACKAGES = fact(
    "linux.packages",
    frozenset[str],
    providers=(
        provider(
            Command(argv=("dpkg-query", "-W", "-f=${db:Status-Abbrev}\\t${Package}\\n"),
                    limit=4 << 20),
            parse_dpkg, package_manager="apt",
        ),
        provider(_RPM, parse_rpm, package_manager=("dnf", "yum", "zypper")),
    ),
)  # fmt: skip

# Compilers, sniffers and scanners, plain-text clients, a graphical desktop.
NEEDLESS = frozenset({
    "gcc", "g++", "gcc-c++", "clang", "tcpdump", "wireshark", "wireshark-common", "wireshark-cli",
    "tshark", "nmap", "ettercap", "hydra", "john", "dsniff", "telnet", "telnetd",
    "inetutils-telnet", "rsh-client", "rsh", "talk", "ftp", "tftp", "tnftp", "nis", "ypbind",
    "xserver-xorg-core", "xorg-x11-server-Xorg", "gnome-shell", "plasma-desktop", "xinetd",
    "telnet-server", "rsh-server", "tftp-server", "tftpd-hpa", "vsftpd",
})  # fmt: skip

_VERSION = re.compile(r"-?\d{1,3}(\.\d{1,3})?$")


@check(
    "linux.needless-packages",
    needs=(TARGET, PACKAGES),
    severity=Severity.LOW,
    version=2,
    remedy=msg("Remove what the server does not need, or declare it in needed_packages"),
)
def needless_packages(
    target: Target,
    packages: frozenset[str],
    *,
    denied: Annotated[frozenset[str], Superset] = NEEDLESS,
) -> Judgement:
    """No compiler, sniffer, plain-text client or desktop is installed without need."""
    needed = frozenset(declared(target, "needed_packages") or ())
    # Debian's gcc only points to gcc-12, which stays when gcc is removed; SUSE has gcc7.
    found = {name for name in packages if {name, _VERSION.sub("", name)} & denied}
    kept = {name for name in found if {name, _VERSION.sub("", name)} & needed}
    detail = msg("{count} packages; found: {found}; declared as needed: {needed}",
               count=len(packages), found=capped(found) or ("-",),
               needed=capped(kept) or ("-",))  # fmt: skip
    expected = msg("none of {count} names, or declared in needed_packages", count=len(denied))
    return expect(not found - kept, detail=detail, expected=expected)


FACTS = (PACKAGES,)
CHECKS = (needless_packages,)
