"""Why a host was not reached, through the whole product, in the reader's language."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest

from core.toy import toy
from live.island import host, inventory
from live.product import Done, dengbao, environment
from live.sshd import Sshd

pytestmark = pytest.mark.live
PLUGIN = """
@check("toy.name", needs=fact("toy.hostname", str, kind="host", ask=ReadFile(path="/etc/hostname"),
       parse=lambda a: a.text), severity=Severity.LOW)
def named(seen):
    \"\"\"It has a name.\"\"\"
    return expect(bool(seen), detail=msg("{seen}", seen=seen))
"""


class FailedRun:
    """One run over a host whose key is unknown and one whose port is closed."""

    def __init__(self, base: Path) -> None:
        toy(base / "site", PLUGIN, ["toy.name"])
        self._env = environment(base, (base / "site",))
        self._store = base / "store"
        (base / "nobody").write_text("")
        with Sshd() as server, socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
            new = host("new", server, known=str(base / "nobody"))
            port = closed.getsockname()[1]
            shut = host("shut", server).replace(f"port: {server.port}\n", f"port: {port}\n")
            inv = inventory(base / "i.yaml", new, shut)
            self.run = self._do("run", "toy", "-i", inv, "-o", base / "pack.zip", "--lang", "zh",
                                "--partial")  # fmt: skip
        self.pack = base / "pack.zip"

    def _do(self, *words: object) -> Done:
        return dengbao(*words, "--store", self._store, env=self._env).ended(0, 4)

    def detail(self, lang: str) -> str:
        shown = self._do("results", "latest", "--format", "json", "--lang", lang)
        return "\n".join(f["detail"] for f in shown.json["findings"] if f["check"] == "toy.name")

    def workbook(self) -> str:
        with zipfile.ZipFile(self.pack) as pack:
            (name,) = [n for n in pack.namelist() if n.endswith(".xlsx")]
            with pack.open(name) as book, zipfile.ZipFile(book) as sheets:
                texts = [sheets.read(n) for n in sheets.namelist() if n.endswith(".xml")]
        return b"".join(texts).decode()


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> FailedRun:
    return FailedRun(tmp_path_factory.mktemp("told"))


ENGLISH = ("unknown host key ssh-ed25519", "Connection refused, nothing listens there")
CHINESE = ("主机密钥 ssh-ed25519", "连接被拒绝，该端口无服务监听")


def test_the_finding_is_in_the_language_of_whoever_reads_it(reported: FailedRun) -> None:
    english, chinese = reported.detail("en"), reported.detail("zh")
    for own, other in zip(ENGLISH, CHINESE, strict=True):
        assert own in english
        assert own not in chinese
        assert other in chinese
        assert other not in english


def test_the_command_and_the_workbook_speak_chinese(reported: FailedRun) -> None:
    for text in (reported.run.stderr, reported.workbook()):
        for own, other in zip(ENGLISH, CHINESE, strict=True):
            assert other in text
            assert own not in text
    assert "请将 SHA256:" in reported.run.stderr
    assert "ssh-keyscan -p " in reported.run.stderr
