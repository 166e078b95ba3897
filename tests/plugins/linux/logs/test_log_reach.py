"""Whether records outlive a restart, and whether another host holds them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, Answers, ParseError, Partial, Verdict
from audit_linux.logs import (
    forwards,
    journald,
    log_files,
    log_reach,
    log_rotation,
    remote_log,
    rsyslog,
    syslog_ng,
)
from audit_linux.logs.routes import Fate
from audit_linux.processes import Process
from audit_linux.units import Units
from invented.answers import answer
from invented.logs import COPIES, DAY, NOW, TARGET, journal_file, log_file, log_tree

Make = Callable[..., Answer]
Read = Callable[[str], Answer]


@pytest.mark.parametrize(
    ("records", "storage", "verdict"),
    [
        ((log_file("syslog"),), "", Verdict.PASS),
        ((log_file("syslog", size=0),), "", Verdict.FAIL),
        # freshly rotated
        ((log_file("syslog", size=0), log_file("syslog.1", age=1)), "", Verdict.PASS),
        # left over from a daemon that was removed
        ((log_file("syslog", age=300),), "", Verdict.FAIL),
        ((log_file("syslog", age=300), journal_file(3)), "", Verdict.PASS),
        ((log_file("journal/remote/remote-web2.journal"),), "", Verdict.FAIL),
        ((journal_file(3),), "", Verdict.PASS),
        ((journal_file(3),), "persistent", Verdict.PASS),
        ((journal_file(3),), "volatile", Verdict.FAIL),
        ((), "persistent", Verdict.FAIL),
    ],
)
def test_durable(records: tuple[str, ...], storage: str, verdict: Verdict) -> None:
    conf = journald.JournalConf(storage=storage)
    assert log_reach.log_durable.judge(log_tree(*records), conf).verdict is verdict


def test_a_log_in_memory_does_not_outlive_a_restart() -> None:
    tree = structs.replace(log_tree(log_file("syslog")), filesystem="tmpfs")
    assert log_reach.log_durable.judge(tree, None).verdict is Verdict.FAIL


def test_drop_ins_of_usr_local_count(files: Make) -> None:
    """Tried with systemd 257 of Debian 13."""
    main, local = "/etc/systemd/journald.conf", "/usr/local/lib/systemd/journald.conf.d/z.conf"
    held = {main: "[Journal]\nStorage=auto\n", local: "[Journal]\nStorage=volatile\n"}
    conf = journald.parse_journal_conf(files(held))
    assert not isinstance(conf, Absent)
    assert conf.storage == "volatile"


def test_journald_drop_ins_go_over_the_main_file(recorded: Read, files: Make) -> None:
    assert journald.parse_journal_conf(recorded("journald")) == journald.JournalConf()
    texts = {
        "/etc/systemd/journald.conf": "[Journal]\nStorage=auto\n",
        "/usr/lib/systemd/journald.conf.d/10-a.conf": "[Journal]\nStorage=none\n",
        "/etc/systemd/journald.conf.d/10-a.conf": "[Journal]\r\nStorage=volatile\r\n",
    }
    conf = journald.parse_journal_conf(files(texts))
    assert isinstance(conf, journald.JournalConf)
    assert conf.storage == "volatile"


MAIN = "/etc/rsyslog.conf"
LOADED = 'module(load="imuxsock")\n'


def test_an_rsyslog_that_hears_other_hosts_only_sends_none_of_its_own_records(files: Make) -> None:
    relay = 'module(load="imtcp")\ninput(type="imtcp" port="514")\n*.* @@log.example.com\n'
    got = rsyslog.parse_rsyslog(files({MAIN: relay}))
    assert isinstance(got, forwards.Forwards)
    assert [f.every for f in got.forwards] == [False]


def _rsyslog(files: Make, text: str) -> forwards.Forwards:
    found = rsyslog.parse_rsyslog(files({MAIN: LOADED + text + "\n"}))
    assert not isinstance(found, Absent)
    return found


RUNNING = (Process(pid=1, uid=0, name="init"), Process(pid=9, uid=0, name="rsyslogd"))


RSYSLOG = [
    ("*.* @@log.example.com:514", Verdict.PASS),
    ("*.*\t@192.0.2.7", Verdict.PASS),
    ("*.* @@(o)[2001:db8::1]:514", Verdict.PASS),
    ("*.* @(z9,o)log.example.com:514;RSYSLOG_Format", Verdict.PASS),
    ("auth,authpriv.* :omrelp:log.example.com:2514", Verdict.PASS),
    # sshd of Debian uses auth, sudo and PAM use authpriv
    ("authpriv.* @@log.example.com", Verdict.UNDETERMINED),
    ("auth.* @@log.example.com", Verdict.UNDETERMINED),
    ("*.* @@0.0.0.0", Verdict.FAIL),
    ("*.* @@localhost4", Verdict.FAIL),
    ("*.* @@WEB1.example.com", Verdict.FAIL),  # itself
    ('action(type="omfwd" target=["192.0.2.7", "192.0.2.8"])', Verdict.PASS),
    ('action(type="omkafka" broker=["k:9092"] topic="log")', Verdict.UNDETERMINED),
    ("*.* :omkafka:", Verdict.UNDETERMINED),
    # rsyslogd 8.2302 takes a line break for a blank
    (
        'if $programname == "x" then\n   action(type="omfwd" target="192.0.2.7")',
        Verdict.UNDETERMINED,
    ),
    ('mail.*\n   action(type="omfwd" target="192.0.2.7")', Verdict.UNDETERMINED),
    ('*.*\n   action(type="omfwd" target="192.0.2.7")', Verdict.PASS),
    ("if $msg contains 'x' then\n  *.* @@log.example.com", Verdict.UNDETERMINED),
    ('*.* /var/log/x\naction(type="omfwd" target="192.0.2.7")', Verdict.PASS),
    ("$RuleSet r\n*.* @@log.example.com\n", Verdict.UNDETERMINED),
    (
        "$RuleSet r\n*.* /x\n$RuleSet RSYSLOG_DefaultRuleset\n*.* @@log.example.com",
        Verdict.PASS,
    ),
    ("auth,authpriv.info @@log.example.com", Verdict.PASS),
    ('*.* action(type="omfwd" target="192.0.2.7" port="514"\n protocol="tcp")', Verdict.PASS),
    ('action(type="omfwd" Target="192.0.2.7")', Verdict.PASS),
    ("# *.* @@log.example.com", Verdict.FAIL),
    ("/* *.* @@log.example.com\n*/", Verdict.FAIL),
    ("*.* @@127.0.0.1:514", Verdict.FAIL),
    ("*.* @localhost", Verdict.FAIL),
    ("*.* @@[::1]:514", Verdict.FAIL),
    ("*.* /var/log/all@example", Verdict.FAIL),
    ("mail.* @@log.example.com", Verdict.UNDETERMINED),
    ("*.*;auth,authpriv.none @@log.example.com", Verdict.UNDETERMINED),
    ("authpriv.err @@log.example.com", Verdict.UNDETERMINED),
    (':msg,contains,"x" @@log.example.com', Verdict.UNDETERMINED),
    ("if $programname == 'sshd' then {\n*.* @@log.example.com\n}", Verdict.UNDETERMINED),
    ('ruleset(name="r"){\n action(type="omfwd" target="192.0.2.7")\n}', Verdict.UNDETERMINED),
    ("$IncludeConfig /opt/site.conf", Verdict.UNDETERMINED),
    ('include(file="/opt/*.conf" mode="optional")', Verdict.UNDETERMINED),
    ('action(type="omfile" file="/var/log/x")', Verdict.FAIL),
    ("*.* @@log.example.com\r", Verdict.PASS),
]


def test_rsyslog(subtests: pytest.Subtests, files: Make) -> None:
    for text, verdict in RSYSLOG:
        with subtests.test(text[:80]):
            found = _rsyslog(files, text)
            judgement = remote_log.log_remote.judge(
                TARGET, RUNNING, found, None, None, None, None, None
            )
            assert judgement.verdict is verdict


def test_rsyslog_as_installed_forwards_nothing(recorded: Read) -> None:
    found = rsyslog.parse_rsyslog(recorded("rsyslog"))
    assert isinstance(found, forwards.Forwards)
    assert found.forwards == ()
    assert {route.fate for route in found.routes} == {Fate.KEPT}


@pytest.mark.parametrize(
    "include",
    [
        "$IncludeConfig /etc/rsyslog.d/*.conf",
        'include(file="/etc/rsyslog.d/*.conf" mode="optional")',  # as RHEL 9 has it
    ],
)
def test_a_drop_in_counts_only_when_it_is_included(include: str, files: Make) -> None:
    drop = {"/etc/rsyslog.d/a.conf": "*.* @@log.example.com\n"}
    without = rsyslog.parse_rsyslog(files({MAIN: LOADED, **drop}))
    within = rsyslog.parse_rsyslog(files({MAIN: f"{LOADED}{include}\n", **drop}))
    assert isinstance(without, forwards.Forwards)
    assert isinstance(within, forwards.Forwards)
    assert without.forwards == ()
    assert within.forwards[0].every


def test_what_journald_does_not_hand_over_is_not_forwarded(files: Make) -> None:
    journald_runs = (*RUNNING, Process(pid=9, uid=0, name="systemd-journal"))
    deaf, faint = journald.JournalConf(forward=False), journald.JournalConf(syslog_level=0)
    for head, conf, verdict in (
        ("", deaf, Verdict.FAIL), ("", faint, Verdict.FAIL), ("", None, Verdict.PASS),
        ('module(load="imjournal")\n', deaf, Verdict.PASS),
    ):  # fmt: skip
        found = _rsyslog(files, f"{head}*.* @@log.example.com")
        judge = partial(remote_log.log_remote.judge, TARGET, journald_runs, found, None, None, None)
        assert judge(conf, None).verdict is verdict, (head, conf)


def test_a_log_server_without_a_connection_is_doubted(subtests: Any, files: Make) -> None:
    """What ss of iproute2 6.1 lists while rsyslogd 8.2302 sends, or nobody listens there."""
    peers = remote_log.parse_peers(
        answer("0 0 10.0.0.5:43210 10.9.9.9:514\n0 0 [::1]:9 [::1]:22\n")
    )
    away = 'action(type="omfwd" target="10.9.9.9" port="{}" protocol="{}")'
    for text, known, verdict in (
        ("*.* @@10.9.9.9", peers, Verdict.PASS),
        ("*.* @@(o)10.9.9.9:514", peers, Verdict.PASS),
        ("*.* @@10.9.9.9:6514", peers, Verdict.UNDETERMINED),
        ("*.* @@10.9.9.9:514", frozenset(), Verdict.UNDETERMINED),
        ("*.* @@10.9.9.9:514", None, Verdict.PASS),
        ("*.* @10.9.9.9:514", frozenset(), Verdict.PASS),
        (f"*.* {away.format(514, 'tcp')}", frozenset(), Verdict.UNDETERMINED),
        (f"*.* {away.format(514, 'udp')}", frozenset(), Verdict.PASS),
        (f"*.* {away.format(514, 'tcp')}\n*.* @10.9.9.8", frozenset(), Verdict.PASS),
        ('*.* action(type="omrelp" target="10.9.9.9" port="2514")', peers, Verdict.UNDETERMINED),
    ):
        found = _rsyslog(files, text)
        with subtests.test(f"{text} {known}"):
            judged = remote_log.log_remote.judge(
                TARGET, RUNNING, found, None, None, None, None, known
            )
            assert judged.verdict is verdict


def test_a_daemon_that_does_not_run_forwards_nothing(files: Make) -> None:
    found = _rsyslog(files, "*.* @@log.example.com")
    judgement = remote_log.log_remote.judge(
        TARGET, RUNNING[:1], found, None, None, None, None, None
    )
    assert judgement.verdict is Verdict.FAIL


# invented after the syslog-ng 3.38 manual
NG = """\
@version: 3.38
source s_src { system(); internal(); };
source s_net { network(ip("0.0.0.0") port(514)); };
destination d_net { network("192.0.2.7" port(514) transport("tcp")); };
destination d_file { file("/var/log/messages"); };
filter f_auth { facility(auth, authpriv); };
log { source(s_src); destination(d_file); };
log { source(s_src); PLACE };
"""


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        ("destination(d_net);", Verdict.PASS),
        ("# destination(d_net);", Verdict.FAIL),
        ("filter(f_auth); destination(d_net);", Verdict.PASS),
        ("filter { facility(auth); }; destination(d_net);", Verdict.UNDETERMINED),
        ('destination { network("192.0.2.7"); };', Verdict.PASS),
        # what comes from other hosts, and what another path takes off first
        ("}; log { source(s_net); destination(d_net);", Verdict.UNDETERMINED),
        (
            "flags(final); }; log { source(s_src); destination(d_net);",
            Verdict.UNDETERMINED,
        ),
        ("destination(d_file);", Verdict.FAIL),
        (
            'destination(d_file); };\n@include "/opt/site.conf"\nlog { source(s_src);',
            Verdict.UNDETERMINED,
        ),
    ],
)
def test_syslog_ng(place: str, verdict: Verdict, files: Make) -> None:
    text = NG.replace("PLACE", place.replace("#", "\n#") + "\n")
    found = syslog_ng.parse_syslog_ng(files({"/etc/syslog-ng/syslog-ng.conf": text}))
    assert isinstance(found, forwards.Forwards)
    processes = (*RUNNING[:1], Process(pid=5, uid=0, name="syslog-ng"))
    judgement = remote_log.log_remote.judge(TARGET, processes, None, found, None, None, None, None)
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("url", "active", "verdict"),
    [
        ("https://log.example.com:19532", True, Verdict.PASS),
        ("https://log.example.com:19532", False, Verdict.FAIL),
        ("http://localhost:19532", True, Verdict.FAIL),
        ("", True, Verdict.FAIL),
    ],
)
def test_journal_upload(url: str, active: bool, verdict: Verdict, files: Make) -> None:
    text = f"[Upload]\n# URL=x\nURL={url}\n"
    names = {"systemd-journal-upload.service"} if active else set()
    units = Units(active=frozenset(names), enabled=frozenset())
    upload = remote_log.parse_upload(files({"/etc/systemd/journal-upload.conf": text}))
    judgement = remote_log.log_remote.judge(TARGET, RUNNING, None, None, upload, units, None, None)
    assert judgement.verdict is verdict
    failing = structs.replace(units, failing=units.active)
    judgement = remote_log.log_remote.judge(
        TARGET, RUNNING, None, None, upload, failing, None, None
    )
    assert judgement.verdict is Verdict.FAIL


# Files with which systemd-journal-upload 252 had a URL, and drop-ins (tried on 2026-11-30).
UPLOADS = (
    ("[Upload]\nURL=http://a\n", "", "http://a"), ("[Upload]\n URL = http://a \n", "", "http://a"),
    ("URL=http://a\n", "", ""), ("[Journal]\nURL=http://a\n", "", ""),
    ("[Upload]\nurl=http://a\n", "", ""), ("[Upload]\nURL=http://a\nURL=\n", "", ""),
    ("[Upload]\nURL=http://a\nURL=http://b\n", "", "http://b"),
    ("[Upload]\n;URL=http://a\n", "", ""), ("[Upload]\nURL=\\\nhttp://a\n", "", "http://a"),
    ("\ufeff[Upload]\nURL=http://a\n", "", "http://a"),
    ("[Upload]\r\nURL=http://a\r\n", "", "http://a"), ('[Upload]\nURL="http://a"\n', "", ""),
    ("[Upload]\n", "[Upload]\nURL=http://c\n", "http://c"),
    ("[Upload]\nURL=http://a\n", "[Upload]\nURL=\n", ""),
)  # fmt: skip


def test_upload_settings_are_read_as_systemd_reads_them(files: Make) -> None:
    main, drop = "/etc/systemd/journal-upload.conf", "/etc/systemd/journal-upload.conf.d/z.conf"
    for text, more, url in UPLOADS:
        held = {main: text, drop: more} if more else {main: text}
        assert remote_log.parse_upload(files(held)) == url, (text, more)


def test_another_shipper_settles_nothing() -> None:
    processes = (*RUNNING, Process(pid=7, uid=0, name="filebeat"))
    judgement = remote_log.log_remote.judge(TARGET, processes, None, None, None, None, None, None)
    assert judgement.verdict is Verdict.UNDETERMINED


YOUNG, LONG = (log_file("syslog"), log_file("syslog.4.gz", age=30)), (log_file("syslog"), *COPIES)


@pytest.mark.parametrize(
    ("logs", "days", "config", "verdict"),
    [
        (LONG, 182, "", Verdict.PASS),
        (YOUNG, 28, "*.* @@log.example.com", Verdict.PASS),
        (YOUNG, 28, "", Verdict.FAIL),
        (YOUNG, 182, "", Verdict.FAIL),
        (LONG, 28, "", Verdict.FAIL),
        (LONG, None, "", Verdict.UNDETERMINED),
        (YOUNG, 28, "mail.* @@log.example.com", Verdict.UNDETERMINED),
    ],
)
def test_kept_or_sent(
    logs: tuple[str, ...], days: int | None, config: str, verdict: Verdict, files: Make
) -> None:
    rotations = (log_rotation.Rotation(paths=("/var/log/syslog",), days=days, words=""),)
    sending = (TARGET, RUNNING, _rsyslog(files, config), None, None, None, None, None)
    judgement = remote_log.log_kept_or_sent.judge(
        log_tree(*logs), rotations, NOW - 900 * DAY, None, (), *sending
    )
    assert judgement.verdict is verdict
    assert len(judgement.detail) >= 3


@pytest.mark.parametrize(("days", "verdict"), [(30, Verdict.FAIL), (400, Verdict.UNDETERMINED)])
def test_a_journal_that_forgets_early_is_not_kept(days: int, verdict: Verdict, files: Make) -> None:
    sending = (TARGET, RUNNING, _rsyslog(files, ""), None, None, None, None, None)
    conf = journald.JournalConf(max_retention=f"{days}day")
    judgement = remote_log.log_kept_or_sent.judge(
        log_tree(journal_file(200)), None, NOW - 900 * DAY, conf, (), *sending
    )
    assert judgement.verdict is verdict


def test_a_journal_on_disk_may_keep_longer_than_text_logs(files: Make) -> None:
    sending = (TARGET, RUNNING, _rsyslog(files, ""), None, None, None, None, None)
    short = (log_rotation.Rotation(paths=("/var/log/auth.log",), days=28, words=""),)
    both = log_tree(log_file("auth.log"), journal_file(200))
    cases: list[tuple[Any, Any, int, Verdict]] = [
        (both, None, 900, Verdict.UNDETERMINED),
        (both, None, 9, Verdict.UNDETERMINED),  # installed nine days ago
        (log_tree(log_file("auth.log"), journal_file(20)), None, 900, Verdict.FAIL),
        (both, journald.JournalConf(storage="volatile"), 9, Verdict.FAIL),
        (both, journald.JournalConf(max_retention="30day"), 9, Verdict.FAIL),
        (log_tree(log_file("auth.log")), None, 9, Verdict.FAIL),
    ]
    for tree, conf, days, verdict in cases:
        judgement = remote_log.log_kept_or_sent.judge(
            tree, short, NOW - days * DAY, conf, (), *sending
        )
        assert judgement.verdict is verdict


def test_audit_records_that_nobody_looked_for_are_not_told_to_be_missing(files: Make) -> None:
    sending = (TARGET, RUNNING, _rsyslog(files, ""), None, None, None, None, None)
    judgement = remote_log.log_kept_or_sent.judge(log_tree(), None, None, None, (), *sending)
    assert judgement.verdict is Verdict.FAIL
    assert "No system log or journal holds records" in [m.id for m in judgement.detail]
    oldest = log_reach.log_oldest.judge(log_tree(), (), None, None, None)
    assert [m.id for m in oldest.detail] == ["No system log, journal or audit log holds records"]


def test_a_list_that_a_secret_was_cut_from_is_not_whole(answers: Callable[..., Answers]) -> None:
    # the cut runs to the next blank, over every record up to there
    text = "755_d_0_0_4096_1_1_//644_f_0_0_1_1_1_x/password=[redacted:assigned-secret]//"
    tree = log_files.parse_log_tree(answers(clock=f"{NOW}\n", filesystem="", files=text))
    assert isinstance(tree, Partial)
    assert [file.path for file in tree.value.files] == [""]


@pytest.mark.parametrize(
    ("rule", "every"),
    [
        ("auth,authpriv.* /var/log/auth.log\n& stop", False),
        ("auth,authpriv.* stop", False),
        ("*.info ~", False),
        (':syslogtag, isequal, "[CLOUDINIT]" /var/log/cloud-init.log\n& stop', True),
        ("mail.* /var/log/mail.log\n& stop", True),
        ("# auth.* stop", True),
        ("mail.* stop", True),
        ("mail.*;auth.* stop", False),
        (':programname, isequal, "sshd" stop', False),
        (':programname, isequal, "haproxy" stop', True),
        (':programname, !isequal, "haproxy" stop', False),
        (':programname, startswith, "" ~', False),
        (':msg, contains, "Accepted" ~', False),
        ("if $programname == 'sshd' then stop", False),
        ("if $programname == 'haproxy' then stop", True),
        ("if $programname == 'haproxy' then {\n  /var/log/haproxy.log\n  stop\n}", True),
        ("if $programname == 'haproxy' then\n  stop", True),
        ("if $programname == 'a' or $programname == 'sshd' then stop", False),
        ("if $programname == 'a' or $msg contains 'b' then stop", False),
        ("if not ($programname == 'a') then stop", False),
        ("if $programname == 'a' then {\n /x\n} else {\n stop\n}", False),
        ("auth,authpriv.* {\n  /var/log/auth.log\n  stop\n}", False),
        ('ruleset(name="r") {\n *.* /var/log/r.log\n stop\n}', True),
        ("*.* @@192.0.2.9\n& stop", False),
        ("*.* /var/log/nonstop", True),
    ],
)
def test_records_that_a_rule_stops_are_not_sent(
    rule: str, every: bool, files: Callable[..., Answer]
) -> None:
    got = rsyslog.parse_rsyslog(files({MAIN: f"{LOADED}{rule}\n*.* @@192.0.2.1\n"}))
    assert isinstance(got, forwards.Forwards)
    assert got.forwards[-1].every is every


@pytest.mark.parametrize(
    "line",
    ["if x then", "{", "}", ':a, isequal, "b" stop', 'action(type="omfwd" target="h")', "@@h", "",
     'if $programname == "a" then { stop }', 'action(type="omfwd") ' * 40],
)  # fmt: skip
def test_a_hostile_configuration_file_is_read_quickly(
    line: str, files: Callable[..., Answer]
) -> None:
    lines = (f"{line}\n" * 10_000)[: 1 << 18]
    started = time.process_time()
    with contextlib.suppress(ParseError):
        rsyslog.parse_rsyslog(files({MAIN: lines}))
    assert time.process_time() - started < 5  # 0.4 s were measured; quadratic is minutes
