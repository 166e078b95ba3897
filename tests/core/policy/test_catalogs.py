"""The catalogs of dengbao, and the errors of invalid catalogs."""

from __future__ import annotations

import collections
from pathlib import Path

import pytest

import audit_profiles
from audit_core.model import Role
from audit_core.model.errors import InputError
from audit_core.model.results import Clause
from audit_core.policy import Fit, Policy, load_policy
from audit_core.policy.catalogs import load_catalog

POLICY = Path(audit_profiles.__file__).parent

# Counts per layer of GB/T 22239-2019, general requirements: levels 2, 3, 4.
LAYERS = {
    "physical": (15, 22, 24), "communication": (4, 8, 11), "boundary": (11, 20, 21),
    "computing": (23, 34, 36), "management_centre": (4, 12, 13), "policies": (6, 7, 7),
    "organisation": (9, 14, 15), "personnel": (7, 12, 14), "construction": (25, 34, 35),
    "operation": (31, 48, 52),
}  # fmt: skip

# The numbered clauses of the smart finance draft (ids only).
SMART_FINANCE = [
    "4.1", "4.2", "4.3", "4.4", "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6.1a", "6.1b", "6.1c",
    "6.1d", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "6.3.1", "6.3.2", "6.3.3", "6.3.4", "6.4.1",
    "6.4.2", "6.4.3", "7.1.1", "7.1.2", "7.1.3", "7.1.4", "7.1.5", "7.1.6", "7.2.1", "7.2.2",
    "7.2.3", "7.2.4", "7.2.5", "7.2.6", "8.1.1.1", "8.1.1.2", "8.1.2", "8.2", "8.3.1", "8.3.2",
    "8.3.3", "8.3.4", "8.3.4a", "8.3.4b",
]  # fmt: skip


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy([POLICY])


@pytest.fixture(scope="module")
def gbt(policy: Policy) -> tuple[Clause, ...]:
    return policy.catalog("gbt22239-2019").clauses


@pytest.fixture(scope="module")
def smart(policy: Policy) -> tuple[Clause, ...]:
    return policy.catalog("smart-finance").clauses


def test_both_catalogs_are_there(policy: Policy) -> None:
    assert [c.id for c in policy.catalogs()] == [
        "gbt22239-2019",
        "gbt39786-2021",
        "jrt0071.2-2020",
        "smart-finance",
    ]


def test_every_item_of_levels_2_3_4_is_there(gbt: tuple[Clause, ...]) -> None:
    assert len(gbt) == 858
    counts = collections.Counter((c.level, c.scope) for c in gbt)
    assert [counts[(level, "general")] for level in (2, 3, 4)] == [135, 211, 228]
    assert {scope for _, scope in counts} == {"general", "cloud", "mobile", "iot", "ics"}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_is_complete(gbt: tuple[Clause, ...], layer: str) -> None:
    found = collections.Counter(c.level for c in gbt if (c.layer_id, c.scope) == (layer, "general"))
    assert (found[2], found[3], found[4]) == LAYERS[layer]


def test_ids_and_units_follow_the_level(gbt: tuple[Clause, ...]) -> None:
    for clause in gbt:
        assert clause.level is not None
        assert clause.id.startswith(f"{clause.level + 5}.")
        assert clause.unit is not None
        assert clause.unit.startswith(f"L{clause.level}-")


def test_no_unit_is_invented_where_the_source_has_none(gbt: tuple[Clause, ...]) -> None:
    units = {clause.unit for clause in gbt}
    assert len(units) == 858
    assert "L3-CES1-16" not in units
    assert {"L3-CES1-15", "L3-CES1-17", "L3-CES1-35"} <= units


