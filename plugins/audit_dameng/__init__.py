"""达梦 (DM8), unverified: passwords, lock-out, separated roles, audit, archive.

May import `audit_core`, `audit_database` and, for jump hosts, `audit_shell`. Only `session` imports
dmPython, a native library of the vendor. All questions come from documents and from manuals online.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_dameng.kind:KINDS")
dengbao_connectors = offers("audit_dameng.offers:CONNECTORS")
dengbao_facts = offers("audit_dameng.facts:FACTS")
dengbao_checks = offers("audit_dameng.checks:CHECKS")
dengbao_locales = locale_beside(__file__)
