"""What the packet filter refuses, and what it hands on past itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.api.sdk import msg
from audit_core.api.testkit import whole
from audit_core.model import (
    Absent,
    Answer,
    Judgement,
    ParseError,
    Partial,
    Reason,
    Target,
    Verdict,
)
from audit_linux.network import firewall, listeners
from audit_linux.network import iptables as iptables_
from audit_linux.network import netfilter_model as packets
from audit_linux.network import nft as nft_
from audit_linux.network import port_forwards as published_
from audit_linux.network.listeners import Listener
from audit_linux.system import kernel
from invented.answers import answers as answers_

Make = Callable[..., Answer]
Read = Callable[[str], Answer]


SITE = Target(
    id="web1", kind="host", object_type="server",
    settings={"allowed_ports": ("22/tcp", "8080/tcp", "5000-5002/udp", 8443)},
)  # fmt: skip
BARE = Target(id="web2", kind="host", object_type="server")
Ports = tuple[published_.Published, ...]


def _judged(
    nft: packets.Ruleset | None,
    iptables: packets.Ruleset | Absent | None,
    ip6tables: packets.Ruleset | Absent | None,
    sysctl: dict[str, str],
    listed: Ports | None = (),
    saved: published_.Saved | None = None,
    target: Target = BARE,
) -> Judgement:
    return firewall.firewall_input.judge(
        nft, iptables, ip6tables, sysctl, listed, saved, None, None, None, target, None, ()
    )


_UNASKED = Absent(reason=Reason.NOT_COLLECTED, detail=msg("not asked"))


def _ruleset(json: Answer, text: Answer | Absent = _UNASKED) -> Any:
    return whole(nft_.parse_nft(answers_(json=json, text=text)))


def _listed(json: Answer, text: Answer | Absent = _UNASKED) -> Any:
    return published_.parse_listed(answers_(json=json, text=text))


DOCKER = ("nft-docker", "iptables-docker", "iptables-save-docker")


@pytest.mark.parametrize(
    ("nft", "iptables", "save", "ports"),
    [
        (*DOCKER, ("8080/tcp -> 172.17.0.2:80",)),
        (None, "iptables-docker", "iptables-save-docker", ("8080/tcp -> 172.17.0.2:80",)),
        ("nft-docker-native", None, None, ("5000-5002/udp -> 172.17.0.4",
                                           "8080/tcp -> 172.17.0.2:80",
                                           "8443/tcp -> fd00::2:443")),
    ],
)  # fmt: skip
def test_ports_that_docker_publishes_bypass_the_input_chain(
    nft: str | None, iptables: str | None, save: str | None, ports: tuple[str, ...],
    recorded: Read,
) -> None:  # fmt: skip
    given = (
        _ruleset(recorded(nft)) if nft else None,
        iptables_.parse_iptables4(recorded(iptables)) if iptables else None,
        None,
        OFF,
    )
    handed = (
        whole(_listed(recorded(nft))) if nft else None,
        whole(published_.parse_saved(recorded(save), "iptables", "ip")) if save else None,
    )
    bare = _judged(*given, *handed, BARE)
    assert bare.verdict is Verdict.UNDETERMINED
    assert bare.detail[1].args["ports"] == ports
    assert bare.detail[2].args["ports"] == ports
    allowed = _judged(*given, *handed, SITE)
    assert allowed.verdict is Verdict.PASS
    assert allowed.detail[1].args["ports"] == ports
    unseen = _judged(*given, None, None, SITE)
    assert unseen.verdict is Verdict.UNDETERMINED


def test_nft_alone_tells_the_ports_that_iptables_handed_on(recorded: Read) -> None:
    reported = whole(_listed(recorded("nft-docker")))
    assert [p.text for p in reported] == ["8080/tcp"]


_LONG = ",".join(f"{port}:{port + 9}" for port in range(10000, 10700, 100))


_OWN = ("iptables", "ip")


def _dnat(rule: str, make: Make, table: str = "nat") -> list[str]:
    text = f"*{table}\n{rule}\nCOMMIT\n"
    return [p.text for p in whole(published_.parse_saved(make(text), *_OWN)).published]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        # Podman's netavark, kube-proxy and firewalld in the words of iptables-save
        ("-A NETAVARK-DN-1 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.88.0.5:80",
         ["8080/tcp -> 10.88.0.5:80"]),
        ('-A KUBE-SEP-X -p tcp -m comment --comment "a/b:c" -m tcp -j DNAT --to-destination '
         "10.244.0.3:53", ["*/tcp -> 10.244.0.3:53"]),
        ("-A PREROUTING -p tcp -m multiport --dports 80,8000:8010 -j DNAT --to-destination "
         "10.0.0.2", ["80,8000-8010/tcp -> 10.0.0.2"]),
        ("-A PREROUTING -p tcp -m tcp ! --dport 22 -j DNAT --to-destination 10.0.0.2",
         ["*/tcp -> 10.0.0.2"]),
        ("-A X ! -d 127.0.0.1/32 -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2",
         ["1/tcp -> 10.0.0.2"]),
        ("-A PREROUTING -j DNAT --to-destination 10.0.0.2", ["*/* -> 10.0.0.2"]),
        # a list of ports is told whole or not at all: a cut one would name other ports
        (f"-A X -p tcp -m multiport --dports {_LONG} -j DNAT --to-destination 10.0.0.2",
         [f"{_LONG.replace(':', '-')}/tcp -> 10.0.0.2"]),
        (f"-A X -p tcp -m multiport --dports {_LONG * 9} -j DNAT --to-destination 10.0.0.2",
         ["*/tcp -> 10.0.0.2"]),
        ("-A X -d 127.0.0.1/32 -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2", []),
        ("-A X -d ::1/128 -p tcp -m tcp --dport 1 -j DNAT --to-destination [fd00::1]:1", []),
        ("-A X -i lo -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2", []),
        ("-A OUTPUT -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2", []),
        ("-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080",
         ["80/tcp -> :8080"]),
    ],
)  # fmt: skip
def test_dnat_in_the_words_of_iptables(rule: str, text: list[str], answer: Make) -> None:
    assert _dnat(rule, answer) == text
    assert _dnat(rule, answer, "mangle") == []


def test_saved_rules_that_are_not_whole_are_not_read(answer: Make) -> None:
    with pytest.raises(ParseError):
        published_.parse_saved(answer("iptables-save: no\n"), *_OWN)
    legacy = b"# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"
    rule = "*nat\n-A DOCKER -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80\n"
    for text in (rule, rule + "what\nCOMMIT\n"):
        part = published_.parse_saved(answer(text), *_OWN)
        assert isinstance(part, Partial)
        assert [p.text for p in part.value.published] == ["80/tcp -> 10.0.0.2:80"]
    assert whole(published_.parse_saved(answer(rule + "COMMIT\n", legacy), *_OWN)).more
    assert whole(published_.parse_saved(answer(""), *_OWN)) == published_.Saved()


@pytest.mark.parametrize(
    ("protocol", "ports", "within"),
    [
        ("tcp", "8080", True), ("udp", "8080", False), ("tcp", "22,8080", True),
        ("tcp", "8080-8081", False), ("udp", "5001-5002", True), ("tcp", "", False),
        ("", "8080", False), ("tcp", "8443", True), ("tcp", "http", False),
    ],
)  # fmt: skip
def test_published_ports_that_the_inventory_allows(protocol: str, ports: str, within: bool) -> None:
    assert listeners.within_declared(SITE, protocol, ports) is within
    assert not listeners.within_declared(BARE, protocol, ports)


def test_a_rule_of_nft_that_maps_ports_is_told_without_them(answer: Make) -> None:
    place = {"family": "ip", "table": "nat"}
    to = {"map": {"key": PORT, "data": "@ports"}}
    chain = {"chain": {**place, "name": "pre", "hook": "prerouting", "policy": "accept"}}
    rule = {"rule": {**place, "chain": "pre", "expr": [_is(L4, "tcp"), {"dnat": {"addr": to}}]}}
    text = json.dumps({"nftables": [chain, rule]})
    assert [p.text for p in whole(_listed(answer(text)))] == ["*/tcp"]
    off = {"table": {"family": "ip", "name": "nat", "flags": "dormant"}}
    asleep = json.dumps({"nftables": [off, chain, rule]})
    assert whole(_listed(answer(asleep))) == ()
    with pytest.raises(ParseError):
        _listed(answer('{"nftables": [{"rule": {"expr": 1}}]}'))


ON = {"net.ipv6.conf.all.disable_ipv6": "0"}
OFF = {"net.ipv6.conf.all.disable_ipv6": "1"}


@pytest.mark.parametrize(
    ("nft", "iptables", "ip6tables", "sysctl", "verdict"),
    [
        ("nft-drop", None, None, ON, Verdict.PASS),
        ("nft-empty", None, None, ON, Verdict.FAIL),
        ("nft-empty", "iptables-drop", None, ON, Verdict.FAIL),
        ("nft-empty", "iptables-drop", "ip6tables-accept", ON, Verdict.FAIL),
        ("nft-empty", "iptables-drop", "ip6tables-accept", OFF, Verdict.PASS),
        ("nft-empty", "iptables-drop", None, {}, Verdict.PASS),
        ("nft-of-iptables", "iptables-drop", None, OFF, Verdict.PASS),
        (None, "iptables-ufw", "ip6tables-ufw", ON, Verdict.PASS),
        ("nft-ufw", "iptables-ufw", "ip6tables-ufw", ON, Verdict.PASS),
        # iptables is not there to tell what its rules mean
        ("nft-ufw", None, None, ON, Verdict.UNDETERMINED),
        (None, None, None, ON, Verdict.FAIL),
    ],
)
def test_firewall_of_recordings(
    nft: str | None, iptables: str | None, ip6tables: str | None, sysctl: dict[str, str],
    verdict: Verdict, recorded: Read,
) -> None:  # fmt: skip
    judgement = _judged(
        _ruleset(recorded(nft)) if nft else None,
        iptables_.parse_iptables4(recorded(iptables)) if iptables else None,
        iptables_.parse_iptables6(recorded(ip6tables)) if ip6tables else None,
        sysctl,
    )
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ("-P INPUT DROP", Verdict.PASS),
        ("-P INPUT ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp --dport 23 -j DROP", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT -j DROP", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -j ACCEPT", Verdict.FAIL),
        ('-P INPUT DROP\n-A INPUT -m comment --comment "a b" -j ACCEPT', Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -j LOG\n-A INPUT -j x\n-N x\n-A x -j ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-N x\n-A INPUT -j x\n-A x -j RETURN\n-A x -j DROP", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-N x\n-A INPUT -g x\n-A INPUT -j DROP\n-A x -p tcp -j DROP",
         Verdict.FAIL),
        ("-P INPUT DROP\n-N x\n-A INPUT -j x\n-A x -j x", Verdict.UNDETERMINED),
        # as iptables 1.8.9 prints them: conditions that every new connection meets
        ("-P INPUT DROP\n-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m state --state NEW -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m state --state ESTABLISHED -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -p tcp -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p udp -m udp --sport 1024:65535 -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 1:65535 -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 22,1024:65535 -j ACCEPT",
         Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 22,80:90 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp ! --dport 23 -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m limit --limit 5/sec -j ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT -m limit --limit 5/sec -j DROP", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
         Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -s 10.0.0.0/8 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -m recent --rcheck -j ACCEPT", Verdict.PASS),
        # these narrow nothing, or nothing that could be evaluated
        ("-P INPUT DROP\n-A INPUT -m ttl --ttl-gt 1 -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -p tcp -d 10.1.2.3/32 -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m statistic --mode random -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m addrtype --src-type UNICAST -j ACCEPT", Verdict.FAIL),
        # these let in a few
        ("-P INPUT DROP\n-A INPUT -m set --match-set ops src -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -p tcp --dport 22 -m set --match-set ops src -j ACCEPT",
         Verdict.PASS),
        # everybody but a few, and marks and groups that everybody has
        ("-P INPUT DROP\n-A INPUT -m set ! --match-set bad src -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m recent ! --rcheck --name S -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m recent --rcheck --name S -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -m mac ! --mac-source 00:11:22:33:44:55 -j ACCEPT",
         Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m geoip --source-country CN -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m mark --mark 0x0 -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m mark --mark 0x7 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -m devgroup --src-group default -j ACCEPT",
         Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -s 0.0.0.0/1 -j ACCEPT\n-A INPUT -s 128.0.0.0/1 -j ACCEPT",
         Verdict.FAIL),
        # a new connection has no mark; as on nodes of Kubernetes
        ("-P INPUT ACCEPT\n-A INPUT -m mark --mark 0x8000/0x8000 -j DROP\n-A INPUT ! -s "
         "127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,DNAT -j DROP", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m mark --mark 0x0/0xff -j ACCEPT", Verdict.UNDETERMINED),
        # drops by conditions that were not evaluated
        ("-P INPUT ACCEPT\n-A INPUT -m mark ! --mark 0x7 -j DROP", Verdict.UNDETERMINED),
        ("-P INPUT ACCEPT\n-A INPUT -m time --timestart 18:00 -j DROP", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT", Verdict.PASS),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -j DROP\n-A INPUT -p udp -j DROP", Verdict.PASS),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -j DROP", Verdict.FAIL),
    ],
)  # fmt: skip
def test_iptables_rules(rules: str, verdict: Verdict, answer: Make) -> None:
    ruleset = iptables_.parse_iptables4(answer(rules + "\n"))
    judgement = _judged(None, ruleset, None, OFF)
    assert judgement.verdict is verdict


def test_a_table_that_nft_keeps_is_not_present_to_iptables(answer: Make) -> None:
    detail = b"iptables v1.8.9 (nf_tables): table `filter' is incompatible, use 'nft' tool.\n"
    assert isinstance(iptables_.parse_iptables4(answer("", detail, 1)), Absent)
    with pytest.raises(ParseError):
        iptables_.parse_iptables4(answer("", b"Permission denied (you must be root)", 1))


def _nft(*expr: dict[str, Any], policy: str = "accept", hook: str = "input") -> str:
    place = {"family": "inet", "table": "t"}
    chain = {"chain": {**place, "name": "c", "hook": hook, "policy": policy}}
    rule = {"rule": {**place, "chain": "c", "expr": list(expr)}}
    return json.dumps({"nftables": [chain, rule]})


MATCH = {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (_nft({"counter": {}}, {"drop": None}), Verdict.PASS),
        (_nft({"reject": {"type": "icmpx"}}), Verdict.PASS),
        (_nft(MATCH, {"drop": None}), Verdict.FAIL),
        (_nft({"vmap": {}}, {"drop": None}), Verdict.UNDETERMINED),
        (_nft({"limit": {}}, {"drop": None}), Verdict.UNDETERMINED),
        (_nft({"accept": None}, policy="drop"), Verdict.FAIL),
        (_nft(MATCH, {"drop": None}, policy=""), Verdict.FAIL),
        (_nft({"mangle": {}}, {"accept": None}, policy="drop"), Verdict.FAIL),
        (_nft(MATCH, {"accept": None}, policy="drop"), Verdict.PASS),
        (_nft(MATCH, {"accept": None}, policy="drop", hook="forward"), Verdict.FAIL),
    ],
)
def test_nft_rules(text: str, verdict: Verdict, answer: Make) -> None:
    ruleset = _ruleset(answer(text))
    assert _judged(ruleset, None, None, ON).verdict is verdict


# nft 1.0.6, `nft -j list ruleset` in a network namespace of its own, Debian 12, 2026-11-23:
# the left sides; tables and rules are put together here
def _is(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


CT = {"ct": {"key": "state"}}
L4 = {"meta": {"key": "l4proto"}}
NF = {"meta": {"key": "nfproto"}}
IN = {"meta": {"key": "iifname"}}
PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
FROM = {"payload": {"protocol": "ip", "field": "saddr"}}
ACCEPT = {"accept": None}
DROP = {"drop": None}


@pytest.mark.parametrize(
    ("expr", "verdict"),
    [
        ((_is(CT, ["established", "new"], "in"), ACCEPT), Verdict.FAIL),
        ((_is(CT, ["established", "related"], "in"), ACCEPT), Verdict.PASS),
        ((_is(CT, "invalid", "!="), ACCEPT), Verdict.FAIL),
        ((_is(L4, {"set": ["tcp", "udp"]}), ACCEPT), Verdict.FAIL),
        ((_is(L4, "icmp"), ACCEPT), Verdict.PASS),
        ((_is(NF, "ipv6"), ACCEPT), Verdict.FAIL),
        ((_is(FROM, {"prefix": {"addr": "0.0.0.0", "len": 0}}), ACCEPT), Verdict.FAIL),
        ((_is(FROM, {"prefix": {"addr": "10.0.0.0", "len": 8}}), ACCEPT), Verdict.PASS),
        ((_is(PORT, {"range": [1, 65535]}), ACCEPT), Verdict.FAIL),
        ((_is(PORT, {"set": [22, {"range": [1024, 65535]}]}), ACCEPT), Verdict.FAIL),
        ((_is(PORT, {"set": [22, {"range": [60000, 61000]}]}), ACCEPT), Verdict.PASS),
        ((_is(PORT, 23, "!="), ACCEPT), Verdict.FAIL),
        ((_is({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), ACCEPT), Verdict.FAIL),
        ((_is({"meta": {"key": "pkttype"}}, "host"), ACCEPT), Verdict.FAIL),
        ((_is({"payload": {"protocol": "tcp", "field": "flags"}}, "syn", "in"), ACCEPT),
         Verdict.FAIL),
        (({"limit": {"rate": 5, "per": "second"}}, ACCEPT), Verdict.FAIL),
        ((_is(IN, "eth9", "!="), ACCEPT), Verdict.FAIL),
        ((_is(IN, {"set": ["eth2", "eth3"]}), ACCEPT), Verdict.UNDETERMINED),
        (({"vmap": {"key": CT, "data": {"set": [["established", ACCEPT], ["new", ACCEPT]]}}},),
         Verdict.FAIL),
        (({"vmap": {"key": CT, "data": {"set": [["established", ACCEPT], ["new", DROP]]}}},),
         Verdict.PASS),
        (({"vmap": {"key": IN, "data": {"set": [["lo", ACCEPT], ["eth5", ACCEPT]]}}},),
         Verdict.UNDETERMINED),
    ],
)  # fmt: skip
def test_nft_rules_that_every_new_connection_meets(
    expr: tuple[dict[str, Any], ...], verdict: Verdict, answer: Make
) -> None:
    ruleset = _ruleset(answer(_nft(*expr, policy="drop")))
    assert _judged(ruleset, None, None, ON).verdict is verdict


def test_an_interface_in_a_trusted_zone_of_firewalld_settles_nothing(answer: Make) -> None:
    # invented after firewalld 1.2: zones are chains, the last rule is the default zone
    place = {"family": "inet", "table": "firewalld"}
    heads = [{"chain": {**place, "name": "filter_INPUT", "hook": "input", "policy": "drop"}},
             {"chain": {**place, "name": "trusted"}}]  # fmt: skip
    rules = [
        ("filter_INPUT", [_is(CT, ["established", "related"], "in"), ACCEPT]),
        ("filter_INPUT", [_is(IN, "eth0"), {"goto": {"target": "trusted"}}]),
        ("trusted", [ACCEPT]),
    ]
    made = [{"rule": {**place, "chain": chain, "expr": expr}} for chain, expr in rules]
    ruleset = _ruleset(answer(json.dumps({"nftables": [*heads, *made]})))
    judgement = _judged(ruleset, None, None, ON)
    assert judgement.verdict is Verdict.UNDETERMINED
    assert judgement.detail[1].args["interfaces"] == ("eth0",)


_DROPPING = """table inet {name} {{{flags}
\tchain i {{
\t\ttype filter hook input priority filter; policy drop; comment "x }} flags dormant"
\t}}
}}
"""


def test_whether_a_table_is_dormant_is_read_from_the_text(subtests: Any, answer: Make) -> None:
    # (name, flags of the JSON, of the text or None for no text) -> drops, and known for sure
    cases = [
        ("t", None, None, True, True), ("t", "t", "dormant", False, True),
        ("t", "t", "owner", True, True), ("t", ["owner", "dormant"], None, False, True),
        ("ip", "ip", None, True, False), ("dormant", "dormant", None, True, False),
        ("dormant", "dormant", "owner,persist", True, True), ("t", None, "dormant", False, True),
    ]  # fmt: skip
    for name, reported, written, drops, sure in cases:
        with subtests.test(f"{name} {reported} {written}"):
            document = json.loads(_nft(DROP, policy="drop").replace('"t"', f'"{name}"'))
            table = {"family": "inet", "name": name} | ({"flags": reported} if reported else {})
            document["nftables"].insert(0, {"table": table})
            flags = f"\n\tflags {written}" if written else ""
            text = answer(_DROPPING.format(name=name, flags=flags)) if written else _UNASKED
            given = answers_(json=answer(json.dumps(document)), text=text)
            found = nft_.parse_nft(given)
            assert isinstance(found, Partial) is not sure
            ruleset: Any = found.value if isinstance(found, Partial) else found
            judged = _judged(ruleset, None, None, ON)
            assert judged.verdict is (Verdict.PASS if drops else Verdict.FAIL)


def test_where_the_json_fails_the_text_tells_that_nothing_is_awake(answer: Make) -> None:
    cut = answer('{"nftables": [{"table": {"family": "inet", "flags": ')
    asleep = answer(_DROPPING.format(name="t", flags="\n\tflags dormant"))
    awake = answer(_DROPPING.format(name="t", flags=""))
    for json_ in (cut, _UNASKED):
        assert nft_.parse_nft(answers_(json=json_, text=asleep)) == ()
    assert nft_.parse_nft(answers_(json=_UNASKED, text=awake)) == _UNASKED
    with pytest.raises(ParseError):
        nft_.parse_nft(answers_(json=cut, text=awake))


def test_a_ruleset_of_too_many_base_chains_is_not_read(answer: Make) -> None:
    chains = [
        {"chain": {"family": "inet", "table": "t", "name": f"c{i}", "hook": "input"}}
        for i in range(201)
    ]
    with pytest.raises(ParseError):
        _ruleset(answer(json.dumps({"nftables": chains})))


def test_what_iptables_shows_counts_where_nft_shows_words_only(answer: Make) -> None:
    # iptables-nft 1.8.9 with `-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT`
    place = {"family": "ip", "table": "filter"}
    chain = {"chain": {**place, "name": "INPUT", "hook": "input", "policy": "drop"}}
    opaque = {"xt": {"type": "match", "name": "conntrack"}}
    rule = {"rule": {**place, "chain": "INPUT", "expr": [opaque, {"counter": {}}, ACCEPT]}}
    listed = _ruleset(answer(json.dumps({"nftables": [chain, rule]})))
    open_ = iptables_.parse_iptables4(
        answer("-P INPUT DROP\n-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n")
    )
    closed = iptables_.parse_iptables4(answer("-P INPUT DROP\n"))
    assert _judged(listed, open_, None, OFF).verdict is Verdict.FAIL
    assert _judged(listed, closed, None, OFF).verdict is Verdict.PASS
    assert _judged(listed, None, None, OFF).verdict is Verdict.UNDETERMINED


def test_rules_of_iptables_legacy_are_not_overlooked(answer: Make) -> None:
    warning = b"# Warning: iptables-legacy tables present, use iptables-legacy to see them\n"
    ruleset = iptables_.parse_iptables4(answer("-P INPUT ACCEPT\n", warning))
    assert _judged((), ruleset, None, OFF).verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("own", "verdict"),
    [({"eth0": "1"}, Verdict.PASS), ({"eth0": "0"}, Verdict.FAIL), ({"lo": "0"}, Verdict.PASS)],
)
def test_ipv6_that_is_on_on_one_interface_is_on(
    own: dict[str, str], verdict: Verdict, answer: Make
) -> None:
    values = OFF | {f"net/ipv6/conf/{name}/disable_ipv6": v for name, v in own.items()}
    ruleset = iptables_.parse_iptables4(answer("-P INPUT DROP\n"))
    assert _judged(None, ruleset, None, values).verdict is verdict
    assert kernel.ipv6_off(values) is (verdict is Verdict.PASS)


ETH = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}}


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        (_nft(ETH, {"accept": None}, policy="drop"), ("eth0",)),
        (_nft(ETH, MATCH, {"accept": None}, policy="drop"), None),
        (_nft(ETH, {"drop": None}, policy="drop"), None),
    ],
)
def test_accepting_a_whole_interface_settles_nothing(
    text: str, wide: tuple[str, ...] | None, answer: Make
) -> None:
    judgement = _judged(_ruleset(answer(text)), None, None, ON)
    assert judgement.verdict is (Verdict.UNDETERMINED if wide else Verdict.PASS)
    assert not wide or judgement.detail[1].args["interfaces"] == wide


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ("-P INPUT DROP\n-A INPUT -i eth0 -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-N x\n-A INPUT -p tcp -j x\n-A x -i eth0 -j ACCEPT",
         Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A FORWARD -i eth0 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -i lo -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -i eth0 -p tcp -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -i eth0 -p tcp --dport 22 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT ! -i lo -j ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT ! -i eth1 -j DROP", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-N t\n-A INPUT -i eth+ -g t\n-A t -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-N t\n-A INPUT -i eth0 -g t\n-A t -p icmp -j ACCEPT", Verdict.PASS),
        ("-P INPUT ACCEPT\n-A INPUT -i eth0 -j ACCEPT", Verdict.FAIL),
    ],
)  # fmt: skip
def test_iptables_accepts_a_whole_interface(rules: str, verdict: Verdict, answer: Make) -> None:
    ruleset = iptables_.parse_iptables4(answer(rules + "\n"))
    assert _judged(None, ruleset, None, OFF).verdict is verdict


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nftables": [1]}', '{"nftables": "x"}',
                                  '{"nftables": [{"chain": {"family": 1}}]}',
                                  '{"nftables": [{"rule": {"expr": 5}}]}'])  # fmt: skip
def test_what_is_no_ruleset_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        _ruleset(answer(text))


def test_a_listener_is_told_without_words_of_one_language() -> None:
    listener = Listener(protocol="tcp", address="0.0.0.0", port=22, process="sshd")
    assert listener.text == "22/tcp 0.0.0.0 (sshd)"


def test_what_is_not_tracked_and_what_devices_refuse(answer: Make) -> None:
    untracked = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "untracked"}}
    ruleset = _ruleset(answer(_nft(untracked, {"accept": None}, policy="drop")))
    assert _judged(ruleset, None, None, ON).verdict is Verdict.PASS
    loose = packets.Chain(tool="nft", family="inet", table="r", name="p", hook="prerouting",
                          policy="accept", rules=(packets.Rule(loose=True),))  # fmt: skip
    assert _judged((*ruleset, loose), None, None, ON).verdict is Verdict.FAIL
    device = packets.Chain(tool="nft", family="netdev", table="d", name="i", hook="ingress",
                           policy="drop")  # fmt: skip
    assert _judged((), None, None, ON).verdict is Verdict.FAIL
    assert _judged((device,), None, None, ON).verdict is Verdict.UNDETERMINED