def test_an_item_without_a_letter_is_the_clause_itself(gbt: tuple[Clause, ...]) -> None:
    by_id = {clause.id: clause for clause in gbt}
    clause = by_id["8.1.4.5"]
    assert clause == Clause(
        catalog="gbt22239-2019", id="8.1.4.5", unit="L3-CES1-23", level=3, scope="general",
        layer="安全计算环境", layer_id="computing", layer_en="Computing environment",
        control_point="恶意代码防范", control_point_en="Malicious code prevention",
        gist="防恶意代码或主动免疫，识别并阻断",
        gist_en="Malicious code is recognised and blocked, by anti-malware or active immunity",
        attribute="G", methods=("examine",),
        objects="终端/服务器设备中的操作系统/移动终端/移动终端管理系统/移动终端管理客户端/控制设备",
        applies_to=("server", "terminal"), high_risk_rule="6.4.4.1", confidence="read",
        concerns=by_id["8.1.4.1a"].concerns, steps=clause.steps, rule=clause.rule,
            harm=clause.harm, harm_en=clause.harm_en,
    )  # fmt: skip


def test_which_objects_a_layer_has(gbt: tuple[Clause, ...]) -> None:
    objects: dict[str, set[str]] = collections.defaultdict(set)
    for clause in gbt:
        objects[clause.layer_id].update(clause.applies_to)
    assert objects["physical"] == {"site"}
    assert objects["communication"] == objects["boundary"] == {"network"}
    assert objects["management_centre"] == {"network"}
    for layer in ("policies", "organisation", "personnel", "construction", "operation"):
        assert objects[layer] == {"organisation"}
    assert not objects["computing"] & {"site", "network", "organisation"}
    assert all(clause.applies_to for clause in gbt)


def test_what_is_derived_says_so(gbt: tuple[Clause, ...]) -> None:
    for clause in gbt:
        if clause.layer_id == "computing" and (clause.level != 3 or clause.scope != "general"):
            assert "derived, unverified" in clause.note
        if clause.confidence != "read":
            assert "by numbering rule" in clause.note
    assert sum(clause.confidence != "read" for clause in gbt) == 14


def test_the_catalogs_do_not_quote_the_standards(gbt: tuple[Clause, ...]) -> None:
    for clause in gbt:
        assert "\n" not in clause.objects
        assert "应核查" not in clause.objects
        assert "测评实施" not in clause.objects
        assert len(clause.gist) <= 40


def test_twins_are_of_level_3_and_alike(policy: Policy) -> None:
    catalog = policy.catalog("gbt22239-2019")
    by_id = {clause.id: clause for clause in catalog.clauses}
    for id, twin in catalog.twins.items():
        mine, theirs = by_id[id], by_id[twin.clause]
        assert mine.level in (2, 4)
        assert theirs.level == 3
        assert (mine.scope, mine.layer_id) == (theirs.scope, theirs.layer_id)
        if mine.gist == theirs.gist:
            assert twin.fit is Fit.SAME
    assert len(catalog.twins) == 511


@pytest.mark.parametrize(
    ("clause", "twin", "fit"),
    [
        ("7.1.4.1a", "8.1.4.1a", Fit.SAME),
        ("7.1.4.5", "8.1.4.5", Fit.WEAKER),
        ("7.1.4.7", "8.1.4.7a", Fit.WEAKER),
        ("7.1.4.8b", "8.1.4.9b", Fit.WEAKER),
        ("9.1.4.3b", "8.1.4.3b", Fit.STRONGER),
        ("9.1.4.7a", "8.1.4.7a", Fit.STRONGER),
        ("9.1.4.1d", "8.1.4.1d", Fit.SAME),
    ],
)
def test_a_demand_that_differs_is_marked(policy: Policy, clause: str, twin: str, fit: Fit) -> None:
    found = policy.catalog("gbt22239-2019").twins[clause]
    assert (found.clause, found.fit) == (twin, fit)


@pytest.mark.parametrize("clause", ["9.1.4.7c", "9.1.4.9d", "7.1.3.3", "9.1.2.2d", "8.1.4.1a"])
def test_a_demand_of_its_own_has_no_twin(policy: Policy, clause: str) -> None:
    assert clause not in policy.catalog("gbt22239-2019").twins


