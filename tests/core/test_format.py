"""How values are shown in messages, and how numbers are read."""

from __future__ import annotations

import msgspec
import pytest

from audit_core.api import format as api
from audit_core.model import CutList, Message, ParseError, as_is


def test_lists_are_cut_at_twenty_and_counted() -> None:
    names = [f"u{i:02}" for i in range(500)]
    assert api.capped(names[:20]) == tuple(names[:20])
    cut = api.capped(reversed(names[:23]))
    assert cut == CutList(items=tuple(names[:20]), more=3)
    assert str(as_is(cut)).endswith("u18, u19, … 23 in all")
    stored = msgspec.json.encode(as_is(api.capped_messages([as_is("x")] * 21)))
    restored = msgspec.json.decode(stored, type=Message).args["text"]
    assert isinstance(restored, CutList)
    assert restored.count == 21
    assert api.capped(["b", "a", "b"], sort=False) == ("b", "a")
    assert api.capped(["x" * 201, 7]) == ("7", "x" * 200 + "…")


def test_a_count_of_one_uses_the_singular() -> None:
    for text, count, shown in [
        ("{count} files were not read", 1, "1 file was not read"),
        ("{count} files were not read", 2, "2 files were not read"),
        ("at least {count} characters of {kinds} classes", 1, "at least 1 character of 3 classes"),
        ("{count} setuid or setgid programs are", 1, "1 setuid or setgid program is"),
        ("{count} default accounts have a password", 1.0, "1 default account has a password"),
        ("{count} of {kinds} files", 1, "1 of 3 files"),
        ("{count} processes have another umask", 1, "1 process has another umask"),
        ("{count} entries or policies", 1, "1 entry or policies"),
        ("{count} is not one of the values", 1, "1 is not one of the values"),
        ("{count} has the status less", 1, "1 has the status less"),
    ]:
        assert str(Message(id=text, args={"count": count, "kinds": 3})) == shown
    assert [str(api.days_text(age)) for age in (0, 0.9, 1, 2.5)] == [
        "less than a day", "less than a day", "1 day", "2 days",
    ]  # fmt: skip


def test_what_is_over_or_under_a_limit_is_not_rounded_across_it() -> None:
    assert api.rounded_up(86_401, api.DAY) == 1.1
    assert api.rounded_down(86_399, api.DAY) == 0.9


def test_integers() -> None:
    for text, value in (("90", 90), ("-1", -1), ("", None), ("9 0", None), ("٩", None),
                        ("1" * 13, None), ("90x", None)):  # fmt: skip
        assert api.integer(text) == value
    for text, value in (("022", 18), ("0x10", 16), ("10", 10), ("+5", 5), ("0", 0), ("09", None),
                        ("90 # x", None)):  # fmt: skip
        assert api.c_integer(text) == value


def test_numbers_that_must_be_there() -> None:
    assert api.whole_number("0644", base=8) == 0o644
    assert api.decimal_number("-1.25") == -1.25
    for text in ("", "-1", "1 ", "٩", "1" * 20, "8"):
        with pytest.raises(ParseError):
            api.whole_number(text, most=7)
    for text in ("", "1.", "1e3", "nan", "1_0"):
        with pytest.raises(ParseError):
            api.decimal_number(text)
        assert api.decimal(text) is None


def test_few_messages_say_how_many_are_left_out() -> None:
    three = [as_is(name) for name in "abc"]
    assert api.few(three, 3) == tuple(three)
    assert [str(message) for message in api.few(three, 2)] == ["a", "b", "… and 1 more"]
