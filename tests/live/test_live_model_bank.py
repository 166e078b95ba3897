"""The model bank that runs: it conforms to every clause, and single faults turn their own clauses.

Two runs see all servers: one of the good bank, one with every fault of `bank_faults` at once. What
turned is held against what each fault says of itself, and then concluded on fault by fault.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest

from audit_core.model import Verdict
from audit_core.model.conclusions import Role
from invented.bank import Bank, changed
from live.bank_faults import FAULTS
from live.model_bank import ModelBank

pytestmark = pytest.mark.live


class Runs:
    """The bank before and after the faults: verdicts by finding, and the conclusions."""

    def __init__(self, bank: ModelBank) -> None:
        bank.run()
        answers = bank.answer_all()
        self.inventory = bank.file.read_text()
        self.good = bank.run("--answers", answers)
        for fault in FAULTS:
            fault.make(bank)
        self.pack = bank.folder / "pack.zip"
        self.bad = bank.run("--answers", answers, "-o", self.pack)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("bank")
    with ModelBank(folder) as bank:
        yield Runs(bank)


def _verdicts(run: Any) -> dict[str, Verdict]:
    return {finding["id"]: Verdict(finding["verdict"]) for finding in run["findings"]}


def test_the_good_bank_conforms_to_every_clause(runs: Runs) -> None:
    run = runs.good
    assert run["run"]["complete"] is True
    found = {(c["clause"], c["target"]): c["conclusion"] for c in run["conclusions"]}
    assert len({clause for clause, _ in found}) == 47
    bad = {key: word for key, word in found.items() if word != "conforming"}
    assert set(bad.values()) == {"not_applicable"}
    assert {clause[0] for clause, _ in bad} == {"5"}  # services that are not offered


def test_the_workbook_follows_the_standard(runs: Runs) -> None:
    with zipfile.ZipFile(runs.pack) as pack, pack.open("workbook.xlsx") as raw:
        book = openpyxl.load_workbook(io.BytesIO(raw.read()))
    layers = ["Principles", "Services", "Data management", "Network and system security",
              "Service quality"]  # fmt: skip
    # of so many objects, each layer has a matrix of those that it concerns
    assert [n for n in book.sheetnames if n.startswith("Matrix ")] == [
        f"Matrix {layer}"[:31] for layer in layers
    ]
    assert [name for name in book.sheetnames if name in layers] == layers
    heads = [cell.value for cell in book["Matrix Services"][3]]
    assert "Mobile payment" in heads
    assert "mobile-payment" not in heads
    text = "\n".join(str(row[4].value) for row in book["Network and system security"].iter_rows())
    assert re.search(r"\[test1\].* name of a known or declared agent", text), text
    # the note that all clauses carry stands on the cover only
    assert "numbering may change" in str([c.value for r in book["Cover"].iter_rows() for c in r])
    assert "numbering may change" not in str(
        [c.value for r in book["Matrix Services"].iter_rows() for c in r]
    )


def test_each_fault_of_a_server_turns_its_own_clauses(
    runs: Runs, subtests: pytest.Subtests
) -> None:
    bank = Bank("en")
    deciding = {b.check for b in bank.profile.bindings if b.role is not Role.SUPPORTS}
    before, after = _verdicts(runs.good), _verdicts(runs.bad)
    turned = {id for id, verdict in after.items()
              if verdict is Verdict.FAIL and before.get(id) is not Verdict.FAIL
              and id.partition("@")[0] in deciding}  # fmt: skip
    assert turned == {id for fault in FAULTS for id in fault.findings.split()}
    targets = bank.read(runs.inventory)

    def concluded(verdicts: dict[str, Verdict]) -> Any:
        made = [bank.finding(check, target, verdict) for id, verdict in verdicts.items()
                for check, _, target in [id.partition("@")]]  # fmt: skip
        return bank.assessed(targets, made)

    good = concluded(before)
    for fault in FAULTS:
        with subtests.test(fault.name):
            bad = concluded(before | dict.fromkeys(fault.findings.split(), Verdict.FAIL))
            assert changed(good, bad) == set(fault.clauses.split())
