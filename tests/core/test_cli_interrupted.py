"""An interrupted run ends soon, leaves no process behind, and can be resumed by one process."""

from __future__ import annotations

import secrets
import signal
import socket
from pathlib import Path

import pytest

from core.command import Toy
from live.patience import eventually
from live.processes import running
from live.product import HANGS_S, Running, start

ENDLESS_S = 3600


def start_what_sleeps(toys: Toy) -> tuple[Running, str]:
    """A run whose only question does not end by itself, and the command it waits for."""
    asleep = f"sleep {ENDLESS_S}.{secrets.randbelow(10**15):015}"
    toys.asks(f'Command(argv=tuple("{asleep}".split()), timeout_s={ENDLESS_S})')
    started = start("run", "toy", "--store", toys.base / "store", env=toys.env)
    assert eventually(lambda: running(asleep) or started.has_ended)
    return started, asleep


def test_130_when_interrupted_and_soon(toys: Toy) -> None:
    started, asleep = start_what_sleeps(toys)
    started.signal(signal.SIGINT)
    done = started.wait(ENDLESS_S / 10)
    assert done.code == 130
    assert done.stderr.strip().split("\n")[-1].startswith("dengbao: interrupted")
    assert b"Traceback" not in done.err
    assert "--resume" in done.stderr
    assert eventually(lambda: not running(asleep))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_130_and_no_shell_left_when_ended_from_outside(toys: Toy, number: int) -> None:
    started, asleep = start_what_sleeps(toys)
    started.signal(number)
    assert started.wait(ENDLESS_S / 10).ended(130).stderr.count("--resume") == 1
    assert eventually(lambda: not running(asleep))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_child_left_when_a_check_hangs(toys: Toy, number: int) -> None:
    module, reported = toys.package / "__init__.py", toys.base / "pid"
    hang = (
        f"import os; open({str(reported)!r}, 'w').write(str(os.getpid()))\n    while True: pass\n"
    )
    first = "    return expect(seen"
    module.write_text(module.read_text().replace(first, f"    {hang}{first}", 1))
    toys.colours("blue", "blue")
    started = start("run", "toy", "--store", toys.base / "store", env=toys.env)
    assert eventually(lambda: reported.exists() and reported.read_text() != "")
    started.signal(number)
    started.wait().ended(130 if number == signal.SIGTERM else -number)
    assert eventually(lambda: not Path(f"/proc/{reported.read_text()}").exists())


def test_130_also_while_a_host_does_not_speak(toys: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANGS_S)
        inventory = toys.base / "inventory.yaml"
        inventory.write_text(
            "targets:\n  - id: a\n    address: 127.0.0.1\n    access: {user: a, password: env:A_PW,"
            f" port: {silent.getsockname()[1]}}}\n"
        )
        started = start("run", "toy", "-i", inventory, "--store", toys.base / "store",
                        env=toys.env | {"A_PW": "x1x2x3x4"})  # fmt: skip
        connection, _ = silent.accept()
        with connection:  # it is there, and waits for a first word
            started.signal(signal.SIGINT)
            assert started.wait().code == 130


def test_two_processes_do_not_resume_one_run(toys: Toy) -> None:
    stay = toys.package / "stay"
    stay.touch()
    words = ("sh", "-c", 'while [ -e "$0" ]; do sleep 0.1; done', str(stay))
    toys.asks(f"Command(argv={words!r}, timeout_s={ENDLESS_S})")
    started = start("run", "toy", "--store", toys.base / "store", env=toys.env)
    eventually(lambda: list((toys.base / "store").glob("runs/*/bundles/*")))
    second = toys("run", "--resume", "--store", toys.base / "store")
    stay.unlink()
    started.wait().ended(0)
    assert second.code == 74
    assert "another process" in second.stderr
