"""Servers for logins in plain text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.api.testkit import whole
from audit_core.model import (
    Absent,
    Answer,
    ParseError,
    Reason,
    Verdict,
)
from audit_linux.network import plain_logins
from audit_linux.network.plain_logins import Ports, parse_listening, parse_programs

PASS, FAIL = Verdict.PASS, Verdict.FAIL
NA, UNDETERMINED = Verdict.NOT_APPLICABLE, Verdict.UNDETERMINED


# --- plain text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ports", "programs", "verdict"),
    [
        ({22}, None, PASS),
        (set(), None, PASS),
        ({22, 23}, None, FAIL),
        ({512}, None, FAIL),
        ({513}, None, FAIL),
        ({514}, None, UNDETERMINED),  # a log server
        ({514}, ("/usr/sbin/in.rshd",), UNDETERMINED),
        ({514, 513}, None, FAIL),
        ({511, 515, 24}, None, PASS),
        ({22}, ("/usr/sbin/in.telnetd",), UNDETERMINED),
        ({23}, ("/usr/sbin/in.telnetd",), FAIL),
    ],
)
def test_plain_logins(ports: set[int], programs: tuple[str, ...] | None, verdict: Verdict) -> None:
    judged = plain_logins.no_plain_logins.judge(Ports(tcp=frozenset(ports)), programs)
    assert judged.verdict is verdict


Make = Callable[..., Answer]


def test_listening(answer: Make) -> None:
    text = "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\nLISTEN 0 5 [::]:23 [::]:*\n"
    assert whole(parse_listening(answer(text))).tcp == {22, 23}
    assert whole(parse_listening(answer(""))).tcp == frozenset()
    for bad in (
        "LISTEN 0 128\n",
        "LISTEN 0 128 0.0.0.0:0 *\n",
        "LISTEN 0 128 *:65536 *:*\n",
        "x\n",
    ):
        with pytest.raises(ParseError):
            parse_listening(answer(bad))


def test_programs(answer: Make) -> None:
    assert parse_programs(answer(b"/usr/sbin/in.telnetd\0")) == ("/usr/sbin/in.telnetd",)
    with pytest.raises(ParseError):
        parse_programs(answer(b"/usr/sbin/evil\0"))
    refused = parse_programs(answer(b"", b"find: '/usr/sbin/x': Permission denied\n"))
    assert isinstance(refused, Absent)
    assert refused.reason is Reason.NOT_PERMITTED
