"""The parts of a target: its TLS end points and the folders its backups arrive in."""

from __future__ import annotations

import posixpath
import re
from datetime import date
from typing import Any

from msgspec import structs

from audit_core.inventory.inventory_schema import WrittenBackup, WrittenEndpoint, WrittenTarget
from audit_core.inventory.model import Access, Kind, Via
from audit_core.inventory.settings import Settings
from audit_core.inventory.values import TEXT_MAX, Values
from audit_core.model import Target, msg
from audit_core.policy.strict_yaml import Document
from audit_core.policy.words import NOTHING, Place, as_is, seen, wrong_text

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Words that mean yes or no to their writer, where the name of a place is expected.
_NO_PLACE = {
    "yes", "no", "y", "n", "on", "off", "none", "n/a", "na", "-", "true", "false",
    "有", "无", "是", "否", "没有",
}  # fmt: skip


class PartsReader:
    """Makes the parts of each target of `document`."""

    def __init__(self, document: Document, values: Values, settings: Settings) -> None:
        self._document = document
        self._values = values
        self._settings = settings

    def parts(
        self, place: Place, written: WrittenTarget, parent: Target, access: Access | None
    ) -> list[Target]:
        """The parts of `parent`, endpoints first."""
        parts = []
        for index, endpoint in enumerate(written.endpoints):
            at: Place = (*place, "endpoints", index)
            parts.append(self._endpoint(at, endpoint, parent, access))
        for index, backup in enumerate(written.backups):
            parts.append(self._backup((*place, "backups", index), backup, parent, access))
        return parts

    def _endpoint(
        self, place: Place, written: WrittenEndpoint, parent: Target, access: Access | None
    ) -> Target:
        self._values.port((*place, "port"), written.port)
        if written.server_name is not None:
            self._values.host((*place, "server_name"), written.server_name)
        address = written.address or parent.address
        if address is None and access is not None and access.via is Via.LOCAL:
            address = "127.0.0.1"
        if address is None:
            expected = msg("an address here or at the target")
            self._document.fail((*place, "address"), expected, NOTHING)
        self._values.address((*place, "address"), address)
        self._settings.object_type(place, Kind.ENDPOINT, written.object_type)
        self._settings.no_fields((*place, "settings"), written.settings, WrittenEndpoint, ())
        self._settings.plain((*place, "settings"), written.settings)
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
        self, place: Place, written: WrittenBackup, parent: Target, access: Access | None
    ) -> Target:
        if access is None:
            expected = msg("a target that is reached (access)")
            self._document.fail(place, expected, msg("one that is not"))
        self._check_backup(place, written)
        self._settings.object_type(place, Kind.BACKUP_SET, written.object_type)
        self._settings.no_fields((*place, "settings"), written.settings, WrittenBackup, ())
        self._settings.plain((*place, "settings"), written.settings)
        fields = structs.asdict(written)
        own = {k: v for k, v in fields.items() if v is not None}
        settings = {**own.pop("settings"), **own}
        del settings["id"], settings["object_type"]
        return self._part(
            place, parent, f"backup:{written.id}", kind=Kind.BACKUP_SET, address=parent.address,
            settings=settings, object_type=written.object_type,
        )  # fmt: skip

    def _check_backup(self, place: Place, written: WrittenBackup) -> None:
        path = written.path
        if not path.startswith("/") or not path.isprintable() or ".." in path.split("/"):
            self._document.fail((*place, "path"), msg("an absolute path without .."), seen(path))
        if posixpath.normpath(path).strip("/") == "":
            self._document.fail((*place, "path"), msg("the folder of the backups"), seen(path))
        if "/" in written.pattern or not written.pattern.isprintable() or not written.pattern:
            expected = msg("a file name pattern")
            self._document.fail((*place, "pattern"), expected, seen(written.pattern))
        for name in ("rpo_hours", "copies", "min_bytes", "depth"):
            value = getattr(written, name)
            if value is not None and value <= 0:
                self._document.fail((*place, name), msg("a number above 0"), as_is(str(value)))
        tested = written.restore_tested
        self._place_of((*place, "offsite"), written.offsite)
        if tested is not None and not _is_date(tested):
            expected = msg("a date like 2026-05-31")
            self._document.fail((*place, "restore_tested"), expected, seen(tested))

    def _place_of(self, place: Place, offsite: bool | str | None) -> None:
        # `no` is text here: it would count as the name of a place where a copy is
        if isinstance(offsite, str):
            word = offsite.strip().casefold()
            if word in _NO_PLACE or wrong_text(offsite, TEXT_MAX):
                expected = msg("true, false or the place of the off-site copy")
                self._document.fail(place, expected, seen(offsite))

    def _part(self, place: Place, parent: Target, name: str, **fields: Any) -> Target:
        self._values.id((*place, "id"), name.replace(":", "."), shown=name, under=parent.id)
        return Target(
            id=f"{parent.id}/{name}", parent=parent.id, zone=parent.zone,
            business_system=parent.business_system, owner=parent.owner, **fields,
        )  # fmt: skip


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False
