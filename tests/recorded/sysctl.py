"""What systemd-sysctl and sysctl --system make of files, in a network namespace of its own.

    PYTHONPATH=tests python -m recorded.sysctl 80      (as root; writes sysctl_made.json)

Only settings of the network are asked for: those are the namespace's own. The directories are
covered by empty ones in a mount namespace, so that nothing of this machine is read or changed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

MADE = Path(__file__).with_name("sysctl_made.json")
SYSTEMD, PROCPS = Path("/usr/lib/systemd/systemd-sysctl"), Path("/usr/sbin/sysctl")
RUNS = (
    os.geteuid() == 0 and SYSTEMD.exists() and PROCPS.exists() and Path("/etc/sysctl.conf").exists()
)
# What a key is before: rp_filter and tcp_syncookies accept no 7.
KEYS = {
    "net.ipv4.tcp_syncookies": "0",
    "net.ipv4.conf.all.accept_redirects": "7",
    "net.ipv4.conf.default.accept_redirects": "7",
    "net.ipv4.conf.all.accept_source_route": "7",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.lo.rp_filter": "0",
}
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
_NAMES = ("10-a.conf", "50-b.conf", "99-c.conf", "9.conf", "B.conf", ".h.conf", "x.conf~",
          "x.txt", "a_b.conf", "a-b.conf")  # fmt: skip
_LINES = ("{k}={v}", "{k} = {v}", "# {k}={v}", "; {k}={v}", "-{k}", "-{k} = {v}", "{k}",
          "\t{k}\t=\t{v} ", "{k} = {v}\r", "- {k}")  # fmt: skip

Files = dict[str, str | None]


def _key_written(choose: random.Random) -> str:
    key = choose.choice([*KEYS])
    slashes, last = key.replace(".", "/"), key.rpartition(".")[2]
    return choose.choice((
        key, key, slashes, f"/{slashes}", slashes.replace("/conf/", "//conf//"),
        key.replace("conf.all", "conf.*"), slashes.replace("conf/all", "conf/a*"),
        f"net.ipv4.*.*.{last}", key.replace("rp_filter", "rp_f*"), key.replace(".", "/", 1),
    ))  # fmt: skip


def case(seed: int) -> Files:
    """Files by path; None is a link to /dev/null."""
    choose = random.Random(seed)
    made: Files = {}

    def text(lines: int) -> str:
        chosen = (choose.choice(_LINES).format(k=_key_written(choose), v=choose.randint(0, 2))
                  for _ in range(lines))  # fmt: skip
        return "\n".join(chosen) + "\n"

    for _ in range(choose.randint(1, 6)):
        path = f"{choose.choice(FOLDERS)}/{choose.choice(_NAMES)}"
        made[path] = None if choose.random() < 0.15 else text(choose.randint(0, 4))
    if choose.random() < 0.5:
        made["/etc/sysctl.conf"] = text(2)
    return made


def made_by(files: list[Files]) -> list[dict[str, dict[str, str]]]:
    """The values that each program makes of each set of files, in one process of unshare(1)."""
    ran = subprocess.run(
        ["unshare", "-n", "-m", sys.executable, __file__, "-"],
        input=json.dumps(files), capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    found: list[dict[str, dict[str, str]]] = json.loads(ran.stdout)
    return found


def _inside(every: list[Files]) -> list[dict[str, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="sysctl-") as folder:
        root = Path(folder)
        for path in (*FOLDERS, "/etc/sysctl.conf"):
            (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            if path in FOLDERS:
                Path(path).mkdir(parents=True, exist_ok=True)
                (root / path[1:]).mkdir()
            else:
                (root / path[1:]).touch()
            subprocess.run(["mount", "--bind", root / path[1:], path], check=True)
        made = [_one(root, files) for files in every]
        for path in (*FOLDERS, "/etc/sysctl.conf"):
            subprocess.run(["umount", path], check=True)
    return made


def _one(root: Path, files: Files) -> dict[str, dict[str, str]]:
    for folder in FOLDERS:
        for old in (root / folder[1:]).iterdir():
            old.unlink()
    (root / "etc/sysctl.conf").write_text("")
    for path, text in files.items():
        place = root / path[1:]
        place.symlink_to("/dev/null") if text is None else place.write_text(text)
    programs: dict[str, list[str | Path]] = {
        "systemd": [SYSTEMD],
        "other": [PROCPS, "-e", "--system"],
    }
    return {name: _values(argv) for name, argv in programs.items()}


def _values(argv: list[str | Path]) -> dict[str, str]:
    places = {key: Path("/proc/sys") / key.replace(".", "/") for key in KEYS}
    for key, place in places.items():
        place.write_text(KEYS[key])
    subprocess.run(argv, capture_output=True, check=False)
    return {key: place.read_text().strip() for key, place in places.items()}


if __name__ == "__main__":
    if sys.argv[1] == "-":
        sys.stdout.write(json.dumps(_inside(json.load(sys.stdin))))
    else:
        cases = [case(seed) for seed in range(int(sys.argv[1]))]
        reported = subprocess.run([PROCPS, "--version"], capture_output=True, text=True, check=True)
        systemd = subprocess.run(["systemctl", "--version"], capture_output=True, text=True,
                                 check=True)  # fmt: skip
        by = f"{systemd.stdout.splitlines()[0]}; {reported.stdout.strip()}"
        rows = [{"files": f, "made": m} for f, m in zip(cases, made_by(cases), strict=True)]
        MADE.write_text(json.dumps({"by": by, "cases": rows}, indent=0) + "\n")
