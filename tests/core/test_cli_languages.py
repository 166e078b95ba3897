"""Every text of the command in both languages."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from audit_core.cli import main
from audit_core.cli.names import CODES
from audit_core.cli.parser import language
from audit_core.model import Reason, Severity
from audit_core.text.system_errors import os_error
from audit_core.text.translate import Translator
from core.command import Toy, one_line
from live.product import dengbao

COMMANDS = [
    (), ("init",),
    ("run",), ("plan",), ("collect",), ("evaluate",), ("results",), ("pack",), ("verify",),
    ("catalog",), ("catalog", "list"), ("catalog", "show"), ("profile",), ("profile", "list"),
    ("profile", "show"), ("profile", "lint"), ("check",), ("check", "list"), ("check", "show"),
    ("plugin",), ("plugin", "list"), ("doctor",), ("hostkeys",), ("questions",), ("import",),
    ("inventory",), ("inventory", "check"), ("inventory", "suggest"), ("runs",), ("runs", "list"),
]  # fmt: skip

_LEFT = {
    "dengbao", "en", "zh", "table", "json", "list", "show", "lint", "latest", "sudoers", "yaml",
    "zip", "pem", "user", "state", "run", "plan", "collect", "evaluate", "results", "pack",
    "verify", "catalog", "profile", "check", "plugin", "doctor", "hostkeys", "questions", "attest",
    "import", "workbook", "xlsx", "store", "dir", "inventory", "suggest", "runs", "high", "medium",
    "low", "new", "undetermined", "explain", "schema", "schemas", "crosswalk", "diff", "test",
    "init",
}  # fmt: skip


def english_words(text: str) -> set[str]:
    """Words in lower case that are no option, no place in capitals and no name of ours."""
    text = re.sub(r"--?[a-z][a-z-]*|\$?[A-Z][A-Z_]+|\{[a-z_,]+\}|\.[a-z]+", " ", text)
    return {w for w in re.findall(r"[a-z]{2,}", text) if w not in _LEFT}


def test_help_in_both_languages(
    subtests: pytest.Subtests, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["dengbao"])
    for words in COMMANDS:
        with subtests.test(" ".join(words)):
            ended = {}
            for lang in ("en", "zh"):
                assert main([*words, "--help", "--lang", lang]) == 0
                ended[lang] = capsys.readouterr()
            assert ended["en"].out.startswith("usage: dengbao")
            assert not re.search("[\u4e00-\u9fff]", ended["en"].out.replace("等保", ""))
            assert english_words(ended["zh"].out) == set()
            assert ended["en"].err == ended["zh"].err == ""


def test_every_code_has_a_translation() -> None:
    codes = {
        *Severity,
        *Reason,
        "inconclusive",
        "incomplete",
        "ok",
        "missing",
        "limited",
        "out of reach",
    }
    assert codes <= CODES.keys()


def test_system_errors_are_printed_in_chinese(bare: dict[str, str], tmp_path: Path) -> None:
    for code in (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EIO,
                 errno.ENAMETOOLONG, errno.ENXIO, errno.EPERM, errno.ENOSPC, errno.EROFS,
                 errno.EMFILE):  # fmt: skip
        detail = os_error(OSError(code, os.strerror(code)))
        assert str(detail) == os.strerror(code)
        assert Translator("zh").say(detail) != str(detail)
    for words in (
        ["plan", "gbt22239-l3", "-i", tmp_path / "none"],
        ["profile", "lint", "none.yaml"],
    ):
        line = one_line(dengbao(*words, "--lang", "zh", env=bare), 65)
        assert line.endswith("无法读取：没有该文件或目录")


def test_the_language_is_that_of_the_option_else_of_the_locale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert language(["run"]) == "en"
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert language(["run"]) == "zh"
    assert language(["--lang", "en", "run", "--lang=zh"]) == "zh"  # the last one, as of all options
    assert language(["run", "--lang", "en"]) == language(["--lang=en", "run"]) == "en"


def test_the_table_is_chinese_too(toys: Toy) -> None:
    toys.colours("red", None)
    shown = toys.run("--lang", "zh").ended(0)
    for word in ("玩具", "符合", "部分符合", "不符合", "不适用", "未测", "合计", "未能判定",
                 "自查参考，不替代测评机构结论", "核查 20"):  # fmt: skip
        assert word in shown.stdout
    for word in ("layer", "total", "Not determined", "Worst", "severity", "Run:"):
        assert word not in shown.stdout
    assert "只读核查" in shown.stderr


TABLES = [
    ("catalog", "list"), ("catalog", "show", "smart-finance"), ("profile", "list"),
    ("profile", "show", "gbt22239-l2"), ("check", "list"), ("check", "show", "backup.size"),
    ("plugin", "list"),
]  # fmt: skip
LEFT_AS_CODES = {
    "host", "endpoint", "backup_set", "general", "cloud", "full", "partial", "supports", "draft",
    "comment", "rows", "numbering",
}  # fmt: skip


@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_codes_are_words_in_tables_and_codes_in_json(
    bare: dict[str, str], words: tuple[str, ...]
) -> None:
    shown = dengbao(*words, "--lang", "zh", env=bare).ended(0).stdout
    cells = {cell.strip() for line in shown.split("\n") for cell in re.split(" {2,}|[()]", line)}
    assert {cell.split(" ")[0] for cell in cells} & LEFT_AS_CODES == set()
    reported = [
        dengbao(*words, "--lang", lang, "--format", "json", env=bare) for lang in ("zh", "en")
    ]
    codes = [
        re.findall('"(?:kind|coverage|scope|confidence|privilege)": .*', t.stdout) for t in reported
    ]
    assert codes[0] == codes[1]


def test_what_is_asked_is_told_in_chinese(bare: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(
        "targets:\n  - id: hhh\n    address: 127.0.0.1\n    access: {via: local}\n"
        "    endpoints: [{port: 1}]\n"
    )
    words = ("plan", "gbt22239-l3", "-i", path, "--verbose", "--lang", "zh")
    shown = dengbao(*words, env=bare).ended(0).stdout
    rows = re.findall(r"^ hhh +(\S+) +(\S+) ", shown, re.MULTILINE)
    assert {rights for rights, _ in rows} == {"登录用户", "root", "采集机"}
    assert {kind for _, kind in rows} == {"命令", "文件", "多个文件", "端口扫描", "SSH"}
    unwrapped = re.sub(r"\s", "", shown)
    for asked in ("端口1逐个发送TLSClientHello", "判为关闭或未应答的端口再各连接一次"):
        assert asked in unwrapped


def test_the_remarks_of_a_sudoers_file_are_in_both_languages(bare: dict[str, str]) -> None:
    words = ("plan", "gbt22239-l3", "--grants", "audit", "--lang")
    reported = [
        dengbao(*words, lang, env=bare).ended(0).stdout.split("\n") for lang in ("en", "zh")
    ]
    assert reported[0][0] == "# dengbao: what an audit by audit runs as root. Check with visudo -c."
    assert (
        reported[1][0] == "# dengbao：audit 核查时以 root 权限执行的命令。请用 visudo -c 检查本文件"
    )
    assert reported[0][1:] == reported[1][1:]


@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_no_chinese_in_english_tables(bare: dict[str, str], words: tuple[str, ...]) -> None:
    shown = dengbao(*words, "--lang", "en", env=bare).ended(0).stdout
    assert re.findall("[\u4e00-\u9fff]+", shown) == []
