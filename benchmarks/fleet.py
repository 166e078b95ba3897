"""Hosts that differ as the hosts of one owner do, made of what one host was recorded to answer.

Every host has its own account names, days of the last password change, process numbers, SSH host
keys, and times of files and logs. It has one of some roles (packages, units, ports, processes), of
some patch levels, and for each of a dozen settings one of a few values. What is left, most of all
the files that its distribution ships, is equal on all of them, but for the times of the files.
"""

from __future__ import annotations

import functools
import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import compress

import msgspec
from msgspec import structs

from audit_core.model import FileEntry, Observation
from audit_core.model.files import decode_files, encode_files
from audit_core.store import frames
from audit_core.store.bundles import FaultFrame, Head, RoundFrame

_SHIP = ("nginx", "chrony", "postgresql", "redis-server", "haproxy", "rabbitmq-server")
_PORTS = {"postgresql": 5432, "redis-server": 6379, "haproxy": 8443, "rabbitmq-server": 5672}
_CHOICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(?m)^maxauthtries \d+$", ("maxauthtries 3", "maxauthtries 4", "maxauthtries 6")),
    (r"(?m)^clientaliveinterval \d+$", ("clientaliveinterval 300", "clientaliveinterval 600")),
    (r"(?m)^minlen = \d+$", ("minlen = 8", "minlen = 10", "minlen = 12", "minlen = 14")),
    (r"(?m)^deny = \d+$", ("deny = 3", "deny = 5", "deny = 10")),
    (r"(?m)^PASS_MAX_DAYS\s+\d+$", ("PASS_MAX_DAYS 60", "PASS_MAX_DAYS 90", "PASS_MAX_DAYS 180")),
    (r"(?m)^num_logs = \d+$", ("num_logs = 5", "num_logs = 8", "num_logs = 20")),
    (r"(?m)^space_left = \d+$", ("space_left = 75", "space_left = 500")),
    (r"(?m)^\$FileCreateMode \d+$", ("$FileCreateMode 0640", "$FileCreateMode 0600")),
    (r"(?m)^rotate \d+$", ("rotate 4", "rotate 12", "rotate 26")),
    (r"(?m)^-w /var/log/lastlog -p wa -k logins\n", ("-w /var/log/lastlog -p wa -k logins\n", "")),
    (r"\+deb12u\d+", ("+deb12u1", "+deb12u3", "+deb12u4", "+deb12u6")),
    (r"(?m)^export TMOUT=\d+$|^TMOUT=\d+$", ("TMOUT=300", "TMOUT=600")),
)
_EPOCH = re.compile(rb"\b1[789]\d{8}\b")
_KEY = re.compile(rb"(AAAA[A-Za-z0-9+/]{44})[A-Za-z0-9+/]{8}")
_DAY = re.compile(rb"(?m)^([a-z]+:\$y\$):\d+:")
_WHERE = tuple(re.compile(where.encode()) for where, _ in _CHOICES)


@functools.cache
def _differing(raw: bytes) -> tuple[bool, ...]:
    """In which places hosts that were recorded to say `raw` differ: most texts have none."""
    return tuple(where.search(raw) is not None for where in (*_WHERE, _EPOCH, _KEY))


