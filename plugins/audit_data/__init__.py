"""The data in databases and log files: protected as declared, none real in tests, of what quality.

May import `audit_core` and `audit_database`. The rows are looked at by the session of the database
(`audit_database.data`), the lines of log files where the session of the host ends; here are the
data sets of the inventory, and the verdicts.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_data.kind:KINDS", "audit_data.log_requests:KINDS")
dengbao_facts = offers(
    "audit_data.sample:FACTS", "audit_data.quality:FACTS", "audit_data.log_requests:FACTS"
)
dengbao_checks = offers("audit_data.checks:CHECKS")
dengbao_locales = locale_beside(__file__)
