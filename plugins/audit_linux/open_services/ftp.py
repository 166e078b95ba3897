"""FTP servers that let `anonymous` in: vsftpd.conf(5), proftpd, pure-ftpd.

vsftpd: `name=value` without blanks around `=` and behind; the last value holds; anonymous_enable is
YES where it is not set. proftpd: a block `<Anonymous …>` with a User lets in, unless
AnonRequirePassword is on, logins are limited, or the shell of that user is none of /etc/shells
(RequireValidShell, on by default). pure-ftpd: NoAnonymous, a file with `yes` on Debian; one `yes`
is enough.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service import (
    Running,
    Service,
    ServiceState,
    about,
    options,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_YES = ("yes", "true", "1", "on")
_VSFTPD = r"/etc/vsftpd\.conf|/etc/vsftpd/.*\.conf"
_PROFTPD = r"/etc/proftpd\.conf|/etc/proftpd/.*\.conf"
_PURE = r"/etc/pure-ftpd/conf/NoAnonymous|/etc/pure-ftpd(/pure-ftpd)?\.conf"
_BOM = "\ufeff"


class Anonymous(enum.Enum):
    """What a file says of anonymous logins."""

    ON = "on"
    OFF = "off"
    UNSURE = "unsure"


def _vsftpd(file: ServiceFile) -> Anonymous:
    """vsftpd does not start with a line of another form; what runs was told something else."""
    lines = [line.lstrip(" \t") for line in file.lines or () if line[:1] != "#"]
    pairs = [_SETTING.fullmatch(line) for line in lines if line]
    settings = [(pair[1], (pair[2] or "").lower()) for pair in pairs if pair]
    values = [value for name, value in settings if name == "anonymous_enable"]
    few = {"userlist_enable", "userlist_deny"} <= {name for name, _ in settings}
    if not all(pairs) or not set(values) <= {*_ON, *_OFF}:
        return Anonymous.UNSURE
    on = not values or values[-1] in _ON
    return (Anonymous.UNSURE if few else Anonymous.ON) if on else Anonymous.OFF


_ON, _OFF = ("yes", "true", "1"), ("no", "false", "0")
_SETTING = re.compile(r"([a-z0-9_]+)=(\S(?:.*\S)?)?")


class _Block(Struct):
    """An `<Anonymous>` block of proftpd as far as it was read."""

    user: bool = False
    shell_off: bool = False
    kept_out: bool = False
    unsure: bool = False

    @property
    def anonymous(self) -> Anonymous:
        """Whether it lets in, where `shell_off` holds for the whole server, too."""
        if not self.user:
            return Anonymous.OFF
        doubt = self.kept_out or self.unsure or not self.shell_off
        return Anonymous.UNSURE if doubt else Anonymous.ON


def _proftpd(file: ServiceFile) -> Anonymous:
    blocks: list[_Block] = []
    around: list[str] = []
    outside = _Block()
    current = outside
    for line in re.sub(r"\\\n", " ", "\n".join(file.lines or ())).split("\n"):
        words = line.split("#", 1)[0].lower().split()
        head, rest = (words[0].removeprefix(_BOM), words[1:]) if words else ("", [])
        if head == "<anonymous":
            current = _Block(unsure=bool(around))
            blocks.append(current)
        elif head == "</anonymous>":
            current = outside
        elif head in ("<ifmodule", "<ifdefine", "<virtualhost"):
            around.append(head[1:])
        elif head in ("</ifmodule>", "</ifdefine>", "</virtualhost>"):
            around = around[:-1]
        else:
            _directive(current, head, rest)
    for block in blocks:
        block.shell_off |= outside.shell_off
        block.kept_out |= outside.kept_out
    found = {block.anonymous for block in blocks}
    return next((a for a in (Anonymous.ON, Anonymous.UNSURE) if a in found), Anonymous.OFF)


def _directive(block: _Block, head: str, rest: list[str]) -> None:
    if head == "user":
        block.user = True
    elif head == "requirevalidshell":
        block.shell_off = rest[:1] in (["off"], ["no"], ["false"], ["0"])
    elif head == "anonrequirepassword":
        block.kept_out |= rest[:1] == ["on"]
    elif head == "<limit":
        names = {word.strip(">") for word in rest}
        block.kept_out |= bool(names & {"login", "all"})


def _pure(file: ServiceFile) -> Anonymous:
    text = "\n".join(file.lines or ())
    if file.path.endswith("NoAnonymous"):
        return Anonymous.OFF if text.strip().lower() in _YES else Anonymous.ON
    values = re.findall(r"(?im)^[ \t]*NoAnonymous[ \t=]+(.*?)[ \t]*$", text)
    small = [value.lower() for value in values]
    # pure-ftpd does not start with any other word
    if any(value not in (*_YES, "no", "off", "0", "false") for value in small):
        return Anonymous.UNSURE
    return Anonymous.OFF if any(value in _YES for value in small) else Anonymous.ON


_SERVERS: dict[str, tuple[str, Callable[[ServiceFile], Anonymous]]] = {
    "vsftpd": (_VSFTPD, _vsftpd),
    "proftpd": (_PROFTPD, _proftpd),
    "pure-ftpd": (_PURE, _pure),
}


def _main(files: tuple[ServiceFile, ...], started: tuple[str, ...]) -> tuple[ServiceFile, ...]:
    """The files that vsftpd reads: those that the command lines name, or else the usual one."""
    named = tuple(f for f in files if f.path in started)
    usual = tuple(f for f in files if f.path in ("/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"))
    return named or usual


def _changing(process: Running, files: ServiceFiles) -> Iterator[str]:
    """Words of a command line that set something else than the files that were read.

    vsftpd takes files and `-oNAME=VALUE`, proftpd `-c FILE`; pure-ftpd writes over its own.
    """
    if process.name == "vsftpd":
        yield from (w for w in process.words if w.startswith("-o") or files.at(w) is None)
    if process.name == "proftpd":
        named = options(process.words, "-c", "--config")
        yield from (path for path in named if files.at(path) is None)


@service_check(
    "linux.ftp-anonymous",
    names=("vsftpd", "proftpd", "pure-ftpd"),
    ports=("21/tcp",),
    places=(
        "/etc/vsftpd.conf", "/etc/vsftpd", "/etc/proftpd.conf", "/etc/proftpd", "/etc/pure-ftpd",
        "/etc/pure-ftpd.conf",
    ),
    files=("*.conf", "NoAnonymous"),
    version=4,
    expected=msg("no anonymous logins"),
    remedy=msg("Set anonymous_enable=NO (vsftpd), remove <Anonymous> (proftpd), set NoAnonymous"),
)  # fmt: skip
def ftp_anonymous(files: ServiceFiles, service: Service) -> ServiceState:
    """The FTP server accepts no anonymous logins."""
    names = {p.name for p in service.processes or ()}
    changed = [word for p in service.processes or () for word in _changing(p, files)]
    own = {name: files.matching(pattern) for name, (pattern, _) in _SERVERS.items()
           if not names or name in names}  # fmt: skip
    if "vsftpd" in own:
        own["vsftpd"] = _main(own["vsftpd"], service.words)
    found_in = [(f.path, _SERVERS[name][1](f)) for name, group in own.items() for f in group
            if f.lines is not None]  # fmt: skip
    bad = [path for path, anonymous in found_in if anonymous is Anonymous.ON]
    unsure = [path for path, anonymous in found_in if anonymous is Anonymous.UNSURE]
    lacking = [name for name, found in own.items() if name in names and not found]
    certain = about((bad, msg("Anonymous logins are on in {paths}", paths=capped(bad))))
    rest = (
        (unsure, msg("Check the settings for anonymous logins in {paths}", paths=capped(unsure))),
        (lacking, msg("No configuration was found of {names}", names=capped(lacking))),
    )
    every = tuple(f for group in own.values() for f in group)
    # Without a process it is not known which of the installed servers answers on port 21.
    return ServiceState(
        open=certain if names else (), files=every, fine=_fine(every),
        overrides=about((changed, msg("Check the command line: {names}", names=capped(changed)))),
        doubts=(*(() if names else certain), *about(*rest)),
    )  # fmt: skip


def _fine(files: tuple[ServiceFile, ...]) -> Message | None:
    read = capped(f.path for f in files)
    return msg("No anonymous logins in {paths}", paths=read) if read else None


READERS = (ftp_anonymous,)
