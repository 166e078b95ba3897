"""Keys that open accounts over SSH: how many, of which length, and who may change their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import structs

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Target,
    Up,
    Values,
    capped,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.clock import HOST_CLOCK
from audit_linux.homes import homes_of, not_searched
from audit_linux.passwd import ACCOUNTS, Accounts
from audit_linux.ssh.key_files import (
    AUTHORIZED,
    CENTRAL,
    CENTRAL_FOLDERS,
    PLACES,
    SIGNERS,
    KeyFile,
)
from audit_linux.ssh.public_keys import weak
from audit_linux.ssh.sshd_server import Server, sshd_check

_USUAL = frozenset({f".ssh/{name}" for name in PLACES})


@sshd_check(
    "linux.authorized-keys",
    severity=Severity.MEDIUM,
    version=7,
    also=(
        known_or_absent(optional(AUTHORIZED)),
        known_or_absent(ACCOUNTS),
        known_or_absent(optional(CENTRAL)),
        TARGET,
        known_or_absent(optional(HOST_CLOCK)),
        known_or_absent(optional(SIGNERS)),
    ),
    remedy=msg(
        "Replace weak keys (ssh-keygen -t ed25519), make each file belong to its account and "
        "writable to it alone (chmod 600), and give each person an account of their own"
    ),
)
def authorized_keys(
    server: Server,
    files: tuple[KeyFile, ...] | Absent | None,
    accounts: Accounts | Absent,
    central: tuple[KeyFile, ...] | Absent | None,
    target: Target,
    clock: int | Absent | None,
    signers: tuple[KeyFile, ...] | Absent | None,
    *,
    min_rsa: Annotated[int, Up] = 2048,
) -> Judgement:
    """The authorized SSH keys of accounts are long enough, and only they may change the files."""
    expected = msg(
        "RSA keys of at least {bits} bits, no DSA keys; files that only their account may write",
        bits=min_rsa,
    )
    off = server.sshd.one("pubkeyauthentication").lower() == "no"
    if off and not server.overrides("pubkeyauthentication"):
        none = msg("The SSH server accepts no keys (PubkeyAuthentication no)")
        return server.settled(passed(none, expected=expected))
    found = _in_use(server, known(files) or (), known(central) or (), accounts, known(clock))
    trusted = _signers(server, known(signers) or ())
    used = (*found, *trusted)
    short = [f"{f.path}: {k.text}" for f in used for k in f.keys if weak(k, min_rsa)]
    bad = [_weak_keys(capped(short))] if short else []
    if bad := [*bad, *_misplaced(used, accounts)]:
        return failed(*bad, expected=expected)
    counted = msg("Keys per file: {names}",
                  names=capped(f"{f.path}: {len(f.keys)}" for f in found) or ("-",))  # fmt: skip
    detail = (counted, *_ended(found))
    if doubts := _doubts(server, found, trusted, homes_of(target).far(accounts)):
        return undetermined(*detail, *doubts, expected=expected)
    return server.settled(passed(*detail, expected=expected))


def _in_use(
    server: Server, homes: tuple[KeyFile, ...], central: tuple[KeyFile, ...],
    accounts: Accounts | Absent, now: int | None,
) -> tuple[KeyFile, ...]:  # fmt: skip
    """The files of accounts that the server looks at, with the keys that open them `now`."""
    read = (*_at_home(server, homes), *_central(server, central, accounts))
    return tuple(file.at(now) for file in read)


def _ended(found: tuple[KeyFile, ...]) -> tuple[Message, ...]:
    names = capped(f"{f.path}: {f.ended}" for f in found if f.ended)
    return (msg("Keys whose expiry-time is over, not counted: {names}", names=names),) * bool(names)


def _misplaced(found: tuple[KeyFile, ...], accounts: Accounts | Absent) -> list[Message]:
    """What is wrong with who owns the files and who may write them."""
    homes = (
        {a.home.rstrip("/"): a.uid for a in accounts.rows} if isinstance(accounts, Accounts) else {}
    )
    loose = [f"{f.path} ({f.mode:04o})" for f in found if f.mode & 0o022]
    foreign = [
        f.path for f in found
        if f.uid not in (0, homes.get(f.home, f.uid) if f.owner is None else f.owner)
    ]  # fmt: skip
    rows = ((loose, _loose), (foreign, _foreign))
    return [describe(capped(names)) for names, describe in rows if names]


def _weak_keys(names: Values) -> Message:
    return msg("Keys that are too short or of a weak type: {names}", names=names)


def _loose(names: Values) -> Message:
    return msg("Files of keys that others may write: {names}", names=names)


def _foreign(names: Values) -> Message:
    return msg("Files of keys that belong to another account: {names}", names=names)


# What lets keys in besides files of accounts: certificates that an authority signed, programs.
_SOURCES = {
    "authorizedkeyscommand": "AuthorizedKeysCommand",
    "authorizedprincipalscommand": "AuthorizedPrincipalsCommand",
    "trustedusercakeys": "TrustedUserCAKeys",
}
_SIGNERS = "trustedusercakeys"


def _is_set(value: str) -> bool:
    return value.lower() not in ("", "none")


def _signers(server: Server, files: tuple[KeyFile, ...]) -> tuple[KeyFile, ...]:
    """The files with keys of authorities that the server surely trusts; they have to be root's."""
    inside = server.surely(server.overrides(_SIGNERS))
    paths = {server.sshd.one(_SIGNERS), *(one.value for one in inside)}
    return tuple(structs.replace(file, owner=0) for file in files if file.path in paths)


