"""One bundle: what one target and its parts answered in one run."""

from __future__ import annotations

import enum
import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from audit_core.model import (
    FileEntry,
    Message,
    Observation,
    Reason,
    Reply,
    SessionInfo,
    Status,
    msg,
    verbatim,
)
from audit_core.model.errors import InputError
from audit_core.model.files import encode_files
from audit_core.model.requests import described, stored
from audit_core.store import frames
from audit_core.store.redact import Part, Redacted, Redactor

STDERR_LIMIT = 64 << 10
"""Bytes of stderr that are kept of each answer."""


class Head(Struct, frozen=True, kw_only=True):
    """What a bundle is of."""

    run: str
    target: str


class FaultFrame(Struct, frozen=True, kw_only=True):
    """`target` could not be reached by `connector`: why, and what the user can do about it."""

    target: str
    connector: str
    reason: Reason
    detail: Message
    remedy: Message | None = None


class RoundFrame(Struct, frozen=True, kw_only=True):
    """Marks the end of a round over one connector to one target."""

    round: int
    target: str
    connector: str


class Login(enum.StrEnum):
    """How far a login came. One that was begun and nothing else was cut off with the run."""

    BEGUN = "begun"
    TAKEN = "taken"
    REFUSED = "refused"
    REFUSED_BETWEEN = "refused_between"
    FAILED = "failed"


class LoginFrame(Struct, frozen=True, kw_only=True):
    """A login to `target` by `connector`: written before it, and again when it has ended."""

    target: str
    connector: str
    how: Login


class Stamp(Struct, frozen=True, kw_only=True):
    """In which round, when and how a reply was had. Times are UTC, ISO 8601."""

    round: int
    started: str
    ended: str
    how: SessionInfo


