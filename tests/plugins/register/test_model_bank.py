"""A model bank conforms to every clause; each single fault turns its own clauses and no others."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model import Known, Result, StepState, Verdict
from audit_core.model.conclusions import Role
from audit_register.builtin_registers import BY_ID, REGISTERS
from invented import bank_observed as observed
from invented.bank import STARTER, TODAY, Bank, changed, starter, words
from live.bank_faults import FAULTS as LIVE

Edit = Callable[[str], str]


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank()


def day(ago: int) -> str:
    return (TODAY - datetime.timedelta(days=ago)).isoformat()


def cell(row: int, column: int, value: str) -> Edit:
    """The register with `value` in that row (1 is below the heads) and column (from 1)."""

    def edit(text: str) -> str:
        lines = [line.split(",") for line in text.split("\n")]
        lines[row][column - 1] = value
        return "\n".join(map(",".join, lines))

    return edit


def without(row: int) -> Edit:
    def edit(text: str) -> str:
        lines = text.split("\n")
        del lines[row]
        return "\n".join(lines)

    return edit


def replaced(old: str, new: str) -> Edit:
    return lambda text: text.replace(old, new, 1)


def on_no_system(service: str) -> Edit:
    """The inventory in which `service` runs on a system that is not in it."""
    pattern = rf"(service: {service}.*)systems: \[core\]"
    return lambda text: re.sub(pattern, r"\1systems: [x]", text)


OLD = day(800)
# what is changed in which file, and the clauses that turn: those that rest on it, and no others
FAULTS: tuple[tuple[str, str, Edit, set[str]], ...] = (
    ("no fraud event for two days", "products", cell(9, 7, day(2)), {"4.1"}),
    ("no event of the risk engine for two days", "risk",
     lambda text: text.replace(day(0), day(3)), {"4.1"}),
    ("a risk engine that decided nothing", "risk",
     lambda text: re.sub(r",[0-9]+,(?=2026)", ",0,", text), {"4.1"}),
    ("an interface beyond its target", "performance", cell(2, 4, "501"), {"4.2"}),
    ("an interface that breaks too often", "performance", cell(1, 6, "0.2"), {"4.2"}),
    ("an old figure", "performance", cell(1, 1, day(8)), {"4.2"}),
    ("a line that is full", "performance", cell(3, 8, "51"), {"4.2"}),
    ("times that are not kept", "performance", cell(4, 9, "90"), {"4.2"}),
    ("a list of laws of last year", "policies", cell(3, 4, day(184)), {"4.4"}),
    ("a filing that ended", "assessments", cell(2, 5, day(1)), {"4.4"}),
    ("a filing of four years ago", "assessments", cell(2, 4, day(1097)), {"4.4"}),
    ("no compliance review for a year", "assessments", cell(5, 4, OLD), {"4.4"}),
    ("rights reviewed long ago", "reviews", cell(1, 1, day(184)), {"6.2.2"}),
    ("a recovery plan of two years ago", "policies", cell(4, 4, OLD), {"6.2.3"}),
    ("a restore drill that failed", "drills", cell(1, 4, "否"), {"6.2.3"}),
    ("a restore drill beyond the RTO", "drills", cell(1, 5, "61"), {"6.2.3"}),
    ("no committee of data for a year", "meetings", cell(2, 1, OLD), {"6.3.1"}),
    ("old policies of data", "policies", cell(2, 4, OLD), {"6.3.1"}),
    ("data never purged", "data", cell(1, 7, ""), {"6.3.2"}),
    ("data outside of the metadata system", "data", cell(1, 5, "否"), {"6.3.3"}),
    ("a data set that is not listed", "data", cell(1, 1, "others"), {"6.3.4"}),
    ("an owner who left", "data", cell(1, 4, "1009"), {"6.3.1", "6.3.4"}),
    ("an owner nobody knows", "data", cell(1, 4, "7777"), {"6.3.1", "6.3.4"}),
    ("an interface that is there twice", "interfaces", cell(2, 1, "open-payment"), {"6.4.1"}),
    ("an interface that breaks", "interfaces", cell(1, 9, "99.5"), {"6.4.1"}),
    ("an agreement that ended", "partners", cell(1, 2, day(1)), {"6.4.2"}),
    ("no liability for a breach is agreed", "partners", cell(1, 5, "否"), {"6.4.2"}),
    ("a partner who was not assessed", "partners", cell(1, 6, ""), {"6.4.2"}),
    ("an interface that asks for nothing", "interfaces", cell(2, 5, "无"), {"6.4.3"}),
    ("an interface in the clear", "interfaces", cell(1, 6, "否"), {"6.4.3"}),
    ("an entry that does not exist", "interfaces", cell(1, 3, "web9/tls:443"), {"6.4.3"}),
    ("no leading group for a year", "meetings", cell(1, 1, OLD), {"7.1.1"}),
    ("a leading group without minutes", "meetings", cell(1, 4, "否"), {"7.1.1"}),
    ("somebody was not trained", "staff", cell(1, 9, OLD), {"7.1.2"}),
    ("no attack drill for a year", "drills", cell(3, 1, OLD), {"7.1.2"}),
    ("an assessment of 366 days ago", "assessments", cell(1, 4, day(366)), {"7.1.3"}),
    ("an assessment of another system", "assessments", cell(1, 2, "hr"), {"7.1.3"}),
    ("an overdue issue of the assessment", "actions", cell(1, 9, ""), {"7.1.3", "8.3.4a"}),
    ("no assessment of personal information", "assessments", cell(6, 4, OLD), {"7.1.4"}),
    ("cryptography with a high risk", "assessments", cell(4, 7, "1"), {"7.1.5"}),
    ("an insecure algorithm", "cryptography", replaced("SM2、SM3、SM4", "RSA-1024、3DES"),
     {"7.1.5"}),
    ("a product whose certificate ended", "cryptography", cell(1, 6, day(1)), {"7.1.5"}),
    ("a module of level 1", "cryptography", cell(2, 7, "1"), {"7.1.5"}),
    ("a host without an agent", "agents", without(1), {"7.2.5"}),
    ("an agent that is offline", "agents", cell(2, 3, day(8)), {"7.2.5"}),
    ("a terminal without admission", "agents", cell(5, 1, "PC-0002"), {"7.2.1"}),
    ("an agent with old signatures", "agents", cell(1, 4, day(31)), {"7.2.1", "7.2.5"}),
    ("no review of financial information", "assessments", cell(7, 4, OLD), {"7.1.6"}),
    ("terminals without agent", "products", cell(7, 8, "319"), {"7.2.1"}),
    ("old signatures on terminals", "products", cell(6, 5, day(31)), {"7.2.1"}),
    ("a firewall that lets all through", "products", cell(1, 4, "告警"), {"7.2.3"}),
    ("a WAF that reports nothing", "products", cell(3, 7, day(8)), {"7.2.3"}),
    ("a system assessed below its level", "assessments", cell(1, 6, "2"), {"7.1.3"}),
    ("signatures of half a year ago", "products", cell(2, 5, day(180)), {"7.2.3"}),
    ("a licence that ended", "products", cell(1, 6, day(1)), {"7.2.3"}),
    ("a night without duty", "duty", without(10), {"7.2.3"}),
    ("a quarter without a test", "scans", cell(3, 1, day(106)), {"7.2.4"}),
    ("a scan of which there is a report only", "scans", without(4), set()),
    ("half a year without a hunt", "scans", cell(6, 1, day(190)), {"7.2.4"}),
    ("an overdue finding of a scan", "actions", cell(5, 9, ""), {"7.2.4", "8.3.4a"}),
    ("a host without anti-virus", "products", cell(4, 8, "13"), {"7.2.5"}),
    ("old signatures on hosts", "products", cell(4, 5, day(31)), {"7.2.5"}),
    ("an old security policy", "policies", cell(1, 4, OLD), {"7.2.6"}),
    ("no internal check for a quarter", "evaluations", cell(3, 1, day(93)), {"8.1.1.1"}),
    ("somebody signed nothing", "staff", cell(2, 8, ""), {"8.1.1.2"}),
    ("a return that was late", "returns", cell(2, 3, day(9)), {"8.1.2"}),
    ("a return without a receipt", "returns", cell(1, 4, ""), {"8.1.2"}),
    ("a complaint that was answered late", "complaints", cell(1, 9, day(60)), {"8.2"}),
    ("a complaint that is open too long", "complaints", cell(3, 2, day(16)), {"8.2"}),
    ("a complaint without a cause", "complaints", cell(1, 5, ""), {"8.2"}),
    ("no survey for a year", "surveys", cell(1, 1, OLD), {"8.3.1"}),
    ("a survey of ten", "surveys", cell(1, 2, "10"), {"8.3.1"}),
    ("no self-evaluation for a year", "evaluations", cell(1, 1, OLD), {"8.3.2"}),
    ("a re-test before the issue was closed", "actions", cell(1, 10, day(41)), {"8.3.4a"}),
    ("an issue without a re-test", "actions", cell(3, 10, ""), {"8.3.4a"}),
    ("no management review for a year", "meetings", cell(3, 1, OLD), {"8.3.4b"}),
)  # fmt: skip
INVENTORY: tuple[tuple[str, Edit, set[str]], ...] = (
    ("a service with an entry that is not there",
     replaced("systems: [core], no_entry", "systems: [core], entries: [web9], no_entry"), {"5.1"}),
    ("advice on a system that is not there", on_no_system("portfolio_recommendation"),
     {"5.2"}),
    ("loans on a system that is not there", on_no_system("loan_approval"), {"5.3"}),
    ("insurance on a system that is not there", on_no_system("insurance_risk_monitoring"),
     {"5.4"}),
    ("branches on a system that is not there", on_no_system("branch_operation"), {"5.6"}),
    ("zones that overlap", replaced("10.2.0.0/16", "10.1.128.0/17"), {"7.2.2"}),
    ("an open path that is not declared", replaced("lan: [5432]", "lan: [443]"), {"7.2.2"}),
    ("a host in another zone", replaced("address: 10.1.0.5\n", "address: 10.2.0.5\n"), {"7.2.2"}),
)  # fmt: skip


# A host, databases and endpoints that every object of the bank has to do with.
_EVERYWHERE = """\
  - id: all1
    address: 10.1.0.6
    access: {via: local}
    business_system: core
    zone: dmz
    endpoints: [{port: 443}]
    backups: [{id: b, path: /b}]
    paths: [{reach: 10.2.0.9, port: 443}]
    postgresql:
      - id: pg
        access: {user: a, password: "env:A"}
        data: [{database: d, environment: production}]
    mysql: [{id: my, access: {user: a, password: "env:A"}}]
    redis: [{id: kv, access: {user: a, password: "env:A"}}]
    oracle: [{id: ora, access: {user: a, password: "env:A", service: x}}]
    sqlserver: [{id: ms, access: {user: a, password: "env:A"}}]
    dameng: [{id: dm, access: {user: a, password: "env:A", tls: plain}}]
    logs: [{environment: production}]
  - {id: history, kind: run_history, system: B, covers: [dmz], access: {store: x}}
