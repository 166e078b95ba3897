"""Random bytes, as encrypted ones are, never become a backup by chance.

A pattern that proves content is found in random bytes less than once in 100,000 times 100 GB; a
weaker one counts only with another.
"""

from __future__ import annotations

import itertools
import random
import re
import re._constants as op  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import subprocess
from pathlib import Path
from typing import Any

from audit_backup import archive_tests, bytes_read, members, statements
from audit_backup.content import content
from audit_backup.magic import encrypted_as
from audit_backup.model import BackupFile, Content, Ends, Held, Inside
from audit_core.model import Command, Target
from live.backup_sets import ENV, looked_at, packed, put

CLASSES = {
    "[:alnum:]": "0-9A-Za-z",
    "[:cntrl:]": "\\x00-\\x1f\\x7f",
    "[:xdigit:]": "0-9A-Fa-f",
    "[:blank:]": " \\t",
}
SIZES = {"1 MB": 10**6, "100 MB": 10**8, "100 GB": 10**11}


def chance(pattern: str, *, any_case: bool = False) -> float:
    """How likely `pattern` is, at most, to begin at a given one of random bytes."""
    for posix, written in CLASSES.items():
        pattern = pattern.replace(posix, written)
    flags = re.ASCII | (re.IGNORECASE if any_case else re.NOFLAG)
    return _all(parser.parse(pattern, flags), any_case)


def _all(parts: Any, any_case: bool) -> float:
    product = 1.0
    for kind, value in parts:
        product *= _one(kind, value, any_case)
    return product


def _one(kind: Any, value: Any, any_case: bool) -> float:  # one branch for each part of a pattern
    match kind:
        case op.LITERAL:
            return (2 if any_case and chr(value).isalpha() else 1) / 256
        case op.NOT_LITERAL | op.ANY:
            return 255 / 256
        case op.IN:
            return _class(value, any_case) / 256
        case op.AT:
            return 1 / 256  # a line begins or ends
        case op.ASSERT_NOT:
            return 1.0
        case op.ASSERT:
            return _all(value[1], any_case)
        case op.SUBPATTERN:
            return _all(value[3], any_case)
        case op.BRANCH:
            return min(sum(_all(branch, any_case) for branch in value[1]), 1.0)
        case op.MAX_REPEAT | op.POSSESSIVE_REPEAT:
            least, most, part = value
            one = _all(part, any_case)
            times = min(int(most), 4096) - least + 1
            return float(one**least * (times if one == 1 else (1 - one**times) / (1 - one)))
    raise AssertionError(kind)


def _class(parts: list[Any], any_case: bool) -> int:
    found: set[int] = set()
    for kind, value in parts:
        if kind is op.LITERAL:
            found.add(value)
        elif kind is op.RANGE:
            found.update(range(value[0], value[1] + 1))
    if any_case:
        found |= {ord(c) for b in found for c in (chr(b).lower(), chr(b).upper()) if ord(c) < 256}
    negated = parts[0][0] is op.NEGATE
    return 256 - len(found) if negated else len(found)


SURE = {
    members._MEMBER, members._ANY_MEMBER, members._HEADER, f"^PGDMP|{members._HEADER}",
    members._LAST, members._INSERT_OF_ZIP, members._COPY_OF_ZIP, statements.SURE_ROWS,
    statements.DUMP, statements._COPY, archive_tests._MARKS,
}  # fmt: skip
# Patterns that any bytes may hold, and what has to be in the same bytes, or why it does no harm.
WEAK = {
    statements.ROWS: statements.DUMP,
    statements._COPIES[-1]: statements._COPY,
    f"{members._BINARY}{members._named(members._NESTED)}": members._LAST,
    members._ROW_OF_ZIP: members._COPY_OF_ZIP,
    statements._STATEMENTS: "is sought in 64 KiB at most, and says that it is no more than a text",
    "[!-~]": "its absence tells something",
    "^": "counts lines, so that the file is read to its end",
    "^[^[:cntrl:]]{1,16}": "only takes away from what is known",
}
_FLAGS = re.compile(r"-(?:an?[oqc]*i?[PEFc]*|haqm1)|1|400|500")


def _asked() -> dict[str, bool]:
    """Each pattern that a request searches for, and whether in letters of any case."""
    where = Target(
        id="w/b", kind="backup_set", object_type="business_data",
        settings={"path": "/srv/b", "rpo_hours": 26},
    )  # fmt: skip
    found: dict[str, bool] = {}
    for ask in (
        members.ask_members, statements.ask_insides, bytes_read.ask_packed_heads,
        archive_tests.ask_tests,
    ):  # fmt: skip
        command = ask(where)
        assert isinstance(command, Command)
        words = [
            part for word in command.argv
            for part in (re.findall(r'"([^"]*)"', word) if word.startswith('"') else [word])
        ]  # fmt: skip
        for word in command.argv:
            if "to-command" in word:
                found[word.split("'")[1]] = False
        flag = ""
        for before, word in itertools.pairwise(words):
            if before.startswith("-") and "grep" not in before and _FLAGS.fullmatch(before):
                flag = before
            if _FLAGS.fullmatch(before) and not _FLAGS.fullmatch(word) and word != "-m" and flag:
                found[word] = "i" in flag
                flag = ""
    return found


