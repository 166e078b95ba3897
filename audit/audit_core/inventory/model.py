"""What an inventory says: the system, its targets, and apart from them how each is reached."""

from __future__ import annotations

import enum
import hashlib
from typing import Literal

from msgspec import Struct

from audit_core.model import Target


class Kind(enum.StrEnum):
    """What kind of thing a target is."""

    HOST = "host"
    ENDPOINT = "endpoint"
    BACKUP_SET = "backup_set"
    DATABASE = "database"
    NETWORK_DEVICE = "network_device"
    APPLICATION = "application"
    DATA_SET = "data_set"
    NETWORK = "network"
    SITE = "site"
    ORGANISATION = "organisation"


class ObjectType(enum.StrEnum):
    """What an object is to the assessor (测评对象类型): 13 of 计算环境, 3 of the other layers."""

    NETWORK_DEVICE = "network_device"
    SECURITY_DEVICE = "security_device"
    APPLICATION = "application"
    MANAGEMENT_PLATFORM = "management_platform"
    SERVER = "server"
    DATABASE = "database"
    TERMINAL = "terminal"
    AUTHENTICATION_DATA = "authentication_data"
    BUSINESS_DATA = "business_data"
    AUDIT_DATA = "audit_data"
    CONFIGURATION_DATA = "configuration_data"
    VIDEO_DATA = "video_data"
    PERSONAL_INFORMATION = "personal_information"
    SITE = "site"
    NETWORK = "network"
    ORGANISATION = "organisation"


THIS_MACHINE = hashlib.sha256(b"this machine").hexdigest()
OBJECT_TYPE = {
    Kind.HOST: ObjectType.SERVER,
    Kind.ENDPOINT: ObjectType.APPLICATION,
    Kind.BACKUP_SET: ObjectType.BUSINESS_DATA,
    Kind.DATABASE: ObjectType.DATABASE,
    Kind.NETWORK_DEVICE: ObjectType.NETWORK_DEVICE,
    Kind.APPLICATION: ObjectType.APPLICATION,
    Kind.DATA_SET: ObjectType.BUSINESS_DATA,
    Kind.NETWORK: ObjectType.NETWORK,
    Kind.SITE: ObjectType.SITE,
    Kind.ORGANISATION: ObjectType.ORGANISATION,
}
ALWAYS = (Kind.SITE, Kind.NETWORK, Kind.ORGANISATION)


class Via(enum.StrEnum):
    """Over what a host is reached."""

    LOCAL = "local"
    SSH = "ssh"


class Sudo(enum.StrEnum):
    """How requests that need root run: not at all, or each by `sudo -n` with its exact argv."""

    NONE = "none"
    PER_COMMAND = "per-command"


class Login(Struct, frozen=True, kw_only=True):
    """Where and as whom to log in over SSH. `key` is a path or a reference; secrets are references.

    Of the credentials one is used: key, else password, else agent.
    """

    address: str
    user: str
    port: int = 22
    key: str | None = None
    passphrase: str | None = None
    password: str | None = None
    agent: bool = False
    agent_fingerprint: str | None = None
    known_hosts: tuple[str, ...] = ()
    host_key_name: str | None = None


class Access(Struct, frozen=True, kw_only=True):
    """How to reach a host. `login` is there for ssh only; `jump` is the host to go through."""

    via: Via
    login: Login | None = None
    jump: Login | None = None
    sudo: Sudo = Sudo.PER_COMMAND


class System(Struct, frozen=True, kw_only=True):
    """The system under assessment, as declared."""

    name: str | None = None
    level: int | None = None
    extensions: tuple[Literal["cloud", "mobile", "iot", "ics"], ...] = ()
    business_system: str | None = None
    owner: str | None = None


class Inventory(Struct, frozen=True, kw_only=True):
    """All targets, parts after their parents; how to reach hosts, by target id.

    `scope` are the networks that may be contacted; None where none were declared. A part is reached
    over its parent. `sha256` is that of the file; `THIS_MACHINE` stands for the one nobody wrote.
    """

    system: System
    targets: tuple[Target, ...]
    access: dict[str, Access]
    scope: tuple[str, ...] | None = None
    sha256: str = ""

    def access_of(self, target: Target) -> Access | None:
        """How `target`, or the host it is a part of, is reached; None where nothing is declared."""
        return self.access.get(target.id) or self.access.get(target.parent or "")


def default_inventory() -> Inventory:
    """This machine, over no network, and the site, network and organisation it stands in."""
    here = Target(id="localhost", kind=Kind.HOST, object_type=ObjectType.SERVER)
    return Inventory(
        system=System(), targets=(here, *always((here,))),
        access={"localhost": Access(via=Via.LOCAL)}, scope=("127.0.0.0/8", "::1/128"),
        sha256=THIS_MACHINE,
    )  # fmt: skip


def always(declared: tuple[Target, ...]) -> tuple[Target, ...]:
    """The site, network and organisation that the inventory does not declare itself."""
    kinds = {target.kind for target in declared}
    return tuple(
        Target(id=kind.value, kind=kind, object_type=OBJECT_TYPE[kind])
        for kind in ALWAYS
        if kind not in kinds
    )
