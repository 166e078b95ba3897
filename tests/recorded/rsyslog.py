"""Runs the real rsyslogd on a configuration and tells where sample records arrive.

`PYTHONPATH=tests python -m recorded.rsyslog` writes `rsyslog_arrived.json`: the outcome of
every case of `rsyslog_cases.py`, with the version. rsyslogd is taken from PATH or /usr/sbin, or
from the folder that RSYSLOG_ROOT names, where its Debian packages are unpacked.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from audit_linux.logs.routes import FACILITIES, SAMPLES, SEVERITIES, WORD, Sample
from recorded.rsyslog_cases import CASES

ARRIVED = Path(__file__).with_name("rsyslog_arrived.json")
HOST = "log.example.com"
_LOADED = 'module(load="imuxsock"'
# The first rule: tells that everything before this record was worked on.
_MARK = ':programname, isequal, "endmark" {mark}\n& stop\n'
_ROOT = os.environ.get("RSYSLOG_ROOT", "")
PROGRAM = shutil.which("rsyslogd", path=f"{_ROOT}/usr/sbin:/usr/sbin")
# rsyslog gets no records of the kernel by its socket
SENT = tuple(sample for sample in SAMPLES if sample.facility != "kern")


def label(sample: Sample) -> str:
    """A name of a sample record."""
    return f"{sample.facility}.{sample.severity} {sample.program}: {sample.event}"


def line(sample: Sample) -> bytes:
    """A sample record as programs send it to syslog."""
    number = FACILITIES[sample.facility] * 8 + SEVERITIES[sample.severity]
    tag = "sudo:" if sample.program == "sudo" else f"{sample.program}[12]:"
    text = (sample.text or "some text").replace(WORD, "alice")
    return f"<{number}>Nov 29 08:00:00 {tag} {text}".encode()


class Collector:
    """Takes what is sent by TCP or UDP to one port of the loopback interface."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self.lines: list[bytes] = []
        for taker in (self._take_tcp, self._take_udp):
            threading.Thread(target=taker, daemon=True).start()

    def _take_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                with connection, connection.makefile("rb") as stream:
                    self.lines += list(stream)

    def _take_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.lines.append(self._udp.recv(8192))

    def settle(self) -> None:
        """Waits until nothing more comes."""
        count = -1
        while count != len(self.lines):
            count = len(self.lines)
            time.sleep(0.05)

    def close(self) -> None:
        """Ends both threads."""
        for each in (self._tcp, self._udp):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _placed(text: str, folder: Path, port: int) -> str:
    """A configuration with its places below `folder`."""
    text = text.replace(_LOADED, f'{_LOADED} SysSock.Name="{folder}/socket"')
    for place in ("/var/log/", "/etc/rsyslog"):
        text = text.replace(place, f"{folder}{place}")
    text = text.replace(f"{HOST}:514", f"127.0.0.1:{port}")
    return text.replace(f'"{HOST}" port="514"', f'"127.0.0.1" port="{port}"')


def arrived(files: dict[str, str]) -> dict[str, list[str]]:
    """Where each sample record arrives: paths, and HOST; empty for what arrives nowhere."""
    folder, collector = Path(tempfile.mkdtemp(prefix="rsyslog-")), Collector()
    try:
        (folder / "var/log").mkdir(parents=True)
        mark = _MARK.format(mark=folder / "mark")
        for path, text in files.items():
            place = Path(f"{folder}{path}")
            place.parent.mkdir(parents=True, exist_ok=True)
            own = mark if path == "/etc/rsyslog.conf" else ""
            place.write_text(own + _placed(text, folder, collector.port))
        _run(folder)
        collector.settle()
        return {label(sample): places(sample, folder, collector) for sample in SENT}
    finally:
        collector.close()
        shutil.rmtree(folder)


def _run(folder: Path) -> None:
    """Starts rsyslogd, sends every sample record and ends it in order."""
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{_ROOT}/usr/lib/x86_64-linux-gnu"}
    argv = [str(PROGRAM), "-n", "-f", f"{folder}/etc/rsyslog.conf", "-i", f"{folder}/pid"]
    modules = f"{_ROOT}/usr/lib/x86_64-linux-gnu/rsyslog"
    argv += ["-M", modules] if _ROOT else []
    with subprocess.Popen(
        argv, env=environment if _ROOT else None,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            # a configuration without input has no socket
            if _wait(folder / "socket", process, 5.0):
                _send(folder / "socket")
                _wait(folder / "mark", process, 2.0)
        finally:
            process.terminate()


def _wait(path: Path, process: subprocess.Popen[bytes], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.005)
    return path.exists()


def _send(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(path))
        for sample in SENT:
            sender.send(line(sample))
        sender.send(b"<191>Nov 29 08:00:00 endmark: x")


def places(sample: Sample, folder: Path, collector: Collector) -> list[str]:
    """Where a sample record arrived: paths below `folder`, and HOST."""
    text = (sample.text or "some text").replace(WORD, "alice").encode()
    found = [
        str(path).removeprefix(str(folder)) for path in sorted((folder / "var/log").rglob("*"))
        if path.is_file() and _holds(path.read_bytes().split(b"\n"), sample, text)
    ]  # fmt: skip
    return found + [HOST] * _holds(collector.lines, sample, text)


def _holds(lines: list[bytes], sample: Sample, text: bytes) -> bool:
    program = f" {sample.program}".encode()
    return any(text in line and program in line for line in lines)


def version() -> str:
    """The version of the program."""
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{_ROOT}/usr/lib/x86_64-linux-gnu"}
    reported = subprocess.run(
        [str(PROGRAM), "-v"], env=environment, capture_output=True, check=True
    )
    return reported.stdout.split(b"(", 1)[0].decode().strip()


def main() -> None:
    """Records the outcome of every case."""
    found = {name: {"files": files, "arrived": arrived(files)} for name, files in CASES.items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in found.items())
    head = json.dumps(version())
    ARRIVED.write_text(f'{{"program": {head}, "cases": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    main()
