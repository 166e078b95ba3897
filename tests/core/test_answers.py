"""What people answered: which answer holds, what becomes of conclusions, and broken files."""

from __future__ import annotations

import datetime
import hashlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from audit_core.attest.answers_in_force import AnswersInForce
from audit_core.attest.limits import in_words
from audit_core.attest.reading import Given, read_answers
from audit_core.evaluate import assess
from audit_core.evaluate.tally import tallied
from audit_core.evaluate.units import StepStatements
from audit_core.model import Conclusion, Result, Severity, StepState, Target, Verdict, msg
from audit_core.model.attestations import (
    AnswerState,
    AnswerVerdict,
    Attestation,
    StepOf,
    Superseded,
)
from audit_core.model.errors import InputError
from audit_core.model.units import Step, UnitRule
from audit_core.policy import Policy, load_policy
from audit_core.policy.model import Binding
from audit_core.store.redact import redact
from installed import registry

from .fakes import HOST, clause
from .test_assess import (
    BAD,
    DENY,
    GOOD,
    NA,
    PART,
    SETTLES,
    SUPP,
    F,
    N,
    P,
    U,
    by_findings,
    finding,
    statements,
    unit,
    units,
)

DAY = "2026-11-20"
AFFIRMED, DENIED = AnswerVerdict.AFFIRMED, AnswerVerdict.DENIED
NOT_HERE, VALUE = AnswerVerdict.NOT_APPLICABLE, AnswerVerdict.VALUE


def answer(
    step: int, verdict: AnswerVerdict, selector: str = "", entered: str = DAY, **more: Any
) -> Attestation:
    return Attestation(
        question=f"cat/1.1/{step}" + (f"@{selector}" if selector else ""),
        selector=selector,
        steps=(StepOf(catalog="cat", clause="1.1", step=step),),
        verdict=verdict,
        by="Zhang",
        entered=entered,
        **{"date": DAY, "text": "seen", "reason": "not here"} | more,
    )


def concluded(
    made: Any, what: Sequence[StepStatements], *answers: Attestation, judged: str = DAY
) -> Conclusion:
    return assess.conclude(made, HOST, what, AnswersInForce(answers, judged))


# --- which answer holds -------------------------------------------------------------------------


def test_the_answer_for_the_fewest_objects_is_taken_and_the_newest_of_these() -> None:
    target = replace(HOST, zone="dmz", tags=("payment", "internet"))
    made, step = clause("1.1"), Step(number=1)
    whole, group = answer(1, AFFIRMED), answer(1, DENIED, "object_type:server")
    own = answer(1, NOT_HERE, "web1")
    later = answer(1, AFFIRMED, "web1", "2026-11-22")
    zone = answer(1, AFFIRMED, "zone:dmz", "2026-11-25")
    cases: Sequence[tuple[tuple[Attestation, ...], Attestation]] = [
        ((whole,), whole),
        ((whole, group), group),
        ((own, whole, group), own),
        ((later, own, whole), later),
        ((own, later, group), later),
        # the worse of two groups; one that does not hold any more leaves the question open
        ((zone, group), group),
        ((zone, replace(group, verdict=VALUE)), group),
        (
            (whole, answer(1, DENIED, "tag:internet"), answer(1, DENIED, "tag:intranet")),
            answer(1, DENIED, "tag:internet"),
        ),
        ((whole, answer(1, DENIED, "web2"), answer(1, DENIED, "zone:lan")), whole),
    ]
    for given_, taken in cases:
        for order in (given_, given_[::-1]):
            got = AnswersInForce(order, DAY).of(made, step, target)
            assert got is not None
            assert (got.question, got.entered) == (taken.question, taken.entered), given_
    assert AnswersInForce((own,), DAY).of(made, step, replace(HOST, id="web2")) is None
    assert AnswersInForce((own,), DAY).of(made, Step(number=2), target) is None


