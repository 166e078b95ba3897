"""Web entries: response times and errors, encryption, cookies, notices, what is open to anybody.

May import `audit_core`, and no other plugin. Only `client` imports requests.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_http.offers:KINDS")
dengbao_connectors = offers("audit_http.offers:CONNECTORS")
dengbao_facts = offers("audit_http.facts:FACTS")
dengbao_checks = offers("audit_http.checks:CHECKS")
dengbao_locales = locale_beside(__file__)
