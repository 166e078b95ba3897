"""How a host is reached, read where it stands."""

from __future__ import annotations

import re

from msgspec import structs

from audit_core.inventory.inventory_schema import WrittenLogin, WrittenTarget
from audit_core.inventory.model import Access, Kind, Login, Via
from audit_core.inventory.values import Values
from audit_core.model import msg
from audit_core.policy.strict_yaml import Document
from audit_core.policy.words import NOTHING, Place, seen

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class AccessReader:
    """Makes the access of each target of `document`."""

    def __init__(self, document: Document, values: Values) -> None:
        self._document = document
        self._values = values

    def access(self, place: Place, written: WrittenTarget) -> Access | None:
        """How the target at `place` is reached; None for what nobody logs in to."""
        given = written.access
        place = (*place, "access")
        if given is None:
            if written.kind is Kind.HOST:
                self._document.fail(place, msg("how to reach it, e.g. {via: local}"), NOTHING)
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
        node = self._document.at(place)
        written = node.value if node is not None else {}
        for key in written:
            if key not in ("via", "sudo"):
                self._document.fail((*place, key), msg("only via and sudo for local"), seen(key))

    def _login(self, place: Place, given: WrittenLogin, address: str | None) -> Login:
        address = given.address or address
        if address is None:
            self._document.fail((*place, "address"), msg("an address to log in to"), NOTHING)
        if given.address is not None:
            self._values.address((*place, "address"), address)
        self._values.user((*place, "user"), given.user)
        self._values.port((*place, "port"), given.port)
        for name in ("password", "passphrase"):
            self._values.reference((*place, name), getattr(given, name))
        self._values.key((*place, "key"), given.key)
        self._agent(place, given)
        if given.host_key_name is not None:
            self._values.host((*place, "host_key_name"), given.host_key_name)
        if not (given.key or given.password or given.agent):
            self._document.fail(place, msg("key, password or agent"), msg("none of them"))
        fields = {k: v for k, v in structs.asdict(given).items() if k in Login.__struct_fields__}
        known = given.known_hosts
        fields["known_hosts"] = (known,) if isinstance(known, str) else known
        return Login(**{**fields, "address": address})

    def _agent(self, place: Place, given: WrittenLogin) -> None:
        if given.passphrase is not None and given.key is None:
            self._document.fail((*place, "passphrase"), msg("a key that it opens"), msg("no key"))
        known = given.agent_fingerprint
        if known is not None and not _FINGERPRINT.fullmatch(known):
            expected = msg("a fingerprint as ssh-keygen -l prints it (SHA256:...)")
            self._document.fail((*place, "agent_fingerprint"), expected, seen(known))
        files = given.known_hosts
        for name in (files,) if isinstance(files, str) else files:
            if not name.strip() or not name.isprintable():
                self._document.fail((*place, "known_hosts"), msg("the path of a file"), seen(name))
