"""Who reaches a port, compared with real connections through the real nft and iptables."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import Absent, Reason, Target, Verdict, msg
from audit_core.api.testkit import whole
from audit_linux.network import (
    firewall,
    ipsets,
    iptables,
    management,
    nft,
    port_forwards,
    wrappers,
)
from audit_linux.network.listeners import Listener
from audit_linux.network.netfilter_model import Chain, Ruleset, by_name
from audit_linux.network.reach import Question, reached
from audit_linux.ssh.sshd import Sshd
from invented.answers import answer as made
from invented.answers import answers, files

RECORDINGS = Path(__file__).parents[1] / "recordings"
SOURCES = ("10.9.0.2", "10.9.1.2", "10.9.1.200", "fd00:9::2", "fd00:a::2")
PORTS = (22, 2222)
_CHAIN = "type filter hook input priority filter; policy {};"


def _inet(*rules: str, policy: str = "drop", more: str = "", flags: str = "") -> str:
    body = "\n".join(rules)
    nd = (
        ""
        if policy == "accept"
        else "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
    )
    return (
        f"table inet t {{ {flags}\n{more}\nchain i {{ {_CHAIN.format(policy)}\n"
        f"{nd}\nct state established,related accept\n{body}\n}}\n}}\n"
    )


def _raw(rule: str) -> str:
    return f"table inet r {{ chain p {{ type filter hook prerouting priority raw;\n{rule}\n}}\n}}\n"


RULES = {
    "nothing": "",
    "drop": _inet(),
    "dormant": _inet(flags="flags dormant;"),
    "one network": _inet("ip saddr 10.9.1.0/24 tcp dport 22 accept"),
    "a range": _inet("ip saddr 10.9.1.1-10.9.1.100 tcp dport 22 accept"),
    "all but one": _inet("ip saddr != 10.9.0.2 tcp dport { 22, 2000-2300 } accept"),
    "narrows nothing": _inet("ip saddr 0.0.0.0/0 tcp dport 1-65535 accept"),
    "first matches": _inet("ip saddr 10.9.1.2 drop", "tcp dport 22 accept"),
    "reject in policy accept": _inet(
        "ip6 saddr fd00:a::/32 reject", "tcp dport >= 2000 reject", policy="accept"
    ),
    "named sets": _inet(
        "ip saddr @ops tcp dport @adm accept",
        more="set ops { type ipv4_addr; flags interval; elements = { 10.9.1.0/25 } }\n"
             "set adm { type inet_service; elements = { 22 } }",
    ),
    "jumps and returns": _inet(
        "tcp dport 22 jump ssh", "tcp dport 2222 goto last",
        more="chain ssh { ip saddr 10.9.0.0/24 return\naccept\n}\n"
             "chain last { ip6 saddr fd00:9::/64 accept\n}",
    ),
    "verdict map": _inet("tcp dport vmap { 22 : jump ssh, 2222 : accept }",
                         more="chain ssh { ip saddr 10.9.1.200 accept\n}"),
    "two tables": _inet("tcp dport 22 accept")
    + "table ip u { chain i { type filter hook input priority 5; policy accept;\n"
      "ip saddr 10.9.0.0/16 ip saddr != 10.9.1.2 drop\n}\n}\n",
    "prerouting": "table inet p { chain r { type filter hook prerouting priority raw;\n"
                  "policy accept;\nip saddr 10.9.1.0/24 tcp dport 22 drop\n}\n}\n",
    "interface": _inet('iifname "lo" accept', 'iifname "va" tcp dport 22 accept',
                       'iifname != "va" tcp dport 2222 accept'),
    "redirect": _inet("tcp dport 2222 accept")
    + "table ip n { chain p { type nat hook prerouting priority dstnat; policy accept;\n"
      "tcp dport 2022 redirect to :22\n}\n}\n",
    "limit": _inet("tcp dport 22 limit rate 100/second burst 50 packets accept"),
    "named limits": _inet(
        "tcp dport 22 limit name few accept", "limit name beyond accept",
        more="limit few { rate 100/second burst 50 packets }\n"
             "limit beyond { rate over 100/second burst 50 packets }",
    ),
    "state": _inet("ct state new tcp dport 22 accept", "ct state related tcp dport 2222 accept"),
    "flags": _inet("tcp flags & (fin|syn|rst|ack) == syn tcp dport 22 accept",
                   "tcp flags & (syn|ack) != syn tcp dport 2222 accept"),
    "fields at once": _inet(
        "ip saddr . tcp dport @s accept", 'iifname . tcp dport vmap { "va" . 2222 : accept }',
        more="set s { type ipv4_addr . inet_service; flags interval;\n"
             "elements = { 10.9.1.0/25 . 20-30, 10.9.0.2 . 80 } }",
    ),
    "not tracked": _raw("ip saddr 10.9.1.0/24 tcp dport 22 notrack")
    + _inet("ct state invalid drop", "tcp dport 22 ct state untracked accept",
            "ct state new tcp dport 2222 accept"),
    "not tracked and not new": _raw("tcp dport 22 notrack")
    + _inet("ct state new tcp dport { 22, 2222 } accept"),
    "limits that nobody is above": _inet(
        "tcp dport 22 add @seen { ip saddr limit rate over 99/second burst 99 packets } drop",
        "tcp dport 22 ct count over 99 drop", "limit rate over 99/second burst 99 packets drop",
        "tcp dport 22 accept", "tcp dport 2222 ct count 99 accept",
        more="set seen { type ipv4_addr; flags dynamic; size 99; }",
    ),
    "what every new connection meets": _inet(
        "fib saddr type local drop", "ip frag-off & 0x1fff != 0 drop", "tcp sport 0-1023 drop",
        "ether type ip tcp sport 1024-65535 tcp dport 22 accept",
        "ct direction original ip6 daddr fd00:9::1 tcp dport 2222 accept",
    ),
    "to groups": _inet("ip daddr 224.0.0.0/4 accept", "ip6 daddr { ff02::fb, ff02::1 } accept",
                       "ip daddr 255.255.255.255 accept", "ip saddr 10.9.1.2 tcp dport 22 accept"),
    "maps of verdicts": _inet(
        "ip saddr vmap @m", "meta nfproto vmap { ipv6 : jump six }",
        more="map m { type ipv4_addr : verdict; flags interval;\n"
             "elements = { 10.9.1.0/25 : jump x, 10.9.0.2 : drop } }\n"
             "chain x { tcp dport 22 accept\n}\nchain six { ip6 saddr fd00:a::/64 accept\n}",
    ),
    "states and interfaces in maps": _inet(
        "ct state vmap { invalid : drop, new : jump n }",
        more='chain n { iifname vmap { "lo" : accept, "va" : goto lan }\ndrop\n}\n'
             "chain lan { tcp dport vmap { 22 : return, 2222 : accept }\n}",
    ),
    "goto does not come back": _inet(
        "jump a", "tcp dport 2222 accept",
        more="chain b { ip saddr 10.9.0.2 return\ndrop\n}\n"
             "chain a { tcp dport 2222 goto b\ntcp dport 22 accept\n}",
    ),
    "what may be accepted before": _inet(
        "meta mark 7 tcp dport 22 accept",
        "ether saddr 00:11:22:33:44:55 tcp dport 22 accept", "tcp dport 22 accept",
    ),
    "routes back": _raw("fib saddr . iif oif missing drop")
    + _inet("fib daddr . iif type != { local, broadcast, multicast } drop", "tcp dport 22 accept"),
    "a later table drops": _inet("tcp dport 22 accept", policy="accept")
    + "table inet u { chain i { type filter hook input priority 10; policy accept;\n"
      "tcp dport 22 ip saddr 10.9.1.0/24 drop\n}\n}\n",
    "lists of who is refused, which change": _inet(
        "ip saddr @bad reject", "tcp dport 22 ct state new meter m { ip saddr limit rate over "
        "99/second burst 99 packets } drop", "tcp dport 22 accept",
        more="set bad { type ipv4_addr; flags timeout; elements = { 10.9.1.2 timeout 1h } }",
    ),
    "masks of addresses": _inet("ip saddr & 255.255.255.0 == 10.9.1.0 tcp dport 22 accept"),
    "answers by port": "table inet o { chain o { type filter hook output priority 0;\n"
                       "tcp sport 22 ip daddr != 10.9.1.0/24 drop\ntcp sport 22 ip6 daddr "
                       "fd00:9::/64 reject\n}\n}\n",
    "answers to whom a jump names": "table inet o { chain a { ip saddr 10.9.0.1 ip daddr 10.9.1.2 "
                                    "accept\ndrop\n}\n"
                                    "chain o { type filter hook postrouting priority 0;\n"
                                    "tcp sport 2222 oifname \"va\" jump a\n}\n}\n",
    "answers that are tracked": _inet("tcp dport 22 accept")
    + "table inet o { chain o { type filter hook output priority 0; policy drop;\n"
      "ct state new drop\nct direction reply accept\nmeta l4proto icmpv6 accept\n}\n}\n",
    "interfaces twice": _inet('iifname "lo" iifname "va" tcp dport 22 accept',
                              'iifname "v*" iifname != "va" tcp dport 2222 accept'),
}  # fmt: skip


def _restored(file: str, program: str) -> tuple[str, str]:
    text = (RECORDINGS / f"{file}.rec").read_text().partition("---\n")[2]
    return program, text


def _legacy(*rules: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"iptables-legacy {rule}", "") for rule in rules)


IPTABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "iptables": tuple((f"iptables {rule}", "") for rule in (
        "-P INPUT DROP", "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "-A INPUT -s 10.9.1.0/25 -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 2000:3000 ! -s 10.9.0.2 -j ACCEPT")),
    "iptables, answers": tuple((f"iptables {rule}", "") for rule in (
        "-P OUTPUT DROP", "-A OUTPUT -d 10.9.1.0/25 -p tcp --sport 22 -j ACCEPT",
        "-A OUTPUT -m conntrack --ctstate ESTABLISHED -p tcp --sport 2222 -j ACCEPT",
        "-t mangle -A POSTROUTING -o va -m iprange --dst-range 10.9.0.1-10.9.0.9 -j DROP")),
    "iptables jump": tuple((f"iptables {rule}", "") for rule in (
        "-N ops", "-A INPUT -p tcp --dport 22 -j ops", "-A ops -s 10.9.1.2 -j RETURN",
        "-A ops -m iprange --src-range 10.9.1.3-10.9.1.250 -j ACCEPT", "-A ops -j REJECT")),
    "iptables drops in raw and mangle": tuple((f"iptables {rule}", "") for rule in (
        "-t raw -A PREROUTING ! -s 10.9.1.0/24 -p tcp --dport 22 -j DROP",
        "-t mangle -A PREROUTING -s 10.9.1.200 -p tcp --dport 22 -j DROP",
        "-t mangle -A INPUT -s 10.9.0.0/24 -p tcp --dport 2222 -j DROP")),
    "iptables, what every new connection meets": tuple((f"iptables {rule}", "") for rule in (
        "-P INPUT DROP", "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "-t mangle -A PREROUTING -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400",
        "-A INPUT -p tcp --tcp-flags ALL NONE -j DROP", "-A INPUT -f -j DROP",
        "-A INPUT ! -d 10.9.0.1/32 -j DROP",
        "-A INPUT -p tcp -m connlimit --connlimit-above 99 -j REJECT",
        "-A INPUT -p tcp --dport 22 -m hashlimit --hashlimit-above 99/sec --hashlimit-burst 99 "
        "--hashlimit-mode srcip --hashlimit-name x -j DROP",
        "-A INPUT -d 10.9.0.1/32 -p tcp --sport 1024:65535 --dport 22 -j ACCEPT")),
    "iptables, not tracked": tuple((f"iptables {rule}", "") for rule in (
        "-P INPUT DROP", "-t raw -A PREROUTING -s 10.9.1.0/24 -j CT --notrack",
        "-A INPUT -p tcp --dport 22 -m conntrack --ctstate UNTRACKED -j ACCEPT",
        "-A INPUT -p tcp --dport 2222 -m conntrack --ctstate NEW -j ACCEPT")),
    "ip6tables only": tuple((f"ip6tables {rule}", "") for rule in (
        "-A INPUT -p tcp --dport 22 ! -s fd00:9::/64 -j DROP",)),
    "legacy beside nft": (
        ("nft -f -", _inet("tcp dport { 22, 2222 } accept")),
        *_legacy("-A INPUT -s 10.9.1.0/24 -p tcp --dport 22 -j DROP",
                 "-t raw -A PREROUTING -s 10.9.0.2 -p tcp --dport 2222 -j DROP"),
    ),
    "legacy alone": _legacy("-P INPUT DROP", "-A INPUT -m state --state ESTABLISHED -j ACCEPT",
                            "-A INPUT -s 10.9.1.0/25 -p tcp --dport 22 -j ACCEPT"),
    "ufw 0.36.2": (_restored("iptables-save-ufw-0.36.2", "iptables-restore"),
                   _restored("ip6tables-save-ufw-0.36.2", "ip6tables-restore")),
    "firewalld 1.3.3": (_restored("nft-firewalld-1.3.3", "nft -f -"),),
}  # fmt: skip
# Runs in a network namespace of its own; the clients are in another one.
_RIG = r"""
import json, os, socket, subprocess, sys
def sh(*argv, **more): return subprocess.run(argv, capture_output=True, text=True, **more)
rules, sources, ports = json.load(sys.stdin)
had = ""
os.makedirs("/run/netns", exist_ok=True)
sh("mount", "-t", "tmpfs", "none", "/run", check=True); os.makedirs("/run/netns")
sh("ip", "netns", "add", "b", check=True)
for line in ("link set lo up", "link add va type veth peer name vb netns b", "link set va up",
             "addr add 10.9.0.1/16 dev va", "addr add fd00:9::1/16 dev va nodad"):
    sh("ip", *line.split(), check=True)
