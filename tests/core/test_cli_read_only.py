"""A store that cannot be written to is read all the same: results are printed, runs are packed.

As an auditor holds one: on a read-only medium, on a full disk, or with somebody else's rights.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from core.command import Toy, one_line
from live.island import need_namespaces
from live.product import Done, dengbao
from live.sshd import program

NOT_STORED = "The results are not stored: "
HOW = {
    "read-only": "mount --bind {there} {here}; mount -o remount,ro,bind {here}",
    "full": "mount -t tmpfs -o size=4M,mode=700 none {here}; cp -a {there}/. {here}; "
    "cat /dev/zero 2>/dev/null >{here}/filled || :",
    "without rights": "mount --bind {there} {here}; find {here} -type d -exec chmod a-w {{}} +",
}
STRERROR = {
    "read-only": ("Read-only file system", "文件系统只读"),
    "full": ("No space left on device", "磁盘空间不足"),
    "without rights": ("Permission denied", "权限不足"),
}


class Copy:
    """A stored run, as it can be read and not written to; each command sees it anew."""

    def __init__(self, toys: Toy, base: Path, how: str) -> None:
        self.how, self.out, self.store = how, base / "out", base / "copy"
        self.out.mkdir()
        self.store.mkdir()
        self._env, self._there = toys.env, base / "store"
        shutil.copytree(toys.base / "store", self._there, symlinks=True)

    def forget(self) -> None:
        """No results are there, as of a run that was collected and not yet evaluated."""
        for path in self._there.glob("runs/*/results/*"):
            shutil.rmtree(path)

    def files(self) -> set[Path]:
        return {*self._there.rglob("*")}

    def __call__(self, *words: object) -> Done:
        places = {"there": shlex.quote(str(self._there)), "here": shlex.quote(str(self.store))}
        # Root with this alone reads everything, and writes where its owner may.
        drop = f"{program('setpriv')} --bounding-set=-all,+dac_read_search --inh-caps=-all"
        script = f'mount --make-rprivate /; {HOW[self.how].format(**places)}; exec {drop} "$@"'
        prefix = (program("unshare"), "--mount", "sh", "-euc", script, "sh")
        return dengbao(*words, "--store", self.store, env=self._env, prefix=prefix)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    need_namespaces()
    toys = Toy(tmp_path_factory.mktemp("ran"))
    toys.colours("red", "blue")
    toys.run("--quiet").ended(0)
    return toys


@pytest.fixture(params=HOW)
def copy(ran: Toy, tmp_path: Path, request: pytest.FixtureRequest) -> Copy:
    return Copy(ran, tmp_path, request.param)


def test_results_are_printed_with_a_notice_that_they_are_not_stored(copy: Copy) -> None:
    copy.forget()
    shown = copy("results", "latest", "--format", "json", "--lang", "en").ended(0)
    assert {f["verdict"] for f in shown.json["findings"]} == {"pass", "fail"}
    english, chinese = STRERROR[copy.how]
    (line,) = shown.stderr.strip().split("\n")
    assert line.startswith(f"{NOT_STORED}{copy.store}/")
    assert line.endswith(english)
    shown = copy("results", "latest", "--lang", "zh").ended(0)
    assert "玩具" in shown.stdout
    (line,) = shown.stderr.strip().split("\n")
    assert line.startswith("结果未保存：")
    assert line.endswith(chinese)


def test_stored_results_are_printed_without_a_notice(copy: Copy) -> None:
    assert copy("results", "latest").ended(0).err == b""


def test_what_is_judged_anew_has_to_be_stored(copy: Copy) -> None:
    copy.forget()
    line = one_line(copy("evaluate", "latest"), 74)
    assert "/results/toy" in line
    assert line.endswith(f": cannot write: {STRERROR[copy.how][0]}")


def test_a_read_only_store_is_verified_and_packed_unchanged(copy: Copy) -> None:
    copy.forget()
    before = copy.files()
    copy("verify", "latest").ended(0)
    pack = copy.out / "pack.zip"
    done = copy("pack", "latest", "-o", pack, "--lang", "en").ended(0)
    not_stored, no_key = done.stderr.strip().split("\n")
    assert not_stored.startswith(NOT_STORED)
    assert no_key.startswith("The store holds no signing key and none can be created in it: ")
    assert "signed with a temporary key" in no_key
    copy("verify", pack).ended(0)
    assert copy.files() == before


def test_a_given_key_signs_without_a_notice(copy: Copy) -> None:
    key = copy.out / "key.pem"
    command = [program("openssl"), "genpkey", "-algorithm", "ed25519", "-out", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    done = copy("pack", "latest", "-o", copy.out / "pack.zip", "--key", key).ended(0)
    assert done.err == b""
