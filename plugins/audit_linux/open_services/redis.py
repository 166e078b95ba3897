"""Redis, Valkey and KeyDB without a password: redis.conf, ACL files.

A line is a directive in any case and its words, which quotes may hold together; the last one
holds. The account `default` needs no password unless `requirepass` or its `user` line says so; an
ACL file (`aclfile`) replaces both. In protected mode such an account is let in from this host
only: since Redis 7 always, before only where no address is bound (`bind`). `include` reads files in
place. Over TLS a certificate of the client is required unless `tls-auth-clients` says otherwise.
"""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase

from msgspec import Struct

from audit_core.api.sdk import capped, msg
from audit_linux.open_services.service import (
    Service,
    ServiceState,
    about,
    is_loopback,
    not_read,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_WORD = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|(\S+)")
_CONF = r"/etc/(redis|valkey|keydb)(/.*)?\.conf"
_DEEPEST = 8
_NAMES = ("redis-server", "valkey-server", "keydb-server")
_SMALL = ("ping", "hello", "auth", "echo", "select", "reset", "quit", "info")


class Instance(Struct, frozen=True, kw_only=True):
    """One configuration file: the words of each directive, in order, and what was not read."""

    path: str
    rows: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...] = ()

    def last(self, name: str) -> tuple[str, ...] | None:
        """The words of the last line of `name`; None where there is none."""
        found = [row[1:] for row in self.rows if row[0] == name]
        return found[-1] if found else None

    @property
    def ports(self) -> tuple[str, ...]:
        """The TCP ports that ask for no certificate; 6379 where none is set."""
        plain = (self.last("port") or ("6379",))[0]
        tls = (self.last("tls-port") or ("0",))[0]
        asks = (self.last("tls-auth-clients") or ("yes",))[0].lower() == "yes"
        return tuple(port for port in (plain, "0" if asks else tls) if port != "0")

    @property
    def only_loopback(self) -> bool:
        """Whether every address that it binds is of this host alone."""
        addresses = [word.lstrip("-") for word in self.last("bind") or ()]
        return bool(addresses) and all(map(is_loopback, addresses))

    @property
    def protected(self) -> bool:
        """Whether protected mode is on, which is the default."""
        return (self.last("protected-mode") or ("yes",))[0].lower() == "yes"


def _instance(files: ServiceFiles, file: ServiceFile) -> Instance:
    """A file with what it includes."""
    missing: list[str] = []

    def read(one: ServiceFile, depth: int) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for row in _rows(one):
            if row[0] != "include" or len(row) < 2:
                found.append(row)
                continue
            place = posixpath.normpath(posixpath.join("/", row[1]))
            below = [f for f in files.files if fnmatchcase(f.path, place)]
            missing.extend([] if below and depth < _DEEPEST else [row[1]])
            for other in below if depth < _DEEPEST else []:
                missing.extend([other.path] if other.lines is None else [])
                found += read(other, depth + 1)
        return found

    rows = tuple(read(file, 0))
    return Instance(path=file.path, rows=rows, missing=tuple(missing))


def _rows(file: ServiceFile) -> tuple[tuple[str, ...], ...]:
    lines = (line.strip() for line in file.lines or ())
    split = (["".join(hit.groups("")) for hit in _WORD.finditer(line)] for line in lines
             if line and line[0] != "#")  # fmt: skip
    return tuple((words[0].lower(), *words[1:]) for words in split if words)


def _asks(rules: tuple[str, ...], asked: bool) -> bool:
    """Whether an account needs a password, or is off, after `rules`; `asked` is what was before."""
    on = True
    for rule in rules:
        small = rule.lower()
        if small in ("on", "off"):
            on = small == "on"
        elif small in ("nopass", "reset", "resetpass"):
            # After resetpass there is no password, and none is accepted either.
            asked = small != "nopass"
        elif small[0] in ">#" or small.startswith("[redacted:"):
            asked = True
    return asked or not on


