"""What an institution declares of itself: services, business systems, zones and data sets.

May import `audit_core`, and no other plugin.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_service.declared:FACTS")
dengbao_checks = offers("audit_service.checks:CHECKS")
dengbao_kinds = offers("audit_service.kinds:KINDS")
dengbao_locales = locale_beside(__file__)
