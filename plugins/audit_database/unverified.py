"""The mark of products that no server was ever asked of."""

from __future__ import annotations

from audit_core.api.sdk import msg

UNVERIFIED = msg(
    "Unverified: made from documents of the vendor, not tried on a real server; "
    "compare it with the server before it is relied on"
)
