"""`dengbao inventory`: what an inventory holds, and what a run suggests to add."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from audit_core.cli import inventories, main
from audit_core.evaluate.fact_values import stored
from audit_core.model import Known, Target
from audit_core.model.results import (
    INDEX_SCHEMA,
    OBJECT_SCHEMA,
    ObjectEntry,
    ObjectResults,
    Results,
    ResultsIndex,
    RunStamp,
    TargetState,
    TargetStatus,
    encode,
)
from audit_linux.network.listeners import Listener
from core import fakes

INVENTORY = "# mine\ntargets:\n  - id: web1  # the one\n    access: {via: local}\n"
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a run in which web1 listens on port 443."""
    target = Target(id="web1", kind="host", object_type="server")
    run = fakes.new_run(tmp_path / "s", (target,))
    file = msgspec.structs.replace(run.file, profile="gbt22239-l3")
    (run.folder / "run.json").write_bytes(msgspec.json.encode(file))
    seen = (Listener(protocol="tcp", address="0.0.0.0", port=443, process="nginx\x1b[1m\n- x"),)
    facts = (stored("linux.listeners", "web1", Known(value=seen)),)
    raw = encode(ObjectResults(
        schema=OBJECT_SCHEMA, object="web1", findings=(), conclusions=(), observations=(),
        facts=facts,
    ))  # fmt: skip
    reached = TargetStatus(target="web1", state=TargetState.REACHED)
    entry = ObjectEntry(object="web1", sha256="", size=len(raw), targets=(reached,))
    stamp = RunStamp(
        id=run.id, started="", ended="", profile="", dengbao="", plugins={}, policy={},
        sealed=True, bundles={},
    )  # fmt: skip
    index = ResultsIndex(
        schema=INDEX_SCHEMA, run=stamp, title="", title_en="", targets=(target,), clauses=(),
        checks=(), objects=(entry,),
    )  # fmt: skip
    monkeypatch.setattr(inventories, "read_results", lambda *_: Results(index, lambda _: raw))
    return tmp_path / "s"


def test_suggested_parts_are_shown_written_and_then_no_longer_suggested(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(INVENTORY)
    words = ["inventory", "suggest", "latest", "--store", str(store), "-i"]
    assert main([*words, str(old), "-o", str(new)]) == 0
    reported = capsys.readouterr()
    assert "web1/tls:443" in reported.out
    assert "\x1b" not in reported.out
    assert str(new) in reported.err
    text = new.read_text()
    assert text.startswith(INVENTORY + "    endpoints:\n      - {port: 443}  # The host listens: ")
    assert text.count("\n") == INVENTORY.count("\n") + 2
    assert main([*words, str(old), "-o", str(new)]) == 74  # it is there: nothing is overwritten
    assert new.read_text() == text
    capsys.readouterr()
    assert main([*words, str(new)]) == 0
    assert "Nothing to add" in capsys.readouterr().out


def test_suggestions_as_json_and_in_chinese(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["inventory", "suggest", "latest", "--store", str(store)]
    assert main([*words, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads((SCHEMAS / "inventory-suggest.json").read_text()))
    assert [(p["id"], p["written"]) for p in found["parts"]] == [("web1/tls:443", {"port": 443})]
    assert main([*words, "--lang", "zh"]) == 0
    shown = capsys.readouterr().out
    assert "主机正在监听" in shown
    assert "    endpoints:\n      - {port: 443}  # 主机正在监听" in shown
    assert main([*words, "-o", "x"]) == 64


def test_check_lists_the_targets_or_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "i.yaml"
    path.write_text(INVENTORY + "    endpoints: [{port: 443}]\n")
    assert main(["inventory", "check", str(path), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    jsonschema.validate(rows, json.loads((SCHEMAS / "inventory-check.json").read_text()))
    assert [(r["id"], r["kind"], r["address"], r["access"]) for r in rows] == [
        ("web1", "host", "", "local"), ("web1/tls:443", "endpoint", "127.0.0.1", "local"),
    ]  # fmt: skip
    path.write_text(INVENTORY + "    endpoint: []\n")
    assert main(["inventory", "check", str(path), "--lang", "zh"]) == 65
    line = capsys.readouterr().err
    assert ":5：targets[0].endpoint：" in line
    assert "'endpoints'" in line
