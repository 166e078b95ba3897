"""Programs that differ from what their packages brought.

`dpkg --verify` and `rpm -V` read each file and compare its digest with the package database on the
host: whoever changed the database, too, is not found. Without root, files that only root may read
are left out. Packages that are not installed are passed over by both. Both print a line for each
file that differs: nine marks, `5` for another digest, `?` for what could not be read, then `c` for
a configuration file; or `missing`. Sources: dpkg(1), rpm(8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Command,
    Judgement,
    Message,
    ParseError,
    Partial,
    Privilege,
    Provider,
    Severity,
    Target,
    Values,
    capped,
    check,
    fact,
    failed,
    msg,
    partial,
    passed,
    present,
    provider,
    read_rows,
    undetermined,
    verbatim,
)


class Differing(Struct, frozen=True, kw_only=True):
    """A file that is not as its package brought it. `config`: a file that is meant to be edited."""

    path: str
    marks: str
    config: bool = False

    @property
    def changed(self) -> bool:
        """Whether the content of the file differs from the package."""
        return "5" in self.marks

    @property
    def unread(self) -> bool:
        """Whether the content of the file could not be compared."""
        return not self.changed and self.marks[2:3] == "?"


class Verified(Struct, frozen=True, kw_only=True):
    """What differs in the packages that were compared; `whole`: in all that are installed."""

    rows: tuple[Differing, ...]
    whole: bool = False


# What intruders replace: programs that show processes, files and connections, that log in and give
# rights, that record, and the libraries that these load.
_DPKG = (
    "apt", "auditd", "bash", "coreutils", "cron", "dash", "dpkg", "findutils", "grep", "init",
    "iproute2", "kmod", "login", "lsof", "mount", "net-tools", "openssh-client", "openssh-server",
    "openssh-sftp-server", "passwd", "polkitd", "procps", "psmisc", "rsyslog", "sed", "sudo",
    "syslog-ng-core", "systemd", "tar", "udev", "util-linux",
)  # fmt: skip
# Of these several architectures may be installed, and dpkg refuses a name that means both.
_DPKG_LIBRARIES = ("libc6", "libpam-modules", "libpam0g", "libaudit1", "libssl3", "libssl3t64")
_ARCHITECTURES = ("amd64", "arm64", "loong64", "i386")
_RPM = (
    "audit", "audit-libs", "bash", "coreutils", "cronie", "dnf", "findutils", "glibc", "grep",
    "iproute", "iproute2", "kmod", "lsof", "net-tools", "openssh", "openssh-clients",
    "openssh-server", "openssl-libs", "pam", "passwd", "polkit", "procps", "procps-ng", "psmisc",
    "rpm", "rsyslog", "sed", "shadow", "shadow-utils", "sudo", "syslog-ng", "systemd",
    "systemd-udev", "tar", "util-linux", "util-linux-core", "yum", "zypper",
)  # fmt: skip
_LOW = ("/usr/bin/nice", "-n", "19")
_DPKG_ARGV = (*_LOW, "/usr/bin/dpkg", "--verify")
_RPM_ARGV = (*_LOW, "/usr/bin/rpm", "-V", "--nodeps", "--noscripts")
_CORE = {
    _DPKG_ARGV: (*_DPKG, *(f"{n}:{a}" for n in _DPKG_LIBRARIES for a in _ARCHITECTURES)),
    _RPM_ARGV: _RPM,
}
_EVERY = {_DPKG_ARGV: (), _RPM_ARGV: ("-a",)}
# The list takes less than a second of CPU. dpkg also reads configuration files, whatever they are:
# on a host where one of them is a device it would read until it is ended.
_CORE_S = 45

_ROW = re.compile(
    r"(missing|[.?A-Z0-9]{8,10})\s+(?:([a-z]) )?\s*(/[^\0]*?)( \((?:Permission denied|[^()]*)\))?"
)
_NOT_THERE = re.compile(r"package \S+ is not installed")


def _row(line: str) -> Differing:
    found = _ROW.fullmatch(line)
    if found is None:
        raise ParseError(msg("not a file that differs: {line}", line=verbatim(line)))
    marks = "?" * 9 if found[4] and found[1] == "missing" else found[1]
    return Differing(path=found[3], marks=marks, config=found[2] == "c")


def parse_verified(answer: Answer, *, whole: bool = False) -> Verified | Partial:
    """The lines of `dpkg --verify` or `rpm -V`; none where nothing differs."""
    lines = [line for line in answer.lines if line and not _NOT_THERE.fullmatch(line)]
    rows, problems = read_rows(enumerate(lines, 1), _row)
    if answer.truncated:
        problems.append(msg("More files differ than fit into one answer"))
    return partial(Verified(rows=tuple(rows), whole=whole), problems)


def _asked(argv: tuple[str, ...], privilege: Privilege) -> Callable[[Target], Command]:
    def ask(target: Target) -> Command:
        names, limit_s = (_EVERY, 300) if _every(target) else (_CORE, _CORE_S)
        # rpm ends with the number of files that differ, at most 254.
        return Command(argv=(*argv, *names[argv]), privilege=privilege, ok=tuple(range(255)),
                       timeout_s=limit_s, limit=1 << 20, partial_ok=True)  # fmt: skip

    return ask


def _every(target: Target) -> bool:
    return target.settings.get("verify_all_packages") is True


def _parse(answer: Answer) -> Verified | Partial:
    return parse_verified(answer, whole=_every(answer.target))


def _providers() -> Iterator[Provider]:
    for argv, manager in ((_DPKG_ARGV, ("apt",)), (_RPM_ARGV, ("dnf", "yum", "zypper"))):
        for privilege, root in ((Privilege.ROOT, "yes"), (Privilege.USER, "no")):
            yield provider(_asked(argv, privilege), _parse, package_manager=manager, root=root)


VERIFIED = fact("linux.package-integrity", Verified, kind="host", providers=tuple(_providers()))

# Not in it: units, rules and settings below /usr/lib that administrators edit in place.
_PROGRAM = re.compile(
    r"(?:/usr)?/(?:s?bin|libexec)/.*|(?:/usr)?/lib\w*/(?:.*/)?[^/]+\.so[.\d]*"
    r"|(?:/usr)?/lib\w*/(?:openssh|ssh|sudo|polkit-1|policykit-1)/.*"
    r"|(?:/usr)?/lib/systemd/systemd[\w-]*"
)


@check(
    "linux.package-integrity",
    needs=VERIFIED,
    severity=Severity.HIGH,
    version=2,
    remedy=msg(
        "Find out who changed the named programs; install their packages again from a source that "
        "is trusted, or the host"
    ),
)
def package_integrity(verified: Verified) -> Judgement:
    """The programs of the system are those that their packages brought."""
    expected = msg("no program or library that differs from its package")
    rows = [row for row in verified.rows if not row.config]
    programs = [row for row in rows if _PROGRAM.fullmatch(row.path)]
    if changed := [row.path for row in programs if row.changed]:
        detail = msg("{count} programs or libraries differ from their packages: {names}",
                     count=len(changed), names=capped(changed))  # fmt: skip
        return failed(detail, expected=expected)
    if doubts := _doubts(rows, programs):
        return undetermined(*doubts, expected=expected)
    whole = msg("No program differs from the package database of this host (all packages)")
    core = msg("No program differs from the package database of this host (packages of programs "
               "for logins, privileges, status and logs)")  # fmt: skip
    return passed(whole if verified.whole else core, expected=expected)


def _doubts(rows: list[Differing], programs: list[Differing]) -> tuple[Message, ...]:
    """What may hide a changed program: files that are missing, were not compared, or differ."""
    other = [row.path for row in rows if row.changed]
    return present(
        _unless_empty(msg("Missing, though their packages are installed: {names}",
                  names=_paths(row for row in programs if row.marks == "missing"))),
        _unless_empty(msg("Could not be compared, for which root is needed: {names}",
                  names=_paths(row for row in programs if row.unread))),
        _unless_empty(msg("Other files of packages that were changed: {names}",
                          names=capped(other))),
    )  # fmt: skip


def _paths(rows: Iterator[Differing]) -> Values:
    return capped(row.path for row in rows)


def _unless_empty(detail: Message) -> Message | None:
    return detail if detail.args.get("names") else None


FACTS = (VERIFIED,)
CHECKS = (package_integrity,)
