"""Scan reports: nmap's as it wrote one, those of Nessus and Greenbone after their documents.

`nmap-7.93-dh.xml` is of nmap 7.93 on Debian 12 (2026-11-29: `nmap -sT -n -p 8443,18444 --script
ssl-dh-params -oX …` against openssl s_server). All others are invented.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit_core.api.declared_files import OutOfTime, Unreadable
from audit_core.api.sdk import Answer, Known, Partial, Target
from audit_core.model import Status, Verdict
from audit_scan import session
from audit_scan.checks import (
    findings_fixed,
    hosts_covered,
    hunted_in_time,
    none_critical,
    scanned_in_time,
)
from audit_scan.facts import REPORT, Location, ScanResult
from audit_scan.model import Head, Rating, Vulnerability
from audit_scan.request import ScanReport
from audit_scan.xml_stream import NotXml

P, F, U, N = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE
NOW = "2026-11-29T12:00:00Z"
NMAP = (Path(__file__).parent / "nmap-7.93-dh.xml").read_bytes()
NESSUS = """<?xml version="1.0" ?><NessusClientData_v2><Policy><policyName>p</policyName></Policy>
<Report name="quarter"><ReportHost name="web1"><HostProperties>
<tag name="HOST_END">Thu Nov 26 10:00:00 2026</tag><tag name="host-ip">10.1.0.5</tag>
<tag name="host-fqdn">WEB1.bank.example</tag>
<tag name="HOST_START">Thu Nov 26 09:00:00 2026</tag></HostProperties>
<ReportItem port="443" svc_name="www" protocol="tcp" severity="4" pluginID="1" pluginName="bad">
<risk_factor>Critical</risk_factor></ReportItem>
<ReportItem port="0" protocol="tcp" severity="0" pluginID="2" pluginName="told"/>
<ReportItem port="80" protocol="tcp" severity="2" pluginID="3" pluginName="so so"/>
</ReportHost></Report></NessusClientData_v2>"""
GREENBONE = """<report id="a" format_id="b"><owner><name>x</name></owner><report id="c">
<gmp><version>22.4</version></gmp><scan_run_status>Done</scan_run_status>
<result_count>3<full>9</full><filtered>3</filtered></result_count>
<scan_start>2026-11-25T08:00:00Z</scan_start><scan_end>2026-11-25T09:00:00Z</scan_end>
<results max="100" start="1">
<result id="1"><name>n</name><host>10.1.0.5<asset asset_id="z"/><hostname>w</hostname></host>
<port>443/tcp</port><nvt oid="1.3.6.1"><name>Weak</name><cvss_base>7.5</cvss_base>
<severities><severity type="cvss"><score>75</score></severity></severities></nvt>
<threat>High</threat><severity>7.5</severity><original_severity>9.8</original_severity></result>
<result id="2"><host>10.1.0.5</host><port>general/tcp</port><nvt oid="1.3.6.2"><name>Log</name>
</nvt><severity>0.0</severity></result>
<result id="3"><host>10.1.0.6</host><port>22/tcp</port><nvt oid="1.3.6.3"><name>M</name></nvt>
<severity>5.0</severity></result></results>
<host><ip>10.1.0.5</ip><start>2026-11-25T08:00:00Z</start></host><host><ip>10.1.0.6</ip></host>
<errors><error><host>10.1.0.9</host></error></errors></report></report>"""


def target(id: str = "q4", **settings: Any) -> Target:
    return Target(id=id, kind="scan_report", object_type="register", settings=settings)


def read(raw: bytes | str, **more: Any) -> ScanResult | Partial:
    file = session.ReportFile("r.xml", more.pop("rows", 1000), time.monotonic() + 60)
    file.read(io.BytesIO(raw.encode() if isinstance(raw, str) else raw))
    stdout = b"".join(msgspec.json.encode(one) + b"\n" for one in file.values())
    answer = Answer(stdout=stdout, stderr=b"", exit_code=0, truncated=False, collected_at=NOW,
                    target=target())  # fmt: skip
    (provider,) = REPORT.providers
    found = provider.parse(answer)
    assert isinstance(found, ScanResult | Partial)
    return found


def whole(raw: bytes | str) -> ScanResult:
    found = read(raw)
    assert isinstance(found, ScanResult), found
    return found


def test_what_nmap_wrote() -> None:
    report = whole(NMAP)
    assert (report.day, report.hosts, *report.reached) == ("2026-11-29", 1, "127.0.0.1")
    (one,) = report.open
    assert (one.port, one.id, one.rating) == ("8443/tcp", "ssl-dh-params", Rating.UNRATED)
    assert one.title.startswith("Diffie-Hellman")
    assert not report.head.rates
    vuln = NMAP.replace(b"script ssl-dh-params", b"script vuln,safe")
    assert whole(vuln).head.rates
    # with -Pn a host that says nothing counts as up for nmap, not here
    silent = NMAP.replace(b'"localhost-response"', b'"user-set"').replace(
        b'state="closed"', b'state="filtered"'
    )
    assert isinstance(read(silent), ScanResult)  # a port is open
    silent = silent.replace(b'state="open"', b'state="filtered"')
    assert isinstance(read(silent), Partial)
    for broken in (NMAP.replace(b'exit="success"', b'exit="error"'),
                   NMAP[: NMAP.index(b"<runstats>")] + b"</nmaprun>"):  # fmt: skip
        assert isinstance(read(broken), Partial)


def test_what_nessus_and_greenbone_write_by_their_documents() -> None:
    report = whole(NESSUS)
    assert report.reached == {"10.1.0.5", "web1", "web1.bank.example"}
    assert (report.day, report.head.lower, report.hosts) == ("2026-11-26", 1, 1)
    assert [(v.host, v.port, v.id, v.rating) for v in report.open] == [
        ("10.1.0.5", "443/tcp", "1", Rating.CRITICAL), ("10.1.0.5", "80/tcp", "3", Rating.MEDIUM),
    ]  # fmt: skip
    assert isinstance(read(NESSUS.replace("HOST_END", "HOST_ENE")), Partial)
    report = whole(GREENBONE)
    assert (report.day, report.head.lower) == ("2026-11-25", 1)
    assert report.reached == {"10.1.0.5", "10.1.0.6"}
    assert [(v.host, v.id, v.rating) for v in report.open] == [
        ("10.1.0.5", "1.3.6.1", Rating.HIGH), ("10.1.0.6", "1.3.6.3", Rating.MEDIUM),
    ]  # fmt: skip
    for broken in (
        GREENBONE.replace("Done", "Stopped"),
        GREENBONE.replace("<filtered>3", "<filtered>4"),
    ):
        assert isinstance(read(broken), Partial)


def test_a_report_of_greenbone_that_was_filtered_is_a_part() -> None:
    def filtered(term: str, count: str = "") -> str:
        shown = f"<filters><term>{term}</term></filters><result_count>{count}"
        return GREENBONE.replace("<result_count>", shown, 1)

    high = "<critical><full>1</full><filtered>0</filtered></critical>"
    for term in ("", "apply_overrides=0 min_qod=70 first=1 rows=1000 sort-reverse=severity "
                 "levels=hml", 'levels="" min_qod=30', "severity&gt;0.0 levels=chml"):  # fmt: skip
        assert isinstance(read(filtered(term)), ScanResult), term
    assert isinstance(read(filtered("levels=chm", high)), ScanResult)
    for term in ("levels=h", "severity&gt;6.9", "host=10.1.0.5 levels=hml", "apache", "min_qod=95",
                 'vulnerability~"SSL TLS"', "levels=hml and severity&gt;8"):  # fmt: skip
        assert isinstance(read(filtered(term)), Partial), term
    assert isinstance(read(filtered("levels=hm", high)), Partial)


def test_files_that_are_no_reports_or_hostile() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><nmaprun>&b;</nmaprun>'
    outside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><nmaprun>&x;</nmaprun>'
    parameter = '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]><nmaprun/>'
    deep = "<nmaprun>" + "<a>" * 200_000
    for raw in (bomb, outside, parameter, deep, "", "<nmaprun>", "PK\x03\x04", "<nmaprun>&y;",
                '<?xml version="1.0" encoding="no-such"?><nmaprun/>', "\x1f\x8b\0"):  # fmt: skip
        with pytest.raises(NotXml):
            read(raw)
    with pytest.raises(Unreadable, match="begins with html"):
        read("<html/>")
    many = "".join(f"<ReportHost name='h{n}'/>" for n in range(50))
    nessus = f"<NessusClientData_v2><Report>{many}</Report></NessusClientData_v2>"
    with pytest.raises(Unreadable, match="more than 20"):
        read(nessus, rows=20)
    # a long text is not kept, and costs no more than its reading
    long = NESSUS.replace("<risk_factor>", "<plugin_output>" + "x&amp;\n" * 200_000 +
                          "</plugin_output><risk_factor>")  # fmt: skip
    began = time.process_time()
    assert len(whole(long).open) == 2
    assert time.process_time() - began < 2
    with pytest.raises(OutOfTime):
        session.ReportFile("r", 9, time.monotonic() - 1).read(io.BytesIO(NMAP))


def test_the_file_of_a_session(tmp_path: Path) -> None:
    (tmp_path / "r.nessus").write_text(NESSUS)
    request = ScanReport()
    for name, status in (("r.nessus", Status.ANSWERED), ("none", Status.UNREACHABLE),
                         (".", Status.NOT_REGULAR)):  # fmt: skip
        assert session._answered(request, tmp_path / name).status is status
    assert str(tmp_path) not in session._answered(request, tmp_path / "r.nessus").stdout.decode()


def result(day: str, *found: Vulnerability, reached: tuple[str, ...] = ("10.1.0.5",), **more: Any
           ) -> ScanResult:  # fmt: skip
    head = Head(format="nessus", file="r", sha256="", size=1, ended=f"{day}T10:00:00Z", **more)
    return ScanResult(head=head, reached=frozenset(reached), hosts=len(reached), open=found)


def known(**reports: ScanResult) -> Any:
    return tuple((target(id), Known(value=report)) for id, report in reports.items())


class Rows:
    """A register of scans."""

    def __init__(self, *days: str) -> None:
        self.rows = tuple({"date": day, "kind": "scan"} for day in days)


REGISTER = Target(id="scans", kind="scans_register", object_type="register")


def test_a_scan_each_quarter() -> None:
    recent, old, gone = result("2026-10-01"), result("2026-06-01"), result("2025-01-01")
    register: Any = ((REGISTER, Known(value=Rows("2026-08-25"))),)
    empty: Any = ((REGISTER, Known(value=Rows())),)
    for report, others, registers, expected in (
        (recent, known(a=recent), (), P),
        (old, known(a=old, b=recent), (), U),  # a register may have the one between
        (old, known(a=old, b=recent), register, P),
        (old, known(a=old, b=recent), empty, F),
        (old, known(a=old), empty, F),
        (gone, known(a=gone), empty, F),  # the only one: nothing came after it
        (gone, known(a=gone, b=recent), empty, N),
        # the next one reached other hosts
        (old, known(a=old, b=result("2026-08-25", reached=("10.9.9.9",)), c=recent), empty, F),
        (result("2026-06-01", rates=False), (), empty, N),
        (result("2027-01-01"), (), empty, U),
    ):
        made = scanned_in_time.judge(target(), report, others, registers, NOW)
        assert made.verdict is expected, (report.day, registers)
    assert hunted_in_time.judge(target(), recent, (), (), NOW).verdict is N
    hunt = target(purpose="hunt")
    assert hunted_in_time.judge(hunt, result("2026-06-01"), (), (), NOW).verdict is P
    assert hunted_in_time.judge(hunt, result("2026-05-01"), (), empty, NOW).verdict is F
    assert scanned_in_time.judge(hunt, recent, (), (), NOW).verdict is N


def test_hosts_that_a_scan_has_to_cover() -> None:
    def host(id: str, zone: str, *names: str) -> Any:
        made = Target(id=id, kind="host", object_type="server")
        return made, Known(value=Location(zone=zone, names=frozenset(names)))

    report, covers = result("2026-10-01", reached=("10.1.0.5", "web2.bank.example")), ["dmz", "x"]
    own = target(covers=covers)
    reports: Any = ((own, Known(value=report)),)
    inside = (host("a", "dmz", "10.1.0.5"), host("b", "dmz", "web2.bank.example"))
    outside, missed = host("c", "lan", "10.2.0.1"), host("x", "lan", "10.2.0.2")
    for hosts, expected in (((*inside, outside), P), ((*inside, missed), F), ((outside,), U)):
        assert hosts_covered.judge(own, report, reports, hosts, ()).verdict is expected
    assert hosts_covered.judge(target(), report, (), inside, ()).verdict is U
    newer: Any = (*reports, (target("n", covers=covers), Known(value=result("2026-11-01"))))
    assert hosts_covered.judge(own, report, newer, (missed,), ()).verdict is N


def test_what_stays_open_for_too_long() -> None:
    high = Vulnerability(host="10.1.0.5", port="443/tcp", id="1", title="t", rating=Rating.HIGH)
    medium = msgspec.structs.replace(high, rating=Rating.MEDIUM)
    unrated = msgspec.structs.replace(high, rating=Rating.UNRATED)
    last = "2026-11-20"
    seen = known(a=result("2026-09-01", high), b=result("2026-10-01", high))
    gap = known(a=result("2026-09-01", high), b=result("2026-10-01"))  # fixed, and back again
    missed = known(a=result("2026-09-01", high), b=result("2026-10-01", reached=("10.1.0.6",)))
    for found, before, expected in (
        ((), seen, P), ((high,), (), P), ((high,), seen, F), ((high,), gap, P),
        ((high,), missed, F), ((medium,), seen, P), ((unrated,), seen, U),
    ):  # fmt: skip
        report = result(last, *found)
        others = (*before, (target(), Known(value=report)))
        made = findings_fixed.judge(target(), report, others, NOW)
        assert made.verdict is expected, (found, before)
    # what was found long ago may be fixed since
    old = result("2026-08-01", high)
    assert findings_fixed.judge(target(), old, known(q4=old), NOW).verdict is U
    for until, expected in (("2026-12-31", P), ("2026-11-28", F)):
        accepted = [{"finding": "1", "reason": "no fix", "by": "Li", "until": until}]
        own, report = target(accepted=accepted), result(last, high)
        others = (*seen, (own, Known(value=report)))
        assert findings_fixed.judge(own, report, others, NOW).verdict is expected
    assert findings_fixed.judge(target("b"), seen[1][1].value, (*seen, (target(), Known(
        value=result(last)))), NOW).verdict is N  # fmt: skip


def test_what_is_critical_and_what_was_not_looked_at_again() -> None:
    bad = Vulnerability(host="10.1.0.5", port="1/tcp", id="1", title="x", rating=Rating.CRITICAL)
    unrated = msgspec.structs.replace(bad, rating=Rating.UNRATED)
    other = ("10.1.0.6",)
    for report, before, expected in (
        (result("2026-11-20"), {}, P), (result("2026-11-20", bad), {}, F),
        (result("2026-11-20", unrated), {}, U), (result("2026-08-20"), {}, U),  # too old
        (result("2026-11-20"), {"a": result("2026-09-01", bad)}, P),  # it is gone
        (result("2026-11-20", reached=other), {"a": result("2026-09-01", bad)}, U),
        (result("2026-11-20", reached=()), {}, U), (result("2026-11-20", rates=False), {}, N),
    ):  # fmt: skip
        others = (*known(**before), (target(), Known(value=report)))
        made = none_critical.judge(target(), report, others, NOW)
        assert made.verdict is expected, (report, before, made)
        if before and expected is U:
            assert findings_fixed.judge(target(), report, others, NOW).verdict is U
    accepted = [{"finding": "1", "reason": "no fix", "by": "Li", "until": "2026-12-31"}]
    made = none_critical.judge(target(accepted=accepted), result("2026-11-20", bad), (), NOW)
    assert made.verdict is F  # whoever accepted it, others can use it


def test_a_report_of_a_day_to_come_is_no_whole_one() -> None:
    later = NESSUS.replace("Nov 26", "Dec 26")
    found = read(later)
    assert isinstance(found, Partial)
    assert "was to come" in str(found.problems)
