"""Directories that NFS gives to everybody, or to the root of other hosts: exports(5).

A line is `directory client(options) …`; `-options` in front hold for clients after it, a backslash
at the end continues it, quotes hold blanks, octal escapes stand for characters. A blank between a
client and its bracket gives the client the defaults and everybody what is in the bracket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service_files import (
    Service,
    ServiceFile,
    ServiceFiles,
    ServiceState,
    is_loopback,
    service_check,
    unread,
)


class Export(Struct, frozen=True, kw_only=True):
    """One directory for one client; an empty client is everybody."""

    path: str
    client: str
    options: tuple[str, ...]

    @property
    def everybody(self) -> bool:
        """Whether any host may mount the export."""
        return self.client in ("", "*", "0.0.0.0/0", "0.0.0.0/0.0.0.0", "::/0")

    @property
    def writable(self) -> bool:
        """Whether it may be written to; the last of `rw` and `ro` holds."""
        written = [option for option in self.options if option in ("rw", "ro")]
        return bool(written) and written[-1] == "rw"

    @property
    def root_is_root(self) -> bool:
        """Whether root of the client is root here."""
        written = [o for o in self.options if o in ("root_squash", "no_root_squash", "all_squash")]
        return "no_root_squash" in written and written[-1] == "no_root_squash"

    @property
    def kerberos(self) -> bool:
        """Whether every way in asks for a ticket."""
        flavours = [o.removeprefix("sec=").split(":") for o in self.options if o.startswith("sec=")]
        return bool(flavours) and all(
            name.startswith("krb5") for names in flavours for name in names
        )

    @property
    def text(self) -> str:
        """The export for a reader: `/srv/data *(rw,no_root_squash)`."""
        return f"{self.path} {self.client or '*'}({','.join(self.options)})"


_WORD = re.compile(r"(?:\"([^\"]*)\"|([^\s\"(]+))?(\([^)]*\))?")


def _exports(file: ServiceFile) -> Iterator[Export]:
    text = re.sub(r"\\\n", " ", "\n".join(file.lines or ()))
    for line in text.split("\n"):
        yield from _line(line.split("#", 1)[0].strip())


def _line(line: str) -> Iterator[Export]:
    words = [hit for hit in _WORD.finditer(line) if hit[0]]
    if not words or words[0][3]:
        return
    path, shared = words[0][1] or words[0][2], ()
    for word in words[1:]:
        client, bracket = word[1] or word[2] or "", (word[3] or "")[1:-1]
        if client.startswith("-") and not word[3]:
            shared = tuple(client[1:].split(","))
            continue
        options = tuple(o.strip() for o in bracket.split(",") if o.strip())
        yield Export(path=path, client=client, options=(*shared, *options))
    if len(words) == 1:
        yield Export(path=path, client="", options=())


@service_check(
    "linux.nfs-exports",
    names=("nfsd",),
    ports=("2049/tcp", "2049/udp"),
    expected=msg("exports for named hosts, without no_root_squash"),
    remedy=msg("Name the hosts in /etc/exports, remove no_root_squash, then run exportfs -ra"),
)
def nfs_exports(files: ServiceFiles, service: Service) -> ServiceState:
    """NFS exports no directory for writing to all hosts, and does not trust root of other hosts."""
    own = files.matching(r"/etc/exports|/etc/exports\.d/[^.].*\.exports")
    every = [e for f in own for e in _exports(f) if not e.kerberos and not is_loopback(e.client)]
    bad = [e.text for e in every if e.writable and (e.everybody or e.root_is_root)]
    unsure = [e.text for e in every if e.text not in bad and (e.everybody or e.root_is_root)]
    certain: tuple[Message, ...] = ()
    if bad:
        certain = (msg("Everybody can write, or root of another host is root: {names}",
                    names=capped(bad)),)  # fmt: skip
    doubts = unread(own)
    if unsure:
        doubts += (
            msg("Everybody can read, or root of another host can: {names}", names=capped(unsure)),
        )
    fine = msg("{count} exports, none for everybody", count=len(every))
    return ServiceState(open=certain, doubts=doubts, fine=fine)


CHECKS = (nfs_exports,)
