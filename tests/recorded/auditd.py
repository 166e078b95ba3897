"""Runs the real auditd with settings and tells whether it starts.

`PYTHONPATH=tests python -m recorded.auditd ROOT` as root writes `auditd_started.json`. ROOT is a
folder with a Debian 12 where auditd is installed (debootstrap). auditd must not run on this
machine, whose kernel has to know auditing; recording is switched off again at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

STARTED = Path(__file__).with_name("auditd_started.json")
# The file of Debian 12, without its comments.
GOOD = """local_events = yes
write_logs = yes
log_file = /var/log/audit/audit.log
log_group = adm
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 8
num_logs = 5
priority_boost = 4
name_format = NONE
max_log_file_action = ROTATE
space_left = 75
space_left_action = SYSLOG
verify_email = yes
action_mail_acct = root
admin_space_left = 50
admin_space_left_action = SUSPEND
disk_full_action = SUSPEND
disk_error_action = SUSPEND
use_libwrap = yes
tcp_listen_queue = 5
tcp_max_per_addr = 1
tcp_client_max_idle = 0
transport = TCP
krb5_principal = auditd
distribute_network = no
q_depth = 2000
overflow_action = SYSLOG
max_restarts = 10
plugin_dir = /etc/audit/plugins.d
end_of_event_timeout = 2
"""


def _with(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


_ROTATE, _LEFT, _FULL = (
    "max_log_file_action = ROTATE",
    "space_left = 75",
    "disk_full_action = SUSPEND",
)
CASES = {
    "as installed": GOOD,
    "nothing": "",
    "only comments": "# nothing\n",
    **{f"added: {line!r}": f"{GOOD}{line}\n"
       for line in ("keep_forever = yes", "num_logs 5", "# num_logs 5", "   # indented",
                    "; num_logs",
                    "num_logs = 1", "dispatcher = /sbin/audispd", "[auditd]", "\t", "  ",
                    "name = " + "x" * 600)},
    **{f"instead of num_logs = 5: {line!r}": _with("num_logs = 5", line)
       for line in ("num_logs=5", "num_logs= 5", "num_logs =5", "num_logs : 5", "NUM_LOGS = 5",
                    "num_logs = 5 # five", "num_logs =", "num_logs = 999", "num_logs = 1000",
                    "num_logs = -1", "num_logs = five", "num_logs = 5;", "  num_logs  =  5  ",
                    "num_logs\t=\t5", "#num_logs = 5", "num_log = 5", "num-logs = 5")},
    **{f"max_log_file = {value}": _with("max_log_file = 8", f"max_log_file = {value}")
       for value in ("8M", "0", "100")},
    **{f"max_log_file_action = {value}": _with(_ROTATE, f"max_log_file_action = {value}")
       for value in ("rotte", "rotate", '"ROTATE"', "keep_logs", "KEEP-LOGS", "ROTATE keep_logs",
                     "ROTATE # x", "email")},
    **{f"disk_full_action = {value}": _with(_FULL, f"disk_full_action = {value}")
       for value in ("halt", "SUSPEND # x", "SUSPEND # on a full disk", "exec /bin/true", "exec",
                     "exec bin/true", "keep_logs", "none")},
    **{f"space_left = {value}": _with(_LEFT, f"space_left = {value}")
       for value in ("50", "51", "10%", "75M", "-1")},
    **{f"log_file = {value}": _with("/var/log/audit/audit.log", value)
       for value in ("audit.log", "/audit.log", "/var/audit.log", "/var/log/audit/a b.log")},
    **{f"log_format = {value}": _with("ENRICHED", value) for value in ("raw", "nolog", "json")},
    **{f"write_logs = {value}": _with("write_logs = yes", f"write_logs = {value}")
       for value in ("no", "YES", "true", "1")},
    **{f"flush = {value}": _with("INCREMENTAL_ASYNC", value)
       for value in ("none", "async", "sync")},
    "freq = 0": _with("freq = 50", "freq = 0"),
    "q_depth = 100000": _with("q_depth = 2000", "q_depth = 100000"),
    "CR LF": GOOD.replace("\n", "\r\n"),
    "byte order mark": f"\ufeff{GOOD}",
    "byte order mark before a comment": f"\ufeff# x\n{GOOD}",
    "no line end": GOOD.rstrip("\n"),
}  # fmt: skip


def starts(root: Path, text: str) -> bool:
    """Whether auditd still runs a moment after it was started with these settings."""
    conf = root / "etc/audit/auditd.conf"
    conf.write_bytes(text.encode())
    conf.chmod(0o640)
    argv = ["chroot", str(root), "/usr/sbin/auditd", "-n", "-s", "nochange"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        time.sleep(0.7)
        alive = daemon.poll() is None
        daemon.terminate()
    return alive


def main() -> None:
    """Records whether auditd starts in every case."""
    root = Path(sys.argv[1])
    asked = subprocess.run(["chroot", str(root), "dpkg-query", "-W", "auditd"], check=True,
                           capture_output=True, text=True)  # fmt: skip
    lines = [f"{json.dumps(name)}: {json.dumps(starts(root, text))}"
             for name, text in CASES.items()]  # fmt: skip
    text = ",\n".join(lines)
    program = json.dumps(asked.stdout.strip().replace("\t", " "))
    STARTED.write_text(f'{{"program": {program}, "cases": {{\n{text}\n}}}}\n')
    subprocess.run(["chroot", str(root), "/usr/sbin/auditctl", "-e", "0"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


if __name__ == "__main__":
    main()
