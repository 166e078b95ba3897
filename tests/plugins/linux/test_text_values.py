"""Lists of names and numbers."""

from __future__ import annotations

import pytest

from audit_linux.text_values import CAP, c_number, names, number, shown

# --- words ------------------------------------------------------------------------------------


def test_names_are_cut_at_twenty_and_counted() -> None:
    assert names(f"u{i:02}" for i in range(CAP)) == tuple(f"u{i:02}" for i in range(20))
    assert names(f"u{i:02}" for i in range(CAP + 1))[-1] == "+1"
    assert len(names(f"u{i:02}" for i in range(500))) == 21


def test_names_can_be_encoded_by_every_sink() -> None:
    assert shown("caf\udce9") == "caf\\udce9"
    assert shown("\u202eroot") == "\u202eroot"
    assert shown("x" * 120) == "x" * 120
    assert shown("x" * 121) == "x" * 120 + "…"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 90),
        ("-1", -1),
        ("", None),
        ("9 0", None),
        ("٩", None),
        ("1" * 13, None),
        ("90x", None),
    ],
)
def test_number(text: str, value: int | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("022", 18), ("0x10", 16), ("10", 10), ("+5", 5), ("0", 0), ("09", 9), ("90 # x", None)],
)
def test_c_number(text: str, value: int | None) -> None:
    assert c_number(text) == value
