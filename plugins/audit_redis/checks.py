"""All checks of this package."""

from __future__ import annotations

from audit_redis import server_checks, user_checks

CHECKS = (*user_checks.CHECKS, *server_checks.CHECKS)
