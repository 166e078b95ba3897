"""What the SSH server trusts, forwards and accepts as keys; and hosts.equiv with its kin."""

from __future__ import annotations

import base64
from collections.abc import Callable

from msgspec import structs

from audit_core.api.testkit import target_of, whole
from audit_core.model import Answer, FileStatus, Partial, Verdict
from audit_core.model.files import FileEntry, encode_files
from audit_linux.accounts.trusted_hosts import Trust, parse_trust, trusted_hosts
from audit_linux.passwd import Accounts, parse_passwd
from audit_linux.ssh.authorized_keys import authorized_keys
from audit_linux.ssh.authorized_lines import authorized
from audit_linux.ssh.key_files import (
    KeyFile,
    parse_authorized_keys,
    parse_central_keys,
    parse_signers,
)
from audit_linux.ssh.public_keys import PublicKey, public_key
from audit_linux.ssh.sshd import Servers, Sshd
from audit_linux.ssh.sshd_files import Override, SshdFiles
from audit_linux.ssh.sshd_records import sshd_log_level
from audit_linux.ssh.sshd_running import LOG_FILE
from audit_linux.ssh.sshd_trust import sshd_forwarding, sshd_trust

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
HOST = target_of("host")
REST = (HOST, None, None)  # of the check: target, clock, keys of authorities
USUAL = Servers(distribution=True, others=())
GOOD = {"hostbasedauthentication": "no", "ignorerhosts": "yes", "strictmodes": "yes",
        "permituserenvironment": "no", "permittunnel": "no", "gatewayports": "no",
        "allowtcpforwarding": "no", "allowstreamlocalforwarding": "no",
        "x11forwarding": "no"}  # fmt: skip


def _sshd(**values: str) -> Sshd:
    return Sshd(values={key: (value,) for key, value in (GOOD | values).items()})


def test_trust() -> None:
    assert sshd_trust.judge(USUAL, _sshd(), None).verdict is PASS
    for key, value, verdict in (
        ("hostbasedauthentication", "yes", FAIL),
        ("ignorerhosts", "no", FAIL),
        ("ignorerhosts", "shosts-only", PASS),
        ("strictmodes", "no", FAIL),
        ("permituserenvironment", "LANG,LC_*", FAIL),
        ("permituserenvironment", "", UNDETERMINED),
    ):
        assert sshd_trust.judge(USUAL, _sshd(**{key: value}), None).verdict is verdict, (key, value)


def test_forwarding() -> None:
    assert sshd_forwarding.judge(USUAL, _sshd(), None).verdict is PASS
    for key, value, verdict in (
        ("permittunnel", "yes", FAIL),
        ("permittunnel", "point-to-point", FAIL),
        ("gatewayports", "clientspecified", FAIL),
        ("allowtcpforwarding", "yes", UNDETERMINED),
        ("x11forwarding", "yes", UNDETERMINED),
    ):
        assert sshd_forwarding.judge(USUAL, _sshd(**{key: value}), None).verdict is verdict, key
    none = ("", "")
    for values, inside, verdict in (
        ({"gatewayports": "yes", "allowtcpforwarding": "yes"}, none, PASS),
        ({"permittunnel": "yes"}, none, FAIL),  # tried: ssh -w works all the same (9.2p1)
        ({"gatewayports": "yes"}, ("disableforwarding", "no"), FAIL),
        ({"allowtcpforwarding": "yes"}, ("disableforwarding", "no"), UNDETERMINED),
        ({}, ("permittunnel", "no"), PASS),
        ({}, ("allowtcpforwarding", "yes"), PASS),
        ({"disableforwarding": "no"}, ("x11forwarding", "no"), PASS),
        ({"disableforwarding": "no", "x11forwarding": "yes", "x11uselocalhost": "no"}, none, FAIL),
        ({"x11forwarding": "yes", "x11uselocalhost": "no"}, none, PASS),
    ):
        sshd = _sshd(**({"disableforwarding": "yes"} | values))
        found = (Override(criteria="User x", key=inside[0], value=inside[1]),)
        judged = sshd_forwarding.judge(USUAL, sshd, SshdFiles(overrides=found))
        assert judged.verdict is verdict, (values, inside)
    block = Override(criteria="User x", key="permittunnel", value="yes")
    matched = SshdFiles(overrides=(block,))
    assert sshd_forwarding.judge(USUAL, _sshd(), matched).verdict is FAIL


