"""Recordings, answers and findings for the tests of the Linux host checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_core.model import Answer, Kind, ObjectType, Target

RECORDINGS = Path(__file__).parent / "recordings"


def _target(**settings: Any) -> Target:
    return Target(id="h", kind=Kind.HOST, object_type=ObjectType.SERVER, settings=settings)


def _answer(out: bytes | str, err: bytes = b"", exit_code: int = 0) -> Answer:
    raw = out.encode("utf-8", "surrogateescape") if isinstance(out, str) else out
    return Answer(
        stdout=raw,
        stderr=err,
        exit_code=exit_code,
        truncated=False,
        collected_at="2026-11-23T12:00:00Z",
        target=_target(),
    )


def _recorded(name: str) -> Answer:
    head, _, body = (RECORDINGS / f"{name}.rec").read_bytes().partition(b"\n---\n")
    exit_code = int(head.rpartition(b"exit ")[2])
    return _answer(body, exit_code=exit_code)


@pytest.fixture
def target() -> Callable[..., Target]:
    """Makes a server with the given settings."""
    return _target


@pytest.fixture
def answer() -> Callable[..., Answer]:
    """Makes an answered request."""
    return _answer


@pytest.fixture
def recorded() -> Callable[[str], Answer]:
    """Reads a recording; its header says where it is from."""
    return _recorded
