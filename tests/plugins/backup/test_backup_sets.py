"""Backup sets made here with the real programs, and what each check says of them."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from audit_backup import checks, dates, magic
from audit_backup import content as contents
from audit_backup.model import BackupFile, Content, Ends
from live.backup_sets import (
    HEADER,
    NIGHT,
    TABLE,
    TRAILER,
    F,
    P,
    U,
    day,
    judged,
    looked_at,
    nights,
    packed,
    put,
    rows,
    tarred,
    verdicts,
)


def test_increments_alone_are_no_full_backup(tmp_path: Path) -> None:
    for name in ("incr_1.bin", "db-diff-2.bin", "wal_3.bin", "binlog.4.bin", f"{'0' * 23}5"):
        put(tmp_path / name, os.urandom(900))
    put(tmp_path / "mysql-bin.000006", b"\xfebin" + os.urandom(900))
    assert checks.present.judge(looked_at(tmp_path)).verdict is U
    assert verdicts(tmp_path, copies=1)[2] is U
    put(tmp_path / "archive_7.bin", os.urandom(900))
    assert checks.present.judge(looked_at(tmp_path)).verdict is P


def test_an_increment_stands_for_the_full_backup_of_its_series(tmp_path: Path) -> None:
    names = ("{db}-{sort}-@.bin", "{db}/{sort}/{db}_{sort}_@.bin", "{db}_@_{sort}.bin")
    for words in (("full", "incr"), ("level0", "level1"), ("全量", "增量"), ("FULL", "DIFF")):
        for number, name in enumerate(names):
            folder = tmp_path / f"{words[0]}{number}"
            for night in range(14):
                for db in "ab":
                    full = night % 7 == (0 if db == "a" else 3)
                    text = name.format(db=db, sort=words[not full]).replace("@", day(night))
                    data = os.urandom(90_000 + night if full else 900 + night * 90)
                    put(folder / text, data, night * NIGHT + 3600)
            assert verdicts(folder, depth=3, min_bytes=90_000)[:4] == [P] * 4
            assert verdicts(folder, depth=3, copies=15)[2] is not P
            for path in folder.rglob(f"b*{day(0)}*"):
                path.unlink()
            assert verdicts(folder, depth=3)[3] is U
            for path in folder.rglob(f"b*{words[0]}*.*"):
                path.unlink()
            assert verdicts(folder, depth=3)[:3] == [U] * 3  # increments without their full backup


def test_one_full_backup_is_one_generation(tmp_path: Path) -> None:
    base = packed("gzip -c", tarred(tmp_path, ".") + os.urandom(9000))
    for folder, name in (("logs", "0000000100000000000000{:02X}"), ("steps", "srv-incr-{}.bin")):
        for night in range(7):
            put(tmp_path / folder / name.format(night), os.urandom(900), night * NIGHT + 3600)
        put(tmp_path / folder / "srv-full.bin", base, 7 * NIGHT)
        assert verdicts(tmp_path / folder, copies=7)[2] is U
        assert verdicts(tmp_path / folder, copies=1)[2] is P
    put(tmp_path / "steps" / "srv-full-2.bin", base[::-1], 14 * NIGHT)
    assert verdicts(tmp_path / "steps", copies=7)[2] is P


def test_sizes_are_compared_within_one_series(tmp_path: Path) -> None:
    four = tmp_path / "four"
    for name, size in (("a", 1000), ("b", 20_000), ("c", 300_000), ("d", 1_000_000)):
        nights(four, f"{name}_@.bin", lambda n, size=size: os.urandom(size + n))  # type: ignore[misc]
    assert verdicts(four)[:4] == [P] * 4
    put(four / f"c_{day(0)}.bin", os.urandom(9000))  # in a sum with the others it would not show
    assert verdicts(four)[3] is F
    (four / f"c_{day(0)}.bin").unlink()
    (four / f"d_{day(0)}.bin").unlink()
    assert verdicts(four)[3] is U  # parts are missing
    parts = tmp_path / "parts"
    for night in range(7):
        for part, size in (("aa", 9000), ("ab", 9000), ("ac", 50 + night)):
            put(parts / f"full-{day(night)}.bin.{part}", os.urandom(size), night * NIGHT + 3600)
    assert verdicts(parts)[:4] == [P] * 4
    archive = packed("gzip -c", tarred(parts, "."))
    for night in range(3):
        whole = archive + os.urandom(night)
        for part, data in (("aa", whole[:20_000]), ("ab", whole[20_000:])):
            put(tmp_path / "split" / f"f-{day(night)}.tar.gz.{part}", data, night * NIGHT + 3600)
    assert verdicts(tmp_path / "split", copies=3)[:4] == [P] * 4
    for name in ("aa", "ab"):
        (parts / f"full-{day(0)}.bin.{name}").unlink()
    assert verdicts(parts)[3] is F


def test_a_database_that_is_no_longer_dumped_is_told(tmp_path: Path) -> None:
    nights(tmp_path, "a_@.bin", lambda n: os.urandom(900 + n))
    nights(tmp_path, "b_@.bin", lambda n: os.urandom(900 + n))
    assert judged(tmp_path)["fresh"].verdict is P
    for night in range(4):
        (tmp_path / f"b_{day(night)}.bin").unlink()
    assert judged(tmp_path)["fresh"].verdict is U


def test_what_lies_beside_backups_is_none(tmp_path: Path, subtests: Any) -> None:
    for name in (
        "README", "backup.log", "db.sql.gz.md5", "SHA256SUMS", "db.lock", "lock", "done.ok",
        "backup.index", "vzdump-qemu-100.vma.zst.notes", "manifest", "db.par2", ".last",
    ):  # fmt: skip
        with subtests.test(name):
            put(tmp_path / "side" / name / name, b"x" * 3000)
            assert verdicts(tmp_path / "side" / name)[:4] == [F] * 4
    for name, content in (
        ("run", b"#!/bin/sh\n" * 99),
        ("db.bin.asc", b"-----BEGIN PGP SIGNATURE-----\n" * 99),
    ):
        with subtests.test(name):
            put(tmp_path / "head" / name / name, content)
            assert verdicts(tmp_path / "head" / name)[:4] == [F] * 4
    log = os.urandom(9000)
    for name, content in (
        ("BACKUP_OK", b""), ("report.txt", b"x" * 3000), ("x.json", b"{}"), ("backup.log.1", log),
        ("all.list.gz", packed("gzip -c", log)), ("job.log-20261130.gz", packed("gzip -c", log)),
    ):  # fmt: skip
        with subtests.test(name):
            put(tmp_path / "unclear" / name / name, content)
            assert verdicts(tmp_path / "unclear" / name)[:4] == [U] * 4
    old = tmp_path / "old"
    put(old / "db-1.bin", os.urandom(900), 9 * NIGHT)
    put(old / "README", b"written today", 600)
    assert verdicts(old, copies=1)[1] is F
    asked = tmp_path / "asked"
    nights(asked, "switch-@.cfg", lambda n: b"hostname x%d\n" % n * 90)
    assert verdicts(asked, pattern="*.cfg")[:4] == [P] * 4
    nights(tmp_path / "logs", "audit.log.@.gz", lambda _: packed("gzip -c", os.urandom(9000)))
    for pattern, want in (("*", U), ("audit.log.*", P), ("*.log*", P)):
        assert verdicts(tmp_path / "logs", pattern=pattern)[:4] == [want] * 4


def test_directories_that_were_not_searched_leave_everything_open(tmp_path: Path) -> None:
    for night in range(4):
        put(tmp_path / day(night) / "db.bin", os.urandom(900 + night), night * NIGHT + 3600)
    put(tmp_path / "complete", b"")
    assert verdicts(tmp_path, copies=4)[:4] == [U] * 4
    assert verdicts(tmp_path, copies=4, depth=2)[:4] == [P, P, P, P]
    old = put(tmp_path / "old.bin", os.urandom(900), 9 * NIGHT)
    for folder in tmp_path.iterdir():
        os.utime(folder, (time.time() - 99 * NIGHT,) * 2)
    assert judged(tmp_path)["fresh"].verdict is U  # what lies deeper may be newer
    assert old.exists()


def test_generations_are_counted_by_content(tmp_path: Path) -> None:
    links = tmp_path / "links"
    first = put(links / f"db-{day(0)}.bin", os.urandom(900))
    for night in range(1, 30):
        os.link(first, links / f"db-{day(night)}.bin")
    assert [judged(links)[c].verdict for c in ("fresh", "copies")] == [P, F]
    same = tmp_path / "same"
    nights(same, "db-@.bin", lambda _: b"the same" * 100)
    assert judged(same)["copies"].verdict is U
    content = os.urandom(900_000)
    nights(tmp_path / "large", "db-@.bin", lambda _: content)
    assert judged(tmp_path / "large")["copies"].verdict is U


def test_snapshots_of_rsync_have_the_day_of_their_directory(tmp_path: Path) -> None:
    for night in range(6, -1, -1):
        top, before = tmp_path / day(night), tmp_path / day(night + 1)
        put(top / "srv" / "changes", os.urandom(900), 40 * NIGHT)
        if before.exists():
            os.link(before / "srv" / "same", top / "srv" / "same")
        else:
            put(top / "srv" / "same", os.urandom(900), 90 * NIGHT)
        os.utime(top, (time.time() - night * NIGHT - 3600,) * 2)
    assert verdicts(tmp_path, depth=3)[:4] == [P] * 4
    os.utime(tmp_path / day(0), (time.time() - 90 * NIGHT,) * 2)  # as rsync -a leaves it
    os.utime(tmp_path / day(1), (time.time() - 90 * NIGHT,) * 2)
    assert judged(tmp_path, depth=3)["fresh"].verdict is U


def test_snapshots_with_hard_links_are_generations(tmp_path: Path) -> None:
    """The layout of rsnapshot 1.4.5: unchanged files are links to those of the last snapshot."""
    for number in range(6, -1, -1):
        top, before = tmp_path / f"daily.{number}", tmp_path / f"daily.{number + 1}"
        put(top / "web" / "changes", os.urandom(900), 400 * NIGHT)
        kept = top / "web" / "unchanged"
        if before.exists():
            os.link(before / "web" / "unchanged", kept)
        else:
            put(kept, os.urandom(5000), 900 * NIGHT)
        os.utime(top, (time.time() - number * NIGHT - 3600,) * 2)
    assert verdicts(tmp_path, depth=3)[:4] == [P] * 4
    assert verdicts(tmp_path, depth=1)[:4] == [U] * 4
    shutil.rmtree(tmp_path / "daily.0")
    os.utime(tmp_path / "daily.1", (time.time() - 50 * 3600,) * 2)
    assert judged(tmp_path, depth=3)["fresh"].verdict is F


def test_a_snapshot_without_a_new_file_may_be_of_a_copy_that_failed(tmp_path: Path) -> None:
    """rsnapshot 1.4.5 makes the links of the last snapshot where a host does not answer."""
    for case, (a, b, want) in enumerate(
        ((9, 9, P), (9, 0, P), (9, 8, U), (9, 7, U), (0, 0, U))  # until which the parts changed
    ):
        for number in range(9, 0, -1):
            top, before = (tmp_path / str(case) / f"daily.{n}" for n in (number - 1, number))
            for part, last in (("a", a), ("b", b)):
                for name in ("kept", "changes"):
                    old, new = before / part / "etc" / name, top / part / "etc" / name
                    new.parent.mkdir(parents=True, exist_ok=True)
                    if old.exists() and (name == "kept" or 10 - number > last):
                        os.link(old, new)
                    else:
                        put(new, os.urandom(900), 400 * NIGHT)
            os.utime(top, (time.time() - (number - 1) * NIGHT - 3600,) * 2)
        assert judged(tmp_path / str(case), depth=4)["fresh"].verdict is want, case


def test_tar_archives_of_pg_basebackup_have_blanks_behind_numbers(tmp_path: Path) -> None:
    for night in range(3):
        for name in ("base", "pg_wal"):
            put(tmp_path / "tree" / name, os.urandom(900))
            tar = tarred(tmp_path / "tree", name)
            tar = (
                tar[:148] + b"0%b " % tar[148:154] + tar[156:]
            )  # as pg_basebackup 15 -Ft writes it
            path = tmp_path / "sets" / day(night) / f"{name}.tar.gz"
            put(path, packed("gzip -c", tar), night * NIGHT + 3600)
    assert verdicts(tmp_path / "sets", copies=3, depth=2) == [P] * 5
    for path in tmp_path.rglob("base.tar.gz"):
        path.unlink()
    assert verdicts(tmp_path / "sets", copies=3, depth=2)[:3] == [U] * 3  # without what it is for


def test_the_directory_of_a_run_that_did_not_end_is_no_backup(tmp_path: Path) -> None:
    """The marks of mydumper 0.10.1, pg_basebackup 15 and scripts."""
    for mark in (
        "metadata.partial", "backup_manifest.tmp", "INCOMPLETE", ".in_progress", "FAILED",
        "backup.failed",
    ):  # fmt: skip
        for night in range(3):
            dump = HEADER + TABLE + rows(night) + TRAILER
            put(tmp_path / mark / day(night) / "a.sql", dump, night * NIGHT + 3600)
        assert verdicts(tmp_path / mark, depth=2, copies=3)[:4] == [P] * 4
        put(tmp_path / mark / day(0) / mark, b"Started dump at: 2026-11-30\n")
        got = verdicts(tmp_path / mark, depth=2, copies=3, rpo_hours=24)
        assert got[1:3] == [F, F]
    nights(tmp_path / "flat", "db_@.bin", lambda n: os.urandom(900 + n))
    put(tmp_path / "flat" / "FAILED", b"", NIGHT * 2)
    assert verdicts(tmp_path / "flat", copies=6)[:3] == [P] * 3  # of the run two nights ago


def test_a_name_with_an_old_date_or_one_to_come_is_not_fresh(tmp_path: Path) -> None:
    """As rsync without -t, cp and a wrong clock leave them."""
    for number, form in enumerate(
        ("%Y%m%d", "%d-%m-%y", "%y%m%d", "%Y-%j", "%GW%V", "%Y-%m", "%Y年%m月%d日", "%s", "%d%b%Y")
    ):
        for old, want in ((-50, U if number not in (4, 5) else P), (0, P), (50, U)):
            folder = tmp_path / f"{number} {old}"
            for night in range(3):
                at = time.gmtime(time.time() - (old + night) * NIGHT - 3600)
                put(folder / f"db_{time.strftime(form, at)}.bin", os.urandom(90), 3600)
            assert judged(folder)["fresh"].verdict is want, (form, old)
    nights(tmp_path / "all", "snap20190101_v1.20240101_@.bin", lambda _: os.urandom(900))
    nights(tmp_path / "none", "snap20190101_v1.20240101.bin.%", lambda _: b"")
    for night in range(3):
        put(tmp_path / "none" / f"v1.20240101-{night}.bin", os.urandom(90), night * NIGHT + 3600)
    for name in ("all", "none"):
        assert judged(tmp_path / name)["fresh"].verdict is P


def test_what_is_old_fails_whether_it_holds_something_or_not(tmp_path: Path) -> None:
    put(tmp_path / "db.dump", os.urandom(16), 9 * NIGHT)
    assert verdicts(tmp_path, copies=1)[:2] == [U, F]


def test_a_directory_of_a_backup_program_is_asked_of_the_program(
    tmp_path: Path, subtests: Any
) -> None:
    layouts = {
        "restic": ["config", "data/00/x", "index/x", "keys/x", "snapshots/x"],
        "borg": ["README", "config", "data/0/1", "hints.5", "index.5", "integrity.5", "nonce"],
        "pgBackRest": ["archive/main/archive.info", "backup/main/backup.info"],
        "Barman": ["base/20261129T020000/backup.info", "wals/xlog.db"],
        "xtrabackup": ["ibdata1", "app/t.ibd"],
        "RMAN": ["3f2hq0s1_1_1"],
        "Velero": ["velero-backup.json", "b1-logs.gz"],
        "Proxmox Backup Server": ["drive-scsi0.img.fidx", "index.json.blob"],
        "WAL-G": ["basebackups_005/x", "wal_005/x"],
        "duplicity": ["duplicity-full.20261129T020000Z.vol1.difftar.gz"],
        "rdiff-backup": ["rdiff-backup-data/mirror_metadata.snapshot.gz", "a"],
        "Duplicati": ["duplicati-b1.dblock.zip.aes", "duplicati-20261129T020000Z.dlist.zip.aes"],
        "Veeam": ["JobD2026-11-28T020000.vib"],
        "zbackup": ["backups/a", "bundles/00/x", "index/x", "info"],
        "dirvish": ["rsync_error", "tree/a", "summary"],
        "Amanda": ["state", "slot1/00000.T1-01"],
        "burp": ["0000001 2026-11-30 08:45:43 +0000/log.gz", "current"],
        "backup2l": ["all.1.tar.gz", "all.1.skipped.gz", "all.1.check"],
    }
    for program, names in layouts.items():
        with subtests.test(program):
            for name in names:
                put(tmp_path / program / name, os.urandom(900))
            got = judged(tmp_path / program)
            assert [got[c].verdict for c in got] == [U] * 5
            assert got["fresh"].detail[0].args.get("program") == program


def test_rotated_files_are_one_series(tmp_path: Path) -> None:
    for number in range(7):
        name = "db.sql.gz" + (f".{number}" if number else "")
        data = TABLE + os.urandom(5000 + number)
        put(tmp_path / name, packed("gzip -c", data), number * NIGHT + 3600)
    assert verdicts(tmp_path)[:4] == [P] * 4
    put(tmp_path / "db.sql.gz", packed("gzip -c", TABLE + os.urandom(900)))
    assert verdicts(tmp_path)[3] is F


def test_files_of_different_names_are_no_generations_of_one(tmp_path: Path) -> None:
    tree = ("etc/hosts", "srv/data/a", "srv/b", "www/x", "home/y.bin", "home/z")
    named = {
        "tree": (tree, U), "kinds": (("a.bin", "b.bin", "c.bin"), U),
        "old": (("db.bin", "db.bin.old", "db.bin.prev"), P),
        "numbers": (("db.bin", "db_1.bin", "db (2).bin"), P),
        "ids": ([f"b-{uuid.UUID(int=n << 99 | n)}.bin" for n in (1, 2, 3)], P),
        "sorts": (("db-daily-a1.bin", "db-weekly-a2.bin", "db-full-a3.bin"), P),
    }  # fmt: skip
    for folder, (names, want) in named.items():
        for number, name in enumerate(names):
            put(tmp_path / folder / name, os.urandom(900), number * 3 * NIGHT + 3600)
        assert judged(tmp_path / folder, depth=3, copies=3)["copies"].verdict is want, folder


def test_a_copied_tree_keeps_the_times_of_its_originals(tmp_path: Path) -> None:
    for name in ("etc/hosts", "srv/data/a", "srv/b"):
        put(tmp_path / name, b"content" * 100, 40 * NIGHT)
    assert judged(tmp_path, depth=3)["fresh"].verdict is U
    put(tmp_path / "srv/now", b"content" * 100)
    put(tmp_path / "srv/empty.py", b"")  # may be empty in the original
    assert [judged(tmp_path, depth=3)[c].verdict for c in ("fresh", "size")] == [P, U]
    put(tmp_path / "srv/db.sql", b"")
    assert judged(tmp_path, depth=3)["size"].verdict is F


MAGICS = st.sampled_from(
    (*magic._PLAIN, *magic._ENCRYPTED, *contents._OF_NOTHING, b"PK\x05\x06", b"")
)
NAMES = st.sampled_from(("a", "a.tar", "a.gz", "a.sql.lz4"))
RESTS = st.just(b"") | st.binary(max_size=20)
SIZES = st.integers(1, 40) | st.integers(1, 1 << 40)
TAILS = st.none() | st.binary(max_size=32)


@example(head=b"\x04\x22\x4d\x18", rest=b"", tail=None, size=4, name="a")
@given(head=MAGICS, rest=RESTS, tail=TAILS, size=SIZES, name=NAMES)
def test_any_bytes_have_some_content(
    head: bytes, rest: bytes, tail: bytes | None, size: int, name: str
) -> None:
    file = BackupFile(name=name, size=size, mode=0, at=0)
    ends = Ends(head=(head + rest)[:16], tail=tail)
    assert contents.content(file, ends, None) is not Content.UNREAD


def test_a_regular_part_of_the_backup_that_is_missing_is_told(tmp_path: Path) -> None:
    nights(tmp_path, "large_@.bin", lambda n: os.urandom(90_000 + n))
    nights(tmp_path, "small_@.bin", lambda n: os.urandom(900 + n))
    assert verdicts(tmp_path)[3] is P
    (tmp_path / f"small_{day(0)}.bin").unlink()
    assert verdicts(tmp_path)[3] is U


def test_links_notes_and_marks_in_the_set_leave_nothing_open(tmp_path: Path) -> None:
    nights(tmp_path, "db_@.sql.gz", lambda n: packed("gzip -c", HEADER + TABLE + rows(n) + TRAILER))
    (tmp_path / "latest.sql.gz").symlink_to(f"db_{day(0)}.sql.gz")
    (tmp_path / "today").symlink_to(tmp_path / f"db_{day(0)}.sql.gz")
    put(tmp_path / "about.json", b"{}" * 30)
    put(tmp_path / "_SUCCESS", b"")
    assert verdicts(tmp_path) == [P] * 5
    (tmp_path / "other.sql.gz").symlink_to("/srv/other/db.sql.gz")
    assert verdicts(tmp_path)[4] is U


def test_an_old_dump_under_a_new_name_is_not_fresh(tmp_path: Path) -> None:
    old = HEADER + TABLE + rows(99) + b"-- Dump completed on 2024-02-30\n-- Dump completed on %s\n"
    for number, (made, want) in enumerate(((b"2024-02-29  2:00:01", F), (b"2999-01-01", P))):
        folder = tmp_path / str(number)
        nights(
            folder, "db_@.sql.gz", lambda n: packed("gzip -c", HEADER + TABLE + rows(n) + TRAILER)
        )
        (folder / f"db_{day(1)}.sql.gz").unlink()
        put(folder / f"db_{day(0)}.sql.gz", packed("gzip -c", old % made))
        assert verdicts(folder)[1] is want


def test_definitions_beside_dumps_and_directories_of_users(tmp_path: Path) -> None:
    create = packed("gzip -c", HEADER + b"CREATE TABLE `t` (`a` int);\n" + TRAILER)
    nights(tmp_path / "a", "app_schema_@.sql.gz", lambda _: create)
    assert verdicts(tmp_path / "a")[0] is U  # nothing else is there
    nights(tmp_path / "a", "app_data_@.sql.gz",
           lambda n: packed("gzip -c", HEADER + TABLE + rows(n) + TRAILER))  # fmt: skip
    assert verdicts(tmp_path / "a") == [P] * 5
    entry = b"dn: uid=u%d,dc=x\nuid: u\nobjectClass: person\n\n"
    nights(tmp_path / "b", "ldap-@.ldif", lambda n: b"".join(entry % i for i in range(30 + n)))
    assert verdicts(tmp_path / "b")[:4] == [P] * 4
    nights(tmp_path / "c", "ldap-@.ldif", lambda _: b"dn: dc=x\ndc: x\nobjectClass: domain\n" * 1)
    assert verdicts(tmp_path / "c")[0] is not P


def test_dates_in_many_forms_are_left_out_of_the_series(subtests: Any) -> None:
    nightly = (
        "20261128", "2026-11-28", "28-11-2026", "28.11.2026", "11282026", "Nov28", "28Nov2026",
        "Sat-28-Nov-2026", "November_28", "2026W48", "2026-W48-6", "w48", "1795930381", "Sat",
        "1795930381123", "2026年11月28日", "11月28日", "星期六", "周六", "261128", "2026-332",
        "20261128T021500Z", "2026-11-28T02:15:00+08:00", "28112026_0215",
        "28-11-26", "26.11.28", "1151128", "民国115年11月28日", "2026年11月", "202611",
        "20261128021500123",
    )  # fmt: skip
    for text in nightly:
        with subtests.test(text):
            assert dates.undated(f"db01-{text}.sql") in ("db01-@.sql", "db01-@-@.sql")
            found = dates.days(text)
            assert not found or date(2026, 11, 28) in found or text.startswith("1795")
    assert dates.undated("2026/11/28/db01.sql") == "@/db01.sql"
    assert dates.undated("appMon.sql") == "app@.sql"
    for text in (
        "2026-11-28", "28-11-2026", "28Nov2026", "2026年11月28日", "Nov-28-2026", "261128",
        "2026-332", "1151128", "115-11-28", "民国115年11月28日", "02-15-30_2026-11-28",
    ):  # fmt: skip
        assert dates.days(text) == [date(2026, 11, 28)], text
    assert set(dates.days("28.11.26")) == {date(2026, 11, 28), date(2028, 11, 26)}
    assert dates.days("db_20261027-20261128") == [date(2026, 10, 27), date(2026, 11, 28)]
    for text, last in (("2026W48", 29), ("2026-W48-6", 28), ("2026-11", 30), ("2026年11月", 30)):
        assert not dates.days(text)
        assert dates.last_days(text) == [date(2026, 11, last)], text
    assert set(dates.days("05-11-2026")) == {date(2026, 11, 5), date(2026, 5, 11)}
    for name in ("db01.sql", "sun_oracle_v2.sql", "mayfair.sql", "node10-x.sql", "decade-99.sql",
                 "10.1.2.3.sql", "v1.22.04.05.sql", "112.10.12.5.sql"):  # fmt: skip
        assert "@" not in dates.undated(name.replace("sun_", "")), name
        assert not dates.days(name)


def test_one_database_of_several_is_compared_by_its_own_series(tmp_path: Path) -> None:
    """The day stands in front of the month: a sum over the databases would hide the small one."""
    for night in range(7):
        at = time.strftime("%d-%m-%Y", time.gmtime(time.time() - night * NIGHT - 3600))
        for name, size in (("db01", 20_000), ("db02", 900_000)):
            put(tmp_path / f"{name}_{at}.bin", os.urandom(size + night), night * NIGHT + 3600)
    assert verdicts(tmp_path)[:4] == [P] * 4
    at = time.strftime("%d-%m-%Y", time.gmtime(time.time() - 3600))
    put(tmp_path / f"db01_{at}.bin", os.urandom(900))
    assert verdicts(tmp_path)[3] is F
