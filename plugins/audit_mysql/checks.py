"""All checks of this package."""

from __future__ import annotations

from audit_core.api.sdk import Check

CHECKS: tuple[Check, ...] = ()
