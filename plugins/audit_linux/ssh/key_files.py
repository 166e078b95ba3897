"""Files of keys that open accounts over SSH: those of accounts, and those of authorities."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Partial,
    Privilege,
    ReadFiles,
    Target,
    capped,
    fact,
    msg,
    not_present,
    partial,
)
from audit_linux.homes import homes_of
from audit_linux.ssh.authorized_lines import authorized, plain_key
from audit_linux.ssh.public_keys import PublicKey


class KeyFile(Struct, frozen=True, kw_only=True):
    """One file of authorized keys: where, whose, its mode, and the keys that it accepts.

    `owner` is the account that it opens, where that is not the one whose home it lies in; `ended`
    counts the keys whose time is over (expiry-time), which are not among `keys`.
    """

    path: str
    uid: int
    mode: int
    keys: tuple[PublicKey, ...] = ()
    owner: int | None = None
    ended: int = 0

    def at(self, now: int | None) -> KeyFile:
        """The file as it is at a moment of the host's clock."""
        keys = [k for k in self.keys if now is None or k.until is None or k.until >= now]
        return structs.replace(self, keys=tuple(keys), ended=len(self.keys) - len(keys))

    @property
    def home(self) -> str:
        """The home directory that the file lies in."""
        return self.path.rsplit("/.ssh/", 1)[0]


def parse_authorized_keys(answer: Answer) -> tuple[KeyFile, ...] | Partial | Absent:
    """The files that were found; one that was not read is reported, the rest holds."""
    there = [
        file
        for file in answer.files
        if file.status is not FileStatus.NOT_PRESENT
        and (file.status is not FileStatus.READ or _PLACE.fullmatch(file.path))
    ]
    if not there:
        return not_present(msg("No home directory that was searched has authorized keys"))
    return _as_read(there)


def _as_read(there: list[FileEntry]) -> tuple[KeyFile, ...] | Partial:
    found = tuple(_file(file, authorized) for file in there if file.status is FileStatus.READ)
    big = [file.path for file in there if file.status is FileStatus.TOO_BIG]
    unread = [f.path for f in there if f.status not in (FileStatus.READ, FileStatus.TOO_BIG)]
    problems = (
        (unread, msg("Cannot read {paths}", paths=capped(unread))),
        (big, msg("Too large to be read: {paths}", paths=capped(big))),
    )
    return partial(found, [why for paths, why in problems if paths])


def _file(file: FileEntry, read: Callable[[str], PublicKey | None]) -> KeyFile:
    keys = [key for line in file.lines if (key := read(line))]
    return KeyFile(path=file.path, uid=file.uid, mode=file.mode & 0o7777, keys=tuple(keys))


PLACES = ("authorized_keys", "authorized_keys2")
_PLACE = re.compile(r"/.+/\.ssh/authorized_keys2?")


def _ask(target: Target) -> ReadFiles:
    homes = homes_of(target)
    return ReadFiles(
        paths=(*homes.folders, *(f"{home}/.ssh" for home in homes.single)), depth=3,
        names=PLACES, privilege=Privilege.ROOT, timeout_s=60,
    )  # fmt: skip


AUTHORIZED = fact(
    "linux.authorized-keys",
    tuple[KeyFile, ...],
    kind="host",
    ask=_ask,
    parse=parse_authorized_keys,
)
# Where sites keep the keys of all accounts, so that nobody changes their own.
CENTRAL_FOLDERS = tuple(
    f"/etc/ssh/{name}"
    for name in ("authorized_keys", "authorized_keys.d", "authorized-keys", "keys", "user_keys",
                 "userkeys", "users", "auth_keys")
)  # fmt: skip


def parse_central_keys(answer: Answer) -> tuple[KeyFile, ...] | Partial | Absent:
    """The same of the folders in /etc/ssh; NOT_PRESENT where there is none of them."""
    there = [file for file in answer.files if file.status is not FileStatus.NOT_PRESENT]
    if not there:
        return not_present(msg("No folder of authorized keys in /etc/ssh"))
    return _as_read(there)


CENTRAL = fact(
    "linux.authorized-keys-central",
    tuple[KeyFile, ...],
    kind="host",
    ask=ReadFiles(paths=CENTRAL_FOLDERS, depth=2, privilege=Privilege.ROOT),
    parse=parse_central_keys,
)


def parse_signers(answer: Answer) -> tuple[KeyFile, ...]:
    """The files in /etc/ssh that may hold keys of authorities: lines of `type key [comment]`.

    Unlike in authorized_keys a line with options is passed over (sshkey_in_file in authfile.c).
    """
    return tuple(_file(one, plain_key) for one in answer.files if one.status is FileStatus.READ)


# By these names public keys are kept, no private ones.
SIGNERS = fact(
    "linux.ssh-signers",
    tuple[KeyFile, ...],
    kind="host",
    ask=ReadFiles(
        paths=("/etc/ssh",), depth=2, names=("*.pub", "*ca*keys*", "*trusted*"),
        file_limit=64 << 10,
    ),
    parse=parse_signers,
)  # fmt: skip
FACTS = (AUTHORIZED, CENTRAL, SIGNERS)