def test_an_answer_holds_until_its_step_or_its_author_says() -> None:
    half, year = Step(number=1), Step(number=1, freshness_days=365)
    over = Superseded(date="2026-12-01", why="new bastion")
    cases: Sequence[tuple[Attestation, Step, str, AnswerState]] = [
        (answer(1, AFFIRMED), half, "2027-05-22", AnswerState.COUNTS),
        (answer(1, AFFIRMED), half, "2027-05-23", AnswerState.EXPIRED),
        (answer(1, DENIED), half, "2027-05-23", AnswerState.EXPIRED),
        (answer(1, AFFIRMED), year, "2027-11-20", AnswerState.COUNTS),
        (answer(1, AFFIRMED), year, "2027-11-21", AnswerState.EXPIRED),
        (answer(1, AFFIRMED, expires="2026-11-21"), year, "2026-11-22", AnswerState.EXPIRED),
        # nobody can make an answer hold longer than its step allows
        (answer(1, AFFIRMED, expires="2099-01-01"), half, "2027-05-23", AnswerState.EXPIRED),
        (answer(1, AFFIRMED, superseded=over), half, "2026-11-30", AnswerState.COUNTS),
        (answer(1, AFFIRMED, superseded=over), half, "2026-12-01", AnswerState.SUPERSEDED),
        (answer(1, VALUE, value="8"), half, DAY, AnswerState.UNJUDGED),
        (answer(1, AFFIRMED, date="9999-12-30"), half, "9999-12-31", AnswerState.COUNTS),
        # what was seen after the collection counts for it
        (answer(1, AFFIRMED), half, "2026-01-01", AnswerState.COUNTS),
    ]
    for given_, step, judged, state in cases:
        got = AnswersInForce((given_,), judged).of(clause("1.1"), step, HOST)
        assert got is not None
        assert got.state is state, (given_, judged)


def test_dates_are_held_to_the_limit_of_their_step() -> None:
    year, quarters, reach = "age<=365d", "gaps<=92d*4", "reach>=180d"
    on_time = "2026-11-01, 2026-08-05, 2026-05-06, 2026-02-05"
    cases: Sequence[tuple[str, AnswerVerdict, str, AnswerVerdict, AnswerState, str]] = [
        # limit, verdict, dates; what comes of it, and the last day
        (year, AFFIRMED, "2025-11-20", AFFIRMED, AnswerState.COUNTS, "2026-11-20"),
        (year, AFFIRMED, "2025-11-19", DENIED, AnswerState.COUNTS, "2027-05-22"),
        (year, VALUE, "2025-11-19", DENIED, AnswerState.COUNTS, "2027-05-22"),
        (year, AFFIRMED, "2024-01-01, 2026-03-01", AFFIRMED, AnswerState.COUNTS, "2027-03-01"),
        # A date in time affirms nothing by itself: the step asks for more.
        (year, VALUE, "2026-01-01", VALUE, AnswerState.UNJUDGED, "2027-01-01"),
        (year, NOT_HERE, "2020-01-01", NOT_HERE, AnswerState.COUNTS, "2027-05-22"),
        (quarters, AFFIRMED, on_time, AFFIRMED, AnswerState.COUNTS, "2027-02-01"),
        (quarters, AFFIRMED, on_time.replace("08-05", "08-20"), DENIED, AnswerState.COUNTS,
         "2027-05-22"),
        (quarters, AFFIRMED, f"{on_time}, 2020-01-01", AFFIRMED, AnswerState.COUNTS, "2027-02-01"),
        (reach, AFFIRMED, "2026-05-24, 2026-01-01", AFFIRMED, AnswerState.COUNTS, "2027-05-22"),
        (reach, AFFIRMED, "2026-05-25, 2026-01-01", DENIED, AnswerState.COUNTS, "2027-05-22"),
        ("", AFFIRMED, "1990-01-01", AFFIRMED, AnswerState.COUNTS, "2027-05-22"),
        (year, AFFIRMED, "soon", AFFIRMED, AnswerState.COUNTS, "2027-05-22"),
    ]  # fmt: skip
    for limit, verdict, value, stated, state, last in cases:
        step = Step(number=1, limit=limit)
        got = AnswersInForce((answer(1, verdict, value=value),), DAY).of(clause("1.1"), step, HOST)
        assert got is not None
        assert (got.verdict, got.state, got.valid_until) == (stated, state, last), (limit, value)
        assert bool(got.limit) is (stated is not verdict)
    step = Step(number=1, limit=year)
    for text, verdict in {"2025-11-19〔report〕": DENIED, "2025-11-20": AFFIRMED,
                          "last on 2020-01-01": AFFIRMED}.items():  # fmt: skip
        got = AnswersInForce((answer(1, AFFIRMED, text=text),), DAY).of(clause("1.1"), step, HOST)
        assert got is not None
        assert got.verdict is verdict, text
    made = unit("1")
    made = replace(made, steps=(replace(made.steps[0], limit=year),))
    late = concluded(made, (), answer(1, AFFIRMED, value="2025-01-01"))
    assert (late.conclusion, late.why[0].args["limit"]) == (BAD, in_words(year))


