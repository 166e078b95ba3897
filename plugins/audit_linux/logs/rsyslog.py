"""Where rsyslog writes and sends the records of the host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from audit_core.api.sdk import (
    Absent,
    ParseError,
    fact,
    msg,
)
from audit_core.model import Answer
from audit_linux.config_files import ConfigPaths
from audit_linux.logs.daemon_files import in_use
from audit_linux.logs.forwards import Forward, Forwards
from audit_linux.logs.routes import LOGINS, SAMPLES, SUDO_SAMPLES, Route, Sample, by_every_name
from audit_linux.logs.rsyslog_grammar import Grammar
from audit_linux.logs.rsyslog_rules import Trial
from audit_linux.logs.rsyslog_scanner import Token, scan
from audit_linux.logs.rsyslog_statements import Output, Rule, Statement, Unknown

_MAIN = "/etc/rsyslog.conf"
# SUSE writes the sockets of changed roots to the second one at each start, and includes it.
_FOLDERS = ("/etc/rsyslog.d", "/run/rsyslog")
_FILES = ConfigPaths(files=(_MAIN,), folders=_FOLDERS, pattern="*.conf")
_FORWARDING = frozenset({"omfwd", "omrelp"})
# Outputs that leave records on the host.
_STAYING = frozenset({"", "omfile", "omusrmsg", "omjournal", "ompipe", "omstdout", "omdiscard"})
_SOCKETS = ("/dev/log", "/run/systemd/journal/syslog")


def parse_rsyslog(answer: Answer) -> Forwards | Absent:
    """What rsyslog.conf, and of the directories what it includes, does with the host's records.

    What stands in other included files is not known.
    """
    files = _FILES.read(answer)
    if isinstance(files, Absent):
        return files
    texts = {f.path: "\n".join(f.lines) for f in files}
    if _MAIN not in texts:
        raise ParseError(msg("rsyslog.d without rsyslog.conf"))
    grammar = Grammar(scan(_MAIN, texts[_MAIN], lambda place: _included(texts, place)))
    grammar.read()
    return _forwards(grammar)


def _included(texts: dict[str, str], place: str) -> list[tuple[str, str]] | None:
    """The files that `place` names; None where some of them may not have been read."""
    folder, _, name = place.rpartition("/")
    if place == _MAIN:
        return []
    if folder not in _FOLDERS or not name.endswith(".conf"):
        return None
    return [
        (path, text) for path, text in texts.items()
        if path.startswith(f"{folder}/") and fnmatchcase(path.rpartition("/")[2], name)
    ]  # fmt: skip


# --- inputs -------------------------------------------------------------------------------------


def _module(token: Token) -> tuple[str, dict[str, tuple[str, ...]]] | None:
    """The name and the parameters of a module that is loaded."""
    path = "".join(token.values.get("load", ())) if token.kind == "module" else ""
    if token.kind == "directive" and token.text.lower().startswith("$modload "):
        path = token.text.split(None, 1)[-1]
    name = path.strip().rpartition("/")[2].removesuffix(".so").lower()
    return (name, token.values) if name else None


def _off(token: Token) -> bool:
    """True for what takes the socket of the system away from imuxsock."""
    words = token.text.lower().split()
    return words[:2] == ["$omitlocallogging", "on"]


def _inputs(objects: list[Token], default: str) -> dict[str, str]:
    """The inputs that take records of the host, each with the ruleset that it feeds."""
    loaded = dict(m for token in objects if (m := _module(token)))
    found: dict[str, str] = {
        name: _word(loaded[name], "ruleset") or default
        for name in ("imjournal", "imklog", "imkmsg") if name in loaded
    }  # fmt: skip
    if "imuxsock" not in loaded:
        return found
    sockets = [token.values for token in objects if token.kind == "input" and _is_own(token)]
    if sockets:
        found["imuxsock"] = _word(sockets[-1], "ruleset") or default
    elif not _without_socket(objects, loaded["imuxsock"]):
        found["imuxsock"] = default
    return found


def _is_own(token: Token) -> bool:
    """Whether an input takes records of the host's programs by their socket."""
    return "".join(token.values.get("socket", ())) in _SOCKETS


def _without_socket(objects: list[Token], imuxsock: dict[str, tuple[str, ...]]) -> bool:
    """Whether imuxsock leaves the socket of the system alone."""
    return _word(imuxsock, "syssock.use") in ("off", "no", "0") or any(map(_off, objects))


def _word(values: dict[str, tuple[str, ...]], name: str) -> str:
    return "".join(values.get(name, ())).lower()


