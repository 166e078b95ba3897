"""A pack of this machine, read as an assessor would: its parts agree and its links open.

Nothing here uses the exporter's own code: workbook, results.json and zip are held side by side.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from audit_core.text.escape import show
from audit_excel.cells import MAX_LINE_UNITS
from live.product import dengbao, environment

RESULTS = ("conforming", "partly_conforming", "nonconforming", "not_applicable", "not_assessed")
WORDS = {
    "zh": ("符合", "部分符合", "不符合", "不适用", "未测"),
    "en": ("Conforming", "Partly conforming", "Nonconforming", "Not applicable", "Not assessed"),
}
VERDICTS = {
    "zh": {"pass": "通过", "fail": "未通过", "not_applicable": "不适用",
           "undetermined": "未能判定"},
    "en": {"pass": "pass", "fail": "fail", "not_applicable": "not applicable",
           "undetermined": "not determined"},
}  # fmt: skip
SHEETS = {
    "zh": ("总览", "测评项矩阵", "问题清单", "待补充材料", "检查明细", "资产清单", "证据索引",
           "确认单"),
    "en": ("Overview", "Clause matrix", "Issues", "To be provided", "Check results", "Assets",
           "Evidence index", "Confirmation"),
}  # fmt: skip
WHOLE_MATRIX = {"zh": "全系统测评项矩阵", "en": "Matrix of the whole system"}
IMPLIED = {
    "zh": {"site": "机房", "network": "整体网络", "organisation": "被测单位"},
    "en": {"site": "Machine room", "network": "Whole network",
           "organisation": "Audited organisation"},
}  # fmt: skip
REACHED = {
    "zh": {"reached": "已连通", "not_reached": "未连通", "nothing_asked": "无需查询"},
    "en": {
        "reached": "reached",
        "not_reached": "not reached",
        "nothing_asked": "nothing to request",
    },
}
INVENTORY = """
system: {name: 手机银行}
defaults: {zone: 生产区, file_sweep: false}
targets:
  - id: here
    owner: 张三
    business_system: 手机银行
    access: {via: local}
    backups:
      - {id: db, path: /no/such/backup, rpo_hours: 24, copies: 3}
  - id: gone
    address: 127.0.0.9
    access: {user: nobody, port: 9, password: env:GONE}
  - {id: db1, kind: database, address: 127.0.0.1}
