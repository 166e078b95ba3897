"""Several files in one answer: with real find and shells, from hostile directories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from audit_core.model import FileEntry, FileStatus, ParseError, Privilege, ReadFiles, Status
from audit_core.model.files import decode_files, encode_files
from audit_core.store.bundles import Bundle, BundleWriter, Head
from audit_core.store.redact import Redactor
from audit_shell import batch, find_files
from core.fakes import HOST, STAMP, reply
from live.product import HANGS_S

NONCE = "0123456789abcdef" * 2
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def _asked(request: ReadFiles, *before: str) -> batch.ScriptResponse:
    done = subprocess.run(
        [*before, "sh", "-s"], input=batch.render([request], NONCE), capture_output=True,
        check=False, timeout=HANGS_S,
    )  # fmt: skip
    got = batch.unframe([request], NONCE, done.stdout, done.stderr, cut=Status.NO_REPLY)
    (answered,) = got.replies
    assert answered is not None
    return answered


def _read_back(response: batch.ScriptResponse, root: Path) -> dict[str, str | bytes]:
    """What was read by path below `root`, else the status."""
    assert response.status is Status.ANSWERED, response
    assert response.files is not None
    return {
        f.path.removeprefix(f"{root}/"): f.data if f.status is FileStatus.READ else f.status.value
        for f in response.files
    }


HOSTILE = b"f /etc/passwd\0fff 644 1 0 0 1.0 1 /x\0eAo=\n\0+\0"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in (tmp_path, *tmp_path.parents):
        if path.name.startswith(("pytest-", "popen-", tmp_path.name)):
            path.chmod(0o755)
    root = tmp_path / "tree"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "a").write_bytes(HOSTILE)
    (root / ".hidden").write_bytes(b"h")
    (root / "empty").touch()
    (root / "new\nline 'quoted' \\ \x01").write_bytes(b"n")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")).write_bytes(b"latin")
    (root / "sub" / "s").write_bytes(b"s")
    (root / "sub" / "deep" / "d").write_bytes(b"d")
    (root / "loop").symlink_to("loop")
    (root / "b\nloop").symlink_to("b\nloop")
    (root / "nowhere").symlink_to("no/such")
    (root / "link").symlink_to("sub/s")
    (root / "sub" / "up").symlink_to("..")
    os.mkfifo(root / "pipe")
    for path in (root, root / "sub", root / "sub" / "deep", *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    (root / "big").write_bytes(b"x" * 5001)
    return root


def test_a_hostile_directory_is_reported_file_by_file(tree: Path) -> None:
    request = ReadFiles(
        paths=(str(tree), str(tree / "gone"), str(tree / "a")), depth=1, file_limit=5000
    )
    assert _read_back(_asked(request), tree) == {
        "a": HOSTILE, ".hidden": b"h", "empty": b"", "new\nline 'quoted' \\ \x01": b"n",
        "\udcff\udcfe": b"latin", "loop": "broken_link", "b\nloop": "broken_link",
        "nowhere": "broken_link", "link": b"s", "pipe": "not_regular", "big": "too_big",
        "gone": "not_present",
    }  # fmt: skip


def test_directories_are_entered_as_deep_as_asked_and_never_in_circles(tree: Path) -> None:
    one = _read_back(_asked(ReadFiles(paths=(str(tree / "sub"),), depth=1)), tree)
    assert one == {"sub/s": b"s"}
    two = _read_back(_asked(ReadFiles(paths=(str(tree / "sub"),), depth=2, names=("[ds]",))), tree)
    assert two == {"sub/s": b"s", "sub/deep/d": b"d"}  # up/ would be a circle
    assert _read_back(_asked(ReadFiles(paths=(str(tree / "sub"),))), tree) == {"sub": "not_regular"}
    named = ReadFiles(paths=(str(tree / "a"), str(tree / "sub")), depth=1, names=("none*",))
    assert _read_back(_asked(named), tree) == {"a": HOSTILE}


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*/s", {"sub/s": b"s"}),
        ("s*/d??p/[a-d]", {"sub/deep/d": b"d"}),
        ("*idden", {}),
        (".h*", {".hidden": b"h"}),
        ("[!b-z]", {"a": HOSTILE}),
        ("no/such/*", {}),
        ("su[", {}),
        ("empty", {"empty": b""}),
    ],
)
def test_a_glob_is_matched_on_the_target_as_sh_would(
    tree: Path, glob: str, found: dict[str, bytes]
) -> None:
    assert _read_back(_asked(ReadFiles(globs=(f"{tree}/{glob}",))), tree) == found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_what_is_closed_is_named(tree: Path) -> None:
    (tree / "a").chmod(0)
    (tree / "sub").chmod(0o700)
    (tree / "link2").symlink_to("sub/s")
    for place in ("sub/s", "link2"):
        request = ReadFiles(paths=(str(tree / place),))
        assert _read_back(_asked(request, *NOBODY), tree) == {place: "not_permitted"}
    inside = _read_back(_asked(ReadFiles(paths=(str(tree),), depth=2), *NOBODY), tree)
    assert {k: v for k, v in inside.items() if v == "not_permitted"}.keys() == {
        "a", "sub", "link", "link2"
    }  # fmt: skip
    # a directory that only lies beside what was asked for hides nothing of it
    beside = _read_back(_asked(ReadFiles(paths=(str(tree),), depth=1), *NOBODY), tree)
    assert "sub" not in beside
    glob = ReadFiles(globs=(f"{tree}/*/s",))
    # links into it may lead to directories
    assert _read_back(_asked(glob, *NOBODY), tree) == dict.fromkeys(
        ("sub", "link", "link2"), "not_permitted"
    )
    assert _read_back(_asked(ReadFiles(globs=(f"{tree}/em*/s",)), *NOBODY), tree) == {}


def test_what_is_too_much_is_visibly_cut(tmp_path: Path) -> None:
    for n in range(200):
        (tmp_path / f"{n:04}").write_bytes(b"x" * 100)
    every = ReadFiles(paths=(str(tmp_path),), depth=1)
    for bound in ({"max_files": 150}, {"limit": 15_000}, {"limit": 10, "max_files": 3}):
        got = _asked(structs.replace(every, **bound))
        assert got.truncated, bound
        assert got.files is not None
        assert all(f.data == b"x" * 100 for f in got.files)
    assert not _asked(ReadFiles(paths=(str(tmp_path),), depth=1, limit=20_000)).truncated


def test_the_pseudo_files_of_the_kernel_have_content_and_no_size() -> None:
    (file,) = _asked(ReadFiles(paths=("/proc/sys/kernel/ostype",))).files or ()
    assert (file.status, file.data) == (FileStatus.READ, b"Linux\n")


def test_a_find_that_is_not_gnus_is_no_empty_directory(tree: Path, tmp_path: Path) -> None:
    request = ReadFiles(paths=(str(tree),), depth=1)
    (search,) = find_files.searches(request)
    done = subprocess.run(["busybox", *search.argv], capture_output=True, check=False)
    with pytest.raises(find_files.Unreadable):
        find_files.read_stream(search, done.stdout, done.stderr, cut=False)


def _stream(change: Callable[[bytes], bytes], tree: Path) -> find_files.Found:
    (search,) = find_files.searches(ReadFiles(paths=(str(tree / "link"),)))
    done = subprocess.run(search.argv, capture_output=True, check=True)
    return find_files.read_stream(search, change(done.stdout), b"", cut=False)


def test_a_file_that_changed_while_it_was_read_is_not_read(tree: Path) -> None:
    (same,) = _stream(lambda raw: raw, tree).files
    assert (same.status, same.data) == (FileStatus.READ, b"s")
    (changed,) = _stream(lambda raw: raw.replace(b"cw==", b"eA=="), tree).files
    assert (changed.status, changed.data) == (FileStatus.CHANGED, b"")
    for cut in (10, -1, -20, -80):
        with pytest.raises(find_files.Unreadable):
            _stream(lambda raw, cut=cut: raw[:cut], tree)  # type: ignore[misc]


@given(st.binary(max_size=300), st.binary(max_size=100), st.booleans())
def test_any_bytes_are_survived(stdout: bytes, stderr: bytes, cut: bool) -> None:
    (search,) = find_files.searches(ReadFiles(paths=("/x",)))
    try:
        got = find_files.read_stream(search, stdout, stderr, cut=cut)
    except find_files.Unreadable:
        return
    assert all(f.status is not FileStatus.READ for f in got.files)


@given(st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=30)), max_size=4))
def test_what_a_bundle_holds_of_files_is_what_was_put_in(given: list[tuple[str, bytes]]) -> None:
    files = tuple(FileEntry(path="/" + p, status=FileStatus.READ, data=d) for p, d in given)
    assert decode_files(encode_files(files)) == files


@given(st.binary(max_size=200))
def test_other_bytes_are_no_files(raw: bytes) -> None:
    try:
        files = decode_files(raw)
    except ParseError:
        return
    assert encode_files(files)[:1] == raw[:1]


def test_secrets_are_cut_from_each_file_and_sizes_hold(tmp_path: Path) -> None:
    request = ReadFiles(paths=("/x",), depth=1)
    files = (
        FileEntry(path="/x/hunter2", status=FileStatus.READ, data=b"key hunter2 end\n"),
        FileEntry(path="/x/b", status=FileStatus.READ, data=b'{"path": "/etc/shadow"}\n'),
    )
    writer = BundleWriter(
        tmp_path / "b", Head(run="r", target="t"), Redactor(lambda: (b"hunter2",))
    )
    seen = writer.add(HOST.id, structs.replace(reply(request), files=files), STAMP)
    writer.close()
    raw = (tmp_path / "b").read_bytes()
    assert b"hunter2" not in raw
    held = decode_files(Bundle(tmp_path / "b").blob(seen.stdout_sha256))
    assert [f.data.startswith(b"key [redacted:") for f in held] == [True, False]
    assert held[1] == files[1]
    assert seen.redactions


def test_as_root_each_search_is_one_argv_that_nothing_found_changes() -> None:
    request = ReadFiles(
        paths=("/etc/sudoers", "/etc/sudoers.d"), globs=("/etc/*/x",), depth=1,
        privilege=Privilege.ROOT,
    )  # fmt: skip
    argvs = batch.root_argvs(request)
    assert [argv[:5] for argv in argvs] == [
        ("/usr/bin/timeout", "-k", "2", "20", "/usr/bin/find")
    ] * 2
    assert not any("sh" in argv for argv in argvs)


def test_paths_are_absolute() -> None:
    for bad in ({"paths": ("etc",)}, {"globs": ("*",)}, {"paths": ()}, {"paths": ("/a\0",)}):
        with pytest.raises(ValueError, match=r"absolute|needed"):
            ReadFiles(**bad)
