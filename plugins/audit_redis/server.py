"""What a server tells: INFO, settings, users with what each may do."""

from __future__ import annotations

import ipaddress

import msgspec
from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Message,
    ParseError,
    Partial,
    fact,
    integer,
    json_value,
    msg,
    partial,
)
from audit_redis.request import RedisConfig, RedisInfo, RedisUsers

KIND = "redis"
_NAMES = (
    "bind", "port", "protected-mode", "tls-port", "tls-protocols", "tls-auth-clients",
    "tls-replication", "tls-cluster", "timeout", "tcp-keepalive", "maxclients", "maxmemory",
    "maxmemory-policy", "logfile", "loglevel", "syslog-enabled", "acllog-max-len", "save",
    "appendonly", "appendfsync", "rdbchecksum", "enable-protected-configs",
    "enable-debug-command", "enable-module-command", "aclfile",
)  # fmt: skip


class Info(Struct, frozen=True, kw_only=True):
    """The fields of INFO by name."""

    fields: dict[str, str]

    def get(self, name: str) -> str:
        """The value; empty where the server does not tell it."""
        return self.fields.get(name, "")

    def number(self, name: str) -> int | None:
        """A whole number; None where there is none."""
        return integer(self.get(name))

    @property
    def product(self) -> tuple[str, str]:
        """Redis or Valkey, and its version: Valkey also tells a version of Redis."""
        if valkey := self.get("valkey_version"):
            return "Valkey", valkey
        return "Redis", self.get("redis_version")

    @property
    def replicas(self) -> tuple[dict[str, str], ...]:
        """The replicas of a master, each by field (ip, state, lag)."""
        found = []
        for name, text in self.fields.items():
            if name.startswith("slave") and name[5:].isdecimal():
                pairs = (part.partition("=") for part in text.split(","))
                found.append({key: value for key, _, value in pairs})
        return tuple(found)


class Settings(Struct, frozen=True, kw_only=True):
    """Settings by name; one that the release does not have is missing."""

    values: dict[str, str]

    def get(self, name: str) -> str | None:
        """The value, which may be empty; None where the release has no such setting."""
        return self.values.get(name)

    def as_message(self, *names: str) -> Message:
        """The settings `names` with their values, for a record."""
        pairs = (f"{name} {self.values.get(name, '-') or '(empty)'}" for name in names)
        return msg("{values}", values=", ".join(pairs))

    @property
    def since_7(self) -> bool:
        """Whether the release is 7.0 or later, which has settings that earlier ones have not."""
        return "enable-protected-configs" in self.values

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the server listens for TCP; an empty `bind` is nowhere, before 7.0 everywhere."""
        if self.get("port") == "0" and self.get("tls-port") in (None, "", "0"):
            return ()
        words = (self.get("bind") or "").split() or ([] if self.since_7 else ["*"])
        return tuple(word.lstrip("-") for word in words)

    @property
    def local(self) -> bool:
        """Whether the server listens at loopback and Unix sockets only."""
        return all(_is_loopback(word) for word in self.addresses)

    @property
    def everywhere(self) -> bool:
        """Whether the server listens at all addresses."""
        return any(word in ("*", "0.0.0.0", "::", "::*") for word in self.addresses)  # noqa: S104


def _is_loopback(word: str) -> bool:
    try:
        return ipaddress.ip_address(word).is_loopback
    except ValueError:
        return word == "localhost"


class User(Struct, frozen=True, kw_only=True):
    """A user. `may` says by dangerous command `yes`, `no`, or the error of ACL DRYRUN."""

    name: str
    flags: tuple[str, ...]
    passwords: int
    commands: str
    keys: str
    may: dict[str, str]
    selectors: tuple[dict[str, str], ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether it may log in."""
        return "on" in self.flags

    @property
    def open(self) -> bool:
        """Whether anybody may log in as this user, without a password."""
        return self.enabled and "nopass" in self.flags

    @property
    def dangerous(self) -> tuple[str, ...]:
        """The dangerous commands that it may run for certain."""
        certain = tuple(name for name, may in self.may.items() if may == "yes")
        # before 7.0 there is no DRYRUN; rules that only add everything need none
        return certain or (("+@all",) if self.commands.strip() == "+@all" else ())

    @property
    def unknown(self) -> tuple[str, ...]:
        """The commands of which the server does not tell whether it may run them."""
        return tuple(name for name, may in self.may.items() if may not in ("yes", "no"))

    @property
    def unlimited(self) -> bool:
        """Whether it may run all commands on all keys, by its own rules or those of a selector.

        Also where a command is taken away that does not matter: it may run all dangerous ones.
        """
        own = {"commands": self.commands, "keys": self.keys}
        on_all_keys = [r for r in (own, *self.selectors) if _is_every_key(r.get("keys", ""))]
        if any(rules.get("commands", "").strip() == "+@all" for rules in on_all_keys):
            return True
        every = bool(self.may) and all(may == "yes" for may in self.may.values())
        return every and bool(on_all_keys)


def _is_every_key(keys: str) -> bool:
    """Whether patterns of keys fit every key, for reading and writing: `~*`, `~**`, `%R~* %W~*`."""
    rights: set[str] = set()
    for word in keys.split():
        right, tilde, pattern = word.partition("~")
        if tilde and "*" in pattern and not pattern.strip("*?"):
            rights |= set(right.lstrip("%") or "RW")
    return rights >= {"R", "W"}


def _info(answer: Answer) -> Info:
    fields = {}
    for line in answer.lines:
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            fields[name] = value.strip()
    if "redis_version" not in fields and "valkey_version" not in fields:
        raise ParseError(msg("not the answer to INFO"))
    return Info(fields=fields)


_NOT_ASKED_FOR = msg("not the answer that was asked for")


def _settings(answer: Answer) -> Settings:
    try:
        found = Settings(
            values=msgspec.convert(json_value(answer.text, _NOT_ASKED_FOR), dict[str, str])
        )
    except msgspec.ValidationError as error:
        raise ParseError(_NOT_ASKED_FOR) from error
    if not {"bind", "port"} <= set(found.values):  # every release has them; a proxy may tell none
        raise ParseError(msg("the server accepts CONFIG GET, but returns no settings"))
    return found


def _users(answer: Answer) -> tuple[User, ...] | Partial:
    found, problems = [], []
    for line in answer.lines:
        value = json_value(line, _NOT_ASKED_FOR)
        if isinstance(value, dict) and set(value) == {"more"}:
            problems.append(msg("{count} more users", count=str(value["more"])))
            continue
        try:
            found.append(msgspec.convert(value, User))
        except msgspec.ValidationError as error:
            raise ParseError(_NOT_ASKED_FOR) from error
    if not found:
        raise ParseError(_NOT_ASKED_FOR)  # default is always there
    return partial(tuple(found), problems)


INFO = fact("redis.info", Info, kind=KIND, ask=RedisInfo(), parse=_info)
SETTINGS = fact(
    "redis.settings", Settings, kind=KIND, ask=RedisConfig(names=_NAMES), parse=_settings
)  # fmt: skip
USERS = fact("redis.users", tuple[User, ...], kind=KIND, ask=RedisUsers(), parse=_users)

FACTS = (INFO, SETTINGS, USERS)