def _doubts(
    server: Server, found: tuple[KeyFile, ...], trusted: tuple[KeyFile, ...], far: tuple[str, ...]
) -> list[Message]:
    """What may open accounts besides what was read."""
    several = [f"{f.path} ({len(f.keys)})" for f in found if len(f.keys) > 1]
    elsewhere = _elsewhere(server, {file.path for file in trusted})
    signers = [f.path for f in found if any(key.authority for key in f.keys)]
    signers += [f"{f.path}: {key.text}" for f in trusted for key in f.keys]
    doubts = (
        (
            several,
            msg("Ask whether several people use one account: {names}", names=capped(several)),
        ),
        (
            signers,
            msg("Certificates of an authority open accounts: {names}", names=capped(signers)),
        ),
        (elsewhere, msg("Keys that were not read: {names}", names=capped(elsewhere))),
        (far, not_searched(far)),
    )
    return [detail for wanted, detail in doubts if wanted]


def _at_home(server: Server, files: tuple[KeyFile, ...]) -> list[KeyFile]:
    """The files in homes that the server looks at; all where a Match block sets others."""
    used = _places(server)
    if not used and not _is_none(server):
        used = set(_USUAL)  # not known
    if server.overrides("authorizedkeysfile"):
        return list(files)
    return [file for file in files if f".ssh/{file.path.rpartition('/.ssh/')[2]}" in used]


def _is_none(server: Server) -> bool:
    return server.sshd.one("authorizedkeysfile").lower() == "none"


_HOME = re.compile(r"%h/|/home/%u/")


def _places(server: Server) -> set[str]:
    """The patterns of AuthorizedKeysFile outside of Match blocks, those in homes relative."""
    return {
        _HOME.sub("", path, count=1) if _HOME.match(path) else path
        for line in server.sshd.values.get("authorizedkeysfile", ())
        for path in line.split()
        if path.lower() != "none"
    }


def _is_read(place: str) -> bool:
    """Whether all files that a pattern may name lie in a folder that was asked for."""
    folder = place.partition("%")[0].rpartition("/")[0]
    return "/.." not in place and any(
        folder == top or folder.startswith(f"{top}/") for top in CENTRAL_FOLDERS
    )


def _central(
    server: Server, files: tuple[KeyFile, ...], accounts: Accounts | Absent
) -> Iterator[KeyFile]:
    """The files outside of homes that open an account, with the account that each is for."""
    rows = accounts.rows if isinstance(accounts, Accounts) else ()
    wanted = {}
    for place in filter(_is_read, _places(server)):
        for a in rows:
            name = place.replace("%%", "%").replace("%u", a.name).replace("%h", a.home)
            wanted[name.replace("%U", str(a.uid))] = a.uid
    for file in files:
        if file.path in wanted:
            yield structs.replace(file, owner=wanted[file.path])


def _elsewhere(server: Server, read: set[str]) -> list[str]:
    """Where the server takes keys from, for all or for some, besides the files that were read."""
    places = {place for place in _places(server) if not _is_read(place)}
    sources = [
        f"{spelled} {value}{_run_as(server, key)}" for key, spelled in _SOURCES.items()
        if _is_set(value := server.sshd.one(key)) and value not in read
    ]  # fmt: skip
    for_some = [
        f"Match {one.criteria}: {one.key} {one.value}"
        for one in server.overrides("authorizedkeysfile", *_SOURCES)
        if _is_set(one.value) and one.value not in read
    ]
    principals = server.sshd.one("authorizedprincipalsfile")
    if sources and _is_set(principals):
        sources.append(f"AuthorizedPrincipalsFile {principals}")
    return [*sorted(places - _USUAL), *sources, *for_some]


def _run_as(server: Server, key: str) -> str:
    """By which account sshd runs a program; it refuses one that others than root may write."""
    user = server.sshd.one(f"{key}user")
    return f" ({_SOURCES[key]}User {user})" if _is_set(user) else ""


CHECKS = (authorized_keys,)
