"""Who could replace what root starts by itself."""

from __future__ import annotations

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Verdict
from audit_linux.files.root_runs import (
    RootRuns,
    Start,
    parse_root_runs,
    programs,
    root_runs_safe,
)
from audit_linux.files.sweep import Entry, Sweep
from audit_linux.groups import Groups
from invented.answers import answers, files

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def test_what_a_command_runs() -> None:
    for command, found in (
        ("/opt/a.sh /data > /var/log/a 2>&1", ["/opt/a.sh"]),
        ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )",
         ["/etc/cron.daily"]),
        ("nice -n 19 /opt/a -q; /opt/b&&/opt/c", ["/opt/a", "/opt/b", "/opt/c"]),
        ("X=1 /bin/bash -e /home/x/run.sh -v", ["/bin/bash", "/home/x/run.sh"]),
        ("if true; then /opt/a; fi", ["/opt/a"]),
        (". /etc/profile; python3 /opt/x.py", ["/etc/profile", "/opt/x.py"]),
        ("'/opt/with blank/x' y", ["/opt/with blank/x"]),
        ("tar cf /backup/x /home", []),
    ):  # fmt: skip
        assert programs(command) == found, command
    assert programs("flock -n /run/l timeout -k 5 30 /opt/x") == ["/opt/x"]
    for unclear in (
        "sudo -u x /opt/y",
        "timeout -s KILL 3 /opt/x",
        "timeout 30 tar cf /x /y",
        "$HOME/x",
        "cd /opt && ./x",
        "sh -c '/opt/x'",
        "/opt/x 'open",
        "`which x`",
    ):
        with pytest.raises(ValueError, match=r"."):
            programs(unclear)


CRONTAB = """\
SHELL=/bin/sh
17 * * * * root /opt/hourly.sh
@daily	root	/opt/daily.sh % input
5 4 * * * bob /home/bob/x.sh
"""
UNIT = """\
[Service]
ExecStartPre=-/opt/pre.sh
ExecStart=/usr/bin/python3 \\
  /srv/app/main.py
"""


def test_what_the_files_name() -> None:
    cron = {
        "/etc/crontab": CRONTAB, "/var/spool/cron/crontabs/root": "@reboot /opt/r\n",
        "/etc/anacrontab": "1 5 cron.daily run-parts /etc/cron.daily\n",
        "/etc/ld.so.preload": "/usr/lib/a.so:/opt/b.so\n",
    }  # fmt: skip
    units = {
        "/etc/systemd/system/app.service": UNIT,
        "/etc/systemd/system/own.service": "[Service]\nUser=app\nExecStart=/opt/own\n",
        "/etc/systemd/system/x.service.d/o.conf": "[Service]\nExecStart=/opt/drop\n",
    }
    given = answers(cron=files(cron), units=files(units), mounts=MOUNTS)
    made: RootRuns = whole(parse_root_runs(given))
    assert {s.path for s in made.starts} == {
        "/opt/hourly.sh", "/opt/daily.sh", "/opt/r", "/etc/cron.daily", "/usr/lib/a.so",
        "/opt/b.so", "/opt/pre.sh", "/usr/bin/python3", "/srv/app/main.py",
    }  # fmt: skip
    assert made.unclear == ("/etc/systemd/system/x.service.d/o.conf",)
    assert made.elsewhere == ("/mnt/a b", "/proc")


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:40 / /mnt/a\\040b rw - nfs4 host:/x rw
"""


def entry(path: str, bits: int = 0o755, uid: int = 0, gid: int = 0, kind: str = "d") -> Entry:
    return Entry(path=path, bits=bits, uid=uid, gid=gid, kind=kind)


OPS = Groups(members={"ops": ("bob",), "staff": ()}, gids={"ops": 50, "staff": 51})


def judged(*entries: Entry, path: str = "/opt/app/x.sh", **more: tuple[str, ...]) -> Verdict:
    runs = RootRuns(starts=(Start(path=path, where="/etc/crontab"),), **more)
    found: Verdict = root_runs_safe.judge(runs, Sweep(entries=entries), OPS).verdict
    return found


def test_who_could_replace_a_program_of_root() -> None:
    for entries, verdict in (
        ((), PASS),
        ((entry("/opt/app/x.sh", 0o755, 1000, kind="f"),), FAIL),
        ((entry("/opt/app", 0o755, 1000),), FAIL),
        ((entry("/opt", 0o777),), FAIL),
        ((entry("/opt", 0o1777),), PASS),
        ((entry("/opt/app", 0o775, 0, 50),), FAIL),
        ((entry("/opt/app", 0o775, 0, 51),), PASS),
        ((entry("/opt/app2", 0o777), entry("/opt/app/y.sh", 0o777, kind="f")), PASS),
    ):
        assert judged(*entries) is verdict, entries


def test_what_was_not_looked_at_is_no_pass() -> None:
    assert judged(unclear=("/etc/crontab",)) is UNDETERMINED
    assert judged(elsewhere=("/opt/app",)) is UNDETERMINED
    assert judged(elsewhere=("/opt/ap",)) is PASS
    assert judged(path="/opt/a/b/c/d/e/x.sh") is UNDETERMINED
    bad = entry("/opt", 0o777)
    assert judged(bad, unclear=("/etc/crontab",)) is FAIL
