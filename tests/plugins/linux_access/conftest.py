"""Answers for the parsers of audit_linux.access: recorded on a real host, or made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model import Answer, Kind, ObjectType, Target

_TARGET = Target(id="web1", kind=Kind.HOST, object_type=ObjectType.SERVER)
_RECORDINGS = Path(__file__).parent / "recordings"

Make = Callable[..., Answer]


def _answer(stdout: bytes | str = b"", stderr: bytes = b"", exit_code: int = 0) -> Answer:
    raw = stdout.encode("utf-8", "surrogateescape") if isinstance(stdout, str) else stdout
    return Answer(
        stdout=raw,
        stderr=stderr,
        exit_code=exit_code,
        truncated=False,
        collected_at="2026-11-23T12:00:00+00:00",
        target=_TARGET,
    )


@pytest.fixture(scope="session")
def answer() -> Make:
    """Makes an Answer of the given output."""
    return _answer


@pytest.fixture(scope="session")
def files() -> Make:
    """Makes the answer of a request for files: a mapping from path to content."""

    def make(contents: dict[str, str], stderr: bytes = b"") -> Answer:
        raw = b""
        for path, text in contents.items():
            body = text.encode("utf-8", "surrogateescape")
            raw += b"%d%s\0%s" % (len(body), path.encode(), body)
        return _answer(raw, stderr)

    return make


@pytest.fixture(scope="session")
def recording() -> Make:
    """The recorded answer for a fact; recordings/<release>/HEADER.txt says of what."""

    def make(fact: str, release: str = "debian12") -> Answer:
        folder = _RECORDINGS / release
        err = folder / f"{fact}.err"
        return _answer(
            (folder / f"{fact}.out").read_bytes(), err.read_bytes() if err.exists() else b""
        )

    return make
