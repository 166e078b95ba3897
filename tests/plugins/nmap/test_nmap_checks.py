"""Tables of the port checks."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import audit_nmap
from audit_core.model import Absent, Reason, Status, Target, Verdict, msg
from audit_nmap.checks import allowed_ports, no_high_risk_ports
from audit_nmap.facts import Ports
from audit_nmap.listening import parse_ss, parse_tables
from audit_nmap.ports import DEFAULT_RANGE, HIGH_RISK, PRINTERS, read_ports
from audit_nmap.probe import scanned
from audit_nmap.request import PortScan
from invented.answers import answer

FOLDER = Path(audit_nmap.__file__).parent
DEFAULT = (read_ports(DEFAULT_RANGE) or frozenset()) - PRINTERS


def ports(
    *open_: int, silent: frozenset[int] = frozenset(), source: str = "10.0.0.1", **more: Any
) -> Ports:
    rest = DEFAULT - silent - set(open_)
    return Ports(
        address="10.0.0.2", source=source, open=frozenset(open_), closed=rest, silent=silent,
        **more,
    )  # fmt: skip


def only(state: str, *numbers: int) -> Ports:
    """A scan of these alone, all in one state."""
    sets: dict[str, Any] = dict.fromkeys(("open", "closed", "silent"), frozenset())
    return Ports(address="10.0.0.2", source="10.0.0.1", **sets | {state: frozenset(numbers)})


EVERY = tuple(DEFAULT)


def target(**settings: Any) -> Target:
    return Target(id="h", kind="host", object_type="server", settings=settings)


def detail(judgement: Any) -> str:
    return " ".join(str(m) for m in judgement.detail)


UNKNOWN = Absent(reason=Reason.NOT_COLLECTED, detail=msg("not asked"))
P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("seen", "settings", "verdict"),
    [
        (ports(22), {"allowed_ports": ["22/tcp"]}, P),
        (ports(), {"allowed_ports": []}, P),
        (ports(22, 8005), {"allowed_ports": ["22/tcp", "8000-8010/tcp"]}, P),
        (ports(22), {"allowed_ports": ("22/tcp", "53/udp", 80)}, P),
        (ports(53), {"allowed_ports": ("22/tcp", "53/udp")}, F),
        (ports(), {"allowed_ports": ("53/udp",)}, P),
        (ports(22, 80), {"allowed_ports": ["22/tcp"]}, F),
        (ports(22), {"allowed_ports": []}, F),
        (ports(22, 80, silent=frozenset({81})), {"allowed_ports": ["22/tcp"]}, F),
        (ports(22, silent=frozenset({81})), {"allowed_ports": ["22/tcp"]}, U),
        (ports(22, silent=frozenset({81})), {"allowed_ports": ["22/tcp", "81"]}, P),
        (ports(22), {"allowed_ports": "22/udp"}, U),
        (ports(22), {"allowed_ports": {"22": 1}}, U),
        (ports(22), {}, U),
        (ports(), {}, U),
        (ports(22, 6379), {}, F),
        (ports(22, source="10.0.0.2"), {"allowed_ports": ["22/tcp"]}, U),
        (ports(22, 80, source="10.0.0.2"), {"allowed_ports": ["22/tcp"]}, U),
        (ports(*EVERY), {"allowed_ports": ["22/tcp"]}, U),
        (ports(*EVERY), {}, U),
        (ports(*EVERY[:1200]), {"allowed_ports": ["22/tcp"]}, U),
        (ports(*EVERY[:900]), {"allowed_ports": ["22/tcp"]}, F),
        (ports(silent=DEFAULT), {"allowed_ports": ["1-65535"]}, U),
    ],
)
def test_allowed_ports(seen: Ports, settings: dict[str, Any], verdict: Verdict) -> None:
    judged = allowed_ports.judge(seen, UNKNOWN, target(**settings))
    assert judged.verdict is verdict
    assert "1-514,516-630" in detail(judged)  # the range that was scanned, exactly
    assert seen.source in detail(judged)


@pytest.mark.parametrize(
    ("seen", "listening", "verdict"),
    [
        (only("open", 22), {22, 70}, P),
        (only("open", 22), {22, 8080}, U),
        (only("open", 22), UNKNOWN, U),  # of few ports, and the others may be open
        (only("closed", 22), {22}, U),
        (only("silent", 22), {22}, U),  # nothing answered: nobody knows whether the host was there
        (only("open", *range(20, 70)), {22}, P),  # all of a few is no sign of anything
    ],
)
def test_a_scan_of_nothing_but_what_is_allowed(
    seen: Ports, listening: Any, verdict: Verdict
) -> None:
    inside = frozenset(listening) if isinstance(listening, set) else listening
    assert allowed_ports.judge(seen, inside, target(allowed_ports=["20-70"])).verdict is verdict


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"unconfirmed": frozenset({81})}, "not the second check: 81"),
        ({"contradicted": frozenset({22})}, "found them open"),
        ({"limited": True}, "limited on the way"),
    ],
)
def test_the_result_of_the_second_check_is_reported(more: dict[str, Any], word: str) -> None:
    for open_ in ((22,), (22, 23)):
        seen = ports(*open_, silent=frozenset({21, 81}), **more)
        for judged in (
            allowed_ports.judge(seen, UNKNOWN, target(allowed_ports=[22])),
            no_high_risk_ports.judge(seen, UNKNOWN, target()),
        ):  # fmt: skip
            assert judged.verdict is (F if 23 in open_ else U)
            assert word in detail(judged)


@pytest.mark.parametrize(
    ("seen", "high_risk", "verdict"),
    [
        (ports(22), HIGH_RISK, P),
        (ports(23), HIGH_RISK, F),
        (ports(23, silent=frozenset({21})), HIGH_RISK, F),
        (ports(22, silent=frozenset({21})), HIGH_RISK, U),
        (ports(22, silent=frozenset({1000})), HIGH_RISK, P),
        (ports(silent=DEFAULT), HIGH_RISK, U),
        (ports(22), HIGH_RISK | {"65000/tcp"}, U),  # never scanned
        (ports(22), frozenset({"22/tcp"}), F),
        (ports(22), frozenset({"22/udp"}), U),
        (ports(22), frozenset(), P),
        (ports(22, source="10.0.0.2"), HIGH_RISK, U),
        (ports(*EVERY), HIGH_RISK, U),
        (ports(*EVERY[:900]), HIGH_RISK, F),
    ],
)
def test_no_high_risk_ports(seen: Ports, high_risk: frozenset[str], verdict: Verdict) -> None:
    assert no_high_risk_ports.judge(seen, UNKNOWN, target(), high_risk=high_risk).verdict is verdict


def test_every_high_risk_port_is_in_the_default_range() -> None:
    assert (read_ports(tuple(HIGH_RISK)) or frozenset({0})) <= DEFAULT


def test_the_detail_names_open_ports() -> None:
    judged = allowed_ports.judge(ports(22, 80), UNKNOWN, target(allowed_ports=["22/tcp"]))
    assert detail(judged).startswith("Open and not declared: 80 Open TCP ports: 22,80")


@pytest.mark.parametrize("address", ["-iL/etc/passwd", "web1", "", "127.0.0.1 -sV"])
def test_prober_takes_addresses_only(address: str) -> None:
    reply = scanned(PortScan(address=address, ports="22", again="", max_rate=1, timeout_s=5))
    assert (reply.status, reply.stdout) == (Status.UNSUPPORTED, b"")


@pytest.mark.parametrize("ports_", ["", "22 -sV", "-", "T:22"])
def test_prober_takes_ports_only(ports_: str) -> None:
    asked = PortScan(address="127.0.0.1", ports=ports_, again="", max_rate=1, timeout_s=5)
    reply = scanned(asked)
    assert (reply.status, reply.stdout) == (Status.UNSUPPORTED, b"")


def test_only_this_package_imports_nmap() -> None:
    roots = ("audit", "plugins", "evidence", "profiles")
    files = [f for r in roots for f in (FOLDER.parents[1] / r).rglob("*.py")]
    importing = {f.parent.name for f in files if _imports_nmap(f)}
    assert importing == {"audit_nmap"}


def _imports_nmap(path: Path) -> bool:
    text, names = path.read_text(), set[str]()
    if "nmap" not in text:
        return False
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return "nmap" in names


def test_a_silent_port_is_closed_where_the_host_does_not_listen() -> None:
    silent = DEFAULT - {22, 443}
    seen = Ports(address="10.0.0.2", source="10.0.0.1", open=frozenset({22}),
                 closed=frozenset({443}), silent=silent)  # fmt: skip
    reset = Ports(address="10.0.0.2", source="10.0.0.1", open=frozenset({22}),
                  closed=DEFAULT - {22}, silent=frozenset())  # fmt: skip
    few = Ports(address="10.0.0.2", source="10.0.0.1", open=frozenset({22}), closed=frozenset(),
                silent=frozenset())  # fmt: skip
    site = target(allowed_ports=["22/tcp"])
    # ports, what the host says, allowed-ports, no-high-risk-ports
    cases: list[tuple[Ports, Any, Verdict, Verdict]] = [
        (seen, frozenset({22}), P, P),
        (seen, frozenset({22, 3306}), U, P),  # listens, and something filters
        (seen, frozenset({22, 6379}), U, U),
        (seen, frozenset({2222}), U, U),  # what answers is not this host
        (seen, UNKNOWN, U, U),
        (few, frozenset({22}), P, P),  # what was not scanned, and is not listened on
        (few, frozenset({22, 23}), U, U),
        (few, frozenset({22, 12345}), U, P),
        (reset, frozenset({22}), P, P),
        (reset, frozenset({22, 6379}), U, U),  # a packet filter resets, perhaps for some only
        (reset, UNKNOWN, P, P),
    ]
    for scan, inside, allowed, risky in cases:
        judged = (
            allowed_ports.judge(scan, inside, site),
            no_high_risk_ports.judge(scan, inside, site),
        )
        assert [j.verdict for j in judged] == [allowed, risky], inside
    beyond = allowed_ports.judge(ports(22, 8080), frozenset({22}), target(allowed_ports=[22, 8080]))
    assert beyond.verdict is P
    assert "8080" in str(beyond.detail[1].args["ports"])


def test_listening_ports_as_the_host_tells_them() -> None:
    linux = Path(__file__).parents[1] / "linux" / "recordings"
    for name, parse in (("ss", parse_ss), ("proc", parse_tables)):
        text = (linux / f"listeners-{name}.rec").read_text().partition("---\n")[2]
        assert parse(answer(text)) == frozenset({22, 8080}), name


def test_a_host_that_shuts_the_collector_out_passes_nothing() -> None:
    # as tried with a host that resets all connections after the twentieth
    gone = frozenset({22})
    for seen, inside, settings, verdict in (
        (ports(), UNKNOWN, {"allowed_ports": ["22/tcp"]}, U),
        (ports(), gone, {"allowed_ports": []}, U),
        (ports(unconfirmed=gone, silent=gone), UNKNOWN, {"allowed_ports": []}, U),
        (ports(), UNKNOWN, {"allowed_ports": []}, P),
        (ports(), frozenset(), {"allowed_ports": []}, P),
        (ports(22), UNKNOWN, {"allowed_ports": ["22/tcp", "443/tcp"]}, P),
    ):
        for check in (allowed_ports, no_high_risk_ports):
            assert check.judge(seen, inside, target(**settings)).verdict is verdict
