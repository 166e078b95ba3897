"""A broken, hostile or missing plugin affects only its own findings, which name the fault."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.api import plugins, trial
from audit_core.api.sdk import check, fact, passed
from audit_core.evaluate import Work
from audit_core.model import Answer, Check, Judgement, Severity, Verdict, msg
from audit_core.model.errors import ConfigError
from audit_core.store.runs import Run
from core.fakes import COLOUR, HOST, blue, collected, colour, read_colour, reply, work_of
from core.toy import install, toy
from core.whole import Whole, judged
from live.product import Done, dengbao, environment

GOOD = """
@check("toy.good", needs=fact("toy.true", str, kind="host", ask=Command(argv=("echo", "yes")),
       parse=lambda a: a.text.strip()), severity=Severity.LOW)
def good(seen):
    \"\"\"It says yes.\"\"\"
    return expect(seen == "yes", detail=msg("it says {seen}", seen=seen))
"""

BROKEN = {
    "import_error": ("import no_such_module_at_all\n", "ModuleNotFoundError"),
    "raises": ("raise RuntimeError('out of order')\n", "out of order"),
    "base_exception": ("raise SystemExit(0)\n", "its import ended the process"),
    "exits": ("import os\nos._exit(0)\n", "its import ended the process"),
    "dies": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "ended the process"),
    "misspelt": ("@hookimpl\ndef dengbao_cheks():\n    return []\n", "dengbao_cheks"),
    "raising_hook": ("@hookimpl\ndef dengbao_checks():\n    1 / 0\n", "ZeroDivisionError"),
    "wrong_offer": ("@hookimpl\ndef dengbao_checks():\n    return [1]\n", "expected Check, got"),
    "exit_in_hook": ("@hookimpl\ndef dengbao_checks():\n    exit(0)\n", "ended the process"),
    "os_exit_in_hook": (
        "import os\n@hookimpl\ndef dengbao_checks():\n    os._exit(0)\n", "ended the process"
    ),
    "none_offer": (
        "@hookimpl\ndef dengbao_facts():\n    return 5\n", "TypeError"
    ),
}  # fmt: skip


def run_toy(tmp_path: Path) -> tuple[Done, dict[str, Any]]:
    """A run under the profile `toy` on this machine, and its findings by check."""
    env = environment(tmp_path, (tmp_path / "site",))
    done = dengbao(
        "run",
        "toy",
        "--store",
        tmp_path / "store",
        "--format",
        "json",
        env=env,
    )
    done.ended(0, 4)
    return done, {f["check"]: f for f in done.json["findings"]}


def test_invariant_9_plugins_that_do_not_load_are_named_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    site = tmp_path / "site"
    toy(site, GOOD, ["toy.good"])
    for name, (source, _) in BROKEN.items():
        install(site, f"bad_{name}", source)
    done, findings = run_toy(tmp_path)
    assert findings["toy.good"]["verdict"] == "pass"
    faults = done.json["run"]["faults"]
    for name, (_, detail) in BROKEN.items():
        reported = [f for f in faults if f"bad_{name} " in f]
        assert len(reported) == 1, (name, faults)
        assert detail in reported[0]
    assert done.json["run"]["plugins"].keys() >= {"linux", "tls", "profiles", "toyplugin"}


def test_a_plugin_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr(trial, "_SECONDS", 0.2)
    monkeypatch.syspath_prepend(tmp_path)
    threads = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    hanging = {
        "sleeps": "import time\ntime.sleep(600)\n",
        "thread_without_end": threads,
        "deaf": "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(600)\n",
        "sleeping_hook": "import time\ndef dengbao_checks():\n    time.sleep(600)\n",
    }
    for name, source in hanging.items():
        with subtests.test(name):
            (tmp_path / f"hang_{name}.py").write_text(source)
            outcome = trial.dies(f"hang_{name}")
            assert outcome is not None
            assert str(outcome) == "its import took more than 0.2 s"


def test_two_plugins_that_offer_the_same_check_do_not_replace_each_other(tmp_path: Path) -> None:
    site = tmp_path / "site"
    toy(site, GOOD, ["toy.good"])
    twin = GOOD.replace('"yes"', '"no"').replace("toy.true", "toy.false")
    install(site, "zz_twin", twin + "\n@hookimpl\ndef dengbao_checks():\n    return [good]\n")
    done, findings = run_toy(tmp_path)
    assert findings["toy.good"]["detail"] == "it says yes"
    assert any("toy.good is offered by toyplugin already" in f for f in done.json["run"]["faults"])


FAULTY = (
    GOOD
    + """
