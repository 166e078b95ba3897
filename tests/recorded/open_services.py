"""Starts real rsync, Redis, snmpd and vsftpd with a configuration and tells who is let in.

`PYTHONPATH=tests python -m recorded.open_services` writes `open_services_let_in.json`: what each
case of `open_services_cases.py` allowed to somebody without a password who comes from 192.0.2.2,
with the versions. It runs as root in a network namespace of its own. The programs are taken from
PATH, or from the folder that SERVICES_ROOT names, where their Debian packages are unpacked.
"""

from __future__ import annotations

import contextlib
import ftplib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from recorded.open_services_cases import CASES, MODULES

LET_IN = Path(__file__).with_name("open_services_let_in.json")
HERE, CLIENT = "192.0.2.1", "192.0.2.2"
_ROOT = os.environ.get("SERVICES_ROOT", "")
_PATH = f"{_ROOT}/usr/sbin:{_ROOT}/usr/bin:/usr/sbin:/usr/bin"
_ENV = {"PATH": _PATH, "LD_LIBRARY_PATH": f"{_ROOT}/usr/lib/x86_64-linux-gnu",
        "MIBDIRS": "", "MIBS": ""}  # fmt: skip


def program(name: str) -> str | None:
    """Where a server lies; None where it is not installed."""
    return shutil.which(name, path=_PATH)


RUNS = os.geteuid() == 0 and program("ip") is not None


@contextlib.contextmanager
def _running(argv: list[str], port: int, root: Path, *, udp: bool = False) -> Iterator[None]:
    # What a server writes where it runs, Redis its data, goes away with the folder.
    server = subprocess.Popen(argv, env=_ENV, cwd=root, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        for _ in range(100):
            if server.poll() is not None or _bound(port, udp=udp):
                break
            time.sleep(0.02)
        yield
    finally:
        server.terminate()
        server.wait(10)


def _bound(port: int, *, udp: bool) -> bool:
    names = ("udp", "udp6") if udp else ("tcp", "tcp6")
    state = "07" if udp else "0A"
    rows = [line.split() for name in names
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]  # fmt: skip
    return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows)


def _rsync(root: Path) -> dict[str, bool]:
    """Whether each module takes a file (`name w`) and gives one (`name r`)."""
    for name in MODULES:
        (root / name).mkdir()
        (root / name / "given").write_text("x")
    (root / "sent").write_text("y")
    argv = [str(program("rsync")), "--daemon", "--no-detach", "--port=8730", f"--address={HERE}",
            f"--config={root}/etc/rsyncd.conf"]  # fmt: skip
    found = {}
    with _running(argv, 8730, root):
        for name in MODULES:
            url = f"rsync://{HERE}:8730/{name}/"
            plain = [argv[0], "--address", CLIENT, "--contimeout=3", "--timeout=3"]
            for key, words in (("w", [str(root / "sent"), url]),
                               ("r", [f"{url}given", str(root / "got")])):  # fmt: skip
                done = subprocess.run([*plain, *words], env=_ENV, stdin=subprocess.DEVNULL,
                                      capture_output=True, check=False)  # fmt: skip
                found[f"{name} {key}"] = done.returncode == 0
    return found


def _redis(root: Path) -> dict[str, bool]:
    """Whether somebody may ask Redis for its keys."""
    with _running([str(program("redis-server")), f"{root}/etc/redis/redis.conf"], 6379, root):
        reported = b""
        with (
            contextlib.suppress(OSError),
            socket.create_connection((HERE, 6379), 3, (CLIENT, 0)) as link,
        ):
            link.sendall(b"DBSIZE\r\n")
            reported = link.recv(200)
    return {"redis": reported.startswith(b":")}


_GET = bytes.fromhex("a01c020412345678020100020100300e300c06082b060102010101000500")


