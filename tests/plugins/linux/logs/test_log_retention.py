"""How long logs are kept, and how old the oldest record is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, ParseError, Verdict
from audit_linux.logs import auditd_conf, journald, log_cleaners, log_reach, log_rotation
from invented.logs import COPIES, DAY, NOW, journal_file, log_file, log_tree

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MAIN = "/etc/logrotate.conf"


def _rotations(
    files: Make, text: str, main: str = "weekly\nrotate 4\ninclude /etc/logrotate.d\n"
) -> log_rotation.Rotation:
    found = log_rotation.parse_rotations(files({MAIN: main, "/etc/logrotate.d/x": text}))
    assert not isinstance(found, Absent)
    return found[0]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("/var/log/syslog\n{\n\trotate 26\n\tweekly\n}", 182),
        ("/var/log/syslog {\n rotate 26\n}", 182),
        ("/var/log/syslog { rotate 26 }", 182),
        ("/var/log/syslog {\n}", 28),
        ("/var/log/syslog {\n daily\n rotate 180\n maxage 90\n}", 90),
        ("/var/log/syslog {\n monthly\n rotate 6\n}", 180),
        ("/var/log/syslog {\n rotate -1\n}", 1 << 20),
        ("/var/log/syslog {\n rotate 0\n}", 0),
        ("/var/log/syslog {\n size 100M\n rotate 400\n}", None),
        ("/var/log/syslog {\n size 100M\n rotate 26\n weekly\n}", 182),
        ("/var/log/syslog {\n maxsize 1G\n rotate 400\n weekly\n}", None),
        ("/var/log/syslog {\n # rotate 400\n rotate 4\n}", 28),
        ("/var/log/syslog {\n rotate 4\n postrotate\n rotate 900\n }\n endscript\n}", 28),
        ("/var/log/syslog {\n rotate 30\r\n}\r", 210),
        ("/var/log/syslog {\n daily\n rotate 190\n maxage 0\n}", 190),
        ("/var/log/syslog {\n rotate=30\n}", 210),
        ("/var/log/syslog {\n rotate = 30\n}", 210),
        ("/var/log/syslog {\n hourly\n rotate 4380\n}", 182),
    ],
)
def test_days_kept(text: str, days: int | None, files: Make) -> None:
    assert _rotations(files, text).days == days


@pytest.mark.parametrize(
    ("main", "days"),
    [
        # checked with logrotate 3.21.0 -d on Debian 12
        ("weekly\nrotate 4\ninclude /etc/logrotate.d\nrotate 52\n", (28,)),
        ("include /etc/logrotate.d\nweekly\nrotate 52\n", (None,)),
        ("weekly\nrotate 4\n", ()),
        ("weekly\nrotate 4\ninclude /etc/local.d\ninclude /etc/logrotate.d\n", (None, 28)),
    ],
)
def test_what_stands_before_the_include_holds(
    main: str, days: tuple[int | None, ...], files: Make
) -> None:
    text = "/var/log/syslog {\n}\n"
    found = log_rotation.parse_rotations(files({MAIN: main, "/etc/logrotate.d/x": text}))
    assert not isinstance(found, Absent)
    assert tuple(r.days for r in found) == days


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [("/var/log/syslog", True), ("/var/log/sys*", True), ("/var/log/*", True),
     ("/var/log/*.log", False), ("/var/log/[r-t]yslog", True), ("/var/log/syslog.1", False)],
)  # fmt: skip
def test_a_stanza_covers_by_its_patterns(pattern: str, covered: bool) -> None:
    rotation = log_rotation.Rotation(paths=("/x", pattern), days=1, words="")
    assert rotation.covers("syslog") is covered


def test_a_leftover_configuration_file_does_not_count(files: Make) -> None:
    texts = {MAIN: "weekly\ninclude /etc/logrotate.d\n"} | {
        f"/etc/logrotate.d/syslog{end}": f"/var/log/syslog {{\nrotate {count}\n}}\n"
        for end, count in (("", 4), (".rpmsave", 90), ("~", 90))
    }
    found = log_rotation.parse_rotations(files(texts))
    assert not isinstance(found, Absent)
    assert [r.days for r in found] == [28]


def test_of_two_stanzas_the_first_holds() -> None:
    """logrotate 3.21 reports the second as a duplicate; `test_logrotate_real.py`."""
    cases = (((200, 28), Verdict.PASS), ((28, 200), Verdict.FAIL),
             ((None, 28), Verdict.UNDETERMINED))  # fmt: skip
    for days, verdict in cases:
        rotations = tuple(
            log_rotation.Rotation(paths=("/var/log/syslog",), days=d, words="") for d in days
        )
        judged = log_rotation.log_retention.judge(log_tree(log_file("syslog")), rotations, None, ())
        assert judged.verdict is verdict, days


def test_hourly_may_be_daily() -> None:
    for count, verdict in ((4400, Verdict.PASS), (200, Verdict.UNDETERMINED), (24, Verdict.FAIL)):
        least, most = count // 24, count
        hourly = log_rotation.Rotation(paths=("/var/log/syslog",), days=least, most=most, words="")
        judged = log_rotation.log_retention.judge(log_tree(log_file("syslog")), (hourly,), None, ())
        assert judged.verdict is verdict, count


def test_debian_s_own_four_weeks_fail(recorded: Read) -> None:
    rotations = log_rotation.parse_rotations(recorded("logrotate"))
    judgement = log_rotation.log_retention.judge(
        log_tree(log_file("syslog"), log_file("auth.log")), rotations, None, ()
    )
    assert judgement.verdict is Verdict.FAIL
    assert judgement.detail[0].args["days"] == 28


@pytest.mark.parametrize(
    ("files", "days", "verdict"),
    [
        (("syslog",), 182, Verdict.PASS),
        (("syslog",), 179, Verdict.FAIL),
        (("syslog",), None, Verdict.UNDETERMINED),
        (("syslog", "auth.log"), 182, Verdict.UNDETERMINED),
        (("syslog", "auth.log"), 28, Verdict.FAIL),
        ((), 182, Verdict.UNDETERMINED),
    ],
)
def test_retention(files: tuple[str, ...], days: int | None, verdict: Verdict) -> None:
    rotation = log_rotation.Rotation(paths=("/var/log/syslog",), days=days, words="")
    judgement = log_rotation.log_retention.judge(
        log_tree(*(log_file(f) for f in files)), (rotation,), None, ()
    )
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("value", "days", "verdict"),
    [
        ("1month", 30, Verdict.FAIL),
        ("2week 3days", 17, Verdict.FAIL),
        ("2592000", 30, Verdict.FAIL),
        ("6months", 182, Verdict.UNDETERMINED),  # size may still take them earlier
        ("1y", 365, Verdict.UNDETERMINED),
        ("0", None, Verdict.UNDETERMINED),
        ("", None, Verdict.UNDETERMINED),
        ("for ever", None, Verdict.UNDETERMINED),
        ("90 d?", None, Verdict.UNDETERMINED),
    ],
)
def test_a_journal_that_is_told_to_forget_is_not_kept(
    value: str, days: int | None, verdict: Verdict
) -> None:
    conf = journald.JournalConf(max_retention=value)
    assert conf.most_days == days
    judgement = log_rotation.log_retention.judge(log_tree(journal_file(3)), None, conf, ())
    assert judgement.verdict is verdict
    assert judgement.detail[-1].args.get("days") == days
    assert ("kept by size, not by time" in judgement.detail[-1].id) is (days is None)


def test_a_log_that_lies_elsewhere_is_not_passed() -> None:
    tree = structs.replace(log_tree(log_file("auth.log")), links=("messages", "README"))
    rotation = log_rotation.Rotation(paths=("/var/log/*",), days=200, words="")
    judgement = log_rotation.log_retention.judge(tree, (rotation,), None, ())
    assert judgement.verdict is Verdict.UNDETERMINED
    assert judgement.detail[-1].args["names"] == ("messages",)


def test_without_logrotate_retention_is_not_settled() -> None:
    assert (
        log_rotation.log_retention.judge(log_tree(log_file("syslog")), None, None, ()).verdict
        is Verdict.UNDETERMINED
    )


def test_records_that_lie_elsewhere_are_not_missing() -> None:
    since = NOW - 900 * DAY
    moved = log_rotation.Rotation(
        paths=("/var/log/syslog",), days=210, words="", olddir="/data/old"
    )  # fmt: skip
    plain = log_rotation.Rotation(paths=("/var/log/syslog",), days=210, words="")
    tree = log_tree(log_file("syslog", born=3), journal_file(20))
    judge = log_reach.log_oldest.judge
    assert judge(tree, None, since, (plain,), None).verdict is Verdict.FAIL
    assert judge(tree, None, since, (moved,), None).verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("place", "verdict"),
    [("/var/log/audit/audit.log", Verdict.PASS), ("/data/audit/audit.log", Verdict.UNDETERMINED)],
)
def test_an_audit_trail_that_was_not_listed_is_no_pass(place: str, verdict: Verdict) -> None:
    conf = auditd_conf.AuditdConf(values={"log_file": place})
    judgement = log_reach.log_oldest.judge(
        log_tree(journal_file(190)), (), NOW - 900 * DAY, None, conf
    )
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("tree", "audit", "installed", "verdict"),
    [
        # old enough by the time of the last record in the oldest copy
        ((log_file("syslog"), *COPIES), (), 900, Verdict.PASS),
        # one old copy that was left behind says nothing of the months between
        ((log_file("syslog"), log_file("syslog.9.gz", age=200)), (), 900, Verdict.UNDETERMINED),
        (
            (
                log_file("syslog"),
                log_file("syslog.1", age=5, born=12),
                log_file("syslog.bak", age=400),
            ),
            (),
            900,
            Verdict.UNDETERMINED,
        ),
        # the records of other hosts, and of persons, are not those of this host
        (
            (journal_file(9), log_file("journal/remote/remote-web2.journal", born=300)),
            (),
            900,
            Verdict.FAIL,
        ),
        (
            (journal_file(9), log_file("journal/" + "0a" * 16 + "/user-1000.journal", born=300)),
            (),
            900,
            Verdict.FAIL,
        ),
        ((journal_file(190),), (), 900, Verdict.PASS),
        # too young for certain
        ((log_file("syslog"), log_file("syslog.4.gz", age=30)), (), 900, Verdict.FAIL),
        ((journal_file(30),), (), 900, Verdict.FAIL),
        ((log_file("syslog", born=20),), (), 900, Verdict.FAIL),
        # one month's rotation may hide what is missing
        ((log_file("syslog"), log_file("syslog.6.gz", age=160)), (), 900, Verdict.UNDETERMINED),
        # one file, and nothing tells when it began
        ((log_file("syslog"),), (), 900, Verdict.UNDETERMINED),
        # copytruncate keeps an old birth over new content
        ((log_file("syslog", born=800),), (), 900, Verdict.UNDETERMINED),
        # a young host is no fail
        ((journal_file(30),), (), 31, Verdict.NOT_APPLICABLE),
        ((journal_file(30),), (), None, Verdict.UNDETERMINED),
        # the audit trail counts for itself, and auditd renames
        ((journal_file(190),), (log_file("audit.log", born=20),), 900, Verdict.FAIL),
        ((journal_file(190),), (log_file("audit.log", born=200),), 900, Verdict.PASS),
        # empty files hold no record
        ((log_file("syslog.9", age=400, size=0), journal_file(20)), (), 900, Verdict.FAIL),
        ((log_file("wtmp", age=400),), (), 900, Verdict.FAIL),
    ],
)
def test_oldest(
    tree: tuple[str, ...], audit: tuple[str, ...], installed: int | None, verdict: Verdict
) -> None:
    since = None if installed is None else NOW - installed * DAY
    files = log_tree(*audit).files[1:]
    assert log_reach.log_oldest.judge(log_tree(*tree), files, since, None, None).verdict is verdict


def test_installed_at(recorded: Read, answer: Make) -> None:
    assert log_reach.parse_host_since(recorded("installed-at")) == 1_750_775_860
    assert log_reach.parse_host_since(answer("7_9_/\n")) == 7
    assert isinstance(log_reach.parse_host_since(answer("0_9_/\n")), Absent)
    with pytest.raises(ParseError):
        log_reach.parse_host_since(answer("stat: no\n"))


def test_a_journal_on_disk_beside_short_text_logs_leaves_it_open() -> None:
    weeks = log_rotation.Rotation(paths=("/var/log/syslog",), days=28, words="")
    tree = log_tree(log_file("syslog"), journal_file(3))
    check = log_rotation.log_retention
    for journal, expected in (
        (None, Verdict.UNDETERMINED),
        (journald.JournalConf(storage="persistent"), Verdict.UNDETERMINED),
        (journald.JournalConf(storage="volatile"), Verdict.FAIL),
        (journald.JournalConf(max_retention="1month"), Verdict.FAIL),
        (journald.JournalConf(max_retention="1year"), Verdict.UNDETERMINED),
    ):
        assert check.judge(tree, (weeks,), journal, ()).verdict is expected, journal
    assert check.judge(log_tree(log_file("syslog")), (weeks,), None, ()).verdict is Verdict.FAIL


def test_what_removes_logs_before_their_time_fails(
    subtests: Any, answers: Callable[..., Any], files: Make
) -> None:
    """Invented lines, after find(1), tmpreaper(8) and tmpfiles.d(5)."""
    half_a_year = log_rotation.Rotation(paths=("/var/log/*",), days=210, words="", copies=30)
    day, week = "0 3 * * * root ", "0 3 * * 0 root "
    tree = log_tree(log_file("syslog"), log_file("auth.log"))
    tab, tmp = "/etc/cron.d/x", "/etc/tmpfiles.d/x.conf"
    removes = "0 3 * * * root find /var/log {} \n"
    cases: list[tuple[str, str, Verdict]] = [
        (tab, removes.format("-name '*.gz' -mtime +30 -delete"), Verdict.FAIL),
        (tab, removes.format("-type f -mtime +7 -exec rm -f {} +"), Verdict.FAIL),
        (tab, removes.format("-mtime +30 -print0 | xargs -0 rm"), Verdict.FAIL),
        (tab, removes.format("-name '*.gz' -mtime +200 -delete"), Verdict.PASS),
        (tab, removes.format("-name 'nginx*' -mtime +30 -delete"), Verdict.PASS),
        (tab, removes.format("-name '*.gz' -mtime +30 -ls"), Verdict.PASS),
        (tab, removes.replace("/var/log", "/var/log/nginx").format("-mtime +30 -delete"),
         Verdict.PASS),
        (tab, "# " + removes.format("-mtime +30 -delete"), Verdict.PASS),
        (tab, "0 3 * * * root tmpreaper 30d /var/log\n", Verdict.FAIL),
        (tab, removes.format("-name '*.gz' -type f -delete"), Verdict.FAIL),
        (tab, removes.format("-type f -name '*.gz' -size +1G -delete"), Verdict.PASS),
        (tab, f"{day}cd /var/log && find . -mtime +7 -delete\n", Verdict.FAIL),
        (tab, f"{day}cd /srv/data && find . -mtime +7 -delete\n", Verdict.PASS),
        (tab, f"{day}rm -f /var/log/*.gz\n", Verdict.FAIL),
        (tab, f"{day}rm -f /var/log/nginx/*.gz /tmp/x\n", Verdict.PASS),
        (tab, f"{day}cd /var/log; rm -f auth.log.*\n", Verdict.FAIL),
        (tab, f"{week}truncate -s 0 /var/log/auth.log\n", Verdict.FAIL),
        (tab, f"{week}truncate -s 0 /var/log/lastlog\n", Verdict.PASS),
        (tab, f"{week}: > /var/log/syslog\n", Verdict.FAIL),
        (tab, f"{week}cat /dev/null >/var/log/syslog\n", Verdict.FAIL),
        (tab, f"{week}cp /dev/null /var/log/syslog\n", Verdict.FAIL),
        (tab, f"{week}cp /var/log/syslog /srv/a && : > /var/log/syslog\n", Verdict.UNDETERMINED),
        (tab, f"{week}/srv/run >> /var/log/syslog 2>&1\n", Verdict.PASS),
        (tab, f"{week}/srv/run > /var/log/run.log\n", Verdict.PASS),
        (tab, f"{day}/usr/sbin/logrotate -f /etc/logrotate.conf\n", Verdict.FAIL),
        (tab, "@daily root logrotate --force /etc/logrotate.conf\n", Verdict.FAIL),
        (tab, f"{week}/usr/sbin/logrotate -f /etc/logrotate.conf\n", Verdict.PASS),
        (tab, f"{day}/usr/sbin/logrotate /etc/logrotate.conf\n", Verdict.PASS),
        (tab, f"{day}journalctl --vacuum-time=1d\n", Verdict.PASS),
        (tmp, "r! /var/log/auth.log.*\n", Verdict.FAIL),
        (tmp, "r! /var/log/nginx.pid\n", Verdict.PASS),
        (tmp, "e /var/log - - - 30d\n", Verdict.FAIL),
        (tmp, "d /var/log 0755 root root 4w\n", Verdict.FAIL),
        (tmp, "d /var/log 0755 root root -\n", Verdict.PASS),
        (tmp, "d /var/log 0755 root root ~30d\n", Verdict.PASS),
        (tmp, "d /var/log 0755 root root 200d\n", Verdict.PASS),
        (tmp, "d /var/log/nginx 0755 root root 3d\n", Verdict.PASS),
    ]  # fmt: skip
    for path, text, verdict in cases:
        with subtests.test(text):
            read, none = files({path: text}), files({}, not_present="/etc/a")
            folder, tables = (read, none) if path == tmp else (none, read)
            cleaners = log_cleaners.parse_cleaners(answers(files=folder, tables=tables))
            judged = log_rotation.log_retention.judge(tree, (half_a_year,), None, cleaners)
            assert judged.verdict is verdict


def test_a_job_that_empties_the_journal_counts(answers: Callable[..., Any], files: Make) -> None:
    tables = files({"/etc/cron.d/x": "0 3 * * * root journalctl --vacuum-time=7d\n"})
    none = files({}, not_present="/etc/a")
    cleaners = log_cleaners.parse_cleaners(answers(files=none, tables=tables))
    check, tree = log_rotation.log_retention, log_tree(journal_file(3))
    assert check.judge(tree, None, None, cleaners).verdict is Verdict.FAIL
    year = journald.JournalConf(max_retention="1year")
    assert check.judge(tree, None, year, cleaners).verdict is Verdict.FAIL
    assert check.judge(tree, None, year, ()).verdict is Verdict.UNDETERMINED
    hour = journald.JournalConf(max_retention="1h")
    assert check.judge(tree, None, hour, ()).verdict is Verdict.FAIL
