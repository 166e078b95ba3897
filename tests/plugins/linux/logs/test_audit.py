"""The audit trail: daemon, kernel state, rules, who could stop it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import msg
from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, ParseError, Partial, Reason, Verdict
from audit_linux.logs import audit_rule_files, audit_rules, auditd_conf, auditing
from audit_linux.logs.audited_logins import AuditedLogin
from audit_linux.logs.auditing import AuditStatus
from audit_linux.processes import Process
from audit_linux.units import Units
from invented.answers import files
from invented.logs import NOW, log_file, log_tree
from recorded import auditd

Make = Callable[..., Answer]
Read = Callable[[str], Answer]


def _process(name: str, uid: int = 0, pid: int = 7) -> Process:
    return Process(pid=pid, uid=uid, name=name)


# --- daemon and owner ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("processes", "verdict"),
    [
        ((_process("auditd"),), Verdict.PASS),
        ((_process("kauditd"),), Verdict.FAIL),
        ((_process("rsyslogd"),), Verdict.FAIL),
        ((_process("auditd", uid=1001),), Verdict.FAIL),
        ((_process("auditd", uid=33),), Verdict.FAIL),
    ],
)
def test_daemon(processes: tuple[Process, ...], verdict: Verdict) -> None:
    assert auditing.audit_daemon.judge(processes, None).verdict is verdict


def test_a_daemon_that_is_disabled_fails() -> None:
    here = frozenset({"auditd.service"})
    for disabled, verdict in ((frozenset(), Verdict.PASS), (here, Verdict.FAIL)):
        units = Units(active=here, enabled=here - disabled, disabled=disabled)
        assert auditing.audit_daemon.judge((_process("auditd"),), units).verdict is verdict


@pytest.mark.parametrize(
    ("processes", "verdict"),
    [
        ((_process("auditd"), _process("rsyslogd", uid=104)), Verdict.PASS),
        ((_process("auditd"), _process("rsyslogd", uid=1000)), Verdict.FAIL),
        ((_process("bash"),), Verdict.FAIL),
        # that of a container keeps the container's records
        ((_process("auditd"), Process(pid=8, uid=1000, name="rsyslogd", contained=True)),
         Verdict.PASS),
        ((Process(pid=8, uid=0, name="rsyslogd", contained=True),), Verdict.FAIL),
    ],
)  # fmt: skip
def test_owner(processes: tuple[Process, ...], verdict: Verdict) -> None:
    assert auditing.audit_process_owner.judge(processes, processes).verdict is verdict


# --- status -------------------------------------------------------------------------------------


def test_status_of_a_recording(recorded: Read) -> None:
    status = auditing.parse_status(recorded("audit-status-off"))
    assert status == AuditStatus(
        enabled=0, pid=0, lost=0, failure=1, backlog_limit=64, rate_limit=0
    )


def test_status_in_the_old_form(answer: Make) -> None:
    # invented after RHEL 6
    text = "AUDIT_STATUS: enabled=2 flag=1 pid=812 rate_limit=0 backlog_limit=320 lost=4 backlog=0"
    assert auditing.parse_status(answer(text)) == AuditStatus(
        enabled=2, pid=812, lost=4, failure=1, backlog_limit=320, rate_limit=0
    )


@pytest.mark.parametrize("text", ["", "No rules", "enabled 1\n", "enabled 7\npid 1\n",
                                  "enabled 1\nenabled 2\npid 3\n"])  # fmt: skip
def test_what_is_no_status_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        auditing.parse_status(answer(text))


@pytest.mark.parametrize(
    ("enabled", "pid", "on", "locked"),
    [
        (0, 0, Verdict.FAIL, Verdict.FAIL),
        (1, 0, Verdict.FAIL, Verdict.FAIL),
        (1, 9, Verdict.PASS, Verdict.FAIL),
        (2, 9, Verdict.PASS, Verdict.PASS),
        (0, 9, Verdict.FAIL, Verdict.FAIL),
    ],
)
def test_enabled_and_locked(enabled: int, pid: int, on: Verdict, locked: Verdict) -> None:
    status = AuditStatus(enabled=enabled, pid=pid, lost=0)
    assert auditing.audit_enabled.judge(status, None, None, None).verdict is on
    assert auditing.audit_locked.judge(status).verdict is locked


def test_an_audit_daemon_that_writes_nothing_is_doubted() -> None:
    """auditd 3.0.9 that was stopped by SIGSTOP, on Debian 12 over SSH."""
    status = AuditStatus(enabled=1, pid=9, lost=0)
    now = datetime.fromtimestamp(NOW, UTC)
    session, tree = now - timedelta(seconds=20), log_tree(log_file("auth.log"))
    for at, own, verdict in (
        (now, session, Verdict.PASS),
        (now - timedelta(hours=1), session, Verdict.UNDETERMINED),
        (now - timedelta(hours=1), None, Verdict.PASS),
        (now - timedelta(hours=1), now - timedelta(hours=2), Verdict.PASS),
        (None, session, Verdict.PASS),
    ):
        trail = AuditedLogin(at=at, kind="USER_START", result="success")
        assert auditing.audit_enabled.judge(status, trail, own, tree).verdict is verdict


@pytest.mark.parametrize(
    "check", [auditing.audit_enabled, audit_rules.audit_rules, auditing.audit_locked]
)
def test_no_audit_tools_is_a_fail(check: object) -> None:
    absent = getattr(check, "when_absent", None)
    assert absent is not None
    assert absent.verdict is Verdict.FAIL


# --- rules --------------------------------------------------------------------------------------


def test_rules_of_a_recording_cover_everything(recorded: Read) -> None:
    rules = whole(audit_rules.parse_rules(recorded("audit-rules")))
    assert len(rules) == 8
    assert audit_rules.audit_rules.judge(rules).verdict is Verdict.PASS


def test_no_rules_is_an_answer(recorded: Read) -> None:
    assert audit_rules.parse_rules(recorded("audit-rules-none")) == ()
    judgement = audit_rules.audit_rules.judge(())
    assert judgement.verdict is Verdict.FAIL
    assert str(judgement.detail[0]).endswith(
        "account changes (identity), logins (logins), use of privilege (privilege), "
        "clock changes (time)"
    )


def test_a_path_with_a_blank_and_a_rule_that_cannot_be_read(answer: Make) -> None:
    blank = "-w /srv/my files -p wa -k my key\n-a always,exit -F dir=/a b -F perm=wa -F key=x\n"
    watch, folder = whole(audit_rules.parse_rules(answer(blank)))
    assert (watch.path, watch.perm, folder.path, folder.folder) == (
        "/srv/my files",
        "wa",
        "/a b",
        True,
    )
    check, odd = audit_rules.audit_rules, "-q something\n"
    for more, verdict in (("", Verdict.UNDETERMINED), ("-a never,task\n", Verdict.FAIL)):
        part = audit_rules.parse_rules(answer(odd + blank + more))
        assert isinstance(part, Partial)
        assert check.judge(part.value).verdict is verdict
    assert check.judge(whole(audit_rules.parse_rules(answer(blank)))).verdict is Verdict.FAIL


@pytest.mark.parametrize("text", ["", "You must be root\n", "-w\n", "-x /etc -p wa\n"])
def test_what_is_no_rule_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        audit_rules.parse_rules(answer(text))


IDENTITY = "-w /etc/passwd -p wa -k i\n-w /etc/shadow -p wa -k i\n-w /etc/group -p wa -k i\n"
TIME = (
    "-a always,exit -F arch=b64 -S adjtimex,settimeofday -F key=time-change\n"
    "-a always,exit -F arch=b64 -S clock_settime -F a0=0x0 -F key=time-change\n"
)


COVERED_BY_RULES = [
    (IDENTITY, "identity", True),
    ("-w /etc/passwd -p wa -k i\n-w /etc/group -p wa -k i\n", "identity", False),
    ("-w /etc -p wa\n", "identity", True),
    ("-a always,exit -S all -F dir=/etc -F perm=wa -F key=i\n", "identity", True),
    (IDENTITY.replace("wa", "r"), "identity", False),
    (IDENTITY.replace("wa", "a"), "identity", False),
    ("-w /etc/passwd.d -p wa\n", "identity", False),
    ("-w /etc/sudoers -p wa\n", "privilege", True),
    ("-w /etc/sudoers.d -p wa\n", "privilege", False),
    ("-a always,exit -F path=/usr/bin/sudo -F perm=x -F auid>=1000\n", "privilege", True),
    ("-a never,exit -F path=/usr/bin/sudo -F perm=x\n", "privilege", False),
    ("-a always,exit -F arch=b64 -S execve -C uid!=euid -F euid=0\n", "privilege", True),
    ("-a always,exit -F arch=b64 -S execve -F auid=1001 -F euid=0\n", "privilege", False),
    (TIME, "time", True),
    (TIME.replace("b64", "b32"), "time", False),
    (TIME.replace(",settimeofday", ""), "time", False),
    ("-a never,exit -F arch=b64 -S adjtimex\n" + TIME, "time", False),
    (TIME + "-a never,exit -F arch=b64 -S adjtimex\n", "time", True),
    # as auditctl 3.0.9 lists them, Debian 12, 2026-11-23
    (
        "-a always,exit -F arch=b64 -S all -F path=/etc/passwd -F perm=wa -F key=i\n"
        "-w /etc/shadow -p wa\n-w /etc/group -p wa\n",
        "identity",
        True,
    ),
    (
        IDENTITY.replace(
            "-w /etc/shadow -p wa",
            "-a always,exit -F arch=b64 -S unlink -F path=/etc/shadow -F key=x",
        ),
        "identity",
        False,
    ),
    (
        IDENTITY.replace(
            "-w /etc/group -p wa",
            "-a always,exit -S all -F path=/etc/group -F perm=wa -F uid!=0",
        ),
        "identity",
        False,
    ),
    ("-a never,exit -F arch=b64 -S all -F path=/etc/passwd\n" + IDENTITY, "identity", False),
    ("-a never,exit -S all -F dir=/etc\n" + IDENTITY, "identity", False),
    (
        "-a always,exit -F arch=b64 -S execve -C uid!=euid -F auid!=-1 -F key=u\n",
        "privilege",
        True,
    ),
    (
        "-a always,exit -S all -F path=/usr/bin/sudo -F perm=x -F auid<1000\n",
        "privilege",
        False,
    ),
    (TIME.replace("always", "never"), "time", False),
    (TIME.replace("a0=0x0", "auid=1000"), "time", False),
    (TIME.replace("a0=0x0", "exit=-EPERM"), "time", False),
    (TIME.replace("a0=0x0", "exe=/usr/bin/date"), "time", False),
    ("-a always,exit -S all -F path=/usr/bin/passwd -F perm=x\n", "time", False),
    (
        "".join(
            f"-a always,exit -F arch=b32 -S all -F path=/etc/{name} -F perm=wa\n"
            for name in ("passwd", "shadow", "group")
        ),
        "identity",
        False,
    ),
    ("-a always,exit -F arch=b32 -S all -F path=/usr/bin/sudo -F perm=x\n", "privilege", False),
    ("-w /var/log/lastlog -p wa\n", "logins", True),
    ("-w /var/log -p wa\n", "logins", True),
    ("-w /var/log/lastlogs -p wa\n", "logins", False),
]


def test_rule_covers_topic(subtests: pytest.Subtests, answer: Make) -> None:
    for text, topic, covered in COVERED_BY_RULES:
        with subtests.test(text[:80]):
            rules = audit_rules.parse_rules(answer(text))
            judgement = audit_rules.audit_rules.judge(rules, topics=frozenset({topic}))
            assert judgement.verdict is (Verdict.PASS if covered else Verdict.FAIL)


@pytest.mark.parametrize(
    "rule",
    [
        "-a always,exclude -F msgtype=CWD",
        "-a never,exclude -F msgtype=CRYPTO_KEY_USER",
        "-a never,filesystem -F fstype=tracefs",
        "-a never,exit -F arch=b64 -S adjtimex -F auid=-1 -F uid=100 -F subj_type=chronyd_t",
        "-a never,exit -S all -F exe=/usr/bin/vmtoolsd",
    ],
)
def test_a_rule_that_excludes_noise_does_not_fail(rule: str, recorded: Read, answer: Make) -> None:
    rules = audit_rules.parse_rules(answer(f"{rule}\n" + recorded("audit-rules").text))
    assert audit_rules.audit_rules.judge(rules).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "rule",
    [
        "-a always,exclude -F msgtype=USER_LOGIN",
        "-a always,exclude -F msgtype=CONFIG_CHANGE",
        "-a always,exclude -F msgtype>=1100 -F auid=1001",
        "-a never,user -F uid=0",
        "-a never,exit -S all -F auid=1001",
        "-a never,exit -S all -F uid=0",
        "-a never,filesystem -F fstype=0xEF53",
        "-a never,exit -F arch=b32 -S all",
    ],
)
def test_a_rule_that_suppresses_records_settles_nothing(
    rule: str, recorded: Read, answer: Make
) -> None:
    rules = audit_rules.parse_rules(answer(f"{rule}\n" + recorded("audit-rules").text))
    judgement = audit_rules.audit_rules.judge(rules)
    assert judgement.verdict is Verdict.UNDETERMINED
    assert judgement.detail[1].args["rules"] == (rule,)


@pytest.mark.parametrize(
    "silencer",
    [
        "-a never,task\n", "-a never,exit -S all\n", "-a never,exit -F arch=b64 -S all\n",
        "-a never,exit -S all -F auid>=1000 -F auid!=-1\n",
        "-a always,exclude -F msgtype=SYSCALL\n",
        "-a always,exclude -F msgtype>=SYSCALL -F msgtype<=1399\n",
    ],
)  # fmt: skip
def test_a_rule_that_suppresses_all_fails(silencer: str, recorded: Read, answer: Make) -> None:
    text = recorded("audit-rules").text + silencer
    judgement = audit_rules.audit_rules.judge(audit_rules.parse_rules(answer(text)))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.detail[0].args["rules"] == (silencer.strip(),)


def test_many_suppressing_rules_are_evaluated_quickly(answer: Make) -> None:
    never = "-a never,exit -F arch=b64 -S openat -F path=/x\n" * 2500
    rules = audit_rules.parse_rules(answer(never + IDENTITY * 800))
    started = time.process_time()
    assert audit_rules.audit_rules.judge(rules).verdict is Verdict.FAIL
    assert time.process_time() - started < 60  # 0.5 s were measured
    with pytest.raises(ParseError):
        audit_rules.parse_rules(answer(never * 3))


def test_an_unknown_topic_settles_nothing() -> None:
    judgement = audit_rules.audit_rules.judge((), topics=frozenset({"moon"}))
    assert judgement.verdict is Verdict.UNDETERMINED


# --- auditd.conf --------------------------------------------------------------------------------


AUDITD = _process("auditd")


def test_debian_s_own_auditd_conf_passes(recorded: Read) -> None:
    conf = auditd_conf.parse_auditd_conf(recorded("auditd-conf"))
    assert auditing.audit_storage.judge(conf, (AUDITD,)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "processes",
    [
        (_process("rsyslogd"),),
        (_process("auditd", uid=1000),),
        (Process(pid=7, uid=0, name="auditd", contained=True),),
    ],
)
def test_settings_of_a_daemon_that_does_not_run_keep_nothing(
    processes: tuple[Process, ...], recorded: Read
) -> None:
    conf = auditd_conf.parse_auditd_conf(recorded("auditd-conf"))
    judgement = auditing.audit_storage.judge(conf, processes)
    assert judgement.verdict is Verdict.FAIL
    assert "auditd is not running" in judgement.detail[-1].id


GOOD = {
    "max_log_file_action": "ROTATE", "num_logs": "5", "space_left_action": "email",
    "disk_full_action": "halt", "disk_error_action": "exec /usr/local/bin/x",
    "space_left": "75", "admin_space_left": "50",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"max_log_file_action": "keep_logs", "num_logs": "0"}, Verdict.PASS),
        ({"num_logs": "1"}, Verdict.FAIL),
        ({"num_logs": "²"}, Verdict.FAIL),
        ({"max_log_file_action": "ignore"}, Verdict.FAIL),
        ({"max_log_file_action": "suspend"}, Verdict.FAIL),
        ({"space_left_action": "IGNORE"}, Verdict.FAIL),
        ({"disk_full_action": "ignore"}, Verdict.FAIL),
        ({"write_logs": "no"}, Verdict.FAIL),
        ({"local_events": "no"}, Verdict.FAIL),
    ],
)
def test_storage(changes: dict[str, str], verdict: Verdict, answer: Make) -> None:
    text = "# comment\n" + "".join(f"{k} = {v}\n" for k, v in {**GOOD, **changes}.items())
    conf = auditd_conf.parse_auditd_conf(answer(text))
    assert auditing.audit_storage.judge(conf, (AUDITD,)).verdict is verdict


def test_a_log_in_memory_fails(answer: Make) -> None:
    for place, verdict in (
        ("/run/audit.log", Verdict.FAIL), ("/dev/shm/audit.log", Verdict.FAIL),
        ("/srv/audit/audit.log", Verdict.PASS),
    ):  # fmt: skip
        text = "".join(f"{k} = {v}\n" for k, v in {**GOOD, "log_file": place}.items())
        conf = auditd_conf.parse_auditd_conf(answer(text))
        assert auditing.audit_storage.judge(conf, (AUDITD,)).verdict is verdict


def test_an_empty_auditd_conf_falls_back_to_the_daemon_s_defaults(answer: Make) -> None:
    conf = auditd_conf.parse_auditd_conf(answer("#\n"))
    assert auditing.audit_storage.judge(conf, (AUDITD,)).verdict is Verdict.FAIL


def test_auditd_starts_with_what_its_settings_are_read_to_say(answer: Make) -> None:
    recorded = json.loads(auditd.STARTED.read_text())["cases"]
    assert set(recorded) == set(auditd.CASES)
    read = {name: not auditd_conf.parse_auditd_conf(answer(text)).refused
            for name, text in auditd.CASES.items()}  # fmt: skip
    assert read == recorded


def test_settings_with_which_auditd_does_not_start_fail(answer: Make) -> None:
    refused = answer(f"{auditd.GOOD}keep_forever = yes\n")
    silent = answer(auditd.GOOD.replace("ENRICHED", "nolog"))
    for text, verdict in ((answer(auditd.GOOD), Verdict.PASS), (refused, Verdict.FAIL),
                          (silent, Verdict.FAIL)):  # fmt: skip
        conf = auditd_conf.parse_auditd_conf(text)
        assert auditing.audit_storage.judge(conf, (AUDITD,)).verdict is verdict


# --- written rules --------------------------------------------------------------------------------


def test_written_rules_against_those_that_are_loaded(subtests: Any, recorded: Read) -> None:
    now = whole(audit_rules.parse_rules(recorded("audit-rules")))
    written = "".join(f"{rule.text}\n" for rule in now)
    # As people write what auditctl lists otherwise.
    written = written.replace(" -F key=", " -k ").replace("auid!=-1", "auid!=unset")
    more = written + "-w /srv/data -p wa -k data\n"
    folder, merged = "/etc/audit/rules.d/a.rules", "/etc/audit/audit.rules"
    late, shut = "/etc/audit/rules.d/z.rules", Absent(reason=Reason.NOT_PERMITTED, detail=msg("x"))
    spelled = tuple(structs.replace(r, syscalls=("openat",)) if "perm=x" in r.fields else r
                    for r in now)  # fmt: skip
    bare = (structs.replace(now[0], keys=(), path="/by/hand"), *now)
    cases: list[tuple[str, dict[str, str], Any, Verdict]] = [
        ("the same", {folder: written, merged: written}, now, Verdict.PASS),
        ("no directory", {merged: written}, now, Verdict.PASS),
        ("calls are written out", {folder: written}, spelled, Verdict.PASS),
        ("not loaded", {folder: more, merged: written}, now, Verdict.FAIL),
        ("nothing is loaded", {folder: written}, (), Verdict.FAIL),
        ("only in audit.rules", {folder: written, merged: more}, now, Verdict.UNDETERMINED),
        ("and loaded", {folder: written, merged: more}, (*now, now[0]), Verdict.UNDETERMINED),
        ("loaded by hand", {folder: written}, bare, Verdict.UNDETERMINED),
        ("switched off", {folder: written, late: "-e 0\n"}, now, Verdict.FAIL),
        ("and on again", {folder: "-e 0\n", late: f"{written}-e 2\n"}, now, Verdict.PASS),
        ("9 comes before 10", {"/etc/audit/rules.d/9.rules": f"{written}-e 2\n",
                               "/etc/audit/rules.d/10.rules": "-e 0\n"}, now, Verdict.FAIL),
        ("off, and not seen", {folder: f"{written}-e 0\n"}, shut, Verdict.FAIL),
        ("not seen", {folder: written}, shut, Verdict.UNDETERMINED),
        ("none at all", {folder: "-D\n-b 8192\n"}, (), Verdict.NOT_APPLICABLE),
        ("nothing is written", {}, now, Verdict.UNDETERMINED),
    ]  # fmt: skip
    for name, held, loaded, verdict in cases:
        with subtests.test(name):
            no_folder = {} if folder in held else {"not_present": "/etc/audit/rules.d"}
            found = audit_rule_files.parse_written(files(held, **no_folder))
            reported = None if isinstance(found, Absent) else whole(found)
            judged = audit_rule_files.audit_rules_persistent.judge(reported, loaded)
            assert judged.verdict is verdict


def test_lost_records() -> None:
    kept = AuditStatus(enabled=1, pid=9, lost=0, failure=1, backlog_limit=8192, rate_limit=0)
    for change, verdict in (
        ({}, Verdict.PASS),
        ({"failure": 2}, Verdict.PASS),
        ({"lost": 1}, Verdict.FAIL),
        ({"failure": 0}, Verdict.FAIL),
        ({"rate_limit": 50}, Verdict.FAIL),
        ({"backlog_limit": 64}, Verdict.FAIL),
        ({"failure": None}, Verdict.UNDETERMINED),
        ({"failure": None, "lost": 3}, Verdict.FAIL),
    ):
        status = structs.replace(kept, **change)
        assert auditing.audit_losses.judge(status).verdict is verdict, change


LOADED = json.loads((Path(auditd.__file__).parent / "audit_rules_loaded.json").read_text())["cases"]
# What is not loaded as it was written: every other case passes.
NOT_LOADED = {
    Verdict.FAIL: {
        "D in the middle of audit.rules", "e 0 then more", "e 1 then e 0", "bad path",
        "bad syscall", "bad option", "word without option", "comment behind", "tabs",
        "crlf", "crlf merged", "bom", "bom merged", "bom on a comment", "no line end",
        "same rule twice", "entry", "never,user", "quoted path", "path with a blank",
        "continuation", "rules.d empty, audit.rules", "name with a blank",
    },
    Verdict.UNDETERMINED: {
        "i with a bad path", "c with a bad path", "bad syscall with i", "numbers of calls",
        "audit.rules is older",
    },
    Verdict.NOT_APPLICABLE: {"empty file", "no rules at all"},
}  # fmt: skip


def test_written_rules_are_read_as_augenrules_and_auditctl_read_them(
    subtests: Any, files: Make, answer: Make
) -> None:
    """Rules that a kernel took from the real programs; only auditctl 4 takes CR LF by rules.d."""
    for name, case in LOADED.items():
        held = {p: t for p, t in case["files"].items() if p.endswith(".rules")}
        for release in ("3.0.9", "4.0.2"):
            verdict = next((v for v, names in NOT_LOADED.items() if name in names), Verdict.PASS)
            if (name, release) == ("crlf", "4.0.2"):
                verdict = Verdict.PASS
            with subtests.test(f"{name}, {release}"):
                merged = {"/etc/audit/audit.rules": case[release]["merged"]}
                found = audit_rule_files.parse_written(files(merged | held))
                found = found.value if isinstance(found, Partial) else found
                rules = whole(audit_rules.parse_rules(answer(case[release]["listed"])))
                judged = audit_rule_files.audit_rules_persistent.judge(found, rules)
                assert judged.verdict is verdict


def test_rules_that_augenrules_would_overwrite_are_doubted(files: Make, answer: Make) -> None:
    """augenrules 3.0.9 writes audit.rules anew also where rules.d holds no rule."""
    rules = whole(audit_rules.parse_rules(answer("-w /etc/passwd -p wa -k identity\n")))
    held = {"/etc/audit/audit.rules": "-D\n-w /etc/passwd -p wa -k identity\n"}
    check = audit_rule_files.audit_rules_persistent
    made = whole(audit_rule_files.parse_written(files(held)))
    assert check.judge(made, rules).verdict is Verdict.UNDETERMINED
    alone = audit_rule_files.parse_written(files(held, not_present="/etc/audit/rules.d"))
    assert check.judge(whole(alone), rules).verdict is Verdict.PASS
