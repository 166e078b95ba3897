"""Registers: lists that an institution keeps, in CSV, xlsx or YAML files here or in databases.

May import `audit_core` and `audit_database`.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_register.facts:FACTS")
dengbao_checks = offers("audit_register.checks:CHECKS")
dengbao_kinds = offers("audit_register.kinds:KINDS")
dengbao_connectors = offers("audit_register.kinds:CONNECTORS")
dengbao_locales = locale_beside(__file__)
