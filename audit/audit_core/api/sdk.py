"""The API for plugin authors: facts, checks and judgements.

Writing a check::

    SSHD = fact("ssh.server", SshdConfig, ask=Command(argv=("/usr/sbin/sshd", "-T"),
                privilege=Privilege.ROOT), parse=parse_sshd_t)

    @check("ssh.root-login", needs=SSHD, severity=Severity.HIGH,
           when_absent=not_applicable(msg("No SSH server is installed")))
    def root_login(sshd: SshdConfig, *, allowed: frozenset[str] = frozenset({"no"})) -> Judgement:
        \"\"\"Root cannot log in over SSH with a password.\"\"\"
        return expect(sshd.permit_root_login in allowed,
                      detail=msg("PermitRootLogin is {value}", value=sshd.permit_root_login),
                      expected=msg("one of {allowed}", allowed=listed(allowed)))
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

from audit_core.api.format import (
    DAY,
    HOUR,
    c_integer,
    capped,
    capped_messages,
    days_text,
    decimal,
    decimal_number,
    few,
    integer,
    json_as,
    json_document,
    json_value,
    present,
    rounded_down,
    rounded_up,
    whole_number,
)
from audit_core.model import (
    ANY_KIND,
    AboutLine,
    Absent,
    AbsolutePath,
    AccessSchema,
    Answer,
    Answers,
    Ask,
    Builtin,
    Check,
    Command,
    Complete,
    CutList,
    Day,
    Description,
    Each,
    EachPart,
    Fact,
    FileEntry,
    FileStatus,
    FirstOf,
    HostName,
    Judgement,
    KeyFile,
    Kind,
    KindSettings,
    Known,
    KnownOrAbsent,
    Message,
    ModeBits,
    Modified,
    Name,
    NamedAsk,
    Need,
    OfParent,
    Optional_,
    Parameter,
    ParseError,
    Parser,
    Part,
    Partial,
    Platform,
    PlatformQuestions,
    Port,
    PortRange,
    Positive,
    PositiveFloat,
    Privilege,
    Propose,
    Provider,
    ReadFile,
    ReadFiles,
    Reason,
    Refusal,
    Request,
    Schema,
    SecretRef,
    Severity,
    Source,
    Target,
    Valid,
    Value,
    Values,
    Verbatim,
    Verdict,
    facts_in,
    filled,
    msg,
    settings_of,
    verbatim,
)
from audit_core.model.messages import shortened

__all__ = [
    "ANY_KIND",
    "COLLECTED_AT",
    "DAY",
    "HOUR",
    "PLATFORM",
    "TARGET",
    "AboutLine",
    "Absent",
    "AbsolutePath",
    "AccessSchema",
    "Answer",
    "Answers",
    "Builtin",
    "Check",
    "Command",
    "CutList",
    "Day",
    "Description",
    "Down",
    "Fact",
    "FileEntry",
    "FileStatus",
    "HostName",
    "Judgement",
    "KeyFile",
    "Kind",
    "KindSettings",
    "Known",
    "Message",
    "ModeBits",
    "Name",
    "Need",
    "Others",
    "ParseError",
    "Part",
    "Partial",
    "Platform",
    "PlatformQuestions",
    "Port",
    "PortRange",
    "Positive",
    "PositiveFloat",
    "Privilege",
    "Propose",
    "Provider",
    "ReadFile",
    "ReadFiles",
    "Reason",
    "Refusal",
    "Request",
    "Schema",
    "SecretRef",
    "Severity",
    "Subset",
    "Superset",
    "Target",
    "Up",
    "Valid",
    "Value",
    "Values",
    "Verbatim",
    "Verdict",
    "all_known",
    "c_integer",
    "capped",
    "capped_messages",
    "check",
    "complete",
    "days_text",
    "decimal",
    "decimal_number",
    "derive",
    "each",
    "each_part",
    "expect",
    "fact",
    "failed",
    "few",
    "filled",
    "first_of",
    "integer",
    "json_as",
    "json_document",
    "json_value",
    "known",
    "known_or_absent",
    "listed",
    "msg",
    "not_applicable",
    "not_present",
    "of_parent",
    "optional",
    "partial",
    "passed",
    "present",
    "provider",
    "read_rows",
    "rounded_down",
    "rounded_up",
    "settings_of",
    "shortened",
    "undetermined",
    "verbatim",
    "whole_number",
]

TARGET = Builtin.TARGET
COLLECTED_AT = Builtin.COLLECTED_AT
PLATFORM = Builtin.PLATFORM

# The type of a parameter says in which direction an overlay may move it: Annotated[int, Up].
Up = "up"
Down = "down"
Subset = "subset"
Superset = "superset"


def provider(
    ask: Ask | None = None,
    parse: Parser | None = None,
    *,
    asks: dict[str, NamedAsk] | None = None,
    **when: str | tuple[str, ...],
) -> Provider:
    """One way to learn a fact; `when` guards it, e.g. `package_manager="apt"`.

    Give `ask` and the parser of its answer, or `asks` by name and the parser of all answers.
    """
    if parse is None or (ask is None) == (not asks):
        raise TypeError("a provider has a parser, and either ask or asks")
    guards = {k: (v,) if isinstance(v, str) else v for k, v in when.items()}
    return Provider(ask=ask, asks=asks or {}, parse=parse, when=guards)


def fact(
    id: str,
    type: Any,
    *,
    kind: str,
    ask: Ask | None = None,
    asks: dict[str, NamedAsk] | None = None,
    parse: Parser | None = None,
    providers: tuple[Provider, ...] = (),
) -> Fact:
    """The fact `id` about targets of `kind`, with a value of `type`.

    Give `ask` or `asks` and `parse`, or `providers`.
    The parser of `ask` is given an Answer, the parser of `asks` an Answers. Each of several
    requests must be answered, unless it stands in `optional` or `known_or_absent`.
    """
    if (parse is None) == (not providers) or (parse is None and (ask or asks)):
        raise TypeError(f"fact {id}: give ask or asks and parse, or providers")
    if parse is not None:
        providers = (provider(ask, parse, asks=asks),)
    return Fact(id=id, type=type, kind=kind, providers=providers)


def derive(
    id: str,
    type: Any,
    *,
    needs: Need | tuple[Need, ...],
    make: Callable[..., Any],
    kind: str | None = None,
) -> Fact:
    """The fact `id`, made from other facts: `make` gets one value per need, in order.

    It returns the value, `not_present(…)` or a Partial, and may raise ParseError. The evidence is
    that of all needs; the value is incomplete where one of them is.
    """
    wanted = needs if isinstance(needs, tuple) else (needs,)
    return Fact(
        id=id, type=type, kind=_kind_of(f"fact {id}", wanted, kind), needs=wanted, make=make
    )


def optional(of: Source | Ask | Complete) -> Optional_:
    """`of`, or None where it is NOT_PRESENT. Could-not-look still ends as undetermined."""
    return Optional_(of=of)


def known_or_absent(of: Source | Ask | Optional_ | Complete) -> KnownOrAbsent:
    """`of`, or its Absent, so that a conclusion that holds without it is not lost.

    A check can then only fail or be undetermined, and a derived fact is incomplete: judge what
    holds whatever the absent value might be. `known_or_absent(optional(of))` gives None where the
    thing is NOT_PRESENT, which is a known state, not a gap.
    """
    return KnownOrAbsent(of=of)


def complete(of: Source) -> Complete:
    """The need `of`, which must be complete: an incomplete value stops the check, as no value does.

    For a check that fails because it did not find something: the row that could not be read may
    have been it. With `known_or_absent(complete(of))` beside `of` a check can tell.
    """
    return Complete(of=of)


T = TypeVar("T")
R = TypeVar("R")
Others = tuple[tuple[Target, Known | Absent], ...]
"""What `each` gives: a fact about every target of a kind."""


def known(value: T | Absent | None) -> T | None:
    """`value`, or None where it is absent."""
    return None if isinstance(value, Absent) else value


def all_known(others: Others) -> tuple[Any, ...] | None:
    """What `each` gives, without the targets; None where a value is absent or incomplete."""
    values = [got for _, got in others]
    if any(not isinstance(got, Known) or got.incomplete for got in values):
        return None
    return tuple(got.value for got in values if isinstance(got, Known))


def partial(value: T, problems: Iterable[Message]) -> T | Partial:
    """For parsers: `value`, which is incomplete where there are `problems`."""
    found = tuple(problems)
    return Partial(value=value, problems=found) if found else value


_MOST_UNREAD = 1000


def read_rows(
    lines: Iterable[tuple[int, R]], read: Callable[[R], T]
) -> tuple[list[T], list[Message]]:
    """What `read` makes of each numbered line, and which lines it raised ParseError for.

    Raises the first ParseError where no line could be read. Ends after 1000 lines that could not
    be read: a line costs more to refuse than to read.
    """
    rows, problems = [], []
    first: ParseError | None = None
    for number, line in lines:
        try:
            rows.append(read(line))
        except ParseError as error:
            first = first or error
            problems.append(msg("line {number}: {error}", number=number, error=error.detail))
            if len(problems) == _MOST_UNREAD:
                break
    if first is not None and not rows:
        raise first
    return rows, problems


def first_of(*facts: Fact | str) -> FirstOf:
    """The first of `facts` that is known, a complete one before others.

    Only for facts with the same value: if they differed, a gap in one could turn a fail into a
    pass. The finding names the fact that was used.
    """
    return FirstOf(facts=facts)


def of_parent(fact: Fact | str) -> OfParent:
    """`fact` about the nearest target above that is of the fact's kind."""
    return OfParent(fact=fact)


