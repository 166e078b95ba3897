"""Several files in one answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, ParseError, Reason
from audit_linux.find_files import parse_files

Make = Callable[..., Answer]


# --- files in one answer ----------------------------------------------------------------------


def test_files_cannot_pretend_to_be_other_files(files: Make) -> None:
    fake = "x\n12/etc/pam.d/sshd\0auth x y"
    blobs = parse_files(files({"/etc/pam.d/b": fake, "/etc/pam.d/a": ""}))
    assert not isinstance(blobs, Absent)
    assert [(b.path, b.body.decode()) for b in blobs] == [
        ("/etc/pam.d/a", ""),
        ("/etc/pam.d/b", fake),
    ]


@pytest.mark.parametrize(
    "raw",
    [b"5/etc/a\0abc", b"2/etc/a\0abc", b"x/etc/a\0", b"3etc/a\0abc", b"3/etc/a", b"0/a\x000/a\0"],
)
def test_a_broken_frame_is_no_answer(raw: bytes, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_files(answer(raw))


def test_no_file_at_all_is_not_present(answer: Make) -> None:
    absent = parse_files(answer(b"", b"find: '/etc/x': No such file or directory\n", 1))
    assert isinstance(absent, Absent)
    assert absent.reason is Reason.NOT_PRESENT


@pytest.mark.parametrize("tool", [b"find: ", b"cat: ", b"/usr/bin/cat: "])
def test_one_refused_file_is_not_permitted(tool: bytes, answer: Make) -> None:
    absent = parse_files(answer(b"1/etc/a\0x", tool + b"/etc/b: Permission denied\n", 1))
    assert isinstance(absent, Absent)
    assert absent.reason is Reason.NOT_PERMITTED


def test_other_complaints_are_no_answer(answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_files(answer(b"1/etc/a\0x", b"cat: /etc/b: Input/output error\n"))


def test_noise_of_sudo_is_no_complaint(answer: Make) -> None:
    noise = b"sudo: unable to resolve host web1: Name or service not known\n"
    assert not isinstance(parse_files(answer(b"1/etc/a\0x", noise)), Absent)


def test_files_survive_redaction(answer: Make) -> None:
    raw = b"5/etc/a\0abc\n\n30/etc/b\0password=[redacted:x]\nmore\n3/etc/c\0end"
    blobs = parse_files(answer(raw))
    assert not isinstance(blobs, Absent)
    assert [(b.path, b.body) for b in blobs] == [
        ("/etc/a", b"abc\n\n"),
        ("/etc/b", b"password=[redacted:x]\nmore\n"),
        ("/etc/c", b"end"),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"30/etc/b\0password=[redacted:x]\nmore3/etc/c\0end",
        b"30/etc/b\0password=[redacted:x]\n2/etc/c\0end",
        b"30/etc/b\0pass\0word=[redacted:x]\n",
        b"9/etc/a\0abc[redacted:x]\n30/etc/b\0",
    ],
)
def test_redaction_does_not_excuse_a_broken_frame(raw: bytes, answer: Make) -> None:
    with pytest.raises(ParseError):
        parse_files(answer(raw))
