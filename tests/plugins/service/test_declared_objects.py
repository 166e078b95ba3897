"""What an inventory declares of services and zones, and for which objects findings count."""

from __future__ import annotations

import pytest

from audit_core.evaluate.assess import assess
from audit_core.evaluate.roll_ups import EVERYTHING, RollUps
from audit_core.inventory import with_system_objects
from audit_core.inventory.reading import read_inventory
from audit_core.model import Finding, Known, Result, Severity, StepState, Target, Verdict, msg
from audit_core.model.errors import InputError
from audit_core.policy import Profile, load_policy
from audit_core.policy.strict_yaml import load_bytes
from audit_service.checks import described, zone_members, zone_networks
from audit_service.declared import ZONE
from installed import registry

INVENTORY = """
targets:
  - {id: core, kind: system}
  - {id: dmz, kind: zone, networks: [10.1.0.0/16]}
  - {id: lan, kind: zone, networks: [10.2.0.0/16]}
  - {id: people, kind: data_set, object_type: personal_information, stored_in: [db1]}
  - {id: pay, kind: service, service: mobile_payment, owner: P, systems: [core],
     entries: ["web1/tls:443"]}
  - {id: face, kind: service, service: face_payment, not_offered: not planned}
  - {id: web1, address: 10.1.0.5, access: {via: local}, business_system: core, zone: dmz,
     endpoints: [{port: 443}]}
  - {id: db1, address: 10.2.0.5, access: {via: local}, zone: lan}
"""
DATABASES = ("postgresql", "mysql", "redis")


def targets_of(text: str, profile: Profile) -> dict[str, Target]:
    read = read_inventory(load_bytes(text.encode(), "inventory.yaml"), registry())
    read = with_system_objects(read, profile.system_objects, registry().kinds.only_parts)
    return {target.id: target for target in read.targets}


@pytest.fixture(scope="module")
def profile() -> Profile:
    offered = registry()
    return load_policy(offered.policy_dirs).profile("smart-finance", offered.checks)


@pytest.fixture(scope="module")
def targets(profile: Profile) -> dict[str, Target]:
    return targets_of(INVENTORY, profile)


def finding(target: str, verdict: Verdict = Verdict.FAIL) -> Finding:
    return Finding(
        id=f"c@{target}", check="c", check_version=1, target=target, verdict=verdict,
        severity=Severity.HIGH, why="", detail=(msg("seen"),), expected=None, evidence=(),
    )  # fmt: skip


def test_findings_count_for_what_they_belong_to(
    profile: Profile, targets: dict[str, Target]
) -> None:
    made = RollUps(profile.roll_ups, tuple(targets.values()), profile.system_objects)
    web = (targets["web1"], targets["web1/tls:443"])
    rolled_up = made.rolled_up([finding("web1"), finding("web1/tls:443")], web[0], web)
    counts = {id: one["c"].counts[Verdict.FAIL] for id, one in rolled_up.items()}
    assert counts == {EVERYTHING: 2, "core": 2, "dmz": 2, "pay": 1}
    rolled_up = made.rolled_up([finding("db1")], targets["db1"], (targets["db1"],))
    assert rolled_up.keys() == {EVERYTHING, "lan", "people"}
    # its own findings count for an object that gathers others
    assert made.rolled_up([finding("pay")], targets["pay"], (targets["pay"],)).keys() == {
        EVERYTHING,
        "pay",
    }
    every = {id for id, target in targets.items() if made.everything(target)}
    assert {"organisation", "all-hosts", "network"} <= every
    assert not every & {"core", "dmz", "lan", "people", "pay", "web1"}


def test_one_object_stands_for_what_nobody_declared(
    profile: Profile, targets: dict[str, Target]
) -> None:
    assert {"wealth-services", "all-terminals"} <= targets.keys()
    assert not {"payment-services", "all-systems", "all-data", "all-zones"} & targets.keys()
    alone = targets_of("targets: [{id: h, access: {via: local}}]", profile)
    assert {"payment-services", "all-systems", "all-data", "all-zones"} <= alone.keys()
    made = RollUps(profile.roll_ups, tuple(alone.values()), profile.system_objects)
    assert all(made.everything(target) for id, target in alone.items() if id != "h")
    # nothing is asked of what nobody declared
    judged = {check.kind for check in registry().checks.values()}
    assert not {target.kind for id, target in alone.items() if id != "h"} & judged
    # each clause has its conclusions, and none of them on the host
    concluded = [c for t in alone.values() for c in assess(profile.clauses, t, {}, {})]
    assert len({c.clause for c in concluded}) == 47
    assert len(concluded) <= 50
    assert not [c for c in concluded if c.target == "h"]


