"""What the command prints, where, and what it imports and escapes for it."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.command import Toy, one_line
from live.product import ENTRY, dengbao, environment


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"]])
def test_version_and_help_import_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr))\n"
        f"sys.argv[1:] = {words!r}\n{ENTRY}"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment(tmp_path),
                          capture_output=True, text=True, check=True)  # fmt: skip
    loaded = {name.partition(".")[0] for name in done.stderr.split("\n")}
    heavy = {"paramiko", "openpyxl", "rich", "nmap", "cryptography", "yaml", "pluggy",
             "securesystemslib", "audit_linux"}  # fmt: skip
    assert "audit_core" in loaded
    assert loaded & heavy == set()


def test_only_json_is_printed_on_stdout(toys: Toy) -> None:
    toys.colours("red", "blue")
    for words in (["run", "toy", "--store", toys.base / "store"], ["plan", "toy"],
                  ["results", "latest", "--store", toys.base / "store"], ["doctor"],
                  ["catalog", "list"], ["catalog", "show", "toy"], ["profile", "list"],
                  ["check", "list"], ["plugin", "list"]):  # fmt: skip
        done = toys(*words, "--format", "json")
        assert done.json, words
        # 69: there is no nmap here, and doctor is there to say so
        assert done.code in ((0, 69) if words == ["doctor"] else (0,))


@pytest.mark.parametrize("words", ["catalog show smart-finance", "check list --format json"])
def test_a_closed_pipe_causes_no_traceback_and_no_verdict(bare: dict[str, str], words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", ENTRY, *words.split()]
    done = subprocess.run(command, env=bare, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_characters_that_the_terminal_lacks_are_escaped(bare: dict[str, str]) -> None:
    env = {**bare, "PYTHONIOENCODING": "ascii"}
    shown = dengbao("--lang", "zh", "profile", "list", env=env).ended(0)
    assert "\\u7b49\\u7ea7\\u4fdd\\u62a4" in shown.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lose_only_what_is_printed(toys: Toy, closed: str) -> None:
    toys.colours("blue", "red")
    store = toys.base / "store"
    line = f'"{sys.executable}" -c "{ENTRY}" run toy --format json --store "{store}" {closed}'
    done = subprocess.run(["sh", "-c", line], env=toys.env, capture_output=True, text=True)
    assert done.returncode == 0
    if ">&-" not in closed.replace("2>&-", ""):
        assert json.loads(done.stdout)["run"]["complete"]
    toys("verify", "latest", "--store", store).ended(0)


def test_no_sudoers_line_for_a_target_without_sudo(bare: dict[str, str], tmp_path: Path) -> None:
    text = "targets:\n  - {{id: h, access: {{via: local, sudo: {sudo}}}}}\n"
    path = tmp_path / "inventory.yaml"
    lines = []
    for sudo in ("per-command", "none"):
        path.write_text(text.format(sudo=sudo))
        words = ("plan", "--sudoers", "audit", "gbt22239-l3", "-i", path)  # as --grants
        lines.append(dengbao(*words, env=bare).ended(0).stdout.count("NOPASSWD"))
    assert lines[0] > 10
    assert lines[1] == 0


def test_the_version_is_the_same_in_each_language(bare: dict[str, str]) -> None:
    detail = dengbao("--version", env=bare).ended(0).stdout
    assert detail.startswith("dengbao ")
    assert dengbao("--lang", "zh", "--version", env=bare).ended(0).stdout == detail


def test_the_line_that_would_allow_root_can_be_typed_as_it_stands(toys: Toy) -> None:
    toys.asks('Command(argv=("/bin/sh", "-c", "exit 126"), privilege=Privilege.ROOT)')
    inventory = toys.base / "my inventory.yaml"
    inventory.write_text("targets: [{id: a, access: {via: local, sudo: none}}]\n")
    user = pwd.getpwuid(os.getuid()).pw_name
    for given in ((), ("-i", inventory)):
        shown = toys("run", "toy", *given, "--store", toys.base / "store").stdout
        # The command ends the line, or has a line of its own where both are too wide.
        command = shown.partition("/etc/sudoers.d/dengbao")[2].partition(":")[2]
        typed = ["plan", "toy", *map(str, given), "--grants", user]
        assert shlex.split(command.strip().partition("\n")[0]) == ["dengbao", *typed]
        typed[-1] = "audit"
        assert toys(*typed).ended(0).stdout.startswith("# dengbao")


def test_no_line_allows_root_where_root_would_not_help(toys: Toy) -> None:
    toys.asks('Command(argv=("/bin/sh", "-c", "exit 126"))')
    shown = toys.run().ended(0).stdout
    assert "not_permitted 2" in shown
    assert "sudoers" not in shown


def test_only_the_chosen_target_is_asked(toys: Toy) -> None:
    toys.colours("blue", "blue")
    inventory = toys.base / "inventory.yaml"
    inventory.write_text(
        "targets:\n  - {id: a, access: {via: local}}\n  - {id: b, access: {via: local}}\n"
    )
    done = toys.run("-i", inventory, "-t", "b", "--format", "json").ended(0)
    assert {f["target"] for f in done.json["findings"]} == {"b"}
    assert {c["target"] for c in done.json["conclusions"]} == {"b"}
    line = one_line(toys.run("-i", inventory, "-t", "c", "--quiet"), 64)
    assert "'c'" in line
    assert "a, b" in line


def test_results_and_packs_of_a_run_that_was_cut_off_say_so(toys: Toy) -> None:
    toys.colours("red", "blue")
    toys.run().ended(0)
    store, pack = toys.base / "store", toys.base / "pack.zip"
    (seal,) = store.glob("runs/*/seal.json")
    reported = (
        "The collection of this run is incomplete; dengbao run --resume continues the "
        "newest incomplete run"
    )
    words = (["results", "latest"], ["pack", "latest", "-o", pack], ["evaluate", "latest"])
    for each in words:
        assert reported not in toys(*each, "--store", store).stderr
    seal.unlink()
    for each in words:
        assert reported in toys(*each, "--store", store).stderr


def test_no_more_problems_of_a_pack_are_listed_than_can_be_read(toys: Toy) -> None:
    path = toys.base / "other.zip"
    with zipfile.ZipFile(path, "w") as made:
        for number in range(100):
            made.writestr(f"name-{number}", "")
    shown = toys("verify", path).ended(65)
    assert shown.stdout.count("ERROR") == 30
    every = len(toys("verify", path, "--format", "json").ended(65).json["problems"])
    assert f"{every - 30} more with --format json" in shown.stdout


def test_nothing_of_a_store_is_open_to_others(toys: Toy) -> None:
    toys.colours("red", "blue")
    before = os.umask(0)
    try:
        toys.run("-o", toys.base / "pack.zip").ended(0)
    finally:
        os.umask(before)
    kept = [toys.base / "store", toys.base / "pack.zip", *(toys.base / "store").rglob("*")]
    assert {path.name for path in kept} >= {"lock", "seal.json", "ed25519.pem"}
    assert [path for path in kept if path.stat().st_mode & 0o077] == []


def test_a_profile_has_one_name_in_chinese(bare: dict[str, str]) -> None:
    detail = one_line(dengbao("--lang", "zh", "profile", "show", "none", env=bare), 64)
    assert detail.startswith("dengbao: 没有测评指标 'none'（现有：")
