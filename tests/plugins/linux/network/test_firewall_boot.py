"""Whether the packet filter of now is loaded at boot; nft files compared with the real nft."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from audit_core.api.sdk import Absent, Reason, Verdict, msg
from audit_core.api.testkit import whole
from audit_linux.network import boot_rules, firewall_boot, iptables, nft
from audit_linux.network.firewall import input_of
from audit_linux.network.netfilter_model import EVERY, IPV4, IPV6, NONE
from audit_linux.network.nft_files import Written, written
from audit_linux.units import Units
from invented.answers import answer as made
from invented.answers import answers
from invented.answers import files as read_files

_ON = {"net.ipv6.conf.all.disable_ipv6": "0"}
_HEAD = "type filter hook input priority filter;"
_EMPTY = (  # as Debian's package of nftables 1.0.6 installs it
    "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {{\n\tchain input {{\n\t\t"
    "type filter hook input priority filter;{}\n\t}}\n\tchain output {{\n\t\ttype filter hook "
    "output priority filter;\n\t}}\n}}\n"
)
_DROP = _EMPTY.format(" policy drop;\n\t\tct state established accept\n\t\ttcp dport { 22, 80 } "
                      "accept")  # fmt: skip

# What nft loads from a file, and what is read of it: packets that are surely refused, and maybe.
FILES: dict[str, tuple[str, frozenset[str], frozenset[str]]] = {
    "empty": ("", NONE, NONE),
    "only comments": (f"# table inet t {{ chain i {{ {_HEAD} policy drop; }} }}\n", NONE, NONE),
    "as installed": (_EMPTY.format(""), NONE, NONE),
    "policy drop": (_DROP, EVERY, NONE),
    "policy accept": (_DROP.replace("policy drop", "policy accept"), NONE, NONE),
    "accepts first": (_DROP.replace("ct state", 'counter log prefix "a drop" accept\nct state'),
                      NONE, NONE),
    "last rule": (_EMPTY.format("\ntcp dport 22 accept\ncounter reject with icmpx admin-prohibited"
                                " comment \"all # else\""), EVERY, NONE),
    "IPv4 only": (f"table ip t {{ chain i {{ {_HEAD} policy drop;\n}}\n}}\n", IPV4, NONE),
    "no family": (f"table t {{ chain i {{ {_HEAD} policy drop;\n}}\n}}\n", IPV4, NONE),
    "both": (f"table ip t {{ chain i {{ {_HEAD} policy drop;\n}}\n}}\n"
             f"table ip6 t {{ chain i {{ {_HEAD}\ndrop\n}}\n}}\n", EVERY, NONE),
    "commands": (f"add table inet t\nadd chain inet t i {{ {_HEAD} policy drop; }}\n"
                 "add rule inet t i tcp dport 22 accept\n", EVERY, NONE),
    "commands, a rule at the end": (f"add table inet t\nadd chain inet t i {{ {_HEAD} }}\n"
                                    "add rule inet t i tcp dport 22 accept\n"
                                    "add rule inet t i drop\n", EVERY, NONE),
    "flushed in the end": (f"{_DROP}flush ruleset\n", NONE, NONE),
    "deleted in the end": (f"{_DROP}delete table inet filter\n", NONE, NONE),
    "deleted first": (f"table inet filter {{}}\ndelete table inet filter\n{_DROP}", EVERY, NONE),
    "chain emptied": (_EMPTY.format("\ndrop") + "flush chain inet filter input\n", NONE, NONE),
    "dormant": (_DROP.replace("filter {", "filter {\nflags dormant;", 1), NONE, NONE),
    "forward only": (_DROP.replace("hook input", "hook forward"), NONE, NONE),
    "sets and maps": (
        "define ops = { 10.0.0.0/8 }\ntable inet t {\nset s { type ipv4_addr; flags interval;\n"
        "elements = { 10.1.0.0/16,\n10.2.0.0/16 }\n}\nmap m { type inet_service : verdict;\n"
        f"elements = {{ 22 : accept, 23 : drop }}\n}}\nchain i {{ {_HEAD} policy drop;\n"
        "ip saddr $ops tcp dport vmap @m\nip saddr @s accept\n}\n}\n", EVERY, NONE),
    "continued": ("table inet t { chain i { type filter hook input \\\n priority filter; policy"
                  " drop;\n}\n}\n", EVERY, NONE),
    "a variable": (f"define p = \"drop\"\ntable inet t {{ chain i {{ {_HEAD} policy $p;\n}}\n}}\n",
                   NONE, EVERY),
    "a jump": (f"table inet t {{\nchain last {{ drop\n}}\n"
               f"chain i {{ {_HEAD}\ntcp dport 22 accept\njump last\n}}\n}}\n", NONE, EVERY),
}  # fmt: skip
_RIG = r"""
import json, subprocess, sys
out = {}
for name, text in json.load(sys.stdin).items():
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True)
    shown = [subprocess.run(["nft", *more, "list", "ruleset"], capture_output=True,
                            text=True).stdout for more in (["-j"], [])]
    out[name] = [done.returncode, done.stderr, *shown]
