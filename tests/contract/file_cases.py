"""Cases of the connector contract: registers, reports, routes and earlier runs in files."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

from audit_core.model.results import encode
from audit_core.store.runs import Run, RunFile, Store
from contract.case import Case, Point


class Opened:
    """Counts how often a file is opened, by inotify(7)."""

    _OPEN = 0x20

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self._descriptor, os.fsencode(path), self._OPEN) >= 0
        self._count = 0

    def count(self) -> int:
        """How often so far. Equal events that wait are told as one: it is read often enough."""
        with contextlib.suppress(BlockingIOError):
            while found := os.read(self._descriptor, 4096):
                self._count += len(found) // 16
        return self._count

    def close(self) -> None:
        os.close(self._descriptor)


class RegisterFiles(Case):
    """The connector of audit_register, which reads a file of this machine."""

    name = "register"
    exempt = {  # noqa: RUF012
        Point.SECRET: "it is given no secret and logs in nowhere",
        Point.LOCKOUT: "nobody logs in to a file",
        Point.SCOPE: "it contacts no network at all",
        Point.GRANTS: "it needs no rights on a target",
    }

    def prepare(self) -> None:
        self._file = self.folder / "registers.csv"
        heads = "date,body,chair,minutes,system,by,removed,start,end,staff_no"
        row = "2026-01-31,other,1001,yes,core,1001,0,2026-01-31 08:00,2026-01-31 20:00,1001"
        rows = "\n".join([heads, *[row] * 40])
        self._file.write_text(f"{rows}\n", encoding="utf-8")
        self._opened = self.stack.enter_context(contextlib.closing(Opened(self._file)))
        self.source = """
from audit_register.request import RegisterRows
def rows(name, register, **more):
    return made(name, "meetings_register", RegisterRows(register=register, **more))
plain = rows("plain", "meetings")
slow = rows("slow", "reviews", timeout_s=0)
big = rows("big", "duty", limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: meetings_register, access: {{file: {self._file}}}}}\n"

    def asked(self) -> int:
        return self._opened.count()


class ScanReports(RegisterFiles):
    """The connector of audit_scan, which reads a file of this machine."""

    name = "scan-report"

    def prepare(self) -> None:
        hosts = "".join(f"<ReportHost name='host-{n}'/>" for n in range(40))
        self._file = self.folder / "report.nessus"
        self._file.write_text(
            f"<NessusClientData_v2><Report>{hosts}</Report></NessusClientData_v2>"
        )
        self._opened = self.stack.enter_context(contextlib.closing(Opened(self._file)))
        self.source = """
from audit_scan.request import ScanReport
def report(name, **more):
    return made(name, "scan_report", ScanReport(**more))
plain = report("plain")
slow = report("slow", ratings=("high",), timeout_s=0)
big = report("big", ratings=(), limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: scan_report, access: {{file: {self._file}}}}}\n"


class RunStore(RegisterFiles):
    """The connector of audit_scan that reads the stamps of runs in a store."""

    name = "run-store"

    def prepare(self) -> None:
        self._store = self.folder / "kept"
        ids = [f"20260101T0000{n:02}Z-abcdef" for n in range(20)]
        for id in ids:
            folder = self._store / "runs" / id
            folder.mkdir(parents=True)
            stamp = RunFile(schema="dengbao/run/1", id=id, started="2026-01-01T00:00:00Z",
                            profile="p", profile_sha256="", inventory_sha256="", dengbao="0",
                            plugins={}, targets=())  # fmt: skip
            (folder / "run.json").write_bytes(encode(stamp))
            (folder / "bundles").mkdir()
            Store(self._store).seal(Run(folder), "2026-01-01T00:00:00Z")
        file = self._store / "runs" / ids[-1] / "run.json"
        self._opened = self.stack.enter_context(contextlib.closing(Opened(file)))
        self.source = """
from audit_scan.history.request import RunHistory
def history(name, **more):
    return made(name, "run_history", RunHistory(**more))
plain = history("plain", system="another")
slow = history("slow", system="s", timeout_s=0)
big = history("big", runs=90, limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: run_history, access: {{store: {self._store}}}}}\n"


class RouteFiles(RegisterFiles):
    """The connector of audit_api, which reads a file of this machine."""

    name = "routes"

    def prepare(self) -> None:
        paths = ", ".join(f'"/path-{n}": {{"get": {{}}, "put": {{}}}}' for n in range(40))
        self._file = self.folder / "api.json"
        self._file.write_text(f'{{"openapi": "3.0.0", "paths": {{{paths}}}}}')
        self._opened = self.stack.enter_context(contextlib.closing(Opened(self._file)))
        self.source = """
from audit_api.request import Routes
def routes(name, **more):
    return made(name, "routes", Routes(**more))
plain = routes("plain")
slow = routes("slow", methods=("PUT",), timeout_s=0)
big = routes("big", methods=("GET",), limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: routes, access: {{file: {self._file}}}}}\n"
