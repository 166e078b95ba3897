"""For authors of plugins: replay a recorded host, and check the plugin contract with pytest.

A recording is a bundle that `dengbao collect` stored: what one real host answered. Replaying it
runs the whole product with that host's answers and no host.
"""

from __future__ import annotations

import functools
import importlib.metadata
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from audit_core.api import plugins
from audit_core.api.texts import text_problems
from audit_core.connectors import Route
from audit_core.model import (
    Absent,
    Answer,
    Answers,
    Check,
    Closing,
    Command,
    Fact,
    Kind,
    KnownOrAbsent,
    Message,
    NamedAsk,
    Observation,
    Optional_,
    ParseError,
    Parser,
    Partial,
    Permission,
    Privilege,
    Provider,
    ReadFiles,
    Reason,
    Reply,
    Request,
    SessionInfo,
    Status,
    Target,
    all_facts,
    english,
    msg,
)
from audit_core.model.files import decode_files
from audit_core.plan import request_of
from audit_core.store.bundles import Bundle
from audit_core.text.translate import Translator

HOSTILE: tuple[bytes, ...] = (
    b"",
    b"\n",
    b"\0" * 100,
    b"\xff\xfe" + "口令".encode("utf-16-le"),
    "口令 minlen".encode("gb18030"),
    b"\x1b]0;title\x07\x1b[2J",
    b"a" * 1_000_000,
    b"{" * 10_000,
    b"=cmd|'/C calc'!A0\n",
    "x\u202ey\n".encode(),
    b"key value\n" * 20_000,
    b"1e999 -1 99999999999999999999999\n",
)
"""Answers that a hostile target may give; a parser returns, or raises ParseError, for each."""


class ReplaySession(Closing):
    """Answers from the `bundle` of `target`; requests that were not recorded stay unanswered."""

    def __init__(self, bundle: Bundle, target: str) -> None:
        self.info = SessionInfo(connector="replay")
        self._bundle = bundle
        self._target = target

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """The recorded answers to `requests`."""
        for request in requests:
            observation = self._bundle.observations.get((self._target, request.identity()))
            if observation is not None:
                yield self._reply(request, observation)

    def permitted(self, requests: Sequence[Request]) -> Permission:
        """How many of `requests` were answered in the recording."""
        asked = [(self._target, r.identity()) for r in requests]
        held = [self._bundle.observations[key] for key in asked if key in self._bundle.observations]
        answered = sum(1 for observation in held if observation.status is Status.ANSWERED)
        return Permission(detail=msg("{count} requests were answered", count=answered))

    def _reply(self, request: Request, observation: Observation) -> Reply:
        stdout = self._bundle.blob(observation.stdout_sha256)
        return Reply(
            request=request,
            status=observation.status,
            exit_code=observation.exit_code,
            stdout=stdout,
            stderr=self._bundle.blob(observation.stderr_sha256),
            truncated=observation.truncated,
            detail=observation.detail,
            files=decode_files(stdout) if isinstance(request, ReadFiles) else None,
            started=observation.started,
            ended=observation.ended,
        )


def replay(bundle: Bundle) -> dict[str, tuple[Route, ...]]:
    """Routes to all targets in `bundle`, whatever connectors asked them; they never fail."""
    targets = dict.fromkeys(target for target, _ in bundle.observations)

    def route(target: str) -> Route:
        return Route(
            target=target,
            connector="replay",
            accepts=(Request,),
            open=lambda: ReplaySession(bundle, target),
        )

    return {target: (route(target),) for target in targets}


T = TypeVar("T")


def whole(value: T | Partial | Absent) -> T:
    """`value` of a parser, which must be there and complete."""
    assert not isinstance(value, Partial | Absent), value  # noqa: S101 (this is for tests)
    return value


# --- the contract -------------------------------------------------------------------------------


def target_of(kind: str, **settings: Any) -> Target:
    """A made-up target of `kind`: what its plugin gives as an example, and `settings`."""
    known = _installed().kinds.by_id.get(kind)
    return _sample_of(kind, known, **settings)


@functools.cache
def _installed() -> plugins.Registry:
    return plugins.load()


def _sample_of(kind: str, known: Kind | None, **settings: Any) -> Target:
    return Target(
        id="sample",
        kind=kind,
        object_type=known.object_types[0] if known is not None else kind,
        address="127.0.0.1",
        settings={**(known.example if known is not None else {}), **settings},
    )


