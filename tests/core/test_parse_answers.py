"""Which answers reach a parser, and what discovery makes of a host."""

from __future__ import annotations

import pytest
from msgspec import structs

from audit_core.model import (
    Absent,
    Answer,
    Command,
    Observation,
    ReadFile,
    Reason,
    Request,
    SessionInfo,
    Status,
)
from audit_core.model.requests import stored
from audit_core.plan import answers
from audit_core.text.translate import Translator
from audit_shell import platform_facts
from core.fakes import HOST

ASKED = ReadFile(path="/etc/passwd")


def _seen(redactions: tuple[str, ...], request: Request = ASKED) -> Observation:
    return Observation(
        target=HOST.id, request=stored(request), asked=request.describe(),
        identity=request.identity(), evidence_kind=request.evidence_kind, privilege="user",
        status=Status.ANSWERED, exit_code=0,
        stdout_sha256="", stderr_sha256="", stdout_size=1, stderr_size=0, round=2,
        started="2026-11-23T12:00:00.000Z", ended="", how=SessionInfo(), redactions=redactions,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("redactions", "settled"),
    [((), True), (("assigned-secret",), True), (("crypt-hash", "known-secret"), False)],
)
def test_an_answer_that_a_secret_of_the_run_was_cut_from_is_not_read(
    redactions: tuple[str, ...], settled: bool
) -> None:
    # the account `admin` is gone from /etc/passwd when the run's own password is `admin`
    seen = answers.Observations(observations={}, blob=lambda sha256: b"x")
    got = answers.answer(ASKED, _seen(redactions), seen, HOST)
    assert isinstance(got, Answer) is settled
    assert settled or (isinstance(got, Absent) and got.reason is Reason.UNPARSABLE)


@pytest.mark.parametrize(
    ("stderr", "detail"),
    [
        (b"", "x: unexpected exit status 255"),
        (b"\n /etc/x line 3: Bad option\nmore\n",
         "x: unexpected exit status 255 (“/etc/x line 3: Bad option”)"),
        (b"Bad\xff",
         "x: unexpected exit status 255 (“Bad\ufffd”)"),
        (b"WARNING: apt has no stable interface\n\nE: Conflicting values\nE: more\n",
         "x: unexpected exit status 255 (“E: Conflicting values”)"),
        (b"Error building the cache:\n - 'repo2solv'\nfflush: No space left on device\n",  # zypper
         "x: unexpected exit status 255 (“fflush: No space left on device”)"),
        (b"WARNING: nothing more\n", "x: unexpected exit status 255"),
        (b"y" * 999, "x: unexpected exit status 255 (“" + "y" * 300 + "…”)"),
    ],
)  # fmt: skip
def test_a_command_that_fails_is_told_with_its_own_first_words(stderr: bytes, detail: str) -> None:
    request = Command(argv=("/bin/x",))
    observation = structs.replace(_seen((), request), exit_code=255)
    seen = answers.Observations(observations={}, blob=lambda sha256: stderr)
    got = answers.answer(request, observation, seen, HOST)
    assert isinstance(got, Absent)
    assert got.reason is Reason.UNPARSABLE
    assert Translator("en").say(got.detail) == detail


def _answer(text: str) -> Answer:
    return Answer(
        stdout=text.encode(), stderr=b"", exit_code=0, truncated=False, collected_at="", target=HOST
    )


@pytest.mark.parametrize(
    ("release", "manager", "family"),
    [
        ('ID="kylin"\nVERSION_ID="V10"\n', "/usr/bin/dnf", "rhel"),
        ("ID=kylin\nID_LIKE=debian\n", "/usr/bin/apt-get", "debian"),
        ("ID=uos\n", "/usr/bin/apt-get", "debian"),
        ('ID="uos"\nVERSION_ID="20"\n', "/usr/bin/dnf", "rhel"),
        ("ID=uos\n", "", "unknown"),
        ("ID=debian\n", "/usr/bin/dnf", "debian"),
    ],
)
def test_one_name_for_two_families_is_told_apart_by_packages(
    release: str, manager: str, family: str
) -> None:
    answers: dict[Request, Answer] = {
        platform_facts.OS_RELEASE: _answer(release),
        platform_facts.MANAGERS: _answer(f"{manager}\n"),
    }
    assert platform_facts.platform(answers)["os_family"] == family
