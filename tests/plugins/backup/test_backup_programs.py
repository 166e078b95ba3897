"""What backup programs list of their repositories, as recorded on Debian 12 on 2026-11-29."""

from __future__ import annotations

from typing import Any

import pytest

from audit_backup import checks, facts, programs, segments, size_check, whole_check
from audit_backup.model import Content, Files, Segment
from audit_core.model import Absent, Answer, Command, Message, ParseError, Reason, Target, Verdict

# restic 0.14.0: restic -r … --no-lock --no-cache snapshots --json
RESTIC = (
    b'[{"time":"2026-11-29T05:28:50.201868435Z","tree":"5639","paths":["/src"],"hostname":"vm",'
    b'"username":"root","id":"703fc78ab667cd1c","short_id":"703fc78a"},'
    b'{"time":"2026-11-29T05:28:50.984050429Z","parent":"703f","tree":"5639","paths":["/src"],'
    b'"hostname":"vm","username":"root","id":"a6b72cb4512caa92","short_id":"a6b72cb4"}]'
)
# borg 1.2.4: borg list --bypass-lock --json --format {end}
BORG = b"""{"archives": [
 {"archive": "n1", "barchive": "n1", "end": "2026-11-29T05:28:53.000000", "id": "04f3",
  "name": "n1", "start": "2026-11-29T05:28:53.000000", "time": "2026-11-29T05:28:53.000000"},
 {"archive": "n2", "barchive": "n2", "end": "2026-11-29T05:28:54.000000", "id": "d06b",
  "name": "n2", "start": "2026-11-29T05:28:54.000000", "time": "2026-11-29T05:28:54.000000"}],
 "encryption": {"mode": "none"}, "repository": {"id": "6be1", "location": "/b/borg",
 "last_modified": "2026-11-29T05:28:54.000000"}}
"""
# pgBackRest 2.45: pgbackrest info --output=json, shortened
PGBACKREST = (
    b'[{"backup":[{"error":false,"info":{"delta":22956398,"size":22956398},'
    b'"label":"20261129-053211F","timestamp":{"start":1795930331,"stop":1795930334},"type":"full"}'
    b',{"error":false,"info":{"delta":8458,"size":22956398},"label":"20261129-053211F_20261129-'
    b'053215I","timestamp":{"start":1795930335,"stop":1795930337},"type":"incr"}],"cipher":"none",'
    b'"name":"main","status":{"code":0,"message":"ok"}}]'
)
# Barman 3.4.0: barman -f json list-backup all
BARMAN = (
    b'{"main": [{"backup_id": "20261129T053301", "end_time": "Sun Nov 29 05:33:01 2026", '
    b'"end_time_timestamp": "1795930381", "retention_status": "-", "size": "38.0 MiB", '
    b'"size_bytes": 39879138, "status": "WAITING_FOR_WALS", "tablespaces": [], "wal_size": "0 B", '
    b'"wal_size_bytes": 0}]}'
)
LISTS = {"restic": RESTIC, "borg": BORG, "pgbackrest": PGBACKREST, "barman": BARMAN}
NOW = "2026-11-29T06:00:00+00:00"
CLOCK = 1795932000


def declared(program: str | None, **settings: Any) -> Target:
    settings = {"path": "/b", "program": program, "rpo_hours": 26, "copies": 1, **settings}
    return Target(id="w/b", kind="backup_set", object_type="business_data", settings=settings)


def answer(where: Target, out: bytes, err: bytes = b"", status: int = 0) -> Answer:
    return Answer(
        stdout=out, stderr=err, exit_code=status, truncated=False, collected_at=NOW, target=where
    )


def listed(program: str, text: bytes) -> Files:
    archives = programs.parse_archives(answer(declared(program), text))
    assert not isinstance(archives, Absent)
    return facts.looked_into(Files(files=(), complete=True), {}, {}, {}, {}, archives)


def verdicts(files: Files, **settings: Any) -> list[Verdict]:
    where = declared("x", **settings)
    return [
        checks.present.judge(files).verdict,
        checks.fresh.judge(files, CLOCK, where, NOW).verdict,
        checks.enough_copies.judge(files, {}, {}, CLOCK, where, NOW).verdict,
        size_check.plausible_size.judge(files, CLOCK, where, NOW).verdict,
        whole_check.whole.judge(files, (), {}, {}, CLOCK, where, NOW).verdict,
    ]


