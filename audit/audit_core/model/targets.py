"""What is audited: targets, their kinds and object types. Pure."""

from __future__ import annotations

import enum
from typing import Any

from msgspec import Struct


class Kind(enum.StrEnum):
    """What kind of thing a target is."""

    HOST = "host"
    ENDPOINT = "endpoint"
    BACKUP_SET = "backup_set"
    DATABASE = "database"
    NETWORK_DEVICE = "network_device"
    APPLICATION = "application"
    DATA_SET = "data_set"
    NETWORK = "network"
    SITE = "site"
    ORGANISATION = "organisation"


class ObjectType(enum.StrEnum):
    """What an object is to the assessor (测评对象类型): 13 of 计算环境, 3 of the other layers."""

    NETWORK_DEVICE = "network_device"
    SECURITY_DEVICE = "security_device"
    APPLICATION = "application"
    MANAGEMENT_PLATFORM = "management_platform"
    SERVER = "server"
    DATABASE = "database"
    TERMINAL = "terminal"
    AUTHENTICATION_DATA = "authentication_data"
    BUSINESS_DATA = "business_data"
    AUDIT_DATA = "audit_data"
    CONFIGURATION_DATA = "configuration_data"
    VIDEO_DATA = "video_data"
    PERSONAL_INFORMATION = "personal_information"
    SITE = "site"
    NETWORK = "network"
    ORGANISATION = "organisation"


class Target(Struct, frozen=True, kw_only=True):
    """One thing audited. `settings` is what the inventory declares for its kind, as data."""

    id: str
    kind: Kind
    object_type: ObjectType
    parent: str | None = None
    zone: str | None = None
    business_system: str | None = None
    owner: str | None = None
    address: str | None = None
    settings: dict[str, Any] = {}
