"""The words of dengbao as frozen values. Nothing here touches a clock, a socket or a file."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

Scalar = str | int | float | bool | None
Value = Scalar | tuple[Scalar, ...]


# --- closed sets ------------------------------------------------------------------------------


class Kind(enum.StrEnum):
    """What kind of thing a target is."""

    HOST = "host"
    ENDPOINT = "endpoint"
    BACKUP_SET = "backup_set"
    DATABASE = "database"
    NETWORK_DEVICE = "network_device"
    APPLICATION = "application"
    DATA_SET = "data_set"
    NETWORK = "network"
    SITE = "site"
    ORGANISATION = "organisation"


class ObjectType(enum.StrEnum):
    """What an object is to the assessor (测评对象类型): 13 of 计算环境, 3 of the other layers."""

    NETWORK_DEVICE = "network_device"
    SECURITY_DEVICE = "security_device"
    APPLICATION = "application"
    MANAGEMENT_PLATFORM = "management_platform"
    SERVER = "server"
    DATABASE = "database"
    TERMINAL = "terminal"
    AUTHENTICATION_DATA = "authentication_data"
    BUSINESS_DATA = "business_data"
    AUDIT_DATA = "audit_data"
    CONFIGURATION_DATA = "configuration_data"
    VIDEO_DATA = "video_data"
    PERSONAL_INFORMATION = "personal_information"
    SITE = "site"
    NETWORK = "network"
    ORGANISATION = "organisation"


class Privilege(enum.StrEnum):
    """With which rights a request runs."""

    USER = "user"
    ROOT = "root"


class Severity(enum.StrEnum):
    """How bad a failed check is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return (Severity.HIGH, Severity.MEDIUM, Severity.LOW).index(self)


class Reason(enum.StrEnum):
    """Why a fact is absent. Only NOT_PRESENT says something of the target."""

    NOT_PRESENT = "not_present"
    NOT_PERMITTED = "not_permitted"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    TRUNCATED = "truncated"
    UNPARSABLE = "unparsable"
    NOT_COLLECTED = "not_collected"
    UNSUPPORTED = "unsupported"
    FAULT = "fault"


