"""The catalogs' rows are those of their sources. The tables are read here by a reader of its own.

The digests were computed from the source tables, not from ours, when the two were compared row by
row on 2026-11-23. A row that changes turns its digest red: compare it with the source again.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

import audit_profiles
from audit_core.evaluate.assess import assess
from audit_core.model import Result, Target
from audit_core.policy import load_policy
from audit_service.kinds import Service

CATALOGS = Path(audit_profiles.__file__).parent / "catalogs"

# Of (id, unit, layer, control point, gist, attribute, high-risk rule, how sure the unit is).
ITEMS = {
    ("2", "general"): (135, "59bdccf8fb5462c2"), ("3", "general"): (211, "1eed2f941071e7bf"),
    ("4", "general"): (228, "29f656ecfab58cc0"), ("2", "cloud"): (29, "705354bfb295818d"),
    ("3", "cloud"): (46, "be298012db6e6674"), ("4", "cloud"): (49, "0ffca9c0ebaf36df"),
    ("2", "mobile"): (14, "2c42877acfe674db"), ("3", "mobile"): (19, "8515672b90ed4b9d"),
    ("4", "mobile"): (21, "9a43520777d41bcd"), ("2", "iot"): (7, "1af36089e59dc295"),
    ("3", "iot"): (20, "51d5372aca32467e"), ("4", "iot"): (21, "7b02db32108e29fb"),
    ("2", "ics"): (15, "21cd63d4bdda2c27"), ("3", "ics"): (21, "b23038b5acd03fb2"),
    ("4", "ics"): (22, "a9ab4dad91ad8951"),
}  # fmt: skip
# Of (id, unit, methods); the rows that no source of methods has are marked and left out.
UNITS = {
    "2": (198, "dcc85cbebcce8537"), "3": (315, "68fd21f933fed99e"), "4": (338, "de47ed58723eaf1f"),
}  # fmt: skip
WITHOUT_UNIT_ROW = {
    "7.1.6.1", "7.1.7.5", "8.1.8.3a", "8.1.10.6b", "9.1.1.1b", "9.1.7.5a", "9.2.4.4c",
}  # fmt: skip
SMART_FINANCE = (47, "c29fadf35a0e4180")  # (id, gist, how it can be assessed)
# (clause, clause of GB/T 22239). Of the 178 pairs of the source those are left out whose checks say
# nothing of the clause: settings of a host, say, of an interface or of a metadata system.
CROSSWALK = (134, "4420eae5140aaf0c")
FINANCE_ITEMS = (41, "173cd54314cc7069")  # JR/T 0071.2: (id, gist, how it can be assessed)
CRYPTOGRAPHY = (
    41,
    "0c489d855265b0c2",
)  # GB/T 39786: (number in GB/T 43206, unit, how it can be assessed)

# Which lettered items the numbered clauses of the smart finance draft have. Those of chapter 5 are
# examples of a service ("including but not limited to") and ask for nothing by themselves: a row
# stands for the clause and its gist names them all, by these words.
LETTERED = {"6.1": "abcd", "8.3.4": "ab"}
EXAMPLES = {
    "5.1": ("移动", "跨境", "刷脸"), "5.2": ("组合", "投顾", "规划"),
    "5.3": ("申请审批", "评估", "存续"), "5.4": ("定制", "理赔", "监测"),
    "5.5": ("平台", "行为分析", "渠道融合"), "5.6": ("自助设备", "运营", "营销"),
}  # fmt: skip
# Clauses of the draft that only head others.
HEADS = {"6.1", "6.2", "6.3", "6.4", "7.1", "7.2", "8.1", "8.1.1", "8.3"}

DEVICES = {"network_device", "security_device", "application", "management_platform", "server",
           "database", "terminal"}  # fmt: skip
DATA = {"authentication_data", "business_data", "audit_data", "configuration_data", "video_data",
        "personal_information"}  # fmt: skip
PLAIN = {"network_device", "security_device", "server", "terminal"}
# Which object types have an item of 8.1.4 at all: the first prefix that fits.
CONCERNS = (
    (("8.1.4.4d",), {"application", "management_platform"}),
    (("8.1.4.4e",), DEVICES),
    (("8.1.4.4",), PLAIN),
    (("8.1.4.5",), {"server", "terminal"}),
    (("8.1.4.10",), (DEVICES | DATA) - {"network_device", "security_device"}),
    (("8.1.4.11",), {"application", "database"} | DATA),
    (("8.1.4.1", "8.1.4.2", "8.1.4.3", "8.1.4.6"), DEVICES),
    (("8.1.4.7", "8.1.4.8", "8.1.4.9"), DEVICES | DATA),
)


def table(catalog: str, name: str) -> list[dict[str, str]]:
    with (CATALOGS / catalog / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def layers(catalog: str) -> dict[str, str]:
    """The Chinese names of the layers by id."""
    about = yaml.safe_load((CATALOGS / catalog / "catalog.yaml").read_text(encoding="utf-8"))
    return {layer["id"]: layer["zh"] for layer in about["layers"]}


def digest(rows: Iterable[tuple[str, ...]]) -> tuple[int, str]:
    lines = sorted(rows)
    raw = "\n".join("|".join(line) for line in lines).encode()
    return len(lines), hashlib.sha256(raw).hexdigest()[:16]


@pytest.fixture(scope="module")
def items() -> list[dict[str, str]]:
    return table("gbt22239-2019", "clauses.csv")


def test_every_item_is_that_of_its_source(items: list[dict[str, str]]) -> None:
    columns = ("id", "unit", "layer", "control_point", "gist", "attribute", "high_risk_rule",
               "confidence")  # fmt: skip
    found: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    names = layers("gbt22239-2019")
    for row in items:
        key = (row["level"], row["scope"])
        cells = {**row, "layer": names[row["layer_id"]]}
        found.setdefault(key, []).append(tuple(cells[c] for c in columns))
    assert {key: digest(rows) for key, rows in found.items()} == ITEMS


def test_every_unit_has_the_methods_of_its_source(items: list[dict[str, str]]) -> None:
    found: dict[str, list[tuple[str, ...]]] = {}
    for row in items:
        if row["id"] in WITHOUT_UNIT_ROW:
            assert "unverified" in row["note"]
            continue
        methods = row["methods"].split()
        ordered = [m for m in ("interview", "examine", "test") if m in methods]
        found.setdefault(row["level"], []).append((row["id"], row["unit"], *ordered))
    assert {level: digest(rows) for level, rows in found.items()} == UNITS


def test_which_objects_an_item_of_level_3_never_concerns(items: list[dict[str, str]]) -> None:
    wanted = {}
    for row in items:
        if row["id"].startswith("8.1.4."):
            fits = (kinds for heads, kinds in CONCERNS if row["id"].startswith(heads))
            wanted[row["id"]] = next(fits)
    assert len(wanted) == 34
    found = {row["id"]: set(row["applies_to"].split()) for row in items if row["id"] in wanted}
    assert found == wanted


@pytest.mark.parametrize(
    ("profile", "clauses"),
    [
        ("gbt22239-l3", {"8.1.4.4d", "8.1.4.11a", "8.1.4.11b"}),
        ("gbt22239-l2", {"7.1.4.4d", "7.1.4.10a", "7.1.4.10b"}),
        ("smart-finance", set()),
    ],
)
def test_what_never_applies_to_a_server(profile: str, clauses: set[str]) -> None:
    policy = load_policy([CATALOGS.parent])
    host = Target(id="h", kind="host", object_type="server")
    concluded = assess(policy.profile(profile, {}).clauses, host, {}, {})
    never = {c.clause for c in concluded if c.conclusion is Result.NOT_APPLICABLE}
    assert never == clauses
    assert all(c.why for c in concluded)


def test_the_smart_finance_draft_is_whole() -> None:
    rows = table("smart-finance", "clauses.csv")
    assert digest((r["id"], r["gist"], r["attribute"]) for r in rows) == SMART_FINANCE
    crossings = table("smart-finance", "crosswalk.csv")
    assert digest((r["clause"], r["other"]) for r in crossings) == CROSSWALK


def test_the_finance_items_and_the_units_of_cryptography_are_whole() -> None:
    rows = table("jrt0071.2-2020", "clauses.csv")
    assert digest((r["id"], r["gist"], r["attribute"]) for r in rows) == FINANCE_ITEMS
    rows = table("gbt39786-2021", "clauses.csv")
    assert digest((r["id"], r["control_point"], r["attribute"]) for r in rows) == CRYPTOGRAPHY


def test_services_of_the_draft_are_objects_one_by_one() -> None:
    policy = load_policy([CATALOGS.parent])
    catalog = policy.catalog("smart-finance")
    clauses = {c.id: c for c in catalog.clauses}
    assert [t for id in EXAMPLES for t in clauses[id].applies_to[1:]] == list(Service)
    whole = {o.object_type: o.unless for o in catalog.system_objects}
    for id, words in EXAMPLES.items():
        group, *services = clauses[id].applies_to
        assert whole[group] == tuple(services)
        names = "".join(t.zh for t in catalog.object_types if t.id in services)
        assert len(services) == 3
        assert sum(word in names or word == "申请审批" for word in words) >= 2


def test_no_probe_supports_a_clause_about_services() -> None:
    policy = load_policy([CATALOGS.parent])
    # secrets that lie open let others at the data of 6.3.2
    # what looks at data, at registers and at services themselves
    fitting = ("data.", "register.", "http.", "api.", "scan.", "service.")
    found = {
        b.clause for b in policy.profile("smart-finance", {}).bindings
        if (b.clause, b.check) != ("6.3.2", "linux.stored-secrets")
        and not b.check.startswith(fitting)
    }  # fmt: skip
    # what a host, an endpoint or a port scan shows says nothing of these
    nothing = {"6.1c", "6.3.2", "6.3.3", "7.2.3", "8.3.4a"}
    assert not found & nothing
    services = [b for b in policy.profile("smart-finance", {}).bindings if b.clause in EXAMPLES]
    assert {b.check.split(".")[0] for b in services} == {"service", "tls", "http"}
    interfaces = [b for b in policy.profile("smart-finance", {}).bindings if b.clause == "6.4.3"]
    assert {b.check.split(".")[0] for b in interfaces} == {"register", "tls", "http", "api"}


def test_lettered_items_of_the_draft_are_rows_or_examples_of_one() -> None:
    rows = {row["id"]: row for row in table("smart-finance", "clauses.csv")}
    lettered = {f"{clause}{letter}" for clause, letters in LETTERED.items() for letter in letters}
    assert {id for id in rows if id[-1].isalpha()} == lettered
    for clause, words in EXAMPLES.items():
        assert all(word in rows[clause]["gist"] for word in words)
        assert "each lettered service is an object of its own" in rows[clause]["note"]
    assert not HEADS & set(rows)
