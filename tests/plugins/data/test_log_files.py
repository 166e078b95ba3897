"""What log files of hosts hold: real files read by the real find(1), and what it takes to pass."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import Answer, Judgement, Partial, Verdict
from audit_core.api.testkit import target_of
from audit_data.log_checks import log_files, log_files_real_values, log_files_secrets
from audit_data.log_reading import TAIL, counted_files
from audit_data.log_requests import FILES, NAMED_FILES, LogSample, search
from audit_database.data.answer import Sampled
from live import customers

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
IDS, CARDS, PHONES = customers.id_cards(60), customers.bank_cards(60), customers.phones(60)
CHANCE = random.Random(3)
AT = "2026-01-01 10:00:00.123 INFO [exec-1] c.b.Orders -"


def _lines(form: str, *values: list[str]) -> str:
    rows = zip(*values, strict=True)
    return "".join(f"{AT} {form.format(*row)}\n" for row in rows)


def _ordinary(count: int = 300) -> str:
    whole = CHANCE.randint
    return "".join(
        f"{AT} order {20250101}{whole(10**9, 10**10)} of customer {whole(1, 999)} paid "
        f"{whole(1, 99999)}.50 id={whole(10**17, 10**18 - 1)} seq={whole(10**15, 10**16 - 1)} "
        f"at {1_700_000_000_000 + whole(1, 10**9)} trace={CHANCE.randbytes(16).hex()} "
        f"flake={whole(6 * 10**18, 7 * 10**18)} ns={whole(10**10, 10**11 - 1)}\n"
        for _ in range(count)
    )


SSHD = (
    "sudo: bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls\n"
    "sshd[1]: Failed password for root from 10.0.0.1 port 52022 ssh2\n"
    "systemd[1]: Started user@1000.service - User Manager for UID 1000.\n"
    "login: password: required; pwd=~ password=null pin=12\n"
)
# What a log holds, and the verdicts on personal data in it and on secrets.
LOGS: dict[str, tuple[str | bytes, Verdict, Verdict]] = {
    "ordinary numbers": (_ordinary(), PASS, PASS),
    "records of logins": (SSHD * 20, PASS, PASS),
    "masked": (_lines("user {} {}", [i[:4] + "*" * 12 + i[-2:] for i in IDS],
                      [p[:3] + "****" + p[7:] for p in PHONES]), PASS, PASS),
    "identity cards in URLs": (_lines('"GET /q?idNo={}&n=1 HTTP/1.1" 200', IDS), FAIL, PASS),
    "one of 300 lines": (_ordinary() + _lines("idCard={} ok", IDS[:1]), FAIL, PASS),
    "JSON in JSON": (_lines(r'body="{{\"certNo\":\"{}\"}}"', IDS), FAIL, PASS),
    "cards in groups": (_lines("card {} ok", [f"{c[:4]} {c[4:8]} {c[8:12]} {c[12:16]} {c[16:]}"
                                             for c in CARDS]), FAIL, PASS),
    "mobile numbers by name": (_lines("Customer(mobile={}, n=1)", PHONES), FAIL, PASS),
    "mobile numbers in text": (_ordinary() + _lines("sent to {} ok", PHONES), OPEN, PASS),
    "in GBK": (_lines("姓名={} 证件号码：{}", list(customers.names(60)), IDS).encode("gbk"),
               FAIL, PASS),
    "addresses of machines": (_lines("mail from root@web{}.bank.cn", [i[-3:-1] for i in IDS]),
                              OPEN, PASS),
    "XML": (_lines("<IdNo>{}</IdNo><CardNo>{}</CardNo>", IDS, CARDS), FAIL, PASS),
    "passwords": (_lines("login user=u{} password=Pw{}!", [i[-2] for i in IDS],
                         [i[-4:-1] for i in IDS]), PASS, FAIL),
    "one password": (_ordinary() + f"{AT} loginPwd=Spring2024! ok\n", PASS, OPEN),
    "hashes of passwords": (_lines("password={}", ["$2b$12$" + "a" * 53] * 60), PASS, PASS),
    "stripes": (_lines("track2=;{}=25121011234? ok", CARDS), FAIL, FAIL),
    "verification numbers": (_lines("cvv2={}", [i[-4:-1] for i in IDS]), FAIL, FAIL),
    "a long line": (AT + "x" * 9000 + " " + " ".join(IDS[:9]) + "\n", FAIL, PASS),
    "binary": (b"\0\1\2" * 900 + " ".join(IDS).encode(), FAIL, PASS),
}  # fmt: skip


def _answer(stdout: bytes, stderr: bytes = b"", **more: Any) -> Answer:
    answer = Answer(
        stdout=stdout, stderr=stderr, exit_code=0, truncated=False,
        collected_at="2026-01-01T00:00:00Z", target=target_of("log_data"),
    )  # fmt: skip
    return structs.replace(answer, **more)


def _found(top: Path, **more: Any) -> Any:
    """What the search finds below `top`, as the session of a host hands it on."""
    done = subprocess.run(search((str(top),), ()), capture_output=True, check=False)
    kept = LogSample(argv=("x",)).kept(done.stdout, truncated=False)
    values = (*IDS, *CARDS, *PHONES, "Spring2024!")
    assert not [value for value in values if value[4:-1].encode() in kept]
    return FILES.providers[0].parse(_answer(kept, done.stderr, **more))


def _judged(
    check: Any, found: Sampled, environment: str = "production", paths: tuple[str, ...] = (),
    opened: object = None, journal: object = None, named: object = (),
) -> Judgement:  # fmt: skip
    target = target_of("log_data", environment=environment, paths=paths)
    nothing = structs.replace(found, tables=(), columns=())
    judged: Judgement = check.judge(target, found, opened or nothing, journal, named)
    return judged


def test_log_files(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for name, (content, personal, secret) in LOGS.items():
        with subtests.test(name):
            folder = tmp_path / hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
            folder.mkdir()
            raw = content if isinstance(content, bytes) else content.encode()
            (folder / "app.log").write_bytes(raw)
            found = _found(folder)
            got = _judged(log_files, found).verdict, _judged(log_files_secrets, found).verdict
            assert got == (personal, secret)
            test = _judged(log_files_real_values, found, "test").verdict
            numbers = {"id_card", "bank_card"} & {k for c in found.columns for k in c.found}
            assert test is (FAIL if numbers and personal is FAIL else personal if
                            personal is not FAIL else OPEN)  # fmt: skip


def test_files_that_are_not_plain(tmp_path: Path, subtests: pytest.Subtests) -> None:
    bad = _lines("id {}", IDS).encode()
    made: dict[str, tuple[Callable[[Path], object], Verdict]] = {
        "rotated": (lambda d: (d / "a.log.2.gz").write_bytes(gzip.compress(bad)), FAIL),
        "rotated, clean": (lambda d: (d / "a.log.2.gz").write_bytes(gzip.compress(b"ok\n")), PASS),
        "packed otherwise": (lambda d: (d / "a.log.xz").write_bytes(lzma.compress(bad)), OPEN),
        "at the end of a large one": (lambda d: (d / "b").write_bytes(b"ok\n" * TAIL + bad), FAIL),
        "empty": (lambda d: (d / "c").write_bytes(b""), PASS),
        "a hostile name": (lambda d: (d / "\n\x1b[2J\udcff").write_bytes(bad), FAIL),
        "a forged announcement": (
            lambda d: (d / "d.log").write_bytes(b"ok\n\0\0" + b"1 1\n/var/log/x\0" + b"ok\n"), OPEN
        ),
    }  # fmt: skip
    for name, (make, verdict) in made.items():
        with subtests.test(name):
            folder = tmp_path / name.replace(" ", "-")
            folder.mkdir()
            (folder / "other.log").write_text("ok\n")
            make(folder)
            assert _judged(log_files, _found(folder)).verdict is verdict


def test_logs_that_nobody_looked_at(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("ok\n")
    found = _found(tmp_path)
    stream = b"\0\0" + b"9 1\n/srv/x.out\0" + _lines("id {}", IDS[:9]).encode()
    bad = FILES.providers[0].parse(_answer(counted_files(stream, truncated=False)))
    elsewhere = ("/var/spool/app/log/a.txt",)
    cases: tuple[tuple[Verdict, dict[str, Any]], ...] = (
        (PASS, {}), (FAIL, {"opened": bad}), (FAIL, {"journal": bad}),
        (OPEN, {"named": elsewhere}), (FAIL, {"named": elsewhere, "opened": bad}),
        (PASS, {"named": ("/var/log/x/y.log", "/srv/app/y.log", "/usr/share/log/x")}),
        (OPEN, {"named": ("/srv/app/logs/today",)}),
        (PASS, {"named": ("/srv/app/logs/today",), "paths": (str(tmp_path), "/srv/app/logs"),
                "opened": structs.replace(bad, columns=(), tables=tuple(
                    structs.replace(t, name="/srv/app/logs/today") for t in bad.tables))}),
        (OPEN, {"paths": ("/srv/typo",)}),
    )  # fmt: skip
    for verdict, more in cases:
        assert _judged(log_files, found, **more).verdict is verdict, more
    cut = structs.replace(found, overview=structs.replace(found.overview, whole=False))
    assert _judged(log_files, cut).verdict is OPEN
    hidden = FILES.providers[0].parse(
        _answer(counted_files(b"", truncated=False), b"find: '/srv/a': Permission denied\n")
    )
    assert isinstance(hidden, Partial)
    named = NAMED_FILES.providers[0].parse(_answer(b"/srv/a.log\n/srv/a.log\n"))
    assert named == ("/srv/a.log",)
