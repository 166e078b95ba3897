"""Which requests a run puts to which target, before anything runs. PURE."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from audit_core.model import (
    Ask,
    Check,
    Fact,
    Message,
    Platform,
    PlatformQuestions,
    Provider,
    Request,
    Target,
    merged,
    msg,
)
from audit_core.plan import batch
from audit_core.plan.wanted import wanted
from audit_core.text.translate import Translator

_ENGLISH = Translator("en").say


class PlannedRequest(Struct, frozen=True, kw_only=True):
    """One provider of one fact about one target, with the request it puts or why it puts none."""

    fact: str
    target: str
    request: Request | Message
    when: dict[str, tuple[str, ...]]
    platforms: Mapping[str, PlatformQuestions] = {}


class Group(Struct, frozen=True, kw_only=True):
    """A target that is reached by itself, its parts, and everything asked about them."""

    root: Target
    members: tuple[Target, ...]
    asked: tuple[PlannedRequest, ...]

    @property
    def parents(self) -> dict[str, str]:
        """What each part of the group is part of, by id."""
        return {m.id: m.parent for m in self.members if m.parent is not None}

    @property
    def platform(self) -> PlatformQuestions | None:
        """What the first round asks; None where nothing is asked of the root that needs it."""
        for asked in self.asked:
            known = asked.platforms.get(self.root.kind)
            if known is not None and isinstance(asked.request, known.asked_with):
                return known
        return None


def root_of(target: Target, targets: Mapping[str, Target]) -> Target:
    """The target through which `target` is reached: its topmost parent, or itself."""
    while target.parent is not None:
        target = targets[target.parent]
    return target


def request_of(ask: Ask, target: Target) -> Request | Message:
    """What `ask` asks of `target`, or the message that says what to declare."""
    return ask if isinstance(ask, Request) else ask(target)


def holds(provider: Provider, platform: Platform) -> bool:
    """Whether every guard of `provider` holds on `platform`; unknown never holds."""
    return all(platform[name] in values for name, values in provider.when.items())


def groups(targets: Sequence[Target], checks: Sequence[Check]) -> tuple[Group, ...]:
    """Everything that `checks` want to know about `targets`, grouped by how it is reached."""
    by_id = {t.id: t for t in targets}
    members: dict[str, list[Target]] = {}
    for target in targets:
        members.setdefault(root_of(target, by_id).id, []).append(target)
    facts = wanted(targets, checks)
    return tuple(
        Group(root=by_id[root], members=tuple(m), asked=_asked(m, facts))
        for root, m in members.items()
    )


def _asked(
    members: Sequence[Target], facts: Mapping[str, tuple[Fact, ...]]
) -> tuple[PlannedRequest, ...]:
    return tuple(
        PlannedRequest(
            fact=fact.id,
            target=member.id,
            request=request_of(ask, member),
            when=provider.when,
            platforms=provider.platforms,
        )
        for member in members
        for fact in facts.get(member.id, ())
        for provider in fact.providers
        for ask in provider.every_ask
    )


def _discovery(group: Group) -> tuple[Request, ...]:
    """What is asked first."""
    return () if group.platform is None else group.platform.requests


def discovery_round(group: Group) -> tuple[Request, ...]:
    """The requests of the first round, which settle the platform of the root."""
    every = _merged(group)
    return tuple(every[request.identity()] for request in _discovery(group))


def main_round(group: Group, platform: Platform) -> tuple[Request, ...]:
    """The requests of the main round, each once, for the providers whose guards hold."""
    wanted: dict[str, None] = {}
    for asked in group.asked:
        guarded = all(platform[n] in values for n, values in asked.when.items())
        if guarded and not isinstance(asked.request, Message):
            wanted[asked.request.identity()] = None
    # As `everything` has them: what is asked with the longest time is what sudoers allows.
    every = _merged(group)
    return tuple(every[identity] for identity in wanted)


def everything(group: Group) -> tuple[Request, ...]:
    """Every request that may run for `group` on any platform, each once, discovery first."""
    return tuple(_merged(group).values())


def _merged(group: Group) -> dict[str, Request]:
    asked = (a.request for a in group.asked if not isinstance(a.request, Message))
    return merged((*_discovery(group), *asked))


def _escaped(word: str) -> str:
    # sudoers(5): , : = # and blanks are special to its reader, which strips one backslash;
    # * ? [ ] ! are patterns, whose backslash is kept for fnmatch(3). A literal backslash is read
    # by both and so written four times. Neither a quote nor ^ may be escaped: before 1.9.10 that is
    # a syntax error, for which old versions refuse every rule. Since then ^ begins a regular
    # expression where it comes first, and `timeout` does. Held by tests with real sudo.
    return re.sub(r"([,:=*?\[\]!# ])", r"\\\1", word.replace("\\", "\\" * 4))


def _line(argv: Sequence[str]) -> str | None:
    """`argv` as sudoers has it, or None where no line can say it."""
    # A control character has no escape, and a blank is lost where the line ends.
    if not all(word.isprintable() for word in argv) or argv[-1][-1:] in ("", " "):
        return None
    # sudo compares the arguments joined by blanks; an empty one shows as two blanks in a row,
    # which count only when they are escaped.
    blank = "\\ " if "" in argv else " "
    return f"{argv[0]} {blank.join(_escaped(word) for word in argv[1:])}"


def sudoers(
    requests: Iterable[Request], user: str, say: Callable[[Message], str] = _ENGLISH
) -> str:
    """The least sudoers file that lets `user` run the root requests: exact argvs, no wildcard."""
    argvs = {
        argv
        for request in requests
        if isinstance(request, batch.ShellRequest)
        for argv in batch.root_argvs(request)
    }
    lines = sorted(line for argv in argvs if (line := _line(argv)) is not None)
    body = "".join(f"{user} ALL=(root) NOPASSWD: {line}\n" for line in lines)
    left = sum(1 for argv in argvs if _line(argv) is None)
    notes = [msg("dengbao: what an audit by {user} runs as root. Check with visudo -c.", user=user)]
    if left:
        notes.append(
            msg("{count} commands cannot be written in sudoers and are left out.", count=left)
        )
    return "".join(f"# {say(note)}\n" for note in notes) + body
