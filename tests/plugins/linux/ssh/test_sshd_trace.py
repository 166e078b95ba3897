"""Files that lie outside of /etc/ssh: what sshd itself reports of them, compared with `sshd -T`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from audit_core.model import Answers, Verdict
from audit_linux.ssh import sshd_checks as checks
from audit_linux.ssh.sshd import Servers, Sshd, parse_sshd_t
from audit_linux.ssh.sshd_files import (
    SshdFiles,
    parse_traced,
    parse_traced_as_root,
    set_outside,
    settings_of_files,
)
from audit_linux.ssh.sshd_match import Names
from audit_linux.ssh.sshd_per_connection import parse_starters, with_starters
from audit_linux.ssh.sshd_running import LOG_FILE, parse_running
from audit_linux.ssh.sshd_trace import read_trace
from invented.answers import answer, files

MAIN = "/etc/ssh/sshd_config"
PEOPLE = Names(groups_of={"root": frozenset({"root"}), "alice": frozenset({"ops"})}, whole=True)
USUAL = Servers(distribution=True, others=())
# `sshd -T -ddd` of OpenSSH 9.2p1 (Debian 12) as an ordinary account, of files made for this.
AS_9_2 = """\
debug2: load_server_config: filename /etc/ssh/sshd_config\r
debug2: parse_server_config_depth: config /etc/ssh/sshd_config len 151\r
debug2: /etc/ssh/sshd_config line 1: new include /opt/l1.conf\r
debug2: /etc/ssh/sshd_config line 1: including /opt/l1.conf\r
debug2: load_server_config: filename /opt/l1.conf\r
debug2: parse_server_config_depth: config /opt/l1.conf len 79\r
debug2: /opt/l1.conf line 1: new include /srv/l2/*\r
debug2: /opt/l1.conf line 1: including /srv/l2/z.conf\r
debug2: parse_server_config_depth: config /srv/l2/z.conf len 17\r
debug3: /srv/l2/z.conf:1 setting LogLevel QUIET # why\r
debug3: /opt/l1.conf:2 setting MaxAuthTries 9\r
debug3: /etc/ssh/sshd_config:2 setting LogLevel VERBOSE\r
debug3: checking syntax for 'Match User alice'\r
debug2: /etc/ssh/sshd_config line 4: new include /opt/l3.conf\r
debug2: /etc/ssh/sshd_config line 4: including /opt/l3.conf\r
debug2: parse_server_config_depth: config /opt/l3.conf len 20 [checking syntax only]\r
debug1: sshd version OpenSSH_9.2, OpenSSL 3.0.19 27 Jan 2026\r
Unable to load host key: /etc/ssh/ssh_host_rsa_key\r
sshd: no hostkeys available -- exiting.\r
"""
SETTINGS = "Include /opt/l1.conf\nLogLevel VERBOSE\nMatch User alice\nInclude /opt/l3.conf\n"


def _traced(
    texts: dict[str, str],
    trace: str,
    far: dict[str, str] | None = None,
    *,
    root: bool = False,
    newer: tuple[str, str] = ("", ""),
) -> SshdFiles:
    asked = {
        "files": files(texts),
        "far": files(far or {}),
        "trace": answer(b"", trace.encode(), 1),
        "newer": answer(newer[0], newer[1].encode(), 1),
    }
    parse = parse_traced_as_root if root else parse_traced
    got = parse(Answers(target=asked["files"].target, named=asked))
    assert isinstance(got, SshdFiles)
    return got


def _tries(found: SshdFiles) -> Verdict:
    settings = settings_of_files(found)
    assert isinstance(settings, Sshd)
    return checks.sshd_login_limits.judge(USUAL, settings, found, None, None, PEOPLE, None).verdict


def test_what_the_server_reports_of_files_that_were_not_read() -> None:
    got = _traced({MAIN: SETTINGS}, AS_9_2)
    assert got.foreign == ()
    assert (got.settings["loglevel"], got.settings["maxauthtries"]) == (
        ("QUIET", "VERBOSE"),  # the first holds
        ("9",),
    )
    assert [(o.criteria, o.key, o.value) for o in got.overrides] == [
        ("User alice", "include", "/opt/l3.conf")
    ]
    assert _tries(got) is Verdict.FAIL
    good = AS_9_2.replace("MaxAuthTries 9", "MaxAuthTries 3")
    assert _tries(_traced({MAIN: SETTINGS}, good)) is Verdict.UNDETERMINED  # what alice has
    nobody = (SETTINGS.replace("alice", "bob"), good.replace("alice", "bob"))
    assert _tries(_traced({MAIN: nobody[0]}, nobody[1])) is Verdict.PASS
    # a Match block in a file that was not read: its criteria are known, not what it sets
    more = good.replace(
        "debug3: /opt/l1.conf:2", "debug3: checking syntax for 'Match User bob'\n\\g"
    )
    more = more.replace("\\g", "debug3: /opt/l1.conf:2")
    hidden = _traced({MAIN: nobody[0]}, more.replace("alice", "bob"))
    assert [o.criteria for o in hidden.overrides] == ["User bob", "User bob"]
    assert _tries(hidden) is Verdict.PASS
    other = more.replace("'Match User bob'", "'Match Group ops'").replace("alice", "bob")
    assert _tries(_traced({MAIN: nobody[0]}, other)) is Verdict.UNDETERMINED


def test_a_trace_without_its_end_tells_nothing() -> None:
    assert read_trace(answer(b"", AS_9_2.partition("Unable to load")[0].encode(), 1)) is None
    bad = b"/etc/ssh/sshd_config: terminating, 1 bad configuration options\r\n"
    assert read_trace(answer(b"", bad, 255)) is None


def test_an_include_that_nothing_fits() -> None:
    """An ordinary account is told the same of a folder that is closed to it."""
    trace = (
        "debug2: /etc/ssh/sshd_config line 1: new include {0}\n"
        "debug2: /etc/ssh/sshd_config line 1: no match for {0}\nsshd: no hostkeys available"
    )
    for pattern, as_root, by_all in (
        ("/opt/site/*.conf", (), ()),  # looked into by another request
        ("/var/lib/site/*.conf", (), ("/var/lib/site/*.conf",)),
    ):
        text = {MAIN: f"Include {pattern}\n"}
        assert _traced(text, trace.format(pattern), root=True).foreign == as_root
        assert _traced(text, trace.format(pattern)).foreign == by_all


def test_files_that_were_changed_after_the_server_read_them() -> None:
    """Tried with OpenSSH 9.2p1: sshd -T tells what the next start will read."""
    good = AS_9_2.replace("MaxAuthTries 9", "MaxAuthTries 3").replace("User alice", "User bob")
    text = {MAIN: SETTINGS.replace("alice", "bob")}
    other = good.replace("/srv/l2/z.conf", "/srv/l2/z")
    assert _tries(_traced(text, other)) is Verdict.UNDETERMINED  # nobody asked when it changed
    assert _tries(_traced(text, good)) is Verdict.PASS
    newer = _traced(text, good, newer=("/opt/l1.conf\0/opt/other.conf\0", ""))
    assert newer.unsettled == ("/opt/l1.conf",)
    assert _tries(newer) is Verdict.UNDETERMINED
    no_pid = _traced(text, good, newer=("", "find: '/run/sshd.pid': No such file or directory"))
    assert _tries(no_pid) is Verdict.UNDETERMINED
    weak = good.replace("MaxAuthTries 3", "MaxAuthTries 9")
    assert _tries(_traced(text, weak)) is Verdict.FAIL


def test_criteria_of_the_release() -> None:
    """Tried with `sshd -T -C` of OpenSSH 10.6p1 (Debian sid)."""
    trace = (
        "debug1: sshd version OpenSSH_10.6, OpenSSL 3.6.5 29 Sep 2026\nsshd: no hostkeys available"
    )
    for pattern, verdict in (
        ("OpenSSH_10*", Verdict.FAIL), ("OpenSSH_9*", Verdict.PASS),
        ("!OpenSSH_9*,*", Verdict.FAIL), ("OpenSSH_10.6p1*", Verdict.UNDETERMINED),
        ("!OpenSSH_1*,*", Verdict.PASS),
    ):  # fmt: skip
        text = f"LoginGraceTime 60\nMaxAuthTries 3\nMatch Version {pattern}\nMaxAuthTries 9\n"
        assert _tries(_traced({MAIN: text}, trace)) is verdict, pattern


def test_older_names_of_keywords() -> None:
    got = _traced({MAIN: "ChallengeResponseAuthentication no\nDSAAuthentication no\n"}, "")
    assert got.settings["kbdinteractiveauthentication"] == ("no",)
    assert got.settings["pubkeyauthentication"] == ("no",)  # tried: no key is accepted (9.2p1)


OPTIONS = {
    "-D -e": {},
    "-D -o PermitRootLogin yes -oLogLevel=INFO": {"permitrootlogin": "yes", "loglevel": "INFO"},
    "-Do AllowUsers=alice bob -4": {"allowusers": "alice bob"},
    "-g 0 -u0 -p 2222": {"logingracetime": "0", "port": "2222"},
    "-E /var/log/x": {LOG_FILE: "/var/log/x"},
    "-q": {"loglevel": "QUIET"},
    "-o LogLevel=INFO -Dq -oLogLevel=DEBUG": {"loglevel": "QUIET"},
    "-o MaxAuthTries=30 -o MaxAuthTries=3": {"maxauthtries": "30"},
    "-oCiphers aes256-ctr,3des-cbc": {"ciphers": "aes256-ctr,3des-cbc"},
    "-h /etc/key": None,
    "-z": None,
}


def test_options_of_a_running_server() -> None:
    for words, given in OPTIONS.items():
        line = (
            f"Mon Nov 30 04:57:40 2026 sshd: /usr/sbin/sshd {words} [listener] 0 of 10-100 starts"
        )
        got = parse_running(answer(f"{line}\n".encode()))
        expected = {key: (value,) for key, value in (given or {}).items()}
        assert (got.set, bool(got.other)) == (expected, given is None), words


def test_a_further_server_takes_its_defaults_from_the_program() -> None:
    """`sshd -T` tells them of each keyword that the usual files do not set."""
    found = _traced({MAIN: "Port 22\n"}, "", {"/opt/a/sshd_config": "Port 2222\nMaxAuthTries 3\n"})
    line = b"Mon Nov 30 04:57:40 2026 sshd: /usr/sbin/sshd -f /opt/a/sshd_config [listener] 0\n"
    running = parse_running(answer(line))
    assert running.named
    for value, verdict in (("no", Verdict.PASS), ("yes", Verdict.FAIL)):
        sshd = Sshd(values={"permitrootlogin": (value,), "maxauthtries": ("6",)})
        facts = (USUAL, sshd, found, running, None, PEOPLE, None)
        assert checks.sshd_root_login.judge(*facts).verdict is verdict
        assert checks.sshd_login_limits.judge(*facts).verdict is Verdict.PASS


TREES: tuple[dict[str, str], ...] = (
    {"main": "Include {0}/a/*.conf\nLogLevel INFO\n", "a/1.conf": "LogLevel VERBOSE\n",
     "a/2.conf": "LogLevel QUIET\nX11Forwarding yes\n", "a/.3.conf": "MaxAuthTries 9\n"},
    {"main": "MaxAuthTries 3\nInclude {0}/a {0}/none\n", "a/1.conf": "MaxAuthTries 9\n"},
    {"main": 'Include "{0}/a b/x" {0}/c/?.cfg\n', "a b/x": "Banner /etc/issue\nInclude {0}/d*/*\n",
     "c/1.cfg": "PermitTunnel yes", "d1/y": "PermitTunnel no\nMaxSessions=4\n"},
    {"main": "Include {0}/l1\n", "l1": "Include {0}/l2\nLoginGraceTime 30\n",
     "l2": "Include {0}/l3\nLoginGraceTime 20\n", "l3": "LoginGraceTime\t10 # first\n"},
)  # fmt: skip


