"""Endpoints that listeners and a scan suggest: usual ports only, each once, none on loopback."""

from __future__ import annotations

from audit_core.api.testkit import target_of
from audit_linux.network.listeners import Listener
from audit_nmap.facts import Ports
from audit_tls.propose import endpoints


def test_listeners_at_ports_where_tls_is_usual_are_endpoints() -> None:
    listeners = tuple(
        Listener(protocol=protocol, address=address, port=port, process="nginx")
        for protocol, address, port in (
            ("tcp", "0.0.0.0", 8443), ("tcp", "::", 8443), ("tcp", "127.0.0.1", 443),
            ("udp", "0.0.0.0", 853), ("tcp", "0.0.0.0", 80), ("tcp", "192.0.2.1", 25),
        )
    )  # fmt: skip
    found = list(endpoints(target_of("host"), listeners, None))
    assert [part.settings for part in found] == [{"port": 25, "starttls": "smtp"}, {"port": 8443}]
    assert str(found[0].why.args["socket"]) == "25/tcp 192.0.2.1 (nginx)"


def test_a_scan_from_outside_adds_what_the_host_does_not_tell() -> None:
    ports = Ports(
        address="192.0.2.1", source="192.0.2.9", open=frozenset({22, 443, 636}),
        closed=frozenset(), silent=frozenset(),
    )  # fmt: skip
    listener = Listener(protocol="tcp", address="0.0.0.0", port=443)
    found = list(endpoints(target_of("host"), (listener,), ports))
    assert [part.settings["port"] for part in found] == [443, 636]
    assert [list(part.why.args) for part in found] == [["socket"], ["port"]]
