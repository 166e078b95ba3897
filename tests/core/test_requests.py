"""What identifies a question, so that a stored answer is found again."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import structs

from audit_core import plan
from audit_core.api.sdk import fact
from audit_core.evaluate.group_facts import observations_of
from audit_core.evaluate.parse import learn
from audit_core.model import (
    Answer,
    Command,
    Known,
    Platform,
    Privilege,
    ReadFile,
    ReadFiles,
    Reason,
    Request,
)
from core.fakes import HOST, blue, collected, reply


class Probe(Request, frozen=True, kw_only=True, tag="probe"):
    """A type that a plugin adds."""

    port: int = 0

    def describe(self) -> str:
        """The port."""
        return str(self.port)


ASKED: tuple[Request, ...] = (
    Command(argv=("/usr/bin/x", "-a"), privilege=Privilege.ROOT),
    ReadFile(path="/etc/x"),
    ReadFiles(paths=("/etc/x",), globs=("/etc/*.y",), depth=1),
    Probe(port=1),
)


def _read(answer: Answer) -> str:
    return answer.text


def _later(request: Request) -> list[Request]:
    """`request` as later versions of its plugin may put it."""
    found = [
        structs.replace(request, timeout_s=request.timeout_s + 5),
        structs.replace(request, limit=request.limit * 2),
        structs.replace(request, partial_ok=True),
        _with_one_field_more(request),
    ]
    if isinstance(request, Command):
        found.append(structs.replace(request, ok=(0, 1), not_found=Reason.NOT_PRESENT))
    return found


def _with_one_field_more(request: Request) -> Request:
    """`request` of a type to which an optional field was added."""

    kind = type(request)
    more = msgspec.defstruct(
        "Added", [("follow", bool, False)], bases=(kind,), frozen=True, kw_only=True,
        tag=kind.__struct_config__.tag,
    )  # fmt: skip
    made: Request = more(**structs.asdict(request))  # type: ignore[assignment]
    return made


def test_an_answer_is_found_again_whatever_changed_about_waiting_for_it(tmp_path: Path) -> None:
    for number, request in enumerate(ASKED):
        run = collected(tmp_path / str(number), reply(request, b"it"))
        (group, *_) = plan.groups((HOST,), (blue,))
        seen = observations_of(group, run.bundle(HOST.id))
        for later in _later(request):
            known = learn(fact("toy", str, ask=later, parse=_read), seen, HOST, Platform())
            assert isinstance(known, Known), later
            assert known.value == "it"


def test_what_is_asked_and_with_which_rights_tells_questions_apart() -> None:
    others = [
        *ASKED,
        Command(argv=("/usr/bin/x", "-b"), privilege=Privilege.ROOT),
        Command(argv=("/usr/bin/x", "-a")),
        Command(argv=("/usr/bin/x -a",)),
        ReadFile(path="/etc/x", privilege=Privilege.ROOT),
        Probe(port=2),
        Probe(),
    ]
    assert len({request.identity() for request in others}) == len(others)


def test_a_question_that_two_facts_put_is_asked_once_with_the_longer_patience() -> None:
    quick = Command(argv=("x",), timeout_s=5, limit=9)
    slow = Command(argv=("x",), timeout_s=60, limit=1, ok=(0, 1))
    asked = tuple(
        plan.PlannedRequest(fact=init, target=HOST.id, request=request, when={"init": (init,)})
        for init, request in (("systemd", quick), ("other", slow))
    )
    made = plan.Group(root=HOST, members=(HOST,), asked=asked)
    every = [r for r in plan.everything(made) if r.describe() == "x"]
    assert [(r.timeout_s, r.limit) for r in every] == [(60, 9)]
    # as sudoers has it, also where only one of the two facts is asked for
    assert [q.request for q in plan.main_round(made, Platform(values={"init": "systemd"}))] == every