import os
yes = fact("toy.yes", str, kind="host", ask=Command(argv=("echo", "yes")),
           parse=lambda a: a.text.strip())
def explode(answer):
    raise KeyError("a detail that may be a secret")
def leave(answer):
    os._exit(0)
boom = fact("toy.boom", str, kind="host", ask=Command(argv=("echo", "1")), parse=explode)
gone = fact("toy.gone", str, kind="host", ask=Command(argv=("echo", "2")), parse=leave)

@check("toy.raises", needs=yes, severity=Severity.HIGH)
def raises(seen):
    \"\"\"It raises.\"\"\"
    raise LookupError(seen)

@check("toy.none", needs=yes, severity=Severity.HIGH)
def none(seen):
    \"\"\"It returns nothing.\"\"\"

@check("toy.true-ish", needs=yes, severity=Severity.HIGH)
def trueish(seen):
    \"\"\"It returns True.\"\"\"
    return True

@check("toy.parser", needs=boom, severity=Severity.HIGH)
def parser(seen):
    \"\"\"Its parser raises.\"\"\"
    return passed(msg("x"))

@check("toy.exit", needs=yes, severity=Severity.HIGH)
def leaves(seen):
    \"\"\"It ends the process.\"\"\"
    os._exit(0)

@check("toy.parser-exit", needs=gone, severity=Severity.HIGH)
def parser_leaves(seen):
    \"\"\"Its parser ends the process.\"\"\"
    return passed(msg("x"))

@check("toy.sysexit", needs=yes, severity=Severity.HIGH)
def sysexit(seen):
    \"\"\"It raises SystemExit.\"\"\"
    raise SystemExit(0)

@check("toy.segv", needs=yes, severity=Severity.HIGH)
def segv(seen):
    \"\"\"It is killed.\"\"\"
    os.kill(os.getpid(), 11)
