"""What identifies a question, so that a stored answer is found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

import postgres_plugin
from audit_core import plan
from audit_core.api import plugins
from audit_core.api.sdk import fact
from audit_core.api.testkit import target_of
from audit_core.evaluate.group_facts import observations_of
from audit_core.evaluate.parse import learn
from audit_core.model import (
    Answer,
    Command,
    Known,
    Platform,
    Privilege,
    ReadFile,
    ReadFiles,
    Reason,
    Request,
)
from audit_core.plan import request_of
from core.fakes import HOST, blue, collected, reply

# What is to be declared before anything is asked.
SETTINGS: dict[str, dict[str, Any]] = {
    "host": {"scan_ports": ("1-1024",)},
    "web": {"url": "https://bank.example/", "protected": ("/admin",)},
    "prometheus": {
        "url": "https://prometheus.bank.example/",
        "capacity": [{"name": "cores", "used": "100"}],
    },
    "database_data": {"rules": [{"rule": "filled", "table": "customer", "column": "name"}]},
}


class Probe(Request, frozen=True, kw_only=True, tag="probe"):
    """A type that a plugin adds."""

    port: int = 0

    def describe(self) -> str:
        """The port."""
        return str(self.port)


ASKED: tuple[Request, ...] = (
    Command(argv=("/usr/bin/x", "-a"), privilege=Privilege.ROOT),
    ReadFile(path="/etc/x"),
    ReadFiles(paths=("/etc/x",), globs=("/etc/*.y",), depth=1),
    Probe(port=1),
)


def _read(answer: Answer) -> str:
    return answer.text


def _offered() -> list[Request]:
    """What the facts of all plugins, and of one that a third party wrote, ask; each once."""
    registry = plugins.load([("postgres", postgres_plugin)])
    asked = [
        request_of(ask, target_of(fact.kind, **SETTINGS.get(fact.kind, {})))
        for fact in registry.facts.values()
        for provider in fact.providers
        for ask in provider.every_ask
    ]
    found = {r.identity(): r for r in (*asked, *ASKED) if isinstance(r, Request)}
    accepted = {type_ for c in registry.connectors.values() for type_ in c.accepts}
    assert accepted <= {type(request) for request in found.values()}
    return list(found.values())


def _later(request: Request) -> list[Request]:
    """`request` as later versions of its plugin may put it."""
    found = [
        structs.replace(request, **{name: _other(getattr(request, name))})
        for name in sorted(request.waiting)
    ]
    assert Request.waiting <= request.waiting
    return [*found, _with_one_field_more(request)]


def _other(value: Any) -> Any:
    """Another value than `value` for what bounds the asking, or says what counts as an answer."""
    match value:
        case bool():
            return not value
        case int():
            return value + 5
        case str():
            return value + "?"
        case tuple():
            return (*value, 77)
        case Reason():
            return next(reason for reason in Reason if reason is not value)
    raise TypeError(f"add a way to vary {value!r}")


def _with_one_field_more(request: Request) -> Request:
    """`request` of a type to which an optional field was added."""

    kind = type(request)
    more = msgspec.defstruct(
        "Added", [("follow", bool, False)], bases=(kind,), frozen=True, kw_only=True,
        tag=kind.__struct_config__.tag,
    )  # fmt: skip
    made: Request = more(**structs.asdict(request))  # type: ignore[assignment]
    return made


def test_an_answer_is_found_again_after_limits_changed(tmp_path: Path) -> None:
    """Of every type of request that is offered: time, sizes, accepted statuses, a new field."""
    every = _offered()
    assert len(every) > 60
    run = collected(tmp_path, *(reply(request, request.identity().encode()) for request in every))
    (group, *_) = plan.groups((HOST,), (blue,))
    seen = observations_of(group, run.bundle(HOST.id))
    for request in every:
        for later in _later(request):
            known = learn(
                fact("toy", str, kind="host", ask=later, parse=_read), seen, HOST, Platform()
            )
            assert isinstance(known, Known), later
            assert known.value == request.identity()


def test_what_is_asked_and_with_which_rights_tells_questions_apart() -> None:
    others = [
        *ASKED,
        Command(argv=("/usr/bin/x", "-b"), privilege=Privilege.ROOT),
        Command(argv=("/usr/bin/x", "-a")),
        Command(argv=("/usr/bin/x -a",)),
        ReadFile(path="/etc/x", privilege=Privilege.ROOT),
        Probe(port=2),
        Probe(),
    ]
    assert len({request.identity() for request in others}) == len(others)


def test_a_request_of_two_facts_is_sent_once_with_the_longer_timeout() -> None:
    quick = Command(argv=("x",), timeout_s=5, limit=9)
    slow = Command(argv=("x",), timeout_s=60, limit=1, ok=(0, 1))
    asked = tuple(
        plan.PlannedRequest(fact=init, target=HOST.id, request=request, when={"init": (init,)})
        for init, request in (("systemd", quick), ("other", slow))
    )
    made = plan.Group(root=HOST, members=(HOST,), asked=asked)
    every = [r for r in plan.everything(made) if r.describe() == "x"]
    assert [(r.timeout_s, r.limit) for r in every] == [(60, 9)]
    # as sudoers has it, also where only one of the two facts is asked for
    assert [q.request for q in plan.main_round(made, Platform(values={"init": "systemd"}))] == every


def test_a_record_names_files_and_commands_in_short() -> None:
    around = ("/usr/bin/timeout", "-s", "HUP", "180", "/usr/bin/nice", "-n", "19")
    cases = {
        ("/usr/sbin/sshd", "-T"): "sshd -T",
        ("uname", "-sr"): "uname -sr",
        ("/bin/sed", "-nE", "-e", "/./p", "-e", "s/x/y/p", "/etc/shadow"): "/etc/shadow",
        (*around, "/usr/bin/find", "/", "-type", "d", "-print0"): "find /",
        ("/usr/bin/find", "/home", "/root", "-print0"): "/home …",
        ("ps", "-eo", "pid=,uid=,comm="): "ps",
        ("systemctl", "list-units", "--all", "--type=service"): "systemctl list-units",
        ("apt", "-o", "Dir::Cache::pkgcache=", "list", "--upgradable"): "apt list",
        ("journalctl", "-q", "--no-pager", "-o", "json", "-n", "1"): "journalctl",
        ("timeout", "5", "true"): "timeout 5 true",
        ("ss", "-H", "-l", "-t", "-n"): "ss",
        ("/usr/bin/dpkg", "--verify", "apt", "auditd", "sudo"): "dpkg --verify",
    }
    assert {argv: Command(argv=argv).short() for argv in cases} == cases
    assert ReadFile(path="/etc/login.defs").short() == "/etc/login.defs"
    assert ReadFiles(paths=("/etc/pam.d", "/usr/lib/pam.d"), depth=1).short() == "/etc/pam.d …"
    assert Probe(port=1).short() == Probe(port=1).describe()
