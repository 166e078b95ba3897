"""What holds for every fact, parser, request and check of this plugin."""

from __future__ import annotations

import contextlib
import functools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit_linux
from audit_core.api.sdk import Down, Subset, Superset, Up
from audit_core.model import (
    Absent,
    Answer,
    Answers,
    Command,
    FileEntry,
    FileStatus,
    ParseError,
    Privilege,
    Provider,
    ReadFile,
    ReadFiles,
    Reason,
    Request,
    Target,
    all_facts,
)  # fmt: skip
from audit_core.model.files import encode_files
from audit_linux.files import script_lines
from golden import recordings
from golden.host import HOST as RECORDED_HOST
from golden.host import asked
from installed import registry

FACTS = tuple(audit_linux.dengbao_facts())
CHECKS = tuple(audit_linux.dengbao_checks())
RECORDINGS = Path(__file__).parent / "recordings"
# What the recorded host answered to the requests of this plugin.
ANSWERED = {
    question.request.identity(): answer
    for question in asked()
    if question.name.startswith("linux.")
    and (answer := recordings.answer(question, RECORDED_HOST)) is not None
}
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


def _parse(provider: Provider, raw: bytes, exit_code: int = 0) -> None:
    """Has the parser read `raw`, as the answer to each of its requests; raises only ParseError."""
    answer = _answer(raw, exit_code)
    given: Any = answer
    if provider.ask is None:
        given = Answers(target=HOST, named=dict.fromkeys(provider.asks, answer))
    with contextlib.suppress(ParseError):
        provider.parse(given)


PROVIDERS = {f"{f.id}-{i}": p for f in FACTS for i, p in enumerate(f.providers)}


@functools.cache
def _bodies() -> list[bytes]:
    scripts = [p.read_bytes().partition(b"\n---\n")[2] for p in sorted(RECORDINGS.glob("*.rec"))]
    return scripts + [answer.stdout for answer in ANSWERED.values()]


def test_what_the_recorded_host_answered_is_read() -> None:
    read = 0
    for provider in (p for fact in FACTS for p in fact.providers if p.every_ask):
        asks = list(provider.every_ask)
        answers = [ANSWERED.get(a.identity()) if isinstance(a, Request) else None for a in asks]
        if None in answers:
            continue
        given: Any = answers[0]
        if provider.ask is None:
            given = Answers(target=HOST, named=dict(zip(provider.asks, answers, strict=True)))
        got = provider.parse(given)
        read += 1
        assert not isinstance(got, Absent) or got.reason in (Reason.NOT_PRESENT, Reason.UNSUPPORTED)
    assert read > 40


# Pieces of real answers make inputs that get past the first test of a parser.
LINES = sorted({line for body in _bodies() for line in body.split(b"\n") if len(line) < 400})
NOISE = st.lists(
    st.one_of(st.sampled_from(LINES), st.binary(max_size=60), st.just(b"\r"), st.just(b"\x00")),
    max_size=40,
).map(b"\n".join)


@given(raw=st.one_of(st.binary(max_size=400), NOISE), exit_code=st.sampled_from([0, 1]))
def test_a_parser_returns_or_raises_parse_error(raw: bytes, exit_code: int) -> None:
    for name, provider in PROVIDERS.items():
        with _noted(name):
            _parse(provider, raw, exit_code)


@contextlib.contextmanager
def _noted(name: str) -> Iterator[None]:
    """What is raised within tells the name of the parser."""
    try:
        yield
    except Exception as error:
        error.add_note(name)
        raise


SPLINTERS = st.sampled_from((b"", b"\0", b"\xff", b"\r\n", b"\\\n", b"[", b'"', b":", b"=", b"!"))


@functools.cache
def _own_bodies() -> dict[str, list[bytes]]:
    """What the recorded host answered to the requests of each parser; any body where nothing."""
    found = {}
    for at, (name, provider) in enumerate(PROVIDERS.items()):
        asks = [ask.identity() for ask in provider.every_ask if isinstance(ask, Request)]
        own = [ANSWERED[identity].stdout for identity in asks if identity in ANSWERED]
        found[name] = own or [_bodies()[at % len(_bodies())]]
    return found


