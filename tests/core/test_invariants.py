"""The ten invariants of the design, each seen to fail when what it guards is broken.

Invariant 8 is the contract suite of the transports, 9 stands in test_plugins.py; the others here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from audit_core.api.sdk import check, fact, optional, passed
from audit_core.evaluate import evaluate
from audit_core.model import (
    Absent,
    Answer,
    Check,
    Command,
    Coverage,
    Judgement,
    ReadFile,
    Reason,
    Request,
    Result,
    Role,
    Severity,
    Status,
    Verdict,
    msg,
    observation_digest,
)
from audit_core.store.bundles import Bundle
from audit_core.store.runs import Store
from core.fakes import COLOUR, HOST, blue, collected, new_run, reply, work_of
from core.toy import toy
from core.whole import Whole, judged, read
from live.product import ENTRY, dengbao, environment, every_byte

TESTS = Path(__file__).parents[1]

# --- 1: every check on every target of its kind has exactly one finding -------------------------

SPREAD = """
blue_file = fact("toy.colour", str, kind="host", ask=ReadFile(path=str(HERE / "colour")),
                 parse=lambda a: a.text.strip())
port = fact("toy.port", str, kind="endpoint",
            ask=lambda t: Probe(prober="toy.echo", args={"port": t.settings["port"]}),
            parse=lambda a: a.text)

echo = probing(lambda request: str(request.args["port"]).encode())

@hookimpl
def dengbao_connectors():
    return [prober("echo", "endpoint")]

@check("toy.blue", needs=blue_file, severity=Severity.HIGH)
def is_blue(seen, *, wanted: frozenset[str] = frozenset({"blue", "azure", "cyan", "navy"})):
    \"\"\"It is blue.\"\"\"
    return expect(seen in wanted, detail=msg("it is {seen}", seen=seen))

@check("toy.even", needs=port, severity=Severity.LOW)
def is_even(seen):
    \"\"\"Its port is even.\"\"\"
    return expect(int(seen) % 2 == 0, detail=msg("port {seen}", seen=seen))
"""
CHECKS = ["toy.blue", "toy.even", "toy.not-installed"]

INVENTORY = """\
targets:
  - id: a
    access: {via: local}
  - id: b
    access: {via: local}
    endpoints: [{port: 8442}, {port: 8443}]
  - id: away
    address: 127.0.0.1
    access: {user: nobody, port: 1, password: env:TOY_PASSWORD}
    endpoints: [{port: 8444}]
  - id: db
    kind: database
