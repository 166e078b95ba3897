"""Redis and Valkey without a password: redis.conf, ACL files.

A line is a directive in any case and its words, which quotes may hold together; the last one
holds. The account `default` needs no password unless `requirepass` or its `user` line says so; an
ACL file (`aclfile`) replaces both. In protected mode such an account is let in from this host
only: since Redis 7 always, before only where no address is bound (`bind`).
"""

from __future__ import annotations

import re

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

_WORD = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|(\S+)")
_CONF = r"/etc/redis(/.*)?\.conf|/etc/valkey(/.*)?\.conf"


class Instance(Struct, frozen=True, kw_only=True):
    """One configuration file: the words of each directive, in order."""

    path: str
    rows: tuple[tuple[str, ...], ...]

    def last(self, name: str) -> tuple[str, ...] | None:
        """The words of the last line of `name`; None where there is none."""
        found = [row[1:] for row in self.rows if row[0] == name]
        return found[-1] if found else None

    @property
    def port(self) -> str:
        """The TCP port as written, 6379 where none is set; `0` where TCP is off."""
        return (self.last("port") or ("6379",))[0]

    @property
    def only_loopback(self) -> bool:
        """Whether every address that it binds is of this host alone."""
        addresses = [word.lstrip("-") for word in self.last("bind") or ()]
        return bool(addresses) and all(map(is_loopback, addresses))

    @property
    def protected(self) -> bool:
        """Whether protected mode is on, which is the default."""
        return (self.last("protected-mode") or ("yes",))[0].lower() == "yes"


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


def _naked(accounts: dict[str, tuple[str, ...]], password: bool) -> list[str]:
    """The accounts that need no password; a new one is off until it is switched on."""
    rules = {"default": accounts.get("default", ()), **accounts}
    return [
        name for name, words in rules.items()
        if not (_asks(words, password) if name == "default" else _asks(("off", *words), True))
    ]  # fmt: skip


class ServiceReader(Struct, frozen=True, kw_only=True):
    """What one instance shows: who needs no password, and what was not read."""

    naked: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def _look(instance: Instance, files: ServiceFiles) -> ServiceReader:
    missing = [row[1] for row in instance.rows if row[0] == "include" and len(row) > 1]
    requirepass = instance.last("requirepass")
    password, accounts = bool(requirepass and requirepass[0]), _accounts(instance.rows)
    named = instance.last("aclfile")
    if named and named[0]:
        file = files.at(named[0])
        if file is None or file.lines is None:
            return ServiceReader(missing=(*missing, named[0]))
        password, accounts = False, _accounts(_rows(file))
    return ServiceReader(naked=tuple(_naked(accounts, password)), missing=tuple(missing))


@service_check(
    "linux.redis-password",
    names=("redis-server", "valkey-server"),
    ports=("6379/tcp",),
    expected=msg("a password for every account (requirepass or ACL), or only for this host"),
    remedy=msg("Set requirepass or an ACL with passwords, bind 127.0.0.1 and protected-mode yes"),
)
def redis_password(files: ServiceFiles, service: Service) -> ServiceState:
    """Redis accepts no connections from other hosts without a password."""
    own = tuple(f for f in files.matching(_CONF) if "sentinel" not in f.path)
    instances = [Instance(path=f.path, rows=_rows(f)) for f in own if f.lines is not None]
    open_: list[str] = []
    doubtful: list[str] = []
    missing: list[str] = []
    for one in instances:
        reader = _look(one, files)
        missing += reader.missing
        if not reader.naked or one.only_loopback or one.port == "0":
            continue
        text = f"{one.path}: {', '.join(reader.naked)}"
        # Protected mode concerns the account `default` only.
        guarded = one.protected and set(reader.naked) == {"default"}
        if not guarded:
            (doubtful if reader.missing else open_).append(text)
        elif one.last("bind") is not None:
            doubtful.append(text)
    return _service_state(open_, doubtful, missing, own, service)


def _service_state(
    open_: list[str],
    doubtful: list[str],
    missing: list[str],
    own: tuple[ServiceFile, ...],
    service: Service,
) -> ServiceState:
    certain: tuple[Message, ...] = ()
    if open_:
        certain = (msg("Accounts that need no password: {names}", names=capped(open_)),)
    changed = [w for w in service.words if w.startswith("--")]
    rows = (
        (doubtful, msg("No password is set, and only protected mode refuses other hosts; "
                       "before Redis 7 it does not where addresses are bound: {names}",
                       names=capped(doubtful))),
        (missing, msg("Files that were not read: {names}", names=capped(missing))),
        (changed, msg("The command line changes the configuration: {names}",
                      names=capped(changed))),
    )  # fmt: skip
    doubts = unread(own) + tuple(detail for names, detail in rows if names)
    fine = msg("A password is needed, or only this host may connect: {paths}",
               paths=capped(f.path for f in own)) if own else None  # fmt: skip
    if changed:
        return ServiceState(doubts=doubts + certain, fine=fine)
    return ServiceState(open=certain, doubts=doubts, fine=fine)


CHECKS = (redis_password,)