# Public keys that ssh-keygen 9.2 made for this test: RSA of 1024 bits, and Ed25519.
RSA = "ssh-rsa " + (
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDHBlfMkTgb3AZ3yNZtkRD7//OPzzyAPEYEY4lMhBG44qfN"
    "/OwwURfFbQ+BcEXEUtRFmZ8kyERnpmVRpvoFMFWKnCk0dmOxnb7knBG5IxPXPDtgkDwMdSjXJ3yi"
    "0XK1ILN3R2EMZ+oU7uy8ZUAa2fiAIjrP+QMFdT5OSTCNumiO3Q=="
)
ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOHnkEOLh2aqThzz8hlIdVsnorUOTjbEfZD9VBzhqZtO"


def test_lines_of_authorized_keys() -> None:
    key = authorized(ED)
    assert key == PublicKey(kind="ssh-ed25519")
    for line in (
        f"{ED} bob@example", f"  {ED}\r", f"no-pty,from=\"10.0.0.0/8\" {ED} c",
        f'command="echo \\"a b\\" # x",no-pty {ED}',
    ):  # fmt: skip
        assert authorized(line) == key, line
    short = authorized(RSA)
    assert short is not None
    assert short.bits is not None
    assert short.bits == 1024
    # ssh-keygen -l of OpenSSH 9.2p1 finds none of the last three either
    for line in (
        "",
        f"# {ED}",
        ED.replace(" ", "\v"),
        ED.replace(" ", "\u00a0"),
        f"\ufeff{ED}",
        "ssh-rsa AAAA x",
        "garbage",
        'command="x" nothing',
    ):
        assert authorized(line) is None, line


# Whether a login to OpenSSH 9.2p1 worked with this line and an Ed25519 key; KEY is its base64.
LOGINS = {
    "no-pty  ssh-ed25519 KEY": True, "no-pty\tssh-ed25519 KEY": True, "foo ssh-ed25519 KEY": False,
    "NO-PTY ssh-ed25519 KEY": True, 'command="true",foo ssh-ed25519 KEY': False,
    "command=true ssh-ed25519 KEY": False, "\ufeffno-pty ssh-ed25519 KEY": False,
    "ssh-ed25519 KEY=": False, "restrict,pty ssh-ed25519 KEY": True,
    "verify-required ssh-ed25519 KEY": True, 'principals="x" ssh-ed25519 KEY': False,
    'command="a \\"b" ssh-ed25519 KEY': True, 'command="a b ssh-ed25519 KEY': False,
    "no-pty, ssh-ed25519 KEY": True, "no-pty,,pty ssh-ed25519 KEY": True,
    '"x" ssh-ed25519 KEY': False, "no-pty ssh-ed25519  KEY": True, "\vssh-ed25519 KEY": False,
}  # fmt: skip


def test_lines_as_a_real_server_took_them() -> None:
    for line, works in LOGINS.items():
        text = line.replace("KEY", ED.split()[1])
        assert (authorized(text) is not None) is works, line
    signer = authorized(f"cert-authority {ED}")
    assert signer is not None
    assert signer.authority


# Whether a login to OpenSSH 9.2p1 in UTC worked with this expiry-time on 2026-11-30.
ENDS = {
    "20990101": True, "20200101": False, "20990101z": True, "20200101UTC": False,
    "209901010000": True, "202001010000": False, "20990101000000": True, "2099010100000": False,
    "20991301": False, "20990132": False, "20990230": True, "20990000": False, "": False,
    "19700101Z": False, "tomorrow": False, "209901012400": False, "209901012360": False,
    "20990101235961": True, "20990101235962": False, "2099-01-01": False, "+20990101": False,
    "20261130075336Z": False, "20261130075536Z": True, "20261129065436": False,
    '20990101",expiry-time="20200101': False, '20200101",expiry-time="20990101': False,
}  # fmt: skip


