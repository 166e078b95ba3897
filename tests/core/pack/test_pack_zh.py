"""What checking a pack says is all there in Chinese, with the same places for values."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from babel.messages.pofile import read_po

from audit_core.model import msg
from audit_core.text.translate import OWN, Translator

PACKAGE = OWN.parent / "pack"


def test_every_message_has_its_chinese(tmp_path: Path) -> None:
    pot = tmp_path / "pack.pot"
    extract = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-k", "msg"]
    subprocess.run([*extract, "-o", str(pot), str(PACKAGE)], check=True)
    with pot.open("rb") as handle:
        wanted = {str(message.id) for message in read_po(handle) if message.id}
    chinese = Translator("zh")
    for text in sorted(wanted):
        said = chinese.text(text)
        assert sorted(re.findall(r"{\w+}", said)) == sorted(re.findall(r"{\w+}", text)), text
        assert said != text or text == "{error}", text


def test_the_compiled_texts_are_those_of_the_source() -> None:
    folder = OWN / "zh" / "LC_MESSAGES"
    chinese = Translator("zh")
    with (folder / "pack.po").open("rb") as handle:
        for message in read_po(handle):
            if message.id:
                assert chinese.text(str(message.id)) == message.string
    assert chinese.say(msg("Signature by the key {key}", key="{key}")) == "签名（密钥指纹 {key}）"
