"""The kinds of targets that tell of scans before, reports and stores, and how to read them."""

from __future__ import annotations

from typing import ClassVar, Literal

from audit_core.api.hooks import Connector
from audit_core.api.sdk import AccessSchema, Day, Kind, Schema, msg
from audit_core.model.schemas import LocalFile
from audit_scan.history.request import RunHistory
from audit_scan.request import ScanReport


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


class HistorySettings(Schema, frozen=True, kw_only=True):
    """Which runs of a store are looked at, and what was to be scanned.

    `system` is the name that their inventories give the system, empty for none. `covers` are the
    ids of zones and of hosts or web entries that each quarter a run has to reach. `complete_since`
    declares that since this day every scan and assessment of the system is a run of this store;
    without it that a run is missing proves nothing.
    """

    system: str = ""
    covers: tuple[str, ...] = ()
    complete_since: Day | None = None


class StoreAccess(AccessSchema, frozen=True, kw_only=True):
    """The directory of a store of runs, relative to the inventory."""

    reaches_here: ClassVar[bool] = True

    store: LocalFile


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
    Kind(
        id="run_history",
        title=msg("Earlier runs"),
        object_types=("register",),
        settings=HistorySettings,
        needs_access=True,
        access="run-store",
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
    Connector(
        name="run-store",
        kinds=("run_history",),
        accepts=(RunHistory,),
        access=StoreAccess,
        open="audit_scan.history.session:open",
        isolated=True,
    ),
)
