"""A server that is started for each connection: by systemd (Accept=yes), by inetd or by xinetd.

No process shows its options: a session puts its own name in their place. They stand in the files
that start it. Tried with systemd-socket-activate 252 and OpenSSH 9.2p1; inetd.conf and xinetd.d are
read as their manual pages say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import structs

from audit_core.api.sdk import Answer, FileStatus, ReadFiles, derive, fact, first_of
from audit_linux.config_files import systemd_settings
from audit_linux.ssh.sshd_running import (
    PER_CONNECTION,
    RUNNING,
    RUNNING_SEEN,
    Running,
    servers_of,
)

_UNITS = tuple(
    f"{folder}/systemd/system/{name}@.service"
    for name in ("ssh", "sshd") for folder in ("/etc", "/usr/local/lib", "/usr/lib", "/lib")
)  # fmt: skip
_DROP_INS = tuple(f"/etc/systemd/system/{name}@.service.d" for name in ("ssh", "sshd"))
_INETD, _XINETD = "/etc/inetd.conf", ("/etc/xinetd.d/ssh", "/etc/xinetd.d/sshd")
_VARIABLES = (
    "/etc/default/ssh", "/etc/sysconfig/sshd", "/etc/sysconfig/ssh",
    "/etc/crypto-policies/back-ends/opensshserver.config",
)  # fmt: skip


def parse_starters(answer: Answer) -> tuple[str, ...]:
    """The command lines that start a server for a connection; empty where no file has one."""
    texts = {file.path: file.text for file in answer.files if file.status is FileStatus.READ}
    found = tuple(dict.fromkeys((*_by_inetd(texts.get(_INETD, "")), *_by_xinetd(texts))))
    return found or tuple(_by_systemd(texts))


def _by_inetd(text: str) -> Iterator[str]:
    """Service, socket, protocol, wait, user, program, arguments from the name of the program on."""
    for line in text.split("\n"):
        words = line.split()
        if line.startswith("#") or len(words) <= _PROGRAM:
            continue
        program, *arguments = words[_PROGRAM:]
        if program.endswith("/tcpd") and arguments:
            program = arguments[0]
        if program.endswith("/sshd"):
            yield " ".join((program, *arguments[1:]))


_PROGRAM = 5
_PAIR = re.compile(r"[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*")


def _by_xinetd(texts: dict[str, str]) -> Iterator[str]:
    for path in _XINETD:
        rows = [_PAIR.fullmatch(line) for line in texts.get(path, "").split("\n")]
        values = {row[1]: row[2] for row in rows if row}
        if values.get("server", "").endswith("/sshd") and values.get("disable", "no") != "yes":
            yield f"{values['server']} {values.get('server_args', '')}".strip()


def _by_systemd(texts: dict[str, str]) -> Iterator[str]:
    for name, folder in zip(("ssh", "sshd"), _DROP_INS, strict=True):
        unit = next((p for p in _UNITS if p.endswith(f"/{name}@.service") and p in texts), None)
        more = sorted(path for path in texts if path.startswith(f"{folder}/"))
        command = ""
        for path in (*((unit,) if unit else ()), *more):
            for key, value in systemd_settings(texts[path], "Service"):
                command = value if key == "ExecStart" else command
        if unit and command:
            yield _expanded(command.lstrip("-@:+!"), texts)


def _expanded(command: str, texts: dict[str, str]) -> str:
    values: dict[str, str] = {}
    for path in _VARIABLES:
        rows = [_PAIR.fullmatch(line) for line in texts.get(path, "").split("\n")]
        values |= {row[1]: row[2].strip("\"'") for row in rows if row}
    text = re.sub(r"\$\{?(\w+)\}?", lambda name: values.get(name[1], ""), command)
    return " ".join(text.split())


STARTERS = fact(
    "linux.sshd-starters",
    tuple[str, ...],
    kind="host",
    ask=ReadFiles(
        paths=(_INETD, *_XINETD, *_UNITS, *_DROP_INS, *_VARIABLES), depth=1, file_limit=64 << 10
    ),
    parse=parse_starters,
)


def with_starters(running: Running, commands: tuple[str, ...]) -> Running:
    """The same with the options that a server for each connection is started with."""
    if PER_CONNECTION not in running.other or not commands:
        return running
    found = servers_of(commands)
    others = (one for one in running.other if one != PER_CONNECTION)
    return structs.replace(found, other=(*others, *found.other))


STARTED = derive(
    "linux.sshd-started",
    Running,
    needs=(first_of(RUNNING, RUNNING_SEEN), STARTERS),
    make=with_starters,
)
FACTS = (STARTERS, STARTED)
