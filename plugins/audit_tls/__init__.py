"""How an endpoint speaks TLS, asked with hellos of our own from the collector."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.hooks import Prober, hookimpl, locale_beside, offers
from audit_core.model import Probe

dengbao_facts = offers("audit_tls.facts:FACTS")
dengbao_checks = offers("audit_tls.checks:CHECKS")
dengbao_kinds = offers("audit_tls.kind:KINDS")
dengbao_locales = locale_beside(__file__)


def _describe(probe: Probe) -> str:
    host, port = probe.args.get("address"), probe.args.get("port")
    most, before = probe.args.get("max_connections"), probe.args.get("starttls")
    after = f" after STARTTLS ({before})" if before else ""
    return f"TLS hellos{after} to {host} port {port}, one after another, at most {most} connections"


@hookimpl
def dengbao_probers() -> Iterable[Prober]:
    """The prober that speaks to TLS endpoints."""
    return [Prober(name="tls", entry="audit_tls.probe:run", describe=_describe)]
