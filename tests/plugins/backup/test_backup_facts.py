"""The requests of audit_backup run for real on real folders, hostile names included."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from audit_backup import (
    archive_tests,
    bytes_read,
    checks,
    declared,
    facts,
    listing,
    members,
    searches,
    statements,
)
from audit_backup.model import Files
from audit_core.model import (
    Absent,
    Answer,
    Command,
    Message,
    ParseError,
    Partial,
    Privilege,
    Reason,
    Target,
    Verdict,
)

NOW = time.time()  # one for all files: what is a second older stays it, however slow this is
ENV = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def target(path: object = "/backup", **settings: Any) -> Target:
    return Target(
        id="web1/backup:db", kind="backup_set", object_type="business_data",
        parent="web1", settings={"path": path, **settings},
    )  # fmt: skip


def answer(
    where: Target, out: bytes = b"", err: bytes = b"", status: int = 0, cut: bool = False
) -> Answer:
    return Answer(
        stdout=out, stderr=err, exit_code=status, truncated=cut,
        collected_at="2026-11-23T12:00:00+00:00", target=where,
    )  # fmt: skip


def run(
    ask: Callable[[Target], Command | Message], where: Target, as_user: tuple[str, ...] = ()
) -> Answer:
    command = ask(where)
    assert isinstance(command, Command)
    argv = [*as_user, *command.argv]
    done = subprocess.run(
        argv, capture_output=True, env=ENV, stdin=subprocess.DEVNULL, check=False, cwd="/"
    )
    assert done.returncode in command.ok, done.stderr
    return answer(where, done.stdout, done.stderr, done.returncode)


def listed(where: Target) -> Files:
    files = listing.parse_files(run(listing.ask_files, where))
    assert isinstance(files, Files)
    return files


def put(folder: Path, name: bytes, size: int = 10, age: float = 3600, mode: int = 0o640) -> None:
    path = os.path.join(os.fsencode(folder), name)
    with open(path, "wb") as file:
        file.write(b"x" * size)
    os.chmod(path, mode)
    then = NOW - age
    os.utime(path, (then, then))


HOSTILE = [
    b"new\nline", b"\x1b[2J\x1b]0;x\x07", b"-rf", b"\xff\xfe\x80", "\u202egnp.db".encode(),
    b"$(id)", b";id", b"' '", b"%s%n{0}", b"*", b"a\\0b", b"r", b"x" * 255,
]  # fmt: skip


def test_files_with_hostile_names_are_listed_exactly(tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        put(tmp_path, name, size=number + 1, age=3600 + number)
    files = listed(target(str(tmp_path)))
    assert [f.size for f in files.files] == list(range(1, len(HOSTILE) + 1))
    assert [f.name for f in files.files] == list(map(os.fsdecode, HOSTILE))
    assert files.complete


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", {"db-1.gz", "-rf", "odd"}),
        ("db-*.gz", {"db-1.gz"}),
        ("-rf", {"-rf"}),
        ("-delete", set()),
        ("$(touch pwned)", set()),
        ("; touch pwned", set()),
        (")", set()),
    ],
)
def test_a_pattern_is_inert(tmp_path: Path, pattern: str, names: set[str]) -> None:
    for name in (b"db-1.gz", b"-rf", b"odd"):
        put(tmp_path, name)
    assert {f.name for f in listed(target(str(tmp_path), pattern=pattern)).files} == names
    assert sorted(os.listdir(tmp_path)) == ["-rf", "db-1.gz", "odd"]


@pytest.mark.parametrize("name", ["$(id)", "; ls", "-x", "a b", "'", "数据"])
def test_a_folder_name_is_inert(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    put(folder, b"one")
    assert len(listed(target(str(folder))).files) == 1


def test_modes_and_times_are_the_files_own(tmp_path: Path) -> None:
    put(tmp_path, b"one", mode=0o604, age=7200)
    file = listed(target(str(tmp_path))).files[0]
    assert file.mode == 0o604
    assert abs((tmp_path / "one").stat().st_mtime - file.at) < 1


def test_links_and_pipes_are_no_backups(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    assert listed(target(str(tmp_path))).files == ()


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    put(tmp_path / "real", b"one")
    (tmp_path / "link").symlink_to("real")
    assert [f.name for f in listed(target(str(tmp_path / "link"))).files] == ["one"]


def test_what_is_no_backup_by_its_name_is_set_aside(tmp_path: Path) -> None:
    names = {"db.sql.gz", "db.sql.gz.md5", "backup.log", "db.sql.gz.part", ".db.sql.gz.Xy12", "a~"}
    for name in names:
        put(tmp_path, name.encode(), age=600)
    files = listed(target(str(tmp_path)))
    assert [f.name for f in files.files] == ["db.sql.gz"]
    assert {f.name for f in files.aside} == names - {"db.sql.gz"}
    asked = listed(target(str(tmp_path), pattern="*.log"))
    assert [f.name for f in asked.files] == ["backup.log"]


def test_folders_beyond_the_depth_links_and_holes_are_told(tmp_path: Path) -> None:
    for name in ("2026-11-23", "lost+found", "open"):
        (tmp_path / name).mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "latest").symlink_to("2026-11-23")  # within the set
    (tmp_path / "elsewhere").symlink_to("/srv/elsewhere")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 20)
    put(tmp_path, b"small")
    files = listed(target(str(tmp_path)))
    assert {f.name for f in files.deeper} == {"2026-11-23", "open"}
    assert (files.links, files.open_folders) == (1, ("open",))
    assert {f.name: f.sparse for f in files.files} == {"hole": True, "small": False}
    assert listed(target(str(tmp_path), depth=2)).deeper == ()


def test_depth_is_kept_and_closed_folders_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir(mode=0o755)
    (tmp_path / "shut").mkdir(mode=0o700)
    put(tmp_path / "day", b"one")
    put(tmp_path / "shut", b"two")
    assert listed(target(str(tmp_path))).files == ()
    deep = {f.name: f.reachable for f in listed(target(str(tmp_path), depth=2)).files}
    assert deep == {"day/one": True, "shut/two": False}


def test_a_folder_that_is_not_there_is_not_present(tmp_path: Path) -> None:
    where = target(str(tmp_path / "gone"))
    for ask, parse in (
        (listing.ask_files, listing.parse_files),
        (bytes_read.ask_ends, bytes_read.parse_ends),
    ):
        where = target(str(tmp_path / "gone"), rpo_hours=24)
        got = parse(run(ask, where))
        assert isinstance(got, Absent)
        assert got.reason is Reason.NOT_PRESENT


def test_a_plain_file_in_place_of_the_folder_settles_nothing() -> None:
    # pytest's own folders may have long names, and what find says is shown cut.
    with (
        tempfile.NamedTemporaryFile(prefix="dengbao-backup-", dir="/tmp") as plain,
        pytest.raises(ParseError, match="Not a directory"),
    ):
        listing.parse_files(run(listing.ask_files, target(plain.name)))


def test_a_folder_closed_to_the_account_is_not_permitted() -> None:
    # pytest's own folders are closed to other accounts, so this one lies elsewhere.
    folder = Path(tempfile.mkdtemp(prefix="dengbao-backup-", dir="/tmp"))
    drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    account = drop if os.getuid() == 0 else ()
    try:
        put(folder, b"one", mode=0)
        where = target(str(folder), rpo_hours=24)
        for mode in (0o000, 0o111):
            folder.chmod(mode)
            for ask, parse in (
                (listing.ask_files, listing.parse_files),
                (bytes_read.ask_ends, bytes_read.parse_ends),
                (listing.ask_lists, listing.parse_set_lists),
            ):  # fmt: skip
                got = parse(run(ask, where, account))
                assert isinstance(got, Absent)
                assert got.reason is Reason.NOT_PERMITTED
                assert "privilege: root" in got.detail.id
            way = listing.parse_way(run(listing.ask_way, where, account))
            assert isinstance(way, tuple)
            assert way[-1] == mode
        folder.chmod(0o755)
        assert bytes_read.parse_ends(run(bytes_read.ask_ends, where, account)) == {}
    finally:
        folder.chmod(0o755)
        (folder / "one").unlink()
        folder.rmdir()


def test_the_first_bytes_of_files_and_the_last_of_archives(tmp_path: Path) -> None:
    put(tmp_path, b"-new", size=40)
    put(tmp_path, b"empty", size=0)
    for number, name in enumerate((*HOSTILE, b"a\n==> .gz", b"b.gz", b"==> x <==")):
        (tmp_path / os.fsdecode(name)).write_bytes(b"\n==>%02d" % number * 20)
    got = bytes_read.parse_ends(run(bytes_read.ask_ends, target(str(tmp_path))))
    assert not isinstance(got, Absent)
    assert got["-new"].head == b"x" * 16
    assert "empty" not in got
    every = {n: e for n, e in got.items() if n != "-new"}
    assert set(every) >= set(map(os.fsdecode, HOSTILE))
    assert all(len(e.head) == 16 and e.head.startswith(b"\n==>") for e in every.values())
    assert {n for n, e in every.items() if e.tail} == {"a\n==> .gz", "b.gz"}
    assert all(len(e.tail) == 32 for e in every.values() if e.tail)


def test_the_way_from_the_root(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir(mode=0o750)
    way = listing.parse_way(run(listing.ask_way, target(str(folder))))
    assert not isinstance(way, Absent)
    assert len(way) == len(folder.parts)
    assert way[-1] == 0o750


def test_a_set_without_access_lists(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir(mode=0o750)
    put(folder, b"one", mode=0o640)
    put(folder, b"two\n x+", mode=0o640)
    where = target(str(folder))
    assert listing.parse_set_lists(run(listing.ask_lists, where)) == ()
    way = listing.parse_lists(run(listing.ask_way_lists, where))
    assert not isinstance(way, Absent)
    assert str(folder) not in way
    gone = listing.parse_set_lists(run(listing.ask_lists, target(str(tmp_path / "gone"))))
    assert isinstance(gone, Absent)
    assert gone.reason is Reason.NOT_PRESENT


def test_access_lists_of_a_real_listing() -> None:
    # coreutils 9.1 and acl 2.3.1 on Debian 12, 2026-11-23, after setfacl -m u:1001:r
    output = b"""\
