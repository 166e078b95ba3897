"""Where log daemons send records, and how their set-up files are read."""

from __future__ import annotations

import ipaddress
import re

from msgspec import Struct

from audit_linux.logs.journald import JournalConf
from audit_linux.logs.routes import Route


class Forward(Struct, frozen=True, kw_only=True):
    """One rule that sends records away. `every`: it covers the records about logins.

    `port`: the daemon keeps a TCP connection to that port; empty where it does not.
    """

    target: str
    every: bool
    file: str
    port: str = ""


class Forwards(Struct, frozen=True, kw_only=True):
    """The forwarding of one daemon, the includes that were not read, and other ways out.

    `others` names outputs whose targets are not read here, such as message queues. `routes` tells
    where sample records of the host go, `sudo` those of sudo. `inputs` are the ways in which it
    gets them, `burst` how many it takes of a program in an interval, None without a limit.
    """

    forwards: tuple[Forward, ...]
    routes: tuple[Route, ...] = ()
    sudo: tuple[Route, ...] = ()
    inputs: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    burst: int | None = None

    def hears(self, journal: JournalConf | None) -> bool:
        """False where only journald, set as `journal`, could give it records, and does not."""
        return journal is None or not journal.silent or bool({*self.inputs} - _SERVED)


# Inputs of rsyslog and syslog-ng that get what journald hands over, and those of the kernel. Others
# read the journal, or a socket of their own.
_SERVED = {"imuxsock", "imklog", "imkmsg", "systemd-syslog", "kmsg"}
_LOCAL = re.compile(
    r"localhost[46]?(\.localdomain[46]?)?|ip6-(localhost|loopback)|.*\.localhost|127(\.\d{1,3}){1,3}",
    re.ASCII,
)


def is_local(target: str, own: str | None) -> bool:
    """True when `target` is the host itself, which the inventory knows by the address `own`."""
    name = target.strip("[]").lower()
    if not name or name == (own or "").lower() or _LOCAL.fullmatch(name):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


# A comment starts a word: `/etc/rsyslog.d/*.conf` holds none.
_SPECIAL = re.compile(r'["#]|(?<!\S)/\*')
STRING = re.compile(r'"[^"\n]*"')


def uncomment(text: str) -> str:
    """`text` without `#` and `/* */` comments; strings (within a line) are left alone."""
    kept, at = [], 0
    while match := _SPECIAL.search(text, at):
        kept.append(text[at : match.start()])
        at = match.end()
        if match[0] == '"':
            string = STRING.match(text, match.start())
            at = string.end() if string else at
            kept.append(text[match.start() : at])
        else:
            end = text.find("\n" if match[0] == "#" else "*/", at)
            at = len(text) if end < 0 else end + (0 if match[0] == "#" else 2)
    return "".join((*kept, text[at:]))
