"""The examples of the pages about inventories and policy are taken as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit_core.api.plugins import load
from audit_core.inventory import load_inventory
from audit_core.policy import build_check, load_profile
from installed import registry

DOCS = Path(__file__).parents[3] / "docs"


def blocks(name: str) -> list[str]:
    """The YAML blocks of a page."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


def test_the_inventories_are_inventories(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    (quick,) = blocks("en/quickstart.md")
    path.write_text(quick, encoding="utf-8")
    ids = [t.id for t in load_inventory(path, registry()).targets]
    assert ids == ["web1", "web1/tls:443", "app1", "db1", "db1/backup:db"]
    hosts, databases, web, prometheus, data, rules, logs, services = blocks("en/inventory.md")
    kinds = {
        databases: ["postgresql", "host", "postgresql", "host", "mysql"],
        web: ["web"],
        prometheus: ["prometheus"],
        data: ["postgresql", "database_data", "database_data"],
        data.replace("        log_tables", f"{rules}        log_tables"): [
            "postgresql", "database_data", "database_data",
        ],
        logs: ["host", "log_data"],
        services: ["system", "zone", "data_set", "service", "service", "host", "endpoint"],
    }  # fmt: skip
    for text, expected in kinds.items():
        path.write_text(text, encoding="utf-8")
        assert [t.kind for t in load_inventory(path, registry()).targets] == expected
    path.write_text(hosts, encoding="utf-8")
    inventory = load_inventory(path, registry())
    assert [t.id for t in inventory.targets] == [
        "web1", "web1/tls:443", "web1/backup:db", "db1", "this-machine", "dc1",
    ]  # fmt: skip
    assert inventory.targets[3].object_type == "server"


@pytest.mark.parametrize(("index", "count"), [(0, 211), (1, 211 + 46), (2, 61), (4, 211)])
def test_a_profile_is_one(tmp_path: Path, index: int, count: int) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(blocks("en/policy.md")[index], encoding="utf-8")
    registry = load()
    found = load_profile(str(path), registry.checks, registry.policy_dirs)
    assert len(found.clauses) == count
    for declared in found.declared_checks:
        assert build_check(declared, registry.facts).kind == "host"