def problems(module: Any, name: str = "plugin under test") -> tuple[str, ...]:
    """The violations of the contract in a plugin module; empty where there are none.

    It loads, offers at least one check, every ROOT command is absolute, every parser survives
    HOSTILE, and every text has its Chinese. It may be installed.
    """
    entries = importlib.metadata.entry_points(group=plugins.GROUP)
    installed = [e.name for e in entries if e.module == module.__name__]
    name = installed[0] if installed else name
    registry = plugins.load(() if installed else ((name, module),))
    found = [english(f.detail) for f in registry.faults if f.plugin == name]
    mine = [c for c in registry.checks.values() if registry.owner.get(c.id) == name]
    if not found and not mine:
        found.append("it offers no check")
    found += _text_problems(module, registry.locales)
    found += _titles_without_chinese(mine, Translator("zh", registry.locales))
    facts = {f.id: f for c in mine for f in all_facts(c.needs)}
    kinds = registry.kinds.by_id
    found += [
        p for f in facts.values() for p in _fact_problems(f, _sample_of(f.kind, kinds.get(f.kind)))
    ]
    return tuple(found)


def _titles_without_chinese(checks: Iterable[Check], chinese: Translator) -> Iterable[str]:
    """Generated titles, which no source file contains, are found here."""
    for check in checks:
        if chinese.say(check.title) == str(check.title):
            yield f"{check.id}: its title has no Chinese: {check.title.id!r}"


def _text_problems(module: Any, locales: dict[str, Path]) -> Iterable[str]:
    if getattr(module, "__file__", None) is None:  # made by a test: it has no texts in files
        return ()
    source = Path(module.__file__)
    package = source.parent if source.name == "__init__.py" else source
    return text_problems(package, locales.get(package.stem, package.parent / "none"))


def _fact_problems(fact: Fact, target: Target) -> Iterable[str]:
    for provider in fact.providers:
        requests = [request_of(ask, target) for ask in provider.every_ask]
        for request in requests:
            if not isinstance(request, Message):
                yield from _request_problems(fact, request)
        if not any(isinstance(request, Message) for request in requests):
            for given in _given(provider, target):
                yield from _parser_problems(fact, provider.parse, given)


def _given(provider: Provider, target: Target) -> Iterable[Answer | Answers]:
    """What its parser may be given: each hostile text alone, and as each of several answers."""
    hostile = [_answer(sample, target) for sample in HOSTILE]
    if provider.ask is not None:
        yield from hostile
        return
    plain = {name: _answer(b"", target) for name in provider.asks}
    gone = {name: _unanswered(ask) for name, ask in provider.asks.items()}
    yield Answers(target=target, named={n: plain[n] if g is ... else g for n, g in gone.items()})
    for name in provider.asks:
        for answer in hostile:
            yield Answers(target=target, named={**plain, name: answer})


def _unanswered(ask: NamedAsk) -> Any:
    """What a parser is given for `ask` where there is no answer; `...` where it is not called."""
    if isinstance(ask, Optional_):
        return None
    if isinstance(ask, KnownOrAbsent):
        return Absent(reason=Reason.NOT_PERMITTED, detail=msg("not permitted"))
    return ...


def _answer(sample: bytes, target: Target) -> Answer:
    return Answer(
        stdout=sample,
        stderr=b"",
        exit_code=0,
        truncated=False,
        collected_at="2026-01-01T00:00:00.000Z",
        target=target,
    )


def _request_problems(fact: Fact, request: Request) -> Iterable[str]:
    root = isinstance(request, Command) and request.privilege is Privilege.ROOT
    if root and isinstance(request, Command) and not request.argv[0].startswith("/"):
        yield f"{fact.id}: a command that runs as root is absolute, not {request.argv[0]!r}"
    if isinstance(request, Command) and shlex.split(shlex.join(request.argv)) != [*request.argv]:
        yield f"{fact.id}: its argv does not survive quoting"


def _parser_problems(fact: Fact, parse: Parser, given: Answer | Answers) -> Iterable[str]:
    try:
        got = parse(given)
    except ParseError:
        return
    except Exception as error:  # noqa: BLE001 (that is what is looked for)
        yield f"{fact.id}: its parser raises {type(error).__name__} for {_sample(given)!r}"
        return
    if isinstance(got, Absent) and not got.detail.id:
        yield f"{fact.id}: its parser says nothing about an absence"
    if isinstance(got, Partial) and not (got.problems and all(m.id for m in got.problems)):
        yield f"{fact.id}: its parser reads a part and does not say what is missing"


def _sample(given: Answer | Answers) -> bytes | dict[str, bytes]:
    if isinstance(given, Answer):
        return given.stdout[:20]
    return {n: a.stdout[:20] for n, a in given.named.items() if isinstance(a, Answer)}
