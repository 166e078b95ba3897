"""Runs the real syslog-ng on configurations and tells where sample records arrive.

`SYSLOG_ROOT=FOLDER PYTHONPATH=tests python -m recorded.syslog_ng` writes `syslog_ng_arrived.json`;
in FOLDER the packages syslog-ng-core, libivykis0 and libnet1 of Debian are unpacked, for they
cannot be installed beside rsyslog.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from recorded.rsyslog import HOST, SENT, Collector, label, line, places

ARRIVED = Path(__file__).with_name("syslog_ng_arrived.json")
MAIN = "/etc/syslog-ng/syslog-ng.conf"
_SOURCE = '@version: 3.35\nsource s { unix-dgram("/dev/log"); };\n'
_MARK = (
    'log {{ source(s); filter {{ program("endmark"); }}; destination {{ file("{mark}"); }}; '
    "flags(final); }};\n"
)
_ROOT = os.environ.get("SYSLOG_ROOT", "")
_FILE = 'destination d { file("/var/log/all"); };\n'
_A = 'destination a { file("/var/log/a"); };\n'
_B = 'destination b { file("/var/log/b"); };\n'
_ALL = _FILE + "log { source(s); destination(d); };\n"


def _filtered(expression: str) -> str:
    return _A + f"filter f {{ {expression} }};\nlog {{ source(s); filter(f); destination(a); }};\n"


_NET = 'destination n {{ network("log.example.com" port(514) transport("{}")); }};\n'
_RULES = {
    "all to a file": _ALL,
    "facility": _filtered("facility(auth, authpriv);"),
    "facility and level": _filtered("facility(authpriv) and level(notice);"),
    "a range of levels": _filtered("level(info..err);"),
    "a range, turned": _filtered("level(err..notice);"),
    "priority": _filtered("priority(info);"),
    "not": _filtered("not facility(auth, authpriv);"),
    "not binds closely": _filtered("not facility(auth) and level(info);"),
    "and before or": _filtered('facility(cron) or facility(authpriv) and program("sudo");'),
    "or after and": _filtered('facility(authpriv) and program("sudo") or facility(cron);'),
    "parentheses": _filtered('(facility(cron) or facility(authpriv)) and program("sudo");'),
    "program": _filtered('program("sshd");'),
    "a part of a program": _filtered('program("ss");'),
    "program, anchored": _filtered('program("^ss$");'),
    "programs": _filtered('program("^(sshd|sudo)$");'),
    "program as text": _filtered('program("ss" type(string));'),
    "program as text, start": _filtered('program("ss" type(string) flags(prefix));'),
    "case of a program": _filtered('program("SSHD");'),
    "message": _filtered('message("Accepted");'),
    "message, alternatives": _filtered('message("COMMAND|CMD");'),
    "match of the message": _filtered('match("Accepted" value("MESSAGE"));'),
    "message of a name": _filtered('message("alice");'),
    "message, other": _filtered('not message("Connection closed by");'),
    "names of filters": _filtered("facility(authpriv);")
        + "filter g { filter(f) and not level(notice); };\n" + _B
        + "log { source(s); filter(g); destination(b); };\n",
    "two filters": _A + "log { source(s); filter { facility(authpriv); }; filter { level(notice); "
                   "}; destination(a); };\n",
    "facility by number": _filtered("facility(10);"),
    "levels with names": _filtered("level(warning, notice);"),
    "host": _filtered('host("web1");'),
    "final": _A + "filter f { facility(auth, authpriv); };\nlog { source(s); filter(f); "
             "destination(a); flags(final); };\n" + _ALL,
    "discard": "filter f { facility(auth, authpriv); };\nlog { source(s); filter(f); "
               "flags(final); };\n" + _ALL,
    "discard of all": "log { source(s); flags(final); };\n" + _ALL,
    "final afterwards": _ALL + "log { source(s); flags(final); };\n",
    "final that does not match": _A + "log { source(s); filter { facility(mail); }; "
                                 "destination(a); flags(final); };\n" + _ALL,
    "fallback": _A + "log { source(s); filter { facility(authpriv); }; destination(a); };\n"
                + _FILE + "log { source(s); destination(d); flags(fallback); };\n",
    "catchall": _FILE + "log { destination(d); flags(catchall); };\n",
    "no source": _FILE + "log { destination(d); };\n",
    "destination before the filter": _FILE + _A + "log { source(s); destination(d); filter { "
                                     "facility(auth); }; destination(a); };\n",
    "a log within": _FILE + _A + "log { source(s); log { filter { facility(auth); }; "
                    "destination(a); flags(final); }; log { destination(d); }; };\n",
    "a log within, for what no other took": _FILE + _A + "log { source(s); log { filter { "
        "facility(auth, authpriv); }; destination(a); }; log { destination(d); flags(fallback); "
        "}; };\n",
    "a log within, after a filter": _A + "log { source(s); filter { facility(auth); }; log { "
                                    "destination(a); }; };\n" + _ALL,
    "if": _A + _B + "log { source(s); if (facility(auth)) { destination(a); } else { "
          "destination(b); }; };\n",
    "if with a filter": _A + _B + "log { source(s); if { filter { facility(auth); }; "
                        "destination(a); } else { destination(b); }; };\n",
    "elif": _A + _B + _FILE + "log { source(s); if (facility(auth)) { destination(a); } elif "
            "(facility(cron)) { destination(b); } else { destination(d); }; };\n",
    "junction": _A + _B + "log { source(s); junction { channel { filter { facility(auth); }; "
                "destination(a); flags(final); }; channel { destination(b); }; }; };\n",
    "a source in the path": 'log { source { unix-dgram("/dev/log2"); }; destination { '
                            'file("/var/log/other"); }; };\n' + _ALL,
    "to /dev/null": 'log { source(s); destination { file("/dev/null"); }; };\n',
    "a file of a macro": 'log { source(s); destination { file("/var/log/$PROGRAM.log"); }; };\n',
    "several files": 'destination m { file("/var/log/a"); file("/var/log/b"); };\n'
                     "log { source(s); destination(m); };\n",
    "forward by TCP": _NET.format("tcp") + "log { source(s); destination(n); };\n",
    "forward by UDP, filtered": _NET.format("udp")
        + "log { source(s); filter { facility(auth); }; destination(n); };\n",
    "a destination that nobody uses": _A + _ALL,
    "a channel in a source": _FILE + "log { source { channel { source(s); filter { "
                             "not facility(cron); }; }; }; destination(d); };\n",
    "a queue on disk": _NET.format("tcp").replace("); };", " disk-buffer(mem-buf-size(1000000) "
                       'disk-buf-size(2000000) reliable(no) dir("/tmp"))); };')
                       + "log { source(s); destination(n); };\n",
    "a final log within": _FILE + _A + "log { source(s); filter { facility(auth); }; log { "
                          "destination(a); flags(final); }; };\nlog { source(s); "
                          "destination(d); };\n",
    "filters that name filters": _A + "filter g { facility(auth); };\nfilter h { filter(g) or "
                                 "not filter(k); };\nfilter k { facility(authpriv); };\n"
                                 "log { source(s); filter(h); destination(a); };\n",
    "comments": "# log { source(s); flags(final); };\n" + _ALL + "# end\n",
    "definitions": '@define place "/var/log/x"\ndestination x { file("`place`"); };\n'
                   "log { source(s); destination(x); };\n",
    "flags, several": _FILE + _A + "log { source(s); filter { facility(auth); }; destination(a); "
                      "flags(flow-control,final); };\nlog { source(s); destination(d); };\n",
    "quotes": "destination 'q' { file('/var/log/q'); };\nlog { source('s'); destination(\"q\"); "
              "};\n",
    "names with minus and underscore": 'destination d_a_b { file("/var/log/m"); };\nlog { '
                                       "source(s); destination(d-a-b); };\n",
    "rewrite": 'rewrite r { set("x", value("PROGRAM")); };\nlog { source(s); rewrite(r); filter { '
               'program("x"); }; destination { file("/var/log/r"); }; };\n',
}  # fmt: skip
# syslog-ng does not start with most of these.
WRONG = {
    "a semicolon is missing": _ALL + "log { source(s); destination(d) };\n",
    "a semicolon is missing behind a statement": _FILE + "log { source(s); destination(d); }\n",
    "a semicolon too many": _ALL + ";;\n",
    "a bracket is missing": _ALL + "log { source(s); destination(d);\n",
    "a bracket too many": _ALL + "};\n",
    "a quote is open": _ALL + 'destination e { file("/var/log/e); };\n',
    "a path of an unknown source": _ALL + "log { source(none); destination(d); };\n",
    "a path of an unknown destination": _ALL + "log { source(s); destination(none); };\n",
    "a path of an unknown filter": _ALL + "log { source(s); filter(none); destination(d); };\n",
    "an unknown statement": _ALL + "logs { source(s); destination(d); };\n",
    "an unknown option": "options { keep_forever(yes); };\n" + _ALL,
    "an unknown driver": 'destination e { fille("/var/log/e"); };\n' + _ALL,
    "an unknown option of a driver": 'destination e { file("/var/log/e" keep(yes)); };\n' + _ALL,
    "an unknown part of a path": _ALL + "log { source(s); sink(d); };\n",
    "an unknown flag": _ALL + "log { source(s); destination(d); flags(last); };\n",
    "an unknown level": _filtered("level(loud);") + _ALL,
    "an unknown facility": _filtered("facility(logins);") + _ALL,
    "an unknown filter function": _filtered("facilities(auth);") + _ALL,
    "text behind": _ALL + "done\n",
    "two destinations of a name": _FILE + 'destination d { file("/var/log/a"); };\n'
                                  + "log { source(s); destination(d); };\n",
    "an unknown pragma": "@includes \"x\"\n" + _ALL,
    "an empty path": _ALL + "log { };\n",
    "a path with a name": _FILE + "log all { source(s); destination(d); };\n",
}  # fmt: skip
CASES: dict[str, dict[str, str]] = {
    **{name: {MAIN: _SOURCE + text} for name, text in _RULES.items()},
    "includes": {
        MAIN: _SOURCE + '@include "/etc/syslog-ng/conf.d/*.conf"\n' + _ALL,
        "/etc/syslog-ng/conf.d/a.conf":
            "log { source(s); filter { facility(auth); }; flags(final); };\n",
    },
    "an include that is not there": {
        MAIN: _SOURCE + '@include "/etc/syslog-ng/conf.d/*.conf"\n' + _ALL,
    },
    **{name: {MAIN: _SOURCE + text} for name, text in WRONG.items()},
    "byte order mark": {MAIN: f"\ufeff{_SOURCE}{_ALL}"},
    "CR LF": {MAIN: f"{_SOURCE}{_ALL}".replace("\n", "\r\n")},
    "no version": {MAIN: _SOURCE.replace("@version: 3.35", "# no version") + _ALL},
    "an error in an included file": {
        MAIN: _SOURCE + '@include "/etc/syslog-ng/conf.d/*.conf"\n' + _ALL,
        "/etc/syslog-ng/conf.d/a.conf": "log { source(s) };\n",
    },
    "files that are not included": {
        MAIN: _SOURCE + _ALL,
        "/etc/syslog-ng/conf.d/a.conf": "log { source(s); flags(final); };\n",
    },
}  # fmt: skip


def _placed(text: str, folder: Path, port: int) -> str:
    for place in ("/var/log/", "/etc/syslog-ng/", "/dev/log"):
        text = text.replace(place, f"{folder}{place}")
    return text.replace(f'"{HOST}" port(514)', f'"127.0.0.1" port({port})')


def arrived(files: dict[str, str]) -> dict[str, list[str]]:
    """Where each sample record arrives: paths, and HOST; empty for what arrives nowhere."""
    folder, collector = Path(tempfile.mkdtemp(prefix="syslog-ng-")), Collector()
    try:
        for part in ("var/log", "dev", "etc/syslog-ng/conf.d"):
            (folder / part).mkdir(parents=True)
        mark = _MARK.format(mark=folder / "mark")
        for path, text in files.items():
            placed = _placed(text, folder, collector.port)
            if path == MAIN and mark:
                first, source, rest = placed.split("\n", 2)
                placed = "\n".join((first, source, mark + rest))
            Path(f"{folder}{path}").write_bytes(placed.encode())
        _run(folder)
        time.sleep(0.05)
        return {label(sample): places(sample, folder, collector) for sample in SENT}
    finally:
        collector.close()
        shutil.rmtree(folder)


def _run(folder: Path) -> None:
    libraries = [f"{_ROOT}/usr/lib/x86_64-linux-gnu", f"{_ROOT}/usr/lib/syslog-ng"]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}
    argv = (f"{_ROOT}/usr/sbin/syslog-ng", "-F", "--no-caps", "-f", f"{folder}{MAIN}",
            "-p", f"{folder}/pid", "-c", f"{folder}/ctl", "-R", f"{folder}/persist",
            f"--module-path={_ROOT}/usr/lib/syslog-ng/3.38")  # fmt: skip
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
        try:
            if _wait(folder / "dev/log", process):
                time.sleep(0.05)
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                    sender.connect(str(folder / "dev/log"))
                    for sample in SENT:
                        sender.send(line(sample))
                    sender.send(b"<191>Nov 29 08:00:00 endmark: x")
                _wait(folder / "mark", process)
                time.sleep(0.05)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        if process.wait(5):
            print((process.stderr.read() if process.stderr else "")[:300])  # noqa: T201


def _wait(path: Path, process: subprocess.Popen[str]) -> bool:
    until = time.monotonic() + 2
    while not path.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.005)
    return path.exists()


def main() -> None:
    """Records the outcome of every case."""
    lines = []
    for name, files in CASES.items():
        case = {"files": files, "arrived": arrived(files)}
        lines.append(f"{json.dumps(name)}: {json.dumps(case)}")
    text = ",\n".join(lines)
    ARRIVED.write_text(f'{{"program": "syslog-ng 3.38.1", "cases": {{\n{text}\n}}}}\n')


if __name__ == "__main__":
    main()
