"""The targets of an audit and how to reach them: strict YAML in, targets and access apart.

Credentials are references (`env:NAME`, `file:PATH`, …), never values; an error about one does not
repeat it. Access is kept apart from targets, so that nothing of it reaches a bundle.
"""

from __future__ import annotations

import enum
import hashlib
import ipaddress
import posixpath
import re
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, structs

from audit_core.model import Kind, ObjectType, Privilege, Target, msg
from audit_core.policy.strict_yaml import Document, Entry, Node, load_bytes, read_bytes
from audit_core.policy.words import (
    NOTHING,
    SILENT,
    Place,
    as_is,
    nearest_word,
    one_of,
    seen,
    wrong_id,
    wrong_text,
)

_TEXT_MAX = 200
_REFERENCE = re.compile(
    r"env:[A-Za-z_][A-Za-z0-9_]*|(file|prompt|vault):\S.*|keyring:[^\s/].*/.*\S"
)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)")
_PORTS = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?(?:/(?:tcp|udp))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Words that mean yes or no to their writer, where the name of a place is expected.
_NO_PLACE = {
    "yes",
    "no",
    "y",
    "n",
    "on",
    "off",
    "none",
    "n/a",
    "na",
    "-",
    "有",
    "无",
    "是",
    "否",
    "没有",
}
_CREDENTIALS = ("key", "passphrase", "password", "agent", "agent_fingerprint")

_OBJECT_TYPE = {
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
_ALWAYS = (Kind.SITE, Kind.NETWORK, Kind.ORGANISATION)
_PARTS = (Kind.ENDPOINT, Kind.BACKUP_SET)
_DATA = (
    ObjectType.AUTHENTICATION_DATA, ObjectType.BUSINESS_DATA, ObjectType.AUDIT_DATA,
    ObjectType.CONFIGURATION_DATA, ObjectType.VIDEO_DATA, ObjectType.PERSONAL_INFORMATION,
)  # fmt: skip
_DEVICES = (
    ObjectType.SERVER, ObjectType.TERMINAL, ObjectType.DATABASE, ObjectType.NETWORK_DEVICE,
    ObjectType.SECURITY_DEVICE, ObjectType.APPLICATION, ObjectType.MANAGEMENT_PLATFORM,
)  # fmt: skip


# --- what comes out -----------------------------------------------------------------------------


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
    over its parent. `sha256` is that of the file, empty
    without one.
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
        system=System(), targets=(here, *_always((here,))),
        access={"localhost": Access(via=Via.LOCAL)}, scope=("127.0.0.0/8", "::1/128"),
    )  # fmt: skip


def load_inventory(path: Path) -> Inventory:
    """The inventory in the YAML file `path`; raises InputError with file, line and place."""
    raw = read_bytes(path)  # once: a pipe has no second time, and a file may change
    read = read_inventory(load_bytes(raw, str(path)))
    return structs.replace(read, sha256=hashlib.sha256(raw).hexdigest())


def read_inventory(document: Document) -> Inventory:
    """The inventory that `document` spells."""
    _merge_defaults(document)
    return _Reader(document).inventory()


# --- what is written ----------------------------------------------------------------------------


class _Login(Struct, frozen=True, kw_only=True):
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


class _Access(_Login, frozen=True, kw_only=True):
    via: Via = Via.SSH
    jump: _Login | None = None
    sudo: Sudo = Sudo.PER_COMMAND


class _Endpoint(Struct, frozen=True, kw_only=True):
    port: int
    id: str | None = None
    address: str | None = None
    server_name: str | None = None
    trust: Literal["public", "private"] | None = None
    starttls: str | None = None
    object_type: ObjectType | None = None
    settings: dict[str, Any] = {}


class _Backup(Struct, frozen=True, kw_only=True):
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


class _Common(Struct, frozen=True, kw_only=True):
    kind: Kind = Kind.HOST
    object_type: ObjectType | None = None
    zone: str | None = None
    business_system: str | None = None
    owner: str | None = None
    access: _Access | None = None
    settings: dict[str, Any] = {}
    allowed_ports: tuple[Any, ...] | None = None
    scan_ports: tuple[Any, ...] | None = None


