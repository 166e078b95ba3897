"""Waivers: read strictly, kept with the run, and audited themselves; they change no verdict."""

from __future__ import annotations

import datetime
import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from audit_core.api.plugins import load
from audit_core.attest.judgements import fixed_by_retest
from audit_core.attest.reading import read_answers
from audit_core.attest.waiver_file import read_waivers
from audit_core.model.attestations import Retest, RetestResult
from audit_core.model.errors import InputError
from audit_core.policy import load_policy
from audit_core.policy.strict_yaml import as_written, load_bytes
from audit_core.views import schemas

from .command import Toy

GOOD = {
    "id": "W-1", "check": "toy.blue", "reason": "replaced in spring, password=hunter2hunter2",
    "approver": "王五", "ticket": "CHG-7", "approved": "2026-11-01",
    "expires": "2099-01-01T00:00:00+08:00",
}  # fmt: skip


def write(folder: Path, *waivers: dict[str, str]) -> Path:
    path = folder / "waivers.yaml"
    lines = ["\n  ".join(f"{k}: {v}" for k, v in w.items()) for w in waivers]
    path.write_text("waivers:\n- " + "\n- ".join(lines) + "\n", encoding="utf-8")
    return path


def evaluated(toys: Toy, *words: object) -> dict[str, Any]:
    done = toys("evaluate", "latest", "--store", toys.base / "store", "--format", "json", *words)
    assert done.code == 0, done.stderr
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_waivers_change_no_verdict_and_are_reviewed(toys: Toy) -> None:
    toys.colours("red", "blue")
    assert toys.run("--quiet").code == 0
    before = evaluated(toys)
    bare = {k: v for k, v in GOOD.items() if k not in ("ticket", "approver")}
    given = write(
        toys.base,
        GOOD,
        bare | {"id": "W-2", "check": "toy.second", "approved": "2020-01-01",
                "expires": "2021-01-01T00:00:00Z"},
        GOOD | {"id": "W-3", "targets": "[tag:none]"},
        {k: v for k, v in GOOD.items() if k != "check"} | {"id": "W-4", "clause": "'1.0'",
                                                           "targets": "[object_type:server]"},
    )  # fmt: skip
    after = evaluated(toys, "--waivers", given)
    faults = {w["waiver"]["id"]: w["faults"] for w in after["waivers"]}
    assert faults == {
        "W-1": [],
        "W-2": ["expired", "unused", "too_old", "no_ticket", "no_approver"],
        "W-3": ["matches_nothing"],
        "W-4": [],
    }
    assert after["waivers"][0]["findings"] == ["toy.blue@localhost"]
    assert after["waivers"][3]["conclusions"] == ["1.0@localhost"]
    reported = toys("explain", "1.0", "latest", "--store", toys.base / "store", "--format", "json")
    (explained,) = reported.json["targets"]
    assert [w["id"] for w in explained["waivers"]] == ["W-1", "W-4"]
    assert "no deviation was found" in after["waivers"][1]["detail"]
    for part in ("findings", "conclusions", "system", "observations"):
        assert after[part] == before[part], part
    # --fail-on counts what is waived, too.
    store = ("--store", toys.base / "store")
    reported = toys("results", "latest", *store, "--fail-on", "high", "--lang", "zh")
    assert reported.code == 1
    for text in ("豁免（不改变任何结果）", "没有可豁免的内容", "得分：50.0", "W-3"):
        assert text in reported.stdout, reported.stdout
    _packed(toys, store)


def _packed(toys: Toy, store: tuple[object, ...]) -> None:
    pack = toys.base / "p.zip"
    assert toys("pack", "latest", *store, "-o", pack).code == 0
    assert toys("verify", pack).code == 0
    with zipfile.ZipFile(pack) as archive:
        (name,) = (n for n in archive.namelist() if n.startswith("answers/"))
        held, index = archive.read(name), archive.read("results/index.json")
    assert "王五".encode() in held
    assert b"hunter2" not in held + index
    assert len(json.loads(index)["waivers"]) == 4


def same(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    return data, ()


def test_a_broken_waiver_is_refused_with_its_place(tmp_path: Path) -> None:
    schema = jsonschema.Draft202012Validator(json.loads(schemas.schemas()["waivers.json"]))
    document = load_bytes(write(tmp_path, GOOD).read_bytes(), "w.yaml")
    assert schema.is_valid(json.loads(msgspec.json.encode(as_written(document.root))))
    for more, place in (
        ({"expires": "2027-01-01T00:00:00"}, ":8: waivers[0].expires: expected a time with its"),
        ({"expires": "2026-10-01T00:00:00Z"}, "waivers[0].expires: expected a time not before"),
        ({"clause": "'1.1'"}, "waivers[0]: expected either clause or check, got both"),
        ({"step": "1"}, "waivers[0].step"),
        ({"targets": "[tags:x]"}, "waivers[0].targets[0]: expected one of"),
        ({"until": "x"}, "waivers[0].until"),
    ):
        path = write(tmp_path, GOOD | more)
        with pytest.raises(InputError) as refused:
            read_waivers([path], same)
        assert str(refused.value).startswith(f"{path}:")
        assert place in str(refused.value)


def test_broken_risks_and_retests_are_refused_with_their_place(tmp_path: Path) -> None:
    policy, path = load_policy(load().policy_dirs), tmp_path / "answers.yaml"
    when = "by: 李四, date: 2026-11-20, entered: 2026-11-20, text: 见记录"
    for text, place in (
        ("risks: [{rule: 6.4.1.9, verdict: holds, %s}]", "risks[0].rule: expected the number of"),
        ("risks: [{rule: 6.9.4.1, verdict: mitigated, %s}]",
         "risks[0].verdict: expected holds or dismissed (rule 6.9.4.1 allows no mitigation)"),
        ("retests: [{clause: '9.9', target: localhost, result: fixed, %s}]",
         "retests[0].clause: expected a clause"),
    ):  # fmt: skip
        path.write_text(text % when, encoding="utf-8")
        with pytest.raises(InputError) as refused:
            read_answers([path], policy, same, today=datetime.date(2026, 11, 29))
        assert place in str(refused.value)


def test_a_retest_before_the_collection_counts_for_nothing() -> None:
    def retest(date: str, result: RetestResult) -> Retest:
        return Retest(catalog="c", clause="1", target="h", result=result, by="x", date=date,
                      entered=date, text="…")  # fmt: skip

    early, late = (retest(d, RetestResult.FIXED) for d in ("2026-11-19", "2026-11-21"))
    assert fixed_by_retest([early], "2026-11-20") == frozenset()
    assert fixed_by_retest([early, late], "2026-11-20") == {("c", "1", "h")}
    again = retest("2026-11-22", RetestResult.OPEN)
    assert fixed_by_retest([late, again], "2026-11-20") == frozenset()