def _accounts(rows: tuple[tuple[str, ...], ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row[0] == "user" and len(row) > 1:
            found[row[1]] = row[2:]
    return found


def _powerless(rules: tuple[str, ...], everything: bool) -> bool:
    """Whether an account may do nothing of weight; `everything` is what it may before `rules`."""
    allowed = {"@all"} if everything else set()
    for rule in rules:
        small = rule.lower()
        if small in ("-@all", "nocommands", "reset"):
            allowed = set()
        elif small == "allcommands" or small[0] == "+":
            allowed.add(small.removeprefix("+").partition("|")[0])
    return allowed <= set(_SMALL)


def _naked(accounts: dict[str, tuple[str, ...]], password: bool) -> list[str]:
    """The accounts that need no password; a new one is off until it is switched on."""
    rules = {"default": accounts.get("default", ()), **accounts}
    return [
        name for name, words in rules.items()
        if not (_asks(words, password) if name == "default" else _asks(("off", *words), True))
        and not _powerless(words, name == "default")
    ]  # fmt: skip


class Access(Struct, frozen=True, kw_only=True):
    """What one instance shows: who needs no password, and what was not read."""

    naked: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def _look(instance: Instance, files: ServiceFiles) -> Access:
    requirepass = instance.last("requirepass")
    password, accounts = bool(requirepass and requirepass[0]), _accounts(instance.rows)
    named = instance.last("aclfile")
    if named and named[0]:
        file = files.at(named[0])
        if file is None or file.lines is None:
            return Access(missing=(*instance.missing, named[0]))
        password, accounts = False, _accounts(_rows(file))
    return Access(naked=tuple(_naked(accounts, password)), missing=instance.missing)


def _included(instances: list[Instance], own: tuple[ServiceFile, ...]) -> set[str]:
    """The files that others read, which are no instances of their own."""
    places = [row[1] for f in own for row in _rows(f) if row[0] == "include" and len(row) > 1]
    return {one.path for one in instances if any(fnmatchcase(one.path, p) for p in places)}


@service_check(
    "linux.redis-password",
    names=_NAMES,
    ports=("6379/tcp",),
    version=4,
    places=("/etc/redis", "/etc/redis.conf", "/etc/valkey", "/etc/keydb"),
    files=("*.conf", "*.acl"),
    expected=msg("a password for every account (requirepass or ACL), or only for this host"),
    remedy=msg("Set requirepass or an ACL with passwords, bind 127.0.0.1 and protected-mode yes"),
)
def redis_password(files: ServiceFiles, service: Service) -> ServiceState:
    """Redis accepts no connections from other hosts without a password."""
    own = tuple(f for f in files.matching(_CONF) if "sentinel" not in f.path)
    every = [_instance(files, f) for f in own if f.lines is not None]
    instances = [one for one in every if one.path not in _included(every, own)]
    bad: list[str] = []
    doubtful: list[str] = []
    missing: list[str] = []
    for one in instances:
        access = _look(one, files)
        missing += access.missing
        ports = [port for port in one.ports if not service.silent(f"{port}/tcp")]
        if not access.naked or one.only_loopback or not ports:
            continue
        text = f"{one.path}: {', '.join(access.naked)}"
        # Protected mode concerns the account `default` only.
        guarded = one.protected and set(access.naked) == {"default"}
        if not guarded:
            (doubtful if access.missing else bad).append(text)
        elif one.last("bind") is not None:
            doubtful.append(text)
    changed = [w for w in service.words if w.startswith("--")]
    missing += _others(instances, files, service) if instances else []
    return _state(bad, doubtful, missing, changed, own)


def _others(instances: list[Instance], files: ServiceFiles, service: Service) -> list[str]:
    """What runs besides with a configuration that was not read: its file, or its port.

    A server writes its address in the place of its arguments, unless it was told not to.
    """
    named = [w for w in service.words if w.startswith("/") and files.at(w) is None]
    ports = {p for one in instances for p in (*one.ports, *(one.last("tls-port") or ()))}
    sockets = [i for i in service.listeners or () if i.process in _NAMES and not i.loopback]
    return [*named, *sorted({i.number for i in sockets if str(i.port) not in ports})]


def _state(
    bad: list[str],
    doubtful: list[str],
    missing: list[str],
    changed: list[str],
    own: tuple[ServiceFile, ...],
) -> ServiceState:
    certain = about((bad, msg("Accounts that need no password: {names}", names=capped(bad))))
    guarded = msg("No password is set, and only protected mode refuses other hosts; "
                  "before Redis 7 it does not where addresses are bound: {names}",
                  names=capped(doubtful))  # fmt: skip
    fine = msg("A password is needed, or only this host may connect: {paths}",
               paths=capped(f.path for f in own)) if own else None  # fmt: skip
    by_arguments = msg("The command line changes the configuration: {names}", names=capped(changed))
    return ServiceState(
        open=certain, overrides=(by_arguments,) if changed else (), files=own, fine=fine,
        doubts=(*((guarded,) if doubtful else ()), *not_read(missing)),
    )  # fmt: skip


READERS = (redis_password,)
