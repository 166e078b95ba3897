"""What a target is to the assessor, and its free settings, held to what the fields say."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from audit_core.inventory.model import ALWAYS, OBJECT_TYPE, Kind, ObjectType
from audit_core.model import msg
from audit_core.policy.strict_yaml import Document
from audit_core.policy.words import SILENT, Place, nearest_word, one_of, seen

PARTS = (Kind.ENDPOINT, Kind.BACKUP_SET)
_DATA = (
    ObjectType.AUTHENTICATION_DATA, ObjectType.BUSINESS_DATA, ObjectType.AUDIT_DATA,
    ObjectType.CONFIGURATION_DATA, ObjectType.VIDEO_DATA, ObjectType.PERSONAL_INFORMATION,
)  # fmt: skip
_DEVICES = (
    ObjectType.SERVER, ObjectType.TERMINAL, ObjectType.DATABASE, ObjectType.NETWORK_DEVICE,
    ObjectType.SECURITY_DEVICE, ObjectType.APPLICATION, ObjectType.MANAGEMENT_PLATFORM,
)  # fmt: skip


class Settings:
    """Refuses types and settings of `document` that do not fit their target."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def object_type(self, place: Place, kind: Kind, given: ObjectType | None) -> None:
        """Refuses what would take an object out of its layer, and so from under its clauses."""
        if kind in PARTS and len(place) == 2:
            known = one_of(k for k in Kind if k not in PARTS)
            self._document.fail((*place, "kind"), known, seen(kind.value))
        fitting = _fitting(kind)
        if given is not None and given not in fitting:
            self._document.fail((*place, "object_type"), one_of(fitting), seen(given.value))

    def no_fields(
        self, place: Place, settings: dict[str, Any], kind: type[Struct], known: tuple[str, ...]
    ) -> None:
        """Refuses keys under settings that belong beside it, well or badly json_safe."""
        for name in settings:
            word = nearest_word(name, kind.__struct_fields__, least=0.85)
            if word is not None and name not in known:
                hint = SILENT if word == name else msg("; did you mean {word}?", word=repr(word))
                expected = msg("{name} beside settings, not under it", name=word)
                if word in known:
                    expected = msg("a name that only plugins know")
                self._document.fail((*place, name), expected, seen(name), hint)

    def plain(self, place: Place, settings: dict[str, Any]) -> None:
        """Refuses settings that are more than values and lists of them."""
        for name, value in settings.items():
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(v, dict | tuple) for v in values):
                expected = msg("a plain value or a list of them")
                self._document.fail((*place, name), expected, msg("more levels"))


def _fitting(kind: Kind) -> tuple[ObjectType, ...]:
    """What an object of `kind` can be to the assessor."""
    if kind in ALWAYS:
        return (OBJECT_TYPE[kind],)
    return _DATA if kind in (Kind.DATA_SET, Kind.BACKUP_SET) else _DEVICES
