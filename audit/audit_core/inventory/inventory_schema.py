"""The YAML of an inventory as it is written, and how `defaults` get into each target."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from audit_core.inventory.model import Kind, ObjectType, Sudo, System, Via
from audit_core.model import Privilege
from audit_core.policy.strict_yaml import Document, Entry, Node

_CREDENTIALS = ("key", "passphrase", "password", "agent", "agent_fingerprint")


class WrittenLogin(Struct, frozen=True, kw_only=True):
    """Where and as whom to log in."""

    address: str | None = None
    user: str | None = None
    port: int = 22
    key: str | None = None
    passphrase: str | None = None
    password: str | None = None
    agent: bool = False
    agent_fingerprint: str | None = None
    known_hosts: tuple[str, ...] | str = ()
    host_key_name: str | None = None


class WrittenAccess(WrittenLogin, frozen=True, kw_only=True):
    """How a host is reached."""

    via: Via = Via.SSH
    jump: WrittenLogin | None = None
    sudo: Sudo = Sudo.PER_COMMAND


class WrittenEndpoint(Struct, frozen=True, kw_only=True):
    """A port of a target that speaks TLS."""

    port: int
    id: str | None = None
    address: str | None = None
    server_name: str | None = None
    trust: Literal["public", "private"] | None = None
    starttls: str | None = None
    object_type: ObjectType | None = None
    settings: dict[str, Any] = {}


class WrittenBackup(Struct, frozen=True, kw_only=True):
    """A folder of a host in which backups arrive."""

    id: str
    path: str
    pattern: str = "*"
    depth: int | None = None
    privilege: Privilege | None = None
    rpo_hours: float | None = None
    copies: int | None = None
    min_bytes: int | None = None
    offsite: bool | str | None = None
    encrypted: bool | None = None
    restore_tested: str | None = None
    object_type: ObjectType = ObjectType.BUSINESS_DATA
    settings: dict[str, Any] = {}


class WrittenCommon(Struct, frozen=True, kw_only=True):
    """What a target says, and `defaults` may say for it."""

    kind: Kind = Kind.HOST
    object_type: ObjectType | None = None
    zone: str | None = None
    business_system: str | None = None
    owner: str | None = None
    access: WrittenAccess | None = None
    settings: dict[str, Any] = {}
    allowed_ports: tuple[Any, ...] | None = None
    scan_ports: tuple[Any, ...] | None = None


class WrittenTarget(WrittenCommon, frozen=True, kw_only=True):
    """One target with its parts."""

    id: str
    address: str | None = None
    endpoints: tuple[WrittenEndpoint, ...] = ()
    backups: tuple[WrittenBackup, ...] = ()


class WrittenFile(Struct, frozen=True, kw_only=True):
    """The whole file."""

    targets: tuple[WrittenTarget, ...]
    system: System = System()
    defaults: WrittenCommon = WrittenCommon()
    scope: tuple[str, ...] | None = None


def merge_defaults(document: Document) -> None:
    """Puts what `defaults` says into each target that does not say it; access key by key."""
    defaults, targets = document.at(("defaults",)), document.at(("targets",))
    if defaults is None or targets is None or not isinstance(targets.value, list):
        return
    document.convert(WrittenCommon, defaults, ("defaults",))
    for target in targets.value:
        if isinstance(target.value, dict):
            _fill(target.value, defaults.value)


def _fill(own: dict[str, Entry], defaults: dict[str, Entry]) -> None:
    hosts = "kind" not in own or own["kind"].node.value == Kind.HOST
    for key, entry in defaults.items():
        if (key == "access" and not (hosts or key in own)) or (
            key == "object_type" and "kind" in own
        ):
            continue
        if key in ("access", "settings") and key in own:
            mine = own[key].node.value
            if isinstance(mine, dict) and isinstance(entry.node.value, dict):
                own[key] = own[key]._replace(node=_under(own[key].node, entry.node))
        else:
            own.setdefault(key, entry)


def _under(own: Node, defaults: Node) -> Node:
    written = set(own.value)
    replaced = set(_CREDENTIALS) if written & set(_CREDENTIALS) else set()
    if "via" in written and own.value["via"].node.value == Via.LOCAL:
        return own
    kept = {k: v for k, v in defaults.value.items() if k not in replaced}
    return Node({**kept, **own.value}, own.line)
