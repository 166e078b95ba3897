"""The kind of target that is a scan report, and the connector that reads its file."""

from __future__ import annotations

import datetime
from typing import Annotated, ClassVar, Literal

from audit_core.api.hooks import Connector
from audit_core.api.sdk import AccessSchema, Kind, Schema, Valid, msg
from audit_core.model.schemas import LocalFile
from audit_scan.request import ScanReport


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


Day = Annotated[str, Valid(holds=_is_day, expected=msg("a date like 2026-01-31"))]


class Accepted(Schema, frozen=True, kw_only=True):
    """A finding that stays open until a day, why, and who decided it; `host` for one host only."""

    finding: str
    reason: str
    by: str
    until: Day
    host: str = ""


class ScanSettings(Schema, frozen=True, kw_only=True):
    """What a report was made for.

    `purpose`: a full scan, or a hunt for vulnerabilities. `covers` are the ids of zones and of
    hosts or web entries that it has to cover.
    """

    purpose: Literal["scan", "hunt"] = "scan"
    covers: tuple[str, ...] = ()
    accepted: tuple[Accepted, ...] = ()


class ReportAccess(AccessSchema, frozen=True, kw_only=True):
    """The file of a report, relative to the inventory: XML of nmap, Nessus or Greenbone."""

    reaches_here: ClassVar[bool] = True

    file: LocalFile


KINDS = (
    Kind(
        id="scan_report",
        title=msg("Scan report"),
        object_types=("register",),
        settings=ScanSettings,
        needs_access=True,
        access="scan-report",
        example={},
    ),
)
CONNECTORS = (
    Connector(
        name="scan-report",
        kinds=("scan_report",),
        accepts=(ScanReport,),
        access=ReportAccess,
        open="audit_scan.session:open",
        isolated=True,
    ),
)
