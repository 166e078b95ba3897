"""Kinds, parts, settings and access that a plugin brings: nothing in the core knows them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import Struct

import installed
from audit_core import plan
from audit_core.api import plugins
from audit_core.api.hooks import Connector, hookimpl
from audit_core.api.sdk import (
    PLATFORM,
    AccessSchema,
    Answer,
    Command,
    HostName,
    Judgement,
    Kind,
    KindSettings,
    Part,
    Platform,
    PlatformQuestions,
    Port,
    Propose,
    Refusal,
    Request,
    Schema,
    SecretRef,
    Severity,
    Target,
    Valid,
    check,
    fact,
    msg,
    passed,
    provider,
    settings_of,
)
from audit_core.inventory import Inventory, read_inventory
from audit_core.inventory.suggest import suggestions
from audit_core.model.errors import InputError
from audit_core.policy.strict_yaml import load_bytes

Shelf = Annotated[int, Valid(holds=lambda n: n < 10, expected=msg("a shelf below 10"))]


class RobotSettings(Schema, frozen=True, kw_only=True):
    slots: int
    spare: int = 0

    def refusals(self) -> Iterable[Refusal]:
        if self.spare > self.slots:
            yield Refusal(place=("spare",), expected=msg("no more than slots"))


class TapeSettings(Struct, frozen=True, kw_only=True):
    shelf: Shelf
    label: str | None = None


class RobotAccess(AccessSchema, frozen=True, kw_only=True):
    alternatives: ClassVar[tuple[str, ...]] = ("pin", "badge")

    address: HostName | None = None
    port: Port = 2323
    pin: SecretRef | None = None
    badge: str | None = None


class Colour(Schema, frozen=True, kw_only=True):
    colour: str | None = None


def _tapes(target: Target, seen: Any, other: Any) -> Iterable[Part]:
    assert other is None  # nobody offers that fact
    return [Part(id=f"t{n}", settings={"shelf": n}, why=msg("Seen")) for n in seen]


FIRMWARE = Command(argv=("firmware",))


def _platform(answers: Mapping[Request, Answer]) -> Platform:
    return Platform(values={"firmware": answers[FIRMWARE].text} if FIRMWARE in answers else {})


SEEN = fact("toy.shelves", tuple[int, ...], ask=Command(argv=("x",)), parse=str, kind="robot")
NEW = provider(ask=Command(argv=("new",)), parse=str, firmware="2")
OLD = provider(ask=Command(argv=("old",)), parse=str, firmware="1")
SLOTS = fact("toy.slots", str, providers=(NEW, OLD), kind="robot")
ROBOT = Kind(
    id="robot", title=msg("Robot"), object_types=("server", "terminal"), settings=RobotSettings,
    needs_access=True, access="robo", platform=PlatformQuestions(
        names=("firmware",), requests=(FIRMWARE,), asked_with=(Command,), read=_platform
    ),
)  # fmt: skip
TAPE = Kind(
    id="tape", title=msg("Tape"), object_types=("business_data",), settings=TapeSettings,
    parents=("robot",), part_key="tapes", identity=("shelf",),
    propose=(Propose(parent="robot", needs=(SEEN, "nobody.fact"), make=_tapes),),
)  # fmt: skip
ROBO = Connector(name="robo", kinds=("robot",), accepts=(), access=RobotAccess, open="x:y")


@check("toy.slots-known", needs=(SLOTS, PLATFORM), severity=Severity.LOW)
def slots_known(slots: str, platform: Platform) -> Judgement:
    """The slots are known."""
    return passed(msg("Known"))


def plugin(kinds: tuple[Any, ...] = (ROBOT, TAPE), **more: tuple[Any, ...]) -> Any:
    module = ModuleType("offering")
    for hook, found in {"kinds": kinds, **more}.items():
        setattr(module, f"dengbao_{hook}", hookimpl(lambda found=found: found))
    return module


@functools.cache
def registry() -> plugins.Registry:
    colours = plugin((KindSettings(kind="robot", settings=Colour),))
    toy = plugin(connectors=(ROBO,), facts=(SEEN, SLOTS), checks=(slots_known,))
    return plugins.load([("toy", toy), ("colours", colours)])


def read(text: str, known: plugins.Registry | None = None) -> Inventory:
    return read_inventory(load_bytes(text.encode(), "i.yaml"), known or registry())


def error(text: str, known: plugins.Registry | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(text, known)
    return str(caught.value)


R1 = """\
defaults: {colour: red, access: {user: u, agent: true}}
targets:
  - id: r1
    kind: robot
    address: 192.0.2.7
    slots: 4
    access: {badge: b}
    tapes:
      - {id: t1, shelf: 1}
      - {id: t2, settings: {shelf: 2, label: x}}
