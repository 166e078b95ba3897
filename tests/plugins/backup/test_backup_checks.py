"""Every verdict of audit_backup's checks, with the edges of each."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import audit_backup
from audit_backup import checks, keeping_checks, size_check
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Content, Ends, Files
from audit_core.model import Judgement, Target, Verdict

NOW = "2026-11-23T12:00:00+00:00"
CLOCK = 1795435200
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def target(**settings: Any) -> Target:
    return Target(
        id="web1/backup:db", kind="backup_set", object_type="business_data",
        parent="web1", settings={"path": "/backup", **settings},
    )  # fmt: skip


def judge(check: Any, *facts: object, **parameters: object) -> Judgement:
    judgement = check.judge(*facts, **parameters)
    assert isinstance(judgement, Judgement)
    return judgement


def files(*rows: tuple[float, int], complete: bool = True, mode: int = 0o600) -> Files:
    """Files by (age in hours, size), newest first."""
    found = [
        BackupFile(
            name=f"db-{i}",
            size=size,
            mode=mode,
            at=CLOCK - hours * 3600,
            content=Content.FULL if size else Content.EMPTY,
        )
        for i, (hours, size) in enumerate(rows)
    ]
    return Files(files=tuple(sorted(found, key=lambda f: -f.at)), complete=complete)


MINUTE = 1 / 60


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (files((1, 5)), PASS),
        (files((1, 0), (2, 5)), PASS),
        (files((1, 0)), FAIL),
        (files(), FAIL),
        (files(complete=False), UNDETERMINED),
        (files((1, 0), complete=False), UNDETERMINED),
        (files((1, 5), complete=False), PASS),
    ],
)
def test_present(found: Files, verdict: Verdict) -> None:
    assert judge(checks.present, found).verdict is verdict


@pytest.mark.parametrize(
    ("found", "clock", "verdict"),
    [
        (files((23, 5)), CLOCK, PASS),
        (files((24, 5)), CLOCK, PASS),
        (files((24.01, 5)), CLOCK, FAIL),
        (files((1, 0), (30, 5)), CLOCK, FAIL),  # the young one is empty
        (files(), CLOCK, FAIL),
        (files((1, 0)), CLOCK, FAIL),
        (files((-1, 5), (2, 5)), CLOCK, PASS),  # what is dated wrongly does not count
        (files((-1, 5), (30, 5)), CLOCK, UNDETERMINED),
        (files((MINUTE, 5), (30, 5)), CLOCK, UNDETERMINED),  # only the one being written is young
        (files((MINUTE, 5), (2, 5)), CLOCK, PASS),
        (files((MINUTE, 5)), CLOCK, UNDETERMINED),
        (files((2, 5), complete=False), CLOCK, PASS),
        (files((30, 5), complete=False), CLOCK, UNDETERMINED),
        (files(complete=False), CLOCK, UNDETERMINED),
        (files((2, 5)), CLOCK + 60, PASS),
        (files((20, 5)), CLOCK + 3600, PASS),  # 21 h by the host, at most 22 h
        (files((22.5, 5)), CLOCK + 3600, UNDETERMINED),
        (files((200, 5)), CLOCK + 3600, FAIL),
        (files((10, 5)), CLOCK - 86400 * 365, PASS),  # 10 h by the collector's clock
        (files((-10, 5)), CLOCK - 86400 * 365, UNDETERMINED),
    ],
)
def test_fresh(found: Files, clock: int, verdict: Verdict) -> None:
    assert judge(checks.fresh, found, clock, target(rpo_hours=24), NOW).verdict is verdict


@pytest.mark.parametrize(("age", "shown"), [(24, 24.0), (24.01, 24.1), (23.96, 24.0), (0.5, 0.5)])
def test_a_backup_that_is_too_old_is_never_shown_as_young_enough(age: float, shown: float) -> None:
    got = judge(checks.fresh, files((age, 5)), CLOCK, target(rpo_hours=24), NOW)
    assert got.detail[0].args["hours"] == shown
    assert (got.verdict is PASS) is (shown <= 24)


def named(*rows: tuple[str, float]) -> Files:
    """Files by (name, age in hours), newest first."""
    return Files(
        files=tuple(
            BackupFile(name=n, size=5, mode=0o600, at=CLOCK - hours * 3600, content=Content.FULL)
            for n, hours in rows
        ),
        complete=True,
    )


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("db-20261122.sql.gz", PASS),
        ("db_2026-11-22_0200.sql.gz", PASS),
        ("db-20261123021500.sql.gz", PASS),
        ("20261101/db.sql.gz", UNDETERMINED),  # copied today, made three weeks ago
        ("db-2026.11.20.dump", UNDETERMINED),
        ("db-20261101-to-20261123.gz", PASS),
        ("db-20261399.gz", PASS),  # no day
        ("db-120261101.gz", PASS),
        ("db-2026110112345678.gz", PASS),
    ],
)
def test_a_copy_made_today_of_an_old_backup_is_not_fresh(name: str, verdict: Verdict) -> None:
    got = judge(checks.fresh, named((name, 1)), CLOCK, target(rpo_hours=24), NOW)
    assert got.verdict is verdict


DIRECTORY = (BackupFile(name="2026-11-23", size=4096, mode=0o755, at=CLOCK - 3600),)
OLD_DIRECTORY = (BackupFile(name="scripts", size=4096, mode=0o755, at=CLOCK - 9e6),)
LOG = (BackupFile(name="backup.log", size=9, mode=0o600, at=CLOCK - 3600),)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Files(files=(), complete=True, deeper=DIRECTORY), UNDETERMINED),
        (Files(files=(), complete=True, links=3), UNDETERMINED),
        (Files(files=(), complete=True, aside=LOG), FAIL),
    ],
)
def test_an_empty_set_fails_only_where_all_of_it_was_seen(found: Files, verdict: Verdict) -> None:
    where = target(rpo_hours=24, copies=1, min_bytes=1)
    assert judge(checks.present, found).verdict is verdict
    assert judge(checks.fresh, found, CLOCK, where, NOW).verdict is verdict
    assert judge(size_check.plausible_size, found, CLOCK, where, NOW).verdict is verdict
    expected = UNDETERMINED if verdict is UNDETERMINED else FAIL
    assert judge(checks.enough_copies, found, {}, {}, CLOCK, where, NOW).verdict is expected


@pytest.mark.parametrize(
    ("deeper", "verdict"), [((), FAIL), (DIRECTORY, UNDETERMINED), (OLD_DIRECTORY, UNDETERMINED)]
)
def test_a_folder_may_hold_the_newest_backup(
    deeper: tuple[BackupFile, ...], verdict: Verdict
) -> None:
    found = Files(files=files((90, 5)).files, complete=True, deeper=deeper)
    got = judge(checks.fresh, found, CLOCK, target(rpo_hours=24), NOW)
    assert got.verdict is verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        # five databases dumped in one night are one generation, or may be
        (named(*((f"db{i}.gz", 1 + i / 10) for i in range(5))), UNDETERMINED),
        (named(*((f"db{i}.gz", 1 + i * 24) for i in range(3))), PASS),
        # copied at once: the days in their names keep them apart
        (named(("a-20261121", 1), ("a-20261122", 1), ("a-20261123", 1)), PASS),
        (named(("a-20261123", 1), ("b-20261123", 1), ("c-20261123", 1)), UNDETERMINED),
        (named(("a", 1), ("b", 30)), FAIL),
    ],
)
def test_generations_are_told_apart_by_time(found: Files, verdict: Verdict) -> None:
    where = target(copies=3, rpo_hours=24)
    assert judge(checks.enough_copies, found, {}, {}, CLOCK, where, NOW).verdict is verdict


def test_a_file_without_a_block_on_disk_holds_nothing() -> None:
    hole = BackupFile(name="a", size=1 << 30, mode=0o600, at=CLOCK - 3600, sparse=True)
    found = Files(files=(hole, *files((30, 1 << 30)).files), complete=True)
    assert judge(size_check.plausible_size, found, CLOCK, target(), NOW).verdict is UNDETERMINED


@pytest.mark.parametrize("rpo", [None, "24", 0, -1])
def test_without_an_objective_it_is_said_what_to_declare(rpo: object) -> None:
    got = judge(checks.fresh, files((1, 5)), CLOCK, target(rpo_hours=rpo), NOW)
    assert got.verdict is UNDETERMINED
    assert "rpo_hours" in got.detail[0].id


def test_policy_may_tighten_the_objective() -> None:
    got = judge(checks.fresh, files((20, 5)), CLOCK, target(rpo_hours=24), NOW, max_rpo_hours=12)
    assert got.verdict is FAIL


def test_a_file_being_written_is_noted() -> None:
    got = judge(checks.fresh, files((MINUTE, 5), (2, 5)), CLOCK, target(rpo_hours=24), NOW)
    assert [m.args["name"] for m in got.detail] == ["db-1", "db-0"]


@pytest.mark.parametrize(
    ("found", "copies", "verdict"),
    [
        (files((1, 5), (2, 5)), 2, PASS),
        (files((1, 5), (2, 5)), 3, FAIL),
        (files((1, 5), (2, 0)), 2, FAIL),
        (files(), 1, FAIL),
        (files((1, 5), (2, 5), complete=False), 3, UNDETERMINED),
        (files((1, 5), (2, 5), complete=False), 2, PASS),
        (files((MINUTE, 5), (2, 5)), 2, UNDETERMINED),
        (files((-5, 5), (2, 5)), 1, PASS),
        (files((-5, 5), (2, 5)), 2, UNDETERMINED),
        (files((1, 5)), None, UNDETERMINED),
        (files((1, 5)), 0, UNDETERMINED),
        (files((1, 5)), True, UNDETERMINED),
    ],
)
def test_copies(found: Files, copies: object, verdict: Verdict) -> None:
    assert (
        judge(checks.enough_copies, found, {}, {}, CLOCK, target(copies=copies), NOW).verdict
        is verdict
    )


def test_policy_may_ask_for_more_copies() -> None:
    got = judge(
        checks.enough_copies, files((1, 5)), {}, {}, CLOCK, target(copies=1), NOW, minimum=2
    )
    assert got.verdict is FAIL


@pytest.mark.parametrize(
    ("found", "least", "verdict"),
    [
        (files((1, 100), (2, 100)), None, PASS),
        (files((1, 50), (2, 100)), None, PASS),
        (files((1, 49), (2, 100)), None, FAIL),
        (files((1, 49), (2, 100), (3, 60), (4, 40)), None, PASS),
        (files((1, 0), (2, 100)), None, FAIL),
        (files((1, 0)), None, FAIL),
        (files((1, 100)), None, UNDETERMINED),
        (files((1, 100)), 100, PASS),
        (files((1, 99)), 100, FAIL),
        (files((1, 99), (2, 99)), 100, FAIL),
        (files((MINUTE, 1), (2, 100), (3, 100)), None, PASS),
        (files((MINUTE, 1)), None, UNDETERMINED),
        (files((1, 100), (2, 100), complete=False), None, UNDETERMINED),
        (files((-1, 100), (2, 100)), None, UNDETERMINED),
        (files(), None, FAIL),
        (files((1, 100), (2, 100)), "big", UNDETERMINED),
    ],
)
def test_size(found: Files, least: object, verdict: Verdict) -> None:
    assert (
        judge(size_check.plausible_size, found, CLOCK, target(min_bytes=least), NOW).verdict
        is verdict
    )


OPEN = (0o755, 0o755)


@pytest.mark.parametrize(
    ("found", "way", "verdict"),
    [
        (files((1, 5)), OPEN, PASS),
        (files((1, 5), mode=0o644), OPEN, FAIL),
        (files((1, 5), mode=0o602), OPEN, FAIL),
        (files((1, 5), mode=0o644), (0o755, 0o700, 0o755), PASS),
        (files((1, 5), mode=0o644), (0o755, 0o750), PASS),
        (files((1, 5)), (0o755, 0o777), FAIL),
        (files((1, 5)), (0o755, 0o1777), PASS),
        # who may write to a folder above may put another in the place of the set's
        (files((1, 5)), (0o755, 0o777, 0o755), FAIL),
        (files((1, 5)), (0o755, 0o1777, 0o755), PASS),
        (Files(files=files((1, 5)).files, complete=True, open_folders=("daily",)), OPEN, FAIL),
        (Files(files=files((1, 5)).files, complete=True, deeper=DIRECTORY), OPEN, UNDETERMINED),
        (
            Files(
                files=files((1, 5)).files,
                complete=True,
                aside=(BackupFile(name="a.log", size=1, mode=0o606, at=1),),
            ),
            OPEN,
            FAIL,
        ),
        (files((1, 5), complete=False), OPEN, UNDETERMINED),
        (files((1, 5), mode=0o644, complete=False), OPEN, FAIL),
        (files(), OPEN, UNDETERMINED),
    ],
)
def test_permissions(found: Files, way: tuple[int, ...], verdict: Verdict) -> None:
    assert judge(keeping_checks.kept_from_others, found, way, (), ()).verdict is verdict
    # what a list grants is not known: it takes a good verdict away, and no other
    for lists in (((), ("/backup",)), (("/backup/db-0",), ())):
        got = judge(keeping_checks.kept_from_others, found, way, *lists).verdict
        assert got is (UNDETERMINED if verdict is PASS else verdict)


def test_a_file_in_a_closed_folder_is_not_open() -> None:
    shut = BackupFile(name="d/x", size=1, mode=0o644, at=1, reachable=False)
    got = judge(keeping_checks.kept_from_others, Files(files=(shut,), complete=True), OPEN, (), ())
    assert got.verdict is PASS


GZIP, AGE = b"\x1f\x8b\x08\x00", b"age-encryption.o"


def head(content: bytes | None, hours: float = 1) -> tuple[BackupFile, Ends | None]:
    size = 16 if content is None else len(content)
    file = BackupFile(name=f"db{hours}", size=size, mode=0, at=CLOCK - hours * 3600)
    return file, None if content is None else Ends(head=content)


@pytest.mark.parametrize(
    ("heads", "stated", "verdict"),
    [
        ((head(AGE),), None, PASS),
        ((head(AGE), head(GZIP, 2)), True, PASS),
        ((head(GZIP), head(AGE, 2)), True, FAIL),
        ((head(GZIP),), False, FAIL),
        ((head(GZIP),), None, UNDETERMINED),
        ((head(b"\x00\x01\x02"),), True, UNDETERMINED),
        ((head(None), head(AGE, 2)), True, UNDETERMINED),
        ((head(b""), head(AGE, 2)), True, PASS),
        ((head(GZIP, MINUTE), head(AGE, 2)), True, PASS),
        ((head(AGE, -1),), True, UNDETERMINED),
        ((), True, UNDETERMINED),
        ((head(AGE),), "yes", UNDETERMINED),
    ],
)
def test_encrypted(
    heads: tuple[tuple[BackupFile, Ends | None], ...], stated: object, verdict: Verdict
) -> None:
    found = Files(files=tuple(file for file, _ in heads), complete=True)
    ends = {file.name: read for file, read in heads if read}
    got = judge(keeping_checks.is_encrypted, found, ends, CLOCK, target(encrypted=stated))
    assert got.verdict is verdict


@pytest.mark.parametrize(
    ("content", "encrypted", "plain"),
    [
        (b"Salted__\x01\x02", "openssl enc", ""),
        (b"LUKS\xba\xbe\x00\x02", "LUKS", ""),
        (b"-----BEGIN PGP MESSAGE", "OpenPGP message (armoured)", ""),
        (b"-----BEGIN PGP PUBLIC", "", ""),
        *(
            (bytes.fromhex(text), "OpenPGP message", "")
            for text in (  # as GnuPG 2.2.40 writes them
                "85010c034fc1e8acd09ba26b01080090",
                "85020e032967b3e9e84209c41007fe20",
                "845e03d17194a567db05511201074090",
                "845e0300000000000000001201074064",
                "84c203d2d1cab1951795ba1204230401",
                "8c0d040903020495f1fd8951eb52ffd2",
                "8c0404020002d2ed0167ab7514a43c8d",
                "c1c04c034fc1e8acd09ba26b01080090",
            )
        ),
        (bytes.fromhex("85010c034fc1e8acd09ba26b01080190"), "", ""),  # a number of another length
        (b"\x84\x5e\x03\x00\x01\x02", "", ""),
        (b"\x99\x01\x0d\x04\x00\x00", "", ""),  # a public key
        (b"\x85\x01\x8c\x07\x00\x01", "", ""),
        (b"PK\x03\x04\x14\x00\x01\x00", "zip (encrypted)", ""),
        (b"PK\x03\x04\x14\x00\x00\x00", "", "zip"),
        (b"PK\x03\x04", "", ""),
        (b"PGDMP\x01\x0e", "", "pg_dump archive"),
        (b"", "", ""),
    ],
)
def test_magic(content: bytes, encrypted: str, plain: str) -> None:
    assert (encrypted_as(content), plain_as(content)) == (encrypted, plain)


@pytest.mark.parametrize(
    ("stated", "verdict"),
    [
        ("city B, vault 2", PASS),
        (True, PASS),
        (False, FAIL),
        (None, UNDETERMINED),
        ("", UNDETERMINED),
        (3, UNDETERMINED),
    ],
)
def test_offsite(stated: object, verdict: Verdict) -> None:
    got = judge(keeping_checks.has_offsite_copy, target(offsite=stated))
    assert got.verdict is verdict
    assert (verdict is PASS) == ("not verified" in got.detail[0].id)


@pytest.mark.parametrize(
    ("stated", "verdict"),
    [
        ("2026-11-01", PASS),
        (datetime.date(2026, 11, 1), PASS),
        ("2025-11-23", PASS),
        ("2025-11-22", FAIL),
        ("2026-11-24", PASS),  # the collector's day may be another one
        ("2026-12-24", UNDETERMINED),
        ("last week", UNDETERMINED),
        (20261101, PASS),
        (None, UNDETERMINED),
    ],
)
def test_restore_tested(stated: object, verdict: Verdict) -> None:
    got = judge(keeping_checks.restore_tested, target(restore_tested=stated), NOW)
    assert got.verdict is verdict


def test_a_set_that_does_not_exist_fails_where_its_files_are_asked_for() -> None:
    absent = {
        c.id
        for c in audit_backup.dengbao_checks()
        if c.when_absent and c.when_absent.verdict is FAIL
    }
    assert absent == {"backup.present", "backup.fresh", "backup.copies", "backup.size"}


def test_the_plugin_offers_its_facts_checks_and_texts() -> None:
    assert {c.id for c in audit_backup.dengbao_checks()} >= {"backup.fresh", "backup.size"}
    assert {f.id for f in audit_backup.dengbao_facts()} >= {"backup.files", "backup.clock"}
    assert all(c.kind == "backup_set" for c in audit_backup.dengbao_checks())
    assert all(path.is_dir() for path in audit_backup.dengbao_locales())
