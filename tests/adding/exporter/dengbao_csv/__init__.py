"""Findings as a CSV table."""

from __future__ import annotations

import csv
from pathlib import Path

from audit_core.api.hooks import Exporter, hookimpl
from audit_core.model.results import PackSource


def write(source: PackSource, folder: Path) -> list[Path]:
    """Puts findings.csv into `folder`, which goes into the pack."""
    path = folder / "findings.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["target", "check", "verdict", "seen"])
        for finding in source.results.findings:
            seen = "; ".join(source.say(detail) for detail in finding.detail)
            rows.writerow([finding.target, finding.check, finding.verdict, seen])
    return [path]


@hookimpl
def dengbao_exporters() -> list[Exporter]:
    return [Exporter(name="csv", write=write)]
