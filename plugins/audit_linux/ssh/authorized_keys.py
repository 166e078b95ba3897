"""Keys that open accounts over SSH: how many, of which length, and who may change their files.

A line of authorized_keys (sshd(8)) is `[options] type key [comment]`; options hold no blank but in
quotes, where a backslash stands before a quote. Lines of another form are passed over, those with
an option that OpenSSH 10 does not know among them. A certificate opens nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct, structs

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Judgement,
    Message,
    Partial,
    Privilege,
    ReadFiles,
    Severity,
    Target,
    Up,
    Values,
    capped,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_present,
    optional,
    partial,
    passed,
    undetermined,
)
from audit_linux.homes import homes_of, not_searched
from audit_linux.passwd import ACCOUNTS, Accounts
from audit_linux.ssh.public_keys import PublicKey, public_key, weak
from audit_linux.ssh.sshd_server import Server, sshd_check


class KeyFile(Struct, frozen=True, kw_only=True):
    """One file of authorized keys: where, whose, its mode, and the keys that it accepts.

    `owner` is the account that it opens, where that is not the one whose home it lies in.
    """

    path: str
    uid: int
    mode: int
    keys: tuple[PublicKey, ...] = ()
    owner: int | None = None

    @property
    def home(self) -> str:
        """The home directory that the file lies in."""
        return self.path.rsplit("/.ssh/", 1)[0]


# Possessive: a long line without an end to its quotes is refused at once.
_OPTIONS = re.compile(r'(?:[^\s"\\]|\\"?|"(?:[^"\\]|\\"?)*+")++[ \t]+')
_SWITCHES = "agent-forwarding|port-forwarding|pty|user-rc|x11-forwarding|touch-required"
_VALUED = "command|environment|expiry-time|from|permitlisten|permitopen|principals|tunnel"
_OPTION = re.compile(
    rf"(?:((?:no-)?(?:{_SWITCHES})|restrict|verify-required|cert-authority)"
    rf'|({_VALUED})="(?:[^"\\]|\\"?)*+")?(?:,|$)',
    re.IGNORECASE,
)


def _options(text: str) -> frozenset[str] | None:
    """The names of the options; None where one is not known."""
    found, at = set(), 0
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None:
            return None
        found.add((option[1] or option[2] or "").lower())
        at = option.end()
    return frozenset(found)


def authorized(line: str) -> PublicKey | None:
    """The key that a line accepts, that of an authority (cert-authority) among them; else None."""
    text = line.strip(" \t\r")
    if not text or text.startswith("#"):
        return None
    if key := _key(text):
        return key
    given = _OPTIONS.match(text)
    key = _key(text[given.end() :]) if given else None
    names = _options(given[0].rstrip(" \t")) if given else None
    if key is None or names is None:
        return None
    authority = "cert-authority" in names
    if "principals" in names and not authority:
        return None
    return structs.replace(key, authority=authority)


def _key(text: str) -> PublicKey | None:
    words = re.split(r"[ \t]+", text, maxsplit=2)
    if len(words) < 2 or "-cert-v" in words[0]:
        return None
    return public_key(words[0], words[1])


def parse_authorized_keys(answer: Answer) -> tuple[KeyFile, ...] | Partial | Absent:
    """The files that were found; one that was not read is reported, the rest holds."""
    there = [
        file
        for file in answer.files
        if file.status is not FileStatus.NOT_PRESENT
        and (file.status is not FileStatus.READ or _PLACE.fullmatch(file.path))
    ]
    unread = [file.path for file in there if file.status is not FileStatus.READ]
    found = tuple(_file(file) for file in there if file.status is FileStatus.READ)
    if not found and not unread:
        return not_present(msg("No home directory that was searched has authorized keys"))
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    return partial(found, problems)


def _file(file: FileEntry) -> KeyFile:
    keys = [key for line in file.lines if (key := authorized(line))]
    return KeyFile(path=file.path, uid=file.uid, mode=file.mode & 0o7777, keys=tuple(keys))


_PLACES = ("authorized_keys", "authorized_keys2")
_PLACE = re.compile(r"/.+/\.ssh/authorized_keys2?")


def _ask(target: Target) -> ReadFiles:
    homes = homes_of(target)
    return ReadFiles(
        paths=(*homes.folders, *(f"{home}/.ssh" for home in homes.single)), depth=3,
        names=_PLACES, privilege=Privilege.ROOT,
    )  # fmt: skip


AUTHORIZED = fact(
    "linux.authorized-keys",
    tuple[KeyFile, ...],
    kind="host",
    ask=_ask,
    parse=parse_authorized_keys,
)
# Where sites keep the keys of all accounts, so that nobody changes their own.
_CENTRAL = tuple(
    f"/etc/ssh/{name}"
    for name in ("authorized_keys", "authorized_keys.d", "authorized-keys", "keys", "user_keys",
                 "userkeys", "users", "auth_keys")
)  # fmt: skip


def parse_central_keys(answer: Answer) -> tuple[KeyFile, ...] | Partial | Absent:
    """The same of the folders in /etc/ssh; NOT_PRESENT where there is none of them."""
    there = [file for file in answer.files if file.status is not FileStatus.NOT_PRESENT]
    unread = [file.path for file in there if file.status is not FileStatus.READ]
    found = tuple(_file(file) for file in there if file.status is FileStatus.READ)
    if not there:
        return not_present(msg("No folder of authorized keys in /etc/ssh"))
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    return partial(found, problems)


CENTRAL = fact(
    "linux.authorized-keys-central",
    tuple[KeyFile, ...],
    kind="host",
    ask=ReadFiles(paths=_CENTRAL, depth=2, privilege=Privilege.ROOT),
    parse=parse_central_keys,
)
_USUAL = frozenset({f".ssh/{name}" for name in _PLACES})


@sshd_check(
    "linux.authorized-keys",
    severity=Severity.MEDIUM,
    version=6,
    also=(
        known_or_absent(optional(AUTHORIZED)),
        known_or_absent(ACCOUNTS),
        known_or_absent(optional(CENTRAL)),
        TARGET,
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
    used = _central(server, known(central) or (), accounts)
    found = (*_at_home(server, known(files) or ()), *used)
    short = [f"{f.path}: {k.text}" for f in found for k in f.keys if weak(k, min_rsa)]
    bad = [_weak_keys(capped(short))] if short else []
    if bad := [*bad, *_misplaced(found, accounts)]:
        return failed(*bad, expected=expected)
    counted = msg("Keys per file: {names}",
                  names=capped(f"{f.path}: {len(f.keys)}" for f in found) or ("-",))  # fmt: skip
    if doubts := _doubts(server, found, homes_of(target).far(accounts)):
        return undetermined(counted, *doubts, expected=expected)
    return server.settled(passed(counted, expected=expected))


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


def _is_set(value: str) -> bool:
    return value.lower() not in ("", "none")


def _doubts(server: Server, found: tuple[KeyFile, ...], far: tuple[str, ...]) -> list[Message]:
    """What may open accounts besides what was read."""
    several = [f"{f.path} ({len(f.keys)})" for f in found if len(f.keys) > 1]
    elsewhere = _elsewhere(server)
    signers = [f.path for f in found if any(key.authority for key in f.keys)]
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
        folder == top or folder.startswith(f"{top}/") for top in _CENTRAL
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


def _elsewhere(server: Server) -> list[str]:
    """Where the server takes keys from, for all or for some, besides the files that were read."""
    places = {place for place in _places(server) if not _is_read(place)}
    sources = [
        f"{spelled} {value}" for key, spelled in _SOURCES.items()
        if _is_set(value := server.sshd.one(key))
    ]  # fmt: skip
    for_some = [
        f"Match {one.criteria}: {one.key} {one.value}"
        for one in server.overrides("authorizedkeysfile", *_SOURCES)
        if _is_set(one.value)
    ]
    principals = server.sshd.one("authorizedprincipalsfile")
    if sources and _is_set(principals):
        sources.append(f"AuthorizedPrincipalsFile {principals}")
    return [*sorted(places - _USUAL), *sources, *for_some]


FACTS = (AUTHORIZED, CENTRAL)
CHECKS = (authorized_keys,)