def test_a_newer_answer_that_expired_does_not_bring_back_the_older_one() -> None:
    older, newer = answer(1, AFFIRMED), answer(1, DENIED, "", "2026-11-21", expires="2026-11-22")
    got = concluded(unit("1"), (), older, newer, judged="2026-12-01")
    assert got.steps[0].state is StepState.OPEN
    assert got.why[-1].id.startswith("Step {step} is open again")


# --- conclusions --------------------------------------------------------------------------------


def test_answers_beside_checks() -> None:
    seen = {"": (), "pass": (SETTLES, P), "fail": (DENY, F), "can": (DENY, P), "none": (SETTLES, N),
            "blind": (SETTLES, U)}  # fmt: skip
    cases: Sequence[tuple[str, AnswerVerdict, StepState, bool]] = [
        # what checks say, what a person says, the step, whether it is a contradiction
        ("", AFFIRMED, StepState.AFFIRMED, False),
        ("", DENIED, StepState.DENIED, False),
        ("", NOT_HERE, StepState.NOT_APPLICABLE, False),
        ("", VALUE, StepState.OPEN, False),
        ("blind", AFFIRMED, StepState.AFFIRMED, False),
        ("blind", NOT_HERE, StepState.NOT_APPLICABLE, False),
        ("can", AFFIRMED, StepState.AFFIRMED, False),
        ("can", NOT_HERE, StepState.OPEN, True),
        ("fail", AFFIRMED, StepState.DENIED, True),
        ("fail", NOT_HERE, StepState.DENIED, True),
        ("fail", DENIED, StepState.DENIED, False),
        ("pass", AFFIRMED, StepState.AFFIRMED, False),
        ("pass", NOT_HERE, StepState.AFFIRMED, True),
        ("pass", DENIED, StepState.DENIED, True),
        ("none", DENIED, StepState.DENIED, True),
    ]
    for what, verdict, state, contradicts in cases:
        by_checks = [statements(1, *seen[what])] if what else []  # type: ignore[arg-type]
        got = concluded(unit("1", partial=False), by_checks, answer(1, verdict, value="8"))
        assert got.steps[0].state is state, (what, verdict)
        assert got.steps[0].answer is not None
        shown = [m for m in got.why if m.id.startswith("CONTRADICTION")]
        assert bool(shown) is contradicts, (what, verdict)


def test_a_pack_can_be_finished_by_people() -> None:
    made = unit("1&2")
    assert concluded(made, (), answer(1, AFFIRMED), answer(2, AFFIRMED)).conclusion is GOOD
    half = concluded(made, (), answer(1, AFFIRMED))
    assert (half.conclusion, half.range) == (Result.NOT_ASSESSED, (PART, GOOD))
    assert half.why[0].id == "Steps {steps} are still to be answered"
    never = concluded(made, (), answer(1, NOT_HERE), answer(2, NOT_HERE))
    assert (never.conclusion, never.why[0].args["reason"]) == (NA, "not here")
    bad = concluded(made, (), answer(1, DENIED), answer(2, DENIED))
    assert (bad.conclusion, len(bad.why)) == (BAD, 2)