"""
TOY_PASSWORD = "Xq7-planted-pass-word"


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], Any]:
    """A run over several hosts and parts, one host out of reach; its JSON."""
    base = tmp_path_factory.mktemp("spread")
    package = toy(base / "site", SPREAD, CHECKS)
    (package / "colour").write_text("blue\n")
    (base / "inventory.yaml").write_text(INVENTORY)
    env = environment(base, (base / "site",), TOY_PASSWORD=TOY_PASSWORD)
    done = dengbao("run", "toy", "-i", base / "inventory.yaml", "--store", base / "store",
                   "-o", base / "pack.zip", "--format", "json", env=env)  # fmt: skip
    done.ended(4)
    (base / "stdout").write_bytes(done.out)
    (base / "stderr").write_bytes(done.err)
    return base, env, done.json


def test_invariant_1_every_check_has_one_finding_on_every_target_of_its_kind(spread: Any) -> None:
    _, _, reported = spread
    found = Counter((f["check"], f["target"]) for f in reported["findings"])
    hosts, ends = ["a", "b", "away"], ["b/tls:8442", "b/tls:8443", "away/tls:8444"]
    wanted = [(c, t) for c in ("toy.blue", "toy.not-installed") for t in hosts]
    wanted += [("toy.even", t) for t in ends]
    wanted.append(("toy.not-installed", "db"))  # whatever kind it may be for
    assert found == Counter(dict.fromkeys(wanted, 1))


def test_invariant_1_what_could_not_be_reached_or_asked_says_so(spread: Any) -> None:
    _, _, reported = spread
    by_id = {f["id"]: f for f in reported["findings"]}
    assert by_id["toy.blue@a"]["verdict"] == "pass"
    away, missing = by_id["toy.blue@away"], by_id["toy.not-installed@a"]
    assert (away["verdict"], away["why"]) == ("undetermined", "unreachable")
    assert "127.0.0.1:1" in away["detail"]
    assert (missing["verdict"], missing["why"]) == ("undetermined", "unsupported")
    assert "toy.not-installed" in missing["detail"]
    assert by_id["toy.even@b/tls:8442"]["verdict"] == "pass"
    assert by_id["toy.even@b/tls:8443"]["verdict"] == "fail"
    assert by_id["toy.even@away/tls:8444"]["verdict"] == "pass"


def test_invariant_1_every_clause_has_one_conclusion_on_every_object(spread: Any) -> None:
    _, _, reported = spread
    found = Counter((c["clause"], c["target"]) for c in reported["conclusions"])
    objects = ["a", "b", "away", "db"]
    clauses = [f"1.{n}" for n, _ in enumerate(CHECKS)]
    assert found == Counter(dict.fromkeys([(c, t) for c in clauses for t in objects], 1))
    by_key = {(c["clause"], c["target"]): c["conclusion"] for c in reported["conclusions"]}
    assert by_key["1.0", "a"] == "conforming"
    assert by_key["1.0", "away"] == by_key["1.2", "a"] == "not_assessed"
    assert by_key["1.1", "b"] == "nonconforming"  # of its parts the worst counts
    assert by_key["1.1", "a"] == "not_assessed"  # no part of this kind: nobody looked


# --- 2: could not look is never pass and never fail ---------------------------------------------


def absent_check(request: Request) -> Check:
    """A check that would pass, and takes absence for a pass as well."""
    seen = fact("sure.fact", str, kind="host", ask=request, parse=lambda a: a.text)
    when = passed(msg("nothing there is as good as anything"))

    @check("sure.check", needs=seen, severity=Severity.HIGH, when_absent=when)
    def sure(value: str) -> Judgement:
        """It always passes."""
        return passed(msg("seen"))

    return sure


def judged_by(run: Any, *checks: Check) -> Whole:
    return judged(run, work_of(*checks))


def assert_blind(results: Whole, why: str) -> None:
    (finding,) = results.findings
    assert (finding.verdict, finding.why) == (Verdict.UNDETERMINED, why)
    assert finding.detail
    (conclusion,) = [c for c in results.conclusions if c.target == HOST.id]
    assert conclusion.conclusion is Result.NOT_ASSESSED
    assert conclusion.open_steps == (1,)


FILE = ReadFile(path="/colour")
STATUSES = {
    "not_permitted": "not_permitted", "not_regular": "unparsable", "changed": "unparsable",
    "timed_out": "timed_out", "unreachable": "unreachable", "no_reply": "unreachable",
    "malformed": "unparsable", "unsupported": "unsupported", "fault": "fault",
}  # fmt: skip


@pytest.mark.parametrize("request_", [COLOUR, FILE], ids=["command", "file"])
@pytest.mark.parametrize("status", [s for s in Status if s is not Status.ANSWERED])
def test_invariant_2_no_status_but_answered_reaches_a_check(
    tmp_path: Path, status: Status, request_: Request
) -> None:
    run = collected(tmp_path, reply(request_, b"blue\n", status=status))
    results = judged_by(run, absent_check(request_))
    if status is Status.NOT_PRESENT:
        (finding,) = results.findings
        missing_file = request_ is FILE  # a program that is missing says nothing of the target
        assert finding.verdict is (Verdict.PASS if missing_file else Verdict.UNDETERMINED)
        assert finding.why == ("not_present" if missing_file else "unsupported")
    else:
        assert_blind(results, STATUSES[status])


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.NOT_PRESENT])
def test_invariant_2_no_reason_for_not_reaching_a_target_is_a_verdict(
    tmp_path: Path, reason: Reason
) -> None:
    run = new_run(tmp_path)
    writer = run.writer(HOST.id)
    writer.fault(HOST.id, reason, msg("why"))
    writer.finish()
    Store(tmp_path).seal(run, "2026-01-02T03:05:00.000Z")
    assert_blind(judged_by(run, absent_check(COLOUR)), reason.value)


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.NOT_PRESENT])
def test_invariant_2_no_absence_that_a_parser_reports_is_a_verdict(
    tmp_path: Path, reason: Reason
) -> None:
    def parse(answer: Answer) -> Absent:
        return Absent(reason=reason, detail=msg("no"))

    seen = fact("sure.fact", str, kind="host", ask=COLOUR, parse=parse)

    @check("sure.opt", needs=optional(seen), severity=Severity.LOW, when_absent=passed(msg("x")))
    def sure(value: str | None) -> Judgement:
        """It always passes."""
        return passed(msg("seen"))

    assert_blind(judged_by(collected(tmp_path, reply()), sure), reason.value)


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.NOT_PRESENT])
def test_invariant_2_a_missing_program_means_what_its_request_says(
    tmp_path: Path, reason: Reason
) -> None:
    ask = Command(argv=("cat", "/colour"), not_found=reason)
    run = collected(tmp_path, reply(ask, status=Status.NOT_PRESENT, exit_code=127))
    assert_blind(judged_by(run, absent_check(ask)), reason.value)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"truncated": True}, "truncated"),
        ({"exit_code": 1}, "unparsable"),
        ({"exit_code": 255}, "unparsable"),
        ({"exit_code": None}, "unparsable"),
        ({"truncated": True, "exit_code": 141}, "truncated"),
    ],
)
def test_invariant_2_half_an_answer_is_none(tmp_path: Path, more: Any, why: str) -> None:
    run = collected(tmp_path, reply(**more))
    assert_blind(judged_by(run, absent_check(COLOUR)), why)


def test_invariant_2_what_was_never_asked_is_not_collected(tmp_path: Path) -> None:
    assert_blind(judged_by(collected(tmp_path), absent_check(COLOUR)), "not_collected")
    assert_blind(judged_by(new_run(tmp_path, id="20260102T030405Z-000abd"), blue), "not_collected")


def test_invariant_10_a_run_that_was_cut_off_is_not_carried_out_in_full(tmp_path: Path) -> None:
    whole = collected(tmp_path / "a", reply())
    cut = collected(tmp_path / "b", reply(), sealed=False)
    assert evaluate(whole, work_of(blue)).complete
    assert not evaluate(cut, work_of(blue)).complete


# --- 3: what is covered in part never conforms --------------------------------------------------


@pytest.mark.parametrize(
    ("role", "coverage"),
    [(Role.CAN_DENY, Coverage.PARTIAL), (Role.SUPPORTS, Coverage.SUPPORTS)],
)
def test_invariant_3_a_pass_that_settles_no_step_is_not_assessed(
    tmp_path: Path, role: Role, coverage: Coverage
) -> None:
    results = judged(collected(tmp_path, reply()), work_of(blue, role=role))
    (finding,) = results.findings
    assert finding.verdict is Verdict.PASS
    (conclusion,) = [c for c in results.conclusions if c.target == HOST.id]
    assert (conclusion.conclusion, conclusion.coverage) == (Result.NOT_ASSESSED, coverage)
    assert conclusion.open_steps == (1,)


def test_invariant_3_a_pass_that_settles_every_step_conforms(
    tmp_path: Path,
) -> None:
    (conclusion,) = [
        c for c in judged_by(collected(tmp_path, reply()), blue).conclusions if c.target == HOST.id
    ]
    assert conclusion.conclusion is Result.CONFORMING


# --- 4, 5, 6: the same bytes, over one path, resting on what is stored --------------------------


@pytest.fixture(scope="module")
def real(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> tuple[Path, str, bytes]:
    """This machine audited against level 3: the store, the run's id and its results.

    Its file systems are searched with `--all` only: half of the time of such a run.
    """
    base = tmp_path_factory.mktemp("real")
    sweep = str(bool(pytestconfig.getoption("all"))).lower()
    here = f"{{id: localhost, access: {{via: local}}, file_sweep: {sweep}}}"
    (base / "inventory.yaml").write_text(f"targets: [{here}]\n")
    done = dengbao("run", "gbt22239-l3", "-i", base / "inventory.yaml", "--store", base / "store",
                   "--format", "json", env=environment(base))  # fmt: skip
    done.ended(0)
    (path,) = (base / "store").glob("runs/*/results/*/index.json")
    return base, done.json["run"]["id"], path.read_bytes()


@pytest.mark.parametrize(
    "env",
    [
        {"TZ": "Asia/Shanghai", "PYTHONHASHSEED": "1", "LANG": "zh_CN.UTF-8", "LC_ALL": "C"},
        {"TZ": "America/New_York", "PYTHONHASHSEED": "4242", "LANG": "tr_TR.UTF-8"},
    ],
)
def test_invariant_4_and_5_evaluating_again_gives_the_bytes_of_the_live_run(
    real: tuple[Path, str, bytes], env: dict[str, str]
) -> None:
    base, run, before = real
    folder = base / "store" / "runs" / run / "results"
    shutil.rmtree(folder)
    folder.mkdir()
    done = dengbao("evaluate", run, "--store", base / "store", env=environment(base) | env)
    done.ended(0)
    (path,) = folder.glob("*/index.json")
    assert path.read_bytes() == before


def test_invariant_4_sets_and_order_do_not_show_in_the_bytes(spread: Any) -> None:
    base, env, _ = spread
    (path,) = (base / "store").glob("runs/*/results/*/index.json")
    before = path.read_bytes()
    assert any(b"azure" in object.read_bytes() for object in path.parent.glob("objects/*.json"))
    for seed in ("1", "2", "3", "77"):
        shutil.rmtree(path.parent)
        dengbao("evaluate", "latest", "--store", base / "store",
                env=env | {"PYTHONHASHSEED": seed}).ended(4)  # fmt: skip
        assert path.read_bytes() == before


def test_invariant_4_no_clock_is_read_when_a_bundle_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = collected(tmp_path, reply())
    before = evaluate(run, work_of(blue)).index
    assert "2026-01-02T03:04:05" in before.run.started
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    assert evaluate(run, work_of(blue)).index == before


def test_invariant_5_collect_then_evaluate_is_a_live_run(tmp_path: Path) -> None:
    package = toy(tmp_path / "site", SPREAD, ["toy.blue"])
    (package / "colour").write_text("blue\n")
    env = environment(tmp_path, (tmp_path / "site",))
    apart = dengbao("collect", "toy", "--store", tmp_path / "apart", env=env).ended(0)
    dengbao("evaluate", apart.stdout.strip(), "--store", tmp_path / "apart", env=env).ended(0)
    dengbao("run", "toy", "--store", tmp_path / "live", env=env).ended(0)

    one, two = read(tmp_path / "apart"), read(tmp_path / "live")
    assert [(f.id, f.verdict, f.detail) for f in one.findings] == [
        (f.id, f.verdict, f.detail) for f in two.findings
    ]
    assert one.conclusions == two.conclusions
    assert one.clauses == two.clauses


def test_invariant_6_all_evidence_stands_in_the_bundle_under_its_digest(
    real: tuple[Path, str, bytes],
) -> None:
    base, run, _ = real
    results = read(base / "store" / "runs" / run)
    held: dict[str, Any] = {}
    for path in (base / "store" / "runs" / run / "bundles").iterdir():
        bundle = Bundle(path)
        for observation in bundle.observations.values():
            held[observation_digest(observation)] = observation
            assert len(bundle.blob(observation.stdout_sha256)) == observation.stdout_size
            assert len(bundle.blob(observation.stderr_sha256)) == observation.stderr_size
    rested = {digest for finding in results.findings for digest in finding.evidence}
    assert len(rested) > 20
    assert rested <= held.keys()
    assert {o.digest for o in results.observations} == held.keys()
    seen = [f for f in results.findings if f.verdict in (Verdict.PASS, Verdict.FAIL)]
    assert seen
    declared_only = {f.check for f in seen if not f.evidence}
    assert declared_only == set()


# --- 7: no secret in any byte -------------------------------------------------------------------

IN_FILE, IN_ENV, IN_PROCESS = "Zz9-in-a-file", "Yy8-from-the-environment", "Ww7-of-a-process"

NOSY = """
import os
def raw(id, path, **more):
    return fact(id, str, kind="host", ask=ReadFile(path=path, **more), parse=lambda a: a.text)

