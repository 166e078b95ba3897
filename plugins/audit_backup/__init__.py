"""Declared backup sets: whether they exist, are fresh, complete, protected and encrypted.

May import `audit_core`, and no other plugin.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_backup.facts:FACTS")
dengbao_checks = offers(
    "audit_backup.checks:CHECKS",
    "audit_backup.size_check:CHECKS",
    "audit_backup.whole_check:CHECKS",
    "audit_backup.keeping_checks:CHECKS",
)
dengbao_kinds = offers("audit_backup.kind:KINDS")
dengbao_locales = locale_beside(__file__)
