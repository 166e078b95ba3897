"""The kind host, and its connectors: this machine, and others over SSH.

May import `audit_core`, and no other plugin; only `audit_shell.ssh` imports paramiko.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_shell.host:KINDS")
dengbao_descriptions = offers("audit_shell.description:DESCRIPTIONS")
dengbao_connectors = offers("audit_shell.offers:CONNECTORS")
dengbao_facts = offers("audit_shell.key_exchange:FACTS")
dengbao_redaction = offers("audit_shell.redaction:RULES")
dengbao_locales = locale_beside(__file__)