def shows(id, needs):
    @check(id, needs=needs, severity=Severity.LOW)
    def shown(seen):
        \"\"\"It is empty.\"\"\"
        return failed(msg("it says {seen}", seen=seen))
    return shown

config = shows("toy.config", raw("toy.config-file", str(HERE / "app.conf")))
bare = shows("toy.bare", raw("toy.bare-file", str(HERE / "bare")))
environ = shows("toy.environ", fact("toy.environ-file", str, kind="host", parse=lambda a: a.text,
                ask=Command(argv=("cat", "/proc/" + (HERE / "pid").read_text() + "/environ"))))
here = shows("toy.env", fact("toy.env-cmd", str, kind="host", ask=Command(argv=("env",)),
             parse=lambda a: a.text))
fails = shows("toy.fails", fact("toy.error", str, kind="host", parse=lambda a: a.text,
              ask=Command(argv=("cat", str(HERE / "bare"), "/no/such"), ok=(0, 1))))
def boom(answer):
    raise ParseError(msg("cannot read {text}", text=verbatim(answer.text)))
quoted = shows("toy.quoted", fact("toy.quoted", str, kind="host", parse=boom,
               ask=ReadFile(path=str(HERE / "app.conf"), limit=999)))
"""

NOSY_INVENTORY = """\
targets:
  - id: a
    access: {via: local}
  - id: away
    address: 127.0.0.1
    access: {user: nobody, port: 1, password: env:TOY_PASSWORD}
