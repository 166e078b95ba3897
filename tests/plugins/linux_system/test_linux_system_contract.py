"""What holds for every fact, parser, check and message of the host package."""

from __future__ import annotations

import contextlib
import gettext
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_linux
from audit_core.model import (
    Absent,
    Answer,
    Check,
    Command,
    Fact,
    Kind,
    ObjectType,
    ParseError,
    Privilege,
    ReadFile,
    Target,
)  # fmt: skip
from audit_linux import system

PACKAGE = Path(audit_linux.__file__).parent
LOCALE = PACKAGE / "locale"
RECORDINGS = Path(__file__).parent / "recordings"
PARSERS = [
    pytest.param(p.parse, id=f"{f.id}-{i}")
    for f in system.FACTS for i, p in enumerate(f.providers)
]  # fmt: skip


def _answer(raw: bytes, exit_code: int = 0) -> Answer:
    return Answer(
        stdout=raw,
        stderr=raw[:200],
        exit_code=exit_code,
        truncated=False,
        collected_at="2026-11-23T12:00:00Z",
        target=Target(id="h", kind=Kind.HOST, object_type=ObjectType.SERVER),
    )


def _bodies() -> list[bytes]:
    return [p.read_bytes().partition(b"\n---\n")[2] for p in sorted(RECORDINGS.glob("*.rec"))]


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
    try:
        parse(_answer(raw, exit_code))
    except ParseError:
        return


@pytest.mark.parametrize("parse", PARSERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_parser_survives_a_cut_or_changed_recording(
    parse: Callable[[Answer], Any], data: st.DataObject
) -> None:
    body = data.draw(st.sampled_from(_bodies()))
    cut = data.draw(st.integers(0, len(body)))
    noise = data.draw(st.binary(max_size=8))
    try:
        parse(_answer(body[:cut] + noise + body[cut + len(noise) :]))
    except ParseError:
        return


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


@pytest.mark.parametrize("parse", PARSERS)
def test_no_input_makes_a_parser_slow(parse: Callable[[Answer], Any]) -> None:
    for bomb in BOMBS:
        start = time.process_time()
        with contextlib.suppress(ParseError):
            parse(_answer(bomb))
        assert time.process_time() - start < 10, bomb[:40]  # 0.3 s were measured


def test_ids_are_unique_and_carry_the_plugin_s_name() -> None:
    checks, facts = [c.id for c in system.CHECKS], [f.id for f in system.FACTS]
    assert len(checks) == len(set(checks))
    assert len(facts) == len(set(facts))
    assert all(i.startswith("linux.") for i in checks + facts)


def test_every_need_is_an_offered_fact() -> None:
    offered = set(system.FACTS)
    for check in system.CHECKS:
        for need in check.needs:
            fact = getattr(need, "fact", need)
            assert not isinstance(fact, Fact) or fact in offered, check.id


def _asks() -> list[Any]:
    """Every request; those that are made for a target, for one that declares all they need."""
    host = Target(id="h", kind=Kind.HOST, object_type=ObjectType.SERVER,
                  settings={"data_mounts": ["/data"]})  # fmt: skip
    every = [p.ask for f in system.FACTS for p in f.providers]
    return [ask(host) if callable(ask) else ask for ask in every]


def test_a_root_request_has_an_absolute_program_and_no_shell_or_wildcard() -> None:
    rooted = [a for a in _asks() if a.privilege is Privilege.ROOT]
    assert len(rooted) >= 5
    for ask in rooted:
        words = ask.argv if isinstance(ask, Command) else (ask.path,)
        assert words[0].startswith("/")
        assert not any(set("*?[]|;&$`\\\n") & set(word) for word in words)
        assert "sh" not in words[0].rpartition("/")[2].split()


def test_no_request_reads_secrets() -> None:
    for ask in _asks():
        text = " ".join(ask.argv) if isinstance(ask, Command) else ask.path
        assert not re.search(r"/etc/g?shadow|_key(?!\.pub)|\.pem|authorized_keys", text), text
        assert isinstance(ask, Command | ReadFile)


@pytest.mark.parametrize("check", system.CHECKS, ids=lambda c: c.id)
def test_every_check_has_a_remedy_and_a_title(check: Check) -> None:
    assert check.remedy is not None
    assert check.title.endswith(".")


def _msgids() -> set[str]:
    found = extract_from_dir(PACKAGE / "system", keywords={"msg": None})
    return {row[2] for row in found if isinstance(row[2], str)} | {c.title for c in system.CHECKS}


def test_every_message_and_title_has_chinese_with_the_same_places() -> None:
    with (LOCALE / "zh/LC_MESSAGES/audit_linux_system.mo").open("rb") as file:
        chinese = gettext.GNUTranslations(file)
    ids = _msgids()
    assert len(ids) > 150
    places = re.compile(r"\{\w+\}")
    for text in ids:
        translated = chinese.gettext(text)
        only_places = not re.search(r"[A-Za-z]", places.sub("", text))
        assert only_places or translated != text, text
        assert set(places.findall(text)) == set(places.findall(translated)), text


def test_what_is_not_there_is_told_from_what_may_not_be_read() -> None:
    rsyslog = next(f for f in system.FACTS if f.id == "linux.rsyslog-forwards").providers[0].parse
    nothing = rsyslog(_answer(b""))
    closed = rsyslog(_answer(b"U /etc/rsyslog.d\nF /etc/rsyslog.conf\n \n"))
    assert isinstance(nothing, Absent)
    assert nothing.reason.value == "not_present"
    assert isinstance(closed, Absent)
    assert closed.reason.value == "not_permitted"
