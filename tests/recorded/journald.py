"""Runs the real systemd-journald on configurations and tells what it does with records.

`PYTHONPATH=tests python -m recorded.journald` as root writes `journald_did.json`. Each case runs in
a mount namespace of its own, with empty /run, /var/log and /etc/systemd.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DID = Path(__file__).with_name("journald_did.json")
_ETC, _USR, _RUN = "/etc/systemd/journald.conf", "/usr/lib/systemd/", "/run/systemd/"
_DROP = "journald.conf.d/"
_STORED = "[Journal]\nStorage={}\n"
# Content None is a link to /dev/null.
CASES: dict[str, dict[str, str | None]] = {
    "nothing set": {},
    **{f"Storage={v}": {_ETC: _STORED.format(v)}
       for v in ("auto", "persistent", "volatile", "none", "Persistent", "")},
    "blanks, CR LF": {_ETC: "[Journal]\r\n  Storage =  volatile \r\n"},
    "comments": {_ETC: "[Journal]\n#Storage=none\n;Storage=none\nStorage=volatile\n"},
    "a comment after the value": {_ETC: "[Journal]\nStorage=volatile # none\n"},
    "a wrong value after a right one": {_ETC: "[Journal]\nStorage=volatile\nStorage=disk\n"},
    "an empty value after another": {_ETC: "[Journal]\nStorage=volatile\nStorage=\n"},
    "the last of two": {_ETC: "[Journal]\nStorage=none\nStorage=volatile\n"},
    "no section": {_ETC: "Storage=none\n"},
    "another section": {_ETC: "[Log]\nStorage=none\n"},
    "a section in small letters": {_ETC: "[journal]\nStorage=none\n"},
    "a key in small letters": {_ETC: "[Journal]\nstorage=none\n"},
    "quotes": {_ETC: '[Journal]\nStorage="none"\n'},
    "a line that goes on": {_ETC: "[Journal]\nStorage=\\\nvolatile\n"},
    "a comment that goes on": {_ETC: "[Journal]\n# a \\\nStorage=volatile\n"},
    "byte order mark": {_ETC: "\ufeff[Journal]\nStorage=volatile\n"},
    "a line that is none": {_ETC: "[Journal]\nnonsense\nStorage=volatile\n"},
    "a section that is not closed": {_ETC: "[Journal\nStorage=volatile\n"},
    "drop-in of /etc": {_ETC: _STORED.format("none"),
                        f"/etc/systemd/{_DROP}a.conf": _STORED.format("volatile")},
    "drop-in without section": {_ETC: _STORED.format("volatile"),
                                f"/etc/systemd/{_DROP}a.conf": "Storage=none\n"},
    "drop-in of another name": {_ETC: _STORED.format("volatile"),
                                f"/etc/systemd/{_DROP}a.cfg": _STORED.format("none")},
    "drop-ins by name": {f"/etc/systemd/{_DROP}10.conf": _STORED.format("none"),
                         f"{_RUN}{_DROP}20.conf": _STORED.format("volatile"),
                         f"{_USR}{_DROP}15.conf": _STORED.format("none")},
    "/etc hides /run and /usr": {f"/etc/systemd/{_DROP}a.conf": _STORED.format("volatile"),
                                 f"{_RUN}{_DROP}a.conf": _STORED.format("none"),
                                 f"{_USR}{_DROP}a.conf": _STORED.format("none")},
    "/run hides /usr": {f"{_RUN}{_DROP}a.conf": _STORED.format("volatile"),
                        f"{_USR}{_DROP}a.conf": _STORED.format("none")},
    "a link to /dev/null hides": {f"/etc/systemd/{_DROP}a.conf": None,
                                  f"{_USR}{_DROP}a.conf": _STORED.format("none"),
                                  _ETC: _STORED.format("volatile")},
    "an empty file hides": {f"/etc/systemd/{_DROP}a.conf": "",
                            f"{_USR}{_DROP}a.conf": _STORED.format("none")},
    "file of /usr": {f"{_USR}journald.conf": _STORED.format("volatile")},
    "file of /etc hides that of /usr": {f"{_USR}journald.conf": _STORED.format("none"),
                                        _ETC: "[Journal]\n"},
    "a link to /dev/null hides the file of /usr": {
        f"{_USR}journald.conf": _STORED.format("none"), _ETC: None},
    **{f"MaxLevelStore={v}": {_ETC: f"[Journal]\nMaxLevelStore={v}\n"}
       for v in ("info", "notice", "err", "5", "6", "Info", "loud", "debug", "emerg")},
    **{f"ForwardToSyslog={v}": {_ETC: f"[Journal]\nForwardToSyslog={v}\n"}
       for v in ("yes", "no", "1", "off", "TRUE", "maybe", "")},
    "MaxLevelSyslog=notice": {_ETC: "[Journal]\nForwardToSyslog=yes\nMaxLevelSyslog=notice\n"},
    "ReadKMsg, Audit": {_ETC: "[Journal]\nReadKMsg=no\nAudit=no\n"},
}  # fmt: skip
LEVELS = {"info": 86, "notice": 85, "err": 83}


def _mount(*words: str) -> None:
    subprocess.run(("mount", "-t", *words), check=True)


def _prepare(files: dict[str, str | None], *, folder: bool) -> None:
    """Lays the files; the caller is in a mount namespace of its own."""
    for covered in ("/run", "/var/log", "/etc/systemd"):
        _mount("tmpfs", "none", covered)
    upper = Path("/run/over")
    for name in ("up", "work"):
        (upper / name).mkdir(parents=True)
    _mount("overlay", "none", "-o",
           f"lowerdir=/usr/lib/systemd,upperdir={upper}/up,workdir={upper}/work",
           "/usr/lib/systemd")  # fmt: skip
    Path("/run/systemd/journal").mkdir(parents=True)
    if folder:
        Path("/var/log/journal").mkdir()
    for path, text in files.items():
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            place.symlink_to("/dev/null")
        else:
            place.write_bytes(text.encode())


def _did(files: dict[str, str | None], *, folder: bool) -> dict[str, object]:
    _prepare(files, folder=folder)
    taken: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind("/run/systemd/journal/syslog")
        with subprocess.Popen(
            ["/usr/lib/systemd/systemd-journald"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as daemon:
            _wait("/run/systemd/journal/dev-log")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                for level, number in LEVELS.items():
                    text = f"<{number}>sshd[1]: level-{level}".encode()
                    sender.sendto(text, "/run/systemd/journal/dev-log")
            time.sleep(0.15)
            daemon.send_signal(signal.SIGUSR1)  # as systemd-journal-flush.service does
            time.sleep(0.15)
            daemon.terminate()
        syslog.settimeout(0.05)
        with contextlib.suppress(OSError):
            while True:
                taken.append(syslog.recv(1000))
    disk, memory = _stored("/var/log/journal"), _stored("/run/log/journal")
    reported = b"".join(taken).decode()
    return {
        "place": "disk" if disk else "memory" if memory else "none",
        "levels": [level for level in LEVELS if f"level-{level}\n" in disk + memory],
        "syslog": [level for level in LEVELS if f"level-{level}" in reported],
    }


def _wait(path: str) -> None:
    until = time.monotonic() + 3
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.05)


def _stored(place: str) -> str:
    folders = [f for f in Path(place).glob("*") if f.is_dir()] if Path(place).is_dir() else []
    asked = [("journalctl", "-q", "-D", str(folder), "-o", "cat") for folder in folders]
    return "".join(subprocess.run(a, capture_output=True, check=False, text=True).stdout
                   for a in asked)  # fmt: skip


def did(files: dict[str, str | None], *, folder: bool) -> dict[str, object]:
    """What journald does, run in a mount namespace of a process of its own."""
    argv = ("unshare", "--mount", "--propagation", "private", sys.executable, "-m",
            "recorded.journald", "one")  # fmt: skip
    with tempfile.TemporaryFile() as given:
        given.write(json.dumps([files, folder]).encode())
        given.seek(0)
        done = subprocess.run(argv, stdin=given, capture_output=True, check=True, env=os.environ)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def main() -> None:
    """Records what every case does, with and without /var/log/journal."""
    if sys.argv[1:] == ["one"]:
        files, folder = json.load(sys.stdin)
        json.dump(_did(files, folder=folder), sys.stdout)
        return
    reported = subprocess.run(
        ("journalctl", "--version"), capture_output=True, check=True, text=True
    )
    lines = []
    for name, files in CASES.items():
        found = {"folder": did(files, folder=True), "no folder": did(files, folder=False)}
        lines.append(f"{json.dumps(name)}: {json.dumps({'files': files, 'did': found})}")
    head = json.dumps(reported.stdout.split("\n", 1)[0])
    text = ",\n".join(lines)
    DID.write_text(f'{{"program": {head}, "cases": {{\n{text}\n}}}}\n')


if __name__ == "__main__":
    main()
