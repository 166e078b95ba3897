"""Whether there is room for records, and no log leads to /dev/null."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_core.api.sdk import Command, ParseError, Verdict
from audit_core.model import Answer
from audit_linux.logs.log_space import (
    NOWHERE,
    SPACE,
    log_links,
    log_space,
    parse_nowhere,
    parse_space,
)


def test_a_full_file_system_takes_no_records(subtests: Any, answer: Callable[..., Answer]) -> None:
    cases = [
        ("room", "5000_2200_2000_4096_100_50\n", Verdict.PASS),
        ("full", "5000_0_0_4096_100_50\n", Verdict.FAIL),
        ("nearly full", "5000_200_0_4096_100_50\n", Verdict.FAIL),
        ("room for root", "5000_2000_0_4096_100_50\n", Verdict.UNDETERMINED),
        ("no file left", "5000_2200_2000_4096_100_0\n", Verdict.FAIL),
        ("files without limit", "5000_2200_2000_4096_0_0\n", Verdict.PASS),
    ]
    for name, text, verdict in cases:
        with subtests.test(name):
            assert log_space.judge(parse_space(answer(text))).verdict is verdict
    with pytest.raises(ParseError):
        parse_space(answer("stat: x\n"))


def test_the_numbers_are_those_of_stat(answer: Callable[..., Answer]) -> None:
    ask = SPACE.providers[0].ask
    assert isinstance(ask, Command)
    done = subprocess.run(ask.argv, capture_output=True, check=True)
    found = parse_space(answer(done.stdout))
    assert 0 <= found.for_others <= found.free <= found.size
    assert found.free_files <= found.files


def test_a_log_that_leads_to_dev_null_holds_nothing(
    tmp_path: Path, answer: Callable[..., Answer]
) -> None:
    ask = NOWHERE.providers[0].ask
    assert isinstance(ask, Command)
    (tmp_path / "nginx").mkdir()
    for name, target in (("x", "y"), ("nginx/access.log", "/dev/null"), ("secure", "/dev/null")):
        (tmp_path / name).symlink_to(target)
        argv = [str(tmp_path) if word == "/var/log" else word for word in ask.argv]
        done = subprocess.run(argv, capture_output=True, check=True)
        judged = log_links.judge(parse_nowhere(answer(done.stdout)))
        assert judged.verdict is (Verdict.FAIL if name == "secure" else Verdict.PASS)
