"""The kind of target that is a set of backups in a directory of a host."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from audit_backup.propose import backups
from audit_core.api.sdk import (
    ANY_KIND,
    AbsolutePath,
    Day,
    Kind,
    Positive,
    PositiveFloat,
    Propose,
    Refusal,
    Schema,
    Valid,
    msg,
)

_TEXT_MAX = 200
_PSEUDO = ("/proc", "/sys", "/dev")
# Words that mean yes or no where the name of a place is expected.
_NO_PLACE = {
    "yes", "no", "y", "n", "on", "off", "none", "n/a", "na", "-", "true", "false",
    "有", "无", "是", "否", "没有",
}  # fmt: skip


def _is_pattern(pattern: str) -> bool:
    return bool(pattern) and "/" not in pattern and pattern.isprintable()


Pattern = Annotated[str, Valid(holds=_is_pattern, expected=msg("a file name pattern"))]
Depth = Annotated[
    int, Valid(holds=lambda n: 1 <= n <= 5, expected=msg("a whole number from 1 to 5"))
]


class BackupSettings(Schema, frozen=True, kw_only=True):
    """The directory of the backups and the declared properties.

    `offsite` is whether there is a copy elsewhere, or where it is; `restore_tested` the day of the
    last test; `depth` how many levels below `path` files are looked for. `program` is what wrote
    the directory and lists its backups, `password_file` the file on the host from which restic
    reads its password.
    """

    path: AbsolutePath
    pattern: Pattern | None = None
    depth: Depth | None = None
    privilege: Literal["user", "root"] | None = None
    rpo_hours: PositiveFloat | None = None
    copies: Positive | None = None
    min_bytes: Positive | None = None
    offsite: bool | str | None = None
    encrypted: bool | None = None
    restore_tested: Day | None = None
    program: Literal["restic", "borg", "pgbackrest", "barman"] | None = None
    password_file: AbsolutePath | None = None

    def refusals(self) -> Iterable[Refusal]:
        """A whole file system, and an answer where the name of a place is expected."""
        clean = "/" + posixpath.normpath(self.path).strip("/")
        if clean == "/" or clean.startswith(_PSEUDO):
            yield Refusal(place=("path",), expected=msg("the directory of the backups"))
        # `no` is text here: it would count as the name of a place where a copy is
        if isinstance(self.offsite, str) and not _is_place(self.offsite):
            expected = msg("true, false or the place of the off-site copy")
            yield Refusal(place=("offsite",), expected=expected)


def _is_place(text: str) -> bool:
    plain = bool(text.strip()) and len(text) <= _TEXT_MAX and text.isprintable()
    return plain and text.strip().casefold() not in _NO_PLACE


def _named(id: str | None, settings: Mapping[str, Any]) -> str | None:
    return None if id is None else f"backup:{id}"


BACKUP_SET = Kind(
    id="backup_set",
    title=msg("Backup set"),
    object_types=(
        "business_data", "authentication_data", "audit_data", "configuration_data", "video_data",
        "personal_information",
    ),
    object_type="business_data",
    settings=BackupSettings,
    example={"path": "/var/backups", "rpo_hours": 24},
    parents=(ANY_KIND,),
    part_key="backups",
    part_name=_named,
    identity=("path",),
    needs_access=True,
    propose=(Propose(parent="host", needs=("linux.block-devices",), make=backups),),
)  # fmt: skip

KINDS = (BACKUP_SET,)