_GIVEN = st.dictionaries(st.integers(1, 4), st.sampled_from(list(AnswerVerdict)))


@given(units(), _GIVEN)
def test_an_answer_only_narrows_and_losing_one_only_widens(
    given_: tuple[Any, list[tuple[int, Any, Verdict]]], stated: dict[int, AnswerVerdict]
) -> None:
    made, what = given_
    before = by_findings(made, what)
    states = {step.number: step.state for step in before.steps}
    # A person who denies what checks settled is heard: that is a contradiction, not an answer.
    stated = {n: v for n, v in stated.items() if states.get(n) is StepState.OPEN or v is not DENIED}
    ranges = [before.range]
    for count in range(1, len(stated) + 1):
        some = [answer(n, v) for n, v in list(stated.items())[:count]]
        ranges.append(heard(made, what, some).range)
    for wider, narrower in itertools.pairwise(ranges):
        assert set(narrower) <= set(wider)


@given(units(), _GIVEN, st.integers(1, 4))
def test_a_denial_never_improves_anything(
    given_: tuple[Any, list[tuple[int, Any, Verdict]]],
    stated: dict[int, AnswerVerdict],
    denied: int,
) -> None:
    made, what = given_
    others = [answer(n, v) for n, v in stated.items() if n != denied]
    without, with_it = (
        heard(made, what, given) for given in (others, [*others, answer(denied, DENIED)])
    )
    order = (BAD, PART, GOOD, NA)
    for pick in (min, max):
        worse, better = (pick(map(order.index, c.range)) for c in (with_it, without))
        assert worse <= better
    assert with_it.conclusion not in (GOOD, NA) or with_it.conclusion == without.conclusion


def heard(made: Any, what: Any, answers: Sequence[Attestation]) -> Conclusion:
    statements_ = [
        StepStatements(step=step, role=role, tally=s.tally)
        for n, (step, role, verdict) in enumerate(what)
        for s in (statements(step, role, verdict),)
    ]
    return assess.conclude(made, HOST, statements_, AnswersInForce(answers, DAY))


# --- files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(registry().policy_dirs)


Read = Callable[[str], Given]


@pytest.fixture
def read(policy: Policy, tmp_path: Path) -> Read:
    def cut(data: bytes) -> tuple[bytes, tuple[str, ...]]:
        done = redact(data)
        return done.data, done.rules

    def reading(text: str) -> Given:
        path = tmp_path / "a.yaml"
        path.write_text(text, encoding="utf-8")
        return read_answers([path], policy, cut, today=datetime.date(2026, 11, 29))

    return reading


ONE = {
    "question": "gbt22239-2019/8.1.7.1a/1", "verdict": "affirmed", "text": "seen", "by": "Zhang",
    "date": "2026-11-20", "entered": "2026-11-21",
}  # fmt: skip


def written(**more: str) -> str:
    """One answer; what is empty is left out."""
    keys = {k: v for k, v in (ONE | more).items() if v}
    return "answers:\n- " + "\n  ".join(f"{k}: {v}" for k, v in keys.items()) + "\n"


def test_an_answer_speaks_for_every_step_that_asks_the_same(read: Read) -> None:
    (got,) = read(written(question="gbt22239-2019/7.1.4.1a/2@web1")).answers.answers
    assert {(s.clause, s.step) for s in got.steps} == {("8.1.4.1a", 2), ("7.1.4.1a", 2)}
    assert (got.selector, got.where) == ("web1", "a.yaml:2")


