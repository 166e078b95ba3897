"""Redis and Valkey servers: users and their rights, TLS, addresses, logging, persistence.

May import `audit_core`, `audit_database` and, for jump hosts, `audit_shell`. Only `link` imports
redis-py.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_redis.kind:KINDS")
dengbao_connectors = offers("audit_redis.offers:CONNECTORS")
dengbao_facts = offers("audit_redis.facts:FACTS")
dengbao_checks = offers("audit_redis.checks:CHECKS")
dengbao_descriptions = offers("audit_redis.description:DESCRIPTIONS")
dengbao_locales = locale_beside(__file__)
