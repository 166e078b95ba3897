"""Answers of a recorded host, one file per request, beside the tests of the plugin that asks it.

    tests/plugins/PLUGIN/recordings/HOST/FACT[.REQUEST].rec

A file begins with lines `name: value` up to `---`; what the host wrote to standard output follows,
and what it wrote to standard error stands in a file of the same name that ends in `.err`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from audit_core.api.plugins import Registry
from audit_core.model import (
    Answer,
    NamedAsk,
    Observation,
    ReadFiles,
    Reply,
    Request,
    SessionInfo,
    Status,
    Target,
    asked_of,
)
from audit_core.model.files import decode_files
from audit_core.plan import request_of
from audit_core.store.bundles import Bundle, BundleWriter, Head, Stamp

TESTS = Path(__file__).parents[1]
_HOW = "recording"


class Question(Struct, frozen=True, kw_only=True):
    """A request that a fact of a plugin asks of a host, and where its answer is recorded."""

    request: Request
    folder: Path
    name: str


class Recording(Struct, frozen=True, kw_only=True):
    """The recorded answer to one request."""

    asked: str
    identity: str
    status: str
    exit: str
    collected: str
    stdout: bytes
    stderr: bytes = b""


def questions(registry: Registry, host: str, target: Target) -> tuple[Question, ...]:
    """Every request that is asked of a host, once for each plugin."""
    found: dict[tuple[Path, str], Question] = {}
    for folder, name, request in (
        *_of_the_platform(registry, host, target),
        *_of_facts(registry, host, target),
    ):
        question = Question(request=request, folder=folder, name=name)
        found.setdefault((folder, request.identity()), question)
    return tuple(found.values())


def _of_the_platform(
    registry: Registry, host: str, target: Target
) -> Iterator[tuple[Path, str, Request]]:
    """What the first round asks; the plugin that offers the kind has it."""
    for number, request in enumerate(registry.kinds.platforms[target.kind].requests, 1):
        yield _folder("shell", host), f"platform.{number}", request


def _folder(plugin: str, host: str) -> Path:
    return TESTS / "plugins" / plugin / "recordings" / host


def _of_facts(registry: Registry, host: str, target: Target) -> Iterator[tuple[Path, str, Request]]:
    for fact in sorted(registry.facts.values(), key=lambda fact: fact.id):
        folder = _folder(fact.id.partition(".")[0], host)
        for number, provider in enumerate(fact.providers if fact.kind == target.kind else ()):
            asks: dict[str, NamedAsk] = {"": provider.ask} if provider.ask else provider.asks
            for name, ask in asks.items():
                request = request_of(asked_of(ask), target)
                if isinstance(request, Request):
                    parts = (fact.id, name, str(number + 1) if number else "")
                    yield folder, ".".join(filter(None, parts)), request


def read(path: Path) -> Recording:
    """The recording in `path`."""
    head, _, stdout = path.read_bytes().partition(b"\n---\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\n"))
    error = path.with_suffix(".err")
    stderr = error.read_bytes() if error.exists() else b""
    return Recording(**fields, stdout=stdout, stderr=stderr)


def write(path: Path, recording: Recording) -> None:
    """Stores `recording` in `path`."""
    names = ("asked", "identity", "status", "exit", "collected")
    head = "\n".join(f"{name}: {getattr(recording, name)}" for name in names)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + b"\n---\n" + recording.stdout)
    path.with_suffix(".err").unlink(missing_ok=True)
    if recording.stderr:
        path.with_suffix(".err").write_bytes(recording.stderr)


def answer(question: Question, target: Target) -> Answer | None:
    """The recorded answer to `question`, as a parser is given it; None where there is none."""
    file = question.folder / f"{question.name}.rec"
    reported = read(file) if file.exists() else None
    if reported is None or reported.status != Status.ANSWERED or reported.exit == "-":
        return None
    if not question.request.accepts(int(reported.exit), truncated=False):
        return None
    return Answer(
        stdout=reported.stdout,
        stderr=reported.stderr,
        exit_code=int(reported.exit),
        truncated=False,
        collected_at=reported.collected,
        target=target,
    )


def bundle(path: Path, asked: tuple[Question, ...], target: Target) -> None:
    """Makes the bundle at `path` of the recorded answers to `asked`."""
    writer = BundleWriter(path, Head(run="recorded", target=target.id))
    for question in asked:
        file = question.folder / f"{question.name}.rec"
        if file.exists() and (reported := read(file)).identity == question.request.identity():
            writer.add(target.id, _reply(question.request, reported), _stamp(reported))
    writer.round_done(1, target.id, _HOW)
    writer.finish()


def _reply(request: Request, reported: Recording) -> Reply:
    return Reply(
        request=request,
        status=Status(reported.status),
        exit_code=int(reported.exit) if reported.exit != "-" else None,
        stdout=reported.stdout,
        stderr=reported.stderr,
        files=decode_files(reported.stdout) if isinstance(request, ReadFiles) else None,
    )


def _stamp(reported: Recording) -> Stamp:
    how = SessionInfo(connector=_HOW)
    return Stamp(round=1, started=reported.collected, ended=reported.collected, how=how)


def left_over(asked: tuple[Question, ...]) -> list[Path]:
    """Recordings that answer no question of today, or that stand under another name."""
    wanted = {q.folder / f"{q.name}.rec": q.request.identity() for q in asked}
    files = {file for question in asked for file in question.folder.glob("*.rec")}
    return sorted(f for f in files if f not in wanted or read(f).identity != wanted[f])


def add(source: Path, asked: tuple[Question, ...], target: str) -> list[str]:
    """Records from the bundle `source` what is not recorded yet; the names of what was added."""
    held = Bundle(source)
    added = []
    for question in asked:
        file = question.folder / f"{question.name}.rec"
        seen = held.observations.get((target, question.request.identity()))
        stale = file.exists() and read(file).identity != question.request.identity()
        if seen is not None and not seen.truncated and (stale or not file.exists()):
            write(file, _recording(held, seen))
            added.append(question.name)
    return added


def _recording(held: Bundle, seen: Observation) -> Recording:
    return Recording(
        asked=seen.asked.replace("\n", " "),
        identity=seen.identity,
        status=seen.status.value,
        exit="-" if seen.exit_code is None else str(seen.exit_code),
        collected=seen.started,
        stdout=held.blob(seen.stdout_sha256),
        stderr=held.blob(seen.stderr_sha256),
    )
