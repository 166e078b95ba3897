"""Archives and dumps made with the real programs: content, and whether they are whole."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit_backup import checks, parts
from audit_backup.model import BackupFile, Content
from live.backup_sets import (
    HEADER,
    NIGHT,
    OWN_BLOCK,
    OWN_HEADER,
    PACKERS,
    TABLE,
    TRAILER,
    F,
    P,
    U,
    day,
    judged,
    looked_at,
    made,
    nights,
    packed,
    put,
    rows,
    tarred,
    verdicts,
)


def test_archives_of_nothing_are_no_backup(tmp_path: Path, subtests: Any) -> None:
    (tmp_path / "tree" / "empty").mkdir(parents=True)
    nothing = tarred(tmp_path, "-T", "/dev/null")
    folder_only = tarred(tmp_path / "tree", "empty")
    cases = {f"db_@.{end}": packed(program, b"") for end, program in PACKERS.items()}
    cases |= {f"h_@.sql.{end}": packed(PACKERS[end], HEADER) for end in ("gz", "xz", "zst")}
    cases |= {f"t_@.tar.{end}": packed(PACKERS[end], nothing) for end in ("gz", "xz", "bz2", "zst")}
    cases |= {f"f_@.tar.{end}": packed(PACKERS[end], folder_only) for end in ("gz", "xz", "zst")}
    cases |= {"t_@.tar": nothing, "f_@.tar": folder_only, "h_@.sql": HEADER, "n_@.gz": b""}
    cases["no-suffix_@"] = HEADER
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
        "zero_@.img": bytes(4096),
        "x_@.gpg": b"\x85\x01\x8c\x03" + bytes(600),
        "r_@.rdb": b"REDIS0011\xfa\tredis-ver\x057.0.15\xff" + bytes(60),
        "q_@.qcow2": b"QFI\xfb\x00\x00\x00\x03" + bytes(190_000),
        "overlay_@.qcow2": b"QFI\xfb\0\0\0\3" + (0x1D0).to_bytes(8, "big") + bytes(900_000),
        "e_@.db": b"SQLite format 3\0" + bytes(12_272),
        "p_@.pgdump": b"PGDMP\x01\x0e\x00" + bytes(900),
    }  # fmt: skip
    for name, content in cases.items():
        with subtests.test(name):
            folder = tmp_path / name
            nights(folder, name, lambda _, content=content: content, 2)  # type: ignore[misc]
            assert verdicts(folder, copies=2) == [U] * 5


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
    lite = b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n" + TABLE + rows(90)  # of sqlite3
    xml = b'<?xml version="1.0"?>\n<mysqldump xmlns:xsi="x">\n' + b"\t<row>\n" * 900
    cases |= {
        "s.sql": lite,
        "s.sql.gz": packed("gzip -c", lite),
        "x.xml.gz": packed("gzip -c", xml),
    }
    cases |= {"l.sql": dump[20_003:], "f.sql": dump[-9004:] + dump}  # the first part is not there
    cases |= {f"l.sql.{e}": packed(PACKERS[e], dump[20_003:]) for e in ("gz", "xz", "zst")}
    whole = b"-- PostgreSQL database cluster dump\n-- PostgreSQL database dump\n" + TABLE
    cases["all.sql"] = whole + b"-- PostgreSQL database dump complete\n"  # pg_dumpall, one of two
    cases |= {f"d.sql.{e}": packed(p, dump)[:-30] for e, p in PACKERS.items() if e != "gz"}
    cases |= {f"t.tar.{e}": packed(p, tar)[:-30] for e, p in PACKERS.items()}
    cut = {e: packed(p, tar[:9000]) for e, p in PACKERS.items() if e != "lz4"}
    cases |= {f"u.tar.{e}": data for e, data in cut.items()}  # tar was cut, not what packed it
    cases |= {f"b.{e}": packed(p, tar)[:-30] for e, p in PACKERS.items() if e != "zst"}
    cases |= {"z.zip": (tmp_path / "e.zip").read_bytes()[:-30]}
    for name, content in cases.items():
        with subtests.test(name):
            put(tmp_path / name / name, content)
            assert verdicts(tmp_path / name)[4] is F
    for rest in (dump[len(HEADER) :], dump[20_010:]):  # at the beginning of a line
        put(tmp_path / "g" / "d.sql.gz", packed("gzip -c", rest[rest.index(b"\nINSERT") + 1 :]))
        assert verdicts(tmp_path / "g")[4] is U
    for whole, name in ((lite + b"COMMIT;\n", "s.sql.gz"), (xml + b"</mysqldump>\n", "x.xml.gz")):
        put(tmp_path / "w" / name / name, packed("gzip -c", whole))
        assert verdicts(tmp_path / "w" / name)[4] is P
    own = OWN_HEADER + b"\0\0\0TABLE DATA\0\0\0" + OWN_BLOCK + zlib.compress(b"1\n" * 900)
    put(
        tmp_path / "o" / "p.pgdump.gz", packed("gzip -c", own)
    )  # cut, perhaps, before it was packed
    assert verdicts(tmp_path / "o")[4] is U
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
    put(source / "packed_rows" / "db.sql.gz", packed("gzip -c", HEADER + TABLE + rows(90)))
    copy = b"COPY public.a (b, c) FROM stdin;\n%b\\.\n"
    put(source / "pgsql" / "db.sql", copy % b"1\tword\n2\tword\n")
    put(source / "pgnone" / "db.sql", copy % b"" * 30)
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
        "d.tar.lz4": "tar cf - dirs | lz4 -qc", "hole.tar": "tar cSf - hole",
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
        "bin.cpio": "find random -type f | cpio -o", "bin.cpio.gz": "find random | cpio -o | gzip",
        "tar.cpio": "find random -type f | cpio -oH tar", "g.tar": "tar cf - packed_rows",
        "logs.zip": "zip -qr - logs", "p.zip": "zip -qr - pgsql",
    }  # fmt: skip
    if shutil.which("bsdtar"):
        full |= {
            "m.iso": "bsdtar -cf - --format=iso9660 mixed",
            "r.7z": "7z a -bd r.7z rows >&2; cat r.7z", "g.zip": "zip -qr - packed_rows",
            "g.7z": "7z a -bd g.7z packed_rows >&2; cat g.7z",
        }  # fmt: skip
    nothing["d.cpio_tar.cpio"] = "find dirs | head -9 | cpio -oH ustar"
    open_ |= {"bin_d.cpio": "find dirs | cpio -o", "none.zip": "zip -qr - pgnone"}
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
            part = whole[number * 2500 : min(number * 2500 + 2500, 7000)]
            put(tmp_path / name, part, night * NIGHT + 3600)
    assert verdicts(tmp_path, copies=4)[3:] == [P, U]
    (tmp_path / f"f-{day(0)}.tar.gz.ab").unlink()
    assert verdicts(tmp_path, copies=4)[3:] == [F, F]

    def lost(*ends: str, sizes: tuple[int, ...] = ()) -> bool:
        files = [
            BackupFile(name=f"f.{end}", size=size, mode=0, at=0)
            for end, size in zip(ends, sizes or (9,) * len(ends), strict=True)
        ]
        return parts.lost_parts(files) is not None

    assert lost("tgz.ab", "tgz.ac")
    assert lost("7z.001", "7z.003")
    assert lost("tar.gz.002", "tar.gz.003")
    assert lost("tgz.00", "tgz.02")
    assert not lost("tgz.aa", "tgz.ab")
    assert not lost("7z.001", "7z.002")
    assert not lost("gz.08", "gz.10")  # rotated
    assert lost("part1.rar", "part3.rar")
    assert lost("part02.rar", "part03.rar")
    assert lost("z01", "z03", "zip")
    assert lost("z01", "z02")  # the .zip has the list of the members
    assert lost("r00", "r01")
    assert lost("sql.ab", "sql.ac")
    assert lost("gpg.001", "gpg.003")
    assert lost("tar.gz.ac", sizes=(1 << 30,))
    assert not lost("z01", "z02", "zip")
    assert not lost("rar", "r00", "r01")
    assert not lost("part1.rar", "part2.rar")
    assert not lost("tar.gz", "tar.xz", "tar.br", "tar.lz")

    def cut(*ends: str, sizes: tuple[int, ...]) -> bool:
        files = [
            BackupFile(name=f"f.{end}", size=size, mode=0, at=0)
            for end, size in zip(ends, sizes, strict=True)
        ]
        return parts.perhaps_cut(files) is not None

    assert cut("tgz.aa", "tgz.ab", sizes=(2500, 2500))
    assert cut("7z.001", sizes=(100 << 20,))
    assert cut("part1.rar", "part2.rar", sizes=(9, 9))
    assert not cut("tgz.aa", "tgz.ab", sizes=(2500, 900))
    assert not cut("z01", "zip", sizes=(2500, 2500))
    assert not cut("7z.001", sizes=((100 << 20) + 5,))
    assert not cut("gz.08", "gz.09", sizes=(9, 9))  # rotated
    assert not lost("tar.gz.009", "tar.gz.011", "tar.gz.012", sizes=(9, 8, 7))


def test_dumps_of_tables_without_rows_do_not_pass(tmp_path: Path) -> None:
    """As pg_dump 15 and mariadb-dump 10.11 write them, packed in any way and behind a rotation."""
    head = b"--\n-- PostgreSQL database dump\n--\nCREATE TABLE a (\n    b text\n);\n"
    none = head + b"COPY public.a (b) FROM stdin;\n\\.\n" * 40
    row = none + b"COPY public.z (b) FROM stdin;\nword\n\\.\n"
    xml = b'<?xml version="1.0"?>\n<mysqldump xmlns:xsi="x">\n<database name="a">\n'
    packers = {**PACKERS, "lzma": "xz --format=lzma -c"}
    wanted: dict[str, Content] = {}
    for content, data in ((Content.DOUBTFUL, none), (Content.FULL, row)):
        for end, program in packers.items():
            for more in ("", ".1", "-20261128", ".old"):
                name = f"{content}.sql.{end}{more}"
                if not more or end in ("gz", "zst"):
                    put(tmp_path / "a" / name, packed(program, data))
                    wanted[name] = content
        (tmp_path / "t").mkdir(exist_ok=True)
        put(tmp_path / "t" / f"{content}.sql", data)
        name = f"{content}.tar.gz"
        put(tmp_path / "a" / name, packed("gzip -c", tarred(tmp_path / "t", f"{content}.sql")))
        wanted[name] = content
    put(tmp_path / "a" / "empty.xml", xml)
    put(tmp_path / "a" / "full.xml", xml + b"  <row>\n")
    put(tmp_path / "a" / "none.tar.enc", b"Salted__" + os.urandom(10_264))
    wanted |= {
        "empty.xml": Content.EMPTY,
        "full.xml": Content.FULL,
        "none.tar.enc": Content.DOUBTFUL,
    }
    files = looked_at(tmp_path / "a")
    assert {f.name: f.content for f in files.files} | {
        f.name: Content.FULL for f in files.unclear
    } == wanted | {"empty.xml": Content.FULL}


def test_the_list_of_a_dump_in_a_directory_is_no_backup(tmp_path: Path) -> None:
    """The directories of pg_dump -Fd and pg_basebackup of PostgreSQL 15."""
    put(tmp_path / "toc.dat", b"PGDMP\x01\x0e\0" + bytes(90_000))
    put(tmp_path / "backup_manifest", b"{" + bytes(9000))
    assert verdicts(tmp_path, copies=1)[:4] == [F] * 4
    put(tmp_path / "3341.dat.gz", packed("gzip -c", b"\\.\n\n\n"))
    assert verdicts(tmp_path, copies=1)[:4] == [U] * 4
    put(tmp_path / "3342.dat.gz", packed("gzip -c", os.urandom(9000)))
    assert verdicts(tmp_path, copies=1) == [P, P, P, U, P]
    (tmp_path / "toc.dat").unlink()
    assert verdicts(tmp_path, copies=1)[4] is U
    put(tmp_path / "n" / f"{day(1)}.dat.gz", packed("gzip -c", os.urandom(900)), NIGHT)
    put(tmp_path / "n" / f"{day(0)}.dat.gz", packed("gzip -c", b""))  # no table of pg_dump
    assert verdicts(tmp_path / "n", copies=1)[3:] == [F, F]


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
        "s_9.pgdump": OWN_HEADER + b"\0TABLE DATA\0\0\0" + OWN_BLOCK + zlib.compress(b"\\.\n\n\n"),
        "s_10": schema * 90, "s_11.bck": schema * 90, "d_1.dar": b"\0\0\0\x7b" + os.urandom(3000),
        "m_1.bak.gz": packed("gzip -c", os.urandom(9000).hex().encode()),
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
            "p.pgdump": OWN_HEADER + b"\0\0\0TABLE DATA\0\0\0" + OWN_BLOCK + zlib.compress(b"1\n"),
            "v.pgdump": OWN_HEADER + b"\n\0\x0b\0\0\0001\tcontent\n",
            "c.sql": b"COPY public.a (b) FROM stdin;\n\\.\nCOPY c FROM stdin;\n1\n\\.\n",
            "o.sql": schema * 90 + b"  insert into t values (1);\n", "d.sql": schema + rows(3),
            "b.bin": os.urandom(90), "r.bck": schema * 90 + rows(3),
            "e.sql.age": b"age-encryption.org/v1\n" + os.urandom(9000),
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


def test_large_archives_of_one_content_are_one_generation(tmp_path: Path) -> None:
    same = os.urandom(300_000)
    nights(tmp_path, "db-@.gz", lambda _: packed("gzip -nc", same))
    assert judged(tmp_path)["copies"].verdict is U


def test_an_empty_database_among_others_does_not_fail(tmp_path: Path) -> None:
    """A dump that never had a row is told from one that no longer has any."""
    for night in range(4):
        for name, data in (
            ("app", TABLE + rows(night)), ("none", b""), ("lost", rows(9) if night else b""),
        ):  # fmt: skip
            file = tmp_path / name / f"{name}_{day(night)}.sql.gz"
            put(file, packed("gzip -c", HEADER + data + TRAILER), night * NIGHT + 3600)
    for file in (tmp_path / "app").iterdir():
        for other in ("none", "lost"):
            shutil.copy2(file, tmp_path / other)
    assert verdicts(tmp_path / "none", copies=4) == [P, P, P, U, U]
    assert verdicts(tmp_path / "lost", copies=4)[3:] == [F, F]
    for night in range(3):  # the tables of mongodump --gzip
        for name, data in (("a.bson.gz", os.urandom(900)), ("e.bson.gz", b"")):
            file = tmp_path / "mongo" / day(night) / "app" / name
            put(file, packed("gzip -c", data), night * NIGHT + 3600)
        put(file.parent / "a.metadata.json.gz", packed("gzip -c", b"{}"), night * NIGHT + 3600)
    assert verdicts(tmp_path / "mongo", copies=3, depth=3) == [P] * 5


def test_dumps_of_formats_that_are_not_public_do_not_pass_while_they_are_small(
    tmp_path: Path,
) -> None:
    content = random.Random(7).randbytes(900_000)
    put(tmp_path / "full.dmp", b"\3\1" + content)  # Data Pump, metadata perhaps
    put(tmp_path / "full.dmp.gz", packed("gzip -c", b"\3\1" + content))
    put(tmp_path / "etcd.db", bytes(8) + b"\4" + bytes(20_503))  # as etcd 3.4 writes of no key
    assert verdicts(tmp_path, copies=1)[:4] == [U] * 4