P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def test_what_the_program_lists_counts_not_the_times_of_files(subtests: Any) -> None:
    for program, text in LISTS.items():
        with subtests.test(program):
            files = listed(program, text)
            assert len(files.files) == (1 if program == "barman" else 2)
            done = U if program == "barman" else P  # its backup waits for its WAL files
            assert verdicts(files) == [done, done, done, U, U]
            assert verdicts(files, copies=2)[2] is (
                F if program == "barman" else U
            )  # seconds apart
            assert verdicts(files, copies=9)[2] is F
            assert verdicts(files, rpo_hours=0.1)[1] is not P
    files = listed("borg", LISTS["borg"])
    now = int(files.files[0].at) + 5  # a program lists what is finished
    assert checks.fresh.judge(files, now, declared("x", rpo_hours=1), NOW).verdict is P
    finished = BARMAN.replace(b"WAITING_FOR_WALS", b"DONE")
    assert verdicts(listed("barman", finished)) == [P, P, P, U, U]
    old = listed("restic", RESTIC.replace(b"2026-11-29", b"2026-11-23"))
    assert verdicts(old, copies=3) == [P, F, F, U, U]
    for program, none in (("restic", b"[]"), ("restic", b"null"), ("borg", b'{"archives": []}'),
                          ("pgbackrest", b"[]"), ("barman", b'{"main": []}')):  # fmt: skip
        assert verdicts(listed(program, none), copies=1)[:3] == [F, F, F]


def test_the_newest_backup_is_looked_into_where_the_list_does_not_show_it() -> None:
    """Outputs of restic 0.14.0 (`stats --json --mode restore-size latest`)."""
    cases = (
        ("restic", b'{"total_size":200003,"total_file_count":3,"snapshots_count":1}\n', 0, P),
        ("restic", b'{"total_size":0,"total_file_count":1,"snapshots_count":1}\n', 0, U),
        ("restic", b"", 1, U),
        ("pgbackrest", b"y", 0, P), ("pgbackrest", b"", 0, U), ("pgbackrest", b"", 1, P),
        ("barman", b"y", 0, P), ("barman", b"", 0, U),
    )  # fmt: skip
    for program, text, status, want in cases:
        newest = programs.parse_newest(answer(declared(program), text, b"", status))
        one = LISTS[program].replace(b"WAITING_FOR_WALS", b"DONE")
        archives = programs.parse_archives(answer(declared(program), one))
        assert not isinstance(archives, Absent)
        files = facts.looked_into(Files(files=(), complete=True), {}, {}, {}, {}, archives, newest)
        got = checks.present.judge(files).verdict
        assert got is want, (program, text, got)
        assert len([f for f in files.files if f.content is Content.FULL]) == (
            0 if want is U else len(archives)
        )
        size = size_check.plausible_size.judge(files, CLOCK, declared("x"), NOW).verdict
        assert size is (F if files.files[0].content is Content.EMPTY else U)
    none = programs.parse_newest(answer(declared(None), b"1795932000\n"))
    assert isinstance(none, Absent)
    assert none.reason is Reason.NOT_PRESENT
    # restic 0.17 and later, as its documentation has it
    summary = b'"summary":{"total_files_processed":2,"total_bytes_processed":%d},"id":"703f'
    for total, want in ((0, F), (200003, P)):
        text = RESTIC.replace(b'"id":"703f', summary % total).partition(b",{")[0] + b"]"
        assert checks.present.judge(listed("restic", text)).verdict is want
    refused = programs.ask_newest(declared("restic"))
    assert isinstance(refused, Message)
    asked = programs.ask_newest(declared("restic", password_file="/etc/restic.pw"))
    assert isinstance(asked, Command)
    assert asked.argv[-5:] == ("stats", "--json", "--mode", "restore-size", "latest")
    late = programs.parse_archives(answer(declared("restic"), RESTIC))
    assert not isinstance(late, Absent)
    slow = Absent(reason=Reason.TIMED_OUT, detail=Message(id="slow"))
    files = facts.looked_into(Files(files=(), complete=True), {}, {}, {}, {}, late, slow)
    assert verdicts(files)[:3] == [U] * 3
    assert verdicts(files, rpo_hours=0.1)[1] is F


# Numbers, sizes and times in data/ of repositories of borg 1.2.4: init, n1 and n2.
_INIT = "0 476 52.7 1 17 52.7 "
_FIRST = _INIT + "2 3001147 53.1 3 49 53.1 4 530 53.2 5 17 53.2 "
_COPIED = _FIRST.replace("52.", "57.").replace("53.", "57.")


def borg(data: str) -> Files:
    cells = data.split()
    records = "\0".join(
        f"{BORG_MINUTE + float(at)} {size} /b/data/0/{number}"
        for number, size, at in zip(cells[::3], cells[1::3], cells[2::3], strict=True)
    )
    out = f"{records}\0".encode() if cells else b""
    newest = programs.parse_newest(answer(declared("borg"), out))
    archives = programs.parse_archives(answer(declared("borg"), BORG))
    assert not isinstance(archives, Absent)
    return facts.looked_into(Files(files=(), complete=True), {}, {}, {}, {}, archives, newest)


BORG_MINUTE = 1795930080  # 2026-11-29T05:28:00Z


