"""Targets: the things that are audited, and their parts. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Target(Struct, frozen=True, kw_only=True):
    """One audited thing: a host, a database, a TLS endpoint, …

    `kind` is the id of a kind that a plugin offers, `object_type` what it is to the assessor
    (测评对象类型), an id of a catalog. `settings` is what the inventory declares, as plain data.
    `host_name` is the name that was declared where `address` is what it was looked up as.
    `left_out` is the reason where the inventory declares it as something that is not there.
    """

    id: str
    kind: str
    object_type: str
    parent: str | None = None
    zone: str | None = None
    business_system: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    address: str | None = None
    host_name: str | None = None
    settings: dict[str, Any] = {}
    left_out: str = ""