@settings(max_examples=settings().max_examples // 2)
@given(
    choice=st.integers(0, 100),
    where=st.integers(0, 1 << 20),
    cut=st.integers(0, 40),
    put=SPLINTERS | st.binary(max_size=8),
)
def test_a_parser_survives_a_cut_or_changed_recording(
    choice: int, where: int, cut: int, put: bytes
) -> None:
    for name, bodies in _own_bodies().items():
        body = bodies[choice % len(bodies)]
        at = where % (len(body) + 1)
        with _noted(name):
            _parse(PROVIDERS[name], body[:at] + put + body[at + cut :])


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
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"1795434704\n" + b"_" * 200_000,
]
# One line of the length of the largest answer, bare and as the content of a file.
UNITS = (b"a", b"[", b"[ ", b" ", b":", b"=", b",", b"\\", b"#", b"(", b'"', b"1", b"\0",
         b"ALL:x=ALL ")  # fmt: skip
_LARGEST = 1 << 20
_LONG = 1 << 15  # `make test-all` takes the largest


# As the content of the files that parsers look for.
CONFIGURED = {
    "/etc/syslog-ng/syslog-ng.conf": (
        b"include ( " * 20_000, b"log { " * 40_000 + b"}" * 40_000,
    ),
    "/etc/rsyslog.conf": (b'action(type="' * 20_000, b"\n" * 100_000 + b"$IncludeConfig"),
    "/etc/logrotate.conf": (b"/a { } " * 20_000,),
}  # fmt: skip
PLACES = (*CONFIGURED, "/etc/sudoers", "/etc/pam.d/sshd", "/etc/profile", "/etc/ssh/sshd_config",
          "/etc/nsswitch.conf", "/proc/sys/kernel/core_pattern")  # fmt: skip


def _file(path: str, data: bytes) -> FileEntry:
    return FileEntry(path=path, status=FileStatus.READ, size=len(data), data=data)


