"""Three people finish a pack of three real SSH hosts: one audits, one fills in, one takes it over.

The profile is a small one of its own with real checks, so that everything can be answered.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from audit_excel.fill_in import row_mark
from core.command import one_line
from core.toy import install
from live.island import Island, host, inventory, need_namespaces
from live.product import Done, dengbao, environment

pytestmark = pytest.mark.live

TO_FILL, ISSUES, LAST_TIME = "To be provided", "Issues", "Issues of last time"
WEAK, STRONG = b"PASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\n", b"PASS_MAX_DAYS 90\nPASS_MIN_DAYS 1\n"
STATED = "What was found, or why it does not apply"
FILES = {
    "catalogs/walk/catalog.yaml": """\
id: walk
title: {zh: 演练, en: Walk}
edition: "1"
source: made up for this test
confidence: read
licence: none
object_types: [{id: server, zh: 服务器, en: Server}]
layers: [{id: computing, zh: 计算, en: Computing, objects: [server], concerns_all: true}]
""",
    "catalogs/walk/clauses.csv": """\
id,level,scope,gist,layer_id,control_point,methods,applies_to,objects
1.1,1,general,口令定期更换,computing,身份鉴别,examine,server,服务器
1.2,1,general,账户有责任人,computing,身份鉴别,interview,server,服务器
""",
    "catalogs/walk/steps.csv": """\
level,unit,clause,step,method,question_zh,question_en,bring_zh,bring_en,answer,settles,scope,\
affirmed_if_zh,affirmed_if_en,probe_hint,source,note
L1,1.1,1.1,1,examine,多久更换？,How old?,配置,Settings,value,machine,target,按期,in time,,found,
L1,1.1,1.1,2,interview,谁检查？,Who checks?,记录,Log,yes_no,person,group,有人,someone,,found,
L1,1.2,1.2,1,interview,归谁？,Whose?,清单,List,yes_no,person,target,都有,each has,,found,
""",
    "catalogs/walk/gradings.yaml": """\
gradings:
  - id: "w"
    zh: 演练
    en: Walk
    source_zh: 本测试
    source_en: this test
    kind: rate
    score_zh: 符合率
    score_en: conformity rate
    aggregation: worst
    coverage: 1
    grades:
      - {id: conforming, zh: 符合, en: conforming, above: 90, inclusive: false}
      - {id: nonconforming, zh: 不符合, en: nonconforming}
    confidence: read
""",
    "mappings/walk.yaml": """\
- clause: "1.1"
  checks:
    - {check: linux.password-age-default, step: 1, role: settles}
""",
    "profiles/walk.yaml": """\
id: walk
title: {zh: 演练, en: Walk}
catalogs: [{catalog: walk, level: 1, scopes: [general]}]
""",
}
OFFERS = """
@hookimpl
def dengbao_policy():
    return [HERE]
