"""Configuration files in one answer: their order, and what was not read."""

from __future__ import annotations

from collections.abc import Callable

from audit_core.model import Absent, Answer, Reason
from audit_linux.config_files import ConfigFile, ConfigPaths, whole_files

Make = Callable[..., Answer]
PATHS = ConfigPaths(
    files=("/usr/lib/a.conf", "/etc/a.conf"), folders=("/usr/a.d", "/etc/a.d"), pattern="*.conf"
)


def test_files_come_in_the_order_in_which_they_are_named(files: Make) -> None:
    contents = {
        "/etc/a.conf": "one\r\n two\n\n",
        "/etc/a.d/2.conf": "",
        "/etc/a.d/1.conf": "x",
        "/etc/a.d/.hidden.conf": "y\n",
        "/usr/a.d/9.conf": "z\n",
        "/usr/lib/a.conf": "w\n",
    }
    assert PATHS.read(files(contents)) == (
        ConfigFile(path="/usr/lib/a.conf", lines=("w",)),
        ConfigFile(path="/etc/a.conf", lines=("one", " two", "")),
        ConfigFile(path="/usr/a.d/9.conf", lines=("z",)),
        ConfigFile(path="/etc/a.d/1.conf", lines=("x",)),
        ConfigFile(path="/etc/a.d/2.conf", lines=()),
    )


def test_what_was_not_read_is_told_from_what_is_not_there(files: Make) -> None:
    given = {"/etc/a.conf": "one\n"}
    for status, reason in {
        "not_permitted": Reason.NOT_PERMITTED,
        "too_big": Reason.TRUNCATED,
        "changed": Reason.UNPARSABLE,
        "failed": Reason.UNPARSABLE,
    }.items():
        got = whole_files(files(given, **{status: "/etc/a.d/b"}))
        assert isinstance(got, Absent)
        assert got.reason is reason
    for status in ("not_present", "broken_link", "not_regular"):
        got = whole_files(files(given, **{status: "/etc/a.d/b"}))
        assert not isinstance(got, Absent)
        assert [file.path for file in got] == ["/etc/a.conf"]
    for parse in (whole_files, PATHS.read):
        nothing = parse(files({}, not_present="/etc/a.conf"))
        assert isinstance(nothing, Absent)
        assert nothing.reason is Reason.NOT_PRESENT
    closed = PATHS.read(files(given, not_permitted="/etc/a.d"))
    assert isinstance(closed, Absent)
    assert closed.reason is Reason.NOT_PERMITTED