BROKEN = {
    "8: answers[0].value: expected days like 2026-11-29, with commas between, got 'last year'": {
        "question": "smart-finance/7.1.3/1",
        "value": "last year",
    },
    "3: answers[0].verdict: expected one of affirmed, denied, not_applicable, value, got 'yes'": {
        "verdict": "yes"
    },
    "2: answers[0].question: expected the id of a question": {"question": "8.1.7.1a"},
    "2: answers[0].question: expected the id of a catalog, got 'gbt22239'; did you mean": {
        "question": "gbt22239/8.1.7.1a/1"
    },
    "2: answers[0].question: expected a clause of gbt22239-2019, got '8.1.7.1z'; did you mean": {
        "question": "gbt22239-2019/8.1.7.1z/1"
    },
    "2: answers[0].question: expected one of 1, 2, 3, got '9'": {
        "question": "gbt22239-2019/8.1.7.1a/9"
    },
    "2: answers[0].question: expected one of object_type, zone, business_system, owner, tag": {
        "question": "gbt22239-2019/8.1.7.1a/1@zones:dmz"
    },
    "2: answers[0].question: expected one of network_device": {
        "question": "gbt22239-2019/8.1.7.1a/1@object_type:servers"
    },
    "2: answers[0].question: expected an id of letters": {
        "question": "gbt22239-2019/8.1.7.1a/1@../x"
    },
    "2: answers[0].text: expected a text (the verdict is affirmed), got nothing": {"text": ""},
    "2: answers[0].reason: expected a text (the verdict is not_applicable)": {
        "verdict": "not_applicable"
    },
    "2: answers[0].value: expected a text (the verdict is value)": {"verdict": "value"},
    "8: answers[0].reason: expected a reason only where": {"reason": "no"},
    "6: answers[0].date: expected a day like 2026-11-29, got '2026-02-30'": {"date": "2026-02-30"},
    "6: answers[0].date: expected a day like 2026-11-29, got '20261120'": {"date": "20261120"},
    "7: answers[0].entered: expected a day not before 2026-11-20, got '2026-11-19'": {
        "entered": "2026-11-19"
    },
    "7: answers[0].entered: expected a day that is not in the future, got '2027-01-01'": {
        "entered": "2027-01-01"
    },
    "8: answers[0].expires: expected a day not before 2026-11-20": {"expires": "2026-11-19"},
    "8: answers[0].expiry: expected one of the keys": {"expiry": "2026-11-19"},
    "5: answers[0].by: expected printable text of 1 to 100 characters": {"by": "x" * 101},
    "4: answers[0].text: expected printable text of 1 to 4000 characters": {"text": '"a\\u202Eb"'},
    "4: answers[0].text: expected printable text": {"text": '"a\\u0000b"'},
    "4: answers[0].text: expected text, got a list": {"text": "[a]"},
    "4: (top): expected no anchors and aliases": {"text": "&a x"},
    "4: (top): expected no tags": {"text": "!!python/object/apply:os.system [id]"},
    "5: answers[0].text: expected each key once": {"text": "a\n  text: b"},
    "8: answers[0].attachments[0].file: expected a file in the directory": {
        "attachments": f"[{{file: ../b.txt, sha256: {'0' * 64}}}]"
    },
    "8: answers[0].attachments[0].file: expected a file in the directory of": {
        "attachments": f"[{{file: /etc/passwd, sha256: {'0' * 64}}}]"
    },
    "8: answers[0].attachments[0].file: expected a file that can be read": {
        "attachments": f"[{{file: gone.txt, sha256: {'0' * 64}}}]"
    },
    "8: answers[0].attachments[0].sha256: expected a SHA-256": {
        "attachments": "[{file: a.yaml, sha256: abc}]"
    },
    "8: answers[0].attachments[0].sha256: expected that of the file": {
        "attachments": f"[{{file: a.yaml, sha256: {'0' * 64}}}]"
    },
}


