"""Runs the real logrotate on configurations and tells which logs it rotates, and how.

`PYTHONPATH=tests python -m recorded.logrotate` as root writes `logrotate_did.json`. All cases run
in a mount namespace of their own, with /var/log and /etc of their own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

DID = Path(__file__).with_name("logrotate_did.json")
MAIN, FOLDER = "/etc/logrotate.conf", "/etc/logrotate.d/"
LOGS = ("a b.log", "auth.log", "cron.log", "daemon.log", "syslog")
_S = "/var/log/syslog"


def _in(text: str) -> dict[str, str]:
    return {MAIN: text}


def _one(body: str) -> dict[str, str]:
    return _in(f"{_S} {{\n{body}}}\n")


def _folder(main: str, **files: str) -> dict[str, str]:
    return {MAIN: main, **{FOLDER + name.replace("_", "."): text for name, text in files.items()}}


_LONG, _SHORT = "weekly\nrotate 26\n", "daily\nrotate 1\n"
_D = "include /etc/logrotate.d\n"
_SYS, _AUTH = f"{_S} {{\n{_LONG}}}\n", "/var/log/auth.log {\ndaily\nrotate 9\n}\n"
_BODIES = (
    _LONG,
    "weekly\nrotate 26 # six months\n",
    "weekly # x\nrotate 26\n",
    "rotate 26\nweekly }\n",
    "daily # x\nrotate 26\n",
    "daily }\nrotate 26\n",
    "weekly\r\nrotate 26\r\ncompress\r\n",
    "weekly\nrotate=26\n",
    "weekly\nrotate = 26\n",
    "weekly\nrotate =\n",
    "weekly=\nrotate 26\n",
    "daily=\nrotate 26\n",
    "weekly\nrotate 26;\n",
    "weekly\nrotate:26\n",
    "weekly\nRotate 26\n",
    "Weekly\nrotate 26\n",
    "weekly\nrotate 26 weeks\n",
    'weekly\nrotate "26"\n',
    "weekly\nrotate +26\n",
    "weekly\nrotate 026\n",
    "weekly\nrotate 0x1a\n",
    "weekly\nrotate 08\n",
    "weekly\nrotate -1\n",
    "weekly\nrotate -2\n",
    "weekly\nrotate 2.5\n",
    "weekly\nrotate\n",
    "weekly\n rotate\n",
    "weekly\nrotate26\n",
    "weekly rotate 26\n",
    "daily rotate 26\n",
    "compress rotate 26\nweekly\n",
    "missingok weekly\nrotate 26\n",
    "weekly\nkeep 9\nrotate 26\n",
    "weekly\nkeep-all\nrotate 26\n",
    "weekly 7\nrotate 26\n",
    "weekly 8\nrotate 26\n",
    "monthly 31\nrotate 6\n",
    "monthly 1st\nrotate 6\n",
    "yearly\nrotate 1\n",
    "annually\nrotate 1\n",
    "hourly\nrotate 26\n",
    "daily\nweekly\nrotate 9\n",
    "rotate 26\n",
    "weekly\nrotate 26\nsize 1M\n",
    "size 1M\nweekly\nrotate 26\n",
    "weekly\nrotate 26\nsize 1MB\n",
    "weekly\nrotate 26\nsize=10k\n",
    "weekly\nrotate 26\nsize\n",
    "weekly\nrotate 26\nsize 1,5M\n",
    "weekly\nrotate 26\nminsize 1M\n",
    "weekly\nrotate 26\nminsize 1T\n",
    "weekly\nrotate 26\nmaxage 30\n",
    "weekly\nrotate 26\nmaxage 30d\n",
    "weekly\nrotate 26\nmaxage -3\n",
    "weekly\nrotate 26\nminage\n",
    "weekly\nrotate 26\nstart 1x\n",
    "weekly\nrotate 26\ncreate 0640 root root\n",
    "weekly\nrotate 26\ncreate 0640\n",
    "weekly\nrotate 26\ncreate u=rw root root\n",
    "weekly\nrotate 26\ncreate 0640 root root x\n",
    "weekly\nrotate 26\nsu root root\n",
    "weekly\nrotate 26\nsu root\n",
    "weekly\nrotate 26\nsu\n",
    "weekly\nrotate 26\nsu 0640 root root\n",
    "weekly\nrotate 26\nolddir\n",
    "weekly\nrotate 26\nolddir /var/log old\n",
    "weekly\nrotate 26\nmail a@example.com, b@example.com\n",
    "weekly\nrotate 26\nmail\n",
    "weekly\nrotate 26\ncompresscmd /bin/xz -9\n",
    "weekly\nrotate 26\ncompressoptions -9 # x\n",
    "weekly\nrotate 26\nextension\n",
    "weekly\nrotate 26\ndateformat\n",
    "weekly\nrotate 26\ndateext yes\n",
    "weekly\nrotate 26\nerrors root@localhost\n",
    "weekly\nrotate 26\nerrors root\n",
    "weekly\nrotate 26\ntabooext .x\n",
    "weekly\nrotate 26\npostrotate\nrotate 900\n}\nendscript\n",
    "weekly\nrotate 26\npostrotate\n true; endscript\nrotate 900\n  endscript # x\n",
    "weekly\npostrotate # x\n true\nendscript rotate 900\n",
    "weekly\nrotate 26\npostrotate\n true\n",
    "weekly\nrotate x\npostrotate\n}\nendscript\n",
    "weekly\nrotate x\n}\nrotate 26\n",
    "weekly\nrotate 26\nPostrotate\nrotate 900\nEndscript\n",
    "weekly\nrotate 26\n# }\n",
    "weekly\nrotate 26\n-- x\n",
    "weekly\nrotate 26\n/var/log/auth.log\n",
    "weekly\n{\nrotate 26\n}\n",
)
CASES: dict[str, dict[str, str]] = {
    **{f"body {number}": _one(body) for number, body in enumerate(_BODIES)},
    "bracket in the line of the value": _in(f"{_S} {{\nweekly\nrotate 26 }}\n"),
    "all in one line": _in(f"{_S} {{ weekly rotate 26 }}\n"),
    "all in one line, daily": _in(f"{_S} {{ daily compress }}\n"),
    "CR LF": _in(_SYS.replace("\n", "\r\n")),
    "CR LF but behind the bracket": _in(f"{_S}\r\n{{\nweekly\r\nrotate 26\r\n}}\r\n"),
    "text behind the bracket": _in(f"{_S} {{ # logs\n{_LONG}}} # end\n{_AUTH}"),
    "a stanza behind the bracket": _in(f"{_S} {{\n{_LONG}}} {_AUTH}"),
    "no line end": _in(_SYS.rstrip("\n")),
    "no line end, no stanza": _in("weekly\nrotate 26"),
    "not closed": _in(f"{_S} {{\n{_LONG}"),
    "not closed, then another": _in(f"{_S} {{\n{_LONG}{_AUTH}"),
    "byte order mark": _in("\ufeff" + _SYS),
    "byte order mark, settings": _in(f"\ufeff{_LONG}{_SYS}"),
    "no blank before the bracket": _in(f"{_S}{{\n{_LONG}}}\n"),
    "several lines": _in(f"{_S}\n\n  /var/log/auth.log\n# x\n\t/var/log/cron.log\n{{\n{_LONG}}}\n"),
    "a comment behind a name": _in(f"{_S} # x\n/var/log/auth.log\n{{\n{_LONG}}}\n"),
    "quotes": _in(f"\"/var/log/a b.log\" '{_S}' {{\n{_LONG}}}\n"),
    "backslash": _in(f"/var/log/a\\ b.log {_S} {{\n{_LONG}}}\n"),
    "blank without quotes": _in(f"/var/log/a b.log {{\n{_LONG}}}\n"),
    "a quote that is open": _in(f'"/var/log/syslog {{\n{_LONG}}}\n{_AUTH}'),
    "glob": _in(f"/var/log/*.log {{\n{_LONG}}}\n"),
    "glob of sets": _in(f"/var/log/[a-c]*.log {{\n{_LONG}}}\n"),
    "braces": _in(f"/var/log/{{auth,cron}}.log {{\n{_LONG}}}\n{_SYS}"),
    "a name without slash": _in(f"syslog {{\n{_LONG}}}\n"),
    "a bad stanza before a good one": _in(f"{_S} {{\nrotate x\n}}\n{_AUTH}"),
    "a bad stanza, indented bracket": _in(f"{_S} {{\nrotate x\n  }}\n{_AUTH}{_SYS}"),
    "a bad week before a good stanza": _in(f"{_S} {{\nweekly x\n}}\n{_AUTH}"),
    "a bad week behind a good stanza": _in(f"{_AUTH}{_S} {{\nweekly x\n}}\n"),
    "a setting of its own is wrong": _in(f"{_AUTH}rotate x\n{_SYS}"),
    "a bracket too many": _in(f"{_AUTH}}}\n{_SYS}"),
    "two stanzas": _in(f"{_SYS}{_S} {{\n{_SHORT}}}\n"),
    "a glob after a stanza": _in(
        f"/var/log/cron.log {{\n{_LONG}}}\n/var/log/*.log {{\n{_SHORT}}}\n"
    ),
    "a stanza after a glob": _in(
        f"/var/log/*.log {{\n{_LONG}}}\n/var/log/cron.log {_S} {{\n{_SHORT}}}\n"
    ),
    "a name twice in one stanza": _in(f"{_S} /var/log/* {{\n{_LONG}}}\n"),
    "ignoreduplicates first": _in(
        f"ignoreduplicates\n/var/log/cron.log {{\n{_LONG}}}\n/var/log/*.log {{\n{_SHORT}}}\n"
    ),
    "ignoreduplicates in the second": _in(
        f"/var/log/cron.log {{\n{_LONG}}}\n/var/log/*.log {{\nignoreduplicates\n{_SHORT}}}\n"
    ),
    "settings before": _in(f"{_LONG}{_S} {{\n}}\n"),
    "settings behind": _in(f"{_S} {{\n}}\n{_LONG}"),
    "settings of a stanza do not last": _in(f"{_SYS}/var/log/auth.log {{\n}}\n"),
    "include": _folder(_LONG + _D, a=f"{_S} {{\n}}\n"),
    "include before settings": _folder(_D + _LONG, a=f"{_S} {{\n}}\n"),
    "no include": _folder(_LONG, a=f"{_S} {{\n}}\n"),
    "include of one file": _folder("include /etc/logrotate.d/b\n", a=_SYS, b=_AUTH),
    "include of a file that is not there": _folder("include /etc/logrotate.d/none\n" + _D, a=_SYS),
    "include with a comment": _folder("include /etc/logrotate.d # x\n", a=_SYS),
    "include with a slash": _folder("include=/etc/logrotate.d/\n", a=_SYS),
    "include in quotes": _folder('include "/etc/logrotate.d"\n', a=_SYS),
    "settings of a file last": _folder(_D, a=_LONG, b=f"{_S} {{\n}}\n"),
    "settings of a refused file do not": _folder(
        _SHORT + _D, a=f"{_LONG}rotate x\n", b=f"{_S} {{\n}}\n"
    ),
    "a wrong file leaves the next": _folder(_D, a=f"{_AUTH}nonsense?\n", b=_SYS),
    "a wrong stanza takes settings back": _folder(
        _SHORT + _D, a=_LONG + "/var/log/auth.log {\nrotate x\n}\n", b=f"{_S} {{\n}}\n"
    ),
    "left-overs": _folder(
        _D, a_rpmsave=_SYS, a_dpkg_old=_SYS, b_bak=_SYS, c_orig=_AUTH, d_disabled=_SYS
    ),
    "a hidden file": _folder(_D, _hidden=_SYS, _a_swp=_AUTH),
    "tabooext": _folder("tabooext + .off, .no\n" + _D, a_off=_SYS, b_no=_SYS, c_bak=_SYS, d=_AUTH),
    "tabooext anew": _folder("tabooext .off\n" + _D, a_off=_AUTH, c_bak=_SYS),
    "taboopat": _folder("taboopat + *sys*\n" + _D, rsyslog=_SYS, b=_AUTH),
    "a file in the folder includes": _folder(_D, a="include /etc/logrotate.d/b_bak\n", b_bak=_SYS),
    "capitals before small letters": _folder(_D, b=_SYS, C=f"{_S} {{\n{_SHORT}}}\n"),
}


def _lay(files: dict[str, str]) -> None:
    for place in ("/etc/logrotate.d", "/var/log"):
        for old in Path(place).iterdir():
            old.unlink()
    for name in LOGS:
        Path("/var/log", name).write_text("x\n" * 9)
    Path(MAIN).write_text("")
    for path, text in files.items():
        Path(path).write_bytes(text.encode())
        Path(path).chmod(0o644)


def did(files: dict[str, str]) -> dict[str, str]:
    """How logrotate rotates each log that it rotates: when, and how many copies it keeps."""
    _lay(files)
    run = subprocess.run(("/usr/sbin/logrotate", "-d", "-s", "/var/log/state", MAIN),
                         capture_output=True, check=False, text=True)  # fmt: skip
    found = {}
    for part in re.split(r"(?=^rotating pattern: )", run.stderr, flags=re.MULTILINE)[1:]:
        head = part.split("considering log", 1)[0]
        when = re.search(r"(after 1 days|hourly|weekly|monthly|yearly|\d+ bytes) ", head)
        count = re.search(r"\((?:(\d+) rotations|no old logs will be kept)\)", head)
        kept = "all" if count is None else count[1] or "0"
        for log in re.findall(r"^considering log /var/log/(.*)$", part, re.MULTILINE):
            found[log] = f"{when[1] if when else '?'}, {kept}"
    return {log: found[log] for log in LOGS if log in found}


def main() -> None:
    """Records what every case does."""
    if sys.argv[1:] != ["inside"]:
        words = ("unshare", "-m", sys.executable, "-m", "recorded.logrotate", "inside")
        subprocess.run(words, check=True)
        return
    for place in ("/var/log", "/etc"):
        subprocess.run(("mount", "-t", "tmpfs", "none", place), check=True)
    Path("/etc/logrotate.d").mkdir()
    Path("/etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    Path("/etc/group").write_text("root:x:0:\n")
    asked = subprocess.run(("/usr/sbin/logrotate", "--version"), capture_output=True, check=True,
                           text=True)  # fmt: skip
    version = (asked.stdout + asked.stderr).split("\n", 1)[0]
    lines = [f"{json.dumps(name)}: {json.dumps({'files': files, 'did': did(files)})}"
             for name, files in CASES.items()]  # fmt: skip
    text = ",\n".join(lines)
    DID.write_text(f'{{"program": {json.dumps(version)}, "cases": {{\n{text}\n}}}}\n')


if __name__ == "__main__":
    main()
