"""Inventories: parts, defaults, access apart from targets, and every refusal with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.inventory import (
    Inventory,
    load_inventory,
    read_inventory,
    this_machine,
    with_system_objects,
)
from audit_core.model import Target
from audit_core.model.errors import InputError
from audit_core.model.names import SystemObject
from audit_core.policy.strict_yaml import load_bytes
from installed import registry

FULL = """\
system: {name: 网银, level: 3, extensions: [cloud], business_system: 网上银行, owner: 张三}
scope: [10.0.0.0/8, 127.0.0.1/32, "2001:db8::/32"]
defaults:
  zone: dmz
  access: {user: audit, key: ~/.ssh/id_ed25519, known_hosts: [/etc/ssh/known]}
  settings: {needed_services: [cups]}
targets:
  - id: web1
    address: 10.1.2.3
    owner: 李四
    allowed_ports: [22, 443/tcp, 8000-8010/tcp]
    endpoints:
      - {port: 443, server_name: www.example.com, trust: private}
      - {id: admin, port: 8443, address: 10.1.2.9, object_type: management_platform}
    backups:
      - id: db
        path: /backup/db
        pattern: "*.sql.gz"
        rpo_hours: 24
        privilege: root
        copies: 2
        offsite: true
        restore_tested: 2026-05-31
  - id: web2
    address: 10.1.2.4
    access:
      password: "env:WEB2"
      sudo: none
      jump: {address: bastion.example.com, user: j, agent: true}
  - {id: here, access: {via: local}, endpoints: [{port: 443}]}
  - {id: 机房-1, kind: site, zone: 上海}
  - {id: db1, kind: database, address: 10.1.2.5}