def test_keys_whose_time_is_over_open_nothing() -> None:
    for text, works in ENDS.items():
        key = authorized(f'expiry-time="{text}" {ED}')
        file = KeyFile(path="/x", uid=0, mode=0o600, keys=(key,) if key else ())
        assert bool(file.at(1796025276).keys) is works, text
        assert len(file.at(None).keys) == (key is not None)
    people = Accounts(rows=())
    old = authorized(f'expiry-time="20200101" {RSA}')
    assert old is not None
    file = KeyFile(path="/home/bob/.ssh/authorized_keys", uid=5, mode=0o600, keys=(old,))
    sshd = _sshd(authorizedkeysfile=".ssh/authorized_keys")
    for now, verdict in ((1796025276, PASS), (None, FAIL), (1500000000, FAIL)):
        facts = (*[None] * 5, (file,), people, None, HOST, now, None)
        assert authorized_keys.judge(USUAL, sshd, *facts).verdict is verdict, now


def test_keys_of_authorities(answer: Make) -> None:
    people, trusts = Accounts(rows=()), {"trustedusercakeys": "/etc/ssh/ca.pub"}
    for line, mode, uid, values, verdict in (
        (ED, 0o644, 0, trusts, UNDETERMINED),
        (RSA, 0o644, 0, trusts, FAIL),
        (ED, 0o664, 0, trusts, FAIL),
        (ED, 0o644, 5, trusts, FAIL),
        (f"cert-authority {RSA}", 0o644, 0, trusts, PASS),  # no key to sshd
        (RSA, 0o666, 0, {}, PASS),
    ):
        entry = FileEntry(path="/etc/ssh/ca.pub", status=FileStatus.READ, mode=0o100000 | mode,
                          uid=uid, data=line.encode())  # fmt: skip
        signers = parse_signers(answer(encode_files((entry,))))
        sshd = _sshd(authorizedkeysfile=".ssh/authorized_keys", **values)
        facts = (*[None] * 5, (), people, None, HOST, None, signers)
        assert authorized_keys.judge(USUAL, sshd, *facts).verdict is verdict, (line, mode, uid)


def test_base64_as_ssh_keygen_reads_it() -> None:
    """`ssh-keygen -l` of OpenSSH 9.2p1 takes none of these for a key."""
    for kind, key in (RSA.split(), ED.split()):
        blob = base64.b64decode(key)
        cut, more = (base64.b64encode(each).decode() for each in (blob[:-3], blob + b"x"))
        for wrong in (key[:-1], key[:-2], key[:-4], f"{key}=", f"{key}==", f"{key}AAAA", cut, more,
                      f"{key}#c", f"!{key}", f"{key[:10]}\\{key[10:]}"):  # fmt: skip
            assert public_key(kind, wrong) is None, wrong
        assert public_key(kind, key) is not None


def _judged(files: tuple[KeyFile, ...], accounts: Accounts, **values: str) -> Verdict:
    sshd = _sshd(authorizedkeysfile=".ssh/authorized_keys .ssh/authorized_keys2", **values)
    return authorized_keys.judge(USUAL, sshd, *[None] * 5, files, accounts, None, *REST).verdict


