"""Facts made of several answers and of other facts, over parents, parts and other targets."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from audit_core import plan
from audit_core.api.sdk import (
    TARGET,
    check,
    complete,
    derive,
    each,
    each_part,
    fact,
    first_of,
    known_or_absent,
    not_applicable,
    not_present,
    of_parent,
    optional,
)
from audit_core.api.testkit import problems
from audit_core.evaluate import Evaluator
from audit_core.evaluate.fact_values import packed, unpacked
from audit_core.model import (
    Absent,
    Answers,
    Check,
    Command,
    Fact,
    Finding,
    Judgement,
    Known,
    Partial,
    Severity,
    Status,
    Target,
    Verdict,
    msg,
)

from .fakes import SITE, STAMP, module_of, new_run, registry_of, reply, work_of
from .whole import judged as evaluated

P, F, N, U = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE, Verdict.UNDETERMINED
WEB, DB = (Target(id=i, kind="host", object_type="server") for i in ("web", "db"))
TLS = Target(id="tls", kind="endpoint", object_type="server", parent="web")
TARGETS = (WEB, TLS, DB, SITE)
REFUSED = "refused"


def _given(value: Any, _: Any) -> Any:
    return value


def asking(word: str) -> Any:
    return lambda target: Command(argv=("say", word, target.id))


def read(answer: Any) -> Any:
    """The answer; `none` is not present, `bad` is read in part."""
    text = answer.text
    if text == "bad":
        return Partial(value=text, problems=(msg("line {number}", number=7),))
    return not_present(msg("there is none")) if text == "none" else text


def of(word: str, kind: str = "host") -> Fact:
    return fact(f"t.{word}", str, ask=asking(word), parse=read, kind=kind)


A, B, PORT = of("a"), of("b"), of("port", "endpoint")


def shown(value: Any) -> str:
    if isinstance(value, Absent):
        return f"<{value.reason}>"
    if isinstance(value, Known):
        return str(value.value)
    if isinstance(value, tuple):
        return " ".join(f"{t.id}={shown(got)}" for t, got in value)
    return str(value)


def checking(*needs: Any, says: Verdict = P, kind: str | None = None, **more: Any) -> Check:
    """A check that returns `says` and tells the values of its needs."""

    @check("t.check", needs=needs, severity=Severity.LOW, kind=kind, **more)
    def judge(*values: Any) -> Judgement:
        """It is so."""
        return Judgement(verdict=says, detail=(msg("{seen}", seen=tuple(map(shown, values))),))

    return judge


def findings(root: Path, what: Check, **answers: str) -> dict[str, Finding]:
    """The findings of `what` by target where hosts give `answers`, such as `a_web="x"`."""
    run = new_run(root, TARGETS)
    given = {tuple(key.split("_")): text for key, text in answers.items()}
    for group in plan.groups(TARGETS, [what]):
        if group.asked:
            writer = run.writer(group.root.id)
            for asked in group.asked:
                assert isinstance(asked.request, Command)
                text = given.pop(asked.request.argv[1:], "")
                status = Status.NOT_PERMITTED if text == REFUSED else Status.ANSWERED
                writer.add(asked.target, reply(asked.request, text.encode(), status=status), STAMP)
            writer.finish()
    assert not given, "the plan asks what is needed"
    results = evaluated(run, work_of(what))
    held = {o.digest for o in results.observations}
    assert all(held.issuperset(f.evidence) for f in results.findings)
    return {f.target: f for f in results.findings}


def seen(finding: Finding) -> tuple[Verdict, str, list[Any]]:
    """Verdict, code, and everything that is said."""
    return finding.verdict, finding.why, [v for m in finding.detail for v in m.args.values()]


def judged(root: Path, what: Check, **answers: str) -> tuple[Verdict, str, list[Any]]:
    return seen(findings(root, what, **answers)["web"])


def test_a_fact_of_several_answers(tmp_path: Path) -> None:
    def parse(answers: Answers) -> str:
        named = (answers[name] for name in ("one", "two", "three"))
        return "+".join(a.text if hasattr(a, "text") else shown(a) for a in named)

    asks = {
        "one": asking("one"),
        "two": optional(Command(argv=("say", "two", "web"))),
        "three": known_or_absent(asking("three")),
    }
    what = checking(fact("t.sum", str, kind="host", asks=asks, parse=parse))
    every = {"one_web": "1", "two_web": "2", "three_web": "3"}
    got = findings(tmp_path / "a", what, **every)["web"]
    assert (seen(got), len(got.evidence)) == ((P, "", [("1+2+3",)]), 3)
    gap = judged(tmp_path / "b", what, **every | {"three_web": REFUSED})
    assert gap == (U, "incomplete", ["say three web", ("1+2+<not_permitted>",)])
    for name in ("one_web", "two_web"):
        assert judged(tmp_path / name, what, **every | {name: REFUSED})[:2] == (U, "not_permitted")


def test_a_derived_fact_has_the_evidence_and_the_gaps_of_what_it_is_made_of(tmp_path: Path) -> None:
    both = derive("t.both", str, needs=(TARGET, A, optional(B)), make=lambda t, a, b: f"{a}{b}")
    what = checking(derive("t.twice", str, needs=both, make=lambda s: s * 2))
    got = findings(tmp_path / "a", what, a_web="x", b_web="y")["web"]
    assert (seen(got), len(got.evidence)) == ((P, "", [("xyxy",)]), 2)
    assert judged(tmp_path / "b", what, a_web="x", b_web=REFUSED)[:2] == (U, "not_permitted")
    assert judged(tmp_path / "c", what, a_web="none", b_web="y")[:2] == (U, "not_present")
    part = judged(tmp_path / "d", what, a_web="bad", b_web="y")
    assert part[:2] == (U, "incomplete")
    assert part[2] == ["say a web", msg("line {number}", number=7), ("badybady",)]


def test_what_was_not_seen_in_full_fails_or_is_undetermined(tmp_path: Path) -> None:
    gone: Any = {"when_absent": not_applicable(msg("nothing to judge"))}
    for says in Verdict:
        want = F if says is F else U
        for need, answers in ((A, "bad"), (known_or_absent(A), REFUSED)):
            got = judged(tmp_path / f"{says}{answers}", checking(need, says=says), a_web=answers)
            assert got[0] is want, (says, answers)
        gone_too = checking(known_or_absent(A), says=says)
        assert judged(tmp_path / f"{says}-", gone_too, a_web="none")[0] is want
        sure = checking(known_or_absent(optional(A)), says=says)
        assert judged(tmp_path / f"{says}+", sure, a_web=REFUSED)[0] is want
        assert judged(tmp_path / f"{says}=", sure, a_web="none")[2] == [("None",)]
    # What may be missing for another reason is not known to be absent.
    second = checking(A, known_or_absent(B), **gone)
    assert judged(tmp_path / "a", second, a_web="none", b_web="y")[0] is N
    assert judged(tmp_path / "b", second, a_web="none", b_web="bad")[0] is U
    hidden = derive("t.hidden", str, needs=A, make=lambda a: not_present(msg("none of it")))
    assert judged(tmp_path / "c", checking(hidden, **gone), a_web="x")[0] is N
    assert judged(tmp_path / "d", checking(hidden, **gone), a_web="bad")[0] is U


def test_a_check_may_ask_for_a_complete_fact(tmp_path: Path) -> None:
    strict = checking(complete(A), says=F)
    assert judged(tmp_path / "a", strict, a_web="bad")[:2] == (U, "unparsable")
    assert judged(tmp_path / "b", strict, a_web="x")[0] is F
    both = checking(A, known_or_absent(complete(A)), says=F)
    assert judged(tmp_path / "c", both, a_web="bad")[2][0] == ("bad", "<unparsable>")
    none = checking(optional(complete(A)))
    assert judged(tmp_path / "d", none, a_web="none") == (P, "", [("None",)])


def test_what_another_process_hands_on_has_the_type_of_its_fact() -> None:
    numbers = fact("t.n", tuple[int, ...], kind="host", ask=asking("n"), parse=read)
    for value, taken in (((1, 2), True), (("x",), False), ({"a": 1}, False), (object(), False)):
        raw = packed({("t.n", "web"): Known(value=value), ("t.other", "web"): Known(value=1)})
        ((key, got),) = unpacked([raw], [numbers]).items()
        assert key == ("t.n", "web")
        assert got == Known(value=value) if taken else isinstance(got, Absent), value


def test_a_parser_with_a_wrong_result_costs_only_its_fact(tmp_path: Path) -> None:
    deep: Any = msg("1")
    for _ in range(3):
        deep = msg("{one}", one=deep)
    cases: dict[str, tuple[Any, str]] = {
        "deep": (deep, "incomplete"),
        "none": (None, "fault"),
        "odd": (msg("{x}", x=[{}]), "fault"),  # type: ignore[arg-type]
    }
    for name, (detail, why) in cases.items():
        got = Partial(value=1, problems=(detail,))
        what = checking(
            fact("t.a", str, kind="host", ask=asking("a"), parse=functools.partial(_given, got))
        )
        assert judged(tmp_path / name, what, a_web="x")[:2] == (U, why)


def test_one_of_several_sources_is_enough_and_is_named(tmp_path: Path) -> None:
    what = checking(first_of(A, B))
    cases = {("x", "y"): ("x", "t.a"), (REFUSED, "y"): ("y", "t.b"), ("bad", "y"): ("y", "t.b")}
    for n, ((a, b), (value, source)) in enumerate(cases.items()):
        got = findings(tmp_path / str(n), what, a_web=a, b_web=b)["web"]
        assert (seen(got), got.sources) == ((P, "", [(value,)]), (source,))
        assert got.looked_at == (f"say {source[-1]} web",)
    assert judged(tmp_path / "u", what, a_web="none", b_web=REFUSED)[:2] == (U, "not_permitted")


def test_needs_reach_parents_parts_and_other_targets(tmp_path: Path) -> None:
    answers = {"a_web": "x", "a_db": "z", "port_tls": "443"}
    up = checking(PORT, of_parent(A))
    assert seen(findings(tmp_path / "u", up, a_web="x", port_tls="443")["tls"])[2] == [("443", "x")]
    down = checking(each_part(PORT), kind="host")
    got = findings(tmp_path / "d", down, port_tls="443")
    assert [seen(got[t])[2] for t in ("web", "db")] == [[("tls=443",)], [("",)]]

    ports = derive("t.ports", str, needs=(A, each_part(PORT)), make=lambda a, p: a + shown(p))
    wide = checking(each("host", ports), kind="site")
    got = findings(tmp_path / "w", wide, **answers)
    assert seen(got["site"]) == (P, "", [("web=xtls=443 db=z",)])
    assert len(got["site"].evidence) == 3
    gap = findings(tmp_path / "g", wide, **answers | {"a_db": REFUSED})["site"]
    assert (gap.verdict, gap.why) == (U, "incomplete")
    assert "web=xtls=443 db=<not_permitted>" in seen(gap)[2][-1]
    none = findings(tmp_path / "n", wide, **answers | {"port_tls": "none"})["site"]
    assert seen(none) == (P, "", [("web=xtls=<not_present> db=z",)])


def test_groups_share_only_what_a_check_of_this_run_needs(tmp_path: Path) -> None:
    for kind, numbers in (("site", (0, 1)), ("endpoint", (0, 1)), ("database", ())):
        run = new_run(tmp_path / kind, TARGETS)
        wide = checking(each("host", A), kind=kind)
        assert Evaluator(run, work_of(wide)).shared_by() == numbers, kind


def test_a_part_of_nothing_has_no_facts_of_a_parent(tmp_path: Path) -> None:
    what = checking(of_parent(PORT), kind="host")
    assert judged(tmp_path, what)[:2] == (U, "not_collected")


def test_what_cannot_be_linked_costs_only_what_needs_it() -> None:
    again = fact("t.a", int, kind="host", ask=Command(argv=("other",)), parse=len)
    loop = derive("t.loop", str, needs="t.turn", make=str, kind="host")
    turn = derive("t.turn", str, needs=loop, make=str)
    wide = derive("t.wide", str, needs=each("host", A), make=str, kind="host")
    wrong = {
        "no plugin offers the fact t.nothing": (optional("t.nothing"),),
        "t.loop → t.turn → t.loop": (known_or_absent(loop), turn),
        "the fact t.a differs": (A, again),
        "t.port is a fact about a endpoint": (A, "t.port", each_part(PORT)),
        "t.wide needs other targets itself": (each("host", wide),),
    }
    for detail, needs in wrong.items():
        registry = registry_of(checking(*needs, kind="host"))
        reported = " ".join(
            str(f.detail.args["error"]) for f in registry.faults if f.plugin == "fake"
        )
        assert detail in reported
        assert "t.check" not in registry.checks
        assert len(registry.checks) > 50, "others go on"


def test_an_id_stands_for_a_fact_of_another_plugin(tmp_path: Path) -> None:
    registry = registry_of(checking("linux.accounts", optional("linux.shadow"), kind="host"))
    assert not registry.faults
    linked = registry.checks["t.check"]
    assert linked.needs[0] is registry.facts["linux.accounts"]
    [group] = plan.groups((WEB,), [linked])
    assert {a.fact for a in group.asked} == {"linux.accounts", "linux.shadow"}


def test_the_contract_holds_parsers_of_several_answers_to_every_hostile_text() -> None:
    def careless(answers: Answers) -> int:
        return len(answers["b"].stdout) if answers["a"].stdout else int(answers["b"].text or 0)

    def reported(parse: Any, **asks: Any) -> str:
        what = checking(fact("t.sum", int, kind="host", asks=asks, parse=parse))
        return " ".join(problems(module_of(what)))

    plain = Command(argv=("a",)), Command(argv=("b",))
    assert "raises ValueError" in reported(careless, a=plain[0], b=plain[1])
    assert "raises AttributeError" in reported(careless, a=plain[0], b=optional(plain[1]))
    empty = reported(lambda answers: Partial(value=1, problems=()), a=plain[0])
    assert "does not say what is missing" in empty


def test_the_example_of_the_page_holds() -> None:
    page = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [block] = [b for b in page.split("```python\n") if "derive(" in b]
    names: dict[str, Any] = {"__name__": "tmux_example"}
    exec(block.partition("```")[0], names)
    what = checking(names["COUNT"])
    assert not [p for p in problems(module_of(what)) if "no Chinese" not in p]
