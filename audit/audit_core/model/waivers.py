"""Waivers: accepted deviations, approved until a day. Pure data."""

from __future__ import annotations

import enum

from msgspec import Struct


class Waiver(Struct, frozen=True, kw_only=True):
    """An accepted deviation; it changes no verdict and no conclusion.

    It is about a `clause`, a `step` of it, or a `check`. `targets` are selectors as in answers;
    none for all. `approved` is a day, `expires` a time with its zone (ISO 8601).
    """

    id: str
    catalog: str = ""
    clause: str = ""
    step: int | None = None
    check: str = ""
    targets: tuple[str, ...] = ()
    reason: str
    approver: str = ""
    ticket: str = ""
    approved: str
    expires: str
    where: str = ""


class WaiverFault(enum.StrEnum):
    """What is wrong with a waiver."""

    EXPIRED = "expired"
    UNUSED = "unused"
    MATCHES_NOTHING = "matches_nothing"
    TOO_OLD = "too_old"
    NO_MITIGATION = "no_mitigation"
    NO_TICKET = "no_ticket"
    NO_APPROVER = "no_approver"