"""


def test_invariant_7_no_planted_secret_is_in_any_byte_written(tmp_path: Path) -> None:
    secrets = (IN_FILE, IN_ENV, IN_PROCESS)
    names = ["toy.config", "toy.bare", "toy.environ", "toy.env", "toy.fails", "toy.quoted"]
    package = toy(tmp_path / "site", NOSY, names)
    (package / "app.conf").write_text(f"user = app\npassword = {IN_FILE}\n")
    (package / "bare").write_text(f"one\n{IN_ENV}\nthree\n")
    (tmp_path / "inventory.yaml").write_text(NOSY_INVENTORY)
    planted = subprocess.Popen(
        ["sleep", "300"], env={"APP_TOKEN": IN_PROCESS, "PATH": os.environ["PATH"]}
    )
    try:
        (package / "pid").write_text(str(planted.pid))
        env = environment(tmp_path, (tmp_path / "site",), TOY_PASSWORD=IN_ENV)
        shown = []
        for words in (["run", "toy", "-i", tmp_path / "inventory.yaml", "--at-once", "1",
                       "-o", tmp_path / "pack.zip"], ["results", "latest"],
                      ["results", "latest", "--format", "json"], ["plan", "toy", "-i",
                       tmp_path / "inventory.yaml"], ["doctor", "-i", tmp_path / "inventory.yaml"],
                      ["verify", tmp_path / "pack.zip"]):  # fmt: skip
            if words[0] in ("run", "results"):
                words += ["--store", tmp_path / "store"]
            done = dengbao(*words, env=env)
            done.ended(0, 4)
            shown.append(done.out + done.err)
    finally:
        planted.kill()
        planted.wait()
    reported = b"".join(shown)
    assert b"[redacted:" in reported
    assert b"user = app" in reported  # the files were read, and shown
    written = every_byte(tmp_path / "store")
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        written |= {Path(n): pack.read(n) for n in pack.namelist()}
        for book in [n for n in pack.namelist() if n.endswith(".xlsx")]:
            (tmp_path / "book").write_bytes(pack.read(book))
            with zipfile.ZipFile(tmp_path / "book") as sheets:
                written |= {Path(book, n): sheets.read(n) for n in sheets.namelist()}
    assert len(written) > 10
    for secret in secrets:
        assert secret.encode() not in reported
        holders = [str(path) for path, data in written.items() if secret.encode() in data]
        assert holders == [], secret


def test_invariant_7_a_secret_where_a_reference_belongs_is_not_repeated(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(NOSY_INVENTORY.replace("env:TOY_PASSWORD", IN_ENV))
    done = dengbao("plan", "gbt22239-l3", "-i", inventory, env=environment(tmp_path)).ended(65)
    assert IN_ENV.encode() not in done.out + done.err


def test_invariant_7_in_the_run_over_several_hosts_too(spread: Any) -> None:
    base, _, _ = spread
    for path, data in every_byte(base).items():
        assert TOY_PASSWORD.encode() not in data, path


def test_the_tests_call_the_entry_point_of_the_command() -> None:
    """The other tests call the entry point, not the script: it is the same function."""
    import tomllib

    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())
    assert project["project"]["scripts"]["dengbao"] == "audit_core.cli:entry"
    assert "audit_core.cli import entry" in ENTRY
    assert sys.version_info >= (3, 11)
