"""Invalid inventories and profiles give an error of one line, in both languages.

`bad/*.txt` holds a case each: a name, the file, and the line it is refused with; `…` stands for the
keys that plugins offer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import installed
from audit_core.api.plugins import Registry
from audit_core.cli import main
from audit_core.evaluate import profile_checks
from audit_core.inventory import load_inventory, read_inventory
from audit_core.model import Message
from audit_core.model.errors import DengbaoError, InputError
from audit_core.policy import load_policy
from audit_core.policy.strict_yaml import load_bytes
from audit_core.text.translate import Translator

BAD = Path(__file__).parent / "bad"
CHINESE = Translator("zh", installed.registry().locales)
LOCAL = "targets:\n  - id: a\n    access: {via: local}\n"


def cases(name: str) -> dict[str, tuple[str, str]]:
    """Each case by name: the file's text and what follows the file's name in the error."""
    found = re.findall(
        r"^### (.*?)\n(.*?)^>>> (.*?)$", (BAD / name).read_text(), re.DOTALL | re.MULTILINE
    )
    return {title: (text, reported) for title, text, reported in found}


INVENTORIES = cases("inventories.txt")
PROFILES = cases("profiles.txt")
# What no text file should hold.
BYTES = {
    b"": "1: (top): expected one document, got 0",
    b"   \n\n": "1: (top): expected one document, got 0",
    b"\xef\xbb\xbf": "1: (top): expected one document, got 0",
    b"a:\n\t- b\n": "2: (top): invalid YAML: found character that cannot",
    "id: a\ntitle: 服务器\n".encode("gb18030"): "2: (top): expected text in UTF-8, got other",
    LOCAL.encode("utf-16"): "1: (top): expected text in UTF-8, got other bytes",
    LOCAL.encode("utf-16-le"): "1: (top): expected text, got a NUL byte",
    b"targets: caf\xe9\n": "1: (top): expected text in UTF-8, got other bytes",
    b"targets: \xed\xa0\x80": "1: (top): expected text in UTF-8, got other bytes",
    b"targets: \xc0\xaf": "1: (top): expected text in UTF-8, got other bytes",
    b"#" * (3 << 20): "1: (top): expected at most 2097152 bytes, got more",
    b"a: " + b"[" * 100: "1: (top): expected at most 40 levels, got more",
    b"{a: " * 100: "1: (top): expected at most 40 levels, got more",
    b"targets: [": "2: (top): invalid YAML: did not find expected node",
    b'targets: "': "1: (top): invalid YAML: found unexpected end of stream",
    b"targets: \x7f": "1: (top): expected printable text, got a control character",
    b"targets: \x1b[2J": "1: (top): expected printable text, got a control character",
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return installed.registry()


def untranslated(error: DengbaoError) -> list[str]:
    """The parts of the error's line that have no Chinese."""
    assert CHINESE.say(error.detail).isprintable()
    english = [
        m for m in _parts(error.detail) if re.search("[a-zA-Z]", re.sub(r"\{\w+\}", "", m.id))
    ]
    return [m.id for m in english if CHINESE.text(m.id, m.domain) == m.id]


def _parts(detail: Message) -> Iterator[Message]:
    yield detail
    for value in detail.args.values():
        if isinstance(value, Message):
            yield from _parts(value)


def refused(read: Callable[[], object], file: object, reported: str) -> None:
    with pytest.raises(InputError) as caught:
        read()
    line = str(caught.value)
    before, listed, after = f"{file}:{reported}".partition("…")
    assert line.startswith(before)
    assert not listed or line.endswith(after)
    assert line.isprintable()
    assert untranslated(caught.value) == []


def test_there_are_cases() -> None:
    assert len(INVENTORIES) > 180
    assert len(PROFILES) > 80


def test_a_broken_inventory_is_refused(subtests: pytest.Subtests, tmp_path: Path) -> None:
    file = tmp_path / "i.yaml"
    for name, (text, reported) in INVENTORIES.items():
        with subtests.test(name):
            file.write_text(text)
            refused(lambda: load_inventory(file, installed.registry()), file, reported)


