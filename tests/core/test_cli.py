"""The command as its users meet it: exit codes, both languages, one line for what is wrong."""

from __future__ import annotations

import errno
import itertools
import json
import os
import pwd
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_core.cli.parser import EXIT_CODES, language
from audit_core.i18n import Translator
from audit_core.model import Reason, Severity
from core.literals import ARGPARSE, english_for_good, literals
from core.toy import toy
from live.patience import eventually
from live.processes import running
from live.product import ENTRY, HANGS_S, Done, Running, dengbao, environment, start

ROOT = Path(__file__).parents[2]
COMMANDS = [
    (), ("run",), ("plan",), ("collect",), ("evaluate",), ("results",), ("pack",), ("verify",),
    ("catalog",), ("catalog", "list"), ("catalog", "show"), ("profile",), ("profile", "list"),
    ("profile", "show"), ("profile", "lint"), ("check",), ("check", "list"), ("check", "show"),
    ("plugin",), ("plugin", "list"), ("doctor",),
]  # fmt: skip

SIMPLE = """
def colour(name):
    return fact("toy." + name, str, ask=ReadFile(path=str(HERE / name)),
                parse=lambda a: a.text.strip())

@check("toy.blue", needs=colour("colour"), severity=Severity.HIGH)
def blue(seen):
    \"\"\"It is blue.\"\"\"
    return expect(seen == "blue", said=msg("it is {seen}", seen=seen))

@check("toy.second", needs=colour("second"), severity=Severity.LOW)
def second(seen):
    \"\"\"It is blue as well.\"\"\"
    return expect(seen == "blue", said=msg("it is {seen}", seen=seen))
"""