def test_every_numbered_clause_of_smart_finance_is_there(smart: tuple[Clause, ...]) -> None:
    assert [clause.id for clause in smart] == SMART_FINANCE
    assert len(smart) == 47
    for clause in smart:
        assert clause.confidence == "draft for comment, numbering may change"
        assert clause.attribute in ("auto", "both", "attest")
        # the thirteen object types of 等保 are none of its own
        assert not {"server", "database", "application"} & set(clause.applies_to)
        assert (clause.level, clause.unit) == (None, None)


def test_each_clause_of_smart_finance_concerns_what_it_speaks_of(
    smart: tuple[Clause, ...],
) -> None:
    data = ("business_data", "personal_information")
    others = {
        "6.1a": data, "6.1b": data, "6.1c": data, "6.1d": data, "6.2.4": data,
        "6.2.1": (*data, "business_system"), "6.2.2": ("business_system",),
        "6.2.3": ("business_system",), "7.2.1": ("terminals",), "7.2.2": ("security_zone",),
        "7.2.3": ("network",), "7.2.5": ("hosts",),
    }  # fmt: skip
    for clause in smart:
        if clause.id.startswith("5."):
            assert len(clause.applies_to) == 4
        else:
            assert clause.applies_to == others.get(clause.id, ("organisation",))
        if clause.attribute == "attest":
            assert "test" not in clause.methods


def test_the_crosswalk_leads_to_clauses_of_level_3(policy: Policy) -> None:
    by_id = {clause.id: clause for clause in policy.catalog("gbt22239-2019").clauses}
    crosswalk = policy.catalog("smart-finance").crosswalk
    related = [c.clause for c in crosswalk["7.2.2"]]
    assert related == ["8.1.2.1c", "8.1.2.1d", "8.1.3.1a", "8.1.3.2a"]
    for crossings in crosswalk.values():
        assert all(by_id[c.clause].level == 3 for c in crossings)


def test_principles_and_services_are_supported_only(policy: Policy) -> None:
    for binding in policy.profile("smart-finance", {}).bindings:
        if binding.clause[0] in "45":
            # a pass affirms none of them: people answer for the service as a whole
            assert binding.role is not Role.SETTLES


@pytest.mark.parametrize(
    "id", ["gbt22239-2019", "gbt39786-2021", "jrt0071.2-2020", "smart-finance"]
)
def test_every_text_has_its_english(policy: Policy, id: str) -> None:
    for clause in policy.catalog(id).clauses:
        for text in (clause.layer_en, clause.control_point_en, clause.gist_en):
            assert text
            assert text.isascii()


ABOUT = """\
id: mine
title: {zh: 我的, en: Mine}
edition: "1"
source: me
confidence: read
licence: none
scopes: [{id: general, zh: 通用, en: General}, {id: cloud, zh: 云, en: Cloud}]
object_types:
  - {id: server, zh: 服务器, en: Server}
  - {id: database, zh: 数据库, en: Database}
  - {id: organisation, zh: 机构, en: Organisation}
"""


def write(folder: Path, clauses: str, about: str = ABOUT) -> Path:
    catalog = folder / "catalogs" / "mine"
    catalog.mkdir(parents=True)
    (catalog / "catalog.yaml").write_text(about)
    (catalog / "clauses.csv").write_text(clauses, errors="surrogateescape")
    return catalog