def test_nothing_applies_to_a_service_that_is_not_offered(
    profile: Profile, targets: dict[str, Target]
) -> None:
    (left_out,) = assess(profile.clauses, targets["face"], {}, {})
    assert left_out.conclusion is Result.NOT_APPLICABLE
    assert "not planned" in str(left_out.why[0].args)
    assert {step.state for step in left_out.steps} == {StepState.NOT_APPLICABLE}
    (offered,) = assess(profile.clauses, targets["pay"], {}, {})
    assert offered.conclusion is Result.NOT_ASSESSED
    # templates of faces are asked after with face payment only
    assert offered.open_steps == (1, 2)
    wrong = INVENTORY.replace("not_offered: not planned", "not_offered: no, systems: [core]")
    with pytest.raises(InputError):
        targets_of(wrong, profile)


def test_a_service_names_what_is_there(targets: dict[str, Target]) -> None:
    known = {id: Known(value=None) for id in targets}
    there = tuple((target, known[id]) for id, target in targets.items())
    assert described.judge(targets["pay"], there, there, (), there).verdict is Verdict.PASS
    assert described.judge(targets["face"], (), (), (), ()).verdict is Verdict.NOT_APPLICABLE
    bare = Target(id="x", kind="service", object_type="y", settings={"service": "robo_advice"})
    assert described.judge(targets["pay"], (), (), (), ()).verdict is Verdict.FAIL
    # what nobody declared may be there
    assert described.judge(bare, (), (), (), ()).verdict is Verdict.UNDETERMINED


def test_zones_do_not_overlap_and_hold_their_hosts(targets: dict[str, Target]) -> None:
    def declared(**zones: str) -> dict[str, Target]:
        return {
            id: Target(
                id=id, kind="zone", object_type="security_zone", settings={"networks": [net]}
            )
            for id, net in zones.items()
        }

    def facts(*of: Target) -> tuple[tuple[Target, Known], ...]:
        make = ZONE.make
        assert make is not None
        return tuple((target, Known(value=make(target))) for target in of)

    for net, verdict in (("10.2.0.0/16", Verdict.PASS), ("10.0.0.0/8", Verdict.FAIL)):
        zones = declared(dmz="10.1.0.0/16", lan=net)
        judged = zone_networks.judge(zones["dmz"], facts(*zones.values()))
        assert judged.verdict is verdict
    dmz = targets["dmz"]
    hosts = (targets["web1"], targets["db1"])
    assert zone_members.judge(dmz, facts(*hosts)).verdict is Verdict.PASS
    assert zone_members.judge(dmz, ()).verdict is Verdict.NOT_APPLICABLE
    for host in (
        Target(id="a", kind="host", object_type="server", zone="lan", address="10.1.0.9"),
        Target(id="b", kind="host", object_type="server", zone="dmz", address="10.2.0.9"),
    ):
        assert zone_members.judge(dmz, facts(*hosts, host)).verdict is Verdict.FAIL
    named = Target(id="c", kind="host", object_type="server", zone="dmz", address="web.example")
    assert zone_members.judge(dmz, facts(named)).verdict is Verdict.UNDETERMINED


def test_a_database_server_below_a_host_is_a_database(profile: Profile) -> None:
    parts = "".join(
        f"     {kind}: [{{id: {kind}1, access: {{user: audit}}}}],\n" for kind in DATABASES
    )
    text = "targets:\n  - {id: h, address: 10.1.0.5, access: {via: local},\n" + parts + "    }\n"
    below = [t for t in targets_of(text, profile).values() if t.kind in DATABASES]
    assert [t.object_type for t in below] == ["database"] * len(DATABASES)