drwxr-xr-x  3 0 0 4096  /backup
-rw-r----- 1 0    0    0  /backup/a
drwxr-xr-x. 2 0 0 4096  /backup/t
-rw-r--r--+ 1 0 0 0  /backup/t/d\\n / e
"""
    assert listing.parse_lists(answer(target(), output)) == ("/backup/t/d\\n / e",)
    for odd in (b"", b"ls: what\n", output + b"x\n"):
        with pytest.raises(ParseError):
            listing.parse_lists(answer(target(), odd))
    cut = listing.parse_set_lists(answer(target(), output[:-9], cut=True))
    assert isinstance(cut, Absent)
    assert cut.reason is Reason.TRUNCATED


def test_the_clock_is_this_machines() -> None:
    command = facts.CLOCK.providers[0].ask
    assert isinstance(command, Command)
    before = time.time()
    reported = facts.parse_clock(run(lambda _: command, target()))
    assert before - 1 <= reported <= time.time() + 1


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "backup",
        "-rf",
        "/a\nb",
        "/a\x1bb",
        "/a/../../etc",
        "/",
        "//",
        "/proc/1",
        7,
        "/\udcff",
    ],
)
def test_a_folder_that_cannot_be_meant_is_not_asked_for(path: object) -> None:
    where = target(path, rpo_hours=24)
    asks = (
        listing.ask_files,
        bytes_read.ask_ends,
        archive_tests.ask_tests,
        listing.ask_way,
        listing.ask_lists,
        listing.ask_way_lists,
    )
    for ask in asks:
        assert isinstance(ask(where), Message)


@pytest.mark.parametrize(
    "settings",
    [
        {"pattern": ""}, {"pattern": "a/b"}, {"pattern": "a\nb"}, {"pattern": 7}, {"depth": 0},
        {"depth": 9}, {"depth": True}, {"depth": "2"}, {"privilege": "wheel"},
    ],
)  # fmt: skip
def test_other_settings_that_cannot_be_meant(settings: dict[str, Any]) -> None:
    assert isinstance(listing.ask_files(target(**settings)), Message)


def test_root_is_asked_for_only_where_it_is_declared() -> None:
    plain, root = listing.ask_files(target()), listing.ask_files(target(privilege="root"))
    assert isinstance(plain, Command)
    assert isinstance(root, Command)
    assert (plain.privilege, root.privilege) == (Privilege.USER, Privilege.ROOT)
    assert root.argv[0].startswith("/")
    assert not any("\\" in word for word in root.argv)


@pytest.mark.parametrize("hours", [None, 0, -1, True, "24", float("nan"), float("inf")])
def test_an_objective_that_cannot_be_meant(hours: object) -> None:
    assert isinstance(declared.rpo_hours(target(rpo_hours=hours)), Message)
    assert isinstance(archive_tests.ask_tests(target(rpo_hours=hours)), Message)


FOLDER = b"1.0 d 0 755 8 1:2 /backup/\0"
FILE = b"5.5 f 10 640 8 1:3 /backup/one\0"


@pytest.mark.parametrize("err", [b"", b"find: 'standard output': Broken pipe\n"])
def test_a_cut_listing_keeps_its_whole_records(err: bytes) -> None:
    got = listing.parse_files(answer(target(), FOLDER + FILE + FILE[:9], err, 141, cut=True))
    assert isinstance(got, Files)
    assert ([f.name for f in got.files], got.complete) == (["one"], False)


@pytest.mark.parametrize("raw", [b"", FILE, FOLDER + FILE[:9]])
def test_a_listing_of_another_shape_is_not_read(raw: bytes) -> None:
    with pytest.raises(ParseError):
        listing.parse_files(answer(target(), raw))


def test_a_record_of_another_shape_costs_itself_and_what_lies_below() -> None:
    below = FILE.replace(b"one", b"a/two")
    for bad in (
        FILE.replace(b" f", b" s"), FILE.replace(b"/b", b"/x"), b"x" + FILE,
        FILE.replace(b"640", b"999"), FILE.replace(b"5.5", "٥".encode()),
    ):  # fmt: skip
        part = listing.parse_files(answer(target(), FOLDER + bad + below + FILE))
        assert isinstance(part, Partial)
        assert [f.name for f in part.value.files] == ["one"]


def test_other_file_systems_in_the_directory_are_not_searched() -> None:
    mounted = FOLDER + b"1.0 d 0 755 8 9:2 /backup/db\0" + FILE
    files = listing.parse_files(answer(target(depth=2), mounted))
    assert isinstance(files, Files)
    assert [f.name for f in files.mounted] == ["db"]
    assert checks.present.judge(structs.replace(files, files=())).verdict is Verdict.UNDETERMINED


def test_a_disk_error_settles_nothing() -> None:
    with pytest.raises(ParseError, match="Stale"):
        listing.parse_files(answer(target(), FOLDER, b"find: '/b/x': Stale file handle\n", 1))


def test_a_file_that_vanished_during_the_search_is_ignored() -> None:
    gone = b"find: '/backup/tmp': No such file or directory\n"
    assert isinstance(listing.parse_files(answer(target(), FOLDER + FILE, gone, 1)), Files)


PIECES = st.sampled_from(
    [
        FOLDER,
        FILE,
        b"\0",
        b" 78\ny/backup/a\0",
        b"/backup/a\0",
        b"==> /backup/a <==\n",
        b"\xff",
        b"755\n",
    ]
)
BYTES = st.binary(max_size=100) | st.lists(PIECES, max_size=8).map(b"".join)
PARSERS = [p.parse for f in facts.FACTS for p in f.providers]


@given(parse=st.sampled_from(PARSERS), out=BYTES, err=BYTES, cut=st.booleans())
def test_a_parser_returns_or_says_that_it_cannot_read(
    parse: Callable[[Answer], object], out: bytes, err: bytes, cut: bool
) -> None:
    try:
        assert parse(answer(target(), out, err, 0, cut)) is not None
    except ParseError:
        return


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_is_declared_stays_one_argument(path: str, pattern: str) -> None:
    asked = listing.ask_files(target("/" + path, pattern=pattern))
    if isinstance(asked, Command):
        assert asked.argv[2].startswith("/")
        assert asked.argv[2].endswith("/")
        assert asked.argv[asked.argv.index("-printf") - 2] == pattern
        assert len(asked.argv) == 28
        assert not any(c in "".join(asked.argv) for c in "\0\n\x1b")


def test_only_what_the_pattern_can_hold_is_searched() -> None:
    """A line of sudoers has 30 kB for any name, and 6 kB for `*.sql.gz`."""

    def lengths(**settings: str) -> tuple[int, int]:
        where = Target(id="w/b", kind="backup_set", object_type="business_data",
                       settings={"path": "/b", **settings})  # fmt: skip
        asked = (members.ask_members(where), statements.ask_insides(where))
        first, second = (len(" ".join(a.argv)) for a in asked if isinstance(a, Command))
        return first, second

    every = lengths()
    for pattern in ("*", "*.*", "*gz", "*.[gx]z", "*.tar.gz*", "*.xml", "db-?", "*.sql.1"):
        longer = 8 * (len(pattern) - 1)
        assert all(a <= b + longer for a, b in zip(every, lengths(pattern=pattern), strict=True))
    for pattern in ("*.sql.gz", "*.tar", "*.TXZ", "*.zst", "*.7z"):
        assert sum(lengths(pattern=pattern)) < sum(every) / 2.5
    assert searches.may_match("*.sql.gz", "/usr/bin/zgrep")
    assert not searches.may_match("*.sql.gz", "/usr/bin/xzgrep")
    assert searches.may_match("*.sql.gz*", "/usr/bin/xzgrep")
    assert searches.may_match("*.xz.1", "/usr/bin/xzgrep")
