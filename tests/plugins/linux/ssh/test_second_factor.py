"""Whether two factors are asked for: by sshd, by PAM, by keys of tokens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, Message, Reason, Verdict
from audit_linux.pam import Pam, parse_pam
from audit_linux.ssh.second_factor import second_factor
from audit_linux.ssh.sshd import Servers, Sshd
from audit_linux.ssh.sshd_files import Override, SshdFiles
from audit_linux.ssh.sshd_offered import OfferedAlgorithms
from invented.answers import TARGET

REFUSED = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="x"))
Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
USUAL = Servers(distribution=True, others=())


def reported(**values: str) -> Sshd:
    return Sshd(values={key: (value,) for key, value in values.items()})


@pytest.fixture(scope="session")
def pam(files: Make) -> Pam:
    """A host whose sshd asks for a one-time password as well."""
    text = "auth required pam_google_authenticator.so\nauth required pam_unix.so\n"
    got = parse_pam(files({"/etc/pam.d/sshd": text}))
    assert isinstance(got, Pam)
    return got


@pytest.mark.parametrize(
    ("methods", "verdict"),
    [
        ("any", UNDETERMINED),
        ("", UNDETERMINED),
        ("publickey", FAIL),
        ("publickey,password", PASS),
        ("publickey,keyboard-interactive:pam", PASS),
        ("publickey,publickey", UNDETERMINED),
        ("password,keyboard-interactive", UNDETERMINED),
        ("publickey,password publickey", FAIL),
        ("publickey,password publickey,keyboard-interactive", PASS),
        ("hostbased,publickey", UNDETERMINED),
        ("hostbased,publickey,password", PASS),
        ("gssapi-with-mic,password", UNDETERMINED),
        ("publickey,gssapi-with-mic", PASS),
        ("none", FAIL),
    ],
)
def test_second_factor(methods: str, verdict: Verdict, pam: Pam) -> None:
    sshd = reported(authenticationmethods=methods)
    rest = [None] * 4
    assert second_factor.judge(USUAL, sshd, None, *rest, None, TARGET, None).verdict is verdict
    block = Override(criteria="User bob", key="authenticationmethods", value="any")
    changed = SshdFiles(overrides=(block,))
    judged = second_factor.judge(USUAL, sshd, changed, *rest, pam, TARGET, None)
    assert judged.verdict is UNDETERMINED


def test_one_factor_is_a_fail_where_nothing_else_may_ask_for_more(pam: Pam, files: Make) -> None:
    plain = parse_pam(files({"/etc/pam.d/sshd": "auth required pam_unix.so\n"}))
    strange = parse_pam(
        files({"/etc/pam.d/sshd": "auth required pam_unix.so\nauth required x.so\n"})
    )
    sshd = reported(authenticationmethods="any", passwordauthentication="yes")
    declared = structs.replace(TARGET, settings={"second_factor_at": "bastion 1"})
    for given, target, verdict in (
        (plain, TARGET, FAIL),
        (strange, TARGET, UNDETERMINED),
        (pam, TARGET, UNDETERMINED),  # a one-time password is asked for
        (plain, declared, UNDETERMINED),
        (REFUSED, TARGET, UNDETERMINED),
    ):
        judged = second_factor.judge(USUAL, sshd, *[None] * 5, given, target, None)
        assert judged.verdict is verdict
    key = reported(authenticationmethods="publickey")
    for shown, verdict in (
        (None, FAIL),  # this machine
        (OfferedAlgorithms(algorithms={}), FAIL),
        (OfferedAlgorithms(algorithms={}, through="bastion:22"), UNDETERMINED),
        (REFUSED, UNDETERMINED),
    ):
        for sshd_, given in ((sshd, plain), (key, plain), (key, pam), (key, REFUSED)):
            judged = second_factor.judge(USUAL, sshd_, *[None] * 5, given, TARGET, shown)
            assert judged.verdict is verdict, (shown, given)
    off = reported(authenticationmethods="any", passwordauthentication="no")
    judged = second_factor.judge(USUAL, off, *[None] * 5, plain, TARGET, None)
    assert judged.verdict is UNDETERMINED


_UNIX = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n"
_OTP_LINE = "auth required pam_google_authenticator.so"
# What sshd's stack asks for besides the password, and what sshd sets.
BY_PAM = {
    (f"{_UNIX}{_OTP_LINE}\n", "no", "any"): PASS,
    (f"{_OTP_LINE}\n{_UNIX}auth required pam_permit.so\n", "no", "any"): PASS,
    (f"{_UNIX}{_OTP_LINE}\n", "yes", "any"): UNDETERMINED,  # a key alone, if there is one
    (f"{_UNIX}{_OTP_LINE}\n", "yes", "keyboard-interactive"): PASS,
    (f"{_UNIX}{_OTP_LINE}\n", "yes", "publickey"): FAIL,
    (f"{_UNIX}{_OTP_LINE} nullok\n", "no", "any"): UNDETERMINED,
    (f"auth sufficient pam_google_authenticator.so\n{_UNIX}", "no", "any"): UNDETERMINED,
    ("auth optional pam_google_authenticator.so\nauth required pam_unix.so\n", "no", "any"):
        UNDETERMINED,
    ("auth required pam_unix.so\n", "no", "any"): FAIL,
    (f"auth required pam_faillock.so preauth\nauth [success=2 default=ignore] pam_unix.so\n"
     "auth [default=die] pam_faillock.so authfail\nauth requisite pam_deny.so\n"
     f"auth required pam_permit.so\n{_OTP_LINE}\n", "no", "any"): PASS,
    # whom a module chooses, a directory service that answers first, a module that may be missing
    (f"{_UNIX}auth [default=1 success=ignore] pam_access.so accessfile=/etc/security/otp.conf\n"
     f"{_OTP_LINE}\nauth required pam_permit.so\n", "no", "any"): UNDETERMINED,
    (f"auth sufficient pam_sss.so\n{_UNIX}{_OTP_LINE}\n", "no", "any"): UNDETERMINED,
    (f"auth required pam_unix.so\n-{_OTP_LINE}\n", "no", "any"): UNDETERMINED,
    (f"{_UNIX}auth required pam_u2f.so\n", "no", "any"): PASS,
    (f"{_UNIX}auth required pam_u2f.so nouserok\nauth required pam_permit.so\n", "no", "any"):
        UNDETERMINED,
    (f"{_UNIX}auth required pam_duo.so\n", "no", "any"): UNDETERMINED,
    (f"{_UNIX}auth required pam_radius_auth.so\n", "no", "any"): UNDETERMINED,
    ("auth required pam_sss.so\n", "no", "any"): UNDETERMINED,  # it may ask for more
    (f"{_UNIX}auth optional pam_cap.so\n", "no", "any"): FAIL,
    # behind a key: tried with pamtester and the modules of Debian sid (2026-11-30)
    ("auth required pam_google_authenticator.so\n", "yes", "publickey,keyboard-interactive"): PASS,
    ("auth required pam_google_authenticator.so nullok\nauth required pam_permit.so\n", "yes",
     "publickey,keyboard-interactive"): UNDETERMINED,
    ("auth required pam_oath.so usersfile=/etc/users.oath\n", "yes",
     "publickey,keyboard-interactive:pam"): PASS,
    ("auth required pam_permit.so\n", "yes", "publickey,keyboard-interactive"): FAIL,
    ("auth required pam_duo.so\n", "yes", "publickey,keyboard-interactive"): UNDETERMINED,
    (f"{_UNIX}auth required pam_permit.so\n", "yes", "publickey,password"): PASS,
    ("auth include nothere\n", "yes", "publickey,password"): UNDETERMINED,
}  # fmt: skip


def test_keys_of_tokens_that_ask_for_a_pin() -> None:
    """`sshd -T` of OpenSSH 9.2: a FIDO key with verify-required is possession and PIN."""
    tokens = "sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com"
    for options, names, methods, password, verdict in (
        ("verify-required", tokens, "any", "no", PASS),
        ("touch-required,verify-required", tokens, "publickey", "yes", PASS),
        ("verify-required", tokens, "any", "yes", FAIL),
        ("touch-required", tokens, "publickey", "no", FAIL),
        ("verify-required", f"{tokens},ssh-ed25519", "publickey", "no", UNDETERMINED),
        ("verify-required", tokens, "publickey password", "yes", FAIL),
    ):
        sshd = reported(
            pubkeyauthoptions=options, pubkeyacceptedalgorithms=names, usepam="yes",
            authenticationmethods=methods, passwordauthentication=password,
            pubkeyauthentication="yes", kbdinteractiveauthentication="no",
        )  # fmt: skip
        judged = second_factor.judge(USUAL, sshd, *[None] * 6, TARGET, None)
        assert judged.verdict is verdict, (options, names, methods)


def test_second_factor_by_pam(files: Make) -> None:
    for (text, keys, methods), verdict in BY_PAM.items():
        stacks = parse_pam(files({"/etc/pam.d/sshd": text}))
        sshd = reported(
            authenticationmethods=methods, pubkeyauthentication=keys, usepam="yes",
            passwordauthentication="yes", kbdinteractiveauthentication="yes",
            gssapiauthentication="no", hostbasedauthentication="no",
        )  # fmt: skip
        judged = second_factor.judge(USUAL, sshd, *[None] * 5, stacks, TARGET, None)
        assert judged.verdict is verdict, (text, keys, methods)


def test_second_factor_names_the_modules(pam: Pam) -> None:
    detail = second_factor.judge(
        USUAL, reported(authenticationmethods="any"), None, *[None] * 4, pam, TARGET, None
    ).detail
    assert detail[0].args["methods"] == "any"
    assert detail[1].args["names"] == ("pam_google_authenticator.so",)
    none = second_factor.judge(
        USUAL, reported(authenticationmethods="any"), None, *[None] * 5, TARGET, None
    ).detail
    assert none[1].args["names"] == ()