@pytest.mark.skipif(
    shutil.which("sshd") is None or os.geteuid() != 0, reason="sshd is not installed, or no root"
)
def test_the_trace_against_sshd_itself(tmp_path: Path, subtests: pytest.Subtests) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    for number, tree in enumerate(TREES):
        with subtests.test(str(number)):
            base = tmp_path / str(number)
            for name, text in tree.items():
                (base / name).parent.mkdir(parents=True, exist_ok=True)
                (base / name).write_text(text.format(base))
            main = base / "main"
            command = ["/usr/sbin/sshd", "-T", "-f", str(main), "-h", str(key)]
            asked = subprocess.run(command, capture_output=True, check=True)
            traced = subprocess.run([*command, "-ddd"], capture_output=True, check=True)
            printed = traced.stderr.decode().replace(str(main), MAIN)
            got = _traced({MAIN: main.read_text()}, printed, root=True)
            assert got.foreign == ()
            _compare(got, parse_sshd_t(answer(asked.stdout)))


def _compare(got: SshdFiles, sshd: object) -> None:
    assert isinstance(sshd, Sshd)
    for key, values in set_outside(got).items():
        if key in ("loglevel", "maxauthtries", "maxsessions", "permittunnel", "logingracetime",
                   "x11forwarding", "banner"):  # fmt: skip
            assert sshd.one(key) == values[0], key


