"""Answers for the parsers of audit_linux: recorded on a real host, or made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_core.model import Answer, Target
from audit_linux.pam import Pam, parse_pam

_RECORDINGS = Path(__file__).parent / "recordings"

Make = Callable[..., Answer]


def _target(**settings: Any) -> Target:
    return Target(id="web1", kind="host", object_type="server", settings=settings)


def _answer(stdout: bytes | str = b"", stderr: bytes = b"", exit_code: int = 0) -> Answer:
    raw = stdout.encode("utf-8", "surrogateescape") if isinstance(stdout, str) else stdout
    return Answer(
        stdout=raw,
        stderr=stderr,
        exit_code=exit_code,
        truncated=False,
        collected_at="2026-11-23T12:00:00+00:00",
        target=_target(),
    )


@pytest.fixture(scope="session")
def target() -> Callable[..., Target]:
    """Makes a server with the given settings."""
    return _target


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
    """The recorded answer for a fact; recordings/RELEASE/HEADER.txt says of what."""

    def make(fact: str, release: str = "debian12") -> Answer:
        folder = _RECORDINGS / release
        err = folder / f"{fact}.err"
        return _answer(
            (folder / f"{fact}.out").read_bytes(), err.read_bytes() if err.exists() else b""
        )

    return make


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Answer]:
    """Reads recordings/NAME.rec; its first lines say where it is from."""

    def read(name: str) -> Answer:
        head, _, body = (_RECORDINGS / f"{name}.rec").read_bytes().partition(b"\n---\n")
        return _answer(body, exit_code=int(head.rpartition(b"exit ")[2]))

    return read


@pytest.fixture(scope="session")
def pam(files: Make) -> Callable[[dict[str, str]], Pam]:
    """Reads services, given as a mapping from name to text."""

    def make(services: dict[str, str]) -> Pam:
        got = parse_pam(files({f"/etc/pam.d/{name}": text for name, text in services.items()}))
        assert isinstance(got, Pam)
        return got

    return make


@pytest.fixture
def debian(recording: Make) -> dict[str, str]:
    """The recorded services of Debian 12 as text."""
    raw, services = recording("linux.pam").stdout, {}
    while raw:
        head, _, raw = raw.partition(b"\0")
        size, _, path = head.partition(b"/")
        services[path.decode().rsplit("/", 1)[-1]] = raw[: int(size)].decode()
        raw = raw[int(size) :]
    return services
