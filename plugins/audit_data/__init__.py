"""The data in databases: sensitive data as declared, real values in test data, rules of quality.

May import `audit_core` and `audit_database`. The rows are looked at by the session of the database
(`audit_database.data`); here are the data sets of the inventory, and the verdicts.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_data.kind:KINDS")
dengbao_facts = offers("audit_data.sample:FACTS", "audit_data.quality:FACTS")
dengbao_checks = offers("audit_data.checks:CHECKS")
dengbao_locales = locale_beside(__file__)
