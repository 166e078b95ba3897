"""Oracle Database, unverified: users, profiles, rights, audit, encryption, backups, standby.

May import `audit_core`, `audit_database` and, for jump hosts, `audit_shell`. Only `session` and
`driver` import oracledb, in its thin mode. All questions come from Oracle's documentation.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_oracle.kind:KINDS")
dengbao_connectors = offers("audit_oracle.offers:CONNECTORS")
dengbao_facts = offers("audit_oracle.facts:FACTS")
dengbao_checks = offers("audit_oracle.checks:CHECKS")
dengbao_descriptions = offers("audit_oracle.description:DESCRIPTIONS")
dengbao_locales = locale_beside(__file__)