json.dump(out, sys.stdout)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("unshare") is None,
    reason="no root, nft or unshare",
)
def test_a_file_of_nft_is_read_as_nft_loads_it(subtests: Any) -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _RIG], check=False, capture_output=True,
        text=True, input=json.dumps({name: text for name, (text, *_) in FILES.items()}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name, (code, stderr, as_json, as_text) in json.loads(done.stdout).items():
        with subtests.test(name):
            assert code == 0, stderr
            text, refused, maybe = FILES[name]
            assert written("/f", {"/f": text}) == Written(refused=refused, maybe=maybe)
            now = input_of(whole(nft.parse_nft(answers(json=made(as_json), text=made(as_text)))),
                           (None, None), False, _ON)  # fmt: skip
            assert now.refused is ((refused or maybe) == EVERY)


def test_files_that_nft_includes() -> None:
    main, part = 'include "/etc/nftables.d/*.nft"\n', "/etc/nftables.d/10.nft"
    assert written("/m", {"/m": main, part: _DROP}).refused == EVERY
    assert written("/m", {"/m": main}) == Written()
    gone = written("/m", {"/m": 'include "/srv/rules.nft"\n'})
    assert (gone.refused, gone.maybe, gone.unread) == (NONE, EVERY, ("/srv/rules.nft",))
    loop = {"/m": f'include "{part}"\n', part: f'include "{part}"\n'}
    assert written("/m", loop) == Written()


_SAVED = "*filter\n:INPUT {} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{}COMMIT\n"
_SAVED_DROP = _SAVED.format("DROP", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n")
_V4, _V6 = "/etc/iptables/rules.v4", "/etc/iptables/rules.v6"
_UFW = {"/etc/ufw/ufw.conf": "ENABLED=yes\n", "/etc/default/ufw": 'DEFAULT_INPUT_POLICY="DROP"\n'}
_ZONE = "/etc/firewalld/zones/public.xml"
_UNIT = "/etc/systemd/system/{}.service"
_ONESHOT = "[Service]\nType=oneshot\nExecStart={}\n"
# name: what is enabled, the files, the verdict where IPv4 and IPv6 are refused now
CASES: dict[str, tuple[str, dict[str, str], Verdict]] = {
    "nftables": ("nftables", {"/etc/nftables.conf": _DROP}, Verdict.PASS),
    "nftables of Red Hat": ("nftables", {"/etc/sysconfig/nftables.conf": _DROP}, Verdict.PASS),
    "nftables of SUSE": ("nftables", {"/etc/nftables/rules/main.nft": _DROP}, Verdict.PASS),
    "emptied": ("nftables", {"/etc/nftables.conf": ""}, Verdict.FAIL),
    "deleted": ("nftables", {}, Verdict.FAIL),
    "as installed": ("nftables", {"/etc/nftables.conf": _EMPTY.format("")}, Verdict.FAIL),
    "includes in comments": ("nftables", {"/etc/sysconfig/nftables.conf":
                             '#include "/etc/nftables/main.nft"\n'}, Verdict.FAIL),
    "IPv4 only": ("nftables", {"/etc/nftables.conf": _DROP.replace("inet", "ip")}, Verdict.FAIL),
    "disabled": ("ssh", {"/etc/nftables.conf": _DROP}, Verdict.FAIL),
    "persistent": ("netfilter-persistent", {_V4: _SAVED_DROP, _V6: _SAVED_DROP}, Verdict.PASS),
    "rules.v6 is missing": ("netfilter-persistent", {_V4: _SAVED_DROP}, Verdict.FAIL),
    "rules.v4 is emptied": ("netfilter-persistent", {_V4: "", _V6: _SAVED_DROP}, Verdict.FAIL),
    "rules.v4 accepts": ("netfilter-persistent", {_V4: _SAVED.format("ACCEPT", ""),
                         _V6: _SAVED_DROP}, Verdict.FAIL),
    "rules.v4 ends early": ("netfilter-persistent", {_V4: _SAVED_DROP.replace("COMMIT\n", ""),
                            _V6: _SAVED_DROP}, Verdict.FAIL),
    "iptables-services": ("iptables ip6tables", {"/etc/sysconfig/iptables": _SAVED_DROP,
                          "/etc/sysconfig/ip6tables": _SAVED_DROP}, Verdict.PASS),
    "ip6tables is disabled": ("iptables", {"/etc/sysconfig/iptables": _SAVED_DROP,
                              "/etc/sysconfig/ip6tables": _SAVED_DROP}, Verdict.FAIL),
    "sysconfig is emptied": ("iptables ip6tables", {"/etc/sysconfig/iptables": "",
                             "/etc/sysconfig/ip6tables": ""}, Verdict.FAIL),
    "nft and an emptied iptables": ("nftables netfilter-persistent",
                                    {"/etc/nftables.conf": _DROP, _V4: ""}, Verdict.PASS),
    "firewalld": ("firewalld", {"/etc/firewalld/firewalld.conf": "DefaultZone=public\n"},
                  Verdict.PASS),
    "firewalld trusts": ("firewalld", {"/etc/firewalld/firewalld.conf": "DefaultZone=trusted\n"},
                         Verdict.FAIL),
    "firewalld accepts": ("firewalld", {_ZONE: '<zone target="ACCEPT">\n</zone>\n'}, Verdict.FAIL),
    "ufw": ("ufw", _UFW, Verdict.PASS),
    "ufw is off": ("ufw", _UFW | {"/etc/ufw/ufw.conf": "ENABLED=no\n"}, Verdict.FAIL),
    "ufw allows": ("ufw", _UFW | {"/etc/default/ufw": 'DEFAULT_INPUT_POLICY="ACCEPT"\n'},
                   Verdict.FAIL),
    "ferm": ("ferm", {}, Verdict.UNDETERMINED),
    "Illumio": ("illumio-ven", {}, Verdict.UNDETERMINED),
    "firmware is updated": ("fwupd", {}, Verdict.FAIL),
    "a unit of the site": ("harden", {_UNIT.format("harden"): _ONESHOT.format("/opt/b/h.sh")},
                           Verdict.UNDETERMINED),
    "a unit that is off": ("ssh", {_UNIT.format("harden"): _ONESHOT.format("/opt/b/h.sh")},
                           Verdict.FAIL),
    "a unit that calls nft": ("rules", {_UNIT.format("rules"):
                              _ONESHOT.format("/usr/sbin/nft -f /srv/r.nft")},
                              Verdict.UNDETERMINED),
    "a server of the site": ("app", {_UNIT.format("app"): "[Service]\nExecStart=/opt/b/java\n"},
                             Verdict.UNDETERMINED),
    "a server of the site as an account": ("app", {_UNIT.format("app"): "[Service]\nUser=app\n"
                                           "ExecStart=/opt/b/java\n"}, Verdict.FAIL),
    "an account with the right": ("app", {_UNIT.format("app"): "[Service]\nUser=app\n"
                                  "AmbientCapabilities=CAP_NET_ADMIN\nExecStart=/opt/b/java\n"},
                                  Verdict.UNDETERMINED),
    "as root in front": ("app", {_UNIT.format("app"): "[Service]\nUser=app\n"
                         "ExecStartPre=+/opt/b/prepare\n"}, Verdict.UNDETERMINED),
    "disabled beside an agent": ("acme-guardd", {"/etc/nftables.conf": _DROP}, Verdict.FAIL),
    "an agent of a maker": ("acme-guardd ssh cron", {}, Verdict.UNDETERMINED),
    "what a distribution starts": ("ssh cron rsyslog chrony getty@tty1 systemd-timesyncd nginx "
                                   "postgresql@15-main e2scrub_reap", {}, Verdict.FAIL),
    "rc.local": ("ssh", {"/etc/rc.local": "#!/bin/sh\niptables-restore < /root/rules\n"},
                 Verdict.UNDETERMINED),
    "rc.local of the site": ("ssh", {"/etc/rc.local": "#!/bin/sh\nsh /opt/b/init.sh\nexit 0\n"},
                             Verdict.UNDETERMINED),
    "a job at boot": ("ssh", {"/var/spool/cron/root": "@reboot /root/x.sh\n"},
                      Verdict.UNDETERMINED),
    "another job": ("ssh", {"/var/spool/cron/root": "5 1 * * * /root/backup.sh\n",
                    "/etc/cron.d/x": "5 1 * * * root /root/backup.sh\n"}, Verdict.FAIL),
    "saved at stop": ("iptables ip6tables", {"/etc/sysconfig/iptables-config":
                      'IPTABLES_SAVE_ON_STOP="yes"\n', "/etc/sysconfig/ip6tables": _SAVED_DROP},
                      Verdict.UNDETERMINED),
    "another file of the unit": ("nftables", {"/etc/nftables.conf": _DROP, _UNIT.format("nftables"):
                                 _ONESHOT.format("/usr/sbin/nft -f /srv/x")}, Verdict.UNDETERMINED),
    "rc.local in comments": ("ssh", {"/etc/rc.local": "#!/bin/sh\n# nft -f /root/rules\n"},
                             Verdict.FAIL),
    "interfaces": ("networking", {"/etc/network/interfaces":
                   "iface eth0 inet dhcp\n  pre-up iptables-restore < /etc/iptables.up.rules\n"},
                   Verdict.UNDETERMINED),
}  # fmt: skip


def _rules(files: dict[str, str]) -> Any:
    plain = {p: t for p, t in files.items() if p.startswith(boot_rules.SCRIPTS)}
    rules = {p: t for p, t in files.items() if p not in plain}
    return boot_rules.parse_boot_rules(answers(rules=read_files(rules), scripts=read_files(plain)))


def _judged(started: str, rules: Any, now: str = "DROP") -> Any:
    chains = iptables.parse_iptables4(made(f"-P INPUT {now}\n"))
    chains6 = iptables.parse_iptables6(made(f"-P INPUT {now}\n"))
    units = Units(active=frozenset(), enabled=frozenset(f"{n}.service" for n in started.split()))
    return firewall_boot.firewall_persistent.judge(
        None, chains, chains6, _ON, *4 * (None,), rules, units if started else None, frozenset()
    )


def test_rules_of_now_that_boot_loads_or_not(subtests: Any) -> None:
    for name, (started, files, verdict) in CASES.items():
        with subtests.test(name):
            assert _judged(started, _rules(files)).verdict is verdict
    assert _judged("nftables", _rules({}), now="ACCEPT").verdict is Verdict.NOT_APPLICABLE
    idle = _rules({"/etc/nftables.conf": _DROP})
    assert _judged("nftables", idle, now="ACCEPT").verdict is Verdict.PASS
    assert _judged("", _rules({})).verdict is Verdict.UNDETERMINED
    closed = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    assert _judged("nftables", closed).verdict is Verdict.UNDETERMINED


def test_a_file_that_was_not_read_may_refuse() -> None:
    unread = read_files({}, not_permitted="/etc/nftables.conf")
    rules = boot_rules.parse_boot_rules(answers(rules=unread, scripts=read_files({})))
    assert _judged("nftables", rules).verdict is Verdict.UNDETERMINED
    assert rules.loaders["nftables"].rules.maybe >= IPV6
