"""Whether logins over SSH need two different factors, by the server itself or by PAM."""

from __future__ import annotations

from fnmatch import fnmatchcase

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Target,
    Values,
    capped,
    failed,
    known_or_absent,
    msg,
    optional,
    passed,
    shortened,
    undetermined,
    verbatim,
)
from audit_linux.pam import (
    PAM,
    PROOF,
    Pam,
    Rule,
    Unresolved,
    flat,
    paths,
    right_password,
    stack,
    ways,
    wrong_password,
)
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_logins import KEYS, Login, sure_logins
from audit_linux.ssh.sshd_offered import SHOWN, OfferedAlgorithms
from audit_linux.ssh.sshd_server import Server, sshd_check

_OTP = (
    "pam_google_authenticator*", "pam_oath*", "pam_yubico*", "pam_u2f*", "pam_duo*", "pam_radius*",
    "pam_pkcs11*", "pam_otp*", "pam_privacyidea*", "pam_linotp*", "pam_rsa*", "pam_securid*",
)  # fmt: skip


# password and keyboard-interactive both end in one PAM password prompt: one proof.
_PROOFS = {
    "publickey": "key", "password": "password", "keyboard-interactive": "password",
    "gssapi-with-mic": "ticket", "gssapi-keyex": "ticket",
}  # fmt: skip


def _two(methods: str) -> bool:
    """Whether a key and another proof of the user are asked for.

    hostbased proves the client's machine, and a ticket may have been given for the same password.
    """
    proofs = {_PROOFS.get(one.partition(":")[0], "") for one in methods.split(",")} - {""}
    return "key" in proofs and len(proofs) > 1


def _two_each(methods: str) -> bool:
    """Whether each list of AuthenticationMethods asks for two different proofs."""
    lists = methods.split()
    return bool(lists) and all(_two(one) for one in lists)


# Modules of an auth stack that ask for no second proof: those of Linux-PAM, and the usual others.
_ONE_PROOF = PROOF | {
    "pam_env.so", "pam_faildelay.so", "pam_faillock.so", "pam_tally.so", "pam_tally2.so",
    "pam_usertype.so", "pam_localuser.so", "pam_succeed_if.so", "pam_deny.so", "pam_permit.so",
    "pam_nologin.so", "pam_cap.so", "pam_group.so", "pam_sepermit.so", "pam_shells.so",
    "pam_securetty.so", "pam_access.so", "pam_listfile.so", "pam_warn.so", "pam_time.so",
    "pam_gnome_keyring.so", "pam_kwallet5.so", "pam_keyinit.so", "pam_rootok.so", "pam_wheel.so",
    "pam_umask.so", "pam_limits.so", "pam_systemd_home.so", "pam_fprintd.so", "pam_mount.so",
    "pam_ecryptfs.so", "pam_echo.so", "pam_issue.so",
}  # fmt: skip


def _of_stack(pam: Pam) -> tuple[Values, bool]:
    """The one-time password modules of sshd's stack, and whether nothing else may ask for more.

    Modules behind the one that asks for the password are reached with the right one only.
    """
    rules = stack(pam, "sshd", "auth")
    reached = (*paths(rules, wrong_password), *paths(rules, right_password))
    modules = {rule.module for way in reached for rule in way}
    otp = {one for one in modules if _is_otp(one)}
    return capped(otp), not otp and modules <= _ONE_PROOF


def _is_otp(module: str) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in _OTP)


def _both_by_pam(pam: Pam) -> bool:
    """Whether sshd's stack surely refuses a password without the other proof, and the reverse.

    A module with nullok asks nothing of those who have set nothing up.
    """
    rules = stack(pam, "sshd", "auth")

    def password_alone(rule: Rule) -> tuple[str, ...]:
        if not _is_otp(rule.module):
            return right_password(rule)
        return ("success", "ignore", "auth_err") if "nullok" in rule.args else ("auth_err",)

    def other_alone(rule: Rule) -> tuple[str, ...]:
        return ("success",) if _is_otp(rule.module) else wrong_password(rule)

    return any(_is_otp(rule.module) for rule in flat(rules)) and not any(
        way.granted for outcomes in (password_alone, other_alone) for way in ways(rules, outcomes)
    )


_THROUGH_PAM = frozenset({"password", "keyboard-interactive"})
# Builds without GSSAPI print nothing of it.
_PAST_PAM = ("gssapiauthentication", "hostbasedauthentication")


def _only_through_pam(server: Server) -> bool:
    """Whether each login, but for one with two factors of sshd's own, goes through PAM."""
    sshd = server.sshd
    if sshd.from_files or sshd.one("usepam").lower() != "yes":
        return False
    if server.overrides(*KEYS, *_PAST_PAM):
        return False
    lists = [one for one in sshd.one("authenticationmethods").split() if one != "any"]
    if not lists:
        others = all(sshd.one(key).lower() in ("no", "") for key in _PAST_PAM)
        return others and sshd.one("pubkeyauthentication").lower() == "no"
    return all(
        _two(one) or {m.partition(":")[0] for m in one.split(",")} & _THROUGH_PAM for one in lists
    )