"""


def test_the_good_bank_conforms_to_every_clause(bank: Bank) -> None:
    made = bank.concluded()
    assert len({clause for clause, _ in made}) == 47
    bad = {k: (w, [str(m) for m in made[k].why]) for k, w in words(made).items()
           if w is not Result.CONFORMING}  # fmt: skip
    # services that are not offered do not apply
    assert {w for w, _ in bad.values()} == {Result.NOT_APPLICABLE}
    assert {key[0][0] for key in bad} == {"5"}
    # no clause rests on people alone where a register speaks: the step is denied by a fault below
    assert made["8.2", "organisation"].steps[1].state is StepState.AFFIRMED


def test_each_single_fault_turns_its_own_clauses(bank: Bank, subtests: pytest.Subtests) -> None:
    good = bank.concluded()
    for name, register, edit, clauses in FAULTS:
        with subtests.test(name):
            assert changed(good, bank.concluded({f"registers/{register}.csv": edit})) == clauses
    for name, edit, clauses in INVENTORY:
        with subtests.test(name):
            assert changed(good, bank.concluded({"inventory.yaml": edit})) == clauses
    for name, fact, value, clauses in observed.FAULTS:
        with subtests.test(name):
            assert changed(good, bank.concluded(facts={fact: Known(value=value)})) == clauses
    for accounts in (("root", "sunqi"), ("root", "nobody-knows")):
        with subtests.test(accounts[1]):
            assert changed(good, bank.concluded(accounts=accounts)) == {"6.2.2"}


def test_each_check_that_denies_a_step_turns_its_clauses_wherever_it_fails(
    bank: Bank, subtests: pytest.Subtests
) -> None:
    text = bank.files["inventory.yaml"] + _EVERYWHERE
    text = text.replace("stored_in: [core-db]", "stored_in: [core-db, all1]")
    text = re.sub("no_entry: [^}]*", "entries: [pay-web, 'all1/tls:443']", text)
    targets = bank.read(text)
    good = bank.assessed(targets, [])
    clauses: dict[str, set[str]] = {}
    for binding in bank.profile.bindings:
        if binding.role is not Role.SUPPORTS:
            clauses.setdefault(binding.check, set()).add(binding.clause)
    for check, expected in clauses.items():
        kind = bank.checks[check].kind
        of_kind = [t for t in targets if t.kind == kind]
        assert of_kind, f"no target of the kind {kind} for {check}"
        with subtests.test(check):
            failed = [[bank.finding(check, target.id, Verdict.FAIL)] for target in of_kind]
            turned = [changed(good, bank.assessed(targets, one)) for one in failed]
            assert set().union(*turned) == expected
            assert expected in turned or kind == "service"


def test_every_clause_turns_with_what_a_person_denies(bank: Bank) -> None:
    every = re.sub("not_offered: [^}]*", "systems: [core]", bank.files["inventory.yaml"])
    targets = bank.read(every)
    good = bank.assessed(targets, [])
    for clause in bank.profile.clauses:
        for step in clause.steps:
            made = changed(good, bank.assessed(targets, [], [(clause.id, step.number)]))
            assert made == {clause.id}, step


def test_the_page_of_faults_has_one_for_each_clause(bank: Bank) -> None:
    page = (Path(__file__).parents[3] / "docs/truth.md").read_text(encoding="utf-8")
    table = page.partition("## One fault for each clause of smart-finance")[2].partition("\n## ")[0]
    rows = [re.split(r" *\| *", line)[1:3] for line in table.splitlines() if line[:1] == "|"][2:]
    assert [clause for clause, _ in rows] == [clause.id for clause in bank.profile.clauses]
    faults = {
        **{name: clauses for name, _, _, clauses in (*FAULTS, *observed.FAULTS)},
        **{name: clauses for name, _, clauses in INVENTORY},
        **{fault.name: set(fault.clauses.split()) for fault in LIVE},
    }
    denied = {b.clause for b in bank.profile.bindings if b.role is not Role.SUPPORTS}
    for clause, name in rows:
        # what no check denies, people deny: the test above
        assert faults[name] == {clause} if clause in denied else name not in faults, clause


def test_what_cannot_be_read_denies_nothing_and_affirms_nothing(bank: Bank) -> None:
    good = bank.concluded()
    bad = bank.concluded({"registers/complaints.csv": cell(1, 9, "somewhen")})
    assert changed(good, bad) == set()
    assert bad["8.2", "organisation"].steps[1].state is StepState.AFFIRMED  # by a person
    assert good["8.2", "organisation"].coverage == bad["8.2", "organisation"].coverage


def test_what_is_of_another_object_or_not_recorded_passes_nothing(
    bank: Bank, subtests: pytest.Subtests
) -> None:
    for name, register, edit, check in (
        ("a restore of a system that is not there", "drills", cell(1, 3, "hr"), "restore-drilled"),
        ("products without a last event", "products", cell(2, 7, ""), "network-defence"),
        ("a restore without RTO", "drills", cell(1, 6, ""), "restore-drilled"),
        ("meetings to come", "meetings", cell(1, 1, day(-9)), "leading-group-met"),
    ):
        with subtests.test(name):
            verdict = bank.verdicts({f"registers/{register}.csv": edit})
            assert verdict[f"register.{check}", register] is Verdict.UNDETERMINED


def test_a_scan_report_counts_only_for_what_it_reached() -> None:
    fewer = {"registers/scans.csv": without(4)}
    declared = "covers: [dmz], access: {file: q4"
    for covers, verdict in (
        ("covers: [dmz, test], ", Verdict.FAIL),
        ("", Verdict.UNDETERMINED),
        ("covers: [lan, x], ", Verdict.UNDETERMINED),
    ):
        edit = replaced(declared, covers + "access: {file: q4")
        # a bank keeps what it judged of the same facts, whatever other targets declare
        made = Bank().verdicts({**fewer, "inventory.yaml": edit})
        assert made["register.internet-scanned", "scans"] is verdict, covers


def test_the_cryptography_of_each_system_is_assessed(bank: Bank) -> None:
    other = replaced("  - {id: dmz,", "  - {id: hr, kind: system}\n  - {id: dmz,")
    check = ("register.cryptography-assessed", "assessments")
    assert bank.verdicts({"inventory.yaml": other})[check] is Verdict.UNDETERMINED
    risky = {"inventory.yaml": other, "registers/assessments.csv": cell(4, 7, "1")}
    assert bank.verdicts(risky)[check] is Verdict.FAIL


def test_the_starter_files_have_the_heads_of_the_registers() -> None:
    for lang in ("zh", "en"):
        names = {path.stem for path in (STARTER / lang / "registers").glob("*.csv")}
        assert names == set(BY_ID)
        for register in REGISTERS:
            heads = starter(lang, f"registers/{register.id}.csv").split("\n")[0].split(",")
            assert heads == [c.zh if lang == "zh" else c.en for c in register.columns]
    for lang, count in (("zh", f"{len(REGISTERS)} 份台账"), ("en", f"{len(REGISTERS)} registers")):
        page = Path(__file__).parents[3] / f"docs/{lang}/smart-finance.md"
        assert count in page.read_text(encoding="utf-8")
    good = words(Bank("en").concluded())
    assert set(good.values()) == {Result.CONFORMING, Result.NOT_APPLICABLE}
