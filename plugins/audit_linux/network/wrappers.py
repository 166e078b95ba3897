"""Whether the TCP wrappers keep clients from the SSH server: hosts_access(5), hosts_options(5).

`daemons : clients : options`, lists parted by blanks and commas, EXCEPT within them; a backslash at
the end of a line goes on, `#` begins a comment at the start of a line only. The first line of
hosts.allow that fits lets in (or refuses, by the option `deny`), then the first of hosts.deny
refuses; whom no line names is let in. What stands behind the last end of a line is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import Absent, Answer, FileStatus, ReadFiles, Reason, capped, fact, msg

_ALLOW, _DENY = "/etc/hosts.allow", "/etc/hosts.deny"
_SERVER = "sshd"


class _Rule(Struct, frozen=True, kw_only=True):
    daemons: tuple[str, ...]
    clients: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def certain(self) -> bool:
        """Whether the line fits every connection to the SSH server."""
        served = "all" in self.daemons or _SERVER in self.daemons
        return served and "all" in self.clients and "except" not in self.daemons + self.clients

    @property
    def concerns(self) -> bool:
        """Whether the line may fit a connection to the SSH server."""
        return any(word.split("@")[0] in ("all", _SERVER) for word in self.daemons)

    @property
    def refuses(self) -> bool:
        """Whether an option refuses the client, or starts another program for it."""
        return any(re.match(r"\s*(?:deny\b|twist\b|aclexec\b)", o) for o in self.options)


def _list(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in re.split(r"[\s,]+", text) if word)


def _rules(text: str) -> Iterator[_Rule]:
    for line in re.sub(r"\\\r?\n", "", text).split("\n")[:-1]:
        # a colon in brackets is part of an address of IPv6, one behind a backslash of an option
        parts = re.split(r"(?<!\\):(?![^\[]*\])", line)
        if line.strip() and not line.startswith("#") and len(parts) > 1:
            yield _Rule(
                daemons=_list(parts[0]), clients=_list(parts[1]), options=tuple(parts[2:])
            )  # fmt: skip


def limits(allow: str, deny: str) -> bool:
    """Whether the texts of both files may keep some client from the SSH server."""
    for rule in filter(lambda rule: rule.concerns, _rules(allow)):
        if rule.refuses:
            return True
        if rule.certain:
            return False
    return any(
        rule.concerns and not any(re.match(r"\s*allow\b", o) for o in rule.options)
        for rule in _rules(deny)
    )


def parse_wrappers(answer: Answer) -> bool | Absent:
    """Whether hosts.allow or hosts.deny may keep clients from the SSH server.

    That the server looks at them is not known: libwrap is linked to it on Debian and SUSE.
    """
    unread = [f.path for f in answer.files if f.status not in (FileStatus.READ, *_GONE)]
    if unread:
        detail = msg("Cannot read {paths}", paths=capped(unread))
        return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
    texts = {f.path: f.text for f in answer.files if f.status is FileStatus.READ}
    return limits(texts.get(_ALLOW, ""), texts.get(_DENY, ""))


_GONE = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK, FileStatus.NOT_REGULAR)
WRAPPERS = fact(
    "linux.tcp-wrappers",
    bool,
    kind="host",
    ask=ReadFiles(paths=(_ALLOW, _DENY)),
    parse=parse_wrappers,
)
FACTS = (WRAPPERS,)
