"""Lays units for the real systemd and tells which programs it would start, and as whom.

`PYTHONPATH=tests python -m recorded.units PID` as root writes `units_loaded.json`. PID is the first
process of a Debian 12 that is booted with systemd in namespaces of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

LOADED = Path(__file__).with_name("units_loaded.json")
_ETC, _RUN = "/etc/systemd/system/", "/run/systemd/system/"
_LOCAL, _LIB = "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/"
UNIT = "lab-one-two.service"
_BASE = (
    "[Unit]\nDescription=x\n[Service]\nExecStart=/opt/a\n[Install]\nWantedBy=multi-user.target\n"
)


def _one(text: str) -> dict[str, str]:
    return {_ETC + UNIT: text}


def _more(text: str) -> dict[str, str]:
    """The unit with more lines in its section Service."""
    return _one(_BASE.replace("[Install]", f"{text}\n[Install]"))


def _dropped(text: str, place: str = f"{_ETC}{UNIT}.d/10.conf") -> dict[str, str]:
    return {_LIB + UNIT: _BASE, place: text}


_B = "[Service]\nExecStart=\nExecStart=/opt/b\n"
_BELOW = {f"{_LIB}{UNIT}.d/10.conf": _B}
# Content "" is an empty file; content that begins with "->" is a link.
CASES: dict[str, dict[str, str]] = {
    "plain": _one(_BASE),
    "a setting in Unit": _one(_BASE.replace("Description=x", "ExecStartPre=/opt/b")),
    "a setting in Install": _one(f"{_BASE}ExecStartPre=/opt/b\n"),
    "a user in Unit": _one(_BASE.replace("Description=x", "User=daemon")),
    "a user in Install": _one(f"{_BASE}User=daemon\n"),
    "a user": _more("User=daemon"),
    "an empty user behind it": _more("User=daemon\nUser="),
    "the last of two users": _more("User=daemon\nUser=root"),
    "user 0": _more("User=0"),
    "before any section": _one(f"ExecStartPre=/opt/b\n{_BASE}"),
    "section in small letters": _one(_BASE.replace("[Service]", "[service]")),
    "own section": _one(f"{_BASE}[X-Lab]\nExecStartPre=/opt/b\n"),
    "section again": _one(f"{_BASE}[Service]\nExecStartPre=/opt/b\n"),
    "section with blanks in front": _more("  [Install]\nExecStartPre=/opt/b\n[Service]"),
    "key in small letters": _more("execstartpre=/opt/b"),
    "blanks around": _one(_BASE.replace("ExecStart=", "  ExecStart  =  ")),
    "comment": _more("#ExecStartPre=/opt/b\n;ExecStartPre=/opt/c"),
    "comment in front of blanks": _more("   # ExecStartPre=/opt/b"),
    "goes on": _more("ExecStartPre=/opt/b \\\n  c"),
    "key goes on": _more("ExecStartPre=\\\n/opt/b"),
    "goes on over a comment": _more("ExecStartPre=/opt/b \\\n# x\nc"),
    "goes on over an empty line": _more("ExecStartPre=/opt/b \\\n\nc"),
    "a comment goes on": _more("# x \\\nExecStartPre=/opt/b"),
    "backslash and a blank": _more("ExecStartPre=/opt/b \\ \nExecStartPre=/opt/c"),
    "backslash at the end of the file": _one("[Service]\nExecStart=/opt/a\nExecStartPre=/opt/b \\"),
    "taken back": _more("ExecStart=\nExecStart=/opt/b"),
    "taken back with blanks": _more("ExecStart= \nExecStart=/opt/b"),
    "taken back in another section": _one(f"{_BASE}ExecStart=\n"),
    "CR LF": _one(_BASE.replace("\n", "\r\n")),
    "byte order mark": _one(f"\ufeff{_BASE}"),
    "quotes": _one(_BASE.replace("/opt/a", '"/opt/a" "b c"')),
    "marks": _one(_BASE.replace("/opt/a", "-@/opt/a b c")),
    "mark of another user": _more("User=daemon\nExecStartPre=+/opt/b"),
    "two backslashes": _more("ExecStartPre=/opt/b \\\\\\\\\nExecStartPre=/opt/c"),
    "relative program": _more("ExecStart=\nExecStart=true --x\nExecStartPre=/opt/b"),
    "two commands": _one("[Service]\nType=oneshot\nExecStart=/opt/a x ; /opt/b y\n"),
    "an escaped semicolon": _one("[Service]\nType=oneshot\nExecStart=/opt/a x \\; b y\n"),
    "an unknown setting": _more("ExecBefore=/opt/b"),
    "all that is started": _one("[Service]\n" + "".join(
        f"Exec{name}=/opt/{name}\n"
        for name in ("Start", "StartPre", "StartPost", "Condition", "Reload", "Stop", "StopPost"))),
    "empty file": {_ETC + UNIT: "", _LIB + UNIT: _BASE},
    "link to /dev/null": {_ETC + UNIT: "->/dev/null", _LIB + UNIT: _BASE},
    "link to a file elsewhere": {_ETC + UNIT: "->/opt/own.service", "/opt/own.service": _BASE},
    "of /run": {_RUN + UNIT: _BASE, _LIB + UNIT: _B},
    "of /usr/local": {_LOCAL + UNIT: _BASE, _LIB + UNIT: _B},
    "/etc before /run": {_ETC + UNIT: _BASE, _RUN + UNIT: _B},
    "drop-in": _dropped("[Service]\nExecStartPre=/opt/b\n"),
    "drop-in without section": _dropped("ExecStartPre=/opt/b\n"),
    "drop-in takes back": _dropped(_B),
    "drop-in of another ending": _dropped(_B, f"{_ETC}{UNIT}.d/10.cfg"),
    "drop-in with a dot in front": _dropped(_B, f"{_ETC}{UNIT}.d/.10.conf"),
    "drop-in of /run": _dropped(_B, f"{_RUN}{UNIT}.d/10.conf"),
    "drop-in of /usr/local": _dropped(_B, f"{_LOCAL}{UNIT}.d/10.conf"),
    "drop-in of the prefix": _dropped(_B, f"{_ETC}lab-one-.service.d/10.conf"),
    "drop-in of the longer prefix": _dropped(_B, f"{_ETC}lab-.service.d/10.conf"),
    "drop-in of half a prefix": _dropped(_B, f"{_ETC}lab-o.service.d/10.conf"),
    "drop-in of all services": _dropped(_B, f"{_ETC}service.d/10.conf"),
    "drop-ins by name": _dropped(_B) | {f"{_LIB}{UNIT}.d/20.conf": _B.replace("/opt/b", "/opt/c")},
    "drop-in hides its name": _dropped("[Service]\n") | _BELOW,
    "drop-in that is empty hides": _dropped("") | _BELOW,
    "drop-in that is a link to /dev/null": _dropped("->/dev/null") | _BELOW,
    "drop-ins of a masked unit": _dropped(_B) | {_ETC + UNIT: "->/dev/null"},
    "drop-in of the unit hides that of all": (
        _dropped("[Service]\n") | {f"{_ETC}service.d/10.conf": _B}
    ),
    "drop-in alone": {f"{_ETC}{UNIT}.d/10.conf": _B},
}  # fmt: skip


def _enter(pid: str, *argv: str, given: str = "") -> str:
    run = subprocess.run(["nsenter", "-t", pid, "-a", *argv], check=True, text=True,
                         capture_output=True, input=given)  # fmt: skip
    return run.stdout


def _lay(pid: str, files: dict[str, str]) -> None:
    for path, text in files.items():
        _enter(pid, "mkdir", "-p", path.rpartition("/")[0])
        if text.startswith("->"):
            _enter(pid, "ln", "-s", text[2:], path)
        else:
            _enter(pid, "sh", "-c", f"cat > {path}", given=text)


_STARTS = ("Condition", "StartPre", "Start", "StartPost", "Reload", "Stop", "StopPost")


def loaded(pid: str, files: dict[str, str]) -> list[str]:
    """The programs of UNIT that systemd starts as root."""
    _lay(pid, files)
    _enter(pid, "systemctl", "daemon-reload")
    asked = ",".join((*(f"Exec{name}Ex" for name in _STARTS), "User", "LoadState"))
    shown = _enter(pid, "systemctl", "show", UNIT, "-p", asked, "--no-pager")
    _enter(pid, "rm", "-rf", *files)
    user = re.search(r"^User=(.*)$", shown, re.MULTILINE)
    root = user is None or user[1] in ("", "root", "0")
    if "LoadState=masked" in shown:
        return []
    rows = re.findall(r"^Exec\w+=\{ path=(\S+) ;.*? flags=([^;]*);", shown, re.MULTILINE)
    return sorted({path for path, flags in rows if root or "privileged" in flags})


def main() -> None:
    """Records what systemd loads in every case."""
    pid = sys.argv[1]
    version = _enter(pid, "systemctl", "--version").split("\n", 1)[0]
    lines = [f"{json.dumps(name)}: {json.dumps({'files': files, 'programs': loaded(pid, files)})}"
             for name, files in CASES.items()]  # fmt: skip
    text = ",\n".join(lines)
    LOADED.write_text(f'{{"program": {json.dumps(version)}, "cases": {{\n{text}\n}}}}\n')


if __name__ == "__main__":
    main()