def test_authorized_keys(answer: Make) -> None:
    people = whole(
        parse_passwd(answer("root:x:0:0::/root:/bin/sh\nbob:x:5:5::/home/bob:/bin/sh\n"))
    )
    path, good = "/home/bob/.ssh/authorized_keys", PublicKey(kind="ssh-ed25519")
    one = KeyFile(path=path, uid=5, mode=0o600, keys=(good,))
    assert _judged((one,), people) is PASS
    assert _judged((), people) is PASS
    for change, verdict in (
        ({"keys": (PublicKey(kind="ssh-rsa", bits=1024),)}, FAIL),
        ({"keys": (PublicKey(kind="ssh-dss", bits=1024), good)}, FAIL),
        ({"mode": 0o664}, FAIL),
        ({"mode": 0o644}, PASS),
        ({"uid": 6}, FAIL),
        ({"uid": 0}, PASS),
        ({"keys": (good, good)}, UNDETERMINED),
    ):
        assert _judged((structs.replace(one, **change),), people) is verdict, change
    assert _judged((one,), people, authorizedkeyscommand="/usr/bin/sss_ssh") is UNDETERMINED
    assert _judged((one,), people, trustedusercakeys="/etc/ssh/ca.pub") is UNDETERMINED
    assert _judged((one,), people, trustedusercakeys="none") is PASS
    block = Override(criteria="User x", key="authorizedkeysfile", value="/etc/keys/%u")
    sshd = _sshd(authorizedkeysfile=".ssh/authorized_keys")
    matched = SshdFiles(overrides=(block,))
    judged = authorized_keys.judge(USUAL, sshd, matched, *[None] * 4, (one,), people, None, *REST)
    assert judged.verdict is UNDETERMINED
    text = "root:x:0:0::/root:/bin/sh\njenkins:x:9:9::/srv/jenkins:/bin/bash\n"
    assert _judged((), whole(parse_passwd(answer(text)))) is UNDETERMINED
    assert _judged((structs.replace(one, mode=0o666),), people, pubkeyauthentication="no") is PASS
    signer = structs.replace(one, keys=(structs.replace(good, authority=True),))
    assert _judged((signer,), people) is UNDETERMINED
    # files that the server does not look at
    loose = structs.replace(one, mode=0o666)
    for places, verdict in (
        ("none", PASS), ("/etc/ssh/keys/%u", PASS), ("%h/.ssh/authorized_keys", FAIL),
        ("/home/%u/.ssh/authorized_keys", FAIL), (".ssh/authorized_keys2", PASS),
    ):  # fmt: skip
        sshd = _sshd(authorizedkeysfile=places)
        facts = (*[None] * 5, (loose,), people, None, *REST)
        assert authorized_keys.judge(USUAL, sshd, *facts).verdict is verdict, places


def test_keys_outside_of_homes(answer: Make) -> None:
    people = whole(
        parse_passwd(answer("root:x:0:0::/root:/bin/sh\nbob:x:5:5::/home/bob:/bin/sh\n"))
    )
    usual = ".ssh/authorized_keys"
    for places, path, uid, line, verdict in (
        (f"/etc/ssh/authorized_keys/%u {usual}", "/etc/ssh/authorized_keys/bob", 0, ED, PASS),
        ("/etc/ssh/keys/%u.pub", "/etc/ssh/keys/bob.pub", 5, ED, PASS),
        ("/etc/ssh/keys/%u", "/etc/ssh/keys/bob", 6, ED, FAIL),
        ("/etc/ssh/keys/%u", "/etc/ssh/keys/bob", 0, RSA, FAIL),
        ("/etc/ssh/keys/%U/x", "/etc/ssh/keys/5/x", 0, RSA, FAIL),
        (usual, "/etc/ssh/keys/bob", 6, RSA, PASS),  # not used
        ("/srv/keys/%u", "/etc/ssh/keys/bob", 0, ED, UNDETERMINED),
        ("/etc/ssh/keys/../%u", "/etc/ssh/keys/bob", 0, ED, UNDETERMINED),
    ):
        entry = FileEntry(path=path, status=FileStatus.READ, mode=0o100644, uid=uid,
                          data=line.encode())  # fmt: skip
        central = parse_central_keys(answer(encode_files((entry,))))
        sshd = _sshd(authorizedkeysfile=places)
        judged = authorized_keys.judge(USUAL, sshd, *[None] * 5, (), people, central, *REST)
        assert judged.verdict is verdict, (places, path)
    sshd = _sshd(authorizedkeysfile=usual, trustedusercakeys="/etc/ssh/ca.pub",
                 authorizedprincipalsfile="/etc/ssh/principals/%u")  # fmt: skip
    shown = repr(authorized_keys.judge(USUAL, sshd, *[None] * 5, (), people, None, *REST))
    assert "TrustedUserCAKeys /etc/ssh/ca.pub" in shown
    assert "AuthorizedPrincipalsFile /etc/ssh/principals/%u" in shown


