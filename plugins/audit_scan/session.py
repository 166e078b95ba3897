"""Reads the report of a scanner from its file. Runs in a worker process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO

import msgspec

from audit_core.api.declared_files import OutOfTime, Unreadable, file_session, read_declared
from audit_core.api.sessions import OneByOne, cut_reply
from audit_core.model import ConnectionContext, Reply, msg, verbatim
from audit_scan.formats import FORMATS, Report, Row
from audit_scan.kind import ReportAccess
from audit_scan.model import Head, Rating, Vulnerability
from audit_scan.request import ScanReport
from audit_scan.xml_stream import NotXml, XmlStream

FILE_MAX = 512 << 20
"""Bytes of a file."""
_PIECE = 1 << 20


def open(context: ConnectionContext) -> OneByOne:
    """A session that reads the file of the target; nobody logs in."""
    access: ReportAccess = context.access
    return file_session("scan-report", ScanReport, partial(_answered, path=Path(access.file)))


def _answered(request: ScanReport, path: Path) -> Reply:
    return read_declared(request, path, partial(_read, request, path.name))


def _read(request: ScanReport, name: str, stream: IO[bytes]) -> Reply:
    file = ReportFile(
        name, request.rows, time.monotonic() + request.timeout_s, frozenset(request.ratings)
    )
    try:
        file.read(stream)
    except NotXml as error:
        why = msg("it is not a complete XML document: {error}", error=verbatim(str(error)[:300]))
        raise Unreadable(why) from error
    return cut_reply(request, b"".join(msgspec.json.encode(one) + b"\n" for one in file.values()))


class ReportFile:
    """Reads a report until `deadline` (monotonic); at most `rows` rows are kept."""

    def __init__(
        self, name: str, rows: int, deadline: float, ratings: frozenset[str] = frozenset(Rating)
    ) -> None:
        self._name, self._most, self._deadline = name, rows, deadline
        self._ratings = ratings
        self._rows: list[Row] = []
        self._report: Report | None = None
        self._digest, self._size = hashlib.sha256(), 0

    def read(self, stream: IO[bytes]) -> None:
        """Reads all of `stream`; NotXml, Unreadable or OutOfTime."""
        xml = XmlStream(self)
        while piece := stream.read(_PIECE):
            self._size += len(piece)
            if self._size > FILE_MAX:
                raise Unreadable(msg("it is larger than {count} bytes", count=FILE_MAX))
            if time.monotonic() > self._deadline:
                raise OutOfTime
            self._digest.update(piece)
            xml.feed(piece)
        xml.feed(b"", last=True)
        if self._report is not None:
            self._report.finish()

    def start(self, path: list[str], given: Mapping[str, str]) -> None:
        """The first element tells the format."""
        if self._report is None:
            made = FORMATS.get(path[0])
            if made is None:
                raise Unreadable(msg("it is not a report of nmap, Nessus or Greenbone: it begins "
                                  "with {name}", name=path[0][:80]))  # fmt: skip
            self._report = made(self._take)
        self._report.start(path, given)

    def end(self, path: list[str], text: str) -> None:
        """An element ends."""
        if self._report is not None:
            self._report.end(path, text)

    def _take(self, row: Row) -> None:
        if isinstance(row, Vulnerability) and row.rating not in self._ratings:
            return
        if len(self._rows) == self._most:
            raise Unreadable(msg("it has more than {count} hosts and findings: export it in parts",
                              count=self._most))  # fmt: skip
        self._rows.append(row)

    def values(self) -> Iterator[Head | Row]:
        """The head, then the rows."""
        report = self._report
        assert report is not None  # noqa: S101 (a document has a first element)
        started, ended = (
            "" if when is None else when.strftime("%Y-%m-%dT%H:%M:%SZ")
            for when in (report.started, report.ended)
        )
        yield Head(
            format=report.format, file=self._name, sha256=self._digest.hexdigest(),
            size=self._size, started=started, ended=ended, rates=report.rates,
            lower=report.lower, problems=tuple(report.problems),
        )  # fmt: skip
        yield from self._rows