"""


class Pack:
    """What is in a pack: its members, its results, its workbook; sheets by their English name."""

    def __init__(self, path: Path, lang: str) -> None:
        self.lang = lang
        with zipfile.ZipFile(path) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist()}
        self.results: Any = json.loads(self.files["results/index.json"])
        objects = [
            json.loads(self.files[f"results/objects/{entry['sha256']}.json"])
            for entry in self.results["objects"]
        ]
        self.manifest: Any = json.loads(self.files["manifest.json"])
        self.book: Any = openpyxl.load_workbook(io.BytesIO(self.files["workbook.xlsx"]))
        self.conclusions: list[Any] = [c for o in objects for c in o["conclusions"]]
        self.findings: dict[str, Any] = {f["id"]: f for o in objects for f in o["findings"]}
        self.clauses: dict[Any, Any] = {(c["catalog"], c["id"]): c for c in self.results["clauses"]}
        self.seen: list[Any] = [s for o in objects for s in o["observations"]]

    def sheet(self, english: str) -> Any:
        return self.book[SHEETS[self.lang][SHEETS["en"].index(english)]]

    def rows(self, name: str, first: int = 4) -> list[tuple[Any, ...]]:
        return list(self.book[name].iter_rows(min_row=first, values_only=True))

    def table(self, english: str, first: int = 4) -> list[tuple[Any, ...]]:
        return self.rows(self.sheet(english).title, first)

    def word(self, conclusion: Any) -> str:
        word = WORDS[self.lang][RESULTS.index(conclusion["conclusion"])]
        mark = {"zh": "（待定）", "en": " (pending)"}[self.lang]
        return word + mark if conclusion["pending"] else word

    def called(self, target: str) -> str:
        return IMPLIED[self.lang].get(target, target)

    def layer(self, conclusion: Any) -> str:
        clause = self.clauses[conclusion["catalog"], conclusion["clause"]]
        return str(clause["layer" if self.lang == "zh" else "layer_en"])

    def records(self, target: str) -> list[tuple[Any, ...]]:
        """The rows of its records: in a sheet of its own, or in those of the layers."""
        if target not in IMPLIED["en"]:
            return self.rows(self.called(target))
        layers = dict.fromkeys(self.layer(c) for c in self.of(target))
        rows = [row for layer in layers for row in self.rows(layer)]
        return [row for row in rows if row[3] == self.called(target)]

    def of(self, target: str) -> list[Any]:
        return [c for c in self.conclusions if c["target"] == target]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("agrees")
    env = environment(folder, GONE="nobody-has-this-one")
    (folder / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    dengbao("collect", "gbt22239-l3", "-i", folder / "inventory.yaml", "--quiet", "--store",
            folder / "store", env=env).ended(4)  # fmt: skip
    return folder, env


@pytest.fixture(scope="module", params=["zh", "en"])
def pack(request: pytest.FixtureRequest, collected: tuple[Path, dict[str, str]]) -> Pack:
    folder, env = collected
    path = folder / f"{request.param}.zip"
    dengbao("pack", "latest", "--lang", request.param, "--store", folder / "store", "-o", path,
            env=env).ended(0)  # fmt: skip
    return Pack(path, request.param)


def test_the_pack_has_verdicts_and_conclusions_of_each_kind(pack: Pack) -> None:
    assert {f["verdict"] for f in pack.findings.values()} >= {"pass", "fail", "undetermined"}
    assert len({c["conclusion"] for c in pack.conclusions}) >= 3


def test_the_overview_has_the_numbers_of_the_results(pack: Pack) -> None:
    found = [r[:7] for r in pack.table("Overview", 1) if isinstance(r[1], int)]

    def reported(name: str, group: list[Any]) -> tuple[Any, ...]:
        counts = Counter(c["conclusion"] for c in group)
        return (name, len(group), *(counts[r] for r in RESULTS))

    layers = list(dict.fromkeys(pack.layer(c) for c in pack.conclusions))
    targets = list(dict.fromkeys(c["target"] for c in pack.conclusions))
    wanted = {reported(n, [c for c in pack.conclusions if pack.layer(c) == n]) for n in layers}
    wanted |= {reported(pack.called(t), pack.of(t)) for t in targets}
    total = reported({"zh": "合计", "en": "Total"}[pack.lang], pack.conclusions)
    assert Counter(found) == Counter(wanted) + Counter({total: 2})


def test_the_line_of_the_overview_counts_the_issues_and_what_is_wanted(pack: Pack) -> None:
    severities = Counter(row[4] for row in pack.table("Issues"))
    words = {"zh": ("高", "中", "低"), "en": ("High", "Medium", "Low")}[pack.lang]
    line = next(
        r[0] for r in pack.table("Overview", 1) if re.match("Rows in the issue|问题", str(r[0]))
    )
    reported = [int(n) for n in re.findall(r"\d+", line)]
    brought = pack.table("To be provided")
    questions = sum(len(row[-2].split("\n")) for row in brought)
    assert reported == [
        severities.total(),
        *(severities[w] for w in words),
        questions,
        len(brought),
    ]


def test_matrix_layer_and_object_sheets_conclude_alike(pack: Pack) -> None:
    matrix: Counter[Any] = Counter()
    for sheet in WHOLE_MATRIX[pack.lang], pack.sheet("Clause matrix").title:
        head, *body = pack.rows(sheet, 3)
        matrix.update(
            (pack.called(head[n]), row[2].split("  ")[0], row[n])
            for row in body
            for n in range(3, len(head) - 1)
            if row[n]
        )
    wanted = Counter((pack.called(c["target"]), c["clause"], pack.word(c))
                     for c in pack.conclusions)  # fmt: skip
    assert matrix == wanted
    assert wanted == Counter(
        (pack.called(target), row[2].split("  ")[0], row[-7])
        for target in {c["target"] for c in pack.conclusions}
        for row in pack.records(target)
    )


def test_a_record_has_its_evidence_and_each_check_its_items(pack: Pack) -> None:
    items = {
        f"{r[2].split(chr(10))[-1].split(' v')[0]}@{r[1]}": r[7] or ""
        for r in pack.table("Check results")
    }
    number = {seen["digest"]: f"E{n:05d}" for n, seen in enumerate(pack.seen, 1)}
    for target in {c["target"] for c in pack.conclusions}:
        for row, c in zip(pack.records(target), pack.of(target), strict=True):
            findings = [pack.findings[id] for id in c["findings"]]
            for finding in findings:
                assert finding["check"] not in row[-8], (c, row[-8])
                assert c["clause"] in items[finding["id"]].split("\n")
            wanted = {number[digest] for f in findings for digest in f["evidence"]}
            shown, left = _numbers(row[-6])
            groups = {n for n in wanted if f"E{int(n[1:]) - 1:05d}" not in wanted}
            assert shown <= wanted, c
            assert len(groups - shown) == left, c
            assert left or shown == wanted, c


def _numbers(cell: str) -> tuple[set[str], int]:
    """The numbers of the lines, and how many lines more the last one says there are."""
    found, left = set(), 0
    for line in cell.split("\n"):
        first, _, last = line.partition("–")
        if first.startswith("E"):
            found |= {f"E{n:05d}" for n in range(int(first[1:]), int((last or first)[1:]) + 1)}
        elif first != "—":
            left = int(re.findall(r"\d+", line)[0])
    return found, left


def test_a_record_never_repeats_the_clause_and_is_never_empty(pack: Pack) -> None:
    for target in {c["target"] for c in pack.conclusions}:
        for row, c in zip(pack.records(target), pack.of(target), strict=True):
            clause = pack.clauses[c["catalog"], c["clause"]]
            gist = clause["gist" if pack.lang == "zh" else "gist_en"]
            assert row[-8].strip() not in ("", gist)
            if c["conclusion"] == "not_assessed":
                assert re.search("待补充：|To be provided: ", row[-8]), row


def test_each_record_sheet_says_over_what_as_whom_and_when(pack: Pack) -> None:
    reported = str(pack.book["here"].cell(2, 1).value)
    seen = [s for s in pack.seen if s["target"] == "here"]
    uid = {"zh": "经 local、uid ", "en": "over local, uid "}[pack.lang]
    assert re.search(rf"{uid}\d", reported)
    for moment in (min(s["started"] for s in seen), max(s["ended"] for s in seen)):
        assert moment[:19].replace("T", " ") in reported
    nothing = {"zh": "未对此测评对象本身取证", "en": "No evidence was collected from this object"}[
        pack.lang
    ]
    assert nothing in str(pack.book["db1"].cell(2, 1).value)


def test_issues_are_the_failed_checks_and_the_conclusions_without_one(pack: Pack) -> None:
    failed = [f for f in pack.findings.values() if f["verdict"] == "fail"]
    named = Counter(re.findall(r"[\[〔]([a-z.\-0-9]+)[\]〕]$", row[1])[0]
                    for row in pack.table("Issues") if row[1][-1] in "]〕")  # fmt: skip
    assert named == Counter({f["check"] for f in failed})
    covered = {id for f in failed for id in [f["id"]]}
    bare = [
        c
        for c in pack.conclusions
        if c["conclusion"] in RESULTS[1:3] and not covered & set(c["findings"])
    ]
    clauses = {(c["catalog"], c["clause"]) for c in bare}
    assert len(pack.table("Issues")) == len(named) + len(clauses)
    numbers = [row[0] for row in pack.table("Issues")]
    assert numbers == [f"T{n:03d}" for n in range(1, len(numbers) + 1)]


def test_the_overview_says_what_is_concluded_on_the_system(pack: Pack) -> None:
    reported = "\n".join(str(row[0]) for row in pack.table("Overview", 1))
    assert pack.results["system"]
    for system in pack.results["system"]:
        assert system["grading"][pack.lang] in reported
        settled = f"{system['units_decided']}"
        assert re.search(rf"(已确定测评项 {settled}/|items settled: {settled} of )", reported)


def test_every_check_and_every_observation_has_its_row(pack: Pack) -> None:
    checks = [
        (r[1], r[2].split("\n")[-1].split(" v")[0], r[3]) for r in pack.table("Check results")
    ]
    assert checks == [
        (pack.called(f["target"]), f["check"], VERDICTS[pack.lang][f["verdict"]])
        for f in pack.findings.values()
    ]
    index = [(r[1], r[2].split("\n", 1)[1]) for r in pack.table("Evidence index")]
    shown = MAX_LINE_UNITS - 100  # what is longer is cut, with its length and digest behind it
    assert [(target, asked[:shown]) for target, asked in index] == [
        (s["target"], show(s["asked"])[:shown]) for s in pack.seen
    ]
    assets = [(r[1], (r[5] or "").split("\n")[0]) for r in pack.table("Assets")]
    states = {s["target"]: s["state"] for o in pack.results["objects"] for s in o["targets"]}
    assert assets == [
        (pack.called(t["id"]), REACHED[pack.lang][states[t["id"]]]) for t in pack.results["targets"]
    ]
    assert set(states.values()) == {"reached", "not_reached", "nothing_asked"}


def test_what_people_must_bring_is_all_that_is_missing_each_question_once(pack: Pack) -> None:
    listed = [id for row in pack.table("To be provided") for id in row[-2].split("\n")]
    assert len(set(listed)) == len(listed)
    types = {t["id"]: t["object_type"] for t in pack.results["targets"]}
    covering: Counter[str] = Counter()
    for c in pack.conclusions:
        for step in c["steps"] if c["conclusion"] != "conforming" else ():
            name = f"{c['catalog']}/{c['clause']}/{step['number']}"
            whom = ("", f"@{c['target']}", f"@object_type:{types[c['target']]}")
            asked = [name + at for at in whom if name + at in listed]
            if step["state"] == "open":
                assert len(asked) == 1, (name, c["target"])
                covering.update(asked)
            else:
                assert name + whom[1] not in asked, (name, c["target"])
    assert set(covering) == set(listed)
    assert max(covering.values()) > 1  # one answer for several objects


def test_every_link_opens(pack: Pack) -> None:
    files, places = set(), 0
    for sheet in pack.book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.hyperlink is None:
                    continue
                if cell.hyperlink.target is not None:
                    files.add(cell.hyperlink.target)
                    continue
                where, _, ref = cell.hyperlink.location.rpartition("!")
                name = where.strip("'").replace("''", "'")
                assert int(ref[1:]) <= pack.book[name].max_row, cell.hyperlink.location
                places += 1
    assert files <= set(pack.files)
    assert len(files) == len(pack.seen)
    assert places > 50


def test_the_confirmation_stands_for_what_is_in_the_zip(pack: Pack) -> None:
    found = {r[0]: r[1:4] for r in pack.table("Confirmation", 1)}
    tail = {"workbook.xlsx", "manifest.json", "signature.dsse.json", "signing-key.pub.pem",
            "SHA256SUMS"}  # fmt: skip
    evidence = {name for name in pack.files if name.startswith("evidence/")}
    listed = {name: r for name, r in found.items() if name in pack.files}
    assert listed.keys() == pack.files.keys() - tail - evidence
    for name, (md5, sha256, sm3) in listed.items():
        data = pack.files[name]
        assert md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()
        assert sha256 == hashlib.sha256(data).hexdigest()
        assert sm3 == (hashlib.new("sm3", data).hexdigest() if sm3 else None)
    # The evidence of an object: what `md5sum FILE… | md5sum` prints, and so on.
    seen: set[str] = set()
    for name, digests in found.items():
        if "\nevidence/" in str(name):
            _, first, last = name.split("\n")
            own = sorted(f for f in evidence if first <= f <= last)
            for kind, digest in zip(("md5", "sha256", "sm3"), digests, strict=True):
                lines = [f"{hashlib.new(kind, pack.files[f]).hexdigest()}  {f}\n" for f in own]
                assert hashlib.new(kind, "".join(lines).encode()).hexdigest() == digest
            seen |= set(own)
    assert seen == evidence
    lines = [f"{hashlib.sha256(pack.files[f]).hexdigest()}  {f}\n"
             for f in sorted({*listed, *evidence})]  # fmt: skip
    root = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert root == pack.manifest["evidence_root"]
    assert root in {value for r in found.values() for value in r}