"""


def test_a_kind_with_parts_settings_and_access_of_its_own() -> None:
    assert registry().faults == ()
    inventory = read(R1)
    robot, one, two = inventory.targets
    assert (robot.kind, robot.object_type) == ("robot", "server")
    assert robot.settings == {"slots": 4, "colour": "red"}
    assert settings_of(robot, RobotSettings) == RobotSettings(slots=4)
    assert (one.id, one.kind, one.parent) == ("r1/t1", "tape", "r1")
    assert two.settings == {"shelf": 2, "label": "x"}
    access = inventory.access["r1"]
    assert access.via == "robo"
    assert access.settings == RobotAccess(address=HostName("192.0.2.7"), badge="b")
    assert inventory.access_of(two) == access


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ("slots: 4", "slot: 4", "6: targets[0].slot: expected one of the keys access, address, "
         "backups, business_system, colour, endpoints, id, kind, object_type, owner, settings, "
         "slots, spare, tags, tapes, zone, got 'slot'; did you mean 'slots'?"),
        ("slots: 4", "spare: 1", "3: targets[0].slots: expected a value, got nothing"),
        ("slots: 4", "slots: four", "6: targets[0].slots: expected a whole number, got 'four'"),
        ("slots: 4", "slots: 4\n    spare: 5",
         "7: targets[0].spare: expected no more than slots, got '5'"),
        ("shelf: 1", "shelf: 11",
         "9: targets[0].tapes[0].shelf: expected a shelf below 10, got 11"),
        ("shelf: 1", "port: 1", "9: targets[0].tapes[0].port: expected one of the keys access, "
         "address, business_system, id, label, object_type, owner, settings, shelf, tags, zone, "
         "got 'port'; it belongs to "),
        ("id: t1, ", "", "9: targets[0].tapes[0].id: expected a value, got nothing"),
        ("id: t2", "id: T1", "10: targets[0].tapes[1].id: expected each id once (t1 is there)"),
        ("kind: robot", "kind: tape", "4: targets[0].kind: expected one of host, "),
        ("kind: robot", "kind: site", "6: targets[0].slots: expected one of the keys"),
        ("badge: b", "user: b", "7: targets[0].access.user: expected one of the keys address, "
         "badge, pin, port, via, got 'user'; it belongs to "),
        ("badge: b", "pin: 1234", "7: targets[0].access.pin: expected a reference to the secret"),
        ("badge: b", "via: ssh", "7: targets[0].access.via: expected one of robo, got 'ssh'"),
        ("badge: b", "address: 'u:p@x'",
         "7: targets[0].access.address: expected a host name (ASCII) or an address, got a login"),
        ("    access: {badge: b}\n", "",
         "3: targets[0].access: expected how to reach it, got nothing"),
        ("colour: red", "colou: red",
         "1: defaults.colou: expected one of the keys accepted, access,"),
        ("colour: red", "colour: [red]", "1: defaults.colour: expected text, got a list"),
        ("slots: 4", "slots: 4\n    endpoints: [{port: 443, tapes: []}]",
         "7: targets[0].endpoints[0].tapes: expected one of the keys"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_where_it_stands(old: str, new: str, reported: str) -> None:
    assert old in R1
    assert error(R1.replace(old, new, 1)).startswith(f"i.yaml:{reported}")


def test_the_first_round_of_a_kind_chooses_the_providers_of_its_facts() -> None:
    robot = read(R1).targets[0]
    (group,) = plan.groups((robot,), (registry().checks["toy.slots-known"],))
    assert [q.request for q in plan.discovery_round(group)] == [FIRMWARE]
    for firmware, wanted in (("1", ["old"]), ("2", ["new"]), ("3", [])):
        asked = plan.main_round(group, Platform(values={"firmware": firmware}))
        requests = [q.request for q in asked]
        assert [r.argv[0] for r in requests if isinstance(r, Command)] == wanted
    guard = provider(ask=FIRMWARE, parse=str, firmwear="1")
    wrong = fact("toy.wrong", str, providers=(guard,), kind="robot")
    found = plugins.load([("toy", plugin(connectors=(ROBO,), facts=(wrong,)))])
    (fault,) = found.faults
    assert "toy.wrong: no first round determines firmwear, only firmware" in str(fault.detail)


def test_parts_are_proposed_from_facts_unless_they_are_declared() -> None:
    targets = read(R1).targets
    seen = {(SEEN.id, "r1"): (1, 2, 3)}
    found = suggestions(targets, registry(), lambda f, t: seen.get((f.id, t.id)))
    assert [(s.target, s.kind, s.id, s.key, s.written) for s in found] == [
        ("r1", "tape", "r1/t3", "tapes", {"id": "t3", "shelf": 3})
    ]
    assert suggestions(targets, registry(), lambda f, t: None) == ()


def test_offers_that_contradict_themselves_or_others_cost_only_themselves() -> None:
    class Other(Struct, frozen=True, kw_only=True):
        slots: str = ""

    class Common(Struct, frozen=True, kw_only=True):
        zone: str = ""

    class Broken(Struct, frozen=True, kw_only=True):
        x: NoSuchType = 1  # type: ignore[name-defined] # noqa: F821

    bad = (
        KindSettings(kind="robot", settings=Other),
        KindSettings(kind="robot", settings=Common),
        KindSettings(kind="robot", settings=Broken),
        KindSettings(kind="nobody's", settings=Colour),
        Kind(id="a", title=msg("A"), object_types=()),
        Kind(id="b", title=msg("B"), object_types=("server",), parents=("robot",)),
        *(
            Kind(id=id, title=msg("C"), object_types=("server",), parents=("robot",), part_key=key)
            for id, key in (("c", "tapes"), ("d", "zone"))
        ),
        "no kind",
    )  # fmt: skip
    found = plugins.load([("toy", plugin(connectors=(ROBO,))), ("bad", plugin(bad))])
    reported = [str(f.detail.args["error"]) for f in found.faults]
    assert {f.plugin for f in found.faults} == {"bad"}
    for words in (
        "slots has another type elsewhere", "zone has the name of a key", "NameError",
        "a: it needs an object type", "b: a kind with parents needs a part_key",
        "c: the part_key tapes is already in use", "d: the part_key zone is already in use",
        "expected Kind or KindSettings, got str",
    ):  # fmt: skip
        assert any(words in line for line in reported), words
    assert len(reported) == 8
    assert read(R1.replace("colour: red, ", ""), found).targets[0].settings == {"slots": 4}


def test_a_plugin_that_is_missing_is_named_where_the_inventory_needs_it() -> None:
    broken = ModuleType("broken")
    broken.dengbao_kinds = hookimpl(lambda: 1 / 0)  # type: ignore[attr-defined]
    found = plugins.load([("robots", broken)])
    line = error(R1.replace("colour: red, ", ""), found)
    assert line.endswith("got 'robot'; it may belong to a plugin that could not be loaded: robots")
    line = error("targets: [{id: a, access: {via: local}, robots: []}]", found)
    assert line.endswith("got 'robots'; it may belong to a plugin that could not be loaded: robots")
    assert error(R1.replace("colour: red, ", ""), installed.registry()).endswith("got 'robot'")
