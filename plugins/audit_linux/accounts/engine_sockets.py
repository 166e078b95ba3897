"""The sockets of container engines: whoever may write to one starts containers as root.

The engine gives its socket to a group of any name (`group` of daemon.json, SocketGroup= of the
unit), and administrators add access lists. The places are those of the packages; a path that
dockerd -H names is not looked at. Engines without root have sockets of other owners.
"""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    ParseError,
    Privilege,
    fact,
    first_of,
    msg,
    verbatim,
)
from audit_linux.find_errors import refused
from audit_linux.ssh.sshd import plainly

_PLACES = (
    "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock", "/run/crio/crio.sock", "/run/incus/unix.socket",
    "/var/lib/incus/unix.socket", "/var/lib/lxd/unix.socket",
    "/var/snap/lxd/common/lxd/unix.socket",
)  # fmt: skip


class EngineSockets(Struct, frozen=True, kw_only=True):
    """The numbers of groups and users that may write to such a socket, each with its path."""

    groups: dict[int, str] = {}
    users: dict[int, str] = {}


_SOCKET = re.compile(r"([0-9]{1,10}) (/.*)")
_ENTRY = re.compile(r"(user|group):([0-9]*):([r-][w-][x-])(?:\s+#effective:([r-][w-][x-]))?")
_REST = re.compile(r"|#.*|(?:mask|other)::.*")


def parse_engine_sockets(answer: Answer) -> EngineSockets | Absent:
    """The rows of find, and behind them the access lists that getfacl prints."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    owning: dict[str, int] = {}
    named: dict[str, dict[int, str]] = {"user": {}, "group": {}}
    path = ""
    for line in answer.lines:
        if (row := _SOCKET.fullmatch(line)) is not None:
            owning[row[2]] = int(row[1])
        elif line.startswith("# file: "):
            path = line[8:]
        elif (entry := _ENTRY.fullmatch(line)) is not None:
            may = "w" in (entry[4] or entry[3])
            if entry[2] and may:
                named[entry[1]].setdefault(int(entry[2]), path)
            elif entry[1] == "group" and not entry[2] and not may:
                owning.pop(path, None)  # the bits of the mode are the mask then
        elif not _REST.fullmatch(line):
            raise ParseError(msg("not output of the search: {line}", line=verbatim(line)))
    groups = {gid: place for place, gid in owning.items()} | named["group"]
    return EngineSockets(groups=groups, users=named["user"])


_ASK = Command(
    argv=(
        "/usr/bin/find", *_PLACES, "-maxdepth", "0", "-type", "s", "-uid", "0", "-perm", "-0020",
        "-printf", "%G %p\\n", "-exec", "/usr/bin/getfacl", "-snp", "{}", "+",
    ),
    privilege=Privilege.ROOT,
    ok=(0, 1),
)  # fmt: skip
_SOCKETS = fact(
    "linux.engine-sockets", EngineSockets, kind="host", ask=_ASK, parse=parse_engine_sockets
)
_SEEN = fact(
    "linux.engine-sockets-seen", EngineSockets, kind="host", ask=plainly(_ASK),
    parse=parse_engine_sockets,
)  # fmt: skip
ENGINE_SOCKETS = first_of(_SOCKETS, _SEEN)
FACTS = (_SOCKETS, _SEEN)