class BundleWriter:
    """Appends to one bundle. Everything is redacted here before it is written, and nowhere else."""

    def __init__(self, path: Path, head: Head, redactor: Redactor | None = None) -> None:
        self._cut = redactor or Redactor()
        self._blobs: set[str] = set()
        fresh = not path.exists()
        self._file = frames.Appender(path)
        for frame in () if fresh else frames.read(path):
            if frame.kind == "blob":
                self._blobs.add(hashlib.sha256(frame.payload).hexdigest())
            fresh = False
        if fresh or frames.whole_length(path) == len(frames.MAGIC):
            self._file.append("head", msgspec.json.encode(head))

    def add(self, target: str, reply: Reply, stamp: Stamp) -> Observation:
        """Stores `reply` of `target` and returns the observation that stands for it."""
        out, err = self._clean(reply)
        observation = Observation(
            target=target,
            request=stored(reply.request),
            asked=described(reply.request),
            identity=reply.request.identity(),
            evidence_kind=reply.request.evidence_kind,
            privilege=reply.request.privilege.value,
            status=reply.status,
            exit_code=reply.exit_code,
            stdout_sha256=self._blob(out.data),
            stderr_sha256=self._blob(err.data),
            stdout_size=len(out.data),
            stderr_size=len(err.data),
            truncated=reply.truncated,
            round=stamp.round,
            started=stamp.started,
            ended=stamp.ended,
            how=self._clean_info(stamp.how),
            detail=None if reply.detail is None else self._cut.message(reply.detail),
            redactions=tuple(dict.fromkeys((*out.rules, *err.rules))),
        )
        self._file.append("obs", msgspec.json.encode(observation, order="sorted"))
        return observation

    def _clean(self, reply: Reply) -> tuple[Redacted, Redacted]:
        """What may be stored of the two streams of `reply`.

        Of files each name and content is redacted by itself: the sizes in the text hold afterwards.
        """
        broken = reply.status is not Status.ANSWERED
        err = Part(reply.stderr, broken or len(reply.stderr) >= STDERR_LIMIT)
        if reply.files is None:
            out, err_clean = self._cut.each((Part(reply.stdout, broken or reply.truncated), err))
            return out, err_clean
        names = [Part(file.path.encode("utf-8", "surrogateescape")) for file in reply.files]
        bodies = [Part(file.data) for file in reply.files]
        *cleaned, err_clean = self._cut.each((*names, *bodies, err))
        clean = zip(reply.files, cleaned[: len(names)], cleaned[len(names) :], strict=True)
        data = encode_files(_as_told(file, name, body) for file, name, body in clean)
        return Redacted(
            data=data, rules=tuple(rule for one in cleaned for rule in one.rules)
        ), err_clean

    def _blob(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._blobs:
            self._file.append("blob", data)
            self._blobs.add(digest)
        return digest

    def fault(
        self,
        target: str,
        reason: Reason,
        detail: Message,
        remedy: Message | None = None,
        *,
        connector: str = "",
    ) -> None:
        """Stores that `target` could not be reached."""
        frame = FaultFrame(
            target=target,
            connector=connector,
            reason=reason,
            detail=self._cut.message(detail),
            remedy=self._cut.message(remedy) if remedy is not None else None,
        )
        self._file.append("fault", msgspec.json.encode(frame))
        self._file.sync()

    def _clean_info(self, info: SessionInfo) -> SessionInfo:
        texts = ((n, v) for n, v in structs.asdict(info).items() if isinstance(v, str))
        fields = {name: self._cut.text(text) for name, text in texts}
        through = None if info.through is None else self._clean_info(info.through)
        return structs.replace(info, **fields, through=through)

    def login(self, target: str, connector: str, how: Login) -> None:
        """Stores how far a login came: a run that goes on must not log in again and again."""
        frame = LoginFrame(target=target, connector=connector, how=how)
        self._file.append("login", msgspec.json.encode(frame))

    def round_done(self, number: int, target: str, connector: str) -> None:
        """Stores that round `number` over `connector` is over; from here on it survives."""
        frame = RoundFrame(round=number, target=target, connector=connector)
        self._file.append("round", msgspec.json.encode(frame))
        self._file.sync()

    def finish(self) -> None:
        """Marks the bundle as complete and closes the file."""
        self._file.append("end", b"")
        self._file.sync()
        self._file.close()

    def close(self) -> None:
        """Closes the file of the bundle."""
        self._file.close()


def _as_told(file: FileEntry, name: Redacted, body: Redacted) -> FileEntry:
    """`file` under the name and with the content that were redacted."""
    if not (name.rules or body.rules):
        return file
    path = name.data.decode("utf-8", "surrogateescape")
    return structs.replace(file, path=path, data=body.data)


class Bundle:
    """What a bundle file holds. Bytes of answers are read from disk when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1  # opened once: about 120 answers of a host are read
        self.head: Head | None = None
        self.observations: dict[tuple[str, str], Observation] = {}
        self.faults: dict[tuple[str, str], FaultFrame] = {}
        self.rounds: tuple[RoundFrame, ...] = ()
        self._logins: list[LoginFrame] = []
        self.complete = False
        self._blobs: dict[str, tuple[int, int]] = {}
        for frame in frames.read(path):
            self._take(frame)

    def _take(self, frame: frames.Frame) -> None:
        try:
            self._take_known(frame)
        except msgspec.MsgspecError as error:
            raise InputError(
                msg(
                    "{path}: frame at byte {offset}: {error}",
                    path=str(self.path),
                    offset=str(frame.offset),
                    error=verbatim(str(error)),
                )
            ) from error

    def _take_known(self, frame: frames.Frame) -> None:
        match frame.kind:
            case "blob":
                digest = hashlib.sha256(frame.payload).hexdigest()
                self._blobs[digest] = (frame.offset, len(frame.payload))
            case "obs":
                observation = msgspec.json.decode(frame.payload, type=Observation)
                self.observations[observation.target, observation.identity] = observation
                self.faults.pop((observation.target, observation.how.connector), None)
            case "head":
                self.head = msgspec.json.decode(frame.payload, type=Head)
            case "fault":
                fault = msgspec.json.decode(frame.payload, type=FaultFrame)
                self.faults[fault.target, fault.connector] = fault
            case "round":
                done = msgspec.json.decode(frame.payload, type=RoundFrame)
                self.rounds = (*self.rounds, done)
                self.faults.pop((done.target, done.connector), None)
            case "login":
                self._login(msgspec.json.decode(frame.payload, type=LoginFrame))
            case "end":
                self.complete = True
            case _:
                raise InputError(
                    msg("{path}: unknown frame {kind}", path=str(self.path), kind=repr(frame.kind))
                )

    def _login(self, frame: LoginFrame) -> None:
        """Takes `frame`; how a login ended takes the place of its beginning."""
        last = self._logins[-1] if self._logins else None
        begun = structs.replace(frame, how=Login.BEGUN)
        if frame.how is not Login.BEGUN and last == begun:
            self._logins.pop()
        self._logins.append(frame)

    @property
    def logins(self) -> tuple[LoginFrame, ...]:
        """How each login ended, in order; BEGUN where the run was cut off meanwhile."""
        return tuple(self._logins)

    @property
    def fault(self) -> FaultFrame | None:
        """Why the target, or a part of it, could not be reached; the first fault of several."""
        return next(iter(self.faults.values()), None)

    def blob(self, sha256: str) -> bytes:
        """The bytes stored under `sha256`; raises InputError where they are missing or altered."""
        if sha256 not in self._blobs:
            raise InputError(
                msg(
                    "{path}: nothing is stored under {sha256}",
                    path=str(self.path),
                    sha256=str(sha256),
                )
            )
        offset, size = self._blobs[sha256]
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        data = os.pread(self._fd, size, offset)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(
                msg(
                    "{path}: the content stored under {sha256} was altered",
                    path=str(self.path),
                    sha256=str(sha256),
                )
            )
        return data

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)