class Toy:
    """An installed toy plugin, and the command beside it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.package = toy(base / "site", SIMPLE, ["toy.blue", "toy.second"])
        self.env = environment(base, (base / "site",))

    def colours(self, first: str | None, second: str | None) -> None:
        for name, colour in (("colour", first), ("second", second)):
            (self.package / name).unlink(missing_ok=True)
            if colour is not None:
                (self.package / name).write_text(colour)

    def asks(self, request: str) -> None:
        """The checks ask `request` instead of reading a file."""
        module = self.package / "__init__.py"
        asked = "ReadFile(path=str(HERE / name))"
        assert asked in module.read_text()
        module.write_text(module.read_text().replace(asked, request))

    def __call__(self, *words: object, **env: str) -> Done:
        return dengbao(*words, env=self.env | env)

    def run(self, *words: object, **env: str) -> Done:
        return self("run", "toy", "--store", self.base / "store", *words, **env)


@pytest.fixture
def toys(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("home"))


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        yield int(listener.getsockname()[1])


# --- exit codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("blue", "blue", 0), ("red", "blue", 1), ("blue", None, 2), ("red", None, 3)],
)
def test_the_verdict_is_in_the_exit_code(
    toys: Toy, first: str, second: str | None, code: int
) -> None:
    toys.colours(first, second)
    done = toys.run().ended(code)
    assert "Toy" in done.stdout
    for words in (["evaluate"], ["results"], ["results", "--format", "json"]):
        again = toys(words[0], "latest", *words[1:], "--store", toys.base / "store")
        assert again.ended(code).out


def one_line(done: Done, code: int) -> str:
    """The one line on stderr that a wrong call ends with."""
    assert done.code == code, (done.code, done.stderr)
    assert b"Traceback" not in done.err
    lines = done.stderr.strip().split("\n")
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("dengbao: ")
    assert len(lines[0]) > 20
    return lines[0]


@pytest.mark.parametrize(
    "words",
    [
        [], ["no-such-command"], ["run"], ["run", "gbt22239-l3", "--no-such-option"],
        ["run", "gbt22239-l3", "-t", "nobody"], ["run", "no-such-profile"], ["run", "--resume"],
        ["results", "latest"], ["evaluate", "2026"], ["pack", "latest"], ["catalog"],
        ["catalog", "show", "no-such-catalog"], ["profile", "show", "gbt22239-l33"],
        ["check", "show", "no-such-check"], ["plan"], ["plan", "gbt22239-l3", "--format", "xml"],
        ["--lang", "fr", "plugin", "list"], ["run", "--at-once", "many", "gbt22239-l3"],
        ["run", "gbt22239-l3", "--at-once", "0"], ["run", "gbt22239-l3", "--at-once", "-3"],
        ["run", "gbt22239-l3", "--at-once", "1000"], ["verify", "x.zip", "--fingerprint", "ab"],
        ["verify", "no-such-run"], ["pack", "latest", "-o", "/tmp"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_64_for_wrong_use(bare: dict[str, str], tmp_path: Path, words: list[str]) -> None:
    one_line(dengbao(*words, env=bare | {"DENGBAO_STORE": str(tmp_path)}), 64)


BROKEN_INVENTORIES = {
    "empty": "",
    "text": "hello",
    "no targets": "targets: []\n",
    "duplicate key": "targets:\n  - id: a\n    id: b\n    access: {via: local}\n",
    "unknown key": "targets:\n  - {id: a, acess: {via: local}}\n",
    "object": "targets: !!python/object/apply:os.system ['id']\n",
    "tab": "targets:\n\t- id: a\n",
    "alias bomb": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\ntargets: *c\n",
    "deep": "[" * 5000,
    "not utf-8": "targets:\n  - id: \udcff\udcfe\n",
    "control": "targets:\n  - id: a\x1b[2J\n",
    "outside the scope": "scope: [10.0.0.0/8]\ntargets:\n  - id: a\n    address: 192.0.2.1\n"
    "    access: {user: a, agent: true}\n",
    "option as a host": "targets:\n  - id: a\n    address: -oProxyCommand=id\n"
    "    access: {user: a, agent: true}\n",
}


@pytest.mark.parametrize("name", BROKEN_INVENTORIES)
def test_65_for_a_broken_inventory(bare: dict[str, str], tmp_path: Path, name: str) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_bytes(BROKEN_INVENTORIES[name].encode("utf-8", "surrogateescape"))
    for words in (["run", "gbt22239-l3"], ["plan", "gbt22239-l3"], ["doctor"]):
        line = one_line(dengbao(*words, "-i", path, env=bare), 65)
        assert "inventory.yaml" in line
        assert "\x1b" not in line


def test_a_profile_below_the_declared_level_is_told(bare: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    told = {}
    for level in (2, 3):
        path.write_text(
            f"system: {{level: {level}}}\ntargets: [{{id: a, access: {{via: local}}}}]\n"
        )
        for name in ("gbt22239-l2", "gbt22239-l3", "smart-finance"):
            done = dengbao("plan", name, "-i", path, "--lang", "en", env=bare).ended(0)
            told[level, name] = done.stderr.strip()
    line = "The inventory declares level 3; gbt22239-l2 asks for level 2 only"
    assert {key: said for key, said in told.items() if said} == {(3, "gbt22239-l2"): line}


def test_65_for_files_that_are_not_there_or_are_folders(
    bare: dict[str, str], tmp_path: Path
) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        assert str(path) in one_line(dengbao("plan", "gbt22239-l3", "-i", path, env=bare), 65)
    assert "none.yaml" in one_line(dengbao("run", tmp_path / "none.yaml", env=bare), 65)


BROKEN_PROFILES = {
    "empty": "",
    "no title": "id: x\nextends: gbt22239-l3\n",
    "unknown parent": "id: x\ntitle: {zh: x, en: x}\nextends: gbt22239-l9\n",
    "duplicate key": "id: x\nid: y\ntitle: {zh: x, en: x}\n",
    "itself": "id: x\ntitle: {zh: x, en: x}\nextends: x\n",
    "unknown catalog": "id: x\ntitle: {zh: x, en: x}\ncatalogs: [{catalog: nope}]\n",
    "unknown parameter": "id: x\ntitle: {zh: x, en: x}\nextends: gbt22239-l3\n"
    "params: {linux.password-quality: {min_lenght: 12}}\n",
    "unknown check": "id: x\ntitle: {zh: x, en: x}\nextends: gbt22239-l3\n"
    "params: {linux.no-such-check: {a: 12}}\n",
    "bad regex": "id: x\ntitle: {zh: x, en: x}\nextends: gbt22239-l3\nchecks:\n"
    "  - {id: x.y, title: {zh: x, en: x}, fact: linux.packages, matches: '(', clauses: []}\n",
}


@pytest.mark.parametrize("name", BROKEN_PROFILES)
def test_65_or_78_for_a_broken_profile(bare: dict[str, str], tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(BROKEN_PROFILES[name])
    for words in (["run", path, "--store", tmp_path / "store"], ["plan", path]):
        done = dengbao(*words, env=bare)
        assert done.code in (64, 65, 78)
        one_line(done, done.code)
    assert not (tmp_path / "store").exists()


def test_65_for_a_bundle_or_stamp_that_was_altered(toys: Toy) -> None:
    toys.colours("blue", "blue")
    toys.run().ended(0)
    store = toys.base / "store"
    (bundle,) = store.glob("runs/*/bundles/*")
    raw = bundle.read_bytes()
    bundle.write_bytes(raw.replace(b"blue", b"blxe"))
    done = toys("verify", "latest", "--store", store)
    assert done.code == 65
    assert "bundle" in done.stdout
    (stamp,) = store.glob("runs/*/run.json")
    stamp.write_text("{")
    one_line(toys("results", "latest", "--store", store), 65)


def test_a_pack_is_held_to_the_fingerprint_that_was_given(toys: Toy) -> None:
    toys.colours("blue", "blue")
    pack, store = toys.base / "p.zip", ("--store", toys.base / "store")
    toys.run("-o", pack).ended(0)
    signer = str(toys("verify", pack, "--format", "json").ended(0).json["signer"])
    for known in (signer, f"SHA256:{signer.upper()}"):
        shown = toys("verify", pack, "--fingerprint", known).ended(0).stdout
        assert "came with the pack" not in shown
    other = toys("verify", pack, "--fingerprint", "0" * 64)
    assert other.code == 65
    assert "0" * 64 in other.stdout.replace("\n", "")
    # a stored run carries no signature: nothing may look as if it had been held to one
    line = one_line(toys("verify", "latest", *store, "--fingerprint", signer), 64)
    assert "no signature" in line
    one_line(toys("verify", "latest", *store, "--key", pack), 64)


def test_an_altered_answer_is_never_a_verdict(toys: Toy) -> None:
    toys.colours("blue", "blue")
    toys.run().ended(0)
    store = toys.base / "store"
    (bundle,) = store.glob("runs/*/bundles/*")
    bundle.write_bytes(bundle.read_bytes().replace(b"blue", b"blxe"))
    done = toys("evaluate", "latest", "--store", store, "--format", "json")
    assert done.code in (2, 65)
    if done.code == 2:
        assert {f["verdict"] for f in done.json["findings"]} == {"undetermined"}


def test_65_for_what_is_no_pack(bare: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    for raw in (b"", b"PK\x05\x06" + b"\0" * 18, os.urandom(1000)):
        path.write_bytes(raw)
        done = dengbao("verify", path, env=bare)
        assert done.code == 65
        assert b"Traceback" not in done.err
    for name in ("pack.zip", "./no/pack"):
        assert "no such file" in one_line(dengbao("verify", name, env=bare), 65)


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
    done = dengbao("run", "toy", "-i", inventory, "--store", toys.base / "store", env=env)
    assert done.code == 69, done.stderr
    assert b"Traceback" not in done.err
    assert "pip install 'dengbao[ssh]'" in done.stderr


def test_69_from_doctor_where_a_tool_is_missing(toys: Toy) -> None:
    done = toys("doctor", "--format", "json", PATH="/no/such/folder")
    assert done.code == 69
    assert {"nmap"} <= {row["what"] for row in done.json if row["state"] == "missing"}


def test_74_where_nothing_can_be_written(toys: Toy) -> None:
    toys.colours("blue", "blue")
    file = toys.base / "a-file"
    file.write_text("x")
    line = one_line(toys("run", "toy", "--store", file / "below", "--quiet"), 74)
    assert "cannot write" in line or "Not a directory" in line
    assert "a file, not a folder" in one_line(toys("run", "toy", "--store", file, "--quiet"), 74)
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
    assert "begun under toy" in one_line(toys(*other), 78)
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
    ("login", "told"),
    [("password: env:NOT_SET", "env:NOT_SET"), ("password: 'file:/no/such'", "/no/such"),
     ("key: /no/such/key", "No such file"), ("password: vault:kv/x", "vault"),
     ("agent: true", "SSH_AUTH_SOCK")],
)  # fmt: skip
def test_a_credential_that_is_not_there_costs_its_own_host(
    toys: Toy, login: str, told: str
) -> None:
    toys.colours("blue", "blue")
    inventory = toys.base / "inventory.yaml"
    inventory.write_text(
        "targets:\n  - {id: here, access: {via: local}}\n"
        "  - id: a\n    address: 127.0.0.1\n    access:\n      user: a\n      port: 1\n"
        f"      {login}\n"
    )
    done = toys.run("-i", inventory, "--quiet", "--format", "json").ended(2)
    assert told in done.stderr
    assert "redacted" not in done.stderr
    verdicts = {f["id"]: (f["verdict"], f["why"]) for f in done.json["findings"]}
    assert verdicts["toy.blue@here"][0] == "pass"
    assert verdicts["toy.blue@a"] == ("undetermined", "not_collected")


ENDLESS_S = 3600
_numbers = itertools.count()


def start_what_sleeps(toys: Toy) -> tuple[Running, str]:
    """A run whose only question does not end by itself, and the command it waits for."""
    asleep = f"sleep {ENDLESS_S}.{os.getpid()}{next(_numbers)}"
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


def test_130_and_no_child_left_when_a_check_hangs(toys: Toy) -> None:
    module, told = toys.package / "__init__.py", toys.base / "pid"
    hang = f"import os; open({str(told)!r}, 'w').write(str(os.getpid()))\n    while True: pass\n"
    first = "    return expect(seen"
    module.write_text(module.read_text().replace(first, f"    {hang}{first}", 1))
    toys.colours("blue", "blue")
    started = start("run", "toy", "--store", toys.base / "store", env=toys.env)
    assert eventually(lambda: told.exists() and told.read_text() != "")
    started.signal(signal.SIGTERM)
    started.wait(60).ended(130)
    assert eventually(lambda: not Path(f"/proc/{told.read_text()}").exists())


def test_every_documented_code_is_one_of_an_error_class_or_a_verdict() -> None:
    from audit_core import errors

    classes = {c.exit_code for c in errors.DengbaoError.__subclasses__()}
    assert {code for code, _ in EXIT_CODES} == classes | {
        0,
        1,
        2,
        3,
        errors.DengbaoError.exit_code,
        130,
    }


# --- languages ----------------------------------------------------------------------------------

_LEFT = {
    "dengbao", "en", "zh", "table", "json", "list", "show", "lint", "latest", "sudoers", "yaml",
    "zip", "pem", "user", "state", "run", "plan", "collect", "evaluate", "results", "pack",
    "verify", "catalog", "profile", "check", "plugin", "doctor", "store", "dir",
}  # fmt: skip


def english_words(text: str) -> set[str]:
    """Words in lower case that are no option, no place in capitals and no name of ours."""
    text = re.sub(r"--?[a-z][a-z-]*|\$?[A-Z][A-Z_]+|\{[a-z,]+\}|\.[a-z]+", " ", text)
    return {w for w in re.findall(r"[a-z]{2,}", text) if w not in _LEFT}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda w: " ".join(w) or "dengbao")
def test_help_in_both_languages(bare: dict[str, str], words: tuple[str, ...]) -> None:
    english = dengbao(*words, "--help", "--lang", "en", env=bare).ended(0)
    chinese = dengbao(*words, "--help", "--lang", "zh", env=bare).ended(0)
    assert english.stdout.startswith("usage: dengbao")
    assert not re.search("[\u4e00-\u9fff]", english.stdout.replace("等保", ""))
    assert english_words(chinese.stdout) == set()
    assert english.err == chinese.err == b""


def test_every_text_of_the_core_has_its_chinese() -> None:
    chinese = Translator("zh")
    found = literals()
    assert len(found) > 150  # the walk found the texts
    for text in ("all assessed and conforming", "standards as data", "Not reached: {detail}",
                 "which one", "severity", "asking {total} questions", "partly"):  # fmt: skip
        assert text in found
    wanted = {**found, **dict.fromkeys(ARGPARSE, "argparse")}
    codes = [*Severity, *(r for r in Reason), "inconclusive", "ok", "missing", "out of reach"]
    wanted |= dict.fromkeys(map(str, codes), "codes")
    missing = {text: where for text, where in wanted.items() if chinese.text(text) == text}
    assert missing == {}


def test_no_error_is_english_for_good() -> None:
    assert english_for_good() == []


def test_what_the_system_says_is_said_in_chinese(bare: dict[str, str], tmp_path: Path) -> None:
    for code in (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EIO,
                 errno.ENAMETOOLONG, errno.ENXIO, errno.EPERM, errno.ENOSPC, errno.EROFS,
                 errno.EMFILE):  # fmt: skip
        assert Translator("zh").text(os.strerror(code)) != os.strerror(code)
    for words in (
        ["plan", "gbt22239-l3", "-i", tmp_path / "none"],
        ["profile", "lint", "none.yaml"],
    ):
        line = one_line(dengbao(*words, "--lang", "zh", env=bare), 65)
        assert line.endswith("无法读取：没有该文件或目录")


def test_places_in_chinese_are_those_of_the_english() -> None:
    chinese = Translator("zh")
    for text in literals():
        english, translated = (set(re.findall(r"{(\w+)}", t)) for t in (text, chinese.text(text)))
        assert {p.removesuffix("_zh") for p in translated} == english, text


def test_the_language_is_that_of_the_option_else_of_the_locale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert language(["run"]) == "en"
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert language(["run"]) == "zh"
    assert language(["run", "--lang", "en"]) == language(["--lang=en", "run"]) == "en"


def test_the_table_is_chinese_too(toys: Toy) -> None:
    toys.colours("red", None)
    shown = toys.run("--lang", "zh", "--quiet").ended(3)
    for word in ("玩具", "符合", "部分符合", "不符合", "不适用", "未测", "合计", "未能判定",
                 "自查参考，不替代测评机构结论", "核查标识"):  # fmt: skip
        assert word in shown.stdout
    for word in ("layer", "total", "Not determined", "Worst", "severity", "Run:"):
        assert word not in shown.stdout
    assert "只读核查" in shown.stderr


# --- what is printed ----------------------------------------------------------------------------


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


def test_json_alone_stands_on_stdout(toys: Toy) -> None:
    toys.colours("red", "blue")
    for words in (["run", "toy", "--store", toys.base / "store"], ["plan", "toy"],
                  ["results", "latest", "--store", toys.base / "store"], ["doctor"],
                  ["catalog", "list"], ["catalog", "show", "toy"], ["profile", "list"],
                  ["check", "list"], ["plugin", "list"]):  # fmt: skip
        done = toys(*words, "--format", "json")
        assert done.json, words
        # 69: there is no nmap here, and doctor is there to say so
        assert done.code in ((0, 69) if words == ["doctor"] else (0, 1))


@pytest.mark.parametrize("words", ["catalog show gbt22239-2019", "check list --format json"])
def test_a_reader_that_goes_away_is_no_traceback_and_no_verdict(
    bare: dict[str, str], words: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", ENTRY, *words.split()]
    done = subprocess.run(command, env=bare, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_letters_that_the_terminal_lacks_are_escaped(bare: dict[str, str]) -> None:
    env = {**bare, "PYTHONIOENCODING": "ascii"}
    shown = dengbao("--lang", "zh", "profile", "list", env=env).ended(0)
    assert "\\u7b49\\u7ea7\\u4fdd\\u62a4" in shown.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_nothing_but_what_is_printed(toys: Toy, closed: str) -> None:
    toys.colours("blue", "red")
    store = toys.base / "store"
    line = f'"{sys.executable}" -c "{ENTRY}" run toy --format json --store "{store}" {closed}'
    done = subprocess.run(["sh", "-c", line], env=toys.env, capture_output=True, text=True)
    assert done.returncode == 1
    if ">&-" not in closed.replace("2>&-", ""):
        assert json.loads(done.stdout)["run"]["complete"]
    toys("verify", "latest", "--store", store).ended(0)


def test_no_sudoers_line_for_a_target_without_sudo(bare: dict[str, str], tmp_path: Path) -> None:
    text = "targets:\n  - {{id: h, access: {{via: local, sudo: {sudo}}}}}\n"
    path = tmp_path / "inventory.yaml"
    lines = []
    for sudo in ("per-command", "none"):
        path.write_text(text.format(sudo=sudo))
        words = ("plan", "gbt22239-l3", "-i", path, "--sudoers", "audit")
        lines.append(dengbao(*words, env=bare).ended(0).stdout.count("NOPASSWD"))
    assert lines[0] > 10
    assert lines[1] == 0


def test_70_for_a_fault_of_our_own_and_never_a_verdict(bare: dict[str, str]) -> None:
    program = f"import audit_core.cli.commands as c; c.dispatch = lambda *a: 1 / 0; {ENTRY}"
    done = subprocess.run([sys.executable, "-c", program, "doctor"], env=bare, capture_output=True)
    assert done.returncode == 70
    assert b"ZeroDivisionError" in done.stderr


def test_without_docstrings_there_are_no_checks_and_that_is_told(bare: dict[str, str]) -> None:
    done = dengbao("check", "list", env={**bare, "PYTHONOPTIMIZE": "2"}).ended(78)
    assert "docstrings" in done.stderr
    assert dengbao("check", "list", env={**bare, "PYTHONOPTIMIZE": "1"}).ended(0).stdout


def test_the_version_in_any_company(bare: dict[str, str]) -> None:
    said = dengbao("--version", env=bare).ended(0).stdout
    assert said.startswith("dengbao ")
    assert dengbao("--lang", "zh", "--version", env=bare).ended(0).stdout == said


def test_64_for_a_pack_in_place_of_a_device(toys: Toy) -> None:
    os.mkfifo(toys.base / "pipe")
    done = toys("run", "toy", "-o", toys.base / "pipe").ended(64)
    assert "no regular file" in done.stderr


def test_the_line_that_would_allow_root_can_be_typed_as_it_stands(toys: Toy) -> None:
    toys.asks('Command(argv=("/bin/sh", "-c", "exit 126"), privilege=Privilege.ROOT)')
    inventory = toys.base / "my inventory.yaml"
    inventory.write_text("targets: [{id: a, access: {via: local, sudo: none}}]\n")
    for given, user in (((), pwd.getpwuid(os.getuid()).pw_name), (("-i", inventory), "USER")):
        shown = toys("run", "toy", *given, "--store", toys.base / "store").stdout
        (line,) = [s for s in shown.split("\n") if "/etc/sudoers.d/dengbao" in s]
        typed = ["plan", "toy", *map(str, given), "--sudoers", user]
        assert shlex.split(line.partition(": ")[2]) == ["dengbao", *typed]
        typed[-1] = "audit"
        assert toys(*typed).ended(0).stdout.startswith("# dengbao")


def test_no_line_allows_root_where_root_would_not_help(toys: Toy) -> None:
    toys.asks('Command(argv=("/bin/sh", "-c", "exit 126"))')
    shown = toys.run().ended(2).stdout
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


def test_two_processes_do_not_resume_one_run(toys: Toy) -> None:
    stay = toys.package / "stay"
    stay.touch()
    words = ("sh", "-c", 'while [ -e "$0" ]; do sleep 0.1; done', str(stay))
    toys.asks(f"Command(argv={words!r}, timeout_s={ENDLESS_S})")
    started = start("run", "toy", "--store", toys.base / "store", env=toys.env)
    eventually(lambda: list((toys.base / "store").glob("runs/*/bundles/*")))
    second = toys("run", "--resume", "--store", toys.base / "store")
    stay.unlink()
    started.wait().ended(1)
    assert second.code == 74
    assert "another process" in second.stderr


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