def _snmp(root: Path) -> dict[str, bool]:
    """Whether SNMP 2c answers the communities public and private."""
    argv = [str(program("snmpd")), "-f", "-Lf", "/dev/null", "-C", "-c",
            f"{root}/etc/snmp/snmpd.conf", "-p", f"{root}/pid"]  # fmt: skip
    found = {}
    with _running(argv, 161, root, udp=True):
        for name in ("public", "private"):
            inner = b"\x02\x01\x01\x04" + bytes([len(name)]) + name.encode() + _GET
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
                link.bind((CLIENT, 0))
                link.settimeout(0.7)
                link.sendto(b"\x30" + bytes([len(inner)]) + inner, (HERE, 161))
                found[name] = False
                with contextlib.suppress(OSError):
                    found[name] = os.uname().release.encode() in link.recv(2000)
    return found


def _vsftpd(root: Path) -> dict[str, bool]:
    """Whether `anonymous` may log in."""
    (root / "empty").mkdir()
    conf = root / "etc/vsftpd.conf"
    own = f"listen=YES\nlisten_ipv6=NO\nsecure_chroot_dir={root}/empty\nftp_username=daemon\n"
    conf.write_bytes((own + f"anon_root={root}/empty\nseccomp_sandbox=NO\n").encode()
                     + conf.read_bytes())  # fmt: skip
    with _running([str(program("vsftpd")), str(conf)], 21, root):
        try:
            with ftplib.FTP(timeout=3, source_address=(CLIENT, 0)) as ftp:
                ftp.connect(HERE)
                ftp.login()
        except (OSError, EOFError, ftplib.Error):
            return {"vsftpd": False}
    return {"vsftpd": True}


SERVERS: dict[str, tuple[str, str, Callable[[Path], dict[str, bool]]]] = {
    "rsync": ("rsync", "--version", _rsync),
    "redis": ("redis-server", "--version", _redis),
    "snmp": ("snmpd", "-v", _snmp),
    "vsftpd": ("vsftpd", "-v", _vsftpd),
}


def let_in(server: str, files: dict[str, str]) -> dict[str, bool]:
    """What the server lets somebody do without a password, in a namespace of its own."""
    asked = json.dumps([[server, files]])
    return _apart(asked)[0]


def _apart(asked: str) -> list[dict[str, bool]]:
    ran = subprocess.run(
        ["unshare", "-n", "-m", sys.executable, "-m", "recorded.open_services", "-"],
        input=asked, capture_output=True, text=True, check=True, timeout=600,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    found: list[dict[str, bool]] = json.loads(ran.stdout)
    return found


def _inside(asked: list[tuple[str, dict[str, str]]]) -> list[dict[str, bool]]:
    for words in ("link set lo up", f"addr add {HERE}/24 dev lo", f"addr add {CLIENT}/24 dev lo"):
        subprocess.run([str(program("ip")), *words.split()], check=True)
    return [_one(server, files) for server, files in asked]


def _one(server: str, files: dict[str, str]) -> dict[str, bool]:
    with tempfile.TemporaryDirectory(prefix="services-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        for path, text in files.items():
            place = root / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text.replace("/etc/", f"{root}/etc/").replace("/srv/", f"{root}/"))
        return SERVERS[server][2](root)


def _version(server: str) -> str:
    name, option, _ = SERVERS[server]
    # vsftpd writes its version to standard input.
    ran = subprocess.run(["sh", "-c", f"{program(name)} {option} 0>&1 2>&1"], env=_ENV,
                         capture_output=True, text=True, check=False)  # fmt: skip
    return next((line.strip() for line in ran.stdout.splitlines() if line.strip()), "")


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(json.dumps(_inside(json.load(sys.stdin))))
    else:
        every = [(server, name) for server, cases in CASES.items() for name in cases]
        seen = _apart(json.dumps([[server, CASES[server][name]] for server, name in every]))
        reported: dict[str, dict[str, dict[str, bool]]] = {server: {} for server in CASES}
        for (server, name), found in zip(every, seen, strict=True):
            reported[server][name] = found
        versions = {server: _version(server) for server in CASES}
        text = json.dumps({"versions": versions, "let_in": reported}, indent=1, ensure_ascii=False)
        LET_IN.write_text(text + "\n")
