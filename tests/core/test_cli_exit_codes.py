"""The command's exit codes: how far a run came, --fail-on, wrong use, what cannot be done."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_core.cli.parser import EXIT_CODES
from core.command import Toy, one_line
from live.product import ENTRY, dengbao, environment


def test_0_for_a_run_that_was_carried_out_whatever_it_found(toys: Toy) -> None:
    toys.colours("red", None)
    done = toys.run().ended(0)
    assert "Toy" in done.stdout
    for words in (["evaluate"], ["results"], ["results", "--format", "json"]):
        again = toys(words[0], "latest", *words[1:], "--store", toys.base / "store")
        assert again.ended(0).out


def test_1_only_where_what_fail_on_asks_for_holds(toys: Toy) -> None:
    store = ("--store", toys.base / "store")
    toys.colours("red", None)
    toys.run().ended(0)
    expected = {
        "high": 1, "low": 1, "undetermined": 1, "1.0": 1, "1.1": 0, "new": 1, "1.1,undetermined": 1,
        "toy/1.0": 1,
    }  # fmt: skip
    found = {w: toys("results", "latest", *store, "--fail-on", w).code for w in expected}
    assert found == expected
    toys.colours("red", "red")
    assert toys.run("--fail-on", "new").code == 1  # the second one
    assert toys.run("--fail-on", "new").code == 0
    toys.colours("blue", "red")
    assert toys.run("--fail-on", "high").code == 0
    assert toys.run("--fail-on", "high", "--fail-on", "low").code == 1
    line = one_line(toys.run("--fail-on", "hihg"), 64)
    assert "did you mean 'high'?" in line
    one_line(toys("results", "latest", *store, "--fail-on", ""), 64)  # a variable that is not set


def test_4_where_a_target_was_not_reached(toys: Toy, closed_port: int) -> None:
    toys.colours("blue", "blue")
    inventory = toys.base / "inventory.yaml"
    inventory.write_text(
        "targets:\n  - {id: here, access: {via: local}}\n"
        "  - id: away\n    address: 127.0.0.1\n"
        f"    access: {{user: a, port: {closed_port}, password: env:A_PASSWORD}}\n"
    )
    done = toys.run("-i", inventory, "--fail-on", "high", A_PASSWORD="x1x2x3x4").ended(4)
    assert "away" in done.stdout
    one_line(toys.run("-i", inventory, "--fail-on", "hihg", A_PASSWORD="x1x2x3x4"), 64)
    results = ("results", "latest", "--store", toys.base / "store")
    one_line(toys(*results, "--fail-on", "hihg"), 64)  # also where 4 would be the end
    view = toys("results", "latest", "--store", toys.base / "store", "--format", "json").ended(4)
    assert not view.json["run"]["complete"]
    states = {t["id"]: (t["status"]["state"], t["status"]["why"]) for t in view.json["targets"]}
    assert states == {"here": ("reached", ""), "away": ("not_reached", "unreachable")}
    toys("collect", "toy", "-i", inventory, "--store", toys.base / "s", A_PASSWORD="x1").ended(4)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


WRONG_USE = [
    [], ["no-such-command"], ["run"], ["run", "gbt22239-l3", "--no-such-option"],
    ["run", "gbt22239-l3", "-t", "nobody"], ["run", "no-such-profile"], ["run", "--resume"],
    ["results", "latest"], ["evaluate", "2026"], ["pack", "latest"], ["catalog"],
    ["catalog", "show", "no-such-catalog"], ["profile", "show", "gbt22239-l33"],
    ["check", "show", "no-such-check"], ["plan"], ["plan", "gbt22239-l3", "--format", "xml"],
    ["--lang", "fr", "plugin", "list"], ["run", "--at-once", "many", "gbt22239-l3"],
    ["run", "gbt22239-l3", "--at-once", "0"], ["run", "gbt22239-l3", "--at-once", "-3"],
    ["run", "gbt22239-l3", "--at-once", "1000"], ["verify", "x.zip", "--fingerprint", "ab"],
    ["verify", "no-such-run"], ["pack", "latest", "-o", "/tmp"],
]  # fmt: skip


def test_64_for_wrong_use(subtests: pytest.Subtests, bare: dict[str, str], tmp_path: Path) -> None:
    for words in WRONG_USE:
        with subtests.test(" ".join(words)):
            one_line(dengbao(*words, env=bare | {"DENGBAO_STORE": str(tmp_path)}), 64)


def test_64_for_a_pack_in_place_of_a_device(toys: Toy) -> None:
    os.mkfifo(toys.base / "pipe")
    done = toys("run", "toy", "-o", toys.base / "pipe").ended(64)
    assert "not a regular file" in done.stderr


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        yield int(listener.getsockname()[1])


def test_69_without_a_library_that_is_needed(toys: Toy, silent_port: int) -> None:
    hidden = toys.base / "hidden" / "paramiko"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden by a test')\n")
    inventory = toys.base / "inventory.yaml"
    inventory.write_text(
        "targets:\n  - id: a\n    address: 127.0.0.1\n"
        f"    access: {{user: a, port: {silent_port}, password: env:A_PASSWORD}}\n"
    )
    env = environment(toys.base, (hidden.parent, toys.base / "site"), A_PASSWORD="x1x2x3x4")
    words = ("run", "toy", "-i", inventory, "--store", toys.base / "store")
    done = dengbao(*words, env=env, fresh=True)
    assert done.code == 69, done.stderr
    assert b"Traceback" not in done.err
    assert "pip install 'dengbao[ssh]'" in done.stderr


def test_69_from_doctor_where_a_tool_is_missing(toys: Toy) -> None:
    done = toys("doctor", "--format", "json", PATH="/no/such/folder")
    assert done.code == 69
    assert {"nmap"} <= {row["what"] for row in done.json if row["state"] == "missing"}


def test_70_for_a_fault_of_our_own_and_never_a_verdict(bare: dict[str, str]) -> None:
    program = f"import audit_core.cli.commands as c; c.dispatch = lambda *a: 1 / 0; {ENTRY}"
    done = subprocess.run([sys.executable, "-c", program, "doctor"], env=bare, capture_output=True)
    assert done.returncode == 70
    assert b"ZeroDivisionError" in done.stderr


def test_74_where_nothing_can_be_written(toys: Toy) -> None:
    toys.colours("blue", "blue")
    file = toys.base / "a-file"
    file.write_text("x")
    line = one_line(toys("run", "toy", "--store", file / "below", "--quiet"), 74)
    assert "cannot write" in line or "Not a directory" in line
    assert "a file, not a directory" in one_line(toys("run", "toy", "--store", file, "--quiet"), 74)
    done = toys.run("-o", "/proc/no/such/pack.zip")
    assert done.code == 74
    assert b"Traceback" not in done.err


def test_78_for_a_resume_that_is_not_the_same_audit(toys: Toy) -> None:
    toys.colours("blue", "blue")
    inventory = toys.base / "inventory.yaml"
    inventory.write_text("targets:\n  - {id: a, access: {via: local}}\n")
    toys.run("-i", inventory).ended(0)
    (seal,) = (toys.base / "store").glob("runs/*/seal.json")
    seal.unlink()
    line = one_line(toys("run", "--resume", "--store", toys.base / "store", "--quiet"), 78)
    assert "another inventory" in line
    inventory.write_text("targets:\n  - {id: b, access: {via: local}}\n")
    resume = ["run", "--resume", "--store", toys.base / "store", "--quiet", "-i", inventory]
    assert "another inventory" in one_line(toys(*resume), 78)
    other = ["run", "gbt22239-l2", *resume[1:]]
    inventory.write_text("targets:\n  - {id: a, access: {via: local}}\n")
    assert "started with toy" in one_line(toys(*other), 78)
    toys(*resume[:1], "toy", *resume[1:]).ended(0)


def test_78_for_an_address_outside_the_scope(toys: Toy) -> None:
    inventory = toys.base / "inventory.yaml"
    inventory.write_text(
        "scope: [192.0.2.0/24]\ntargets:\n  - id: a\n    address: localhost\n"
        "    access: {user: a, password: env:A_PW}\n"
    )
    line = one_line(toys.run("-i", inventory, "--quiet", A_PW="x1x2x3x4"), 78)
    assert "outside the declared scope" in line


@pytest.mark.parametrize(
    ("login", "reported"),
    [("password: env:NOT_SET", "env:NOT_SET"), ("password: 'file:/no/such'", "/no/such"),
     ("key: /no/such/key", "No such file"), ("password: vault:kv/x", "vault"),
     ("agent: true", "SSH_AUTH_SOCK")],
)  # fmt: skip
def test_a_credential_that_is_not_there_costs_its_own_host(
    toys: Toy, login: str, reported: str
) -> None:
    toys.colours("blue", "blue")
    inventory = toys.base / "inventory.yaml"
    inventory.write_text(
        "targets:\n  - {id: here, access: {via: local}}\n"
        "  - id: a\n    address: 127.0.0.1\n    access:\n      user: a\n      port: 1\n"
        f"      {login}\n"
    )
    stopped = toys.run("-i", inventory, "--quiet").ended(78)
    assert reported in stopped.stderr
    assert not (toys.base / "store").exists()
    done = toys.run("-i", inventory, "--partial", "--quiet", "--format", "json").ended(4)
    assert reported in done.stderr
    assert "redacted" not in done.stderr
    verdicts = {f["id"]: (f["verdict"], f["why"]) for f in done.json["findings"]}
    assert verdicts["toy.blue@here"][0] == "pass"
    assert verdicts["toy.blue@a"] == ("undetermined", "not_collected")


def test_without_docstrings_there_are_no_checks_and_that_is_told(bare: dict[str, str]) -> None:
    done = dengbao("check", "list", env={**bare, "PYTHONOPTIMIZE": "2"}).ended(78)
    assert "docstrings" in done.stderr
    assert dengbao("check", "list", env={**bare, "PYTHONOPTIMIZE": "1"}).ended(0).stdout


def test_every_documented_code_is_one_of_an_error_class_or_of_a_run() -> None:
    from audit_core.model import errors

    classes = {c.exit_code for c in errors.DengbaoError.__subclasses__()}
    assert {code for code, _ in EXIT_CODES} == classes | {
        0,
        1,
        4,
        errors.DengbaoError.exit_code,
        130,
    }
