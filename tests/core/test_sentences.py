"""What is told as text is said in the reader's language where we said it, and quoted otherwise."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit_backup
import audit_core
import audit_linux
import audit_nmap
import audit_patch
import audit_tls
from audit_core.model import Message
from audit_core.text import translate
from core.command import Toy

PACKAGES = [audit_backup, audit_core, audit_linux, audit_nmap, audit_patch, audit_tls]
FOLDERS = [Path(str(package.__file__)).parent for package in PACKAGES]
CHINESE = translate.Translator("zh", {f.name: f / "locale" for f in FOLDERS})


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("no end within 20 s", "20 秒内未结束"),
        ("no connection: [Errno 113] No route to host",
         "未能建立连接：没有到主机的路由（errno 113）"),
        ("what answers does not speak TLS: not a reply: 220 {x} 你好",
         "应答方不支持 TLS：不是协议应答：“220 {x} 你好”"),
        ("Error reading SSH protocol banner", "“Error reading SSH protocol banner”"),
        ("no end within 20 s and more", "“no end within 20 s and more”"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_nobody_of_us_said_is_quoted_as_it_came(told: str, said: str) -> None:
    assert CHINESE.sentence(told) == said
    assert (
        CHINESE.say(
            Message(
                id="{asked}: {error}",
                domain="audit_core",
                args={"asked": "a", "error": told},
            )
        )
        == f"a：{said}"
    )
    assert translate.Translator("en").sentence(told) == told


def test_a_session_is_told_in_chinese_and_never_quoted() -> None:
    jumped = "ssh a@b:22, host key SHA256:x, through ssh c@d:22, host key SHA256:y, uid 5"
    assert CHINESE.ours(jumped) == (
        "SSH 登录 a@b:22，主机密钥 SHA256:x，登录后 uid 为 5，经跳板机："
        "SSH 登录 c@d:22，主机密钥 SHA256:y"
    )
    assert CHINESE.ours("local process as uid 7") == "本机进程，uid 7"
    assert CHINESE.ours("by pigeon") == "by pigeon"


def test_sentences_within_sentences_come_to_an_end() -> None:
    told = "not a report: " * 100_000
    started = time.process_time()
    assert CHINESE.sentence(told) == f"“{told}”"
    assert CHINESE.sentence(told[:1960]).count("不是探测报告") == 3
    assert time.process_time() - started < 10  # 0.01 s were measured


@given(st.text(max_size=60))
def test_any_text_survives_in_its_quotes(told: str) -> None:
    said = CHINESE.sentence(f"\x01{told}")
    assert said == f"“\x01{told}”"


def test_an_observation_is_told_in_chinese_in_json_and_workbook(toys: Toy) -> None:
    (toys.package / "colour").mkdir()
    pack = toys.base / "pack.zip"
    done = toys.run("--lang", "zh", "--format", "json", "-o", pack).ended(2)
    told = {(o["status"], o["detail"]) for o in done.json["observations"]}
    assert ("not_regular", "是目录") in told
    assert {o["how"] for o in done.json["observations"]} == {f"经 local、uid {os.geteuid()}"}
    with zipfile.ZipFile(pack) as zipped:
        book = openpyxl.load_workbook(io.BytesIO(zipped.read("workbook.xlsx")))
        objects = [n for n in zipped.namelist() if n.startswith("results/objects/")]
        stored = b"".join(map(zipped.read, objects))
    cells = [str(c.value) for row in book["证据索引"].iter_rows() for c in row]
    assert [cell for cell in cells if "是目录" in cell]
    assert not [cell for cell in cells if "a directory" in cell]
    assert b'"a directory"' in stored
