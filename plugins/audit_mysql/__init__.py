"""MySQL and MariaDB servers: accounts, passwords, TLS, privileges, audit, replication.

May import `audit_core`, `audit_database` and, for jump hosts, `audit_shell`. Only `session` and
`driver` import PyMySQL. What is asked of MySQL was tried on 9.7; 8.0 and 8.4 are unverified.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_mysql.kind:KINDS")
dengbao_connectors = offers("audit_mysql.offers:CONNECTORS")
dengbao_facts = offers("audit_mysql.facts:FACTS")
dengbao_checks = offers("audit_mysql.checks:CHECKS")
dengbao_descriptions = offers("audit_mysql.description:DESCRIPTIONS")
dengbao_locales = locale_beside(__file__)