class _Target(_Common, frozen=True, kw_only=True):
    id: str
    address: str | None = None
    endpoints: tuple[_Endpoint, ...] = ()
    backups: tuple[_Backup, ...] = ()


class _File(Struct, frozen=True, kw_only=True):
    targets: tuple[_Target, ...]
    system: System = System()
    defaults: _Common = _Common()
    scope: tuple[str, ...] | None = None


def _merge_defaults(document: Document) -> None:
    """Puts what `defaults` says into each target that does not say it; access key by key."""
    defaults, targets = document.at(("defaults",)), document.at(("targets",))
    if defaults is None or targets is None or not isinstance(targets.value, list):
        return
    document.convert(_Common, defaults, ("defaults",))
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


# --- reading ------------------------------------------------------------------------------------


class _Reader:
    """Checks each value where it stands, and makes targets and access of them."""

    def __init__(self, document: Document) -> None:
        self._doc = document
        self._file = document.convert(_File)
        self._seen: dict[str, str] = {}
        self._networks = self._scope()

    def inventory(self) -> Inventory:
        if not self._file.targets:
            self._doc.fail(("targets",), msg("at least one target"), msg("none"))
        self._system()
        targets: list[Target] = []
        access: dict[str, Access] = {}
        for index, written in enumerate(self._file.targets):
            place: Place = ("targets", index)
            target = self._target(place, written)
            reach = self._access(place, written)
            if reach is not None:
                access[target.id] = reach
            targets += [target, *self._parts(place, written, target, reach)]
        return Inventory(
            system=self._file.system, targets=(*targets, *_always(tuple(targets))),
            access=access, scope=self._file.scope,
        )  # fmt: skip

    def _system(self) -> None:
        level = self._file.system.level
        if level is not None and not 1 <= level <= 5:
            self._doc.fail(("system", "level"), msg("1 to 5"), as_is(str(level)))
        for name in ("name", "business_system", "owner"):
            self._text(("system", name), getattr(self._file.system, name))

    # --- targets

    def _target(self, place: Place, written: _Target) -> Target:
        self._id((*place, "id"), written.id)
        self._reserved(place, written)
        self._type(place, written.kind, written.object_type)
        for name in ("zone", "business_system", "owner"):
            self._text((*place, name), getattr(written, name))
        if written.address is not None:
            self._address((*place, "address"), written.address)
        system = self._file.system
        return Target(
            id=written.id, kind=written.kind,
            object_type=written.object_type or _OBJECT_TYPE[written.kind],
            zone=written.zone, business_system=written.business_system or system.business_system,
            owner=written.owner or system.owner, address=written.address,
            settings=self._settings(place, written),
        )  # fmt: skip

    def _reserved(self, place: Place, written: _Target) -> None:
        if written.id in tuple(_ALWAYS) and written.kind != written.id:
            expected = msg("another id (this one stands for the whole {name})", name=written.id)
            self._doc.fail((*place, "id"), expected, seen(written.id))

    def _type(self, place: Place, kind: Kind, given: ObjectType | None) -> None:
        """Refuses what would take an object out of its layer, and so from under its clauses."""
        if kind in _PARTS and len(place) == 2:
            known = one_of(k for k in Kind if k not in _PARTS)
            self._doc.fail((*place, "kind"), known, seen(kind.value))
        fitting = _fitting(kind)
        if given is not None and given not in fitting:
            self._doc.fail((*place, "object_type"), one_of(fitting), seen(given.value))

    def _settings(self, place: Place, written: _Target) -> dict[str, Any]:
        settings = dict(written.settings)
        self._no_fields((*place, "settings"), settings, _Target, ("allowed_ports", "scan_ports"))
        for name in ("allowed_ports", "scan_ports"):
            given = getattr(written, name)
            if given is not None:
                if name in settings:
                    expected = msg("{name} once", name=name)
                    self._doc.fail((*place, name), expected, msg("it in settings too"))
                settings[name] = given
            where: Place = (*place, name) if given is not None else (*place, "settings", name)
            if name in settings:
                self._ports(where, settings[name])
        self._plain_settings((*place, "settings"), settings)
        return settings

    def _no_fields(
        self, place: Place, settings: dict[str, Any], kind: type[Struct], known: tuple[str, ...]
    ) -> None:
        """Refuses keys under settings that belong beside it, well or badly spelt."""
        for name in settings:
            word = nearest_word(name, kind.__struct_fields__, least=0.85)
            if word is not None and name not in known:
                hint = SILENT if word == name else msg("; did you mean {word}?", word=repr(word))
                expected = msg("{name} beside settings, not under it", name=word)
                if word in known:
                    expected = msg("a name that only plugins know")
                self._doc.fail((*place, name), expected, seen(name), hint)

    def _plain_settings(self, place: Place, settings: dict[str, Any]) -> None:
        for name, value in settings.items():
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(v, dict | tuple) for v in values):
                expected = msg("a plain value or a list of them")
                self._doc.fail((*place, name), expected, msg("more levels"))

    def _ports(self, place: Place, value: Any) -> None:
        if not isinstance(value, tuple):
            expected = msg("a list of ports, e.g. [22/tcp, 8000-8010/tcp]")
            self._doc.fail(place, expected, msg("one value"))
        for index, item in enumerate(value):
            found = _PORTS.fullmatch(str(item))
            low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
            if not low <= high <= 65535:
                expected = msg("a port like 22, 22/tcp or 8000-8010/tcp")
                node = self._doc.at((*place, index))
                self._doc.fail((*place, index), expected, node.shown() if node else NOTHING)

    # --- parts

    def _parts(
        self, place: Place, written: _Target, parent: Target, access: Access | None
    ) -> list[Target]:
        parts = []
        for index, endpoint in enumerate(written.endpoints):
            at: Place = (*place, "endpoints", index)
            parts.append(self._endpoint(at, endpoint, parent, access))
        for index, backup in enumerate(written.backups):
            parts.append(self._backup((*place, "backups", index), backup, parent, access))
        return parts

    def _endpoint(
        self, place: Place, written: _Endpoint, parent: Target, access: Access | None
    ) -> Target:
        self._port((*place, "port"), written.port)
        if written.server_name is not None:
            self._host((*place, "server_name"), written.server_name)
        address = written.address or parent.address
        if address is None and access is not None and access.via is Via.LOCAL:
            address = "127.0.0.1"
        if address is None:
            expected = msg("an address here or at the target")
            self._doc.fail((*place, "address"), expected, NOTHING)
        self._address((*place, "address"), address)
        self._type(place, Kind.ENDPOINT, written.object_type)
        self._no_fields((*place, "settings"), written.settings, _Endpoint, ())
        self._plain_settings((*place, "settings"), written.settings)
        settings = {**written.settings, "port": written.port}
        for key in ("server_name", "trust", "starttls"):
            if getattr(written, key) is not None:
                settings[key] = getattr(written, key)
        name = written.id if written.id is not None else f"tls:{written.port}"
        return self._part(
            place, parent, name, kind=Kind.ENDPOINT, address=address, settings=settings,
            object_type=written.object_type or parent.object_type,
        )  # fmt: skip

    def _backup(
        self, place: Place, written: _Backup, parent: Target, access: Access | None
    ) -> Target:
        if access is None:
            expected = msg("a target that is reached (access)")
            self._doc.fail(place, expected, msg("one that is not"))
        self._check_backup(place, written)
        self._type(place, Kind.BACKUP_SET, written.object_type)
        self._no_fields((*place, "settings"), written.settings, _Backup, ())
        self._plain_settings((*place, "settings"), written.settings)
        fields = structs.asdict(written)
        own = {k: v for k, v in fields.items() if v is not None}
        settings = {**own.pop("settings"), **own}
        del settings["id"], settings["object_type"]
        return self._part(
            place, parent, f"backup:{written.id}", kind=Kind.BACKUP_SET, address=parent.address,
            settings=settings, object_type=written.object_type,
        )  # fmt: skip

    def _check_backup(self, place: Place, written: _Backup) -> None:
        path = written.path
        if not path.startswith("/") or not path.isprintable() or ".." in path.split("/"):
            self._doc.fail((*place, "path"), msg("an absolute path without .."), seen(path))
        if posixpath.normpath(path).strip("/") == "":
            self._doc.fail((*place, "path"), msg("the folder of the backups"), seen(path))
        if "/" in written.pattern or not written.pattern.isprintable() or not written.pattern:
            expected = msg("a file name pattern")
            self._doc.fail((*place, "pattern"), expected, seen(written.pattern))
        for name in ("rpo_hours", "copies", "min_bytes", "depth"):
            value = getattr(written, name)
            if value is not None and value <= 0:
                self._doc.fail((*place, name), msg("a number above 0"), as_is(str(value)))
        tested = written.restore_tested
        self._place_of((*place, "offsite"), written.offsite)
        if tested is not None and not _is_date(tested):
            expected = msg("a date like 2026-05-31")
            self._doc.fail((*place, "restore_tested"), expected, seen(tested))

    def _place_of(self, place: Place, offsite: bool | str | None) -> None:
        # `no` is text here: it would count as the name of a place where a copy is
        if isinstance(offsite, str):
            word = offsite.strip().casefold()
            if word in _NO_PLACE or word in ("true", "false") or wrong_text(offsite, _TEXT_MAX):
                expected = msg("true, false or the place of the off-site copy")
                self._doc.fail(place, expected, seen(offsite))

    def _part(self, place: Place, parent: Target, name: str, **fields: Any) -> Target:
        self._id((*place, "id"), name.replace(":", "."), shown=name, under=parent.id)
        return Target(
            id=f"{parent.id}/{name}", parent=parent.id, zone=parent.zone,
            business_system=parent.business_system, owner=parent.owner, **fields,
        )  # fmt: skip

    # --- access

    def _access(self, place: Place, written: _Target) -> Access | None:
        given = written.access
        place = (*place, "access")
        if given is None:
            if written.kind is Kind.HOST:
                self._doc.fail(place, msg("how to reach it, e.g. {via: local}"), NOTHING)
            return None
        if given.via is Via.LOCAL:
            self._nothing_remote(place)
            return Access(via=Via.LOCAL, sudo=given.sudo)
        login = self._login(place, given, written.address)
        jump = None
        if given.jump is not None:
            jump = self._login((*place, "jump"), given.jump, None)
        return Access(via=Via.SSH, login=login, jump=jump, sudo=given.sudo)

    def _nothing_remote(self, place: Place) -> None:
        node = self._doc.at(place)
        written = node.value if node is not None else {}
        for key in written:
            if key not in ("via", "sudo"):
                self._doc.fail((*place, key), msg("only via and sudo for local"), seen(key))

    def _login(self, place: Place, given: _Login, address: str | None) -> Login:
        address = given.address or address
        if address is None:
            self._doc.fail((*place, "address"), msg("an address to log in to"), NOTHING)
        if given.address is not None:
            self._address((*place, "address"), address)
        self._user((*place, "user"), given.user)
        self._port((*place, "port"), given.port)
        for name in ("password", "passphrase"):
            self._reference((*place, name), getattr(given, name))
        self._key((*place, "key"), given.key)
        self._agent(place, given)
        if given.host_key_name is not None:
            self._host((*place, "host_key_name"), given.host_key_name)
        if not (given.key or given.password or given.agent):
            self._doc.fail(place, msg("key, password or agent"), msg("none of them"))
        fields = {k: v for k, v in structs.asdict(given).items() if k in Login.__struct_fields__}
        known = given.known_hosts
        fields["known_hosts"] = (known,) if isinstance(known, str) else known
        return Login(**{**fields, "address": address})

    # --- single values

    def _id(
        self, place: Place, id: str, *, shown: str | None = None, under: str | None = None
    ) -> None:
        wrong = wrong_id(id)
        if wrong is not None:
            self._doc.fail(place, wrong, seen(shown if shown is not None else id))
        key = unicodedata.normalize("NFKC", f"{under or ''}/{shown or id}").casefold()
        if key in self._seen:
            expected = msg("each id once ({other} is there)", other=self._seen[key])
            self._doc.fail(place, expected, seen(shown or id))
        self._seen[key] = shown or id

    def _text(self, place: Place, text: str | None) -> None:
        wrong = wrong_text(text, _TEXT_MAX) if text is not None else None
        if wrong is not None:
            self._doc.fail(place, wrong, seen(text or ""))

    def _host(self, place: Place, name: str) -> None:
        if not _is_host(name):
            # what looks like a login may hold a password: it is not repeated
            got = msg("a login") if "@" in name else seen(name)
            self._doc.fail(place, msg("a host name (ASCII) or an address"), got)

    def _address(self, place: Place, address: str) -> None:
        self._host(place, address)
        try:
            literal = ipaddress.ip_address(address)
        except ValueError:
            return
        if isinstance(literal, ipaddress.IPv6Address) and literal.ipv4_mapped is not None:
            literal = literal.ipv4_mapped
        if literal.is_unspecified or literal.is_multicast or str(literal) == "255.255.255.255":
            self._doc.fail(place, msg("the address of one host"), seen(address))
        if self._networks is not None and not any(literal in net for net in self._networks):
            self._doc.fail(place, msg("an address inside the declared scope"), seen(address))

    def _user(self, place: Place, user: str | None) -> None:
        if user is None:
            self._doc.fail(place, msg("the user to log in as"), NOTHING)
        plain = user.isprintable() and not re.search(r"[\s*:@]", user)
        if not plain or user.startswith("-") or not 0 < len(user) <= 255:
            got = msg("a login") if ":" in user or "@" in user else seen(user)
            self._doc.fail(place, msg("a user name"), got)

    def _port(self, place: Place, port: int) -> None:
        if not 1 <= port <= 65535:
            self._doc.fail(place, msg("a port from 1 to 65535"), as_is(str(port)))

    def _reference(self, place: Place, text: str | None) -> None:
        if text is not None and not (_REFERENCE.fullmatch(text) and text.isprintable()):
            expected = msg(
                "a reference to the secret (env:NAME, file:PATH, prompt:LABEL, keyring:S/U)"
            )
            got = msg("something else (not shown; it may be the secret)")
            self._doc.fail(place, expected, got)

    def _key(self, place: Place, key: str | None) -> None:
        if key is not None and (
            not key.strip() or not key.isprintable() or "-----" in key or len(key) > 1000
        ):
            expected = msg("the path of a key file, or a reference to the key")
            got = msg("something else (not shown; it may be the key)")
            self._doc.fail(place, expected, got)

    def _agent(self, place: Place, given: _Login) -> None:
        if given.passphrase is not None and given.key is None:
            self._doc.fail((*place, "passphrase"), msg("a key that it opens"), msg("no key"))
        known = given.agent_fingerprint
        if known is not None and not _FINGERPRINT.fullmatch(known):
            expected = msg("a fingerprint as ssh-keygen -l prints it (SHA256:...)")
            self._doc.fail((*place, "agent_fingerprint"), expected, seen(known))
        files = given.known_hosts
        for name in (files,) if isinstance(files, str) else files:
            if not name.strip() or not name.isprintable():
                self._doc.fail((*place, "known_hosts"), msg("the path of a file"), seen(name))

    def _scope(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network] | None:
        if self._file.scope is None:
            # written and left empty it would mean that anything may be contacted
            if self._doc.at(("scope",)) is not None:
                expected = msg("a list of networks; without the key nothing is limited")
                self._doc.fail(("scope",), expected, NOTHING)
            return None
        networks = []
        for index, text in enumerate(self._file.scope):
            try:
                networks.append(ipaddress.ip_network(text))
            except ValueError:
                expected = msg("a network like 10.0.0.0/8")
                self._doc.fail(("scope", index), expected, seen(text))
        return networks


def _fitting(kind: Kind) -> tuple[ObjectType, ...]:
    """What an object of `kind` can be to the assessor."""
    if kind in _ALWAYS:
        return (_OBJECT_TYPE[kind],)
    return _DATA if kind in (Kind.DATA_SET, Kind.BACKUP_SET) else _DEVICES


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return "%" not in name
    labels = name.removesuffix(".").split(".")
    plain = name.isascii() and len(name) <= 253 and all(_LABEL.fullmatch(x) for x in labels)
    # inet_aton(3) reads 127.1 and 0x7f.1 as addresses: no name may end like that
    return plain and not _NUMBER.fullmatch(labels[-1])


def _always(declared: tuple[Target, ...]) -> tuple[Target, ...]:
    """The site, network and organisation that the inventory does not declare itself."""
    kinds = {target.kind for target in declared}
    return tuple(
        Target(id=kind.value, kind=kind, object_type=_OBJECT_TYPE[kind])
        for kind in _ALWAYS
        if kind not in kinds
    )
