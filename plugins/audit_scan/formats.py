"""The formats of reports: nmap (-oX), Nessus (.nessus, version 2), Greenbone/OpenVAS (XML).

nmap is read as nmap 7.93 writes it. Nessus and Greenbone are known from their documents and from
programs that read their files, not from reports of real scanners.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping

from audit_core.api.sdk import integer
from audit_scan.model import Rating, ScannedHost, Vulnerability

Row = ScannedHost | Vulnerability
Given = Mapping[str, str]


class Report:
    """What all formats have in common: rows go to `take` as they come."""

    format = ""
    rates = True

    def __init__(self, take: Callable[[Row], None]) -> None:
        self._take = take
        self.started: datetime.datetime | None = None
        self.ended: datetime.datetime | None = None
        self.lower = 0
        self.problems: list[str] = []

    def start(self, path: list[str], given: Given) -> None:
        """An element begins."""

    def end(self, path: list[str], text: str) -> None:
        """An element ends."""

    def finish(self) -> None:
        """The document ended."""

    def _began(self, when: datetime.datetime | None) -> None:
        if when is not None and (self.started is None or when < self.started):
            self.started = when

    def _over(self, when: datetime.datetime | None) -> None:
        if when is not None and (self.ended is None or when > self.ended):
            self.ended = when

    def _wrong(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) < 10:
            self.problems.append(problem)


def _epoch(text: str | None) -> datetime.datetime | None:
    seconds = integer(text or "")
    if seconds is None or not 0 <= seconds < 10**11:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _iso(text: str) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)


def _ctime(text: str) -> datetime.datetime | None:
    """A time such as `Thu Nov 26 10:00:00 2026`, which names no zone: taken as UTC."""
    try:
        return datetime.datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def _cvss(text: str) -> Rating | None:
    """The rating of a CVSS score (version 3: 4.0, 7.0, 9.0); None for one below medium."""
    try:
        score = float(text[:10])
    except ValueError:
        return Rating.UNRATED
    if score >= 9:
        return Rating.CRITICAL
    if score >= 7:
        return Rating.HIGH
    return Rating.MEDIUM if score >= 4 else None


class Nmap(Report):
    """`nmaprun`: hosts with status, addresses and scripts; a script of vulnerabilities has a state.

    `hosthint` names hosts before they are scanned: it is passed over.
    """

    format = "nmap"
    rates = False

    def start(self, path: list[str], given: Given) -> None:
        """Takes what stands in attributes."""
        match path[1:]:
            case []:
                self._run(given)
            case ["host", *below]:
                self._in_host(below, given)
            case ["runstats", "finished"]:
                self._over(_epoch(given.get("time")))
                if given.get("exit") != "success":
                    self._wrong("the scan did not end by itself")

    def _run(self, given: Given) -> None:
        self._began(_epoch(given.get("start")))
        words = given.get("args", "").split()
        scripts = [
            w for before, w in zip(("", *words), words, strict=False) if before == "--script"
        ]
        scripts += [w.partition("=")[2] for w in words if w.startswith("--script=")]
        self.rates = any({"vuln", "all"} & set(re.split(r"[^a-z-]+", w)) for w in scripts)

    def _in_host(self, below: list[str], given: Given) -> None:
        match below:
            case []:
                self._up = self._answered = False
                self._names = list[str]()
                self._address = self._port = self._script = self._title = self._key = ""
            case ["status"]:
                self._up = given.get("state") == "up"
                # with -Pn every host counts as up, whether it answers or not
                self._answered = given.get("reason") != "user-set"
            case ["address"] if given.get("addrtype") != "mac" and not self._address:
                self._address = given.get("addr", "")[:255]
            case ["hostnames", "hostname"]:
                self._names.append(given.get("name", "")[:255])
            case _:
                self._in_ports(below, given)

    def _in_ports(self, below: list[str], given: Given) -> None:
        match below[-1]:
            case "port":
                self._port = f"{given.get('portid', '')}/{given.get('protocol', '')}"[:20]
            case "state" | "extraports" if below[0] == "ports":
                self._answered |= given.get("state") in ("open", "closed")
            case "script":
                self._script, self._title = given.get("id", "")[:100], ""
            case "elem":
                self._key = given.get("key", "")

    def end(self, path: list[str], text: str) -> None:
        """Takes a host, and what scripts say of vulnerabilities."""
        if path[1:] == ["host"] and self._up and self._answered:
            self._take(ScannedHost(host=self._address, names=tuple(self._names[:20])))
        if path[1:2] != ["host"] or path[-1] != "elem" or "script" not in path:
            return
        if self._key == "title":
            self._title = text[:200]
        if self._key == "state" and text.upper().startswith(("VULNERABLE", "LIKELY VULNERABLE")):
            self._take(Vulnerability(host=self._address, port=self._port, id=self._script,
                                     title=self._title, rating=Rating.UNRATED))  # fmt: skip

    def finish(self) -> None:
        """A scan without its end was broken off."""
        if self.ended is None:
            self._wrong("the end of the scan is missing")


_NESSUS = {"4": Rating.CRITICAL, "3": Rating.HIGH, "2": Rating.MEDIUM}


class Nessus(Report):
    """`NessusClientData_v2`: a `ReportHost` with properties, then its items with a severity."""

    format = "nessus"

    def start(self, path: list[str], given: Given) -> None:
        """Takes what stands in attributes."""
        match path[1:]:
            case ["Report", "ReportHost"]:
                self._host, self._names, self._done = (
                    given.get("name", "")[:255],
                    list[str](),
                    False,
                )
                self._host_taken = False
            case ["Report", "ReportHost", "HostProperties", "tag"]:
                self._key = given.get("name", "")
            case ["Report", "ReportHost", "ReportItem"]:
                self._take_host()
                self._item(given)

    def _item(self, given: Given) -> None:
        rating = _NESSUS.get(given.get("severity", ""))
        if rating is None:
            self.lower += 1
            return
        port = f"{given.get('port', '')}/{given.get('protocol', '')}"[:20]
        self._take(Vulnerability(
            host=self._host, port=port, id=given.get("pluginID", "")[:100],
            title=given.get("pluginName", "")[:200], rating=rating,
        ))  # fmt: skip

    def _take_host(self) -> None:
        if not self._host_taken:
            self._host_taken = True
            self._take(ScannedHost(host=self._host, names=tuple(self._names)))

    def end(self, path: list[str], text: str) -> None:
        """Takes the properties of a host."""
        match path[1:]:
            case ["Report", "ReportHost", "HostProperties", "tag"]:
                self._property(text)
            case ["Report", "ReportHost"]:
                self._take_host()
                if not self._done:
                    self._wrong("the scan of a host did not end")

    def _property(self, text: str) -> None:
        match self._key:
            case "host-ip":
                self._names.append(self._host)
                self._host = text[:255] or self._host
            case "host-fqdn" | "hostname" | "netbios-name":
                self._names.append(text[:255])
            case "HOST_START_TIMESTAMP":
                self._began(_epoch(text))
            case "HOST_END_TIMESTAMP":
                self._done = True
                self._over(_epoch(text))
            case "HOST_START":
                self._began(_ctime(text))
            case "HOST_END":
                self._done = True
                self._over(_ctime(text))


def _in_report(path: list[str]) -> list[str]:
    """The names of the open elements below the innermost `report`."""
    return path[len(path) - path[::-1].index("report") :] if "report" in path else []


class Greenbone(Report):
    """A `report` of GMP, perhaps within others: results, hosts, and whether the scan is done."""

    format = "greenbone"

    def __init__(self, take: Callable[[Row], None]) -> None:
        super().__init__(take)
        self._results = 0
        self._wanted: int | None = None
        self._state = self._filter = ""
        self._has_critical = False
        self._new()

    def _new(self) -> None:
        self._host = self._port = self._id = self._title = self._severity = ""

    def start(self, path: list[str], given: Given) -> None:
        """Takes what stands in attributes."""
        match _in_report(path):
            case ["results", "result"] | ["host"]:
                self._new()
            case ["results", "result", "nvt"]:
                self._id = given.get("oid", "")[:100]

    def end(self, path: list[str], text: str) -> None:
        """Takes texts, and a result or a host once it is whole."""
        match _in_report(path):
            case ["results", "result"]:
                self._result()
            case ["results", "result", *below]:
                self._in_result(below, text)
            case ["host"] if self._host:
                self._take(ScannedHost(host=self._host))
            case ["host", "ip"]:
                self._host = text[:255]
            case below:
                self._about(below, text)

    def _in_result(self, below: list[str], text: str) -> None:
        match below:
            case ["host"]:
                self._host = text[:255]
            case ["port"]:
                self._port = text[:40]
            case ["nvt", "name"]:
                self._title = text[:200]
            case ["severity"]:
                self._severity = text

    def _about(self, below: list[str], text: str) -> None:
        match below:
            case ["scan_run_status"]:
                self._state = text
            case ["scan_start"]:
                self._began(_iso(text))
            case ["scan_end"]:
                self._over(_iso(text))
            case ["filters", "term"]:
                self._filter = text
            case ["result_count", "critical", *_]:
                self._has_critical = True
            case ["result_count", "filtered"] if text.isascii() and text.isdigit():
                self._wanted = int(text[:9])

    def _result(self) -> None:
        self._results += 1
        rating = _cvss(self._severity)
        if rating is None:
            self.lower += 1
            return
        self._take(Vulnerability(host=self._host, port=self._port, id=self._id, title=self._title,
                                 rating=rating))  # fmt: skip

    def finish(self) -> None:
        """A scan that is not done, and a page of its results, are no whole report."""
        if self._state != "Done":
            self._wrong(f"the scan is not done: {self._state[:40] or '-'}")
        if self._wanted is not None and self._results < self._wanted:
            self._wrong(f"{self._results} of {self._wanted} results are in the file")
        if left_out := _left_out(self._filter, "chm" if self._has_critical else "hm"):
            self._wrong(f"the report was filtered: {left_out[:200]}")


_TERM = re.compile(r'([^\s=<>~:"]*)([=<>~:]?)("[^"]*"|[^\s"]*)')
_ALL_STAY = frozenset({
    "apply_overrides", "overrides", "notes", "autofp", "first", "rows", "sort", "sort-reverse",
    "timezone", "result_hosts_only", "ignore_pagination", "details", "delta_states",
})  # fmt: skip
_USUAL_QUALITY = 70
"""Below it a finding is hidden unless asked for (min_qod): the scanner's own default."""


def _left_out(text: str, levels: str) -> str:
    """The terms of a filter that may leave out results of `levels`; empty where none does."""
    terms = (match for match in _TERM.finditer(text) if match[0])
    return " ".join(t[0] for t in terms if not _keeps(t[1], t[2], t[3].strip('"'), levels))


def _keeps(column: str, relation: str, value: str, levels: str) -> bool:
    """Whether a term of a filter leaves every result of `levels` in the report."""
    if column == "levels" and relation == "=":
        return not value or set(levels) <= set(value)
    if column == "min_qod" and relation == "=":
        return (integer(value) or 0) <= _USUAL_QUALITY
    if column == "severity" and relation == ">":
        return _cvss(value) is None
    return column in _ALL_STAY and relation == "="


FORMATS: dict[str, type[Report]] = {
    "nmaprun": Nmap, "NessusClientData_v2": Nessus, "report": Greenbone,
    "get_reports_response": Greenbone,
}  # fmt: skip
"""By the name of the first element."""