def test_a_catalog_of_ones_own_is_read(tmp_path: Path) -> None:
    write(tmp_path, "id,gist,applies_to,methods\n1.1,x,server database,examine\n")
    (clause,) = load_policy([tmp_path, POLICY]).catalog("mine").clauses
    assert clause.applies_to == ("server", "database")
    assert clause.confidence == "unverified"


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        ("gist\nx\n", "clauses.csv:1: expected a column 'id', got none"),
        ("id,gist,leyer\n1,x,y\n", "clauses.csv:2: expected known columns, got 'leyer'; did you "
         "mean 'layer_id'?"),
        ("id,gist\n1,x\n2\n", "clauses.csv:3: expected 2 columns, got 1"),
        ("id,gist\n1,x\n1,y\n", "clauses.csv:3: expected each clause once, got '1' again"),
        ("id,gist\n ,x\n", "clauses.csv:2: id: expected the id of a clause, got ' '"),
        ("id,gist\n1,\x1b[2J\n", "clauses.csv:2: gist: expected printable text on one line"),
        ('id,gist\n1,"a\nb"\n', "clauses.csv:3: gist: expected printable text on one line"),
        ("id,id,gist\n1,1,x\n", "clauses.csv:1: expected each column once, got 'id' again"),
        ("id,gist,twin\n1.1,x,1.2\n1.3,y,\n", "clauses.csv:2: twin: expected a clause of this "
         "catalog, got '1.2'; did you mean '1.3'?"),
        ("id,gist,twin\n1,x,1\n", "clauses.csv:2: twin: expected a clause of this catalog"),
        ("id,gist,scope\n1,x,cloud general\n", "clauses.csv:2: scope: expected one word"),
        ("id,gist,level\n1,x,three\n", "clauses.csv:2: level: expected 1 to 5 or nothing, "
         "got 'three'"),
        ("id,gist,methods\n1,x,exam\n", "clauses.csv:2: methods: expected one of interview, "
         "examine, test, got 'exam'; did you mean 'examine'?"),
        ("id,gist,applies_to\n1,x,servers\n", "clauses.csv:2: applies_to: expected one of"),
        ("id,gist,scope\n1,x,clod\n", "clauses.csv:2: scope: expected one of general"),
        ("id,gist,twin,twin_fit\n1,x,2,sam\n", "clauses.csv:2: twin_fit: expected one of same"),
        ('id,gist\n1,"x\n', "clauses.csv:2: expected a CSV table: “unexpected end of data”"),
        ("id,gist\n1,\udcff\n", "clauses.csv:2: expected a CSV table in UTF-8"),
    ],
)  # fmt: skip
def test_a_broken_table_is_refused_with_its_line(
    tmp_path: Path, clauses: str, message: str
) -> None:
    folder = write(tmp_path, clauses)
    with pytest.raises(InputError) as caught:
        load_catalog(folder)
    assert str(caught.value).startswith(f"{folder}/{message}")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2,mine,1\n", "2: clause: expected a clause of this catalog, got '2'"),
        ("1,mine,1\n1,mine,1\n", "3: expected each pair of clauses once"),
        ("1,mien,1\n", "2: expected the id of a catalog, got 'mien'; did you mean 'mine'?"),
        ("1,mine,12\n", "2: expected a clause of the other catalog, got '12'; did you mean "
         "'1'?"),
    ],
)  # fmt: skip
def test_a_broken_crosswalk_is_refused_with_its_line(
    tmp_path: Path, rows: str, message: str
) -> None:
    folder = write(tmp_path, "id,gist,applies_to\n1,x,server\n")
    (folder / "crosswalk.csv").write_text("clause,catalog,other\n" + rows)
    (tmp_path / "p.yaml").write_text("id: p\ntitle: {zh: a, en: b}\ncatalogs: [{catalog: mine}]\n")
    with pytest.raises(InputError) as caught:
        load_policy([tmp_path]).profile(str(tmp_path / "p.yaml"), {})
    assert str(caught.value).startswith(f"{folder}/crosswalk.csv:{message}")


def test_a_catalog_has_the_name_of_its_folder(tmp_path: Path) -> None:
    folder = write(tmp_path, "id,gist\n1,x\n", ABOUT.replace("id: mine", "id: yours"))
    with pytest.raises(
        InputError, match=r"catalog\.yaml:1: id: expected the name of the directory, 'mine'"
    ):
        load_catalog(folder)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, "")
    (folder / "clauses.csv").write_bytes(b"id,gist\n1,\xff\n")
    with pytest.raises(InputError, match="expected a CSV table in UTF-8"):
        load_catalog(folder)


def test_every_change_of_a_catalog_changes_its_digest(tmp_path: Path) -> None:
    folder = write(tmp_path, "id,gist,applies_to\n1,x,server\n")
    first = load_catalog(folder).sha256
    (folder / "en.csv").write_text("text,en\nx,ex\n")
    second = load_catalog(folder).sha256
    (folder / "en.csv").write_text("text,en\nx,ey\n")
    assert len({first, second, load_catalog(folder).sha256}) == 3