def test_no_pattern_is_in_random_bytes_but_by_rare_chance(subtests: Any) -> None:
    asked = _asked()
    assert set(asked) == SURE | set(WEAK)
    for pattern in SURE:
        with subtests.test(pattern[:60]):
            one = chance(pattern, any_case=asked[pattern])
            if pattern == f"^PGDMP|{members._HEADER}":
                continue  # chooses files that are searched then
            assert one * SIZES["100 GB"] < 1e-5, one
    for proof in WEAK.values():
        assert proof in SURE or " " in proof
    # The calculation itself, with a pattern that was found in 3 of 100 files of 900 kB.
    assert 0.02 < chance(members._BINARY) * 900_000 < 0.06
    assert chance("^ab[[:blank:]]{2}") == 2**-8 * 2**-16 * 2**-14
    assert chance("a(?:b|c)", any_case=True) == 2 / 256 * 4 / 256


def test_patterns_are_not_in_random_bytes(tmp_path: Path) -> None:
    file = put(tmp_path / "r", random.Random(11).randbytes(12 << 20))
    for pattern in SURE - {f"^PGDMP|{members._HEADER}"}:
        if pattern not in (members._LAST, members._INSERT_OF_ZIP):
            done = subprocess.run(["grep", "-aqiP", pattern, file], env=ENV, check=False)
            assert done.returncode == 1, pattern


RANDOM = random.Random(12)
DUMPS = (
    "full.dmp", "full.dmp.gz", "full.dmp.zst", "full.bak", "full.dump.xz", "full.img", "db.sql",
    "db.sql.gz", "db.sql.enc", "t.tar", "t.tar.gz", "t.zip", "t.7z", "x.gz", "x.zst", "e.expdp",
    "full.qcow2", "full.rdb", "t.cpio", "db.backup",
)  # fmt: skip


def test_random_bytes_are_no_dump_of_a_known_format() -> None:
    """By first and last bytes and whatever the searches find in random bytes: nothing."""
    heads = [RANDOM.randbytes(16) for _ in range(20_000)]
    assert not any(map(encrypted_as, heads))
    for number, head in enumerate(heads[:4000]):
        name = DUMPS[number % len(DUMPS)]
        file = BackupFile(name=name, size=RANDOM.randrange(17, 16 << 20), mode=0, at=0)
        if name == "db.sql.enc":
            file = BackupFile(name=name, size=RANDOM.randrange(17, 4096), mode=0, at=0)
        ends = Ends(head=head, tail=RANDOM.randbytes(32))
        inside, held = Inside(holds=0, readable=True), Held.UNKNOWN
        assert content(file, ends, inside, held) is Content.DOUBTFUL, (name, head)


def test_files_of_random_bytes_never_pass(tmp_path: Path) -> None:
    """Searched by the real programs, as a file, packed and in archives."""
    data = b""
    for number in range(3):
        data = b"\3\1" + RANDOM.randbytes(30_000)
        put(tmp_path / f"f{number}.dmp", data)
        put(tmp_path / f"f{number}.bak", data)
        put(tmp_path / f"f{number}.sql", data)
        put(tmp_path / f"c{number}.cpio.gz", packed("gzip -1c", data))
        put(tmp_path / f"t{number}.tar.gz", packed("gzip -1c", data))
        put(tmp_path / f"f{number}.dmp.gz", packed("gzip -1c", data))
        put(tmp_path / f"f{number}.dump.xz", packed("xz -0c", data))
        put(tmp_path / f"f{number}.dmp.zst", packed("zstd -qc", data))
        put(tmp_path / f"f{number}.sql.lz4", packed("lz4 -qc", data))
    for kind, make in (("zip", "zip -q"), ("7z", "7z a -bd -bso0")):
        subprocess.run([*make.split(), f"a.{kind}", "f1.dmp", "f2.sql"], cwd=tmp_path, check=True)
    with_chance = bytes.fromhex("ff71000000000081000000000000000000000000000007")  # binary cpio
    put(tmp_path / "b.dmp.gz", packed("gzip -c", RANDOM.randbytes(9000) + with_chance + data))
    put(tmp_path / "b.cpio", RANDOM.randbytes(9000) + with_chance + data)
    files = looked_at(tmp_path).files
    assert len(files) == 3 * 9 + 4
    assert {f.content for f in files} == {Content.DOUBTFUL}, [
        f.name for f in files if f.content is not Content.DOUBTFUL
    ]


def test_less_that_was_read_is_no_reason_to_pass() -> None:
    """Without the bytes, the search for rows or that for members nothing is known, at any size."""
    inside, held = Inside(holds=0, readable=True), Held.UNKNOWN
    gzip = Ends(head=b"\x1f\x8b\x08" + bytes(13), tail=RANDOM.randbytes(32))
    text = Ends(head=b"-- MySQL dump 10", tail=None)
    for name, ends, insides, members_of, want in (
        ("db.bin", None, inside, held, Content.UNREAD),
        ("db.sql", text, None, held, Content.DOUBTFUL),
        ("no-suffix", text, None, held, Content.DOUBTFUL),
        ("db.gz", gzip, inside, None, Content.DOUBTFUL),
        ("db.gz", gzip, inside, held, Content.FULL),
        ("db.tar.gz", gzip, inside, None, Content.DOUBTFUL),
        ("db.sql.gz.gpg", Ends(head=RANDOM.randbytes(16)), None, None, Content.FULL),
    ):
        file = BackupFile(name=name, size=5 << 20, mode=0, at=0)
        assert content(file, ends, insides, members_of) is want, name
