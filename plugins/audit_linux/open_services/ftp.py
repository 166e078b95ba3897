"""FTP servers that let `anonymous` in: vsftpd.conf(5), proftpd, pure-ftpd.

vsftpd: `name=value` without blanks around `=`; the last value holds; anonymous_enable is YES where
it is not set. proftpd: a block `<Anonymous …>` lets in, unless AnonRequirePassword is on.
pure-ftpd: NoAnonymous, a file with `yes` on Debian.
"""

from __future__ import annotations

import re

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service_files import (
    Service,
    ServiceFile,
    ServiceFiles,
    ServiceState,
    service_check,
    unread,
)

_YES = ("yes", "true", "1")
_VSFTPD = r"/etc/vsftpd\.conf|/etc/vsftpd/.*\.conf"
_PROFTPD = r"/etc/proftpd\.conf|/etc/proftpd/.*\.conf"
_PURE = r"/etc/pure-ftpd/conf/NoAnonymous|/etc/pure-ftpd(/pure-ftpd)?\.conf"


def _refused(file: ServiceFile) -> bool:
    """Whether vsftpd does not start with the file, so that what runs was told something else."""
    return any(line[:1] in (" ", "\t") and "=" in line for line in file.lines or ())


def _vsftpd(file: ServiceFile) -> bool:
    """Whether anonymous logins are on."""
    values = [
        line.partition("=")[2].strip().lower()
        for line in file.lines or ()
        if line.lower().startswith("anonymous_enable=")
    ]
    return not values or values[-1] in _YES


def _proftpd(file: ServiceFile) -> tuple[bool, bool]:
    """Whether the file has anonymous blocks, and whether all of them ask for something."""
    found, asked, inside = 0, 0, False
    for line in file.lines or ():
        words = line.split("#", 1)[0].split()
        head = words[0].lower() if words else ""
        if head == "<anonymous":
            found, inside = found + 1, True
        elif head == "</anonymous>":
            inside = False
        elif inside and _asks(head, " ".join(words[1:]).lower()):
            asked += 1
    return found > 0, asked >= found


def _asks(head: str, rest: str) -> bool:
    return (head == "anonrequirepassword" and rest == "on") or (
        head == "<limit" and "login" in rest
    )


def _pure(file: ServiceFile) -> bool:
    """Whether anonymous logins are on."""
    text = "\n".join(file.lines or ())
    if file.path.endswith("NoAnonymous"):
        return text.strip().lower() not in _YES
    values = re.findall(r"(?im)^\s*NoAnonymous\s+(\S+)", text)
    return not values or values[-1].lower() not in _YES


def _main(files: tuple[ServiceFile, ...], started: tuple[str, ...]) -> tuple[ServiceFile, ...]:
    """The files that servers read: those that the command lines name, or else the usual one."""
    named = tuple(f for f in files if f.path in started)
    usual = tuple(f for f in files if f.path in ("/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"))
    return named or usual


@service_check(
    "linux.ftp-anonymous",
    names=("vsftpd", "proftpd", "pure-ftpd"),
    ports=("21/tcp",),
    expected=msg("no anonymous logins"),
    remedy=msg("Set anonymous_enable=NO (vsftpd), remove <Anonymous> (proftpd), set NoAnonymous"),
)
def ftp_anonymous(files: ServiceFiles, service: Service) -> ServiceState:
    """The FTP server accepts no anonymous logins."""
    names = {p.name for p in service.processes or ()}
    vsftpd = _main(files.matching(_VSFTPD), service.words) if _may(names, "vsftpd") else ()
    proftpd = files.matching(_PROFTPD) if _may(names, "proftpd") else ()
    pure = files.matching(_PURE) if _may(names, "pure-ftpd") else ()
    certain: tuple[Message, ...] = ()
    if bad := _open_in(vsftpd, proftpd, pure):
        certain = (msg("Anonymous logins are on in {paths}", paths=capped(bad)),)
    doubts = unread((*vsftpd, *proftpd, *pure))
    if unsure := _unsure_in(vsftpd, proftpd):
        doubts += (msg("Check the settings for anonymous logins in {paths}", paths=capped(unsure)),)
    have = {"vsftpd": vsftpd, "proftpd": proftpd, "pure-ftpd": pure}
    if lacking := [name for name, found in have.items() if name in names and not found]:
        doubts += (msg("No configuration was found of {names}", names=capped(lacking)),)
    fine = _fine((*vsftpd, *proftpd, *pure))
    # Without a process it is not known which of the installed servers answers on port 21.
    return ServiceState(
        open=certain if names else (), doubts=doubts if names else certain + doubts, fine=fine
    )


def _fine(files: tuple[ServiceFile, ...]) -> Message | None:
    read = capped(f.path for f in files)
    return msg("No anonymous logins in {paths}", paths=read) if read else None


_Files = tuple[ServiceFile, ...]


def _open_in(vsftpd: _Files, proftpd: _Files, pure: _Files) -> list[str]:
    """The files that surely let anonymous in."""
    return [
        *(f.path for f in vsftpd if f.lines is not None and not _refused(f) and _vsftpd(f)),
        *(f.path for f in proftpd if f.lines is not None and _proftpd(f) == (True, False)),
        *(f.path for f in pure if f.lines is not None and _pure(f)),
    ]


def _unsure_in(vsftpd: _Files, proftpd: _Files) -> list[str]:
    """The files of which it is not known whether they let anonymous in."""
    asked = [f.path for f in proftpd if f.lines is not None and _proftpd(f) == (True, True)]
    return asked + [f.path for f in vsftpd if _refused(f)]


def _may(names: set[str], name: str) -> bool:
    """Whether `name` may be what runs: it does, or no process is known."""
    return not names or name in names


CHECKS = (ftp_anonymous,)
