"""Recorded output of package managers, and answers of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from audit_core.model import Answer, Answers, Command, NamedAsk, Target

RECORDINGS = Path(__file__).parents[1] / "plugins" / "patch" / "recordings"
APT_LISTS = b"LISTS='/var/lib/apt/lists/'\n"  # apt-config 2.6.1, without a setting
HOST = Target(id="h", kind="host", object_type="server")


def answer(stdout: bytes = b"", stderr: bytes = b"", exit_code: int = 0) -> Answer:
    return Answer(
        stdout=stdout, stderr=stderr, exit_code=exit_code, truncated=False,
        collected_at="2026-11-23T12:00:00+00:00", target=HOST,
    )  # fmt: skip


def answers(**named: Answer | bytes) -> Answers:
    """Several answers by name; bytes are what the command wrote."""
    reported = {k: v if isinstance(v, Answer) else answer(v) for k, v in named.items()}
    return Answers(target=HOST, named=reported)


def recording(name: str) -> Answer:
    """The recording without its header, with the exit status that the header tells."""
    head, _, body = (RECORDINGS / name).read_bytes().partition(b"#> ---\n")
    status = head.decode().partition("exit status: ")[2]
    return answer(body, exit_code=int(status))


def run_all(asks: dict[str, NamedAsk], *, replace: tuple[str, str] = ("", "")) -> Answers:
    """The answers of this machine to `asks`, with a part of their arguments replaced."""
    found = {}
    for name, ask in asks.items():
        assert isinstance(ask, Command)
        found[name] = run(ask, swap={a: a.replace(*replace) for a in ask.argv if replace[0] in a})
    return answers(**found)


def run(command: Command, *, swap: dict[str, str] | None = None) -> Answer:
    """The answer of this machine to `command`, with some of its arguments replaced."""
    argv = [(swap or {}).get(a, a) for a in command.argv]
    env = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(argv, capture_output=True, env=env, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode in command.ok, done.stderr
    return answer(done.stdout, done.stderr, done.returncode)
