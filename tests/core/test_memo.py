"""Equal content is read and judged once; nothing is used again that one host has part in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from audit_core.api.sdk import Answer, ReadFile, ReadFiles, Severity, check, expect, fact, msg
from audit_core.evaluate import SkippedSteps, judge
from audit_core.evaluate.fact_values import json_value
from audit_core.evaluate.group_facts import GroupFacts, Shared
from audit_core.evaluate.memo import Memo
from audit_core.model import (
    Builtin,
    Check,
    Fact,
    FileEntry,
    FileStatus,
    Finding,
    Known,
    Reply,
    SessionInfo,
    Status,
    Target,
    Tree,
)
from audit_core.plan import groups
from audit_core.store.bundles import Bundle, BundleWriter, Head, Stamp

FILES = ReadFiles(paths=("/etc/app",), depth=1)
FILE = ReadFile(path="/etc/app.conf")


class Hosts:
    """Hosts that are evaluated one after the other, with one memory."""

    def __init__(self, folder: Path, what: Fact, memo: Memo | None = None) -> None:
        self.memo = memo or Memo()
        self._folder, self._fact, self._count = folder, what, 0

    def next(self, reply: Callable[[], Reply], **reported: Any) -> tuple[GroupFacts, Target]:
        """The facts of another host that gave that reply."""
        self._count += 1
        target = Target(id=f"h{self._count}", kind="host", object_type="server", **reported)
        path = self._folder / f"{target.id}.bundle"
        writer = BundleWriter(path, Head(run="r", target=target.id))
        stamp = Stamp(
            round=1, started=f"2026-01-0{self._count}T00:00:00Z", ended="", how=SessionInfo()
        )
        writer.add(target.id, reply(), stamp)
        writer.finish()
        (group,) = groups((target,), ())
        shared = Shared(tree=Tree((target,)))
        step: Callable[[str], None] = lambda name: None  # noqa: E731
        return GroupFacts(group, Bundle(path), SkippedSteps(), step, shared, "", self.memo), target

    def learned(self, reply: Callable[[], Reply], **reported: Any) -> Any:
        """The value of the fact on another host."""
        facts, target = self.next(reply, **reported)
        got = facts.learn(self._fact, target)
        assert isinstance(got, Known)
        (digest,) = got.evidence
        assert digest.startswith("sha256:")
        return got.value

    def judged(self, what: Check, reply: Callable[[], Reply], **reported: Any) -> Finding:
        """The finding on another host."""
        facts, target = self.next(reply, **reported)
        return judge.judge(what, target, facts.inputs(what.needs, target), {}, self.memo)


def _text(text: bytes) -> Callable[[], Reply]:
    return lambda: Reply(request=FILE, status=Status.ANSWERED, exit_code=0, stdout=text)


def _files(modified: float, data: bytes = b"x") -> Callable[[], Reply]:
    entry = FileEntry(path="/etc/app/a", status=FileStatus.READ, modified=modified, data=data)
    return lambda: Reply(request=FILES, status=Status.ANSWERED, exit_code=0, files=(entry,))


def _fact(ask: Any, parse: Callable[[Answer], Any], type_: Any = Any) -> Fact:
    return fact("t.what", type_, kind="host", ask=ask, parse=parse)


def test_equal_texts_are_read_once(tmp_path: Path) -> None:
    read = []

    def parse(answer: Answer) -> tuple[str]:
        read.append(answer.text)
        return (answer.text,)

    hosts = Hosts(tmp_path, _fact(FILE, parse))
    got = [hosts.learned(_text(text)) for text in (b"a", b"a", b"b", b"a", b"a", b"b")]
    assert [value for (value,) in got] == ["a", "a", "b", "a", "a", "b"]
    # Each the first two times, and then once more to see what the parser looks at.
    assert sorted(read) == ["a"] * 3 + ["b"] * 3
    assert got[1] is got[3] is got[4]


def test_equal_values_of_different_texts_are_judged_once(tmp_path: Path) -> None:
    judged = []

    def judge_(value: dict[str, int]) -> Any:
        """Names are there."""
        judged.append(tuple(value))
        return expect(True, detail=msg("{names}", names=tuple(value)), expected=msg("x"))

    what = _fact(FILE, lambda a: dict.fromkeys(a.text.split("#")[0].split(), 1), dict[str, int])
    by_names = check("t.check", needs=what, severity=Severity.LOW)(judge_)
    hosts = Hosts(tmp_path, what)
    texts = [b"a b #1", b"a b #2", b"a b #3", b"a b #4", b"a b #5", b"b a #6", b"a b #7"]
    shown = [hosts.judged(by_names, _text(text)).detail[0].args["names"] for text in texts]
    # Equal mappings in another order are not the same: a check may list by it.
    assert shown == [("a", "b")] * 5 + [("b", "a"), ("a", "b")]
    # The second value is kept; of it the check is called for the second and the third host, and
    # once more to see what it looks at.
    assert judged == [("a", "b")] * 4 + [("b", "a")]


def test_what_belongs_to_one_host_is_never_used_for_another(tmp_path: Path, subtests: Any) -> None:
    parsers: dict[str, tuple[Any, Callable[[Answer], Any]]] = {
        "target": (FILE, lambda a: a.target.id),
        "settings": (FILE, lambda a: a.target.settings["n"]),
        "time": (FILE, lambda a: a.collected_at),
        "the answer itself": (FILE, lambda a: (a, a.collected_at)[0]),
        "times of files": (FILES, lambda a: [f.modified for f in a.files]),
        "whole entries": (FILES, lambda a: a.files),
        "copies of entries": (FILES, lambda a: [repr(f) for f in a.files]),
        "bytes with times": (FILES, lambda a: a.text),
    }
    for name, (ask, parse) in parsers.items():
        with subtests.test(name):
            folder = tmp_path / name
            folder.mkdir()
            kept, plain = Hosts(folder, _fact(ask, parse)), Hosts(folder, _fact(ask, parse))
            for n in range(4):
                reply = _text(b"a") if ask is FILE else _files(1000.0 + n)
                reported = {"settings": {"n": n}, "address": f"10.0.0.{n}"}
                value = kept.learned(reply, **reported)
                plain.memo = Memo(0)
                (folder / f"h{n + 1}.bundle").unlink()
                assert value == plain.learned(reply, **reported), n


def test_times_of_files_do_not_count_unless_they_are_read(tmp_path: Path) -> None:
    hosts = Hosts(tmp_path, _fact(FILES, lambda a: [f.text for f in a.files]))
    first, second, third, other = (
        hosts.learned(_files(n + 0.5, data)) for n, data in enumerate((b"x", b"x", b"x", b"y"))
    )
    assert first == second == ["x"]
    assert third is second
    assert other == ["y"]


def test_findings_are_of_their_own_host(tmp_path: Path) -> None:
    judged = []
    of_text = _fact(FILE, lambda answer: (answer.text,), tuple[str])

    @check("t.settings", needs=(of_text, Builtin.TARGET), severity=Severity.LOW, remedy=msg("r"))
    def settings(value: tuple[str], target: Target) -> Any:
        """It looks at what is declared."""
        judged.append(target.settings)
        return expect(target.settings.get("ok", False), detail=msg("d"), expected=msg("e"))

    @check("t.address", needs=(of_text, Builtin.TARGET), severity=Severity.LOW, remedy=msg("r"))
    def address(value: tuple[str], target: Target) -> Any:
        """It looks at the address."""
        return expect(target.address == "10.0.0.9", detail=msg("d"), expected=msg("e"))

    hosts = Hosts(tmp_path, of_text)
    for _ in range(6):
        found = hosts.judged(settings, _text(b"a"), settings={"ok": True}, address="10.0.0.1")
        assert (found.id, found.target) == (f"t.settings@{found.target}", found.target)
        assert found.verdict == "pass"
    assert len(judged) < 6
    assert hosts.judged(settings, _text(b"a"), settings={}).verdict == "fail"
    verdicts = [
        hosts.judged(address, _text(b"a"), address=f"10.0.0.{n}").verdict for n in (1, 1, 1, 9, 1)
    ]
    assert verdicts == ["fail", "fail", "fail", "pass", "fail"]
    evidence = {hosts.judged(settings, _text(b"a"), settings={"ok": True}).evidence for _ in "ab"}
    assert len(evidence) == 2


def test_faults_are_not_kept_and_memory_is_bounded(tmp_path: Path) -> None:
    calls = []

    def parse(answer: Answer) -> str:
        calls.append(answer.text)
        if len(calls) < 3:
            raise MemoryError
        return answer.text * 2

    memo = Memo(800)
    hosts = Hosts(tmp_path, _fact(FILE, parse), memo)
    got = [hosts.next(_text(b"a")) for _ in range(3)]
    values = [facts.learn(hosts._fact, target) for facts, target in got]
    assert values[2].value == "aa"  # type: ignore[union-attr]
    for n in range(60):
        facts, target = hosts.next(_text(b"%050d" % (n // 3)))
        facts.learn(hosts._fact, target)
    assert memo._size <= 800
    assert len(memo._same) < 100


def test_what_is_stored_of_a_kept_value_is_made_once_and_is_that_of_no_other(
    tmp_path: Path,
) -> None:
    made = []

    def as_json(value: Any) -> msgspec.Raw:
        made.append(value[0])
        return json_value(value)

    memo = Memo(800)
    hosts = Hosts(tmp_path, _fact(FILE, lambda a: [a.text]), memo)
    for n in range(60):
        # The values of most hosts are gone by now, and others have their ids.
        value = hosts.learned(_text(b"%050d" % (n // 4)))
        assert bytes(memo.json(value, as_json)) == bytes(json_value(value))
        assert memo._json.keys() <= memo._same.keys()
        assert memo._json_size == sum(map(len, memo._json.values())) <= 800
    assert 15 < len(made) < 60
