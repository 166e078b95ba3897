"""Installed packages that a server does not need."""

from __future__ import annotations

import re
from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    ParseError,
    Partial,
    Severity,
    Superset,
    capped,
    check,
    expect,
    fact,
    msg,
    partial,
    provider,
    read_rows,
    verbatim,
)
from audit_core.model import Answer, Command, Judgement, Target
from audit_linux.declared import declared

_DPKG = re.compile(r"[a-z]([a-zA-Z])[R ]? ?\t([A-Za-z0-9.+_-]{1,200})", re.ASCII)
_NAME = re.compile(r"()([A-Za-z0-9.+_~^-]{1,200})", re.ASCII)


def _packages(answer: Answer, form: re.Pattern[str]) -> frozenset[str] | Partial:
    """The installed packages among the lines, each in `form`: state and name."""

    def read(line: str) -> re.Match[str]:
        row = form.fullmatch(line)
        if row is None:
            raise ParseError(msg("not a package: {line}", line=verbatim(line)))
        return row

    rows, problems = read_rows(enumerate(answer.lines, 1), read)
    # n: not installed; c: only set-up files are left.
    found = frozenset(row[2] for row in rows if row[1] not in ("n", "c"))
    if not found:
        raise ParseError(msg("no package is installed"))
    return partial(found, problems)


def parse_dpkg(answer: Answer) -> frozenset[str] | Partial:
    """Names of packages that are unpacked or installed (`ii`, `hi`, `iF` …), without versions."""
    return _packages(answer, _DPKG)


def parse_rpm(answer: Answer) -> frozenset[str] | Partial:
    """The names of installed packages, from `rpm -qa`."""
    return _packages(answer, _NAME)


_RPM = Command(argv=("rpm", "-qa", "--qf", "%{NAME}\\n"), timeout_s=60, limit=4 << 20)
PACKAGES = fact(
    "linux.packages",
    frozenset[str], kind="host",
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
    version=3,
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
               count=len(packages), found=capped(found),
               needed=capped(kept))  # fmt: skip
    expected = msg("none of {count} names, or declared in needed_packages", count=len(denied))
    return expect(not found - kept, detail=detail, expected=expected)


FACTS = (PACKAGES,)
CHECKS = (needless_packages,)
