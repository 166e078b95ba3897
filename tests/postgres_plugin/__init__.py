"""A plugin for PostgreSQL, as a third party would write it: it needs no change in the core."""

from __future__ import annotations

from audit_core.api.hooks import offers

dengbao_kinds = offers("postgres_plugin.offers:KINDS")
dengbao_connectors = offers("postgres_plugin.offers:CONNECTORS")
dengbao_facts = offers("postgres_plugin.roles:FACTS")
dengbao_checks = offers("postgres_plugin.roles:CHECKS")
dengbao_policy = offers("postgres_plugin.offers:POLICY")
