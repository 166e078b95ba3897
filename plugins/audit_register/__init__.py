"""Registers: lists that an institution keeps, read from CSV, xlsx or YAML files on this machine.

May import `audit_core`, and no other plugin.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_facts = offers("audit_register.facts:FACTS")
dengbao_checks = offers("audit_register.checks:CHECKS")
dengbao_kinds = offers("audit_register.kinds:KINDS")
dengbao_connectors = offers("audit_register.kinds:CONNECTORS")
dengbao_locales = locale_beside(__file__)
