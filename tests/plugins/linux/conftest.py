"""Answers for the parsers of audit_linux: recorded on a real host, or made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.model import Answer, Answers, Target
from audit_linux.pam import Pam, parse_pam
from golden import recordings
from invented import answers as invented

RECORDINGS = Path(__file__).parent / "recordings"

Make = Callable[..., Answer]


def _target(**settings: Any) -> Target:
    return structs.replace(invented.TARGET, settings=settings)


@pytest.fixture(scope="session")
def target() -> Callable[..., Target]:
    """Makes a server with the given settings."""
    return _target


@pytest.fixture(scope="session")
def answer() -> Make:
    """Makes an Answer of the given output."""
    return invented.answer


@pytest.fixture(scope="session")
def answers() -> Callable[..., Answers]:
    """Makes the Answers to several requests, by name."""
    return invented.answers


@pytest.fixture(scope="session")
def files() -> Make:
    """Makes the answer of a request for files: a mapping from path to content."""
    return invented.files


@pytest.fixture(scope="session")
def recording() -> Make:
    """The answer of a recorded host for a fact, or for a request of a fact (`FACT.REQUEST`)."""

    def make(fact: str, release: str = "debian-12") -> Answer:
        reported = recordings.read(RECORDINGS / release / f"{fact}.rec")
        return invented.answer(reported.stdout, reported.stderr, int(reported.exit))

    return make


def _recorded(name: str) -> Answer:
    head, _, body = (RECORDINGS / f"{name}.rec").read_bytes().partition(b"\n---\n")
    err = RECORDINGS / f"{name}.err"
    code = int(head.rpartition(b"exit ")[2])
    return invented.answer(body, err.read_bytes() if err.exists() else b"", code)


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Answer]:
    """Reads recordings/NAME.rec; its first lines say where it is from."""
    return _recorded


@pytest.fixture(scope="session")
def recorded_answers() -> Callable[..., Answers]:
    """Reads recordings/NAME.ASK.rec for every ASK that is there; `missing` were not present."""

    def read(name: str, *missing: str) -> Answers:
        found = {path.name.split(".")[1]: _recorded(path.stem)
                 for path in RECORDINGS.glob(f"{name}.*.rec")}  # fmt: skip
        return invented.answers(**found, **dict.fromkeys(missing))

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
    return {file.path.rsplit("/", 1)[-1]: file.text for file in recording("linux.pam.plain").files}
