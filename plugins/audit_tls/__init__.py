"""TLS and TLCP endpoints: protocol versions, cipher suites, keys and certificates.

May import `audit_core`, and no other plugin.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_tls.facts:FACTS")
dengbao_checks = offers("audit_tls.checks:CHECKS")
dengbao_kinds = offers("audit_tls.kind:KINDS")
dengbao_connectors = offers("audit_tls.offers:CONNECTORS")
dengbao_locales = locale_beside(__file__)