@pytest.mark.parametrize(
    ("data", "want"),
    [
        pytest.param(_FIRST + "6 301549 54.8 7 49 54.8 8 585 54.8 9 17 54.8", P, id="changed"),
        pytest.param(_FIRST + "6 496 54.4 7 49 54.4 8 636 54.4 9 17 54.4", U, id="unchanged"),
        pytest.param(_FIRST + "6 611 54.9 7 49 54.9 8 687 54.9 9 17 54.9", U, id="empty"),
        pytest.param(_FIRST + "6 492 54.8 15 534 56.4 16 3001147 56.4 18 17 56.5", U,
                     id="empty, then prune and compact"),
        pytest.param(_FIRST + "6 492 54.8 7 49 54.8 8 793 54.8 9 17 54.8 10 3001147 56.4", U,
                     id="empty, then compact by 1.1"),
        pytest.param(_FIRST + "6 301549 54.8 15 534 56.4 18 17 56.5", P,
                     id="changed, then prune and compact"),
        pytest.param(_COPIED + "6 611 57.9 9 17 57.9", U, id="copied at once"),
        pytest.param(_FIRST + "6 301549 954.8 9 17 954.8", U, id="copied later"),
        pytest.param("", U, id="no data"),
    ],
)  # fmt: skip
def test_an_archive_of_borg_holds_something_where_it_wrote_something(
    data: str, want: Verdict
) -> None:
    files = borg(data)
    assert verdicts(files)[:3] == [want] * 3
    assert verdicts(files, rpo_hours=0.1)[1] is F


def _held_by(program: str, text: bytes, newest: bytes) -> dict[str, Content]:
    looked = programs.parse_newest(answer(declared(program), newest))
    archives = programs.parse_archives(answer(declared(program), text))
    assert not isinstance(archives, Absent)
    files = facts.looked_into(Files(files=(), complete=True), {}, {}, {}, {}, archives, looked)
    return {f.name.rpartition(" ")[0]: f.content for f in files.files}


def test_each_series_of_a_repository_is_looked_into() -> None:
    """One borg repository with an archive of etc, of home, and of an empty source after them."""
    two = BORG.replace(b'"n1"', b'"etc-1"').replace(b'"n2"', b'"home-2"')
    at = BORG_MINUTE
    full, none = ("2 301549 53.4", "3 17 53.5"), ("2 611 53.4", "3 17 53.5")
    for old, held in ((full, Content.FULL), (none, Content.DOUBTFUL), ((), Content.DOUBTFUL)):
        rows = ("0 476 50.1", *old, "6 301549 54.8", "9 17 54.9")
        cells = (row.split() for row in rows)
        data = "".join(f"{at + float(c[2])} {c[1]} /b/data/0/{c[0]}\0" for c in cells)
        assert _held_by("borg", two, data.encode()) == {"etc": held, "home": Content.FULL}
    hosts = RESTIC.replace(b'"hostname":"vm"', b'"hostname":"db"', 1)
    summed = b'{"total_size":200003}'
    assert _held_by("restic", hosts, summed) == {
        "db /src": Content.DOUBTFUL, "vm /src": Content.FULL,
    }  # fmt: skip
    sizes = hosts.replace(b'"id":"703f', b'"summary":{"total_bytes_processed":9000},"id":"703f')
    assert set(_held_by("restic", sizes, summed).values()) == {Content.FULL}


def test_archives_of_borg_within_one_second_are_not_told_apart() -> None:
    archives = programs.parse_archives(
        answer(declared("borg"), BORG.replace(b"05:28:53", b"05:28:54"))
    )
    assert not isinstance(archives, Absent)
    new = (Segment(number=2, size=9 << 20, at=archives[0].at + 0.1),)
    old = (Segment(number=0, size=476, at=archives[0].at - 9),)
    assert segments.brought(archives, old + new) is Content.DOUBTFUL
    assert segments.brought(archives[:1], old + new) is Content.FULL
    first = (Segment(number=0, size=9 << 20, at=archives[0].at),)  # borg init writes 0 and 1
    assert segments.brought(archives[:1], first) is Content.DOUBTFUL


def test_a_program_that_lists_nothing_leaves_it_open() -> None:
    refused = b"Resolving password failed: Fatal: /root/nope does not exist\n"
    got = programs.parse_archives(answer(declared("restic"), b"", refused, 1))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED
    gone = b"Fatal: unable to open config file: no such file\nIs there a repository at:\n/b\n"
    got = programs.parse_archives(answer(declared("restic"), b"", gone, 1))
    assert isinstance(got, Absent)
    assert "unable to open" in str(got.detail)
    for text in (b"", b"x", b"{}", b"[1]", b'[{"time": "x"}]'):
        with pytest.raises(ParseError):
            programs.parse_archives(answer(declared("restic"), text))
    undeclared = programs.parse_archives(answer(declared(None), b"1795932000\n"))
    assert isinstance(undeclared, Absent)
    assert undeclared.reason is Reason.NOT_PRESENT


def test_no_program_is_asked_that_was_not_declared_and_no_secret_is_passed() -> None:
    assert programs.ask_archives(declared(None)) == facts.CLOCK.providers[0].ask
    assert isinstance(programs.ask_archives(declared("restic")), Message)
    asked = programs.ask_archives(declared("restic", password_file="/etc/restic.pw"))
    assert isinstance(asked, Command)
    assert asked.argv[:5] == (
        "/usr/bin/restic", "-r", "/b", "--password-file", "/etc/restic.pw",
    )  # fmt: skip
