"""Whether a host is patched, according to its own package manager, without refreshing anything.

May import `audit_core`, and no other plugin.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_patch.facts:FACTS")
dengbao_checks = offers(
    "audit_patch.checks:CHECKS", "audit_patch.kernel_checks:CHECKS", "audit_patch.support:CHECKS"
)
dengbao_locales = locale_beside(__file__)
