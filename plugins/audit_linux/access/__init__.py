"""Who may enter a Linux host and what they may do there (身份鉴别, 访问控制)."""

from __future__ import annotations

from audit_linux.access import accounts, pam

FACTS = (*accounts.FACTS, pam.PAM)
CHECKS = (*accounts.CHECKS,)
