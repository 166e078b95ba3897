"""A database server that a host shows is proposed unless it is declared, under whichever id."""

from __future__ import annotations

import pytest

from audit_core.api.plugins import load
from audit_core.inventory import read_inventory
from audit_core.inventory.suggest import suggestions
from audit_core.policy.strict_yaml import load_bytes
from audit_linux.network.listeners import Listener

HOST = """targets:
  - id: h
    address: 192.0.2.1
    access: {{user: audit, key: /k, known_hosts: /h}}
{part}{alone}"""
LOGIN = "user: audit, password: 'env:P'"
SEEN = (
    Listener(protocol="tcp", address="127.0.0.1", port=5433, process="postgres"),
    Listener(protocol="tcp", address="0.0.0.0", port=6379),
)


def part(settings: str) -> dict[str, str]:
    return {"part": f"    postgresql: [{{id: bank, access: {{{settings}}}}}]\n"}


def alone(address: str, settings: str, kind: str = "postgresql") -> dict[str, str]:
    more = f"kind: {kind}, address: {address}, access: {{{settings}}}"
    return {"alone": f"  - {{id: bank, {more}}}\n"}


def suggested(text: str, *, with_access: bool = True) -> list[str]:
    registry = load()
    inventory = read_inventory(load_bytes(text.encode(), "i.yaml"), registry)
    found = suggestions(
        inventory.targets, registry,
        lambda fact, target: SEEN if fact.id == "linux.listeners" else None,
        inventory.access if with_access else None,
    )  # fmt: skip
    return [s.id for s in found if s.kind in ("postgresql", "redis")]


JUMP = "jump: {address: 192.0.2.1, user: audit, key: /k, known_hosts: /h}"
BOTH = ["h/postgresql", "h/redis"]


@pytest.mark.parametrize(
    ("declared", "proposed"),
    [
        ({}, BOTH),
        (part(f"{LOGIN}, port: 5433"), ["h/redis"]),
        (part(f"{LOGIN}, port: 5432"), BOTH),
        (alone("192.0.2.1", f"{LOGIN}, port: 5433"), ["h/redis"]),
        (alone("192.0.2.1", f"{LOGIN}, port: 5432"), BOTH),
        (alone("192.0.2.2", f"{LOGIN}, port: 5433"), BOTH),
        (alone("127.0.0.1", f"{LOGIN}, port: 5433, {JUMP}"), ["h/redis"]),
        (alone("127.0.0.1", f"{LOGIN}, port: 5433"), BOTH),
        (alone("192.0.2.1", LOGIN, "redis"), ["h/postgresql"]),
    ],
)
def test_what_is_declared_is_not_proposed(declared: dict[str, str], proposed: list[str]) -> None:
    text = HOST.format(**{"part": "", "alone": "", **declared})
    assert suggested(text) == proposed


def test_of_a_run_alone_any_server_of_the_kind_on_the_host_counts() -> None:
    text = HOST.format(**{"alone": "", **part(LOGIN)})
    assert suggested(text, with_access=False) == ["h/redis"]


def test_a_socket_is_on_this_machine() -> None:
    text = (
        "targets:\n  - id: h\n    access: {via: local}\n  - {id: bank, kind: postgresql, "
        "address: 192.0.2.7, "
        f"access: {{{LOGIN}, port: 5433, socket: /run/postgresql}}}}\n"
    )
    assert suggested(text) == ["h/redis"]