# Directives that limit what an input takes, and its limit without them: seconds and records.
_LIMITS = {
    "imuxsock": ("$systemlogratelimit", 0, 200), "imjournal": ("$imjournalratelimit", 600, 20_000),
}  # fmt: skip


def _burst(objects: list[Token]) -> int | None:
    """How many records of a program the inputs take in an interval; None without a limit."""
    found = []
    for name, (directive, interval, burst) in _LIMITS.items():
        values = {k: v for token in objects for k, v in _limit(token, name, directive)}
        if values.get("interval", interval):
            found.append(values.get("burst", burst))
    return min(filter(None, found), default=None)


def _limit(token: Token, name: str, directive: str) -> Iterator[tuple[str, int]]:
    """The `interval` and the `burst` that a piece of the file sets for the input `name`."""
    first, _, value = token.text.lower().partition(" ")
    pairs = {key: "".join(values) for key, values in token.values.items()}
    if token.kind == "directive" and first.startswith(directive):
        pairs = {f"ratelimit.{first.removeprefix(directive)}": value.strip()}
    elif name not in (pairs.get("type"), *(_module(token) or ())[:1]):
        return
    for key, text in pairs.items():
        before, mark, what = key.rpartition("ratelimit.")
        if mark and before in ("", "syssock.") and re.fullmatch("[0-9]{1,9}", text):
            yield what, int(text)


def _takes(source: str, sample: Sample) -> bool:
    kernel = sample.facility == "kern"
    return source == "imjournal" or (source in ("imklog", "imkmsg")) is kernel


# --- what becomes of the records ------------------------------------------------------------------


def _forwards(grammar: Grammar) -> Forwards:
    statements = [s for found in grammar.rulesets.values() for s in _below(found)]
    outputs = [s for s in statements if isinstance(s, Output)]
    unread = [s.text for s in statements if isinstance(s, Unknown)]
    inputs = _inputs(grammar.objects, grammar.default)
    routes = tuple(
        by_every_name(sample, lambda one: _route(grammar, inputs, one, unread))
        for sample in SAMPLES
    )
    found = {
        Forward(target=place, every=_whole(routes, place), file=output.file, port=output.port): None
        for output in outputs if output.kind in _FORWARDING for place in output.places or ("",)
    }  # fmt: skip
    others = {o.kind for o in outputs} - _FORWARDING - _STAYING
    return Forwards(
        forwards=tuple(found),
        unread=tuple(sorted(set(unread))),
        others=tuple(sorted(others)),
        routes=routes,
        sudo=tuple(_route(grammar, inputs, sample, unread) for sample in SUDO_SAMPLES),
        inputs=tuple(inputs),
        burst=_burst(grammar.objects),
    )


def _below(statements: Iterable[Statement]) -> Iterator[Statement]:
    waiting = list(statements)[::-1]
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, Rule):
            waiting += [*statement.then, *statement.other]


def _whole(routes: tuple[Route, ...], place: str) -> bool:
    """True when all records about logins go to `place`."""
    return all(place in route.sent for route in routes if route.facility in LOGINS)


def _route(grammar: Grammar, inputs: dict[str, str], sample: Sample, unread: list[str]) -> Route:
    """Where a record goes; by two inputs it goes where it goes by one of them."""
    ways = [(s, ruleset) for s, ruleset in inputs.items() if _takes(s, sample)]
    found = [Trial(grammar.rulesets, sample, source).run(ruleset) for source, ruleset in ways]
    doubts = {doubt for route in found for doubt in route.doubts}
    if grammar.refused is not None:
        doubts.add(f"{grammar.refused.file}: {grammar.refused.text}".strip()[:200])
    doubts.update(unread if not found else ())  # one of them may load an input
    kept, sent, perhaps = (
        tuple(dict.fromkeys(place for places in every for place in places))
        for every in zip(*((r.kept, r.sent, r.perhaps) for r in found), strict=True)
    ) if found else ((), (), ())  # fmt: skip
    return Route(event=sample.event, facility=sample.facility, kept=kept, sent=sent,
                 perhaps=perhaps, doubts=tuple(sorted(doubts)))  # fmt: skip


RSYSLOG_FILES = fact(
    "linux.rsyslog-forwards",
    Forwards,
    kind="host",
    ask=_FILES.request,
    parse=parse_rsyslog,
)
RSYSLOG = in_use("linux.rsyslog-in-use", RSYSLOG_FILES, "rsyslogd", _MAIN)
