"""A zip of a workbook whose bytes repeat."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

from openpyxl import Workbook

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can tell


class SameZip(zipfile.ZipFile):
    """A zip whose members carry one fixed time, mode and system, so that bytes repeat."""

    def info(self, name: str) -> zipfile.ZipInfo:
        """How the member `name` is told."""
        info = zipfile.ZipInfo(name, EPOCH)
        info.create_system, info.external_attr = 3, 0o644 << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        return info

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        """Writes a member with the fixed time."""
        super().writestr(self.info(zinfo_or_arcname), data)

    def write(self, filename: Any, arcname: Any = None, *_: Any, **__: Any) -> None:
        """Copies a file as a member with the fixed time."""
        with self.open(self.info(str(arcname)), "w") as target:
            target.write(Path(filename).read_bytes())


def moment(text: str) -> datetime.datetime:
    """A time (ISO 8601) as the properties of a workbook hold it: UTC, without a zone."""
    try:
        day = datetime.datetime.fromisoformat(text)
        zoned = day if day.tzinfo else day.replace(tzinfo=datetime.UTC)
        return zoned.astimezone(datetime.UTC).replace(tzinfo=None, microsecond=0)
    except (ValueError, OverflowError):
        return datetime.datetime(*EPOCH)  # noqa: DTZ001 (the file format knows no zone)


def stamp(book: Workbook, ended: str) -> None:
    """The properties of `book` say dengbao and the end of the run, not the current time."""
    properties = book.properties
    properties.lastModifiedBy = "dengbao"
    properties.created = properties.modified = moment(ended)
