"""What the engine gives, a check may not make up: each need is an argument without a default."""

from __future__ import annotations

import inspect
import re

import pytest

from audit_core.api import plugins
from audit_core.api.testkit import target_of
from audit_core.model import Privilege, Request
from audit_core.plan import request_of
from audit_http.request import HttpOpen
from audit_nmap.request import PortScan
from audit_tls.request import TlsHellos

CHECKS = sorted(plugins.load().checks.values(), key=lambda check: check.id)


def test_no_need_has_a_default(subtests: pytest.Subtests) -> None:
    for check in CHECKS:
        with subtests.test(check.id):
            parameters = inspect.signature(check.judge).parameters.values()
            given = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
            assert [p.name for p in given if p.default is not inspect.Parameter.empty] == []


def test_what_an_ordinary_account_is_asked_is_reached() -> None:
    """A request as root that is refused ends the search: the next provider needs another guard."""
    for fact in plugins.load().facts.values():
        as_root: list[object] = []
        for provider in fact.providers:
            asks = [request_of(ask, target_of(fact.kind)) for ask in provider.every_ask]
            if any(getattr(ask, "privilege", None) is Privilege.ROOT for ask in asks):
                as_root.append(provider.when)
            else:
                assert provider.when not in as_root, fact.id


def test_what_a_record_names_as_looked_at_is_short(subtests: pytest.Subtests) -> None:
    of_facts = {
        ask
        for fact in plugins.load().facts.values()
        for provider in fact.providers
        for ask in provider.every_ask
        if isinstance(ask, Request)
    }
    of_targets = (
        PortScan(address="10.1.2.3", ports="1-1024,3306", again="22,80", max_rate=300),
        TlsHellos(address="10.1.2.3", port=443, server_name="www.bank.example"),
        HttpOpen(urls=tuple(f"https://www.bank.example/{n}" for n in range(9))),
    )
    for request in (*of_facts, *of_targets):
        with subtests.test(request.describe()[:200]):
            place = request.place()
            assert len(place) <= 60 or place.startswith("/")
            assert not re.search(r"[;|`'\"]|(?<!\bV)\$| --?[a-z-]+[ =]\S+ --?[a-z]", place), place
