"""Single faults of registers, each with the verdict of the check that has to see it.

What is not recorded, is to come, or cannot be told, is no pass.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from audit_core.model import Verdict
from audit_register.rules import day_of, is_older, moved
from invented.bank import TODAY, Bank

from .test_model_bank import cell, day, replaced

Edit = Callable[[str], str]
P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def more(*rows: str) -> Edit:
    """The register with rows at its end."""
    return lambda text: text.rstrip("\n") + "\n" + "\n".join(rows) + "\n"


def both(*edits: Edit) -> Edit:
    def edit(text: str) -> str:
        for one in edits:
            text = one(text)
        return text

    return edit


def shift(ago: int, start: str, end: str, number: str = "1001") -> str:
    return f"{day(ago)} {start},{day(ago)} {end},{number}"


LATER = day(-40)
# the register, what is changed, the check without its family, and its verdict
FAULTS: tuple[tuple[str, str, Edit, str, Verdict], ...] = (
    # keys by blanks, width and case; owners
    ("key of other width, with blanks", "policies", more(f"ＡＢ,其他,1,{day(1)},1002",
     f"a b,其他,1,{day(1)},1002"), "policies-kept", F),
    ("owner with full-width digits", "data", cell(1, 4, "１００４"), "data-kept", P),
    ("owner in small letters", "data", cell(1, 4, "1004 "), "data-kept", P),
    ("empty owner", "data", cell(1, 4, ""), "data-kept", F),
    ("owner who has left", "policies", cell(1, 5, "1009"), "policies-kept", F),
    ("owner who leaves in forty days", "staff", cell(4, 7, LATER), "data-kept", P),
    ("owner who left after the issue was closed", "actions", cell(5, 7, "1009"), "actions-kept", P),
    ("owner of an open issue who left", "actions", cell(2, 7, "1009"), "actions-kept", F),
    ("on duty after the last day", "duty", cell(1, 3, "1009"), "duty-kept", F),
    ("complaint twice", "complaints", more(f"ts-001,{day(2)},电话,否,,,,,,,"),
     "complaints-kept", F),
    ("complaint without a source", "complaints", cell(3, 3, ""), "complaints-kept", F),
    # days to come, empty days
    ("policy reviewed in the future", "policies", cell(1, 4, LATER), "policies-reviewed", F),
    ("policy never reviewed", "policies", cell(1, 4, ""), "policies-reviewed", F),
    ("training that is planned", "staff", cell(1, 9, LATER), "staff-trained", F),
    ("agreement to be signed", "staff", cell(1, 8, LATER), "confidentiality-signed", F),
    ("filing without a day", "assessments", both(cell(2, 4, ""), cell(2, 5, "")),
     "certificates-valid", F),
    ("filing to come", "assessments", cell(2, 4, LATER), "certificates-valid", F),
    ("purge that is planned", "data", cell(1, 7, LATER), "data-purged", F),
    ("partner to be assessed", "partners", cell(1, 6, LATER), "partners-assessed", F),
    ("signatures of next month", "products", cell(4, 5, LATER), "host-signatures", F),
    ("fraud event of next month", "products", cell(9, 7, LATER), "fraud-engine-alive", F),
    ("figure without a day", "performance", cell(1, 1, ""), "responses-in-time", F),
    ("figure of next month", "performance", cell(1, 1, LATER), "responses-in-time", F),
    # what is not recorded
    ("minutes not recorded", "meetings", cell(1, 4, ""), "leading-group-met", U),
    ("drill without a result", "drills", cell(1, 4, ""), "restore-drilled", U),
    ("drill without its RTO", "drills", cell(1, 6, ""), "restore-drilled", U),
    ("encryption not recorded", "interfaces", cell(1, 6, ""), "interfaces-controlled", U),
    ("survey that may not ask after staff", "surveys", cell(1, 4, ""), "survey-made", F),
    ("survey without its sample", "surveys", cell(1, 2, ""), "survey-made", F),
    ("a system whose rights nobody reviewed", "reviews", cell(1, 2, "hr"), "rights-reviewed", F),
    ("the system in capitals", "reviews", cell(1, 2, "CORE"), "rights-reviewed", P),
    ("nothing to be covered", "products", both(cell(4, 8, "0"), cell(4, 9, "0")),
     "hosts-covered", F),
    ("more covered than there are", "products", cell(4, 8, "15"), "hosts-covered", F),
    # figures as spreadsheets write them
    ("a peak as a fraction", "performance", cell(3, 8, "0.85"), "capacity-left", U),
    ("a peak with a sign", "performance", cell(3, 8, "38%"), "capacity-left", P),
    ("a peak above 100", "performance", cell(3, 8, "138"), "capacity-left", U),
    ("a decimal comma", "surveys", cell(1, 2, '"600,5"'), "survey-made", U),
    ("a negative sample", "surveys", cell(1, 2, "-600"), "survey-made", U),
    # corrective actions
    ("closed in the future", "actions", cell(1, 9, LATER), "actions-in-time", F),
    ("closed after its deadline", "actions", cell(1, 9, day(20)), "actions-in-time", F),
    ("closed late, long ago", "actions", both(cell(1, 3, day(900)), cell(1, 8, day(800)),
     cell(1, 9, day(700))), "actions-in-time", P),
    ("no deadline", "actions", cell(2, 8, ""), "actions-in-time", F),
    ("closed before it was found", "actions", cell(1, 9, day(200)), "actions-complete", F),
    # complaints
    ("answered in the future", "complaints", both(cell(3, 2, day(16)), cell(3, 9, LATER)),
     "complaints-answered", F),
    ("received in the future", "complaints", cell(3, 2, LATER), "complaints-answered", F),
    ("opened again, not answered", "complaints", cell(1, 11, day(30)), "complaints-answered", F),
    ("opened again today", "complaints", cell(1, 11, day(0)), "complaints-answered", P),
    ("opened again and answered", "complaints", both(cell(1, 11, day(30)), cell(1, 9, day(20))),
     "complaints-answered", P),
    ("a repeat of nothing", "complaints", cell(2, 10, "TS-999"), "complaints-complete", F),
    ("a repeat", "complaints", cell(2, 10, "ts-001"), "complaints-complete", P),
    # returns: deadlines on weekends and holidays (2026-11-21 is a Saturday)
    ("submitted on Monday", "returns", both(cell(2, 2, "2026-11-21"), cell(2, 3, "2026-11-23")),
     "returns-in-time", U),
    ("submitted on Tuesday", "returns", both(cell(2, 2, "2026-11-21"), cell(2, 3, "2026-11-24")),
     "returns-in-time", F),
    ("due in the holidays of October", "returns", both(cell(2, 2, "2026-10-03"),
     cell(2, 3, "2026-10-09")), "returns-in-time", U),
    ("submitted in the future", "returns", both(cell(2, 2, day(9)), cell(2, 3, LATER)),
     "returns-in-time", F),
    # duty
    ("a shift without a name", "duty", cell(10, 3, ""), "duty-without-gap", F),
    ("over midnight on one day", "duty", cell(10, 2, f"{day(5)} 01:00"), "duty-without-gap", F),
    ("two at once", "duty", more(shift(5, "06:00", "22:00", "1002")), "duty-without-gap", P),
    ("until 24:00", "duty", more(shift(5, "20:00", "24:00", "1002")), "duty-without-gap", P),
    ("a gap of one minute", "duty", cell(9, 2, f"{day(5)} 19:59"), "duty-without-gap", F),
    ("one shift for weeks", "duty", lambda text: text.split("\n")[0] + "\n"
     f"{day(60)} 00:00,{day(-60)} 00:00,1001\n", "duty-without-gap", U),
)  # fmt: skip


def test_each_fault_is_seen(subtests: pytest.Subtests) -> None:
    bank = Bank()
    good = bank.verdicts({}).items()
    mine = {key: v for key, v in good if key[0].startswith("register.") and key[1] != "test1"}
    assert not [key for key, v in mine.items() if v in (F, U)]
    for name, register, edit, check, verdict in FAULTS:
        with subtests.test(name):
            found = bank.verdicts({f"registers/{register}.csv": edit})
            assert {v for (id, _), v in found.items() if id == f"register.{check}"} == {verdict}


def test_a_register_of_staff_that_is_not_read_settles_no_owner() -> None:
    found = Bank().verdicts({"registers/staff.csv": cell(1, 8, "x")})
    assert found[("register.data-kept", "data")] is U


def test_a_second_row_of_a_person_counts() -> None:
    account = replaced("1001,张三,科技部,系统管理员,zhangsan", "1001,张三,科技部,系统管理员,")
    again = more(f"1001,张三,科技部,系统管理员,zhangsan,core,,{day(900)},{day(100)}")
    found = Bank().verdicts({"registers/staff.csv": both(account, again)})
    assert found[("register.accounts-have-owner", "web1")] is P
    assert found[("register.staff-kept", "staff")] is F


def test_days() -> None:
    date = datetime.date
    # in China it is the next day from 16:00 UTC on
    assert day_of("2026-11-29T15:59:59Z") == TODAY
    assert day_of("2026-11-29T16:00:00Z") == date(2026, 11, 30)
    # a year is a year, with or without a leap day
    assert not is_older(date(2023, 11, 30), date(2024, 11, 30), 365)
    assert is_older(date(2023, 11, 29), date(2024, 11, 30), 365)
    assert is_older(date(2024, 11, 29), date(2025, 11, 30), 365)
    assert is_older(date(2024, 1, 1), date(2024, 4, 3), 92)
    for due, until in (("2026-11-20", "2026-11-20"), ("2026-11-21", "2026-11-23"),
                       ("2026-11-22", "2026-11-23"), ("2026-10-01", "2026-10-09"),
                       ("2026-05-02", "2026-05-06"), ("2027-01-01", "2027-01-04")):  # fmt: skip
        assert moved(date.fromisoformat(due)) == date.fromisoformat(until)