def test_a_broken_profile_is_refused(
    subtests: pytest.Subtests, registry: Registry, tmp_path: Path
) -> None:
    file, policy = tmp_path / "p.yaml", load_policy(registry.policy_dirs)

    def read() -> object:
        return profile_checks(policy.profile(str(file), registry.checks), registry)

    for name, (text, reported) in PROFILES.items():
        with subtests.test(name):
            file.write_text(text)
            refused(read, file, reported)


def test_bytes_that_are_no_yaml_are_refused(subtests: pytest.Subtests, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    for raw, reported in BYTES.items():
        with subtests.test(repr(raw[:20])):
            file.write_bytes(raw)
            refused(lambda: load_inventory(file, installed.registry()), file, reported)
            refused(lambda: load_policy([]).profile(str(file), {}), file, reported)


def test_a_command_ends_with_65_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    step = 1 if pytestconfig.getoption("all") else 10
    file, store = tmp_path / "p.yaml", tmp_path / "store"
    commands = (
        ["run", "gbt22239-l3", "--store", str(store), "-i", str(file)],
        ["doctor", "-i", str(file)],
        ["plan", "gbt22239-l3", "-i", str(file)],
    )
    for index, (text, reported) in enumerate([*INVENTORIES.values()][::step]):
        file.write_text(text)
        code = main([*commands[index % 3], "--lang", ("en", "zh")[index % 2]])
        err = capsys.readouterr().err
        assert (code, err.count("\n")) == (65, 1), err
        assert err.startswith(f"dengbao: {file}:{reported.partition(':')[0]}")
    for index, (text, reported) in enumerate([*PROFILES.values()][::step]):
        file.write_text(text)
        words = (["run", str(file), "--store", str(store)], ["profile", "lint", str(file)])[
            index % 2
        ]
        code = main([*words, "--lang", ("en", "zh")[index // 2 % 2]])
        err = capsys.readouterr().err
        assert (code, err.count("\n")) == (65, 1), err
        assert err.startswith(f"dengbao: {file}:{reported.partition(':')[0]}")
    assert not store.exists()


@pytest.mark.parametrize(
    "text",
    [
        LOCAL.replace("\n", "\r\n"), "\ufeff" + LOCAL, LOCAL.replace("id: a", "id: 服务器一"),
        '{"targets": [{"id": "a", "access": {"via": "local"}}]}', "scope: []\n" + LOCAL,
        "scope: [10.0.0.0/8, 10.1.0.0/16]\n" + LOCAL, LOCAL + "    allowed_ports: []\n",
        LOCAL.replace("id: a", "id: 5"), LOCAL + "    settings: {data_mounts: [/d]}\n",
        LOCAL + "    backups: [{id: b, path: /b, offsite: false, pattern: '-x'}]\n",
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_unusual_and_right_is_read(text: str) -> None:
    assert read_inventory(load_bytes(text.encode(), "i.yaml"), installed.registry()).targets


def test_an_empty_scope_lets_nothing_be_contacted() -> None:
    text = "scope: []\ntargets:\n  - {id: a, address: 10.0.0.1, access: {user: u, agent: true}}\n"
    refused(
        lambda: read_inventory(load_bytes(text.encode(), "i.yaml"), installed.registry()), "i.yaml",
        "3: targets[0].address: expected an address inside the declared scope, got '10.0.0.1'",
    )  # fmt: skip


# --- files made up ------------------------------------------------------------------------------

WHOLE = """\
system: {name: n, level: 3, extensions: [cloud]}
scope: [10.0.0.0/8]
defaults: {zone: z, access: {user: u, key: k}}
targets:
  - id: a
    address: 10.1.2.3
    allowed_ports: [22, 443/tcp]
    endpoints: [{port: 443, server_name: a.b}]
    backups: [{id: b, path: /b, rpo_hours: 2.5, copies: 2, restore_tested: 2026-05-31}]
  - {id: s, kind: site}
"""
WORDS = st.sampled_from(
    ["-1", "0", "70000", "null", "~", "true", "no", "[]", "{}", "[[]]", "{a: b}", "'x'", "&a x",
     "*a", "!t x", "|", ">", "\t", "\r", "\x00", "\u202e", "０", "ａ", "9" * 30, "1e400", ".nan",
     "id", "port", "access", "targets:", "- ", "? ", "<<: x", "---\n", "...\n", '"', "'", "#"]
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> str:
    """`text` with up to four places overwritten."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        until = min(len(text), at + draw(st.integers(0, 12)))
        text = text[:at] + draw(WORDS | st.text(max_size=6)) + text[until:]
    return text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def shown(value: object) -> str:
    """`value` in flow style, its texts quoted."""
    match value:
        case dict():
            return "{" + ", ".join(f"{shown(k)}: {shown(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(shown, value)) + "]"
        case str():
            return "'" + value.replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool | float | int) else "~"


KEYS = st.sampled_from(
    ["system", "scope", "defaults", "id", "kind", "address", "access", "zone", "endpoints",
     "backups", "settings", "allowed_ports", "object_type", "owner"]
)  # fmt: skip


@st.composite
def misfits(draw: st.DrawFn) -> str:
    """An inventory in which one value is anything at all."""
    key, value = draw(KEYS), shown(draw(VALUES))
    if key in ("system", "scope", "defaults"):
        return f"{key}: {value}\n{LOCAL}"
    target = {"id": "a", "access": "{via: local}", key: value}
    return f"targets: [{{{', '.join(f'{k}: {v}' for k, v in target.items())}}}]\n"


@given(text=spoilt(WHOLE) | misfits())
def test_no_file_is_more_than_one_clear_line(text: str) -> None:
    for line, missing in wrong_with(text):
        assert re.match(r"i\.yaml:[0-9]+: \S", line)
        assert line.isprintable()
        assert missing == []


PROFILE = """\
id: mine
title: {zh: 题, en: t}
extends: gbt22239-l3
catalogs: [{catalog: smart-finance, scopes: [general]}]
params: {linux.password-quality: {min_length: 12}, linux.sshd-root-login: {allowed: []}}
overrides:
  - {zones: [dmz], params: {linux.session-timeout: {max_seconds: 300}}}
  - {targets: [a], params: {linux.session-timeout: {max_seconds: 900}}, reason: r, approver: me}
checks:
  - {id: x.y, title: {zh: a, en: b}, fact: linux.packages, none_of: [nis], severity: high,
     clauses: [{clause: 8.1.4.4a, catalog: gbt22239-2019, role: supports}]}
  - {id: x.z, title: {zh: a, en: b}, fact: linux.sysctl, field: kernel.x, matches: '[0-9]+',
     clauses: []}
"""


@given(text=spoilt(PROFILE))
def test_no_profile_is_more_than_one_clear_line(
    registry: Registry, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    for line, missing in wrong_profile(file, registry):
        assert re.match(re.escape(str(file)) + r":[0-9]+: \S", line)
        assert line.isprintable()
        assert missing == []


def wrong_profile(file: Path, registry: Registry) -> list[tuple[str, list[str]]]:
    """As `wrong_with`, of a profile."""
    policy = load_policy(registry.policy_dirs)
    try:
        profile_checks(policy.profile(str(file), registry.checks), registry)
    except DengbaoError as error:
        return [(str(error), untranslated(error))]
    return []


def wrong_with(text: str) -> list[tuple[str, list[str]]]:
    """The error's line and what of it has no Chinese, or nothing; any other error is ours."""
    try:
        read_inventory(
            load_bytes(text.encode("utf-8", "surrogatepass"), "i.yaml"), installed.registry()
        )
    except InputError as error:
        return [(str(error), untranslated(error))]
    return []
