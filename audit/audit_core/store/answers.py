"""The answers of people that were given with a run.

RUN/answers/SHA256.json            a set of answers; the name is its digest. Never changed
RUN/answers/attachments/SHA256     a file that belongs to one, without secrets
RUN/answers/in-use.json            which set counts, and on which day it is judged: replaced whole
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from audit_core.model import Message, msg, verbatim
from audit_core.model.attestations import AnswerSet
from audit_core.model.errors import InputError, StoreError
from audit_core.model.results import encode
from audit_core.store.frames import write_whole
from audit_core.store.runs import Run
from audit_core.text.system_errors import os_error

IN_USE_SCHEMA = "dengbao/answers-in-use/1"
IN_USE = "in-use.json"
ATTACHMENTS = "attachments"


class AnswersInUse(Struct, frozen=True, kw_only=True):
    """Which set of answers counts for a run (empty for none), and the day on which it is judged."""

    schema: str = IN_USE_SCHEMA
    answers: str = ""
    judged: str


class AnswersFolder:
    """The answers of one run; the directory is made when something is stored."""

    def __init__(self, run: Run) -> None:
        self.path = run.folder / "answers"
        self._collected = run.file.started[:10]

    def in_use(self) -> AnswersInUse:
        """What counts: without any answers, none, judged on the day of the collection."""
        path = self.path / IN_USE
        try:
            return msgspec.json.decode(path.read_bytes(), type=AnswersInUse)
        except FileNotFoundError:
            return AnswersInUse(judged=self._collected)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _unreadable(path, error) from error

    def load(self, digest: str) -> AnswerSet:
        """The set of that digest, none for an empty one; raises InputError where it was altered."""
        if not digest:
            return AnswerSet()
        path = self.set_path(digest)
        try:
            raw = path.read_bytes()
            if hashlib.sha256(raw).hexdigest() != digest:
                raise InputError(msg("{path}: was altered", path=str(path)))
            return msgspec.json.decode(raw, type=AnswerSet)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _unreadable(path, error) from error

    def set_path(self, digest: str) -> Path:
        """Where the set of that digest stands."""
        return self.path / f"{digest}.json"

    def attachment(self, digest: str) -> bytes:
        """The attachment stored under `digest`; raises InputError where it is not as stored."""
        path = self.path / ATTACHMENTS / digest
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError(msg("{path}: was altered", path=str(path)))
        return data

    def use(self, answers: AnswerSet | None, blobs: Mapping[str, bytes], judged: str) -> None:
        """From here on `answers` count, judged on the day `judged`; None: those in use before.

        Attachments are stored first and `in-use.json` last: whoever dies in between leaves what
        counted before.
        """
        digest = self.in_use().answers
        self._make()
        if answers is not None:
            raw = encode(answers)
            digest = hashlib.sha256(raw).hexdigest()
            for name, data in blobs.items():
                _keep(self.path / ATTACHMENTS / name, data)
            _keep(self.set_path(digest), raw)
        write_whole(self.path / IN_USE, encode(AnswersInUse(answers=digest, judged=judged)))

    def _make(self) -> None:
        try:
            for folder in (self.path, self.path / ATTACHMENTS):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(
                msg("{path}: cannot write: {error}", path=str(self.path), error=os_error(error))
            ) from error

    def problems(self) -> Iterator[tuple[str, Message]]:
        """What is not as it was stored, with its name."""
        if not self.path.is_dir():
            return
        for path in sorted(self.path.glob("*.json")):
            if path.name != IN_USE and _digest(path) != path.stem:
                yield f"answers/{path.name}", msg("It was altered")
        for path in sorted((self.path / ATTACHMENTS).glob("[0-9a-f]*")):
            if _digest(path) != path.name:
                yield f"answers/{ATTACHMENTS}/{path.name}", msg("It was altered")


def attached(answers: AnswerSet) -> tuple[str, ...]:
    """The digests of the attachments of `answers` as stored, each once."""
    return tuple(dict.fromkeys(f.stored for a in answers.answers for f in a.attachments))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _keep(path: Path, data: bytes) -> None:
    """`data` stands under `path`; what is there already is whole, its name being its digest."""
    if not path.exists() or _digest(path) != hashlib.sha256(data).hexdigest():
        write_whole(path, data)


def _unreadable(path: Path, error: Exception) -> InputError:
    error_text = os_error(error) if isinstance(error, OSError) else verbatim(str(error))
    return InputError(msg("{path}: cannot be read: {error}", path=str(path), error=error_text))
