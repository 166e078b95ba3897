"""What an installation takes: locked releases, compiled translations, a wheel that holds all."""

from __future__ import annotations

import gettext
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from audit_core import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
_ENTRY = re.compile(
    r"^([a-z0-9-]+)==(\S+)(?: ; [^\\]+)? \\\n((?: +--hash=sha256:\w{64}(?: \\)?\n)+)"
)


def locked(lock: Path) -> dict[str, str]:
    """The releases of a lock file, each with at least one hash; nothing else stands in it."""
    left = re.sub(r"^ *#.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    while hit := _ENTRY.match(left):
        found[hit[1]] = hit[2]
        left = left[hit.end() :]
    assert left == ""
    return found


# --- lock files -----------------------------------------------------------------------------------


def test_there_is_a_lock_for_building_auditing_and_developing() -> None:
    assert [lock.stem for lock in LOCKS] == ["audit", "build", "dev"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_releases_with_hashes_and_names_no_place(lock: Path) -> None:
    assert locked(lock)
    comments = re.findall(r"^ *#.*$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    assert not [line for line in comments if "://" in line or re.search(r"[ =]/", line)]


def test_the_locks_agree_on_every_release() -> None:
    audit, build, dev = map(locked, LOCKS)
    assert audit.items() <= dev.items()
    assert {n: v for n, v in build.items() if n in dev}.items() <= dev.items()


@pytest.mark.parametrize(
    ("name", "extras"),
    [("audit", ("ssh", "net")), ("dev", ("ssh", "net", "dev", "bench")), ("build", None)],
)
def test_a_lock_holds_what_the_project_asks_for(name: str, extras: tuple[str, ...] | None) -> None:
    held = locked(ROOT / f"requirements/{name}.txt")
    for want in map(Requirement, asked(extras)):
        if want.name != "dengbao":
            assert want.specifier.contains(held[canonicalize_name(want.name)]), f"{want}: make lock"


def asked(extras: tuple[str, ...] | None) -> list[str]:
    """What pyproject.toml asks for with `extras`; without any, to build."""
    detail = PROJECT["project"]
    if extras is None:
        return list(PROJECT["build-system"]["requires"])
    offered = detail["optional-dependencies"]
    return [*detail["dependencies"], *(text for extra in extras for text in offered[extra])]


# --- translations ---------------------------------------------------------------------------------


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """The folder of translations of a tree with the program that compiles them."""
    shutil.copy(ROOT / "hatch_build.py", tmp_path)
    sources = "audit/audit_core/text/message_sources.py"
    (tmp_path / sources).parent.mkdir(parents=True)
    shutil.copy(ROOT / sources, tmp_path / sources)
    folder = tmp_path / "plugins/audit_new/locale/zh/LC_MESSAGES"
    folder.mkdir(parents=True)
    return folder


def compiled(texts: Path) -> subprocess.CompletedProcess[str]:
    program = texts.parents[4] / "hatch_build.py"
    return subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)


def test_translations_are_compiled_and_those_without_a_source_removed(texts: Path) -> None:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entries = 'msgid "a"\nmsgstr "甲"\n\nmsgctxt "detail"\nmsgid "b"\nmsgstr "乙"\n'
    (texts / "new.po").write_text(head + entries, encoding="utf-8")
    (texts / "old.mo").write_bytes(b"")
    assert compiled(texts).returncode == 0
    assert {p.name for p in texts.iterdir()} == {"new.po", "new.mo"}
    with (texts / "new.mo").open("rb") as handle:
        made = gettext.GNUTranslations(handle)
    assert (made.gettext("a"), made.pgettext("detail", "b")) == ("甲", "乙")


def test_texts_of_the_source_come_and_go_and_keep_their_chinese(texts: Path) -> None:
    package = texts.parents[2]
    (package / "b.py").write_text('msg("old {x}")\nmsg("new")\n')
    po = texts / "audit_new.po"
    po.write_text('msgid ""\nmsgstr ""\n"Language: zh\\n"\n\nmsgid "gone"\nmsgstr "去"\n\n'
                  'msgid "old {x}"\nmsgstr "旧 {x}"\n', encoding="utf-8")  # fmt: skip
    for _ in range(2):
        assert compiled(texts).returncode == 0
        held = po.read_text(encoding="utf-8").partition("\n\n")[2]
        assert (
            held == '#: b.py\nmsgid "old {x}"\nmsgstr "旧 {x}"\n\n#: b.py\nmsgid "new"\nmsgstr ""\n'
        )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n', r".*new\.po.*\"a\".*"),
        ('msgid "a"\nmsgst "b"\n', r".*new\.po.*line 2.*"),
    ],
)
def test_a_broken_translation_is_one_line(texts: Path, text: str, line: str) -> None:
    (texts / "new.po").write_text(text, encoding="utf-8")
    done = compiled(texts)
    assert done.returncode == 1
    assert re.fullmatch(rf"make messages: {line}\n", done.stderr)


# --- version, platform, sdist ---------------------------------------------------------------------


def test_version_and_changelog_agree() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.*?)\]", text, re.MULTILINE)
    released = [Version(heading) for heading in headings if heading != "Unreleased"]
    assert released == sorted(released, reverse=True)
    assert headings[0] == "Unreleased" or Version(headings[0]) == Version(__version__)
    # The version is that of the newest release, or of the one that is being prepared.
    assert not released or Version(__version__) >= released[0]
    assert importlib.metadata.version("dengbao") == __version__


def test_the_classifiers_say_what_is_true() -> None:
    named = set(PROJECT["project"]["classifiers"])
    assert {c for c in named if c.startswith("Operating System")} == {
        "Operating System :: POSIX :: Linux"
    }
    assert "Typing :: Typed" in named
    least = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {least}" in named
    license_names = {c for c in named if c.startswith("License ::")}
    assert not license_names  # PEP 639: the field `license` says it


def test_the_sdist_holds_what_its_tests_and_documents_need(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as packed:
        held = {name.partition("/")[2] for name in packed.getnames()}
    folders = ("docs", "tests", "benchmarks", "requirements")
    wanted = {p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()}
    files = {p.relative_to(ROOT).as_posix() for p in wanted if "__pycache__" not in p.parts}
    files |= {p.name for p in ROOT.glob("*.md")} | {"Makefile", "LICENSE", "pyproject.toml"}
    assert len(files) > 100
    assert files <= held


# --- the wheel ------------------------------------------------------------------------------------


def test_the_wheel_holds_every_package_with_its_types_and_translations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as zipped:
        held = set(zipped.namelist())
    roots = ("audit", "plugins", "evidence", "profiles")
    packages = [p.parent for root in roots for p in (ROOT / root).glob("*/__init__.py")]
    assert {f"{p.name}/py.typed" for p in packages} <= held
    sources = [(p, s) for p in packages for s in p.glob("**/locale/*/LC_MESSAGES/*.po")]
    assert sources
    assert {s.relative_to(p.parent).with_suffix(".mo").as_posix() for p, s in sources} <= held
