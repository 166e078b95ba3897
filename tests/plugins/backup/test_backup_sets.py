"""Backup sets made here with the real programs, and what each check says of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from audit_backup import checks, facts, magic, open_points, whole_check
from audit_backup import content as contents
from audit_backup.model import BackupFile, Content, Ends, Files
from audit_core.model import Absent, Answer, Command, Judgement, Partial, Target, Verdict

ENV = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
NIGHT = 86400
HEADER = b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n"
TABLE = b"CREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1),(2);\n"
# In pg_dump's own format: rows of table 13, and the length of the next piece.
OWN_BLOCK = b"\1\0\x0d\0\0\0\0\x0d\0\0\0"
TRAILER = b"-- Dump completed on 2026-11-29  2:00:01\n"
P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


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
        "size": checks.plausible_size.judge(files, clock, where, now),
        "whole": whole_check.whole.judge(files, tests, ends, clock, where, now),
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


PACKERS = {"gz": "gzip -c", "xz": "xz -c", "bz2": "bzip2 -c", "zst": "zstd -qc", "lz4": "lz4 -qc"}


def test_archives_of_nothing_are_no_backup(tmp_path: Path, subtests: Any) -> None:
    (tmp_path / "tree" / "empty").mkdir(parents=True)
    nothing = tarred(tmp_path, "-T", "/dev/null")
    folder_only = tarred(tmp_path / "tree", "empty")
    cases = {f"db_@.{end}": packed(program, b"") for end, program in PACKERS.items()}
    cases |= {f"h_@.sql.{end}": packed(PACKERS[end], HEADER) for end in ("gz", "xz", "zst")}
    cases |= {f"t_@.tar.{end}": packed(PACKERS[end], nothing) for end in ("gz", "xz", "bz2", "zst")}
    cases |= {f"f_@.tar.{end}": packed(PACKERS[end], folder_only) for end in ("gz", "xz", "zst")}
    cases |= {"t_@.tar": nothing, "f_@.tar": folder_only, "h_@.sql": HEADER, "n_@.gz": b""}
    cases |= {
        "named_@.gz": packed("gzip -c", HEADER),
        "dump_@.sql": b"--\n-- PostgreSQL database dump\n--\n",
    }
    for name in ("a", "b"):
        (tmp_path / "tree" / name).mkdir()
    subprocess.run(["zip", "-qr", tmp_path / "e.zip", "tree"], cwd=tmp_path, check=True)
    cases["z_@.zip"] = (tmp_path / "e.zip").read_bytes()
    for number, (name, content) in enumerate(cases.items()):
        with subtests.test(name):
            folder = tmp_path / str(number)
            nights(folder, name, lambda _, content=content: content, 2)  # type: ignore[misc]
            got = judged(folder, copies=2)
            reported = [got[c].verdict for c in ("present", "fresh", "copies", "size")]
            assert reported == [F] * 4, (reported, [str(d) for d in got["present"].detail])
            assert got["whole"].verdict is F


def test_what_may_be_an_archive_of_nothing_does_not_pass(tmp_path: Path, subtests: Any) -> None:
    cases = {
        "x_@.bin.gz": packed("gzip -c", b"hello"), "y_@.bin.gz": packed("gzip -c", b"") * 2,
        "v_@.vmdk": b"KDMV\x01\0\0\0" + bytes(1 << 20), "d_@.1.dar": b"\0\0\0\x7b" + bytes(230),
        "b_@.vdi": b"<<< QEMU VM Virtual Disk Image >>>" + bytes(41_000),
        "m_@.vhd": b"conectix\0\0\0\2" + bytes(23_000),
        "zero_@.img": bytes(4096), "no-suffix_@": HEADER,
        "x_@.gpg": b"\x85\x01\x8c\x03" + bytes(600),
        "r_@.rdb": b"REDIS0011\xfa\tredis-ver\x057.0.15\xff" + bytes(60),
        "q_@.qcow2": b"QFI\xfb\x00\x00\x00\x03" + bytes(190_000),
        "e_@.db": b"SQLite format 3\0" + bytes(12_272),
        "p_@.pgdump": b"PGDMP\x01\x0e\x00" + bytes(900),
    }  # fmt: skip
    for name, content in cases.items():
        with subtests.test(name):
            folder = tmp_path / name
            nights(folder, name, lambda _, content=content: content, 2)  # type: ignore[misc]
            assert verdicts(folder, copies=2) == [U] * 5


def rows(count: int) -> bytes:
    return b"".join(b"INSERT INTO `t` VALUES (%d);\n" % n for n in range(count))


def test_whole_archives_pass(tmp_path: Path, subtests: Any) -> None:
    put(tmp_path / "tree" / "a", b"content")
    tar = tarred(tmp_path / "tree", "a")

    def dump(night: int) -> bytes:
        return HEADER + TABLE + rows(200 + night) + TRAILER

    makers: dict[str, Callable[[int], bytes]] = {"db-@.sql": dump}
    makers["t-@.tar"] = lambda n: tarred(tmp_path / "tree", "a") + bytes(512 * n)
    makers["two-@.sql.gz"] = lambda n: packed("gzip -c", dump(n)) + packed("gzip -c", b"")
    for end, program in PACKERS.items():
        makers[f"db-@.dat.{end}"] = lambda n, p=program: packed(p, os.urandom(5000 + n))  # type: ignore[misc]
        if end != "lz4":
            makers[f"db-@.sql.{end}"] = lambda n, p=program: packed(p, dump(n))  # type: ignore[misc]
            makers[f"t-@.tar.{end}"] = lambda n, p=program: packed(p, tar + bytes(512 * n))  # type: ignore[misc]
    for name, make in makers.items():
        with subtests.test(name):
            folder = tmp_path / name.replace("@", "")
            nights(folder, name, make, 3)
            assert verdicts(folder, copies=3) == [P] * 5


def test_what_is_cut_is_told(tmp_path: Path, subtests: Any) -> None:
    put(tmp_path / "tree" / "a", os.urandom(20000))
    tar = tarred(tmp_path / "tree", "a")
    dump = HEADER + TABLE + rows(2000) + TRAILER
    subprocess.run(["zip", "-qr", "e.zip", "tree"], cwd=tmp_path, check=True)
    cases = {"d.sql": dump[:-60], "d.sql.gz": packed("gzip -c", dump[:-60]), "t.tar": tar[:9000]}
    whole = b"-- PostgreSQL database cluster dump\n-- PostgreSQL database dump\n" + TABLE
    cases["all.sql"] = whole + b"-- PostgreSQL database dump complete\n"  # pg_dumpall, one of two
    cases |= {f"d.sql.{e}": packed(p, dump)[:-30] for e, p in PACKERS.items() if e != "gz"}
    cases |= {f"t.tar.{e}": packed(p, tar)[:-30] for e, p in PACKERS.items()}
    cases |= {f"b.{e}": packed(p, tar)[:-30] for e, p in PACKERS.items() if e != "zst"}
    cases |= {"z.zip": (tmp_path / "e.zip").read_bytes()[:-30]}
    for name, content in cases.items():
        with subtests.test(name):
            put(tmp_path / name / name, content)
            assert verdicts(tmp_path / name)[4] is F
    put(tmp_path / "e" / "secret.gpg", b"\x85\x01\x8c\x03" + os.urandom(9000))
    assert verdicts(tmp_path / "e")[4] is U  # no test without the key
    sealed = made(tmp_path, "zip -qr -P secret - tree")
    put(tmp_path / "h" / "sealed.zip", sealed)
    assert verdicts(tmp_path / "h")[4] is U
    seven = made(tmp_path, "7z a -bd s.7z tree >&2; cat s.7z")
    for data, want in ((seven, P), (seven[:-9000], F)):
        put(tmp_path / "i" / "s.7z", data)
        assert verdicts(tmp_path / "i")[4] is want
    put(tmp_path / "f" / "secret.sql.gz", os.urandom(9000))  # encrypted without a header, perhaps
    assert verdicts(tmp_path / "f")[4] is U


def looked_at(folder: Path, **settings: Any) -> Files:
    """The files in `folder` and what each holds."""
    declared = {"rpo_hours": 26, **settings, "path": str(folder)}
    where = Target(id="w/b", kind="backup_set", object_type="business_data", settings=declared)
    listed = read(facts.FILES, where)
    assert not isinstance(listed, (Absent, Partial))
    parts = (facts.ENDS, facts.INSIDES, facts.MEMBERS, facts.PACKED_HEADS)
    return facts.looked_into(listed, *(read(part, where) for part in parts))


def test_what_a_failed_job_leaves_does_not_pass(tmp_path: Path) -> None:
    error = b"mysqldump: Got error: 1045: Access denied for user 'backup'@'localhost'\n"
    page = b"<!DOCTYPE html><html><title>403 Forbidden</title>" + b"<p>x</p>" * 400
    schema = HEADER + b"CREATE TABLE `t` (`a` int);\n" * 30 + TRAILER
    zeros = bytes(4 << 20)
    put(tmp_path / "z" / "zeros", zeros)
    zstd_of_a_file = packed(f"zstd -qc {tmp_path}/z/zeros", b"")  # its header has the size
    shutil.rmtree(tmp_path / "z")
    held = {
        "db_1.sql": error, "db_2.bak": error * 20, "db_3.dump": error, "db_4": error * 3,
        "p_1.tar.gz": page, "p_2.gz": page, "p_3.zip": page, "p_4.sql": page, "p_5.bin": page,
        "j_1.tar": b'{"error": "access denied"}' * 30, "l_1.ldif": b"version: 1\n",
        "z_1.img": bytes(1 << 20), "z_2.img.gz": packed("gzip -c", zeros),
        "z_3.img.xz": packed("xz -c", zeros), "z_4.img.zst": packed("zstd -qc", zeros),
        "z_5.img.zst": zstd_of_a_file, "z_6.img.lz4": packed("lz4 -qc", zeros),
        "z_7.xz": packed("xz -T2 --block-size=1MiB -c", zeros),
        "c_1.env": b"status=1 cannot connect to the server\n",
        "n_1.lzma": packed("xz --format=lzma -c", b""), "n_2.br": b"\x3b",
        "n_3.sz": b"\xff\x06\x00\x00sNaPpY", "s_1.sql": schema,
        "s_2.sql.gz": packed("gzip -c", schema), "s_3.sql": schema * 90,
        "s_4.sql.gz": packed("gzip -c", page + os.urandom(90_000).hex().encode()),
        "s_5.sql.zst": packed("zstd -qc", b"pg_dump: error: " + os.urandom(9000).hex().encode()),
        "s_6.dump": error * 2000, "s_7.pgdump": b"PGDMP\x01\x0e\0" + bytes(90_000),
        "s_8.sql": b"-- PostgreSQL database dump\nCREATE TABLE a (b int);\n"
                   b"-- Data for Name: a; Type: TABLE DATA; Schema: public; Owner: a\n"
                   b"COPY public.a (b) FROM stdin;\n\\.\nCOPY c (b) FROM stdin;\n\\.\n",
        "s_9.pgdump": b"PGDMP\x01\x0e\0\0TABLE DATA\0" + OWN_BLOCK + zlib.compress(b"\\.\n\n\n"),
        "v_1": b"\1\2\3\4\0\0\xfc\0\0\0\0\1BB02" + os.urandom(9000),
        "a_1": b"AMANDA: TAPESTART DATE 20261128020000 TAPE DAILY-1\n" + bytes(32700),
    }  # fmt: skip
    for name, data in held.items():
        put(tmp_path / name, data)
    for name in ("db.db-wal", "b.tar.gz.crdownload", "b.tar.gz.inprogress"):
        put(tmp_path / name, os.urandom(900))
    files = looked_at(tmp_path)
    assert {f.name: f.content for f in files.files} == dict.fromkeys(held, Content.DOUBTFUL)
    assert len(files.aside) == 3
    assert checks.present.judge(files).verdict is U
    fine = {"t.cfg": b"hostname x\n" * 60,
            "p.pgdump": b"PGDMP\x01\x0e\0\n\0\0\0TABLE DATA\0" + OWN_BLOCK + zlib.compress(b"1\n"),
            "v.pgdump": b"PGDMP\x01\x0e\0\n" + b"\0\x0b\0\0\0001\tcontent\n",
            "c.sql": b"COPY public.a (b) FROM stdin;\n\\.\nCOPY c FROM stdin;\n1\n\\.\n",
            "o.sql": schema * 90 + b"  insert into t values (1);\n", "d.sql": schema + rows(3),
            "b.bin": os.urandom(90),
            "z.bin.zst": b"\x50\x2a\x4d\x18" + os.urandom(900),
            "host.i": b"[client]\nhost = db1\nport = 3306\nuser = b\n",
            "s.env": b"HOST=db1\nPORT=3306\nDATA=/srv/data\nUSER=b\n",
            "x.bin.xz": packed("xz -c", os.urandom(900) + bytes(9000))}  # fmt: skip
    for name, data in fine.items():
        put(tmp_path / "fine" / name, data)
    reported = looked_at(tmp_path / "fine", pattern="*.*")
    assert {f.name: f.content for f in reported.files} == {
        n: Content.FULL for n in fine if n != "t.cfg"
    }
    assert [f.name for f in reported.unclear] == ["t.cfg"]


def test_increments_alone_are_no_full_backup(tmp_path: Path) -> None:
    for name in ("incr_1.bin", "db-diff-2.bin", "wal_3.bin", "binlog.4.bin", f"{'0' * 23}5"):
        put(tmp_path / name, os.urandom(900))
    put(tmp_path / "mysql-bin.000006", b"\xfebin" + os.urandom(900))
    assert checks.present.judge(looked_at(tmp_path)).verdict is U
    assert verdicts(tmp_path, copies=1)[2] is U
    put(tmp_path / "archive_7.bin", os.urandom(900))
    assert checks.present.judge(looked_at(tmp_path)).verdict is P


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
    for name, content in (("BACKUP_OK", b""), ("report.txt", b"x" * 3000), ("x.json", b"{}")):
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


def test_a_directory_of_a_backup_program_is_asked_of_the_program(
    tmp_path: Path, subtests: Any
) -> None:
    layouts = {
        "restic": ["config", "data/00/x", "index/x", "keys/x", "snapshots/x"],
        "borg": ["README", "config", "data/0/1", "hints.5", "index.5", "integrity.5", "nonce"],
        "pgBackRest": ["archive/main/archive.info", "backup/main/backup.info"],
        "Barman": ["base/20261129T020000/backup.info", "wals/xlog.db"],
        "xtrabackup": ["xtrabackup_checkpoints", "ibdata1"],
        "duplicity": ["duplicity-full.20261129T020000Z.vol1.difftar.gz"],
        "rdiff-backup": ["rdiff-backup-data/mirror_metadata.snapshot.gz", "a"],
        "Duplicati": ["duplicati-b1.dblock.zip.aes", "duplicati-20261129T020000Z.dlist.zip.aes"],
        "Veeam": ["JobD2026-11-28T020000.vib"],
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


def test_a_copied_tree_keeps_the_times_of_its_originals(tmp_path: Path) -> None:
    for name in ("etc/hosts", "srv/data/a", "srv/b"):
        put(tmp_path / name, b"content" * 100, 40 * NIGHT)
    assert judged(tmp_path, depth=3)["fresh"].verdict is U
    put(tmp_path / "srv/now", b"content" * 100)
    put(tmp_path / "srv/empty.py", b"")  # may be empty in the original
    assert [judged(tmp_path, depth=3)[c].verdict for c in ("fresh", "size")] == [P, U]
    put(tmp_path / "srv/db.sql", b"")
    assert judged(tmp_path, depth=3)["size"].verdict is F


def test_large_archives_of_one_content_are_one_generation(tmp_path: Path) -> None:
    same = os.urandom(300_000)
    nights(tmp_path, "db-@.gz", lambda _: packed("gzip -nc", same))
    assert judged(tmp_path)["copies"].verdict is U


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


def made(folder: Path, command: str) -> bytes:
    """What a command of this machine prints in `folder`."""
    return subprocess.run(
        command, shell=True, cwd=folder, check=True, capture_output=True
    ).stdout  # fmt: skip


def test_members_of_archives_of_any_size_are_looked_at(tmp_path: Path) -> None:
    source, many = tmp_path / "source", b"CREATE TABLE `t` (`a` int);\n"
    for number in range(100):
        for name in "abcdefgh":
            (source / "dirs" / f"directory-{number:03}" / (name * 70)).mkdir(parents=True)
    (source / "dirs" / "none").touch()
    put(source / "mixed" / "a.conf", b"x = 1\n" * 90)
    put(source / "rows" / "db.sql", HEADER + TABLE + rows(100) + TRAILER)
    put(source / "schema" / "db.sql", HEADER + many * 900 + TRAILER)
    put(source / "nested" / "db.sql.gz", packed("gzip -c", HEADER + many * 900))
    put(source / "nested" / "none.gz", packed("gzip -c", b""))
    put(source / "logs" / "app.log.1.gz", packed("gzip -c", os.urandom(2000)))
    put(source / "long" / ("n" * 150 + ".conf"), b"content")
    put(source / "hole" / "hole", b"")
    os.truncate(source / "hole" / "hole", 5 << 20)
    put(source / "random" / "a.bin", os.urandom(9000))
    large, owner = "tar cf - --format={} dirs", "--owner=a:3000000000 --group=a:3000000001"
    nothing = {f"d_{end}.tar": large.format(end) for end in ("gnu", "pax", "ustar", "v7")}
    nothing |= {
        f"d.tar.{end}": f"tar cf - dirs | {p}" for end, p in PACKERS.items() if end != "lz4"
    }
    nothing |= {f"d_{form}.cpio": f"find dirs | cpio -oH {form}" for form in ("newc", "odc", "crc")}
    nothing |= {
        "d.gz": "tar czf - dirs", "owner.tar": f"tar cf - {owner} dirs", "dirs": "tar cf - dirs",
        "d.tar.lz4": "tar cf - dirs | lz4 -qc", "d.tar.lz": "tar cf - dirs | lzip -c", "hole.tar": "tar cSf - hole",
        "label.tar": "tar cf - -V LABEL dirs", "d.zip": "zip -qr - dirs",
        "d.7z": "7z a -bd d.7z dirs >&2; cat d.7z", "busybox.tar": "busybox tar cf - dirs",
    }  # fmt: skip
    open_ = {
        "s.tar.gz": "tar czf - schema", "s.zip": "zip -qr - schema", "n.tar": "tar cf - nested",
        "s.cpio.gz": "find schema | cpio -oH newc | gzip", "n.zip": "zip -qr - nested",
        "s.7z": "7z a -bd s.7z schema >&2; cat s.7z", "twice.tar.gz.gz": "tar czf - mixed | gzip",
        "tar.tar": "tar cf i.tar dirs; tar cf - i.tar", "hole_pax.tar": "tar cSf - -H pax hole",
        "cut.tar.gz": "tar czf - dirs | head -c 900",
    }  # fmt: skip
    full = {f"m_{form}.cpio": f"find mixed | cpio -oH {form}" for form in ("newc", "odc", "crc")}
    full |= {f"m_{end}.tar": large.format(end) + " mixed" for end in ("gnu", "pax", "ustar", "v7")}
    full |= {
        "m.tar.xz": "tar cf - dirs mixed | xz -0c", "r.tar.gz": "tar czf - rows",
        "l.tar.bz2": "tar cjf - logs", "owner_m.tar": f"tar cf - {owner} mixed",
        "long.tar": "tar cf - long", "long_pax.tar.gz": "tar czf - -H pax long",
        "m.tar.lz4": "tar cf - mixed dirs | lz4 -qc", "m.zip": "zip -qr - dirs mixed",
        "r.zip": "zip -qr - rows", "m.7z": "7z a -bd m.7z dirs mixed >&2; cat m.7z",
        "tars.tar.gz": "tar cf j.tar dirs mixed; tar czf - j.tar", "mixed": "tar cf - dirs mixed",
        "sealed.7z": "7z a -bd -psecret z.7z random >&2; cat z.7z",
        "hidden.7z": "7z a -bd -psecret -mhe h.7z random >&2; cat h.7z",
    }  # fmt: skip
    wanted: dict[str, Content] = {}
    for content, commands in (
        (Content.EMPTY, nothing), (Content.DOUBTFUL, open_), (Content.FULL, full),
    ):  # fmt: skip
        for name, command in commands.items():
            put(tmp_path / "set" / name, made(source, command))
            wanted[name] = content
    assert {f.name: f.content for f in looked_at(tmp_path / "set").files} == wanted


def test_parts_that_do_not_follow_one_another_fail(tmp_path: Path) -> None:
    whole = packed("gzip -c", tarred(Path("/etc"), "passwd", "group") + os.urandom(9000))
    for night in range(4):
        for number, end in enumerate(("aa", "ab", "ac")):
            name = f"f-{day(night)}.tar.gz.{end}"
            put(tmp_path / name, whole[number * 2500 : number * 2500 + 2500], night * NIGHT + 3600)
    assert verdicts(tmp_path, copies=4)[3:] == [P, U]
    (tmp_path / f"f-{day(0)}.tar.gz.ab").unlink()
    assert verdicts(tmp_path, copies=4)[3:] == [F, F]

    def lost(*ends: str, sizes: tuple[int, ...] = ()) -> bool:
        files = [
            BackupFile(name=f"f.{end}", size=size, mode=0, at=0)
            for end, size in zip(ends, sizes or (9,) * len(ends), strict=True)
        ]
        return open_points.lost_parts(files) is not None

    assert lost("tgz.ab", "tgz.ac")
    assert lost("7z.001", "7z.003")
    assert lost("tar.gz.002", "tar.gz.003")
    assert lost("tgz.00", "tgz.02")
    assert not lost("tgz.aa", "tgz.ab")
    assert not lost("7z.001", "7z.002")
    assert not lost("gz.08", "gz.10")  # rotated
    assert not lost("tar.gz.009", "tar.gz.011", "tar.gz.012", sizes=(9, 8, 7))


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