"""


class Walk:
    """A store, and the three hosts that are audited into it."""

    def __init__(self, base: Path, hosts: dict[str, Island]) -> None:
        self.base, self.hosts, self.store = base, hosts, base / "store"
        install(base / "site", "walk", OFFERS, files=FILES)
        self.env = environment(base, (base / "site",))
        entries = (host(id, server) for id, server in hosts.items())
        self.inventory = inventory(base / "i.yaml", *entries, head="scope: [127.0.0.0/8]\n")
        self.workbook = base / "workbook.xlsx"

    def __call__(self, *words: object) -> Done:
        return dengbao(*words, "--store", self.store, env=self.env)

    def audit(self, *words: object) -> Done:
        return self("run", "walk", "-i", self.inventory, "--quiet", *words)

    def fix(self, id: str, login_defs: bytes = STRONG) -> None:
        """The host has other settings from now on."""
        (self.hosts[id].folder / "etc" / "login.defs").write_bytes(login_defs)

    def export(self, *words: object) -> Any:
        """The workbook of the newest run, lying where it can be filled in."""
        pack = self.base / "pack.zip"
        self("pack", "latest", "-o", pack, "--lang", "en", *words).ended(0)
        with zipfile.ZipFile(pack) as archive:
            self.workbook.write_bytes(archive.read("workbook.xlsx"))
            self.index: Any = json.loads(archive.read("results/index.json"))
        return load_workbook(self.workbook)

    def taken_over(self, *words: object) -> str:
        done = self("import", self.workbook, "--by", "赵六", *words).ended(0)
        return done.stdout

    def stored(self) -> dict[str, bytes]:
        """Every file of the store."""
        files = (path for path in self.store.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}

    def concluded(self) -> dict[tuple[str, str], tuple[str, list[str]]]:
        reported = self("results", "latest", "--format", "json").ended(0).json["conclusions"]
        return {(c["clause"], c["target"]): (c["conclusion"], c["range"]) for c in reported}

    @property
    def word(self) -> tuple[str, bool]:
        (system,) = self.index["system"]
        return system["word"], system["pending"]


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, Island]]:
    need_namespaces()
    with contextlib.ExitStack() as stack:
        yield {
            id: stack.enter_context(Island(files={"/etc/login.defs": STRONG}))
            for id in ("web1", "web2", "db1")
        }


@pytest.fixture
def walk(hosts: dict[str, Island], tmp_path: Path) -> Walk:
    """A store of its own; web1 is as it was before anybody fixed it."""
    made = Walk(tmp_path, hosts)
    made.fix("web1", WEAK)
    return made


Row = Callable[[dict[Any, Any]], bool]


def fill(book: Any, sheet: str, which: Row, **values: str) -> None:
    """`values` by title, `_` for a blank, in the one row of `sheet` that `which` holds for."""
    heads = {c.value: c.column for c in book[sheet][3]}
    found = [
        row
        for row in book[sheet].iter_rows(min_row=4)
        if which({title: row[n - 1].value for title, n in heads.items()})
    ]
    assert len(found) == 1, (sheet, len(found))
    for name, value in values.items():
        cell = found[0][heads[STATED if name == "stated" else name.replace("_", " ")] - 1]
        cell.value, cell.data_type = value, "s"


def asks(question: str) -> Row:
    return lambda row: question in row["Question no."]


def about(clause: str) -> Row:
    return lambda row: clause in row["Item"]


def rows(book: Any, sheet: str) -> list[dict[Any, Any]]:
    heads = [c.value for c in book[sheet][3]]
    return [
        dict(zip(heads, row, strict=True)) for row in book[sheet].iter_rows(4, values_only=True)
    ]


def saved_by_libreoffice(path: Path) -> None:
    """`path` as LibreOffice writes it, where it is installed."""
    soffice = shutil.which("soffice")
    if soffice is None:
        return
    folder = path.parent / "office"
    command = [
        soffice, f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to",
        "xlsx", "--outdir", str(folder), str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    shutil.copy(folder / path.name, path)


def test_three_people_finish_a_pack_with_the_workbook(walk: Walk) -> None:
    walk.audit().ended(0)
    book = walk.export()
    before = walk.concluded()
    assert before["1.1", "web1"] == ("nonconforming", ["nonconforming", "partly_conforming"])
    assert before["1.1", "db1"][0] == "not_assessed"
    assert walk.word[0] == ""  # not everything is settled
    (walk.base / "photo.png").write_bytes(b"\x89PNG")
    # The second person: the question to all servers, one host in the list, one in its record.
    fill(book, TO_FILL, asks("1.1/2"), Step_2="fulfilled",
         stated="=李四 looks", Answered_by="李四",
         **{"Evidence (file or document)": "photo.png; plan B"})  # fmt: skip
    for id in ("web1", "web2"):
        fill(book, TO_FILL, asks(f"1.2/1@{id}"), Step_1="fulfilled",
             stated="each has an owner")  # fmt: skip
    fill(book, "db1", about("1.2"), Conformity="Conforming", stated="the DBA's",
         Answered_by="王五")  # fmt: skip
    fill(book, ISSUES, lambda r: True, Responsible="王五", Result_of_retest="fixed")
    book.save(walk.workbook)
    saved_by_libreoffice(walk.workbook)
    # The third one takes it over.
    dry = walk.taken_over()
    assert "Nothing was stored" in dry
    assert not list(walk.store.rglob("in-use.json"))
    assert "Stored." in walk.taken_over("--run", "latest", "--yes")
    stored = walk.stored()
    assert "Nothing differs" in walk.taken_over("--yes")
    assert walk.stored() == stored
    after = walk.concluded()
    assert {key: word for key, (word, _) in after.items() if word != "conforming"} == {
        ("1.1", "web1"): "partly_conforming"
    }
    assert all(set(after[key][1]) <= set(before[key][1]) for key in before)  # ranges narrow
    book = walk.export()
    assert walk.word == ("nonconforming", False)  # 50 % conform
    (issue,) = rows(book, ISSUES)
    assert (issue["Responsible"], issue["Result of retest"]) == ("王五", "fixed")
    assert walk.index["system"][0]["problems"] == {"first": 1, "fixed": 1}  # 1（1个已整改）
    assert "Nothing differs" in walk.taken_over()

    # The host is fixed and audited again, with what was answered: the issue closes.
    walk.fix("web1")
    walk.audit("--answers-of", "latest").ended(0)
    assert "is of the run" in one_line(
        walk("import", walk.workbook, "--by", "赵六", "--run", "latest"), 65
    )
    book = walk.export()
    assert {word for word, _ in walk.concluded().values()} == {"conforming"}
    assert walk.word == ("conforming", False)
    assert rows(book, ISSUES) == []
    (last,) = rows(book, LAST_TIME)
    assert (last["Result of this run"], last["Object"]) == ("fixed", "fixed: web1")
    assert last["Responsible"] == "王五"
    walk("verify", walk.base / "pack.zip").ended(0)


def test_the_same_by_yaml_alone(walk: Walk) -> None:
    walk.audit().ended(0)
    (issue,) = rows(walk.export(), ISSUES)
    assert issue["Result of retest"] is None
    retests = walk.base / "retests.yaml"
    day = walk.index["run"]["started"][:10]
    retests.write_text(
        "retests:\n  - {clause: '1.1', target: web1, result: fixed, by: 李四, text: 90 days now, "
        f"date: {day}, entered: {day}}}\n"
    )
    walk("evaluate", "latest", "--answers", retests).ended(0)
    (issue,) = rows(walk.export(), ISSUES)
    assert issue["Result of retest"] == "fixed"
    assert issue["Note on the retest"] == f"web1: 90 days now (李四, {day})"
    assert walk.index["system"][0]["problems"] == {"first": 1, "fixed": 1}
    assert "Nothing differs" in walk.taken_over()
    walk.fix("web1")
    walk.audit().ended(0)
    asked = walk("questions", "walk", "latest", "--format", "json").ended(0).json["questions"]
    assert len(asked) == 4  # one for all servers, one for each
    answers = walk.base / "answers.yaml"
    given = [
        {"question": q["id"], "verdict": "affirmed", "text": "seen", "by": "李四",
         "date": "2026-11-20", "entered": "2026-11-21"}
        for q in asked
    ]  # fmt: skip
    answers.write_text(json.dumps({"answers": given}), encoding="utf-8")
    walk("evaluate", "latest", "--answers", answers).ended(0)
    book = walk.export()
    assert {word for word, _ in walk.concluded().values()} == {"conforming"}
    assert walk.word == ("conforming", False)
    assert rows(book, ISSUES) == []


def test_what_contradicts_a_check_or_is_unknown_is_told(walk: Walk) -> None:
    walk.audit().ended(0)
    walk.export()
    fresh = walk.workbook.read_bytes()

    def changed(sheet: str, which: Row, key: str = "", **values: str) -> None:
        book = load_workbook(io.BytesIO(fresh))
        if key:
            book[sheet].cell(4, book[sheet].max_column).value = row_mark(key, [""] * 5)
        fill(book, sheet, which, **values)
        book.save(walk.workbook)

    def refused() -> str:
        return one_line(walk("import", walk.workbook, "--by", "赵六"), 65)

    def first(row: dict[Any, Any]) -> bool:
        return bool(row["No."] == 1)

    changed(TO_FILL, first, "walk/1.1/1@web1", Step_1="fulfilled", stated="it is")
    assert "CONTRADICTION" in walk.taken_over()
    changed(TO_FILL, first, "walk/1.1/1@web1", Step_1="fulfilled")
    assert "what was found, the reason or the value is missing" in refused()
    changed(TO_FILL, first, "walk/9/1", Step_1="fulfilled", stated="it is")
    assert "the run has no question walk/9/1" in refused()
    changed("web1", about("1.1"), Conformity="Conforming", stated="seen")
    assert "no answer to it leads to this word" in refused()
    changed("web1", about("1.2"), stated="seen")
    assert "pick the word that the record leads to" in refused()
    changed("db1", about("1.2"), Result_record="mine")
    assert "db1!5: the record was changed" in refused()


def test_an_organisation_gets_its_own_template_filled(walk: Walk) -> None:
    walk.audit().ended(0)
    book: Any = Workbook()
    book.active.title = "Records"
    book.active.append(["Clause", "Object", "Word"])
    book.save(walk.base / "template.xlsx")
    (walk.base / "map.yaml").write_text(
        "output: own.xlsx\ntables:\n- {sheet: Records, header: 1,"
        " columns: {Clause: clause, Object: object, Word: conformity}}\n"
    )
    template = ("--template", walk.base / "template.xlsx", "--map", walk.base / "map.yaml")
    walk.export(*template)
    with zipfile.ZipFile(walk.base / "pack.zip") as archive, archive.open("own.xlsx") as own:
        reported = [[c.value for c in row] for row in load_workbook(own)["Records"]]
    assert ["1.1", "web1", "Nonconforming (pending)"] in reported[1:]
    shutil.rmtree(walk.store)
    assert "this store does not hold" in one_line(walk("import", walk.workbook, "--by", "赵六"), 65)