"""


def read(text: str) -> Inventory:
    return read_inventory(load_bytes(text.encode(), "i.yaml"), registry())


def error(text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    line = str(caught.value)
    assert line.isprintable()
    return line


def by_id(inventory: Inventory) -> dict[str, Target]:
    return {target.id: target for target in inventory.targets}


SYSTEM = tuple(
    SystemObject(id=id, object_type=id, zh=id, en=id) for id in ("site", "network", "organisation")
)


def test_parts_follow_their_parent_and_objects_of_the_whole_system_are_added() -> None:
    inventory = with_system_objects(read(FULL), SYSTEM, registry().kinds.only_parts)
    assert [target.id for target in inventory.targets] == [
        "web1", "web1/tls:443", "web1/admin", "web1/backup:db", "web2", "here", "here/tls:443",
        "机房-1", "db1", "network", "organisation",
    ]  # fmt: skip


def test_a_target_may_not_have_the_id_of_an_object_of_the_whole_system() -> None:
    read_one = read(f"{SSH}  - {{id: site, access: {{via: local}}}}")
    with pytest.raises(InputError) as caught:
        with_system_objects(read_one, SYSTEM, frozenset())
    assert str(caught.value).startswith(
        "i.yaml:5: targets[1].id: expected another id "
        "(this one is reserved for the site as a whole), "
    )


def test_a_target_has_its_own_values_then_the_defaults_then_the_systems() -> None:
    web1 = by_id(read(FULL))["web1"]
    assert web1 == Target(
        id="web1", kind="host", object_type="server", zone="dmz", owner="李四",
        business_system="网上银行", address="10.1.2.3",
        settings={"needed_services": ("cups",), "allowed_ports": (22, "443/tcp", "8000-8010/tcp")},
    )  # fmt: skip


def test_an_endpoint_is_an_object_like_its_host_unless_it_says_otherwise() -> None:
    targets = by_id(read(FULL))
    assert targets["web1/tls:443"] == Target(
        id="web1/tls:443", kind="endpoint", object_type="server", parent="web1",
        zone="dmz", owner="李四", business_system="网上银行", address="10.1.2.3",
        settings={"port": 443, "server_name": "www.example.com", "trust": "private"},
    )  # fmt: skip
    admin = targets["web1/admin"]
    assert (admin.object_type, admin.address) == ("management_platform", "10.1.2.9")


def test_a_backup_set_carries_what_was_declared_and_nothing_else() -> None:
    backup = by_id(read(FULL))["web1/backup:db"]
    assert backup.settings == {
        "path": "/backup/db", "pattern": "*.sql.gz", "rpo_hours": 24.0, "copies": 2,
        "privilege": "root", "offsite": True, "restore_tested": "2026-05-31",
    }  # fmt: skip
    assert backup.parent == "web1"
    assert backup.object_type == "business_data"


def test_access_is_merged_key_by_key() -> None:
    login = read(FULL).access["web1"].settings
    assert (login.address, login.user, login.key) == ("10.1.2.3", "audit", "~/.ssh/id_ed25519")
    assert login.known_hosts == ("/etc/ssh/known",)


def test_a_credential_of_its_own_replaces_those_of_the_defaults() -> None:
    access = read(FULL).access["web2"].settings
    assert (access.key, access.password) == (None, "env:WEB2")
    assert (access.jump.address, access.jump.agent) == ("bastion.example.com", True)
    assert access.sudo == "none"


def test_local_access_takes_nothing_from_defaults_for_ssh() -> None:
    inventory = read(FULL)
    assert inventory.access["here"].via == "local"
    assert by_id(inventory)["here/tls:443"].address == "127.0.0.1"


def test_a_part_is_reached_over_its_parent_and_a_site_not_at_all() -> None:
    inventory = read(FULL)
    targets = by_id(inventory)
    assert inventory.access_of(targets["web1/backup:db"]) == inventory.access["web1"]
    assert inventory.access_of(targets["机房-1"]) is None
    assert set(inventory.access) == {"web1", "web2", "here"}


def test_targets_hold_nothing_of_access() -> None:
    raw = msgspec.json.encode(read(FULL).targets).decode()
    for text in ("audit", "WEB2", "id_ed25519", "bastion", "sudo"):
        assert text not in raw


def test_without_an_inventory_this_machine_is_audited() -> None:
    inventory = this_machine(registry())
    assert [t.id for t in inventory.targets] == ["localhost"]
    assert inventory.access["localhost"].via == "local"


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "i.yaml"
    path.write_text("targets: [{id: here, access: {via: local}}]")
    assert load_inventory(path, registry()).targets[0].id == "here"
    with pytest.raises(InputError, match="cannot be read"):
        load_inventory(tmp_path / "none.yaml", registry())


HOST = "targets:\n  - id: a\n    address: 10.0.0.1\n"
SSH = f"{HOST}    access: {{user: u, agent: true}}\n"


REFUSALS = [
    ("targets: []", "1: targets: expected at least one target, got none"),
    ("target: []", "1: target: expected one of the keys defaults, scope, system, targets, "
     "got 'target'; did you mean 'targets'?"),
    ("targets: [{id: a, adress: x}]", "1: targets[0].adress: expected one of the keys"),
    ("targets: [{id: a}]", "1: targets[0].access: expected how to reach it"),
    ("defaults: {id: a}\ntargets: []", "1: defaults.id: expected one of the keys"),
    ("defaults:\ntargets: []", "1: defaults: expected a mapping, got nothing"),
    ("system: {level: 6}\ntargets: [{id: a, kind: site}]", "1: system.level: expected 1 to 5"),
    ("scope: [10.0.0.1/8]\ntargets: []", "1: scope[0]: expected a network like 10.0.0.0/8"),
    ("targets: [{id: a, kind: hots}]", "1: targets[0].kind: expected one of "),
    ("targets: [{id: a, object_type: severs}]",
     "1: targets[0].object_type: expected one of server, terminal,"),
    (HOST, "2: targets[0].access: expected how to reach it, e.g. {via: local}, got nothing"),
    (f"{HOST}    access: {{user: u}}", "4: targets[0].access: expected key, password or agent"),
    (f"{HOST}    access: {{agent: true}}",
     "4: targets[0].access.user: expected a user name, got nothing"),
    (f"{HOST}    access: {{user: u, agent: true, port: 70000}}",
     "4: targets[0].access.port: expected a port from 1 to 65535, got 70000"),
    (f"{HOST}    access: {{user: -oProxyCommand=x, agent: true}}",
     "4: targets[0].access.user: expected a user name, got '-oProxyCommand=x'"),
    (f"{HOST}    access: {{via: local, user: u}}",
     "4: targets[0].access.user: expected one of the keys sudo, via, got 'user'; it belongs "
     "to ssh"),
    (f"{HOST}    access: {{user: u, agent: true, sudo: always}}",
     "4: targets[0].access.sudo: expected one of none, per-command, got 'always'"),
    ("targets: [{id: a, access: {user: u, agent: true}}]",
     "1: targets[0].access.address: expected an address to log in to, got nothing"),
    (f"scope: [192.168.0.0/16]\n{SSH}",
     "4: targets[0].address: expected an address inside the declared scope, got '10.0.0.1'"),
    (f"scope: []\n{SSH}", "4: targets[0].address: expected an address inside the declared"),
    (f"{SSH}    endpoints: [{{port: 0}}]", "5: targets[0].endpoints[0].port: expected a port"),
    (f"{SSH}    endpoints: [{{port: 0443}}]",
     "5: targets[0].endpoints[0].port: expected a whole number, got '0443'"),
    (f"{SSH}    endpoints: [{{port: 1}}, {{port: 1}}]",
     "5: targets[0].endpoints[1].id: expected each id once"),
    (f"{SSH}    endpoints: [{{port: 1, server_name: a b}}]",
     "5: targets[0].endpoints[0].server_name: expected a host name"),
    (f"{SSH}    endpoints: [{{port: 1, id: a/b}}]", "5: targets[0].endpoints[0].id: expected"),
    ("targets: [{id: a, kind: application, endpoints: [{port: 1}]}]",
     "1: targets[0].endpoints[0].address: expected an address here or at the target"),
    ("targets: [{id: a, kind: application, backups: [{id: b, path: /b}]}]",
     "1: targets[0].backups[0]: expected a target that is reached (access)"),
    (f"{SSH}    backups: [{{id: b, path: b}}]",
     "5: targets[0].backups[0].path: expected an absolute path without .., got 'b'"),
    (f"{SSH}    backups: [{{id: b, path: /proc/b}}]",
     "5: targets[0].backups[0].path: expected the directory of the backups, got '/proc/b'"),
    (f"{SSH}    backups: [{{id: b, path: /b, depth: 6}}]",
     "5: targets[0].backups[0].depth: expected a whole number from 1 to 5, got 6"),
    (f"{SSH}    backups: [{{id: b, path: /b, pattern: ../x}}]",
     "5: targets[0].backups[0].pattern: expected a file name pattern"),
    (f"{SSH}    backups: [{{id: b, path: /b, rpo_hours: 0}}]",
     "5: targets[0].backups[0].rpo_hours: expected a number above 0, got 0.0"),
    (f"{SSH}    backups: [{{id: b, path: /b, restore_tested: yesterday}}]",
     "5: targets[0].backups[0].restore_tested: expected a day like"),
    (f"{SSH}    backups: [{{id: b, path: /b, ropo_hours: 1}}]",
     "5: targets[0].backups[0].ropo_hours: expected one of the keys"),
    (f"{SSH}    allowed_ports: 22", "5: targets[0].allowed_ports: expected a list, got '22'"),
    (f"{SSH}    allowed_ports: [22, 99999]",
     "5: targets[0].allowed_ports[1]: expected a port like 22"),
    (f"{SSH}    allowed_ports: [90-80]", "5: targets[0].allowed_ports[0]: expected a port"),
    (f"{SSH}    allowed_ports: [ssh]", "5: targets[0].allowed_ports[0]: expected a port"),
    (f"{SSH}    settings: {{allowed_ports: 22}}",
     "5: targets[0].settings.allowed_ports: expected a list, got '22'"),
    (f"{SSH}    allowed_ports: [1]\n    settings: {{allowed_ports: [2]}}",
     "5: targets[0].allowed_ports: expected allowed_ports once"),
    (f"{SSH}    settings: {{a: {{b: c}}}}",
     "5: targets[0].settings.a: expected one of the keys "),
    (f'{SSH}    zone: "a\\nb"', "5: targets[0].zone: expected printable text"),
]  # fmt: skip


def test_a_refusal_names_line_and_place(subtests: pytest.Subtests) -> None:
    for text, message in REFUSALS:
        with subtests.test(text[:80]):
            assert error(text).startswith(f"i.yaml:{message}")


@pytest.mark.parametrize(
    "id",
    ["a" * 300, "-oProxyCommand=touch /tmp/x", "-a", "a b", "*", "a*", "a/b", "../a", ".", "a:b",
     "\\x1b[2J", "a\\nb", "a\\0b", "\\u202Ea", "\\u200Ba", "a\\u200Bb", "😀", "", "ｗｅｂ",
     "e\\u0301", "w\\u0435b", "a$b", "`a`", "a;b", "'a"],
)  # fmt: skip
def test_hostile_ids_are_refused_with_their_line(id: str) -> None:
    text = f'targets:\n  - kind: site\n    id: "{id}"\n'
    line = error(text)
    assert line.startswith("i.yaml:3: targets[0].id: expected")
    assert len(line) < 250


@pytest.mark.parametrize("id", ["web-1", "web_1.example.com", "机房", "é", "0", "a" * 100])
def test_usual_ids_are_taken(id: str) -> None:
    assert read(f'targets: [{{kind: site, id: "{id}"}}]').targets[0].id == id


@pytest.mark.parametrize(("one", "two"), [("web", "web"), ("web", "WEB"), ("straße", "STRASSE")])
def test_ids_that_could_be_taken_for_each_other_are_refused(one: str, two: str) -> None:
    text = f"targets:\n  - {{id: {one}, kind: site}}\n  - {{id: {two}, kind: network}}\n"
    assert error(text).startswith("i.yaml:3: targets[1].id: expected each id once")


@pytest.mark.parametrize(
    "address",
    ["a" * 300, "-oProxyCommand=x", "a b", "*", "😀", "例え.jp", "0x7f.1", "127.1", "2130706433",
     "10.0.0.256", "fe80::1%eth0", "a..b", "-a.b", "\\x1b[2J", "a\\nb", "$(id)", ""],
)  # fmt: skip
def test_hostile_addresses_are_refused_with_their_line(address: str) -> None:
    text = f'targets:\n  - id: a\n    access: {{user: u, agent: true}}\n    address: "{address}"\n'
    assert error(text).startswith("i.yaml:4: targets[0].address: expected a host name")


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::1", "web-1", "a.example.com.", "a_b"])
def test_usual_addresses_are_taken(address: str) -> None:
    text = f'targets: [{{id: a, address: "{address}", access: {{user: u, agent: true}}}}]'
    assert read(text).targets[0].address == address


SECRET = "hunter2-S3cret"
KEY = "-----BEGIN OPENSSH PRIVATE KEY----- " + SECRET


@pytest.mark.parametrize(
    ("access", "message"),
    [
        (f"{{user: u, password: {SECRET}}}", "password: expected a reference to the secret"),
        (f"{{user: u, password: [{SECRET}]}}", "password: expected text, got a list"),
        (f"{{user: u, password: 'env: {SECRET}'}}", "password: expected a reference"),
        (f"{{user: u, key: k, passphrase: {SECRET}}}", "passphrase: expected a reference"),
        (f"{{user: u, key: '{KEY}'}}", "key: expected the path of a key file"),
        (f"{{user: 'u:{SECRET}', agent: true}}", "user: expected a user name, got a login"),
        (f"{{user: u, address: 'u:{SECRET}@h', agent: true}}", "address: expected a host name"),
        (f"{{user: u, passwort: {SECRET}}}", "passwort: expected one of the keys"),
        (f"{{user: u, agent: true, jump: {{address: j, user: u, password: {SECRET}}}}}",
         "jump.password: expected a reference"),
    ],
)  # fmt: skip
def test_a_secret_in_the_wrong_place_is_never_repeated(access: str, message: str) -> None:
    line = error(f"targets:\n  - id: a\n    address: 10.0.0.1\n    access: {access}\n")
    assert line.startswith(f"i.yaml:4: targets[0].access.{message}")
    assert SECRET not in line


@pytest.mark.parametrize("reference", ["env:X", "file:/run/x", "prompt:root", "keyring:s/u"])
def test_references_are_taken(reference: str) -> None:
    text = f"targets: [{{id: a, address: h, access: {{user: u, password: '{reference}'}}}}]"
    assert read(text).access["a"].settings.password == reference


NODES = st.recursive(
    st.sampled_from(["a", "host", "no", "22", "", "-x", "env:A", "10.0.0.1", "local", "\u202e"]),
    lambda n: st.lists(n, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["id", "kind", "address", "access", "via", "user", "agent", "endpoints", "port",
             "backups", "path", "settings", "allowed_ports", "password", "jump", "zz"]
        ),
        n,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["targets", "defaults", "system", "scope"]), NODES, max_size=4)
)
def test_any_tree_is_an_inventory_or_one_line(tree: dict[str, Any]) -> None:
    try:
        read(msgspec.json.encode(tree).decode())
    except InputError as caught:
        line = str(caught)
        assert line.startswith("i.yaml:1: ")
        assert line.isprintable()


def test_parts_have_the_tags_of_their_target_unless_they_have_their_own() -> None:
    targets = by_id(read(
        f"{SSH}  - {{id: b, tags: [internet, 支付], access: {{via: local}}, "
        "endpoints: [{port: 1}, {port: 2, tags: [inner]}]}"
    ))  # fmt: skip
    assert targets["b"].tags == targets["b/tls:1"].tags == ("internet", "支付")
    assert targets["b/tls:2"].tags == ("inner",)
    assert "targets[1].tags[0]: expected an id of letters" in error(
        f"{SSH}  - {{id: b, tags: ['x:y'], access: {{via: local}}}}"
    )
