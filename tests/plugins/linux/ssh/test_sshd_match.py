"""Match blocks and includes of the SSH server: whom they concern, compared with sshd itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, Answers, Verdict
from audit_linux.pam import parse_pam
from audit_linux.ssh import sshd_checks as checks
from audit_linux.ssh.second_factor import second_factor
from audit_linux.ssh.sshd import Servers, Sshd
from audit_linux.ssh.sshd_algorithms import sshd_user_signatures
from audit_linux.ssh.sshd_files import SshdFiles, keyword_of, parse_sshd_files
from audit_linux.ssh.sshd_match import Names, fits, parse_names
from audit_linux.ssh.sshd_running import Running, parse_running
from audit_linux.ssh.sshd_sockets import Sockets, parse_sockets
from invented.answers import TARGET

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
USUAL = Servers(distribution=True, others=())
GOOD = Sshd(
    values={
        "port": ("22",), "permitrootlogin": ("no",), "permitemptypasswords": ("no",),
        "maxauthtries": ("4",), "logingracetime": ("60",),
    }
)  # fmt: skip
PEOPLE = Names(
    groups_of={"root": frozenset({"root"}), "alice": frozenset({"alice", "ops"})}, whole=True
)
HERE = Sockets(open={"22": "sshd", "443": "nginx", "53": ""}, own=("10.0.0.9",))
MAIN = "/etc/ssh/sshd_config"


def _read(files: Make, texts: dict[str, str]) -> SshdFiles:
    got = parse_sshd_files(files(texts))
    assert not isinstance(got, Absent)
    return got


def _root(
    files: Make, text: str, people: Names = PEOPLE, here: Sockets = HERE, sshd: Sshd = GOOD
) -> Verdict:
    reported = _read(files, {MAIN: text})
    return checks.sshd_root_login.judge(USUAL, sshd, reported, None, None, people, here).verdict


def _tries(files: Make, text: str, people: Names = PEOPLE) -> Verdict:
    reported = _read(files, {MAIN: f"{text}\nMaxAuthTries 20\n"})
    return checks.sshd_login_limits.judge(USUAL, GOOD, reported, None, None, people, HERE).verdict


ROOT = {
    "Match Address 10.0.0.0/8\nPermitRootLogin yes": FAIL,
    "Match User deploy\nPermitRootLogin yes": PASS,  # not root
    "Match User root\nPermitRootLogin yes": FAIL,
    "Match User *,!root\nPermitRootLogin yes": PASS,
    "Match User !root,*\nPermitRootLogin yes": PASS,
    "Match Group ops\nPermitRootLogin yes": PASS,
    "Match Group root,ops\nPermitRootLogin yes": FAIL,
    "Match User root Address 10.0.0.1\nPermitRootLogin yes": FAIL,
    "Match User=root\nPermitRootLogin yes": FAIL,
    "Match User root LocalPort 2222\nPermitRootLogin yes": PASS,  # it listens on 22 only
    "Match LocalPort 22\nPermitRootLogin yes": FAIL,
    "Match all\nPermitRootLogin no\nMatch User root\nPermitRootLogin yes": PASS,  # the first holds
    "Match User root\nPermitRootLogin yes\nMatch all\nPermitRootLogin no": FAIL,
    "Match Address 10.0.0.1\nPermitRootLogin no\nMatch all\nPermitRootLogin yes": FAIL,
    "Match invalid-user\nPermitRootLogin yes": PASS,
    "Match Newer thing\nPermitRootLogin yes": UNDETERMINED,
    "Match User r*\nPermitRootLogin no\nMatch User *,!r*\nPermitRootLogin no\n"
    "Match Address *\nPermitRootLogin yes": PASS,  # two blocks fit before
    "match\tUSER\troot # why\n\tpermitrootlogin=yes": FAIL,
    'Match User "root"\nPermitRootLogin "yes"': FAIL,
}
PLACED = {
    "Match LocalPort 443\nPermitRootLogin yes": PASS,  # nginx
    "Match LocalPort 53\nPermitRootLogin yes": UNDETERMINED,
    "Match LocalAddress 10.0.0.9\nPermitRootLogin yes": FAIL,
    "Match LocalAddress 10.0.0.0/24,!10.0.0.9\nPermitRootLogin yes": UNDETERMINED,
    "Match LocalAddress 10.9.0.0/16\nPermitRootLogin yes": UNDETERMINED,
    "Match Address !10.0.0.0/8\nPermitRootLogin yes": PASS,  # nothing but a refusal
    "Match Host 10.1.*\nPermitRootLogin yes": FAIL,
    "Match Host *.corp.example\nPermitRootLogin yes": UNDETERMINED,  # UseDNS is not known
    "Match RDomain mgmt\nPermitRootLogin yes": PASS,  # no listening socket has one
    "Match RDomain *\nPermitRootLogin yes": FAIL,
    "Match Version OpenSSH_9.*\nPermitRootLogin yes": UNDETERMINED,
}
TRIES = {
    "Match User nobodyhere": PASS,
    "Match User alice": FAIL,
    "Match User al?ce": FAIL,
    "Match User bob,alice": FAIL,
    "Match Group nogroup": PASS,
    "Match Group ops": FAIL,
    "Match Group *,!ops": FAIL,  # root
    "Match User alice Group *,!ops": PASS,
    "Match all": FAIL,
}


def test_whom_a_match_block_concerns(files: Make) -> None:
    for text, verdict in (ROOT | PLACED).items():
        assert _root(files, text) is verdict, text
    for text, verdict in TRIES.items():
        assert _tries(files, text) is verdict, text
    # Accounts of a directory may be meant; root and everybody are here all the same.
    some = Names(groups_of=PEOPLE.groups_of, whole=False)
    assert _tries(files, "Match User nobodyhere", some) is UNDETERMINED
    assert _tries(files, "Match User alice", some) is FAIL
    assert _root(files, "Match User deploy\nPermitRootLogin yes", some) is PASS


# As ss of iproute2 6.1 shows sockets that are bound to a device (`ip vrf exec`, SO_BINDTODEVICE).
BOUND = """\
tcp LISTEN 0 128 *%mgmt:22 *:* users:(("sshd",pid=9,fd=3))
tcp LISTEN 0 128 [::1]%lo:2224 [::]:* users:(("python3",pid=8,fd=3))
"""


def test_routing_domains(files: Make, answer: Make, answers: Callable[..., Answers]) -> None:
    """`Match RDomain` holds by the device of the listening socket, or of any where that is set."""
    text = "Match RDomain {}\nPermitRootLogin yes"
    on_22 = structs.replace(GOOD, values=GOOD.values | {"port": ("22",)})
    for rows, accept, domain, verdict in (
        (BOUND, "0", "mgmt", FAIL), (BOUND, "0", "lo", PASS), (BOUND, "1", "lo", UNDETERMINED),
        (BOUND.replace("%mgmt", ""), "0", "mgmt", PASS),
        (BOUND.replace("%mgmt", ""), "1", "mgmt", UNDETERMINED),
        (BOUND.replace("%mgmt", ""), None, "mgmt", PASS),
        (BOUND.replace("%mgmt", ""), "1", "!mgmt,*", FAIL),
    ):  # fmt: skip
        given = None if accept is None else answer(accept)
        here = parse_sockets(answers(ss=answer(rows), domains=given))
        assert isinstance(here, Sockets)
        assert _root(files, text.format(domain), here=here, sshd=on_22) is verdict, (
            rows,
            accept,
            domain,
        )


# PermitRootLogin yes stands outside; what `sshd -T -C` of OpenSSH 9.2 says for root decides.
REPLACED = {
    "Match all\nPermitRootLogin no": PASS,
    "Match User root\nPermitRootLogin no": PASS,
    "Match User root Address 10.0.0.0/8\nPermitRootLogin no": FAIL,
    "Match Address *,!10.0.0.0/8\nPermitRootLogin no": FAIL,
    "Match Address 0.0.0.0/0\nPermitRootLogin no": FAIL,  # IPv6
    "Match Address 0.0.0.0/0,::/0\nPermitRootLogin no": PASS,
    "Match User alice\nPermitRootLogin no": FAIL,
    "Match Newer thing\nPermitRootLogin no": UNDETERMINED,
}


def test_a_value_that_blocks_replace_for_every_login(files: Make) -> None:
    weak = structs.replace(GOOD, values=GOOD.values | {"permitrootlogin": ("yes",)})
    for text, verdict in REPLACED.items():
        found = _read(files, {MAIN: text})
        judged = checks.sshd_root_login.judge(USUAL, weak, found, None, None, PEOPLE, HERE)
        assert judged.verdict is verdict, text


# AllowUsers alice stands outside. Asked of sshd 9.2 with -T -C user=root: a list of a Match block
# takes its place, and those of several blocks are put together.
SHUT_OUT = {
    "Match Address 10.0.0.0/8\nPermitRootLogin yes": PASS,
    "Match User root\nPermitRootLogin yes": PASS,
    "Match User root\nPermitRootLogin yes\nAllowUsers bob": PASS,
    "Match User alice\nAllowUsers *\nMatch User root\nPermitRootLogin yes": PASS,
    "Match Address 10.0.0.0/8\nPermitRootLogin yes\nAllowUsers root": FAIL,
    "Match Address 10.0.0.0/8\nPermitRootLogin yes\nAllowUsers alice r??t@10.0.0.1": FAIL,
    "Match User root\nAllowUsers bob\nMatch Address 10.0.0.1\nAllowUsers root\n"
    "PermitRootLogin yes": FAIL,
    "Match User root\nPermitRootLogin yes\nAllowUsers [r]oot": PASS,
    "Match User root\nAllowUsers root": PASS,  # PermitRootLogin no
}


def test_root_that_allow_users_excludes_beside_match_blocks(files: Make) -> None:
    sshd = Sshd(values=GOOD.values | {"allowusers": ("alice",)})
    for text, verdict in SHUT_OUT.items():
        reported = _read(files, {MAIN: text})
        judged = checks.sshd_root_login.judge(USUAL, sshd, reported, None, None, PEOPLE)
        assert judged.verdict is verdict, text
    denied = Sshd(values=GOOD.values | {"denyusers": ("root",)})
    for text, verdict in (("", PASS), ("DenyUsers eve", FAIL), ("DenyUsers eve r*", PASS)):
        reported = _read(files, {MAIN: f"Match Address 10.0.0.0/8\nPermitRootLogin yes\n{text}\n"})
        judged = checks.sshd_root_login.judge(USUAL, denied, reported, None, None, PEOPLE)
        assert judged.verdict is verdict, text


def test_includes_of_several_levels(files: Make) -> None:
    texts = {
        MAIN: "Include conf.d/*.conf\nMatch Address 10.1.0.0/16\nInclude /etc/ssh/more.conf\n",
        "/etc/ssh/conf.d/b.conf": "Match User alice\nMaxAuthTries 9\n",
        "/etc/ssh/conf.d/a.conf": "Include deep.conf\nPermitRootLogin no\n",
        "/etc/ssh/conf.d/.hidden.conf": "Match all\nMaxAuthTries 7\n",
        "/etc/ssh/deep.conf": "PermitRootLogin yes\n",
        "/etc/ssh/more.conf": "MaxAuthTries 3\nMatch User bob\nPermitRootLogin yes\n",
        "/etc/ssh/ssh_config.d/x.conf": "PermitRootLogin yes\n",
    }
    got = _read(files, texts)
    assert got.settings == {"permitrootlogin": ("yes", "no")}
    assert [(o.criteria, o.key, o.value) for o in got.overrides] == [
        ("User alice", "maxauthtries", "9"),
        ("Address 10.1.0.0/16", "maxauthtries", "3"),
        ("Address 10.1.0.0/16 User bob", "permitrootlogin", "yes"),
    ]
    assert got.foreign == ()
    far = "Include /opt/x.conf ssh*/x.conf keys/all\n"
    assert _read(files, {MAIN: far}).foreign == ("/opt/x.conf", "ssh*/x.conf", "keys/all")
    loop = _read(files, {MAIN: "Include sshd_config\nPermitRootLogin no\n"})
    assert loop.foreign == (MAIN,)


def test_the_vendors_folder_counts_where_there_is_no_other_file(files: Make) -> None:
    """Invented after openSUSE: /usr/etc/ssh/sshd_config, drop-ins under /etc."""
    vendor = "Include /etc/ssh/sshd_config.d/*.conf\nInclude /usr/etc/ssh/sshd_config.d/*.conf\n"
    vendor += "PermitRootLogin no\nMatch Address 10.0.0.0/8\n  PermitRootLogin yes\n"
    reported = _read(files, {"/usr/etc/ssh/sshd_config": vendor})
    assert checks.sshd_root_login.judge(USUAL, GOOD, reported, None, None, PEOPLE).verdict is FAIL
    both = _read(files, {"/usr/etc/ssh/sshd_config": vendor, MAIN: "PermitRootLogin no\n"})
    assert both.overrides == ()
    own = {"/usr/etc/ssh/sshd_config": vendor,
           "/etc/ssh/sshd_config.d/a.conf": "Match all\nMaxAuthTries 20\n"}  # fmt: skip
    assert _read(files, own).overrides[0].key == "maxauthtries"


def test_a_server_with_other_files_is_not_judged_by_the_usual_ones() -> None:
    bad = Sshd(values=GOOD.values | {"permitrootlogin": ("yes",)})
    other = ("/usr/sbin/sshd -f /opt/sshd_config",)
    for usual, verdict in ((False, UNDETERMINED), (True, FAIL)):
        running = Running(set={}, other=other, usual=usual)
        assert checks.sshd_root_login.judge(USUAL, bad, None, running).verdict is verdict


# Whether root was let in by OpenSSH 9.2p1 from the loopback address, which stands for any.
GROUPS = {
    "AllowGroups ops": False, "AllowGroups root": True, "AllowGroups ro*": True,
    "AllowGroups r?ot ops": True, "AllowGroups ops\nAllowGroups root": True,
    "DenyGroups root": False, "DenyGroups ro*": False, "DenyGroups ops": True,
    "AllowGroups !root": False, "AllowGroups ROOT": False, "AllowGroups *": True,
    "DenyUsers root@*": False, "DenyUsers root@10.0.0.0/8": True, "DenyUsers !root": True,
    "AllowUsers root@127.0.0.1": True, "AllowUsers root\nDenyGroups root": False,
    "AllowUsers root\nAllowGroups ops": False,
    "AllowGroups ops\nMatch Address 127.0.0.1\n AllowGroups root": True,
    "DenyGroups root\nMatch Address 127.0.0.1\n DenyGroups ops": True,
}  # fmt: skip


def test_root_that_groups_exclude(subtests: Any, files: Make) -> None:
    whole = Names(groups_of={"root": frozenset({"root"})})
    more = structs.replace(whole, whole=False)
    for text, let_in in GROUPS.items():
        with subtests.test(text):
            reported = _read(files, {MAIN: text})
            values = {key: tuple(reported.settings[key]) for key in reported.settings}
            sshd = Sshd(values=GOOD.values | {"permitrootlogin": ("yes",)} | values)
            for names, verdict in ((whole, PASS), (more, UNDETERMINED)):
                judged = checks.sshd_root_login.judge(USUAL, sshd, reported, None, None, names)
                # by a group that is known root is shut out whatever other groups it has
                sure = "Deny" in text or names is whole
                assert judged.verdict is (FAIL if let_in else PASS if sure else verdict)


def test_words() -> None:
    for raw, reported in {
        "PermitRootLogin no": ("permitrootlogin", ["no"]),
        "  PermitRootLogin=no\r": ("permitrootlogin", ["no"]),
        "Banner = \"a b\"  'c d' e#f # g": ("banner", ["a b", "c d", "e#f"]),
        "# x": ("", []),
        "": ("", []),
        "AllowUsers a\\ b": ("allowusers", ["a b"]),
    }.items():
        assert keyword_of(raw) == reported, raw


def test_names_of_accounts_and_groups(
    answers: Callable[..., Answers], answer: Make, files: Make
) -> None:
    def names(passwd: str, group: str, nss: str, sssd: str = "1 init\n") -> Names:
        return parse_names(
            answers(passwd=answer(passwd), group=answer(group),
                    nsswitch=files({"/etc/nsswitch.conf": nss}), sssd=answer(sssd))
        )  # fmt: skip

    passwd, group = "root:x:0:0::/:\neve:x:5:7::/:\n", "ops:x:7:\nadm:x:8:eve,bob\n"
    got = names(passwd, group, "passwd: files systemd\n")
    assert got.whole
    assert got.groups_of == {"root": frozenset(), "eve": frozenset({"ops", "adm"})}
    assert not names(passwd, group, "passwd: files ldap\n").whole
    assert not names(passwd + "x:x:y\n", group, "passwd: files\n").whole


@pytest.mark.skipif(
    shutil.which("sshd") is None or os.geteuid() != 0, reason="sshd is not installed, or no root"
)
def test_match_blocks_act_as_sshd_tells(tmp_path: Path, files: Make) -> None:
    """`sshd -T -C` of the installed OpenSSH, for root and for an account that exists everywhere."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    people = Names(
        groups_of={"root": frozenset({"root"}), "daemon": frozenset({"daemon"})}, whole=True
    )
    conf = tmp_path / "sshd_config"
    tried = [text for text in (*ROOT, *TRIES) if "Newer" not in text and "User=" not in text]
    tried = [text.replace("alice", "daemon").replace("ops", "daemon") for text in tried]
    for text in tried:
        if "invalid-user" in text:  # OpenSSH 10 and later
            continue
        text = text if "\n" in text else f"{text}\nPermitRootLogin yes"
        conf.write_text(f"HostKey {key}\nPort 22\nPermitRootLogin no\n{text}\n", encoding="utf-8")
        seen = False
        for place in ("10.0.0.1", "192.0.2.1"):
            done = subprocess.run(
                ["/usr/sbin/sshd", "-T", "-f", str(conf), "-C",
                 f"user=root,host=h,addr={place},laddr=192.0.2.9,lport=22"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, (text, done.stderr)
            seen |= "permitrootlogin yes" in done.stdout.lower()
        reported = _read(files, {MAIN: conf.read_text(encoding="utf-8")})
        judged = checks.sshd_root_login.judge(USUAL, GOOD, reported, None, None, people)
        assert (judged.verdict is FAIL) is seen, text


def test_pattern_lists() -> None:
    for text, patterns, matches in [
        ("bob", "bob", True), ("bob", "b?b", True), ("bob", "!bob,*", False),
        ("bob", "*,!b*", False),
        ("bob", "[b]ob", False), ("eve", "!bob", False), ("", "*", True),
    ]:  # fmt: skip
        assert fits(text, patterns) is matches, (text, patterns)


def test_idle_times_of_match_blocks(files: Make) -> None:
    sshd = Sshd(values={"clientaliveinterval": ("300",), "clientalivecountmax": ("2",)})
    for text, verdict in (
        ("Match User nobodyhere\nClientAliveInterval 0", PASS),
        ("Match User alice\nClientAliveInterval 0", FAIL),
        ("Match User alice\nClientAliveInterval 400\nClientAliveCountMax 1", PASS),
        ("Match User alice\nClientAliveInterval 600\nClientAliveCountMax 2", FAIL),
        # alice may be in both
        ("Match User alice\nClientAliveInterval 450\nMatch Group ops\nClientAliveCountMax 3",
         UNDETERMINED),
        ("Match User alice\nClientAliveInterval 0\nMatch Group ops\nClientAliveCountMax 3", FAIL),
    ):  # fmt: skip
        reported = _read(files, {MAIN: text})
        judged = checks.sshd_idle.judge(USUAL, sshd, reported, None, None, PEOPLE, None, None)
        assert judged.verdict is verdict, text


_PEOPLE = structs.replace(PEOPLE, shells=("root", "alice"))
_TWO, _ONE = "AuthenticationMethods publickey,password\n", "AuthenticationMethods password\n"
# What stands outside is one factor (any) or two; alice is the only account that may log in.
FACTORS = {
    ("any", f"Match User bob\n{_TWO}"): FAIL,
    ("any", f"Match User alice\n{_TWO}"): UNDETERMINED,
    ("any", f"Match Address 10.0.0.0/8\n{_TWO}"): FAIL,  # from elsewhere
    ("any", f"Match User alice\n{_ONE}"): FAIL,
    ("two", f"Match User bob\n{_ONE}"): PASS,  # there is no bob
    ("two", f"Match User alice\n{_ONE}"): FAIL,
    ("two", f"Match User alice\n{_TWO}"): PASS,
    ("two", f"Match User root\n{_ONE}"): UNDETERMINED,  # PermitRootLogin no
    ("two", f"Match Group ops Address 10.0.0.1\n{_ONE}"): FAIL,
    ("two", f"Match User alice\n{_ONE}PasswordAuthentication no\n"): UNDETERMINED,
    ("two", f"Match User alice\n{_TWO}Match Group ops\n{_ONE}"): PASS,  # of ops is alice alone
    ("two", "Match User alice\nAuthenticationMethods publickey\n"): FAIL,
    ("two", f"Match User alice\n{_ONE}AllowUsers bob\n"): UNDETERMINED,
    ("two", f"Match User alice\n{_ONE}DenyGroups o*\n"): UNDETERMINED,
}


def test_second_factor_of_match_blocks(files: Make) -> None:
    plain = parse_pam(files({"/etc/pam.d/sshd": "auth required pam_unix.so\n"}))
    outside = {"any": "any", "two": "publickey,password"}
    for (methods, text), verdict in FACTORS.items():
        sshd = Sshd(values=GOOD.values | {
            "authenticationmethods": (outside[methods],), "passwordauthentication": ("yes",),
            "pubkeyauthentication": ("yes",), "kbdinteractiveauthentication": ("no",),
        })  # fmt: skip
        reported = _read(files, {MAIN: text})
        rest = (None, None, _PEOPLE, None, plain, TARGET, None)
        judged = second_factor.judge(USUAL, sshd, reported, *rest)
        assert judged.verdict is verdict, (methods, text)


_STRONG = "ssh-ed25519,rsa-sha2-512"
# What `sshd -T` of OpenSSH 9.2 prints for `+ssh-rsa` and `ssh-*`, and what stands in Match blocks,
# which sshd -T -C shows to act alike.
SIGNATURES = {
    ("pubkeyacceptedalgorithms", _STRONG, ""): PASS,
    ("pubkeyacceptedkeytypes", _STRONG, ""): PASS,  # before OpenSSH 8.5
    ("pubkeyacceptedalgorithms", f"{_STRONG},ssh-rsa", ""): FAIL,
    ("pubkeyacceptedkeytypes", "ssh-dss,ssh-ed25519", ""): FAIL,
    ("pubkeyacceptedalgorithms", "+ssh-rsa", ""): FAIL,  # in files, without sudo
    ("pubkeyacceptedalgorithms", "^ssh-ed25519", ""): UNDETERMINED,
    ("pubkeyacceptedalgorithms", "-ssh-rsa", ""): UNDETERMINED,
    ("pubkeyacceptedalgorithms", "ssh-new@example.org", ""): UNDETERMINED,
    ("port", "22", ""): UNDETERMINED,
    ("pubkeyauthentication", "no", ""): PASS,
    ("pubkeyauthentication", "no", "Match User alice\nPubkeyAuthentication yes"): UNDETERMINED,
    ("pubkeyacceptedalgorithms", _STRONG, "Match User alice\nPubkeyAcceptedAlgorithms +ssh-rsa"):
        FAIL,
    ("pubkeyacceptedalgorithms", _STRONG, "Match User alice\nPubkeyAcceptedKeyTypes ssh-*"): FAIL,
    ("pubkeyacceptedalgorithms", _STRONG, "Match User bob\nPubkeyAcceptedAlgorithms +ssh-rsa"):
        PASS,  # there is no bob
    ("pubkeyacceptedalgorithms", _STRONG, "Match User alice\nPubkeyAcceptedAlgorithms -ssh-rsa"):
        UNDETERMINED,
    ("pubkeyacceptedalgorithms", _STRONG, "Match User alice\nPubkeyAcceptedAlgorithms ssh-ed25519"):
        PASS,
    ("pubkeyacceptedalgorithms", _STRONG, "Match all\nHostbasedAcceptedAlgorithms +ssh-rsa"): PASS,
    ("pubkeyacceptedalgorithms", _STRONG,
     "Match all\nHostbasedAuthentication yes\nHostbasedAcceptedAlgorithms +ssh-rsa"): FAIL,
}  # fmt: skip


def test_signatures_of_users(files: Make) -> None:
    for (key, value, text), verdict in SIGNATURES.items():
        reported = _read(files, {MAIN: text})
        sshd = Sshd(values={key: (value,)})
        judged = sshd_user_signatures.judge(USUAL, sshd, reported, None, None, PEOPLE)
        assert judged.verdict is verdict, (key, value, text)


def test_blocks_that_refuse_root(files: Make) -> None:
    """RefuseConnection: whether OpenSSH 10.6p1 let root in from 127.0.0.1 or elsewhere."""
    root = structs.replace(GOOD, values=GOOD.values | {"permitrootlogin": ("yes",)})
    for text, verdict in (
        ("Match User root\nRefuseConnection yes", PASS),
        ("Match User root Address 10.0.0.0/8\nRefuseConnection yes", FAIL),
        ("Match User alice\nRefuseConnection yes", FAIL),
        ("Match User root\nRefuseConnection no", FAIL),
    ):
        assert _root(files, text, sshd=root) is verdict, text


def test_signatures_of_authorities() -> None:
    keys: dict[str, tuple[str, ...]] = {"pubkeyacceptedalgorithms": ("ssh-ed25519",)}
    for signs, trusts, verdict in (
        ("ssh-ed25519,ssh-rsa", "/etc/ssh/ca.pub", FAIL), ("ssh-ed25519,ssh-rsa", "none", PASS),
        ("ssh-ed25519", "/etc/ssh/ca.pub", PASS), ("+ssh-rsa", "/etc/ssh/ca.pub", FAIL),
        ("", "/etc/ssh/ca.pub", UNDETERMINED),
    ):  # fmt: skip
        more = {"casignaturealgorithms": (signs,), "trustedusercakeys": (trusts,)}
        judged = sshd_user_signatures.judge(USUAL, Sshd(values=keys | more), None)
        assert judged.verdict is verdict, (signs, trusts)


def _started(*lines: str) -> bytes:
    return "".join(f"Sun Nov 29 03:00:00 2026 {line}\n" for line in lines).encode()


EXT = "/etc/ssh/sshd_config_ext"
# As ps shows them, with OpenSSH 9.2 started that way; the last is a test of the settings.
STARTED = {
    ("/usr/sbin/sshd -D",): (PASS, PASS),
    ("sshd: /usr/sbin/sshd -f /etc/ssh/sshd_config [listener] 0 of 10-100 startups",): (PASS, PASS),
    ("/usr/sbin/sshd -D", f"sshd: /usr/sbin/sshd -f {EXT} [listener] 0 of 10-100 startups"):
        (PASS, FAIL),
    (f"/usr/sbin/sshd -f {EXT}",): (PASS, FAIL),
    ("/usr/sbin/sshd -D", f"/usr/sbin/sshd -f{EXT} -oMaxAuthTries=3"): (PASS, PASS),
    ("/usr/sbin/sshd -D", "/usr/sbin/sshd -f /opt/sshd_config"): (UNDETERMINED, UNDETERMINED),
    ("/usr/sbin/sshd -D", "/usr/sbin/sshd -Z"): (UNDETERMINED, UNDETERMINED),
    ("/usr/sbin/sshd -D", "/usr/sbin/sshd -T", "/usr/sbin/sshd -G", "/usr/sbin/sshd -t"):
        (PASS, PASS),
}  # fmt: skip


def test_several_servers_with_files_of_their_own(files: Make, answer: Make) -> None:
    read = _read(
        files, {MAIN: "PermitRootLogin no\n", EXT: "PermitRootLogin no\nMaxAuthTries 30\n"}
    )
    for lines, (root, tries) in STARTED.items():
        running = parse_running(answer(_started(*lines)))
        more = (USUAL, GOOD, read, running, None, PEOPLE, HERE)
        assert checks.sshd_root_login.judge(*more).verdict is root, lines
        assert checks.sshd_login_limits.judge(*more).verdict is tries, lines
    by_option = parse_running(answer(_started("/usr/sbin/sshd -p 22 -p2222")))
    assert by_option.set == {"port": ("22", "2222")}
    text = {MAIN: "Match LocalPort 2222\nPermitRootLogin yes\n"}
    here = Sockets(open={"22": "", "2222": ""})
    judged = checks.sshd_root_login.judge(
        USUAL, GOOD, _read(files, text), by_option, None, PEOPLE, here
    )
    assert judged.verdict is FAIL
