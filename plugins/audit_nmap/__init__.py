"""Which TCP ports of a host answer, seen from the collector. Only this package uses python-nmap."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.hooks import Prober, hookimpl, locale_beside, offers
from audit_core.model import Probe

dengbao_facts = offers("audit_nmap.facts:FACTS")
dengbao_checks = offers("audit_nmap.checks:CHECKS")
dengbao_kinds = offers("audit_nmap.settings:KINDS")
dengbao_locales = locale_beside(__file__)


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
