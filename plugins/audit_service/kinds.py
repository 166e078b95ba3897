"""The kinds: service, business system, zone, path; and what is declared of a data set."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from audit_core.api.sdk import Kind, KindSettings, Port, Refusal, Schema, Valid, msg
from audit_service.paths import PATH


class Service(enum.StrEnum):
    """The services that the smart-finance draft names, in its order, three for each clause of 5."""

    MOBILE_PAYMENT = "mobile_payment"
    CROSS_BORDER_PAYMENT = "cross_border_payment"
    FACE_PAYMENT = "face_payment"
    PORTFOLIO_RECOMMENDATION = "portfolio_recommendation"
    ROBO_ADVICE = "robo_advice"
    FINANCIAL_PLANNING = "financial_planning"
    LOAN_APPROVAL = "loan_approval"
    CREDIT_SCORING = "credit_scoring"
    LOAN_MANAGEMENT = "loan_management"
    INSURANCE_TAILORING = "insurance_tailoring"
    INSURANCE_CLAIMS = "insurance_claims"
    INSURANCE_RISK_MONITORING = "insurance_risk_monitoring"
    CUSTOMER_SERVICE_PLATFORM = "customer_service_platform"
    BEHAVIOUR_ANALYSIS = "behaviour_analysis"
    JOINED_CHANNELS = "joined_channels"
    SELF_SERVICE_DEVICES = "self_service_devices"
    BRANCH_OPERATION = "branch_operation"
    BRANCH_MARKETING = "branch_marketing"


class ServiceSettings(Schema, frozen=True, kw_only=True):
    """A service: which it is, what it runs on, and where customers enter.

    `systems` are ids of business systems, `entries` of endpoints and web
    entries, `data_sets` of data sets.
    `no_entry` is the reason why it has no entry that can be reached, `not_offered` why it is not
    offered at all.
    """

    service: Service
    systems: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    data_sets: tuple[str, ...] = ()
    no_entry: str = ""
    not_offered: str = ""

    def refusals(self) -> Iterable[Refusal]:
        """Refuses systems, entries or data sets of a service that is not offered."""
        if self.not_offered and (self.systems or self.entries or self.data_sets):
            expected = msg("no systems, entries and data sets of a service that is not offered")
            yield Refusal(place=("not_offered",), expected=expected)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


Network = Annotated[
    str, Valid(holds=_is_network, expected=msg("a network like 10.1.0.0/16 or 2001:db8::/32"))
]


class SystemSettings(Schema, frozen=True, kw_only=True):
    """A business system. Its targets name its id as their `business_system`."""

    purpose: str = ""


class Environment(enum.StrEnum):
    """What a zone is for."""

    PRODUCTION = "production"
    TEST = "test"
    DEVELOPMENT = "development"
    OFFICE = "office"


class ZoneSettings(Schema, frozen=True, kw_only=True):
    """A zone of the network. Its targets name its id as their `zone`.

    `reaches` are the ports of other zones, by their ids, that may be reached from it.
    """

    networks: tuple[Network, ...] = ()
    purpose: str = ""
    environment: Environment | None = None
    reaches: dict[str, tuple[Port, ...]] | None = None


class DataSetSettings(Schema, frozen=True, kw_only=True):
    """Where a data set lies: the ids of databases, hosts or endpoints."""

    stored_in: tuple[str, ...] = ()


def _type(settings: Mapping[str, Any]) -> str:
    return str(settings["service"])


KINDS = (
    Kind(
        id="service",
        title=msg("Service"),
        object_types=tuple(Service),
        type_of=_type,
        settings=ServiceSettings,
        left_out="not_offered",
        example={"service": "mobile_payment"},
    ),
    Kind(
        id="system",
        title=msg("Business system"),
        object_types=("business_system",),
        settings=SystemSettings,
    ),
    Kind(id="zone", title=msg("Zone"), object_types=("security_zone",), settings=ZoneSettings),
    KindSettings(kind="data_set", settings=DataSetSettings),
    PATH,
)
