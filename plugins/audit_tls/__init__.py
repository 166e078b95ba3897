"""How an endpoint speaks TLS, asked with hellos of our own from the collector."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from audit_core.api.hooks import Prober, hookimpl
from audit_core.model import Check, Fact, Probe


@hookimpl
def dengbao_facts() -> Iterable[Fact]:
    """Facts about a TLS endpoint."""
    from audit_tls import facts

    return facts.FACTS


@hookimpl
def dengbao_checks() -> Iterable[Check]:
    """Checks of a TLS endpoint."""
    from audit_tls import checks

    return checks.CHECKS


def _describe(probe: Probe) -> str:
    host, port = probe.args.get("address"), probe.args.get("port")
    most, before = probe.args.get("max_connections"), probe.args.get("starttls")
    after = f" after STARTTLS ({before})" if before else ""
    return f"TLS hellos{after} to {host} port {port}, one after another, at most {most} connections"


@hookimpl
def dengbao_probers() -> Iterable[Prober]:
    """The prober that speaks to TLS endpoints."""
    return [Prober(name="tls", entry="audit_tls.probe:run", describe=_describe)]


@hookimpl
def dengbao_locales() -> Iterable[Path]:
    """The Chinese of this plugin's messages."""
    return [Path(__file__).parent / "locale"]