def each_part(fact: Fact | str) -> EachPart:
    """`fact` about each target below of the fact's kind: a tuple of (Target, Known | Absent).

    Where one of them could not be looked at, the check can only fail or be undetermined.
    """
    return EachPart(fact=fact)


def each(kind: str, fact: Fact | str) -> Each:
    """`fact` about each target of `kind` in the run, as with `each_part`."""
    return Each(kind=kind, fact=fact)


def not_present(detail: Message) -> Absent:
    """For parsers: the target answered, and the thing is not there."""
    return Absent(reason=Reason.NOT_PRESENT, detail=detail)


def listed(values: Iterable[object]) -> tuple[str, ...]:
    """`values` as sorted text, for a message argument."""
    return tuple(sorted(str(v) for v in values))


def _as_tuple(detail: Message | tuple[Message, ...]) -> tuple[Message, ...]:
    return (detail,) if isinstance(detail, Message) else detail


def passed(*detail: Message, expected: Message | None = None) -> Judgement:
    """The target is as the check wants it."""
    return Judgement(verdict=Verdict.PASS, detail=detail, expected=expected)


def failed(*detail: Message, expected: Message | None = None) -> Judgement:
    """The target is not as the check wants it."""
    return Judgement(verdict=Verdict.FAIL, detail=detail, expected=expected)