def test_a_broken_file_is_refused_with_its_place(read: Read, tmp_path: Path) -> None:
    for reported, more in BROKEN.items():
        with pytest.raises(InputError) as caught:
            read(written(**more))
        assert str(caught.value).startswith(f"{tmp_path}/a.yaml:{reported}"), (
            reported,
            caught.value,
        )
        assert "\n" not in str(caught.value)
    whole = {
        "": "1: (top): expected",
        "answers: 1": "1: answers: expected a list, got '1'",
        "[" * 5000: "1: (top): ",
        "answers: [" + "a," * (1 << 20) + "]": "1: (top): expected at most",
        written() + written()[9:]: "8: answers[1].question: expected one answer to a question",
    }
    for text, reported in whole.items():
        with pytest.raises(InputError) as caught:
            read(text)
        assert str(caught.value).startswith(f"{tmp_path}/a.yaml:{reported}"), caught.value


def test_attachments_are_kept_by_digest_and_texts_lose_their_secrets(
    read: Read, tmp_path: Path
) -> None:
    secret, picture = (
        b"user root\npassword=hunter2hunter2\n",
        b"\x89PNG\r\n\x1a\n\0password=hunter2x",
    )
    for name, data in (("a.txt", secret), ("b.png", picture)):
        (tmp_path / name).write_bytes(data)
    listed = ", ".join(
        f"{{file: {name}, sha256: {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}}}"
        for name in ("a.txt", "b.png")
    )
    got = read(written(attachments=f"[{listed}]", text="'its password=hunter2hunter2'"))
    (attested,) = got.answers.answers
    text, image = attested.attachments
    assert "hunter2" not in attested.text
    assert b"hunter2" not in got.blobs[text.stored]
    assert text.redactions
    assert text.sha256 == hashlib.sha256(secret).hexdigest() != text.stored
    assert got.blobs[image.stored] == picture
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="expected a file in the directory"):
        read(written(attachments=f"[{{file: link.txt, sha256: {'0' * 64}}}]"))


def test_nothing_but_a_target_of_the_run_is_spoken_for() -> None:
    other = Target(id="db1", kind="database", object_type="database")
    (got,) = assess.assess(
        [clause("1.1", applies_to=("database",))],
        other,
        {},
        {},
        AnswersInForce([answer(1, AFFIRMED)], DAY),
    )
    assert got.conclusion is GOOD


def test_what_was_concluded_elsewhere_is_used_only_where_everything_is_equal() -> None:
    two = clause(
        "1.1",
        rule=UnitRule(alternatives=((1, 2),), partial_possible=True),
        steps=(Step(number=1), Step(number=2, applies_to=("server",))),
        concerns=("server", "database"),
    )
    bound = assess.by_clause([
        Binding(catalog="cat", clause="1.1", check=check, step=step, role=role)
        for check, step, role in (("c", 1, SETTLES), ("c-d", 2, SETTLES), ("e", 1, SUPP))
    ])  # fmt: skip
    standing = AnswersInForce([answer(2, DENIED, "h1"), answer(2, AFFIRMED, "zone:dmz")], DAY)
    targets = [
        *(replace(HOST, id=f"h{n}") for n in range(3)),
        replace(HOST, id="h3", zone="dmz"),
        replace(HOST, id="db", object_type="database"),
        replace(HOST, id="gone", left_out="sold"),
    ]
    kept, tried = assess.Concluded(), 0
    for verdicts in itertools.product((P, F, N, U), repeat=3):
        for target, severity, detail, part in itertools.product(
            targets, (Severity.HIGH, Severity.LOW), ("seen", "other"), ("", "/tls:443")
        ):
            found = [
                finding(v, c, target.id) for v, c in zip(verdicts, ("c", "c-d", "e"), strict=True)
            ]
            found[0] = replace(finding(verdicts[0], "c", target.id + part), severity=severity)
            found[1] = replace(found[1], detail=(msg(detail),))
            made = [
                assess.assess([two], target, tallied(found), bound, standing, concluded=known)
                for known in (kept, None)
            ]
            assert made[0] == made[1]
            tried += 1
    assert 0 < len(kept._kept) < tried / 6
