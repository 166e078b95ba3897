"""Every kind of YAML file: what is broken or hostile is one short line with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import installed
from audit_core.attest.reading import WrittenAnswers
from audit_core.inventory import load_inventory
from audit_core.model.errors import InputError
from audit_core.policy import load_policy
from audit_core.policy.cases import read_cases
from audit_core.policy.mappings import MappingFile
from audit_core.policy.profiles import read_layer
from audit_core.policy.strict_yaml import load_bytes, read_bytes

READERS: dict[str, Callable[[Path], object]] = {
    "inventory": lambda path: load_inventory(path, installed.registry()),
    "profile": read_layer,
    "profile test": read_cases,
    "mapping": lambda path: load_bytes(read_bytes(path), str(path)).convert(MappingFile),
    "answers": lambda path: load_bytes(read_bytes(path), str(path)).convert(WrittenAnswers),
}
HOSTILE: dict[str, bytes] = {
    "object": b"id: !!python/object/apply:os.system [id]\n",
    "bomb": b"a: &a [x, x]\nb: [*a, *a]\n",
    "cyclic": b"a: &a [*a]\n",
    "deep": b"[" * 5000,
    "deep mappings": b"{a: " * 5000,
    "twice": b"id: a\nid: b\n",
    "merge": b"<<: {a: 1}\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "huge": b"id: " + b"x" * (3 << 20),
    "long key": b'"' + b"k" * 100_000 + b'": 1\n',
    "many keys": b"{" + b",".join(b"k%d: 1" % n for n in range(5000)) + b"}",
    "escapes": b'"\\x1b[2J\\u202e": 1\n',
    "control": b"a: \x1b[2J\n",
    "nul": b"a: \0\n",
    "surrogate": b'"\\ud800": 1\n',
    "not utf-8": "服务器: 1\n".encode("gb18030"),
    "formula": b"\"=cmd|'/C calc'!A0\": 1\n",
    "list as a key": b"? [a, b]\n: 1\n",
    "directive": b"%TAG ! tag:x,2000:\n---\na: 1\n",
    "nothing": b"",
}


def test_hostile_files_are_one_line_with_their_place(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    path = tmp_path / "h.yaml"
    for name, raw in HOSTILE.items():
        path.write_bytes(raw)
        for kind, read in READERS.items():
            with subtests.test(f"{kind}: {name}"):
                with pytest.raises(InputError) as caught:
                    read(path)
                line = str(caught.value)
                assert re.match(re.escape(str(path)) + r":[0-9]+: \S", line)
                assert line.isprintable()
                assert len(line) < len(str(path)) + 400


def test_a_chain_of_profiles_ends(tmp_path: Path) -> None:
    def profile(name: str, over: str) -> None:
        text = f"id: {name}\ntitle: {{zh: 甲, en: a}}\nextends: {over}.yaml\n"
        (tmp_path / f"{name}.yaml").write_text(text)

    profile("a", "b")
    profile("b", "a")
    with pytest.raises(InputError) as caught:
        load_policy([]).profile(str(tmp_path / "a.yaml"), {})
    assert "b.yaml:3: extends: expected a profile that does not extend itself, got " in str(
        caught.value
    )
    assert "'a.yaml -> b.yaml -> a.yaml'" in str(caught.value)
    for number in range(30):
        profile(f"n{number}", f"n{number + 1}")
    with pytest.raises(InputError, match=r"extends: expected at most 20 profiles one over another"):
        load_policy([]).profile(str(tmp_path / "n0.yaml"), {})