for line in ("link set lo up", "link set vb up", *(
        f"addr add {s}/16 dev vb" + (" nodad" if ":" in s else "") for s in sources)):
    sh("ip", "-n", "b", *line.split(), check=True)
for port in ports:
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True,
                             backlog=4096)
    globals()[f"s{port}"] = s
CLIENT = '''
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def one(asked):
    s, p = asked; six = ":" in s
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET) as c:
        c.settimeout(0.2)
        try: c.bind((s, 0)); c.connect(("fd00:9::1" if six else "10.9.0.1", p)); return True
        except OSError: return False
pool = ThreadPoolExecutor(16)
for line in sys.stdin:
    print(json.dumps(list(pool.map(one, json.loads(line)))), flush=True)
'''
clients = subprocess.Popen(["ip", "netns", "exec", "b", sys.executable, "-c", CLIENT], text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
out = {}
SHOWN = {"json": "nft -j list ruleset", "text": "nft list ruleset", "iptables": "iptables -S",
         "ip6tables": "ip6tables -S", "saved": "iptables-save", "saved6": "ip6tables-save",
         "legacy": "iptables-legacy-save"}
for name, text in rules.items():
    sh("nft", "flush", "ruleset", check=True)
    if "legacy" in had:
        for line in ("-t raw -F", "-F", "-P INPUT ACCEPT"): sh("iptables-legacy", *line.split())
    had = name
    old = not isinstance(text, str)
    for argv, more in text if old else [("nft -f -", text)]:
        done = sh(*argv.split(), input=more)
        if done.returncode: break
    if done.returncode:
        out[name] = {"refused": done.stderr}; continue
    asked = [(s, p) for s in sources for p in ports]
    print(json.dumps(asked), file=clients.stdin, flush=True)
    got = json.loads(clients.stdout.readline())
    shown = {k: sh(*v.split()) for k, v in SHOWN.items() if old or k in ("json", "text")}
    out[name] = {"shown": {k: (d.stdout, d.stderr) for k, d in shown.items()},
                 "got": [[*a, b] for a, b in zip(asked, got)]}
clients.stdin.close(); clients.wait()
json.dump(out, sys.stdout)
"""


def _tried(rules: dict[str, Any]) -> Any:
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-c", _RIG], check=False,
        input=json.dumps([rules, SOURCES, PORTS]), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _chains(shown: dict[str, tuple[str, str]]) -> Ruleset:
    """What the checks see of a ruleset; iptables and its relatives only where they were used."""
    reported = {name: made(out, err.encode()) for name, (out, err) in shown.items()}
    listed = whole(nft.parse_nft(answers(json=reported["json"], text=reported["text"])))
    if "saved" not in reported:
        return firewall.input_chains(listed)
    return firewall.input_chains(
        listed,
        whole(iptables.parse_iptables4(reported["iptables"])),
        whole(iptables.parse_iptables6(reported["ip6tables"])),
        firewall.chains_of(
            whole(port_forwards.parse_saved(reported["saved"], "iptables", "ip")),
            whole(port_forwards.parse_saved(reported["saved6"], "iptables", "ip6")),
            whole(port_forwards.parse_saved(reported["legacy"], "iptables-legacy", "ip")),
        ),
    )


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("ip") is None,
    reason="no root, nft or ip",
)
def test_a_port_is_judged_as_tcp_connections_reach_it(subtests: Any) -> None:
    rules: dict[str, Any] = dict(RULES)
    if shutil.which("iptables"):
        rules |= IPTABLES
    for name, one in _tried(rules).items():
        with subtests.test(name):
            assert "refused" not in one, one
            chains = by_name(_chains(one["shown"]))
            for source, port, came in one["got"]:
                packet = "tcp6" if ":" in source else "tcp4"
                to = int(ipaddress.ip_address("fd00:9::1" if ":" in source else "10.9.0.1"))
                question = Question(packet=packet, port=port, interface="va", to=to)
                who, address = reached(question, chains), int(ipaddress.ip_address(source))
                sure, maybe = (
                    any(low <= address <= high for low, high in spans)
                    for spans in (who.sure, who.maybe)
                )
                assert (sure, maybe) == (came, came), (source, port)


_SSH = (Listener(protocol="tcp", address="0.0.0.0", port=22, process="sshd"),)
_SYSCTL = {"net/ipv4/conf/eth0/forwarding": "0", "net/ipv4/conf/docker0/forwarding": "1"}
_LEGACY = Chain(tool="iptables-legacy", family="ip", table="", name="")
_CLOSED = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))


def _filter(*rules: str) -> Ruleset:
    found = iptables.parse_iptables4(made("\n".join(("-P INPUT DROP", *rules)) + "\n"))
    assert not isinstance(found, Absent)
    return found


def test_the_port_of_ssh_open_to_everybody_fails(subtests: Any) -> None:
    wide = _filter("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT")
    few = _filter("-A INPUT -s 10.9.1.0/24 -p tcp -m tcp --dport 22 -j ACCEPT")
    wider = _filter("-A INPUT -s 10.8.0.0/15 -p tcp -m tcp --dport 22 -j ACCEPT")
    set_ = _filter("-A INPUT -p tcp -m set --match-set ops src -m tcp --dport 22 -j ACCEPT")
    met = _filter("-A INPUT -p tcp -m socket -m tcp --dport 22 -j ACCEPT")
    one = _filter("-A INPUT -i eth1 -p tcp -m tcp --dport 22 -j ACCEPT")
    two = _SYSCTL | {"net/ipv4/conf/eth1/forwarding": "0"}
    hosts = ["10.9.1.0/24", "fd00::/64"]
    # name, rules, declared, sysctl, hosts.deny, listeners
    cases: list[tuple[str, Any, Any, Any, Any, Any, Verdict]] = [
        ("open", wide, None, _SYSCTL, False, _SSH, Verdict.FAIL),
        ("no filter", None, None, _SYSCTL, False, _SSH, Verdict.FAIL),
        ("a few", few, None, _SYSCTL, False, _SSH, Verdict.PASS),
        (
            "VRRP",
            _filter("-A INPUT -d 224.0.0.18/32 -j ACCEPT"),
            None,
            _SYSCTL,
            False,
            _SSH,
            Verdict.PASS,
        ),
        ("declared", few, hosts, _SYSCTL, False, _SSH, Verdict.PASS),
        ("beyond", few, ["10.9.1.0/28"], _SYSCTL, False, _SSH, Verdict.FAIL),
        ("a set of ipset", set_, None, _SYSCTL, False, _SSH, Verdict.UNDETERMINED),
        ("a module without options", met, None, _SYSCTL, False, _SSH, Verdict.UNDETERMINED),
        ("one of two interfaces", one, None, two, False, _SSH, Verdict.UNDETERMINED),
        ("few and hosts.deny", few, None, _SYSCTL, True, _SSH, Verdict.PASS),
        ("legacy unseen", (*few, _LEGACY), None, _SYSCTL, False, _SSH, Verdict.UNDETERMINED),
        ("a /15", wider, None, _SYSCTL, False, _SSH, Verdict.UNDETERMINED),
        ("hosts.deny", wide, None, _SYSCTL, True, _SSH, Verdict.UNDETERMINED),
        ("rules closed", _CLOSED, None, _SYSCTL, False, _SSH, Verdict.UNDETERMINED),
        ("no network", few, ["ops"], _SYSCTL, False, _SSH, Verdict.UNDETERMINED),
        ("nothing listens", wide, None, _SYSCTL, False, (), Verdict.NOT_APPLICABLE),
    ]
    for name, rules, sources, sysctl, deny, listeners, verdict in cases:
        with subtests.test(name):
            settings = {"admin_sources": sources} if sources else {}
            target = Target(id="w", kind="host", object_type="server", settings=settings)
            judged = management.management_sources.judge(
                target, listeners, None, rules, None, sysctl, None, *4 * (None,), None, deny, None
            )
            assert judged.verdict is verdict


def _server(**values: str) -> Sshd:
    return Sshd(values={key: (value,) for key, value in values.items()})


def _socket(address: str, port: int = 22, process: str = "sshd", protocol: str = "tcp") -> Listener:
    return Listener(protocol=protocol, address=address, port=port, process=process)


def test_sockets_over_which_a_host_is_administered(subtests: Any) -> None:
    few = _filter("-A INPUT -s 10.9.1.0/24 -p tcp -m tcp --dport 22 -j ACCEPT")
    wide = _filter("-A INPUT -p tcp -j ACCEPT", "-A INPUT -p udp -m udp --dport 161 -j ACCEPT")
    bound = _filter("-A INPUT -d 10.9.9.9/32 -p tcp -m tcp --dport 22 -j DROP",
                    "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT")  # fmt: skip
    one = _filter("-A INPUT -i eth1 -p tcp -m tcp --dport 22 -j ACCEPT")
    devices = (Chain(tool="nft", family="bridge", table="f", name="i", hook="input"),)
    closing = (structs.replace(devices[0], policy="drop"),)
    settings, usual = _server(port="2222"), _server(port="22")
    cases: list[tuple[str, Any, Any, Any, str]] = [
        ("by systemd", wide, _socket("*", 2222, "systemd"), settings, "fail"),
        ("nobody is shown", wide, _socket("*", 2222, ""), settings, "fail"),
        ("nobody is shown, no settings", wide, _socket("*", 2222, ""), None, "undetermined"),
        ("by systemd, few", few, _socket("*", 2222, "systemd"), settings, "pass"),
        ("not of SSH", wide, _socket("*", 2222, "java"), settings, "not_applicable"),
        ("a session", wide, _socket("*", 22022, "sshd-session"), settings, "fail"),
        ("VNC", wide, _socket("*", 5942, "Xtigervnc"), usual, "fail"),
        ("Webmin", wide, _socket("*", 12345, "miniserv.pl"), usual, "fail"),
        ("SNMP", wide, _socket("0.0.0.0", 161, "snmpd", "udp"), usual, "fail"),
        ("SNMP, few", few, _socket("0.0.0.0", 161, "snmpd", "udp"), usual, "pass"),
        ("at one address", bound, _socket("10.9.9.9"), usual, "pass"),
        ("at all", bound, _socket("0.0.0.0"), usual, "fail"),
        ("at an interface", one, _socket("0.0.0.0%eth1"), usual, "fail"),
        ("at another", one, _socket("0.0.0.0%eth0"), usual, "pass"),
        ("IPv4 in IPv6", bound, _socket("::ffff:10.9.9.9"), usual, "pass"),
        ("a bridge without refusal", (*wide, *devices), _socket("*"), usual, "fail"),
        ("a bridge that refuses", (*wide, *closing), _socket("*"), usual, "undetermined"),
        ("a bridge, few", (*few, *closing), _socket("*"), usual, "pass"),
    ]
    for name, rules, socket_, server, verdict in cases:
        with subtests.test(name):
            judged = management.management_sources.judge(
                Target(id="w", kind="host", object_type="server", address="10.9.0.1"), (socket_,),
                None, rules, None, _SYSCTL, None, *4 * (None,), server, False, None,
            )  # fmt: skip
            assert judged.verdict == verdict


def test_a_port_that_is_led_away_may_be_another_program(answer: Any) -> None:
    wide = _filter("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT")
    led = "*nat\n-A PREROUTING -p tcp -m tcp --dport 22 -j REDIRECT --to-ports 2222\nCOMMIT\n"
    saved = whole(port_forwards.parse_saved(answer(led), "iptables", "ip"))
    judged = management.management_sources.judge(
        Target(id="w", kind="host", object_type="server"), _SSH, None, wide, None, _SYSCTL, None,
        saved, *3 * (None,), None, False, None,
    )  # fmt: skip
    assert judged.verdict is Verdict.UNDETERMINED


def test_another_port_that_is_led_to_the_port_of_ssh(answer: Any) -> None:
    target = Target(id="w", kind="host", object_type="server")
    few = "-A INPUT -s 10.9.1.0/24 -p tcp -m tcp --dport 22 -j ACCEPT"
    led = "*nat\n-A PREROUTING -p tcp -m tcp --dport 2222 -j REDIRECT --to-ports 22\nCOMMIT\n"
    saved = whole(port_forwards.parse_saved(answer(led), "iptables", "ip"))
    for more, verdict in (
        ((), Verdict.PASS),
        (("-A INPUT -m conntrack --ctstatus DNAT -j ACCEPT",), Verdict.UNDETERMINED),
    ):
        judged = management.management_sources.judge(
            target, _SSH, None, _filter(few, *more), None, _SYSCTL, None, saved, *3 * (None,),
            None, False, None,
        )  # fmt: skip
        assert judged.verdict is verdict


# hosts.allow, hosts.deny, and whether tcpdmatch of tcpd 7.6 refuses one of four clients.
WRAPPER_RULES = (
    ("", "", False), ("", "sshd: ALL", True), ("", "sshd:ALL", True), ("", "# sshd: ALL", False),
    ("", "  # sshd: ALL", True), ("", "sshd: \\\n ALL", True), ("", "# x \\\nsshd: ALL", False),
    ("", "sshd: ALL # c", True), ("", "sshd: ALL\r", True), ("", "sshd 10.1.2.3", False),
    ("", " \t", False), ("sshd: ALL", "ALL: ALL", False), ("SSHD: all", "ALL: ALL", False),
    ("sshd: 10.", "ALL: ALL", True), ("vsftpd: 10.", "vsftpd: ALL", False),
    ("", "ALL: 203.0.113.", True), ("sshd: 10. : allow\nsshd: ALL : deny", "", True),
    ("sshd, vsftpd: ALL", "ALL: ALL", False), ("sshd: ALL EXCEPT 203.0.113.7", "ALL: ALL", True),
    ("sshd: \\\n ALL", "ALL: ALL", False), ("sshd:[2001:db8::]/32", "sshd: ALL", True),
    ("sshd: ALL: severity auth.info", "ALL:ALL", False), ("", "ALL: ALL : allow", False),
    ("sshd ALL", "ALL: ALL", True), ("sshd@10.0.0.1: ALL", "ALL: ALL", True),
)  # fmt: skip


def test_rules_of_tcp_wrappers() -> None:
    for allow, deny, refused in WRAPPER_RULES:
        texts = {"/etc/hosts.allow": f"{allow}\n", "/etc/hosts.deny": f"{deny}\n"}
        assert wrappers.parse_wrappers(files(texts)) is refused, (allow, deny)
    twisted = {"/etc/hosts.allow": "sshd: ALL : twist /bin/echo no\n"}
    assert wrappers.parse_wrappers(files(twisted)) is True
    cut = {"/etc/hosts.allow": "sshd: ALL", "/etc/hosts.deny": "ALL: ALL\n"}
    assert wrappers.parse_wrappers(files(cut)) is True
    closed = wrappers.parse_wrappers(files({}, not_permitted="/etc/hosts.deny"))
    assert isinstance(closed, Absent)


# `ipset save` of ipset 7.17, 2026-11-30.
SETS = """\
create ops hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x77
add ops 10.9.1.0/24
create world hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x78
add world 0.0.0.0/1
add world 128.0.0.0/1
create lists list:set size 8
add lists ops
create adm bitmap:port range 0-65535
add adm 22
create both hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x79
add both 10.9.1.2,tcp:22
create knocked hash:ip family inet hashsize 1024 maxelem 65536 timeout 99 bucketsize 12 initval 0x7a
create six hash:net family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x7b
"""


def test_sets_of_ipset_are_read(subtests: Any) -> None:
    sets = whole(ipsets.parse_sets(made(SETS)))
    # the condition, then who reaches port 22: 10.9.1.2 and 10.9.0.2 (surely, perhaps)
    for name, condition, near, far in (
        ("a network", "--match-set ops src", "both", "none"),
        ("all", "--match-set world src", "both", "both"),
        ("another", "! --match-set ops src", "none", "both"),
        ("a list of sets", "--match-set lists src", "both", "none"),
        ("ports", "--match-set adm dst", "both", "both"),
        ("two fields", "--match-set both src,dst", "maybe", "none"),
        ("entries that end", "--match-set knocked src", "maybe", "maybe"),
        ("not read", "--match-set other src", "maybe", "maybe"),
        ("another family", "--match-set six src", "maybe", "maybe"),
    ):
        with subtests.test(name):
            rule = f"-A INPUT -p tcp -m set {condition} -j ACCEPT"
            chains = by_name(ipsets.resolved(_filter(rule), sets))
            who = reached(Question(packet="tcp4", port=22, interface=""), chains)
            for source, expected in (("10.9.1.2", near), ("10.9.0.2", far)):
                at = int(ipaddress.ip_address(source))
                found = [any(a <= at <= b for a, b in spans) for spans in (who.sure, who.maybe)]
                assert found == [expected == "both", expected != "none"], source
