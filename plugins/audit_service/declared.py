"""What the inventory declares of other targets, as facts: checks compare against it."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import TARGET, Fact, Target, derive


class Declared(Struct, frozen=True, kw_only=True):
    """A target as the inventory declares it; what is not declared is empty."""

    zone: str = ""
    business_system: str = ""
    address: str = ""
    networks: tuple[str, ...] = ()


def _declared(target: Target) -> Declared:
    return Declared(
        zone=target.zone or "",
        business_system=target.business_system or "",
        address=target.address or "",
        networks=tuple(map(str, target.settings.get("networks", ()))),
    )


def _fact(kind: str) -> Fact:
    return derive(f"service.{kind}", Declared, needs=TARGET, make=_declared, kind=kind)


SYSTEM, ZONE, HOST, ENDPOINT, DATA_SET, WEB = map(
    _fact, ("system", "zone", "host", "endpoint", "data_set", "web")
)
FACTS = (SYSTEM, ZONE, HOST, ENDPOINT, DATA_SET, WEB)
