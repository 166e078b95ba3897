"""What holds for every fact, parser, request and check of this plugin."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_linux
from audit_core.api.sdk import Down, Subset, Superset, Up
from audit_core.model import (
    Absent,
    Answer,
    Check,
    Command,
    ParseError,
    Privilege,
    ReadFile,
    Reason,
    Target,
    all_facts,
)  # fmt: skip

FACTS = tuple(audit_linux.dengbao_facts())
CHECKS = tuple(audit_linux.dengbao_checks())
RECORDINGS = Path(__file__).parent / "recordings"
DEBIAN = sorted((RECORDINGS / "debian12").glob("*.out"))
PARSERS = [
    pytest.param(p.parse, id=f"{f.id}-{i}") for f in FACTS for i, p in enumerate(f.providers)
]
HOST = Target(id="h", kind="host", object_type="server", settings={"data_mounts": ["/data"]})


def _answer(raw: bytes, exit_code: int = 0) -> Answer:
    return Answer(
        stdout=raw,
        stderr=raw[:200],
        exit_code=exit_code,
        truncated=False,
        collected_at="2026-11-23T12:00:00Z",
        target=HOST,
    )


def _bodies() -> list[bytes]:
    scripts = [p.read_bytes().partition(b"\n---\n")[2] for p in sorted(RECORDINGS.glob("*.rec"))]
    return scripts + [path.read_bytes() for path in DEBIAN]


@pytest.mark.parametrize("path", DEBIAN, ids=lambda p: p.stem)
def test_every_recording_is_read(path: Path, recording: Callable[[str], Answer]) -> None:
    fact = next(f for f in FACTS if f.id == path.stem)
    value = fact.providers[-1].parse(recording(fact.id))
    if path.stem == "linux.plain-login-programs":
        assert isinstance(value, Absent)
        assert value.reason is Reason.NOT_PRESENT
    else:
        assert not isinstance(value, Absent)


# Pieces of real answers make inputs that get past the first test of a parser.
LINES = sorted({line for body in _bodies() for line in body.split(b"\n") if len(line) < 400})
NOISE = st.lists(
    st.one_of(st.sampled_from(LINES), st.binary(max_size=60), st.just(b"\r"), st.just(b"\x00")),
    max_size=40,
).map(b"\n".join)


@pytest.mark.parametrize("parse", PARSERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=st.one_of(st.binary(max_size=400), NOISE), exit_code=st.sampled_from([0, 1]))
def test_a_parser_returns_or_raises_parse_error(
    parse: Callable[[Answer], Any], raw: bytes, exit_code: int
) -> None:
    with contextlib.suppress(ParseError):
        parse(_answer(raw, exit_code))


@pytest.mark.parametrize("parse", PARSERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_parser_survives_a_cut_or_changed_recording(
    parse: Callable[[Answer], Any], data: st.DataObject
) -> None:
    body = data.draw(st.sampled_from(_bodies()))
    cut = data.draw(st.integers(0, len(body)))
    noise = data.draw(st.binary(max_size=8))
    with contextlib.suppress(ParseError):
        parse(_answer(body[:cut] + noise + body[cut + len(noise) :]))


@pytest.mark.parametrize("path", DEBIAN, ids=lambda p: p.stem)
def test_a_parser_survives_its_own_recording_damaged(path: Path) -> None:
    fact = next(f for f in FACTS if f.id == path.stem)
    raw = path.read_bytes()

    @settings(deadline=None)
    @given(
        at=st.integers(0, len(raw)),
        cut=st.integers(0, 40),
        put=st.sampled_from((b"", b"\0", b"\xff", b"\r\n", b"\\\n", b"[", b'"', b":", b"=", b"!")),
    )
    def tried(at: int, cut: int, put: bytes) -> None:
        with contextlib.suppress(ParseError):
            fact.providers[-1].parse(_answer(raw[:at] + put + raw[at + cut :]))

    tried()


# Each is what made some pattern slow while it was written.
BOMBS = [
    b" " * 400_000,
    b"a" * 400_000,
    b"\n" * 400_000,
    b'"\\' * 100_000,
    b"/*" * 100_000,
    b" /*" * 100_000,
    b"action(" * 60_000,
    b"log" + b" " * 200_000,
    b"log {" * 50_000,
    b" @(" * 1_300,
    b"F /x\n " + b"include ( " * 20_000,
    b"F /etc/syslog-ng/a\n " + b"log { " * 40_000 + b"}" * 40_000,
    b"F /etc/rsyslog.conf\n " + b'action(type="' * 20_000,
    b"F /etc/rsyslog.conf\n" + b" \n" * 100_000 + b" $IncludeConfig",
    b"F /etc/logrotate.conf\n " + b"/a { } " * 20_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"1795434704\n" + b"_" * 200_000,
]
# One line of the length of the largest answer, bare and as the content of a file.
UNITS = (b"a", b"[", b"[ ", b" ", b":", b"=", b",", b"\\", b"#", b"(", b'"', b"1", b"\0",
         b"ALL:x=ALL ")  # fmt: skip
_LONG = 1 << 20


def _huge() -> Iterator[bytes]:
    lines = (unit * (_LONG // len(unit)) for unit in UNITS)
    return (raw for line in lines for raw in (line, b"%d/etc/sudoers\0%s" % (len(line), line)))


@pytest.mark.parametrize("parse", PARSERS)
def test_no_input_makes_a_parser_slow(parse: Callable[[Answer], Any]) -> None:
    for bomb in (*BOMBS, *_huge()):
        start = time.process_time()
        with contextlib.suppress(ParseError):
            parse(_answer(bomb))
        assert time.process_time() - start < 20, bomb[:40]  # 1 s was measured; quadratic is hours


def test_ids_are_unique_and_carry_the_plugin_s_name() -> None:
    ids = [x.id for x in CHECKS], [x.id for x in FACTS]
    for every in ids:
        assert len(every) == len(set(every)) > 20
        assert all(re.fullmatch(r"linux\.[a-z0-9-]+", i) for i in every)


def test_facts_that_checks_need_are_those_that_are_offered() -> None:
    assert {fact for check in CHECKS for fact in all_facts(check.needs)} == set(FACTS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: str(c.id))
def test_every_check_is_complete(check: Check) -> None:
    assert check.kind == "host"
    assert check.remedy is not None
    assert check.title.id.endswith(".")
    for parameter in check.parameters:
        assert parameter.tightens in (Up, Down, Subset, Superset, None)


def _asks() -> list[Any]:
    """Every request; those that are made for a target, for one that declares all they need."""
    every = [p.ask for f in FACTS for p in f.providers]
    return [ask(HOST) if callable(ask) else ask for ask in every]


def test_a_root_request_has_an_absolute_program_and_no_shell_or_wildcard() -> None:
    rooted = [a for a in _asks() if a.privilege is Privilege.ROOT]
    assert len(rooted) >= 10
    for ask in rooted:
        words = ask.argv if isinstance(ask, Command) else (ask.path,)
        assert words[0].startswith("/")
        assert "sh" not in words[0].rpartition("/")[2].split()
        if not words[0].endswith("/sed"):  # its patterns are anchored and were tested
            assert not any(set("*?[]|;&$`\n") & set(word) for word in words if word != ";")


def test_no_request_reads_secrets() -> None:
    for ask in _asks():
        assert isinstance(ask, Command | ReadFile)
        text = " ".join(ask.argv) if isinstance(ask, Command) else ask.path
        cut = "/usr/bin/sed -nE" in text or "-maxdepth 0" in text  # the scheme, or the modes only
        assert cut or not re.search(r"/etc/g?shadow|_key(?!\.pub)|\.pem|authorized_keys", text)


def test_what_find_and_grep_end_with_when_something_is_missing_is_an_answer() -> None:
    codes = {"find": (0, 1), "grep": (0, 1, 2)}
    for ask in (a for a in _asks() if isinstance(a, Command)):
        program = ask.argv[0].rsplit("/", 1)[-1]
        assert ask.ok == codes.get(program, ask.ok), ask.argv


def test_what_is_not_there_is_told_from_what_may_not_be_read() -> None:
    rsyslog = next(f for f in FACTS if f.id == "linux.rsyslog-forwards").providers[0].parse
    nothing = rsyslog(_answer(b""))
    closed = rsyslog(_answer(b"U /etc/rsyslog.d\nF /etc/rsyslog.conf\n \n"))
    assert isinstance(nothing, Absent)
    assert nothing.reason.value == "not_present"
    assert isinstance(closed, Absent)
    assert closed.reason.value == "not_permitted"
