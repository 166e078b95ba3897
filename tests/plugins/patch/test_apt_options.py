"""Options and settings with which apt takes what nobody signed, as apt 2.6 and 3.3 take them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Answer, Command, Partial
from audit_patch import apt_options
from audit_patch.model import Signatures
from recorded.patch import RECORDINGS, answer, answers, run

ROWS = json.loads((RECORDINGS / "apt-options.json").read_text())["rows"]
# It is for what was signed before, so that the recorded outcome does not tell; it is named as well.
ALSO = {"allow-downgrade", "conf downgrade"}

pytestmark = pytest.mark.skipif(not shutil.which("apt-config"), reason="apt-config is not here")


def read(root: Path, files: dict[str, str]) -> Signatures | Partial:
    """What is read of a host that has `files` below /etc/apt."""
    etc = root / "etc/apt"
    for folder in ("apt.conf.d", "sources.list.d"):
        (etc / folder).mkdir(parents=True)
    for name, text in files.items():
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_bytes(text.encode())
    sources, settings = apt_options.OPTIONS.values()
    assert isinstance(sources, Command)
    assert isinstance(settings, Command)
    swap = {a: f"{root}{a}" for a in sources.argv if a.startswith("/etc/apt")}
    got = run(sources, swap=swap)
    assert b"hunter2" not in got.stdout
    return apt_options.parse_options(
        answers(sources=without(root, got), settings=without(root, settings_of(root, settings)))
    )


def settings_of(root: Path, command: Command) -> Answer:
    """The answer of apt-config for settings below `root`."""
    (root / "conf").write_text(f'Dir::Etc "{root}/etc/apt";\n')
    env = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "APT_CONFIG": str(root / "conf")}
    done = subprocess.run(command.argv, capture_output=True, env=env, check=False)
    return answer(done.stdout, done.stderr, done.returncode)


def without(root: Path, got: Answer) -> Answer:
    return answer(got.stdout.replace(bytes(root), b""), exit_code=got.exit_code)


def test_options_as_apt_takes_them(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for number, row in enumerate(ROWS):
        with subtests.test(row["name"]):
            if row["name"] == "conf no semicolon":
                continue  # apt-config, like apt, does not answer
            found = whole(read(tmp_path / str(number), row["files"]))
            assert bool(found.unverified) == (row["taken"] or row["name"] in ALSO)


def test_sources_are_counted_and_their_addresses_stay_on_the_host(tmp_path: Path) -> None:
    address = "http://user:hunter2@m/debian bookworm main"
    stanza = "URIs: http://user:hunter2@m/debian\nSuites: x\nComponents: y\n"
    found = whole(read(tmp_path, {
        "sources.list": f"# deb {address}\ndeb {address}\ndeb [arch=amd64] {address}\n",
        "sources.list.d/a.sources": f"Types: deb deb-src\n{stanza}\nTypes: deb-src\n{stanza}\n"
                                    f"Types: deb\nEnabled: no\n{stanza}",
    }))  # fmt: skip
    assert (found.sources, found.unverified) == (3, ())


def test_sources_in_other_files_are_not_known(tmp_path: Path) -> None:
    text = 'Dir::Etc::sourceparts "/opt/sources";\n'
    assert isinstance(read(tmp_path, {"apt.conf.d/9": text}), Partial)