class Host:
    """What distinguishes the host of that number from the others."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)
        self._later = self._random.randrange(90 * 86_400)
        self._first_pid = self._random.randrange(300, 30_000)
        self._role = self._random.choice(_SHIP)
        made = range(self._random.randint(1, 4))
        self._accounts = [(f"u{number:05d}{'abcd'[n]}", 2000 + number + n) for n in made]
        self._chosen = [
            (where, self._random.choice(values).encode())
            for where, (_, values) in zip(_WHERE, _CHOICES, strict=True)
        ]

    def text(self, asked: str, raw: bytes) -> bytes:
        """What this host says where the recorded one said `raw`."""
        *chosen, epoch, key = _differing(raw)
        for where, value in compress(self._chosen, chosen):
            raw = where.sub(value.replace(b"\\", rb"\\"), raw)
        if epoch:
            raw = _EPOCH.sub(lambda hit: b"%d" % (int(hit[0]) - self._later), raw)
        if key:
            raw = _KEY.sub(lambda hit: hit[1] + b"%08d" % self._later, raw)
        for words, change in _OWN:
            raw = change(self, raw) if words in asked else raw
        return raw

    def file(self, asked: str, entry: FileEntry) -> FileEntry:
        """That file of this host."""
        modified = entry.modified and entry.modified - self._later
        return structs.replace(entry, modified=modified, data=self.text(asked, entry.data))

    def passwd(self, raw: bytes) -> bytes:
        return raw + self._for_each("{0}:x:{1}:{1}::/home/{0}:/bin/bash\n")

    def group(self, raw: bytes) -> bytes:
        return raw + self._for_each("{0}:x:{1}:\n")

    def shadow(self, raw: bytes) -> bytes:
        changed = 20_785 - self._later // 86_400
        raw = _DAY.sub(lambda hit: hit[1] + b":%d:" % changed, raw)
        return raw + self._for_each(f"{{0}}:$y$:{changed}:2:90:14:::\n")

    def lastlog(self, raw: bytes) -> bytes:
        day = f"Sun Nov {1 + self._later % 28:2d} 09:01:33 +0000 2026"
        return raw + self._for_each(f"{{0:16}} pts/0    10.79.0.9 {' ' * 31}{day}\n")

    def processes(self, raw: bytes) -> bytes:
        lines = raw.splitlines(keepends=True)
        later = (line.split(None, 1) for line in lines[1:])
        renumbered = (b"%7d %s" % (int(pid) + self._first_pid, rest) for pid, rest in later)
        return b"".join((*lines[:1], *renumbered, b"  99999   105 %b\n" % self._role.encode()))

    def packages(self, raw: bytes) -> bytes:
        return raw + f"ii \t{self._role}\nii \tlib{self._role}5\n".encode()

    def versions(self, raw: bytes) -> bytes:
        return (
            raw + f"{self._role}/oldstable,now 15.{len(self._role)}-1 amd64 [installed]\n".encode()
        )

    def units(self, raw: bytes) -> bytes:
        return raw + f"{self._role}.service  loaded active running  {self._role}\n".encode()

    def unit_files(self, raw: bytes) -> bytes:
        return raw + f"{self._role}.service  enabled  enabled\n".encode()

    def listening(self, raw: bytes) -> bytes:
        port = _PORTS.get(self._role, 0)
        line = f"tcp LISTEN 0      128      127.0.0.1:{port}  0.0.0.0:*\n".encode()
        return raw + line if port else raw

    def _for_each(self, line: str) -> bytes:
        return "".join(line.format(name, uid) for name, uid in self._accounts).encode()


_OWN: tuple[tuple[str, Callable[[Host, bytes], bytes]], ...] = (
    ("/etc/passwd", Host.passwd),
    ("/etc/group", Host.group),
    ("sed -nE -e s/^[+-]", Host.shadow),
    ("lastlog", Host.lastlog),
    ("ps -eo pid=,uid=,comm=", Host.processes),
    ("dpkg-query -W -f=${db:Status-Abbrev}", Host.packages),
    ("apt -o Dir::Cache::pkgcache= ", Host.versions),
    ("systemctl list-units", Host.units),
    ("systemctl list-unit-files", Host.unit_files),
    ("ss -H -tulnp", Host.listening),
)


class Recorded:
    """The frames of a bundle, to be written again as those of other hosts."""

    def __init__(self, read: Sequence[frames.Frame]) -> None:
        self._blobs = {hashlib.sha256(f.payload).hexdigest(): f.payload for f in read}
        self._frames = [
            (f, msgspec.json.decode(f.payload, type=Observation) if f.kind == "obs" else None)
            for f in read
        ]

    def bundle(self, run: str, id: str, number: int) -> bytes:
        """The file of the host `id`."""
        host = Host(number)
        return frames.MAGIC + b"".join(self._of(host, run, id))

    def _of(self, host: Host, run: str, id: str) -> Iterator[bytes]:
        written: set[bytes] = set()
        for frame, seen in self._frames:
            if seen is None:
                yield _changed_frame(frame, run, id)
                continue
            out = self._answer(host, seen)
            for blob in {out, self._blobs[seen.stderr_sha256]} - written:
                written.add(blob)
                yield frames.encode("blob", blob)
            digest = hashlib.sha256(out).hexdigest()
            stated = structs.replace(seen, target=id, stdout_sha256=digest, stdout_size=len(out))
            yield frames.encode("obs", msgspec.json.encode(stated, order="sorted"))

    def _answer(self, host: Host, seen: Observation) -> bytes:
        raw = self._blobs[seen.stdout_sha256]
        if seen.request["type"] != "files":
            return host.text(seen.asked, raw)
        return encode_files(host.file(seen.asked, entry) for entry in _files(raw))


@functools.cache
def _files(raw: bytes) -> tuple[FileEntry, ...]:
    return decode_files(raw)


def _changed_frame(frame: frames.Frame, run: str, id: str) -> bytes:
    """A frame that holds no answer, as that of `id`; blobs are written with their answers."""
    if frame.kind == "blob":
        return b""
    if frame.kind == "head":
        return frames.encode("head", msgspec.json.encode(Head(run=run, target=id)))
    type_ = {"round": RoundFrame, "fault": FaultFrame}.get(frame.kind)
    if type_ is None:
        return frames.encode(frame.kind, frame.payload)
    reported = msgspec.json.decode(frame.payload, type=type_)
    return frames.encode(frame.kind, msgspec.json.encode(structs.replace(reported, target=id)))