"""
)
FAULTS = ["toy.raises", "toy.none", "toy.true-ish", "toy.parser", "toy.exit", "toy.parser-exit",
          "toy.sysexit", "toy.segv"]  # fmt: skip


def test_invariant_9_checks_and_parsers_that_raise_or_die_cost_their_own_finding(
    tmp_path: Path,
) -> None:
    toy(tmp_path / "site", FAULTY, ["toy.good", *FAULTS])
    done, findings = run_toy(tmp_path)
    assert findings["toy.good"]["verdict"] == "pass"
    for name in FAULTS:
        assert (findings[name]["verdict"], findings[name]["why"]) == ("undetermined", "fault"), name
    assert "LookupError" in findings["toy.raises"]["detail"]
    assert "KeyError" in findings["toy.parser"]["detail"]
    assert "toy.exit" in findings["toy.exit"]["detail"]
    assert "toy.gone" in findings["toy.parser-exit"]["detail"]
    assert b"a detail that may be a secret" not in done.out + done.err


def _loop(*_: Any) -> Any:
    while True:
        pass


def _regex(answer: Answer) -> str:
    import re

    return str(re.match(r"(a+)+$", "a" * 40 + "!"))


def _waits(*_: Any) -> Any:
    time.sleep(1000)


def _named(id: str, parse: Any = read_colour, judge: Any = None) -> Check:
    seen = fact(f"{id}.fact", str, kind="host", ask=COLOUR, parse=parse)

    def function(value: str) -> Judgement:
        """It ends."""
        return judge(value) if judge else passed(msg("x"))

    return check(id, needs=seen, severity=Severity.LOW)(function)


def patiently(
    run: Run, work: Work, hangs: str, *, before: Callable[[], object] = lambda: None
) -> Whole:
    """The results in which nothing but the checks `hangs…` is a fault.

    On a busy machine any step may take so long that it looks like a hang:
    then every step is given more time.
    """
    for step_seconds in (0.5, 2.0, 8.0, 32.0):
        before()
        with contextlib.suppress(ConfigError):  # not even the first step was reached
            results = judged(run, work, step_seconds=step_seconds)
            faulted = [f.check for f in results.findings if f.why == "fault"]
            if all(check.startswith(hangs) for check in faulted):
                return results
    raise AssertionError("steps that do not hang were left out")


@pytest.mark.parametrize(
    ("id", "parse", "judge", "fault"),
    [
        ("hang.check", read_colour, _loop, "hang.check"),
        ("hang.sleep", read_colour, _waits, "hang.sleep"),
        ("hang.parser", _loop, None, "hang.parser.fact"),
        ("hang.regex", _regex, None, "hang.regex.fact"),
    ],
)
def test_invariant_9_what_hangs_is_left_out_and_named(
    tmp_path: Path, id: str, parse: Any, judge: Any, fault: str
) -> None:
    work = work_of(blue, _named(id, parse, judge), _named("after.it"))
    run = collected(tmp_path, reply())
    results = patiently(run, work, "hang.")
    found = {f.check: f for f in results.findings}
    assert found["fake.blue"].verdict is found["after.it"].verdict is Verdict.PASS
    assert (found[id].verdict, found[id].why) == (Verdict.UNDETERMINED, "fault")
    assert fault in found[id].detail[0].args.values()


@pytest.mark.parametrize("parser", [True, False])
def test_what_hangs_everywhere_is_not_tried_everywhere(tmp_path: Path, parser: bool) -> None:
    bad = _named("hang.all", _loop) if parser else _named("hang.all", judge=_loop)
    hosts = [structs.replace(HOST, id=f"web{n}") for n in range(8)]
    run = collected(tmp_path, reply(), hosts=hosts)
    results = patiently(run, work_of(blue, bad), "hang.")
    found = [f for f in results.findings if f.check == "hang.all"]
    assert [(f.verdict, f.why) for f in found] == [(Verdict.UNDETERMINED, "fault")] * 8
    assert sum("skipped here" in f.detail[0].id for f in found) == 3
    assert all(f.verdict is Verdict.PASS for f in results.findings if f.check == "fake.blue")


def test_results_with_a_fault_are_the_same_bytes_again(tmp_path: Path) -> None:
    run = collected(tmp_path, reply())
    work = work_of(blue, _named("hang.parser", _loop))
    assert patiently(run, work, "hang.") == patiently(run, work, "hang.")


def test_a_fact_that_hangs_is_left_out_for_every_check_that_needs_it(tmp_path: Path) -> None:
    tries = tmp_path / "tries"

    def hangs(answer: Answer) -> str:
        with tries.open("a") as file:
            file.write("once ")
        return str(_loop())

    slow = fact("slow.fact", str, kind="host", ask=COLOUR, parse=hangs)

    @check("slow.a", needs=(colour, slow), severity=Severity.LOW)
    def first(a: str, b: str) -> Judgement:
        """A."""
        return passed(msg("x"))

    @check("slow.b", needs=(slow, colour), severity=Severity.LOW)
    def second(a: str, b: str) -> Judgement:
        """B."""
        return passed(msg("x"))

    run = collected(tmp_path, reply())
    work = work_of(blue, first, second)
    results = patiently(run, work, "slow.", before=lambda: tries.write_text(""))
    assert tries.read_text() == "once "  # not once for each check
    verdicts = {f.check: f.verdict for f in results.findings}
    blind = Verdict.UNDETERMINED
    assert verdicts == {"fake.blue": Verdict.PASS, "slow.a": blind, "slow.b": blind}


@pytest.mark.parametrize(
    "value", [object(), {"a": 1}, {1, 2}, b"bytes", ("a", ("b",))], ids=lambda v: type(v).__name__
)
def test_invariant_9_what_cannot_be_written_costs_the_check_that_said_it(
    tmp_path: Path, value: Any
) -> None:
    def says(seen: str) -> Judgement:
        return passed(msg("{value}", value=value))

    work = work_of(blue, _named("odd.said", judge=says), _named("zz.last"))
    found = {f.check: f for f in judged(collected(tmp_path, reply()), work).findings}
    assert found["fake.blue"].verdict is found["zz.last"].verdict is Verdict.PASS
    assert (found["odd.said"].verdict, found["odd.said"].why) == (Verdict.UNDETERMINED, "fault")


@pytest.mark.parametrize(
    ("raw", "detail"), [(b"a\xffb\n", "a\\xffb"), (b"\xed\xa0\x80\n", "\\xed\\xa0\\x80")]
)
def test_bytes_that_are_not_text_are_escaped_in_findings(
    tmp_path: Path, raw: bytes, detail: str
) -> None:
    results = judged(collected(tmp_path, reply(stdout=raw)), work_of(blue))
    assert results.findings[0].detail[0].args == {"seen": detail}


def test_half_a_surrogate_pair_is_escaped(tmp_path: Path) -> None:
    work = work_of(_named("half", judge=lambda seen: passed(msg("{x}", x=("\ud800", "ok")))))
    results = judged(collected(tmp_path, reply()), work)
    assert results.findings[0].detail[0].args == {"x": ("\\xed\\xa0\\x80", "ok")}


# --- connectors in a process of their own -------------------------------------------------------

PROBED = (
    GOOD
    + """