class Verdict(enum.StrEnum):
    """What a check says of a target."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNDETERMINED = "undetermined"


class Result(enum.StrEnum):
    """A conclusion: 符合 部分符合 不符合 不适用 未测."""

    CONFORMING = "conforming"
    PARTLY_CONFORMING = "partly_conforming"
    NONCONFORMING = "nonconforming"
    NOT_APPLICABLE = "not_applicable"
    NOT_ASSESSED = "not_assessed"


class Coverage(enum.StrEnum):
    """How much of a clause the checks mapped to it settle."""

    FULL = "full"
    PARTIAL = "partial"
    SUPPORTS = "supports"
    NONE = "none"


# --- text that is stored language-free ----------------------------------------------------------


class Message(Struct, frozen=True, kw_only=True):
    """A message id (its English text with `{name}` places) and the values for the places."""

    id: str
    args: dict[str, Value] = {}


def msg(text: str, /, **args: Value) -> Message:
    """The message `text`; the literal is what translators see, the values are never templates."""
    return Message(id=text, args=args)


# --- targets ------------------------------------------------------------------------------------


class Target(Struct, frozen=True, kw_only=True):
    """One thing audited. `settings` is what the inventory declares for its kind, as data."""

    id: str
    kind: Kind
    object_type: ObjectType
    parent: str | None = None
    zone: str | None = None
    business_system: str | None = None
    owner: str | None = None
    address: str | None = None
    settings: dict[str, Any] = {}


# --- requests -----------------------------------------------------------------------------------


class Command(Struct, frozen=True, kw_only=True, tag="command"):
    """A program with its exact argv, run on the target.

    `ok` lists the exit statuses that mean an answer. `missing` is what exit status 127 (no such
    program) means: UNSUPPORTED unless its absence says something of the target (NOT_PRESENT).
    `partial_ok`: a cut answer is still handed to the parser, which must check `Answer.truncated`.
    """

    argv: tuple[str, ...]
    privilege: Privilege = Privilege.USER
    timeout_s: int = 20
    limit: int = 1 << 20
    ok: tuple[int, ...] = (0,)
    missing: Reason = Reason.UNSUPPORTED
    partial_ok: bool = False


class ReadFile(Struct, frozen=True, kw_only=True, tag="file"):
    """The bytes of one regular file of the target; a missing file is NOT_PRESENT."""

    path: str
    privilege: Privilege = Privilege.USER
    timeout_s: int = 20
    limit: int = 1 << 20
    partial_ok: bool = False


class Probe(Struct, frozen=True, kw_only=True, tag="probe"):
    """A question put over the network from the collector by the named prober of a plugin."""

    prober: str
    args: dict[str, Value] = {}
    timeout_s: int = 60
    limit: int = 8 << 20
    partial_ok: bool = False


Request = Command | ReadFile | Probe


def request_digest(request: Request) -> str:
    """The SHA-256 (hex) that identifies a request: equal requests are asked once."""
    return hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()


# --- observations -------------------------------------------------------------------------------


class Status(enum.StrEnum):
    """How asking ended. ANSWERED: the program ended by itself, its reply whole or capped."""

    ANSWERED = "answered"
    NOT_PRESENT = "not_present"
    NOT_PERMITTED = "not_permitted"
    NOT_REGULAR = "not_regular"
    CHANGED = "changed"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    NO_REPLY = "no_reply"
    MALFORMED = "malformed"
    FAULT = "fault"
    UNSUPPORTED = "unsupported"


class Observation(Struct, frozen=True, kw_only=True):
    """The answer as received, without its bytes, which stand in the bundle under their digests.

    Times are UTC, ISO 8601. `how` says over what and as whom it was asked. `detail` is why a
    request was not answered, as told by the transport. `redactions` names the rules that cut.
    """

    target: str
    request: Request
    request_digest: str
    status: Status
    exit_code: int | None = None
    stdout_sha256: str
    stderr_sha256: str
    stdout_size: int
    stderr_size: int
    truncated: bool = False
    round: int
    started: str
    ended: str
    how: str
    detail: str = ""
    redactions: tuple[str, ...] = ()


def observation_digest(observation: Observation) -> str:
    """`sha256:` and the digest under which the bundle holds this observation."""
    raw = msgspec.json.encode(observation, order="sorted")
    return "sha256:" + hashlib.sha256(raw).hexdigest()


class Answer(Struct, frozen=True, kw_only=True):
    """What a parser is given: the bytes of one answered request and what is known about them."""

    stdout: bytes
    stderr: bytes
    exit_code: int
    truncated: bool
    collected_at: str
    target: Target

    @property
    def text(self) -> str:
        """`stdout` as UTF-8; bytes that are not valid survive as lone surrogates, exactly."""
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def lines(self) -> list[str]:
        """`text` cut at newlines only (never at the other Unicode line breaks)."""
        return self.text.removesuffix("\n").split("\n") if self.stdout else []


# --- facts --------------------------------------------------------------------------------------


class Known(Struct, frozen=True, kw_only=True):
    """A typed value parsed from observations, and the digests of those observations."""

    value: Any
    evidence: tuple[str, ...] = ()


class Absent(Struct, frozen=True, kw_only=True):
    """No value, and why. `said` is for the reader; `evidence` is what was seen all the same."""

    reason: Reason
    said: Message
    evidence: tuple[str, ...] = ()


class ParseError(Exception):
    """Raised by a parser for bytes that it cannot read with certainty: UNPARSABLE."""


class Platform(Struct, frozen=True, kw_only=True):
    """The closed list of what discovery settles about a host; `unknown` where it could not."""

    os_id: str = "unknown"
    os_family: str = "unknown"  # debian rhel suse alpine arch unknown
    version_id: str = "unknown"
    package_manager: str = "unknown"  # apt dnf yum zypper apk unknown
    init: str = "unknown"  # systemd other unknown
    kernel: str = "unknown"


Ask = Request | Callable[[Target], "Request | Message"]
Parser = Callable[[Answer], Any]


class Provider(Struct, frozen=True, kw_only=True):
    """One way to learn a fact: what to ask and how to read the answer, guarded by platform.

    `ask` may be a function of the target; it returns a Message when nothing can be asked because
    the inventory does not declare what is needed (the fact is then NOT_COLLECTED, the message
    says what to declare). `when` maps a Platform field to the values it holds for.
    """

    ask: Ask
    parse: Parser
    when: dict[str, tuple[str, ...]] = {}


class Fact(Struct, frozen=True, kw_only=True):
    """Something to know about a target of `kind`, with its providers in order of preference."""

    id: str
    type: Any
    kind: Kind
    providers: tuple[Provider, ...]
    follow_up: bool = False

    def __hash__(self) -> int:
        return hash(self.id)


class Optional_(Struct, frozen=True, kw_only=True):
    """A need that may be not present: the check then receives None. Nothing else is forgiven."""

    fact: Fact


class Builtin(enum.Enum):
    """Needs that the engine fills without asking the target."""

    TARGET = "target"
    COLLECTED_AT = "collected_at"
    PLATFORM = "platform"


Need = Fact | Optional_ | Builtin


# --- checks and findings ------------------------------------------------------------------------


class Judgement(Struct, frozen=True, kw_only=True):
    """What a check returns: the verdict, what was seen, what was expected."""

    verdict: Verdict
    said: tuple[Message, ...]
    expected: Message | None = None


class Knob(Struct, frozen=True, kw_only=True):
    """One keyword parameter of a check. `tightens` is up, down, subset, superset or None."""

    name: str
    type: Any
    default: Any
    tightens: str | None = None


class Check(Struct, frozen=True, kw_only=True):
    """A pure function from facts and parameters to a judgement. `title` is its docstring line."""

    id: str
    title: str
    kind: Kind
    needs: tuple[Need, ...]
    severity: Severity
    version: int
    knobs: tuple[Knob, ...]
    when_absent: Judgement | None
    judge: Callable[..., Judgement]
    remedy: Message | None = None

    def __hash__(self) -> int:
        return hash(self.id)


class Finding(Struct, frozen=True, kw_only=True):
    """Check × target. `why` is a code: the reason for absence, or of a fault; empty otherwise."""

    id: str
    check: str
    check_version: int
    target: str
    verdict: Verdict
    severity: Severity
    why: str
    said: tuple[Message, ...]
    expected: Message | None
    evidence: tuple[str, ...]
    params: dict[str, Any] = {}
    remedy: Message | None = None


class Conclusion(Struct, frozen=True, kw_only=True):
    """Clause × object. `missing` is what a person still has to bring, in message form."""

    catalog: str
    clause: str
    unit: str | None
    target: str
    conclusion: Result
    coverage: Coverage
    findings: tuple[str, ...]
    why: tuple[Message, ...] = ()
    missing: tuple[Message, ...] = ()
    severity: Severity | None = None