@functools.cache
def _huge(length: int) -> tuple[bytes, ...]:
    lines = [unit * (length // len(unit)) for unit in UNITS]
    files = [encode_files(_file(path, line) for path in PLACES) for line in lines]
    configured = [
        encode_files([_file(path, content)])
        for path, contents in CONFIGURED.items()
        for content in contents
    ]
    return (*(bomb[: 2 * length] for bomb in BOMBS), *lines, *files, *configured)


def test_no_input_makes_a_parser_slow(
    subtests: pytest.Subtests, pytestconfig: pytest.Config
) -> None:
    length = _LARGEST if pytestconfig.getoption("all") else _LONG
    for name, provider in PROVIDERS.items():
        with subtests.test(name):
            for bomb in _huge(length):
                start = time.process_time()
                _parse(provider, bomb)
                seconds = time.process_time() - start
                # 0.08 s was measured of 32 KB; a loop of C over all of it for each byte takes 1.2 s
                assert seconds < 0.8 * max(length, len(bomb)) / _LONG, bomb[:40]


def test_ids_are_unique_and_carry_the_plugin_s_name() -> None:
    ids = [x.id for x in CHECKS], [x.id for x in FACTS]
    for every in ids:
        assert len(every) == len(set(every)) > 20
        assert all(re.fullmatch(r"linux\.[a-z0-9-]+", i) for i in every)


def test_facts_that_checks_need_are_those_that_are_offered() -> None:
    assert {fact for check in CHECKS for fact in all_facts(check.needs)} <= set(FACTS)
    every = {f.id for c in registry().checks.values() for f in all_facts(c.needs)}
    assert {fact.id for fact in FACTS} <= every  # a check of another plugin may name one


def test_every_check_is_complete(subtests: pytest.Subtests) -> None:
    for check in CHECKS:
        with subtests.test(check.id):
            assert check.kind == "host"
            assert check.remedy is not None
            assert check.title.id.endswith(".")
            for parameter in check.parameters:
                assert parameter.tightens in (Up, Down, Subset, Superset, None)


def _asks() -> list[Any]:
    """Every request; those that are made for a target, for one that declares all they need."""
    every = [ask for f in FACTS for p in f.providers for ask in p.every_ask]
    return [ask(HOST) if callable(ask) else ask for ask in every]


def test_no_request_runs_a_shell() -> None:
    asks = _asks()
    assert {type(ask) for ask in asks} == {Command, ReadFile, ReadFiles}
    for ask in (a for a in asks if isinstance(a, Command)):
        words = list(ask.argv)
        for verify in ("--verify", "-V"):  # names of packages follow
            words = words[: words.index(verify)] if verify in words else words
        assert not {"sh", "bash", "env"} & {word.rpartition("/")[2] for word in words}


def _only_looks(ask: Any) -> bool:
    """Whether a find starts only programs that print who may do what, and no content."""
    if not isinstance(ask, Command) or not any(w.endswith("find") for w in ask.argv[:9]):
        return False
    words = ask.argv
    started = [n + 1 for n, word in enumerate(words) if word.startswith("-exec")]
    return bool(started) and all(_prints_no_content(_until_end(words[n:])) for n in started)


def _until_end(words: tuple[str, ...]) -> tuple[str, ...]:
    return words[: next((n for n, word in enumerate(words) if word in (";", "+")), len(words))]


def _prints_no_content(words: tuple[str, ...]) -> bool:
    """Whether it is `grep -q`, one that names files, or a sed that only branches and quits.

    The sed of `script_lines` prints what a script starts; its own test shows that no value is left.
    """
    if words[0].rpartition("/")[2] in ("getfacl", "getcap", "stat"):
        return True
    if words[:-1] == script_lines.sed(scripts=True):
        return True
    if words[0] == "/bin/grep":
        return words[1].startswith(("-q", "-l"))
    scripts = [words[n + 1] for n, word in enumerate(words) if word == "-e"]
    commands = {script.rpartition(">")[2].removeprefix("I") for script in scripts}
    return words[:2] == ("/bin/sed", "-nE") and commands <= {" b e", " q", ":e", "$ q 1"}


def test_a_root_request_has_an_absolute_program_and_no_wildcard() -> None:
    rooted = [a for a in _asks() if a.privilege is Privilege.ROOT]
    assert len(rooted) >= 10
    for ask in rooted:
        # of ReadFiles each search, globs too, is one exact argv of find
        words = ask.argv if isinstance(ask, Command) else ("/", *ask.describe().split())
        assert words[0].startswith("/")
        # find and sed take patterns themselves; what find starts is no shell (see above)
        if isinstance(ask, Command) and not words[0].endswith(("/sed", "/timeout", "/find")):
            assert not any(set("*?[]|;&$`\n") & set(word) for word in words)
        started = [words[n + 1] for n, word in enumerate(words) if word.startswith("-exec")]
        assert all(word.startswith("/") for word in started)


def test_no_request_reads_secrets() -> None:
    for ask in _asks():
        text = ask.describe()
        cut = "/bin/sed -nE" in text or "-maxdepth 0" in text  # the scheme, or the modes only
        # authorized_keys are public; of host keys only the names are listed.
        listed = text.startswith("/usr/bin/find /etc/ssh ") and text.endswith(" -print0")
        if _only_looks(ask):
            continue
        assert cut or listed or not re.search(r"/etc/g?shadow|_key(?!s|\.pub)|\.pem", text)


def test_what_find_and_grep_end_with_when_something_is_missing_is_an_answer() -> None:
    for ask in (a for a in _asks() if isinstance(a, Command)):
        program = ask.argv[0].rsplit("/", 1)[-1]
        assert program != "find" or ask.ok == (0, 1)
        assert program != "grep" or set(ask.ok) >= {0, 1} or set(ask.ok) >= {0, 2}