STARTERS: tuple[tuple[dict[str, str], tuple[str, ...]], ...] = (
    ({}, ()),
    ({"/etc/inetd.conf": "#ssh stream tcp nowait root /usr/sbin/sshd sshd -i\n"
                         "ssh stream tcp nowait root /usr/sbin/tcpd /usr/sbin/sshd -i -f /opt/x\n"},
     ("/usr/sbin/sshd -i -f /opt/x",)),
    ({"/etc/xinetd.d/ssh": "service ssh\n{\n disable = no\n server = /usr/sbin/sshd\n"
                           " server_args = -i -oLogLevel=QUIET\n}\n"},
     ("/usr/sbin/sshd -i -oLogLevel=QUIET",)),
    ({"/etc/xinetd.d/ssh": "disable = yes\nserver = /usr/sbin/sshd\n"}, ()),
    ({"/usr/lib/systemd/system/ssh@.service": "[Service]\nExecStart=-/sbin/sshd -i $SSHD_OPTS\n",
      "/etc/default/ssh": "SSHD_OPTS='-o PermitRootLogin=yes'\n"},
     ("/sbin/sshd -i -o PermitRootLogin=yes",)),
    ({"/lib/systemd/system/sshd@.service": "[Service]\nExecStart=-/usr/sbin/sshd -i $OPTIONS\n",
      "/etc/systemd/system/sshd@.service.d/x.conf":
          "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -i -f /opt/y\n"},
     ("/usr/sbin/sshd -i -f /opt/y",)),
)  # fmt: skip


def test_what_starts_a_server_for_each_connection() -> None:
    sessions = b"Mon Nov 30 04:57:40 2026 sshd: alice [priv]\n"
    running = parse_running(answer(sessions))
    for texts, commands in STARTERS:
        found = parse_starters(files(texts))
        assert found == commands, texts
        known = with_starters(running, found)
        assert bool(known.other) is not bool(commands)
    assert with_starters(running, ("/usr/sbin/sshd -i",)).usual
    named = with_starters(running, ("/usr/sbin/sshd -i -f /opt/y",))
    assert [one.path for one in named.named] == ["/opt/y"]
    listening = parse_running(answer(b"Mon Nov 30 04:57:40 2026 sshd: /usr/sbin/sshd -D\n"))
    assert with_starters(listening, ("/usr/sbin/sshd -i -f /opt/y",)) == listening
