"""What the inventory declares of other targets, as facts: checks compare against it."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import TARGET, Fact, Target, derive
from audit_service import paths


class Declared(Struct, frozen=True, kw_only=True):
    """A target as the inventory declares it; what is not declared is empty."""

    zone: str = ""
    business_system: str = ""
    address: str = ""
    networks: tuple[str, ...] = ()
    environment: str = ""
    reaches: dict[str, tuple[int, ...]] = {}


def _declared(target: Target) -> Declared:
    return Declared(
        zone=target.zone or "",
        business_system=target.business_system or "",
        address=target.address or "",
        networks=tuple(map(str, target.settings.get("networks", ()))),
        environment=str(target.settings.get("environment") or ""),
        reaches={
            str(zone): tuple(map(int, ports))
            for zone, ports in (target.settings.get("reaches") or {}).items()
        },
    )


def _fact(kind: str) -> Fact:
    return derive(f"service.{kind}", Declared, needs=TARGET, make=_declared, kind=kind)


SYSTEM, ZONE, HOST, ENDPOINT, DATA_SET, WEB = map(
    _fact, ("system", "zone", "host", "endpoint", "data_set", "web")
)
FACTS = (SYSTEM, ZONE, HOST, ENDPOINT, DATA_SET, WEB, *paths.FACTS)
