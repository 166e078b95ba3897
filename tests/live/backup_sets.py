"""Backup sets made with the real programs of this machine, and what the checks say of them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit_backup import checks, facts, size_check, whole_check
from audit_backup.model import Files
from audit_core.model import Absent, Answer, Command, Judgement, Partial, Target, Verdict

ENV = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
NIGHT = 86400
HEADER = b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n"
TABLE = b"CREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1),(2);\n"
# In pg_dump's own format: rows of table 13, and the length of the next piece.
OWN_HEADER = b"PGDMP\1\x0e\0\4\x08\1\1\1"
OWN_BLOCK = b"\1\0\x0d\0\0\0\0\x0d\0\0\0"
TRAILER = time.strftime("-- Dump completed on %Y-%m-%d  2:00:01\n").encode()
P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
PACKERS = {"gz": "gzip -c", "xz": "xz -c", "bz2": "bzip2 -c", "zst": "zstd -qc", "lz4": "lz4 -qc"}


def read(fact: Any, where: Target) -> Any:
    """What `fact` makes of the answer of this machine."""
    (provider,) = fact.providers
    command = provider.ask(where) if callable(provider.ask) else provider.ask
    assert isinstance(command, Command), command
    done = subprocess.run(
        command.argv, capture_output=True, env=ENV, stdin=subprocess.DEVNULL, check=False, cwd="/"
    )
    assert done.returncode in command.ok, done.stderr
    answer = Answer(
        stdout=done.stdout, stderr=done.stderr, exit_code=done.returncode, truncated=False,
        collected_at="2026-11-23T12:00:00+00:00", target=where,
    )  # fmt: skip
    return provider.parse(answer)


def judged(folder: Path, **settings: Any) -> dict[str, Judgement]:
    """The judgement of each check on the set in `folder`."""
    declared = {"rpo_hours": 26, "copies": 7, **settings, "path": str(folder)}
    where = Target(id="w/b", kind="backup_set", object_type="business_data", settings=declared)
    ends, files = read(facts.ENDS, where), looked_at(folder, **settings)
    tests, digests = read(facts.TESTS, where), read(facts.DIGESTS, where)
    clock, now = int(time.time()), time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return {
        "present": checks.present.judge(files),
        "fresh": checks.fresh.judge(files, clock, where, now),
        "copies": checks.enough_copies.judge(files, digests, ends, clock, where, now),
        "size": size_check.plausible_size.judge(files, clock, where, now),
        "whole": whole_check.whole.judge(
            files, tests, ends, read(facts.PACKED_HEADS, where), clock, where, now
        ),
    }


def verdicts(folder: Path, **settings: Any) -> list[Verdict]:
    """present, fresh, copies, size and whole."""
    return [judgement.verdict for judgement in judged(folder, **settings).values()]


def put(path: Path, data: bytes, age: float = 3600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - age,) * 2)
    return path


def packed(program: str, content: bytes) -> bytes:
    return subprocess.run([*program.split()], input=content, capture_output=True, check=True).stdout


def tarred(folder: Path, *names: str, mode: str = "-c") -> bytes:
    argv = ["tar", mode, "-f", "-", "-C", str(folder), *names]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def day(nights: int) -> str:
    return time.strftime("%Y%m%d", time.gmtime(time.time() - nights * NIGHT - 3600))


def nights(folder: Path, name: str, make: Callable[[int], bytes], count: int = 7) -> None:
    """A file a night, its name with the day in place of @."""
    for night in range(count):
        put(folder / name.replace("@", day(night)), make(night), night * NIGHT + 3600)


def rows(count: int) -> bytes:
    return b"".join(b"INSERT INTO `t` VALUES (%d);\n" % n for n in range(count))


def looked_at(folder: Path, **settings: Any) -> Files:
    """The files in `folder` and what each holds."""
    declared = {"rpo_hours": 26, **settings, "path": str(folder)}
    where = Target(id="w/b", kind="backup_set", object_type="business_data", settings=declared)
    listed = read(facts.FILES, where)
    assert not isinstance(listed, (Absent, Partial))
    parts = (facts.ENDS, facts.INSIDES, facts.MEMBERS, facts.PACKED_HEADS)
    ends, insides, held, heads = (read(part, where) for part in parts)
    tests = read(facts.TESTS, where)
    return facts.looked_into(listed, ends, insides, held, heads, tests=tests)


def made(folder: Path, command: str) -> bytes:
    """What a command of this machine prints in `folder`."""
    return subprocess.run(
        command, shell=True, cwd=folder, check=True, capture_output=True
    ).stdout  # fmt: skip
