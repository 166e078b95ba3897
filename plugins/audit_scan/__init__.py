"""What was scanned before: reports of nmap, Nessus and Greenbone in files, and earlier runs.

May import `audit_core`, and no other plugin.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_scan.facts:FACTS", "audit_scan.history.facts:FACTS")
dengbao_checks = offers("audit_scan.checks:CHECKS", "audit_scan.history.checks:CHECKS")
dengbao_kinds = offers("audit_scan.kind:KINDS")
dengbao_connectors = offers("audit_scan.kind:CONNECTORS")
dengbao_locales = locale_beside(__file__)