import os
dead = probing(lambda request: os._exit(3))

@hookimpl
def dengbao_connectors():
    return [prober("dead", "host")]

class Other(Request, frozen=True, kw_only=True, tag="toy.other"):
    def describe(self):
        return "other"

probed_fact = fact("toy.dead", str, kind="host", ask=Probe(prober="dead"), parse=lambda a: a.text)
none = fact("toy.no-prober", str, kind="host", ask=Other(), parse=lambda a: a.text)

@check("toy.probed", needs=probed_fact, severity=Severity.HIGH)
def probed(seen):
    \"\"\"It was probed.\"\"\"
    return passed(msg("x"))

@check("toy.unprobed", needs=none, severity=Severity.HIGH)
def unprobed(seen):
    \"\"\"It was probed by nobody.\"\"\"
    return passed(msg("x"))
"""
)


def test_invariant_9_a_run_with_a_dying_prober_and_a_missing_one(tmp_path: Path) -> None:
    toy(tmp_path / "site", PROBED, ["toy.good", "toy.probed", "toy.unprobed"])
    _, findings = run_toy(tmp_path)
    assert findings["toy.good"]["verdict"] == "pass"
    assert findings["toy.probed"]["verdict"] == "undetermined"
    assert "the process of the connector ended" in findings["toy.probed"]["detail"]
    assert (findings["toy.unprobed"]["verdict"], findings["toy.unprobed"]["why"]) == (
        "undetermined", "unsupported",
    )  # fmt: skip


# --- what is left after a fault -----------------------------------------------------------------


def test_a_plugin_left_out_for_a_misspelt_hook_offers_nothing_at_all() -> None:
    import types

    from audit_core.api.hooks import hookimpl

    module: Any = types.ModuleType("half")

    @hookimpl
    def dengbao_checks() -> tuple[Check, ...]:
        return (blue,)

    @hookimpl
    def dengbao_chekcs() -> None: ...

    module.dengbao_checks, module.dengbao_chekcs = dengbao_checks, dengbao_chekcs
    registry = plugins.load((("half", module),))
    assert "fake.blue" not in registry.checks
    assert any(f.plugin == "half" for f in registry.faults)
