"""Errors for invalid, altered or missing files: one line, exit code 65 or 78."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.command import Toy, one_line
from live.product import dengbao

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
    reported = {}
    for level in (2, 3):
        path.write_text(
            f"system: {{level: {level}}}\ntargets: [{{id: a, access: {{via: local}}}}]\n"
        )
        for name in ("gbt22239-l2", "gbt22239-l3", "smart-finance"):
            done = dengbao("plan", name, "-i", path, "--lang", "en", env=bare).ended(0)
            reported[level, name] = done.stderr.strip()
    line = "The inventory declares level 3; gbt22239-l2 covers level 2 only"
    assert {key: detail for key, detail in reported.items() if detail} == {(3, "gbt22239-l2"): line}


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
        assert "is part of the pack" not in shown
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
    assert done.code in (0, 65)
    if done.code == 0:
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
