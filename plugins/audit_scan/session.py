"""Reads the report of a scanner from its file. Runs in a worker process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO

import msgspec

from audit_core.api.declared_files import read_declared
from audit_core.api.sessions import OneByOne
from audit_core.model import (
    ConnectionContext,
    Message,
    Reply,
    Request,
    SessionInfo,
    Status,
    msg,
    verbatim,
)
from audit_scan.formats import FORMATS, Report, Row
from audit_scan.kind import ReportAccess
from audit_scan.model import Head, Rating, Vulnerability
from audit_scan.request import ScanReport
from audit_scan.xml_stream import NotXml, XmlStream

FILE_MAX = 512 << 20
"""Bytes of a file."""
_PIECE = 1 << 20


class Refused(Exception):
    """The file is not a report that can be read; `detail` says why."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


class OutOfTime(Exception):
    """The reading took too long."""


def open(context: ConnectionContext) -> OneByOne:
    """A session that reads the file of the target; nobody logs in."""
    access: ReportAccess = context.access

    def answer(request: Request) -> Reply:
        assert isinstance(request, ScanReport)  # noqa: S101 (nothing else is accepted)
        return _answered(request, Path(access.file))

    return OneByOne(answer, SessionInfo(connector="scan-report"))


def _answered(request: ScanReport, path: Path) -> Reply:
    return read_declared(request, path, partial(_read, request, path.name))


def _read(request: ScanReport, name: str, stream: IO[bytes]) -> Reply:
    file = ReportFile(
        name, request.rows, time.monotonic() + request.timeout_s, frozenset(request.ratings)
    )
    try:
        file.read(stream)
    except (Refused, NotXml) as error:
        words = error.detail if isinstance(error, Refused) else _not_xml(error)
        why = msg("{file}: {detail}", file=name, detail=words)
        return Reply(request=request, status=Status.MALFORMED, detail=why)
    except OutOfTime:
        return Reply(request=request, status=Status.TIMED_OUT)
    stdout = b"".join(msgspec.json.encode(one) + b"\n" for one in file.values())
    cut = len(stdout) > request.limit
    return Reply(request=request, exit_code=0, stdout=stdout[: request.limit], truncated=cut)


def _not_xml(error: NotXml) -> Message:
    return msg("it is not a complete XML document: {error}", error=verbatim(str(error)[:300]))


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
        """Reads all of `stream`; NotXml, Refused or OutOfTime."""
        xml = XmlStream(self)
        while piece := stream.read(_PIECE):
            self._size += len(piece)
            if self._size > FILE_MAX:
                raise Refused(msg("it is larger than {count} bytes", count=FILE_MAX))
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
                raise Refused(msg("it is not a report of nmap, Nessus or Greenbone: it begins "
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
            raise Refused(msg("it has more than {count} hosts and findings: export it in parts",
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
