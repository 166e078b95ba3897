"""Which TCP ports of a host answer, seen from the collector. Only this package uses python-nmap."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import Prober, hookimpl
from audit_core.model import Check, Fact, Probe


@hookimpl
def dengbao_facts() -> Iterable[Fact]:
    """The fact of the reachable ports."""
    from audit_nmap import facts

    return facts.FACTS


@hookimpl
def dengbao_checks() -> Iterable[Check]:
    """Checks of the reachable ports."""
    from audit_nmap import checks

    return checks.CHECKS


def _describe(probe: Probe) -> str:
    address, ports, rate = (probe.args.get(k) for k in ("address", "ports", "max_rate"))
    again = probe.args.get("again")
    return (
        f"nmap -sT -Pn -n --max-rate {rate} -p {ports} {address}; then one more connection, at most"
        f" 10 a second, to each open port and to those of {again} that were closed"
    )


@hookimpl
def dengbao_probers() -> Iterable[Prober]:
    """The prober that runs nmap."""
    return [Prober(name="ports", entry="audit_nmap.probe:run", describe=_describe, tool="nmap")]


@hookimpl
def dengbao_locales() -> Iterable[Path]:
    """The Chinese of this plugin's messages."""
    return [Path(__file__).parent / "locale"]
