"""Routes of interfaces in files on this machine: OpenAPI documents, exports of gateways.

May import `audit_core`, and no other plugin.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_api.facts:FACTS")
dengbao_checks = offers("audit_api.checks:CHECKS")
dengbao_kinds = offers("audit_api.kind:KINDS")
dengbao_connectors = offers("audit_api.kind:CONNECTORS")
dengbao_locales = locale_beside(__file__)
