"""Which TCP ports of a host answer, as the collector sees them.

May import `audit_core`, and no other plugin; only this package imports python-nmap (GPL-3.0).
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_nmap.facts:FACTS")
dengbao_checks = offers("audit_nmap.checks:CHECKS")
dengbao_kinds = offers("audit_nmap.settings:KINDS")
dengbao_connectors = offers("audit_nmap.offers:CONNECTORS")
dengbao_locales = locale_beside(__file__)
