"""What a plugin's author imports: facts, checks and the few words to judge with.

Writing a check::

    SSHD = fact("ssh.server", SshdConfig, ask=Command(argv=("/usr/sbin/sshd", "-T"),
                privilege=Privilege.ROOT), parse=parse_sshd_t)

    @check("ssh.root-login", needs=SSHD, severity=Severity.HIGH,
           when_absent=not_applicable(msg("No SSH server is installed")))
    def root_login(sshd: SshdConfig, *, allowed: frozenset[str] = frozenset({"no"})) -> Judgement:
        \"\"\"Root cannot log in over SSH with a password.\"\"\"
        return expect(sshd.permit_root_login in allowed,
                      said=msg("PermitRootLogin is {value}", value=sshd.permit_root_login),
                      expected=msg("one of {allowed}", allowed=listed(allowed)))
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from audit_core.model import (
    Absent,
    Answer,
    Ask,
    Builtin,
    Check,
    Command,
    Fact,
    Judgement,
    Kind,
    Message,
    Need,
    Optional_,
    Parameter,
    ParseError,
    Parser,
    Platform,
    Privilege,
    Probe,
    Provider,
    ReadFile,
    Reason,
    Severity,
    Target,
    Verdict,
    msg,
)

__all__ = [
    "COLLECTED_AT", "PLATFORM", "TARGET", "Absent", "Answer", "Builtin", "Check", "Command",
    "Down", "Fact", "Judgement", "Kind", "Message", "Need", "ParseError", "Platform", "Privilege",
    "Probe", "Provider", "ReadFile", "Reason", "Severity", "Subset", "Superset", "Target",
    "Up", "Verdict",
    "check", "expect", "fact", "failed", "listed", "msg", "not_applicable", "not_present",
    "optional", "passed", "provider", "undetermined",
]  # fmt: skip

TARGET = Builtin.TARGET
COLLECTED_AT = Builtin.COLLECTED_AT
PLATFORM = Builtin.PLATFORM

# A knob's type says in which direction an overlay may move it: Annotated[int, Up].
Up = "up"
Down = "down"
Subset = "subset"
Superset = "superset"


def provider(ask: Ask, parse: Parser, **when: str | tuple[str, ...]) -> Provider:
    """One way to learn a fact; `when` guards it, e.g. `package_manager="apt"`."""
    guards = {k: (v,) if isinstance(v, str) else v for k, v in when.items()}
    return Provider(ask=ask, parse=parse, when=guards)


def fact(
    id: str,
    type: Any,
    *,
    ask: Ask | None = None,
    parse: Parser | None = None,
    providers: tuple[Provider, ...] = (),
    kind: Kind = Kind.HOST,
    follow_up: bool = False,
) -> Fact:
    """The fact `id` with a value of `type`; give `ask` and `parse`, or `providers`."""
    if (ask is None) != (parse is None) or (ask is None) == (not providers):
        raise TypeError(f"fact {id}: give ask and parse, or providers")
    if ask is not None and parse is not None:
        providers = (Provider(ask=ask, parse=parse),)
    return Fact(id=id, type=type, kind=kind, providers=providers, follow_up=follow_up)


def optional(fact: Fact) -> Optional_:
    """`fact`, or None where it is NOT_PRESENT. Could-not-look still ends as undetermined."""
    return Optional_(fact=fact)


def not_present(said: Message) -> Absent:
    """For parsers: the target answered, and the thing is not there."""
    return Absent(reason=Reason.NOT_PRESENT, said=said)


def listed(values: Iterable[object]) -> tuple[str, ...]:
    """`values` as sorted text, for a message argument."""
    return tuple(sorted(str(v) for v in values))


def _as_tuple(said: Message | tuple[Message, ...]) -> tuple[Message, ...]:
    return (said,) if isinstance(said, Message) else said


def passed(*said: Message, expected: Message | None = None) -> Judgement:
    """The target is as the check wants it."""
    return Judgement(verdict=Verdict.PASS, said=said, expected=expected)


def failed(*said: Message, expected: Message | None = None) -> Judgement:
    """The target is not as the check wants it."""
    return Judgement(verdict=Verdict.FAIL, said=said, expected=expected)


def not_applicable(*said: Message) -> Judgement:
    """The check does not concern this target; `said` is the reason, never empty."""
    return Judgement(verdict=Verdict.NOT_APPLICABLE, said=said)


def undetermined(*said: Message, expected: Message | None = None) -> Judgement:
    """What was seen does not settle the question."""
    return Judgement(verdict=Verdict.UNDETERMINED, said=said, expected=expected)


def expect(
    ok: bool, *, said: Message | tuple[Message, ...], expected: Message | None = None
) -> Judgement:
    """PASS if `ok`, else FAIL, with what was seen and what was expected."""
    verdict = Verdict.PASS if ok else Verdict.FAIL
    return Judgement(verdict=verdict, said=_as_tuple(said), expected=expected)


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{function.__name__}: parameter {name} needs a default")
        kind, tightens = hints[name], None
        if typing.get_origin(kind) is Annotated:
            kind, tightens = typing.get_args(kind)[:2]
        found.append(Parameter(name=name, type=kind, default=parameter.default, tightens=tightens))
    return tuple(found)


def _kind_of(id: str, needs: tuple[Need, ...], given: Kind | None) -> Kind:
    kinds = {n.kind for n in needs if isinstance(n, Fact)}
    kinds |= {n.fact.kind for n in needs if isinstance(n, Optional_)}
    if given is not None:
        kinds.add(given)
    if len(kinds) != 1:
        raise TypeError(f"check {id}: its facts are of kinds {sorted(kinds)}, it needs exactly one")
    return kinds.pop()


def check(
    id: str,
    *,
    needs: Need | tuple[Need, ...],
    severity: Severity,
    version: int = 1,
    when_absent: Judgement | None = None,
    kind: Kind | None = None,
    remedy: Message | None = None,
) -> Callable[[Callable[..., Judgement]], Check]:
    """Make a function a check; its docstring's first line says what is true when it passes.

    The function gets one positional value per need, in order, and the parameters by keyword.
    `when_absent` is the judgement when a needed fact is NOT_PRESENT; without it that is
    undetermined. Any other absence is undetermined before the function is called.
    """
    wanted = needs if isinstance(needs, tuple) else (needs,)

    def make(function: Callable[..., Judgement]) -> Check:
        title = (inspect.getdoc(function) or "").split("\n")[0]
        if not title:
            raise TypeError(f"check {id}: a docstring line says what is true when it passes")
        return Check(
            id=id, title=title, kind=_kind_of(id, wanted, kind), needs=wanted, severity=severity,
            version=version, parameters=_parameters(function), when_absent=when_absent,
            judge=function, remedy=remedy,
        )  # fmt: skip

    return make
