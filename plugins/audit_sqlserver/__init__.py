"""Microsoft SQL Server, unverified: logins, passwords, TLS, rights, audit, backups, replicas.

May import `audit_core`, `audit_database` and, for jump hosts, `audit_shell`. Only `session` and
`driver` import python-tds. All questions come from Microsoft's documentation; no server was asked.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_sqlserver.kind:KINDS")
dengbao_connectors = offers("audit_sqlserver.offers:CONNECTORS")
dengbao_facts = offers("audit_sqlserver.facts:FACTS")
dengbao_checks = offers("audit_sqlserver.checks:CHECKS")
dengbao_descriptions = offers("audit_sqlserver.description:DESCRIPTIONS")
dengbao_locales = locale_beside(__file__)