def _one_is_enough(sshd: Sshd) -> bool:
    """Whether some way in surely asks for one proof only."""
    lists = [one for one in sshd.one("authenticationmethods").split() if one != "any"]
    if lists:
        return any(len(one.split(",")) == 1 for one in lists)
    return any(
        sshd.one(key).lower() == "yes"
        for key in (
            "passwordauthentication",
            "pubkeyauthentication",
            "kbdinteractiveauthentication",
        )
    )


def _key_alone(sshd: Sshd) -> bool:
    """Whether a key alone surely opens an account: PAM asks for nothing then."""
    return "publickey" in sshd.one("authenticationmethods").split()


@sshd_check(
    "linux.second-factor",
    severity=Severity.MEDIUM,
    version=10,
    also=(known_or_absent(optional(PAM)), TARGET, known_or_absent(optional(SHOWN))),
    remedy=msg(
        "Set AuthenticationMethods publickey,password, or add a one-time password to PAM; declare "
        "second_factor_at where a bastion host asks for it"
    ),
)
def second_factor(
    server: Server,
    pam: Pam | Absent | None,
    target: Target,
    shown: OfferedAlgorithms | Absent | None,
) -> Judgement:
    """Login over SSH requires two different factors on this host.

    It fails where a password or a key alone surely opens an account, also by a Match block that
    fits one, unless a place is declared that asks for the second factor (`second_factor_at`), or
    the host was reached through a jump host, which may ask for it: then it is undetermined.
    """
    methods = server.sshd.one("authenticationmethods") or "any"
    detail = msg("AuthenticationMethods is {methods}", methods=shortened(methods))
    expected = msg("two factors, one of them based on cryptography")
    try:
        modules, none = _of_stack(pam) if isinstance(pam, Pam) else ((), pam is None)
    except Unresolved:
        modules, none = (), False
    otp = msg("One-time password modules in PAM: {names}", names=modules)
    if _is_settled_by_pam(server, pam):
        return server.settled(passed(detail, otp, _BOTH, expected=expected))
    changed = server.overrides("authenticationmethods")
    if all(_two_each(each) for each in (server.sshd.one("authenticationmethods"),
                                        *(one.value for one in changed))):  # fmt: skip
        return server.settled(passed(detail, otp, expected=expected))
    place = target.settings.get("second_factor_at")
    if isinstance(place, str) and place:
        declared = msg("The second factor is declared to be asked for at {place}; check it there",
                   place=verbatim(place))  # fmt: skip
        return undetermined(detail, otp, declared, expected=expected)
    enough = _key_alone(server.sshd) or (none and _one_is_enough(server.sshd))
    if enough and not changed:
        return _one_factor(shown, (detail, otp), expected)
    if weak := _weak_logins(server, none=none):
        named = msg("One factor is enough for these accounts: {names}", names=capped(weak))
        return _one_factor(shown, (detail, otp, named), expected)
    elsewhere = msg("Not determined on this host; a bastion host may require the second factor")
    return undetermined(detail, otp, elsewhere, expected=expected)


def _is_settled_by_pam(server: Server, pam: Pam | Absent | None) -> bool:
    try:
        return isinstance(pam, Pam) and _only_through_pam(server) and _both_by_pam(pam)
    except Unresolved:
        return False


_BOTH = msg("PAM refuses a password without the one-time password, and the reverse")


def _weak_logins(server: Server, *, none: bool) -> list[str]:
    """The accounts that one factor surely opens where Match blocks set something; with `none`, PAM
    asks for no more than a password.
    """
    if not server.overrides(*KEYS):
        return []
    return [f"{one.name} ({one.methods or 'any'})" for one in sure_logins(server)
            if _opens(one, none=none)]  # fmt: skip


def _opens(login: Login, *, none: bool) -> bool:
    single = login.single
    return bool(single) and (none or ("publickey" in single and "any" not in login.methods))


def _one_factor(
    shown: OfferedAlgorithms | Absent | None, detail: tuple[Message, ...], expected: Message
) -> Judgement:
    """The judgement where one factor is enough on the host itself."""
    if isinstance(shown, Absent):
        return undetermined(*detail, _WAY, expected=expected)
    if shown is None or not shown.through:
        return failed(*detail, _ONE, expected=expected)
    through = msg(
        "One factor is enough on this host, which was reached through {place}. Check whether that "
        "asks for the second factor and is the only way in, and declare it as second_factor_at",
        place=shown.through,
    )
    return undetermined(*detail, through, expected=expected)


_WAY = msg(
    "One factor is enough on this host; whether it was reached through a jump host that asks for "
    "the second is not known"
)
_ONE = msg(
    "One factor is enough to log in to this host; declare second_factor_at where a bastion host "
    "asks for the second and the host accepts no other logins"
)


CHECKS = (second_factor,)
