"""Directories that NFS gives to everybody, or to the root of other hosts: exports(5).

A line is `directory client(options) …`; `-options` in front hold for clients after it, a backslash
at the end continues it, quotes hold blanks, octal escapes stand for characters. A blank between a
client and its bracket gives the client the defaults and everybody what is in the bracket. `#`
begins a comment at the start of a word. What stands behind `sec=` holds for these flavours only.
Of two entries for one directory and client the first holds. A line that exportfs refuses ends the
file (nfs-utils 2.6.2).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_core.api.sdk import capped, msg
from audit_linux.open_services.service import (
    Service,
    ServiceState,
    about,
    is_loopback,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

# What the kernel is told to export, also by hand (`exportfs -i`), in the form of exports.
_IN_FORCE = "/var/lib/nfs/etab"
# A larger network is everybody.
_WIDEST = 7
_FLAGS = frozenset({
    "ro", "rw", "secure", "insecure", "sync", "async", "wdelay", "no_wdelay", "hide", "nohide",
    "crossmnt", "nocrossmnt", "subtree_check", "no_subtree_check", "secure_locks",
    "insecure_locks", "auth_nlm", "no_auth_nlm", "acl", "no_acl", "root_squash", "no_root_squash",
    "all_squash", "no_all_squash", "pnfs", "no_pnfs", "security_label", "mountpoint", "mp",
})  # fmt: skip
_VALUED = re.compile(
    r"(anonuid|anongid|squash_uids|squash_gids|fsid|mountpoint|mp|refer|replicas|sec)=.*"
)


class Export(Struct, frozen=True, kw_only=True):
    """One directory for one client; an empty client is everybody."""

    path: str
    client: str
    options: tuple[str, ...]

    @property
    def everybody(self) -> bool:
        """Whether any host may mount the export."""
        if re.fullmatch(r"[*?.]*", self.client):
            return True
        try:
            return ipaddress.ip_network(self.client, strict=False).prefixlen <= _WIDEST
        except ValueError:
            return False

    @property
    def sections(self) -> tuple[tuple[str, ...], ...]:
        """The options for each list of flavours that asks for no ticket."""
        common: list[str] = []
        found: list[tuple[str, list[str]]] = []
        for option in self.options:
            if option.startswith("sec="):
                found.append((option.removeprefix("sec="), list(common)))
            elif found:
                found[-1][1].append(option)
            else:
                common.append(option)
        if self.client.startswith("gss/"):
            return ()
        naked = [own for flavours, own in found
                 if not all(name.startswith("krb5") for name in flavours.split(":"))]  # fmt: skip
        return tuple(map(tuple, naked if found else [common]))

    @property
    def writable(self) -> bool:
        """Whether it may be written to without a ticket; the last of `rw` and `ro` holds."""
        return any(_last(options, "ro", "rw") == "rw" for options in self.sections)

    @property
    def root_is_root(self) -> bool:
        """Whether root of the client is root here, or everybody of the client is."""
        return any(map(_root, self.sections))

    @property
    def text(self) -> str:
        """The export for a reader: `/srv/data *(rw,no_root_squash)`."""
        return f"{self.path} {self.client or '*'}({','.join(self.options)})"


def _last(options: Iterable[str], *names: str) -> str:
    """The last of `names` among `options`; the first of `names` where there is none."""
    return next((option for option in reversed(tuple(options)) if option in names), names[0])


def _root(options: tuple[str, ...]) -> bool:
    squashed = _last(options, "no_all_squash", "all_squash") == "all_squash"
    as_root = [o for o in options if o.startswith("anonuid=")][-1:] == ["anonuid=0"]
    kept = _last(options, "root_squash", "no_root_squash") == "no_root_squash"
    return as_root if squashed else kept or as_root


_NAME = r'(?:"[^"]*"|[^\s"(])'
# a comment, or a client with the options behind it; a bracket ends at a blank or at the line's end
_WORD = re.compile(rf"\s*(?:(#.*)|({_NAME}+)?(?:\(([^\s()]*)\)(?=\s|$)|(?=\s|$)))", re.ASCII)


def _exports(file: ServiceFile) -> Iterator[Export | str]:
    """The exports of a file; at a line that exportfs refuses, its text, and no more."""
    text = re.sub(r"\\(\n|\Z)", " ", "\n".join(file.lines or ()))
    given: set[tuple[str, str]] = set()
    for line in text.split("\n"):
        for export in _line(line):
            if isinstance(export, str):
                yield f"{file.path}: {export}"
                return
            pair = export.path, export.client or "*"
            if pair not in given:
                given.add(pair)
                yield export


def _words(line: str) -> list[tuple[str, str | None]] | None:
    """Each word and what is in its bracket; None where the line has another form."""
    found, at = [], 0
    while line[at:].strip():
        hit = _WORD.match(line, at)
        if hit is None or hit.end() == at:
            return None
        if hit[1]:
            break
        found.append(((hit[2] or "").replace('"', ""), hit[3]))
        at = hit.end()
    return found


def _line(line: str) -> Iterator[Export | str]:
    path = re.match(r'\s*((?:"[^"]*"|[^\s"#])(?:"[^"]*"|[^\s"])*)', line, re.ASCII)
    if path is None:
        return
    words = _words(line[path.end() :])
    if words is None:
        yield line.strip()
        return
    shared: tuple[str, ...] = ()
    for client, bracket in words or [("", None)]:
        if client.startswith("-") and bracket is None:
            shared = tuple(client[1:].split(","))
            continue
        options = (*shared, *(bracket.removesuffix(",").split(",") if bracket else ()))
        if not all(option in _FLAGS or _VALUED.fullmatch(option) for option in options):
            yield line.strip()
            return
        yield Export(path=path[1].replace('"', ""), client=client, options=options)


@service_check(
    "linux.nfs-exports",
    names=("nfsd",),
    ports=("2049/tcp", "2049/udp"),
    places=("/etc/exports", "/etc/exports.d", _IN_FORCE),
    files=("*.exports",),
    version=4,
    expected=msg("exports for named hosts, without no_root_squash"),
    remedy=msg("Name the hosts in /etc/exports, remove no_root_squash, then run exportfs -ra"),
)
def nfs_exports(files: ServiceFiles, service: Service) -> ServiceState:
    """NFS exports no directory for writing to all hosts, and does not trust root of other hosts."""
    own = files.matching(rf"/etc/exports|/etc/exports\.d/[^.].*\.exports|{_IN_FORCE}")
    rows = [row for file in own for row in _exports(file)]
    refused = [row for row in rows if isinstance(row, str)]
    every = [row for row in rows if isinstance(row, Export) and row.sections
             and not is_loopback(row.client)]  # fmt: skip
    bad = [e.text for e in every if e.writable and (e.everybody or e.root_is_root)]
    unsure = [e.text for e in every if e.text not in bad and (e.everybody or e.root_is_root)]
    rest = (
        (unsure, msg("Everybody can read, or root of another host can: {names}",
                     names=capped(unsure))),
        (refused, msg("Lines that exportfs refuses; what it exported before stays: {names}",
                      names=capped(refused))),
    )  # fmt: skip
    certain = about(
        (
            bad,
            msg("Everybody can write, or root of another host is root: {names}", names=capped(bad)),
        )
    )
    doubts = about(*rest)
    fine = msg("{count} exports, none for everybody", count=len(every))
    return ServiceState(open=certain, doubts=doubts, files=own, fine=fine)


READERS = (nfs_exports,)