def not_applicable(*detail: Message) -> Judgement:
    """The check does not concern this target; `detail` is the reason, never empty."""
    return Judgement(verdict=Verdict.NOT_APPLICABLE, detail=detail)


def undetermined(*detail: Message, expected: Message | None = None) -> Judgement:
    """The observations do not decide the question."""
    return Judgement(verdict=Verdict.UNDETERMINED, detail=detail, expected=expected)


def expect(
    ok: bool, *, detail: Message | tuple[Message, ...], expected: Message | None = None
) -> Judgement:
    """PASS if `ok`, else FAIL, with the observed value as `detail` and the expected one."""
    verdict = Verdict.PASS if ok else Verdict.FAIL
    return Judgement(verdict=verdict, detail=_as_tuple(detail), expected=expected)


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{function.__name__}: parameter {name} needs a default")
        kind, tightens = hints[name], None
        if typing.get_origin(kind) is Annotated and isinstance(kind.__metadata__[0], str):
            kind, tightens = typing.get_args(kind)[:2]
        found.append(Parameter(name=name, type=kind, default=parameter.default, tightens=tightens))
    return tuple(found)


def _kind_of(name: str, needs: tuple[Need, ...], given: str | None) -> str:
    kinds = {kind for need in needs for kind in _kinds_in(need)}
    if given is not None:
        kinds.add(given)
    if len(kinds) != 1:
        raise TypeError(f"{name}: its facts are of kinds {sorted(kinds)}, it needs exactly one")
    return kinds.pop()


def _kinds_in(need: Need | Ask) -> set[str]:
    """The kinds of the facts in `need` that are about the target itself."""
    if isinstance(need, Modified):
        return _kinds_in(need.of)
    if not isinstance(need, Fact | FirstOf):
        return set()
    return {fact.kind for fact in facts_in(need) if isinstance(fact, Fact)}


def check(
    id: str,
    *,
    needs: Need | tuple[Need, ...],
    severity: Severity,
    version: int = 1,
    when_absent: Judgement | None = None,
    kind: str | None = None,
    remedy: Message | None = None,
) -> Callable[[Callable[..., Judgement]], Check]:
    """Make a function a check; its docstring's first line says what is true when it passes.

    The function gets one positional value per need, in order, and the parameters by keyword.
    `when_absent` is the judgement when a needed fact is NOT_PRESENT; without it that is
    undetermined. Any other absence is undetermined before the function is called.
    """
    wanted = needs if isinstance(needs, tuple) else (needs,)

    def make(function: Callable[..., Judgement]) -> Check:
        line = (inspect.getdoc(function) or "").split("\n")[0]
        if not line:
            raise TypeError(f"check {id}: a docstring line says what is true when it passes")
        title = Message(id=line, domain=function.__module__.partition(".")[0])
        of_kind = _kind_of(f"check {id}", wanted, kind)
        return Check(
            id=id, title=title, kind=of_kind, needs=wanted, severity=severity, version=version,
            parameters=_parameters(function), when_absent=when_absent,
            judge=function, remedy=remedy,
        )  # fmt: skip

    return make
