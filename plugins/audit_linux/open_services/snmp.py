"""SNMP communities that everybody knows: snmpd.conf(5) of net-snmp.

Directives are read in any case, words part at blanks, quotes hold blanks, `#` begins a comment.
`rocommunity NAME [SOURCE …]` lets all addresses in without a source or with `default`. `com2sec`
names who may come with a community; it gives access only through `group` and `access`. A source is
an address, `ADDRESS/BITS`, `ADDRESS/MASK` or a name.
"""

from __future__ import annotations

import ipaddress
import re

from msgspec import Struct

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service import (
    ONLY_LOOPBACK,
    Service,
    ServiceState,
    about,
    is_loopback,
    not_identified,
    not_read,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_KNOWN = frozenset({"public", "private"})  # redaction leaves these two as they are
_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")


class Community(Struct, frozen=True, kw_only=True):
    """A community that is let in: the directive, its name, and from where."""

    directive: str
    name: str
    source: str

    @property
    def text(self) -> str:
        """The directive for a reader: `rwcommunity public default`."""
        return f"{self.directive} {self.name} {self.source}"

    @property
    def few(self) -> bool:
        """Whether it only reads, and only for a few addresses, as of management stations."""
        return not self.directive.startswith("rw") and _few(self.source)


# A network of management stations is not larger; one of 10.0.0.0/8 is everybody on the inside.
_MANY = 256


def _few(source: str) -> bool:
    """Whether a source is a name or at most 256 addresses."""
    if source == "default":
        return False
    try:
        return ipaddress.ip_network(source, strict=False).num_addresses <= _MANY
    except ValueError:
        return not re.fullmatch(r"[0-9a-fA-F:.]*(/.*)?", source)


def _words(line: str) -> list[str]:
    text = line.strip()
    if not text or text.startswith("#"):
        return []
    words = ["".join(hit.groups("")) for hit in _WORD.finditer(text)]
    cut = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:cut]


def _rows(files: tuple[ServiceFile, ...]) -> list[list[str]]:
    every = [_words(line) for file in files for line in file.lines or ()]
    return [[words[0].lower(), *words[1:]] for words in every if words]


def _communities(rows: list[list[str]]) -> list[Community]:
    found = []
    granted = _granted(rows)
    for row in rows:
        head, *rest = row
        if re.fullmatch(r"r[ow]community6?", head) and rest:
            source = rest[1] if len(rest) > 1 else "default"
            found.append(Community(directive=head, name=rest[0], source=source))
        elif head in ("com2sec", "com2sec6"):
            rest = rest[2:] if rest[:1] == ["-Cn"] else rest
            if len(rest) > 2 and rest[0] in granted:
                found.append(Community(directive=head, name=rest[2], source=rest[1]))
    return found


def _granted(rows: list[list[str]]) -> set[str]:
    """The security names that a group with access holds: `group G MODEL NAME`, `access G …`.

    `access` ends with the views for reading, writing and notifying; `none` is no view.
    """
    groups = {
        row[1]
        for row in rows
        if row[0] == "access" and len(row) > 7 and {row[6].lower(), row[7].lower()} != {"none"}
    }
    return {row[3] for row in rows if row[0] == "group" and len(row) > 3 and row[1] in groups}


_FILES = r"/etc/snmp/snmpd(\.local)?\.conf|/etc/snmp/snmpd\.conf\.d/.*\.conf"
_INCLUDES = ("includefile", "includedir", "includesearch")


@service_check(
    "linux.snmp-community",
    names=("snmpd",),
    ports=("161/udp", "161/tcp"),
    version=4,
    places=("/etc/snmp/snmpd.conf", "/etc/snmp/snmpd.local.conf", "/etc/snmp/snmpd.conf.d"),
    expected=msg("no community named public or private, or only for this host"),
    remedy=msg(
        "Use SNMPv3 with authentication and encryption, or a community of your own that is limited"
        " to the management station; remove public and private from snmpd.conf"
    ),
)
def snmp_community(files: ServiceFiles, service: Service) -> ServiceState:
    """SNMP does not answer to the communities public and private."""
    own = files.matching(_FILES)
    if not own and not service.processes:
        return ServiceState(doubts=(not_identified("161"),))
    if service.only_loopback:
        return ServiceState(files=own, fine=ONLY_LOOPBACK)
    rows = _rows(own)
    known = _known_to_all(rows, service)
    bad = [c.text for c in known if not c.few]
    certain = about((bad, msg("Well-known communities: {names}", names=capped(bad))))
    other = [row for p in service.processes or () if (row := _other(p.words))]
    included = [" ".join(row) for row in rows if row[0] in _INCLUDES]
    fine = msg("No community named public or private in {paths}",
               paths=capped(f.path for f in own)) if own else None  # fmt: skip
    return ServiceState(
        open=certain, overrides=not_read(other),
        doubts=(*_to_ask(known), *_without_password(rows), *not_read(included)),
        files=own, fine=fine,
    )  # fmt: skip


def _without_password(rows: list[list[str]]) -> tuple[Message, ...]:
    """The accounts of SNMPv3 that need no password, as far as their users were made."""
    bad = [
        " ".join(row[:3]) for row in rows
        if row[0] in ("rouser", "rwuser", "authuser") and "noauth" in map(str.lower, row[1:])
    ]  # fmt: skip
    return about((bad, msg("Accounts that need no password: {names}", names=capped(bad))))


def _to_ask(known: list[Community]) -> tuple[Message, ...]:
    """What to ask about communities that everybody knows and few may use."""
    few = [c.text for c in known if c.few]
    asked = msg("Ask whether communities that everybody knows may stay, which only read and "
                "only for these addresses: {names}", names=capped(few))  # fmt: skip
    return (asked,) if few else ()


def _known_to_all(rows: list[list[str]], service: Service) -> list[Community]:
    """The communities that everybody knows and that not only the host itself may use."""
    found = [c for c in _communities(rows) if not c.directive.endswith("6") or _six(service)]
    return [c for c in found if c.name in _KNOWN and not is_loopback(c.source)]


def _six(service: Service) -> bool:
    """Whether it may answer over IPv6, for which some directives are."""
    return not service.listeners or any(":" in item.address for item in service.listeners)


def _other(words: tuple[str, ...]) -> str:
    """The configuration file that the command line names, unless it is the usual one."""
    named = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "-c"]
    if named:
        return "" if named == ["/etc/snmp/snmpd.conf"] else named[-1]
    return "-C" if "-C" in words else ""


READERS = (snmp_community,)