def test_log_level() -> None:
    """Values as `sshd -T` of OpenSSH 9.2 prints them."""
    for level, facility, verdict in (
        ("INFO", "AUTH", PASS), ("VERBOSE", "AUTHPRIV", PASS), ("DEBUG3", "AUTH", PASS),
        ("QUIET", "AUTH", FAIL), ("FATAL", "AUTH", FAIL), ("ERROR", "LOCAL3", FAIL),
        ("INFO", "LOCAL3", UNDETERMINED), ("", "AUTH", UNDETERMINED),
    ):  # fmt: skip
        sshd = _sshd(loglevel=level, syslogfacility=facility)
        assert sshd_log_level.judge(USUAL, sshd, None).verdict is verdict, (level, facility)
    for path, verdict in (("/dev/null", FAIL), ("/var/log/sshd.log", UNDETERMINED)):
        sshd = _sshd(loglevel="INFO", syslogfacility="AUTH", **{LOG_FILE: path})
        assert sshd_log_level.judge(USUAL, sshd, None).verdict is verdict, path
    block = Override(criteria="User x", key="loglevel", value="QUIET")
    fine = _sshd(loglevel="INFO", syslogfacility="AUTH")
    assert sshd_log_level.judge(USUAL, fine, SshdFiles(overrides=(block,))).verdict is FAIL


def test_a_file_of_keys_that_was_not_read_does_not_hide_the_others(answer: Make) -> None:
    read = FileEntry(path="/home/a/.ssh/authorized_keys", status=FileStatus.READ, mode=0o100664,
                     uid=7, data=ED.encode())  # fmt: skip
    big = FileEntry(path="/home/b/.ssh/authorized_keys", status=FileStatus.TOO_BIG)
    got = parse_authorized_keys(answer(encode_files((read, big))))
    assert isinstance(got, Partial)
    assert [(f.path, f.uid, f.mode, len(f.keys)) for f in got.value] == [
        ("/home/a/.ssh/authorized_keys", 7, 0o664, 1)
    ]


# Lines, and whether ruserok(3) of glibc 2.36 or sshd 9.2 lets somebody in by them.
EQUIV = (
    ("10.9.9.9", True), ("10.9.9.9 bob", True), ("10.9.9.9 -bob", False), ("-10.9.9.9", False),
    ("+", True), ("+ +", True), ("+ -bob", False), ("# 10.9.9.9", False), ("  # x", False),
    ("10.9.9.9 # c", False), ("10.9.9.9 bob # c", True), ("10.9.9.9\r", True), (" \t", False),
    ("+@net", True), ("-@net", False), (" 10.9.9.9", True), ("10.9.9.9 +", True),
)  # fmt: skip


def test_lines_that_trust_other_hosts(files: Make) -> None:
    for line, trusts in EQUIV:
        trust = whole(parse_trust(files({"/etc/hosts.equiv": f"{line}\n"})))
        assert bool(trust.entries["/etc/hosts.equiv"]) is trusts, line


def test_trusted_hosts(files: Make, answer: Make) -> None:
    people = whole(parse_passwd(answer("bob:x:5:5::/home/bob:/bin/sh\n")))

    def verdict(texts: dict[str, str]) -> Verdict:
        trust = whole(parse_trust(files(texts)))
        assert isinstance(trust, Trust)
        return trusted_hosts.judge(HOST, trust, people).verdict

    assert verdict({}) is PASS
    assert verdict({"/etc/hosts.equiv": "# nobody\n\n-bad\n"}) is PASS
    assert verdict({"/etc/hosts.equiv": "+\n"}) is FAIL
    assert verdict({"/home/bob/.rhosts": "web1 eve\n"}) is FAIL
    far = whole(parse_passwd(answer("svc:x:5:5::/srv/svc:/bin/sh\n")))
    assert trusted_hosts.judge(HOST, Trust(entries={}), far).verdict is UNDETERMINED
    declared = structs.replace(HOST, settings={"homes": ("/srv/*",)})
    assert trusted_hosts.judge(declared, Trust(entries={}), far).verdict is PASS
