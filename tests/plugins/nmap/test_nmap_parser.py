"""nmap's XML becomes ports only when it is whole, about one host, and about what was asked."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.model import (
    Absent,
    Answer,
    Message,
    ParseError,
    Reason,
    Target,
)
from audit_nmap.facts import Ports, ask, parse_ports
from audit_nmap.ports import DEFAULT_RANGE, PRINTERS, ranges, read_ports
from audit_nmap.request import PortScan

RECORDINGS = Path(__file__).parent / "recordings"
LISTED = (RECORDINGS / "debian12-nmap793-loopback.xml").read_bytes()
EXTRA = (RECORDINGS / "debian12-nmap793-loopback-extraports.xml").read_bytes()
SCANNED = {LISTED: "2320-2330,8020-8030,50070", EXTRA: "2320-2400,8022"}


def target(scan_ports: object, address: str | None = "127.0.0.1") -> Target:
    return Target(
        id="web1", kind="host", object_type="server", address=address,
        settings={"scan_ports": scan_ports},
    )  # fmt: skip


LOOKED = b'{"source":"127.0.0.9"}'


def parse(raw: bytes, scan_ports: str = SCANNED[LISTED], second: bytes = LOOKED) -> Ports | Absent:
    answer = Answer(
        stdout=raw, stderr=second, exit_code=0, truncated=False,
        collected_at="2026-11-23T12:05:00+00:00", target=target(scan_ports),
    )  # fmt: skip
    return parse_ports(answer)


def test_recording_with_every_port_listed() -> None:
    found = parse(LISTED)
    assert isinstance(found, Ports)
    assert found.open == {2323, 8022}
    assert found.closed == read_ports(SCANNED[LISTED]) - {2323, 8022}  # type: ignore[operator]
    assert found.silent == frozenset()
    assert (found.address, found.source) == ("127.0.0.1", "127.0.0.9")


def test_recording_with_closed_ports_summed_up() -> None:
    found = parse(EXTRA, SCANNED[EXTRA])
    assert isinstance(found, Ports)
    assert b"<extraports" in EXTRA
    assert found.open == {2323, 8022}
    assert len(found.closed) == 80


@pytest.mark.parametrize("raw", [LISTED, EXTRA], ids=["listed", "extraports"])
def test_truncated(raw: bytes, pytestconfig: pytest.Config) -> None:
    whole = len(raw.rstrip())
    step = 1 if pytestconfig.getoption("all") else 7
    for end in [*range(0, whole, step), *range(whole - 20, whole)]:
        with pytest.raises(ParseError):
            parse(raw[:end], SCANNED[raw])


def test_two_documents() -> None:
    with pytest.raises(ParseError):
        parse(LISTED + LISTED)
    inner = LISTED[LISTED.index(b"<nmaprun") :]
    with pytest.raises(ParseError):
        parse(LISTED.replace(b"</nmaprun>", inner + b"</nmaprun>") + b"<nmaprun/>")


def test_nested_document() -> None:
    inner = LISTED[LISTED.index(b"<nmaprun") :]
    with pytest.raises(ParseError, match="more than one"):
        parse(LISTED.replace(b"<verbose", inner + b"<verbose"))


def test_junk_script_output_changes_nothing() -> None:
    junk = b'<script id="x" output="&#xa;&lt;port portid=&quot;23&quot;&gt;=cmd|A0 \xe2\x80\xae">'
    junk += b'<elem key="state">open</elem><port protocol="tcp" portid="2325"/></script>'
    raw = LISTED.replace(b'portid="2324">', b'portid="2324">' + junk)
    assert raw != LISTED
    assert parse(raw) == parse(LISTED)


# Changes of the recordings: these are invented, one edit each.
def replaced(old: bytes, new: bytes, raw: bytes = LISTED) -> bytes:
    assert old in raw
    return raw.replace(old, new)


@pytest.mark.parametrize(
    "raw",
    [
        replaced(b'exit="success"', b'exit="error" errormsg="x"'),
        replaced(b"<runstats>", b"<runstat>").replace(b"</runstats>", b"</runstat>"),
        replaced(b"</host>\n", b"</host>\n" + b"<host><status state='up'/></host>"),
        replaced(b'portid="2324"', b'portid="2325"'),  # one told twice, one not at all
        replaced(b'portid="2324"', b'portid="9"'),
        replaced(b'portid="2324"', b'portid="x"'),
        replaced(b'addr="127.0.0.1"', b'addr="127.0.0.2"'),
        replaced(b'services="2320-2330', b'services="2321-2330'),
        replaced(b'type="connect"', b'type="syn"'),
        replaced(b'protocol="tcp" portid="2324"', b'protocol="udp" portid="2324"'),
        replaced(b'scanner="nmap"', b'scanner="masscan"'),
        b"",
        b"<nmaprun scanner='nmap'/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><nmaprun scanner='nmap'>&b;</nmaprun>",
        b"<?xml version='1.0' encoding='utf-7'?><nmaprun/>",
        b"\xff\xfe<\x00",
    ],
)
def test_doubtful_documents_are_unparsable(raw: bytes) -> None:
    with pytest.raises(ParseError):
        parse(raw)


@pytest.mark.parametrize(
    "raw",
    [
        replaced(b'count="80"', b'count="79"', EXTRA),
        replaced(b'ports="2320-2322', b'ports="2321-2322', EXTRA),
        replaced(b"</extraports>", b"</extraports><extraports state='filtered' count='1'/>", EXTRA),
    ],
)
def test_sums_that_do_not_add_up(raw: bytes) -> None:
    with pytest.raises(ParseError):
        parse(raw, SCANNED[EXTRA])


def test_filtered_is_silent_not_closed() -> None:
    raw = replaced(b'<extraports state="closed"', b'<extraports state="filtered"', EXTRA)
    found = parse(raw, SCANNED[EXTRA])
    assert isinstance(found, Ports)
    assert (len(found.silent), found.closed) == (80, frozenset())


@pytest.mark.parametrize("state", ["filtered", "open|filtered", "unfiltered", "odd"])
def test_any_other_state_is_silent(state: str) -> None:
    old = b'portid="2324"><state state="closed"'
    found = parse(replaced(old, b'portid="2324"><state state="' + state.encode() + b'"'))
    assert isinstance(found, Ports)
    assert found.silent == {2324}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (replaced(b'state="up" reason', b'state="down" reason'), Reason.UNREACHABLE),
        (
            LISTED[: LISTED.index(b"<host ")]
            + LISTED[LISTED.index(b"<runstats") :].replace(b'up="1" down="0"', b'up="0" down="1"'),
            Reason.UNREACHABLE,
        ),
    ],
)
def test_host_that_was_not_scanned(raw: bytes, reason: Reason) -> None:
    found = parse(raw)
    assert isinstance(found, Absent)
    assert found.reason is reason


def test_a_host_on_which_nmap_gave_up_keeps_what_the_second_look_found() -> None:
    raw = replaced(b"<host starttime", b'<host timedout="true" starttime')
    second = msgspec.json.encode({"source": "127.0.0.9", "answered": "2323"})
    found = parse(raw, second=second)
    assert isinstance(found, Ports)
    assert (set(found.open), set(found.closed), found.timed_out) == ({2323}, set(), True)
    assert not found.scanned & {2320, 8022}  # neither high-risk nor declared: not tried


@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    with pytest.raises(ParseError):
        parse(raw)


@given(st.integers(0, len(LISTED) - 1), st.binary(min_size=1, max_size=8))
def test_any_damage(at: int, new: bytes) -> None:
    try:
        found = parse(LISTED[:at] + new + LISTED[at + len(new) :])
    except ParseError:
        return
    assert isinstance(found, Ports | Absent)


# --- the second look ------------------------------------------------------------------------------


def seen_twice(**second: object) -> Ports:
    found = parse(LISTED, second=msgspec.json.encode({"source": "127.0.0.9", **second}))
    assert isinstance(found, Ports)
    assert found.scanned == read_ports(SCANNED[LISTED])
    return found


def test_a_second_check_that_confirms_the_scan() -> None:
    assert seen_twice(answered="2323,8022", unanswered="2320-2322") == seen_twice()


def test_open_and_not_confirmed_is_not_open() -> None:
    found = seen_twice(answered="2323", unanswered="8022")
    assert found.open == {2323}
    assert found.unconfirmed == found.silent == {8022}
    assert len(found.closed) == 21


def test_after_one_contradiction_no_port_counts_as_closed() -> None:
    found = seen_twice(answered="2323,50070", unanswered="2320")
    assert found.open == {2323, 8022, 50070}
    assert found.contradicted == {50070}
    assert found.closed == {2320}


def test_where_connections_are_limited_no_port_counts_as_closed() -> None:
    found = seen_twice(answered="2323", unanswered="2320", limited=True)
    assert found.open == {2323, 8022}
    assert found.closed == {2320}


@pytest.mark.parametrize(
    "second", [b"", b"127.0.0.9", b"{}", b'{"source":"","answered":"x"}', b"[" * 100_000]
)
def test_no_second_check(second: bytes) -> None:
    with pytest.raises(ParseError):
        parse(LISTED, second=second)


# --- asking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [None, "", "web1", "-iL", "127.0.0.1/8", "10.0.0.1 -sU"])
def test_only_addresses_are_scanned(address: str | None) -> None:
    assert isinstance(ask(target("22", address)), Message)


@pytest.mark.parametrize(
    "ports", ["", "-", "22;id", "0", "65536", "9-1", "U:53", "53/udp", [], None, True, 2.5]
)
def test_only_tcp_ports_are_scanned(ports: object) -> None:
    assert isinstance(ask(target(ports)), Message)


def test_printers_are_left_out() -> None:
    asked = ask(target(["9095-9110", 22]))
    assert isinstance(asked, PortScan)
    assert asked.ports == "22,9095-9099,9108-9110"
    assert isinstance(ask(target("515,631")), Message)


def test_default_range() -> None:
    wanted = read_ports(DEFAULT_RANGE)
    assert wanted is not None
    asked = ask(Target(id="h", kind="host", object_type="server", address="::1"))
    assert isinstance(asked, PortScan)
    assert asked.ports == ranges(wanted - PRINTERS)


def test_important_ports_are_checked_again() -> None:
    held = target("1-100")
    again = {"allowed_ports": ["80", "99", "53/udp", 4000]}
    asked = ask(msgspec.structs.replace(held, settings={**held.settings, **again}))
    assert isinstance(asked, PortScan)
    assert asked.again == "21,23,80,99"


@given(st.frozensets(st.integers(1, 65535), min_size=1, max_size=50))
def test_ranges_read_back(ports: frozenset[int]) -> None:
    assert read_ports(ranges(ports)) == ports
