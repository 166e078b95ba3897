"""PostgreSQL servers: accounts, client authentication, TLS, privileges, logging, backup.

May import `audit_core`, `audit_database` and, for jump hosts, `audit_shell`. Only `session` imports
psycopg. openGauss and KingbaseES are read where they speak the same protocol: unverified.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_postgresql.kind:KINDS")
dengbao_connectors = offers("audit_postgresql.offers:CONNECTORS")
dengbao_facts = offers("audit_postgresql.facts:FACTS")
dengbao_checks = offers("audit_postgresql.checks:CHECKS")
dengbao_descriptions = offers("audit_postgresql.description:DESCRIPTIONS")
dengbao_locales = locale_beside(__file__)
